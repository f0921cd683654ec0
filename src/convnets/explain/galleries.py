"""Pictures of a split by what the network made of them: behind a confusion matrix, mistakes, doubts."""

from __future__ import annotations

import html
from itertools import islice
from pathlib import PurePath

import numpy as np

from . import charts, page
from .outcome import Outcome

SHOWN = 24  # pictures in each of mistakes, uncertain and suspects
IN_CELLS = 128  # pictures behind the confusion matrix, a third of them at most of right answers
GRID = 40  # classes along the confusion matrix, at most
PAIRS = 20  # confusions that are listed


def confusion(outcome: Outcome) -> str:
    """The matrix; its cells lead to their pictures, of which not all may be here."""
    cells, matrix = outcome.cells(), outcome.evaluation.confusion
    shown = list(range(len(outcome.classes)))
    about = ""
    if len(shown) > GRID:
        wrong = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
        shown = sorted(np.argsort(-wrong, kind="stable")[:GRID].tolist())
        about = f"The {GRID} of {len(outcome.classes)} classes with most mistakes. "
    chosen = _chosen(cells, set(shown))
    names = [outcome.classes[index] for index in shown]
    at = {index: place for place, index in enumerate(shown)}
    links = {(at[t], at[p]): f"#cells:{t}-{p}" for t, p in chosen if t in at and p in at}
    counts = matrix[np.ix_(shown, shown)]
    share = np.where(np.eye(len(counts)) > 0, np.nan, counts)
    grid = charts.heat("Pictures by class (row) and answer (column)", counts.astype(float), names, names,
                       high=max(1.0, float(np.nanmax(share))), x_title="taken for", y_title="class",
                       numbers=True, links=links)  # fmt: skip
    total = sum(len(found) for found in cells.values())
    kept = sum(map(len, chosen.values()))
    about += (f"Cells lead to their pictures, the most confident first; {kept} of {total} pictures are on this page. "
              "Right answers are on the diagonal, shades are relative to the commonest mistake.")  # fmt: skip
    tiles = [tile(outcome, index) for found in chosen.values() for index in found]
    return page.paragraph(about) + grid + _pairs(outcome, chosen) + page.tiles(tiles, "cells")


def _chosen(cells: dict[tuple[int, int], np.ndarray], shown: set[int]) -> dict[tuple[int, int], list[int]]:
    """As many pictures as fit, in turns: the surest of each cell, then the second ones. First come those of mistakes,
    of the classes that are `shown`, of the commonest."""
    order = sorted(cells, key=lambda cell: (not set(cell) <= shown, -len(cells[cell])))
    wrong = [cell for cell in order if cell[0] != cell[1]]
    right = [cell for cell in order if cell[0] == cell[1]]
    found: dict[tuple[int, int], list[int]] = {}
    for some, room in ((wrong, IN_CELLS * 2 // 3), (right, IN_CELLS // 3)):
        longest = max((len(cells[cell]) for cell in some), default=0)
        turns = ((cell, rank) for rank in range(longest) for cell in some if rank < len(cells[cell]))
        for cell, rank in islice(turns, room):
            found.setdefault(cell, []).append(int(cells[cell][rank]))
    return found


def _pairs(outcome: Outcome, chosen: dict[tuple[int, int], list[int]]) -> str:
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


def tile(outcome: Outcome, index: int, second: bool = False) -> str:
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
    return page.tile(array, [*lines, name], is_right, words, cell)
