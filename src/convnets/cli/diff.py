"""`convnets diff`: what differs between two networks, or between a network and what its paper prints."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from .. import papers
from ..errors import UsageError
from .common import assignments, picture_size, table

if TYPE_CHECKING:
    from ..models.compare import Change, RowPair

MOST_CHANGES = 8
BRACKETS = {"", "[", "|", "]"}  # how layers hang together, said only where the layers are the same


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--input", "size", metavar="HxW", help="Compare at this picture size instead of each network's own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.pass_context
def command(context: click.Context, a: str, b: str, size: str | None, as_json: bool) -> None:
    """What differs from network A to network B, row by row. Exit code 0 when they are equal, 1 when they differ.

    A and B are names of the catalogue, with axes if need be: resnet18,shortcut=C. B may be `paper`: what A's paper
    prints of it.
    """
    if b == "paper":
        if size or "," in a:
            raise UsageError("the paper's figures are for its own network and input: leave out --input and axes")
        equal = _beside_the_paper(a, as_json)
    else:
        equal = _two_networks(a, b, size, as_json)
    context.exit(0 if equal else 1)


def _two_networks(a: str, b: str, size: str | None, as_json: bool) -> bool:
    names, axes = [], []
    for text in (a, b):
        name, *values = text.split(",")
        names.append(papers.find(name).name)
        axes.append(assignments(values))
    shape = picture_size(size) if size else None

    from .. import models
    from ..models import compare

    found = models.diff(*names, axes=(axes[0], axes[1]), size=shape)
    pairs: list[RowPair] = found["rows"]
    equal = all(pair.equal for pair in pairs)
    if as_json:
        click.echo(json.dumps(found | {"equal": equal, "rows": [pair.as_dict() for pair in pairs]}, indent=2))
        return equal
    inputs = ["x".join(map(str, found[side]["input"])) for side in ("a", "b")]
    click.echo(f"- {a}, input {inputs[0]}\n+ {b}, input {inputs[1]}\n")
    common = compare.common_changes(pairs)
    if common:
        click.echo(_common(common, pairs))
    for pair in pairs:
        if not pair.equal and (changes := _own(pair, common)) is not None:
            click.echo(_pair(pair, changes))
    same = sum(pair.equal for pair in pairs)
    renamed = any(pair.a and pair.b and pair.a.name != pair.b.name for pair in pairs)
    names_differ = " (some under other names)" if renamed else ""
    click.echo(f"{'All' if equal else 'The other'} {same} rows are equal{names_differ}.\n")
    click.echo(_totals(found["a"], found["b"]))
    return equal


def _own(pair: RowPair, common: Collection[tuple[str, str]]) -> list[Change] | None:
    """A row's changes beyond those of most rows; None where there are no others."""
    from ..models.compare import generalised

    changes = [change for change in pair.changes if generalised(*change[:2]) not in common]
    layers = [change for change in changes if not {*change[:2]} <= BRACKETS]
    return layers or changes if changes or not pair.changes else None


def _common(common: dict[tuple[str, str], int], pairs: list[RowPair]) -> str:
    """What most rows share, and the rows in which nothing else differs."""
    lines = ["In most rows"]
    lines += [f"      {_change(before, after, times)}" for (before, after), times in common.items()]
    only = [_name(pair) for pair in pairs if not pair.equal and _own(pair, common) is None]
    if only:
        text = f"Nothing else differs in {', '.join(only)}."
        lines.append(textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(lines) + "\n"


def _name(pair: RowPair) -> str:
    """The row's name, or both where they differ."""
    return " / ".join(dict.fromkeys(row.name for row in (pair.a, pair.b) if row))


def _change(before: str, after: str, times: int) -> str:
    return f"{f'{times} x ' if times > 1 else ''}{before or 'nothing'} -> {after or 'nothing'}"


def _pair(pair: RowPair, changes: list[Change]) -> str:
    """One differing row: what it does in A and in B, the layers that differ, and the cost of the difference."""
    lines = [f"{_name(pair)}{_cost(pair)}"]
    operations = [side.operation if side else None for side in (pair.a, pair.b)]
    if operations[0] == operations[1]:
        lines.append(f"    {operations[0]}")
    else:
        lines += [f"  {sign} {text}" for sign, text in zip("-+", operations, strict=True) if text is not None]
    if pair.a and pair.b and pair.a.output != pair.b.output:
        lines.append(f"      output {_by(pair.a.output)} -> {_by(pair.b.output)}")
    if len(changes) > MOST_CHANGES:
        lines.append(f"      {sum(times for _, _, times in changes)} layers differ (--json lists them)")
    else:
        lines += [f"      {_change(*change)}" for change in changes]
    return "\n".join(lines) + "\n"


def _cost(pair: RowPair) -> str:
    costs = [f"{value:+,} {what}" for value, what in
             ((pair.parameters, "parameters"), (pair.multiply_adds, "multiply-adds")) if value]  # fmt: skip
    return f"   ({', '.join(costs)})" if costs else ""


def _totals(a: dict[str, Any], b: dict[str, Any]) -> str:
    rows = []
    for label, key in (("parameters", "parameters"), ("multiply-adds", "multiply_adds")):
        rows.append([label, f"{a[key]:,}", f"{b[key]:,}", f"{b[key] - a[key]:+,}"])
    return table(["", "A", "B", "difference"], rows, right={1, 2, 3})


def _beside_the_paper(name: str, as_json: bool) -> bool:
    """Our rows and totals beside those that the paper prints; whether all agree."""
    entry = papers.find(name)

    from .. import models

    described = models.describe(name)
    ours = {row["name"]: row for row in described["rows"]}
    lines = [
        {"row": row, "ours": printed.of(tuple(ours[row]["output"])), "paper": str(printed), "where": printed.where,
         "equal": printed.agrees(tuple(ours[row]["output"]))}
        for row, printed in entry.rows.items()
    ]  # fmt: skip
    lines += [
        {"row": f"total {figure.quantity.replace('_', '-')}", "ours": f"{described[figure.quantity]:,}",
         "paper": f"{figure.value:,.0f}", "where": figure.where, "equal": figure.agrees(described[figure.quantity])}
        for figure in entry.published
    ]  # fmt: skip
    if not lines:
        raise UsageError(f"{entry.name}: its paper prints no table of this network; `convnets show` shows ours")
    equal, departures = all(line["equal"] for line in lines), models.departures(name)
    if as_json:
        click.echo(json.dumps({"name": entry.name, "equal": equal, "rows": lines, "departures": departures}, indent=2))
        return equal
    click.echo(f"{entry.name} beside {entry.paper.authors}: {entry.paper.title}\n")
    cells = [[*(line[key] for key in ("row", "ours", "paper")), "=" if line["equal"] else "DIFFERS", line["where"]]
             for line in lines]  # fmt: skip
    click.echo(table(["row", "ours", "paper", "", "where"], cells, right={1, 2}))
    rest = len(ours) - len(entry.rows)
    click.echo(f"\nOf the other {rest} rows the paper prints no figure." if rest else "")
    for text in departures:
        click.echo(textwrap.fill(f"Departure {text}", 110, subsequent_indent="    "))
    return equal


def _by(value: tuple[int, ...]) -> str:
    return "x".join(map(str, value))
