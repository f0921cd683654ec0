"""`convnets show`: one network row by row, beside what its paper prints."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import click

from .. import papers
from ..errors import UsageError
from .common import table


@click.command()
@click.argument("name")
@click.option("--input", "size", metavar="HxW", help="Another picture size than the paper's.")
@click.option("--set", "assignments", multiple=True, metavar="AXIS=VALUE", help="Something the paper varies.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def command(name: str, size: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """One network row by row: operation, output, cost, receptive field and stride, beside the paper's figures."""
    entry, values = papers.find(name), _assignments(assignments)
    height_width = _size(size) if size else None

    from .. import models

    described = models.describe(name, size=height_width, **values)
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    as_published = not values and tuple(described["input"]) == entry.input
    click.echo(_header(entry, described, values))
    click.echo(_rows(entry.rows if as_published else {}, described["rows"]))
    click.echo("\n".join(_totals(entry.published if as_published else (), described)))
    click.echo("\n".join(_remarks(entry, models.departures(name), bool(values))))


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and (width or height).isdigit() and int(height) and int(width or height)):
        raise UsageError(f"--input takes HxW such as 224x224, got {text!r}")
    return int(height), int(width or height)


def _assignments(texts: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set takes AXIS=VALUE, got {text!r}")
        values[axis.strip()] = value.strip()
    return values


def _header(entry: papers.Entry, described: dict[str, Any], values: dict[str, str]) -> str:
    paper = entry.paper
    where = f"{paper.venue}, arXiv:{paper.arxiv}" if paper.arxiv else paper.venue
    changed = "".join(f", {axis}={value}" for axis, value in values.items())
    return (
        f"{entry.name}{changed}, input {'x'.join(map(str, described['input']))}\n"
        f"{paper.authors}: {paper.title}, {where}\n"
    )


def _rows(printed: dict[str, papers.Printed], rows: list[dict[str, Any]]) -> str:
    header = ["row", "operation", "output", "parameters", "multiply-adds", "sees", "stride", "paper"]
    cells = []
    for row in rows:
        cells.append([
            row["name"], row["operation"], _by(row["output"]), f"{row['parameters']:,}", f"{row['multiply_adds']:,}",
            _by(row["receptive_field"]), _by(row["stride"]), _beside(printed.get(row["name"]), row["output"]),
        ])  # fmt: skip
    return table(header, cells, right={3, 4, 5, 6})


def _by(value: int | list[int]) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _beside(printed: papers.Printed | None, output: list[int]) -> str:
    return "" if printed is None else f"{printed} {_mark(printed.agrees(tuple(output)))}"


def _mark(agrees: bool) -> str:
    return "✓" if agrees else "✗"


def _totals(published: tuple[papers.Published, ...], described: dict[str, Any]) -> list[str]:
    lines = [""]
    for quantity, label in (("parameters", "parameters"), ("multiply_adds", "multiply-adds")):
        ours = described[quantity]
        beside = "".join(
            f"   paper {figure.value:,.0f} ({figure.where}) {_mark(figure.agrees(ours))}"
            for figure in published
            if figure.quantity == quantity
        )
        lines.append(f"{label:<14} {ours:>14,}{beside}")
    return lines


def _remarks(entry: papers.Entry, departures: list[str], changed: bool) -> list[str]:
    heading = "Departures from the paper" if departures else "" if changed else "No departures from the paper."
    lines = ["", heading] if heading else []
    lines += [textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="     ") for text in departures]
    return [*lines, f"Note: {entry.note}"] if entry.note else lines
