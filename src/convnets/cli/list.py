"""`convnets list`: the catalogue by paper and year. Reads the papers' records only, never torch."""

from __future__ import annotations

import json
import re
from itertools import groupby

import click

from .. import papers
from ..errors import UsageError
from .common import table

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}
SORTS = {"paper": None, "name": "name", "params": "parameters", "multiply-adds": "multiply_adds"}


@click.command()
@click.argument("pattern", default="*")
@click.option("--family", metavar="NAME", help="Networks of one paper's file, such as resnet or densenet.")
@click.option("--year", type=int, help="Networks of papers of this year.")
@click.option("--input", "side", type=int, metavar="SIDE", help="Networks for pictures of this side, such as 32.")
@click.option("--params", metavar="RANGE", help="Number of parameters: 5M (at most), 1M-30M, or 100M- (at least).")
@click.option("--multiply-adds", "--macs", "cost", metavar="RANGE", help="Cost of one picture, such as 4G or 1G-5G.")
@click.option("--no-peers", is_flag=True, help="Without other libraries' readings.")
@click.option("--sort", type=click.Choice(list(SORTS)), default="paper", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def command(
    pattern: str, family: str | None, year: int | None, side: int | None, params: str | None, cost: str | None,
    no_peers: bool, sort: str, as_json: bool,
) -> None:  # fmt: skip
    """Networks of the catalogue by paper and year, or those whose name matches PATTERN: vgg, 'resnet*_v15'."""
    if family is not None and family not in papers.families():
        raise UsageError(f"no family is called {family!r}; valid ones: {', '.join(papers.families())}")
    parameters, multiply_adds = _range("--params", params), _range("--multiply-adds", cost)
    entries = [
        entry for entry in map(papers.find, papers.names(pattern))
        if family in (None, entry.family)
        and year in (None, entry.paper.year)
        and side in (None, *entry.input[1:])
        and parameters[0] <= entry.parameters <= parameters[1]
        and multiply_adds[0] <= entry.multiply_adds <= multiply_adds[1]
        and not (no_peers and entry.peer)
    ]  # fmt: skip
    if not entries:
        raise UsageError(f"no network matches {pattern!r} with these options; `convnets list` names them all")
    if key := SORTS[sort]:
        entries.sort(key=lambda entry: getattr(entry, key))
    if as_json:
        click.echo(json.dumps([_values(entry) for entry in entries], indent=2))
        return
    click.echo(_by_paper(entries) if sort == "paper" else _one_table(entries))
    click.echo(f"\n{len(entries)} networks; `convnets show NAME` shows one row by row")


def _range(option: str, text: str | None) -> tuple[float, float]:
    """The bounds of a text such as 5M, 1M-30M, 100M-."""
    if text is None:
        return 0, float("inf")
    number = r"(\d+(?:\.\d+)?)([KMGB]?)"
    found = re.fullmatch(rf"(?:{number}-)?(?:{number})?", text.strip().upper())
    if not found or not text.strip():
        raise UsageError(f"{option} takes 5M (at most), 1M-30M, or 100M- (at least), got {text!r}")
    low, low_unit, high, high_unit = found.groups()
    upper = float(high) * UNITS[high_unit] if high else float("inf")
    return float(low) * UNITS[low_unit] if low else 0, upper


def _by_paper(entries: list[papers.Entry]) -> str:
    """One ruled table for all, so that its columns align, with a heading for each paper."""
    lines = table(HEADER, list(map(_cells, entries)), right={2, 3}).splitlines()
    text, rows = lines[:2], iter(lines[2:])
    for paper, group in groupby(entries, key=lambda entry: entry.paper):
        text += ["", f"{paper.year}  {paper.authors}: {paper.title}"]
        text += [next(rows) for _ in group]
    return "\n".join(text)


def _one_table(entries: list[papers.Entry]) -> str:
    return table(HEADER, list(map(_cells, entries)), right={2, 3})


HEADER = ("name", "input", "parameters", "multiply-adds", "year", "trained on", "")


def _cells(entry: papers.Entry) -> tuple[object, ...]:
    size, peer = "x".join(map(str, entry.input)), "not the paper's" if entry.peer else ""
    figures = f"{entry.parameters:,}", f"{entry.multiply_adds:,}"
    return entry.name, size, *figures, entry.paper.year, entry.dataset, peer


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
        "aliases": list(entry.aliases),
        "peer": entry.peer,
    }
