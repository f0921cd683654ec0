"""`convnets show`: one network row by row, beside what its paper prints."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import click

from .. import papers
from .common import assignments, no_garbage, picture_size, table


@click.command()
@click.argument("name")
@click.option("--input", "size", metavar="HxW", help="Another picture size than the paper's.")
@click.option("--set", "texts", multiple=True, metavar="AXIS=VALUE", help="Something the paper varies.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def command(name: str, size: str | None, texts: tuple[str, ...], as_json: bool) -> None:
    """One network row by row: operation, output, cost, receptive field and stride, beside the paper's figures."""
    entry, values = papers.find(name), assignments(texts)
    height_width = picture_size(size) if size else None

    with no_garbage():
        from .. import models

        described = models.describe(name, size=height_width, **values)
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    as_published = not values and tuple(described["input"]) == entry.input
    click.echo(_header(entry, described, values))
    click.echo(_rows(entry.rows if as_published else {}, described["rows"]))
    click.echo("\n".join(_totals(entry.published if as_published else (), described)))
    if as_published and entry.results:
        click.echo(_results(entry.results))
    click.echo("\n".join(_remarks(entry, models.departures(name), bool(values))))
    if forms := models.auxiliary_forms(name):
        click.echo(f"Auxiliary classifiers, by convnets.with_auxiliary(network, form): {', '.join(forms)}")
    click.echo(f"Can be set: {', '.join(f'{axis}={value}' for axis, value in models.axes(name).items())}")


def _header(entry: papers.Entry, described: dict[str, Any], values: dict[str, str]) -> str:
    changed = "".join(f", {axis}={value}" for axis, value in values.items())
    return (
        f"{entry.name}{changed}, input {'x'.join(map(str, described['input']))}\n"
        f"{entry.paper.cited}\n"
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


def _results(results: tuple[papers.Result, ...]) -> str:
    """The errors that the paper reports for this network."""
    header = ["published errors on", "protocol", "top-1", "top-5", "where", "note"]
    cells = [[result.dataset, result.protocol, *map(_percent, (result.top1, result.top5)), result.place, result.note]
             for result in results]  # fmt: skip
    return "\n" + table(header, cells, right={2, 3})


def _percent(error: float | None) -> str:
    return "" if error is None else f"{error:g} %"


def _remarks(entry: papers.Entry, departures: list[str], changed: bool) -> list[str]:
    heading = "Departures from the paper" if departures else "" if changed else "No departures from the paper."
    lines = ["", heading] if heading else []
    lines += [textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="     ") for text in departures]
    return [*lines, f"Note: {entry.note}"] if entry.note else lines
