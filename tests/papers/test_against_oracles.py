"""The records' published numbers, each looked up in the oracle of its paper, in the table or section that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from convnets import papers
from tests.oracles import SHARED, oracle

Line = tuple[set[float], str]  # the numbers of one entry of an oracle, and its text

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
PLACE = re.compile(r"(Table|Tab\.|Fig\.|Sec\.?|Appendix|Abstract)[ s.]*([\d.]*)")


def scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    else:
        yield str(value)


@cache
def lines(family: str, *sections: str) -> list[Line]:
    """The entries of these sections of an oracle; accuracies count as errors too, in per cent or as fractions."""
    found = []
    for section in sections:
        part = oracle(family).get(section, [])
        for entry in part if isinstance(part, list) else [part]:
            text = " ".join(scalars(entry))
            numbers = {float(number) for number in NUMBER.findall(text)}
            found.append((numbers | {round(100 - number * scale, 4) for number in numbers for scale in (1, 100)}, text))
    return found


def place(text: str) -> str | None:
    """The first table, figure or section that a text names: `Table 3`."""
    found = PLACE.search(text)
    return f"{found[1][:3]} {found[2].rstrip('.')}" if found else None


def places(text: str) -> set[str]:
    return {f"{kind[:3]} {number.rstrip('.')}" for kind, number in PLACE.findall(text)}


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
@pytest.mark.parametrize("family", papers.families())
def test_published_errors_stand_in_the_oracle(family: str) -> None:
    missing = []
    for name in papers.names():
        entry = papers.find(name)
        for result in entry.results if entry.family == family else ():
            known = lines(result.source or family, "results", "experiments", "networks")
            wanted = {error for error in (result.top1, result.top5) if error is not None}
            assert wanted, f"{name}: a result without a number"
            where = place(result.where)
            if not any(wanted <= numbers and (where is None or where in places(text)) for numbers, text in known):
                missing.append((name, result))
    assert not missing


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
@pytest.mark.parametrize("family", papers.families())
def test_published_totals_stand_in_the_oracle(family: str) -> None:
    numbers = {float(number) for number in NUMBER.findall((SHARED / "papers" / f"{family}.yaml").read_text("utf-8"))}
    missing = []
    for name in papers.names():
        entry = papers.find(name)
        for figure in entry.published if entry.family == family else ():
            printed = {round(figure.value / scale, 6) for scale in (1, 1e3, 1e6, 1e9)}
            if not printed & numbers:
                missing.append((name, figure))
    assert not missing
