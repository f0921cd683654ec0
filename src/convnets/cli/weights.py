"""`convnets weights list`: what others have trained, and where it is. Reads a table only, never torch."""

from __future__ import annotations

import json
from typing import Any

import click

from .. import papers
from ..errors import UsageError
from ..papers import weights as catalogue
from .common import table


@click.group(short_help="Published weights for the networks of the catalogue.")
def command() -> None:
    """What others have trained, for --weights."""


@command.command("list")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def list_(name: str | None, as_json: bool) -> None:
    """All published weights, or those of the network NAME, with the accuracy that their library states."""
    own = papers.find(name).name if name is not None else None
    found = [one for one in catalogue.everything() if own in (None, one.network)]
    if not found:
        raise UsageError(f"no published weights are known for {own}; --weights takes a file, too")
    if as_json:
        click.echo(json.dumps([_about(one) for one in found], indent=2))
        return
    rows = [[one.network, one.spec, _percent(one.top1), _percent(one.top5), _protocol(one), one.licence]
            for one in found]  # fmt: skip
    click.echo(table(["network", "--weights", "top-1", "top-5", "protocol", "licence"], rows, right={2, 3}))
    click.echo("\nAccuracies on ImageNet's validation pictures, as the library states them; a name without its last")
    click.echo("part (torchvision:resnet50) is the library's own choice, which is the first of several here.")


def _protocol(one: catalogue.Published) -> str:
    """How the accuracies were measured; Keras does not say what the crop is cut from."""
    return f"1 crop of {one.size}" + ("" if one.library == "keras" else f" from {one.resize}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} %"


def _about(one: catalogue.Published) -> dict[str, Any]:
    return {
        "network": one.network, "weights": one.spec, "file": one.file, "top1": one.top1, "top5": one.top5,
        "size": one.size, "resize": one.resize, "interpolation": one.interpolation, "licence": one.licence,
    }  # fmt: skip
