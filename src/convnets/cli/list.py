"""`convnets list`: the catalogue. Reads the papers' records only, never torch."""

from __future__ import annotations

import json

import click

from .. import papers
from ..errors import UsageError
from .common import table


@click.command()
@click.argument("pattern", default="*")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def command(pattern: str, as_json: bool) -> None:
    """Networks of the catalogue, or those whose name matches PATTERN, such as vgg or 'resnet*_v15'."""
    entries = [papers.find(name) for name in papers.names(pattern)]
    if not entries:
        raise UsageError(f"no network matches {pattern!r}; `convnets list` names them all")
    if as_json:
        click.echo(json.dumps([_values(entry) for entry in entries], indent=2))
        return
    header = ("name", "paper", "input", "parameters", "multiply-adds", "year")
    click.echo(table(header, list(map(_cells, entries)), right={3, 4}))
    click.echo(f"{len(entries)} networks; `convnets show NAME` shows one row by row")


def _cells(entry: papers.Entry) -> tuple[object, ...]:
    size = "x".join(map(str, entry.input))
    return entry.name, entry.paper.authors, size, f"{entry.parameters:,}", f"{entry.multiply_adds:,}", entry.paper.year


def _values(entry: papers.Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "family": entry.family,
        "paper": entry.paper.title,
        "year": entry.paper.year,
        "input": list(entry.input),
        "classes": entry.classes,
        "dataset": entry.dataset,
        "parameters": entry.parameters,
        "multiply_adds": entry.multiply_adds,
    }
