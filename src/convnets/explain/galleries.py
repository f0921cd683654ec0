"""Pictures of a split by what the network made of them: behind a confusion matrix, mistakes, doubts."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import PurePath

import numpy as np

from . import charts, page
from .outcome import Outcome

SHOWN = 24  # pictures in each of mistakes, uncertain and suspects
ROOM, IN_CELLS = 5_000_000, 1000  # letters of HTML, and pictures, behind the confusion matrix
SIDES = (160, 112, 80, 56, 40, 28)  # pixels of those pictures, at most: the largest with which each cell gets one
GRID = 40  # classes along the confusion matrix, at most
PAIRS = 20  # confusions that are listed
Cell = tuple[int, int]  # a class and an answer


def confusion(outcome: Outcome) -> str:
    """The matrix; its cells lead to their pictures, of which not all may be here."""
    cells, matrix = outcome.cells(), outcome.evaluation.confusion
    shown = list(range(len(outcome.classes)))
    about = ""
    if len(shown) > GRID:
        wrong = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
        shown = sorted(np.argsort(-wrong, kind="stable")[:GRID].tolist())
        about = f"The {GRID} of {len(outcome.classes)} classes with most mistakes. "
    chosen = _chosen(outcome, cells, set(shown))
    names = [outcome.classes[index] for index in shown]
    at = {index: place for place, index in enumerate(shown)}
    links = {(at[t], at[p]): f"#cells:{t}-{p}" for t, p in chosen if t in at and p in at}
    counts = matrix[np.ix_(shown, shown)]
    shares = counts / np.maximum(1, matrix.sum(1)[shown])[:, None]
    grid = charts.heat("Pictures by class (row) and answer (column)", counts.astype(float), names, names,
                       x_title="taken for", y_title="class", numbers=True, links=links, shares=shares)  # fmt: skip
    total = sum(len(found) for found in cells.values())
    tiles = [one for found in chosen.values() for one in found]
    about += (f"Cells lead to their pictures, the most confident first; {len(tiles):,} of {total:,} pictures are on "
              "this page. Right answers are on the diagonal, in green. The darker a cell, the larger its share of its "
              "row: of the pictures of that class.")  # fmt: skip
    return page.paragraph(about) + grid + _pairs(outcome, chosen) + page.tiles(tiles, "cells")


def _chosen(outcome: Outcome, cells: dict[Cell, np.ndarray], shown: set[int]) -> dict[Cell, list[str]]:
    """The tiles of as many pictures as fit, by cell; each wrong cell of the classes `shown` has one."""
    order = sorted(cells, key=lambda cell: (not set(cell) <= shown, cell[0] == cell[1], -len(cells[cell])))
    needed = sum(cell[0] != cell[1] and set(cell) <= shown for cell in order)
    chosen: dict[Cell, list[str]] = {}
    for side in SIDES:
        chosen = _filled(outcome, islice(_turns(cells, order), max(needed, IN_CELLS)), side)
        if len(chosen) >= needed:
            break
    return chosen


def _turns(cells: dict[Cell, np.ndarray], order: Sequence[Cell]) -> Iterator[tuple[Cell, int]]:
    """The pictures in turns: the surest of each cell in this order, then the second ones."""
    for rank in range(max(map(len, cells.values()), default=0)):
        yield from ((cell, int(cells[cell][rank])) for cell in order if rank < len(cells[cell]))


def _filled(outcome: Outcome, turns: Iterable[tuple[Cell, int]], side: int) -> dict[Cell, list[str]]:
    """The tiles of these pictures by cell, until the next one has no room."""
    chosen: dict[Cell, list[str]] = {}
    room = ROOM
    for cell, index in turns:
        one = tile(outcome, index, most=side)
        room -= len(one.encode())
        if room < 0:
            break
        chosen.setdefault(cell, []).append(one)
    return chosen


def _pairs(outcome: Outcome, chosen: Collection[Cell]) -> str:
    """The commonest confusions as a list, with links."""
    wrong = [(cell, len(found)) for cell, found in outcome.cells().items() if cell[0] != cell[1]]
    items = []
    for (t, p), count in sorted(wrong, key=lambda item: -item[1])[:PAIRS]:
        words = (f"<bdi>{html.escape(outcome.classes[t])}</bdi> taken for "
                 f"<bdi>{html.escape(outcome.classes[p])}</bdi>: {count}")  # fmt: skip
        items.append(f'<li><a href="#cells:{t}-{p}">{words}</a></li>' if (t, p) in chosen else f"<li>{words}</li>")
    return f"<details><summary>The commonest mistakes</summary><ol>{''.join(items)}</ol></details>" if items else ""


def mistakes(outcome: Outcome) -> str:
    """The wrong answers that the network is surest of."""
    found = outcome.mistakes()
    if not len(found):
        return page.paragraph("There are none.")
    about = f"{len(found):,} wrong answers, the most confident first{_first(found)}."
    return page.paragraph(about) + page.tiles([tile(outcome, int(index)) for index in found[:SHOWN]])


def uncertain(outcome: Outcome) -> str:
    """The answers that were nearest to another one."""
    found = outcome.uncertain()[:SHOWN]
    about = "Pictures whose two likeliest classes are closest to each other in probability."
    return page.paragraph(about) + page.tiles([tile(outcome, int(index), second=True) for index in found])


def suspects(outcome: Outcome) -> str:
    """Pictures whose label may be wrong."""
    found = outcome.suspects()
    about = ("Confident learning in its simplest form: the network gives another class at least the probability that "
             "it gives on average to pictures labelled so, and more than to the label. A hint where to look, no proof: "
             "most of these may be the network's own mistakes.")  # fmt: skip
    if outcome.is_known:
        about += " It was trained on these labels, so it believes them more than it should."
    if not len(found):
        return page.paragraph(f"{about} None are suspected.")
    about += f" {len(found):,} are suspected, the likeliest first{_first(found)}."
    return page.paragraph(about) + page.tiles([tile(outcome, int(index)) for index in found[:SHOWN]])


def _first(found: np.ndarray) -> str:
    return f"; here are {SHOWN} of them" if len(found) > SHOWN else ""


def tile(outcome: Outcome, index: int, second: bool = False, most: int = SIDES[0]) -> str:
    """A picture with its class, the answer and how sure that is; with `second` the next answer too."""
    about, classes = outcome.describe(index), outcome.classes
    name = PurePath(about["picture"]).name
    is_right = about["class"] == about["guess"]
    lines = [f"{page.isolated(about['guess'])} {about['probability']:.1%}"]
    order = np.argsort(-outcome.probabilities[index], kind="stable")
    other = next(int(one) for one in order if one != outcome.guesses[index])
    if second and (is_right or other != outcome.labels[index]):
        lines.append(f"{page.isolated(classes[other])} {outcome.probabilities[index, other]:.1%}")
    if not is_right:
        lines.append(f"is {page.isolated(about['class'])} {about['probability_of_class']:.1%}")
    cell = f"{outcome.labels[index]}-{outcome.guesses[index]}"
    words = " ".join((about["class"], about["guess"], about["picture"]))
    array = outcome.split.pictures.load(index)
    return page.tile(array, [*lines, name], is_right, words, cell, most)
