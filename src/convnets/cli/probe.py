"""`convnets probe`: a classifier of one's own on what a trained network sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .common import device_option, pick_device, table

if TYPE_CHECKING:
    from ..train.probe import Probed


@click.command(short_help="A linear classifier on what a trained network sees, in one pass.")
@click.argument("name", required=False)
@click.option("--weights", metavar="W", required=True, help="Trained weights: a RUN, a file, torchvision:resnet18 ...")
@click.option("--data", "--data-dir", metavar="SRC", required=True, help="Pictures, named as for train.")
@click.option("--rows", metavar="A,B,C", help="Compare what these rows see instead; nothing is saved.")
@click.option("--out", "--output", metavar="DIR", help="The run folder  [default: runs/NAME-probe, ...].")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A field such as preprocess.size.")
@click.option("--val-fraction", type=float, help="Share to validate on, where there is no split  [default: 0.1].")
@click.option("--seed", type=int, metavar="N", help="What is set aside to validate  [default: 0].")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@device_option
def command(
    name: str | None, weights: str, data: str, rows: str | None, out: str | None, assignments: tuple[str, ...],
    val_fraction: float | None, seed: int | None, workers: int, bad_images: str, as_json: bool, device: str,
) -> None:  # fmt: skip
    """Send the pictures of --data through trained weights once, and fit a regularised logistic regression to what their
    last row sees. The result is a run: evaluate it, predict with it, train on from it."""
    from ..train.machine import Machine
    from ..train.plan import Request
    from ..train.probe import compare_rows, probe

    if rows is not None and out is not None:
        raise UsageError("--rows saves nothing; leave --out away")
    given = [*assignments, *([] if val_fraction is None else [f"val_fraction={val_fraction}"])]
    request = Request(name, data, None, None, seed, given, bad_images, weights=weights)
    machine = Machine(pick_device(device), workers)
    if rows is not None:
        _say_rows(compare_rows(request, machine, [row.strip() for row in rows.split(",")]), as_json)
        return
    folder, result, evaluation = probe(request, machine, out)
    if as_json:
        errors = {} if evaluation is None else {"val_error": evaluation.top1_error, "n": evaluation.n}
        click.echo(json.dumps({"run": str(folder.path), **vars(result), **errors}))
        return
    chosen = f"; cross-validated, {_percent(result.cross_validated)} right" if result.cross_validated else ""
    click.echo(f"logistic regression on {result.length} features, C = {result.strength:g}{chosen}")
    if evaluation is not None:
        low, high = evaluation.top1_interval
        click.echo(f"validation error {evaluation.top1_error:.2f} % ({low:.2f} to {high:.2f} %) of {evaluation.n:,}")
    click.echo(f"next: convnets evaluate {folder.path}   or   convnets predict {folder.path} PICTURE")


def _say_rows(found: list[Probed], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([vars(one) for one in found]))
        return
    header = ["row", "features", "C", "cross-validated", "validation"]
    cells = [[one.row, one.length, f"{one.strength:g}", _percent(one.cross_validated), _percent(one.validation)]
             for one in found]  # fmt: skip
    click.echo(table(header, cells, right={1, 2, 3, 4}))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} %"
