"""A network of the catalogue as a picture: its rows from the picture down to the logits."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import nn

from .. import models, papers
from ..errors import UsageError
from ..models.table import layer_table
from ..network import Network
from . import svg
from .layout import GAP, Sheet, chain, opens
from .parts import DETAILS, Box, Fold, Part, Row, as_plain, boxes_of, parts_of

TOP, BOTTOM, MARGIN, GUTTER = 92.0, 46.0, 20.0, 118.0
KINDS = {
    "conv": "convolution", "conv1": "1×1 convolution", "depthwise": "depthwise or grouped", "pool": "pooling",
    "fc": "fully connected", "norm": "response normalisation", "block": "several layers",
    "bn": "normalisation, activation", "gate": "squeeze and excitation", "drop": "dropout",
    "kept": "probability to be kept in training", "other": "other",
}  # fmt: skip


class Drawing(NamedTuple):
    """A network ready to be drawn: its name, paper and size, its input (C, H, W), and its rows."""

    title: str
    paper: str
    parameters: int
    multiply_adds: int
    input: tuple[int, ...]
    rows: list[Row]

    @property
    def lines(self) -> tuple[str, str]:
        """What stands under the name."""
        size = f"{_large(self.parameters)} parameters · {_large(self.multiply_adds)} multiply-adds"
        return self.paper, f"{size} · input {by(self.input)}"


def drawing(name: str, detail: str = "block", **overrides: Any) -> Drawing:
    """What the drawing of a network shows. Raises UsageError for an unknown name, axis or detail."""
    if detail not in DETAILS:
        raise UsageError(f"--detail {detail}: must be one of {', '.join(DETAILS)}")
    entry = papers.find(name)
    with torch.device("meta"):
        network = models.create_model(name, **overrides)
        heads = _heads(network, detail)
    side = network.input_size
    shape = network.in_channels, *((side, side) if side else entry.input[1:])
    table = layer_table(network, shape)
    rows = [Row(name, parts_of(module, detail), row.output, heads.get(name, ()))
            for (name, module), row in zip(network.named_children(), table, strict=True)]  # fmt: skip
    parameters, adds = (sum(getattr(row, key) for row in table) for key in ("parameters", "multiply_adds"))
    changed = "".join(f", {key}={value}" for key, value in overrides.items())
    paper = entry.paper
    return Drawing(f"{entry.name}{changed}", f"{paper.authors}, {paper.year}", parameters, adds, shape, _joined(rows))


def _heads(network: Network, detail: str) -> dict[str, tuple[Part, ...]]:
    """The auxiliary classifiers of its paper, by the row that they see."""
    if not network.name or not models.auxiliary_forms(network.name):
        return {}
    found: dict[str, nn.Module] = dict(models.with_auxiliary(network).heads.named_children())
    whole = (Box("fc", "auxiliary classifier"),) if detail == "stage" else None
    return {row: whole or parts_of(head, detail) for row, head in found.items()}


def _joined(rows: list[Row]) -> list[Row]:
    """Equal rows of several parts, one after the other, as one row with a count."""
    found: list[Row] = []
    for (parts, output, head), group in groupby(rows, key=lambda row: (row.parts, row.output, row.head)):
        same = list(group)
        if len(same) == 1 or head or all(isinstance(part, Box) for part in parts):
            found += same
            continue
        name = f"{same[0].name} … {same[-1].name}"
        found.append(Row(name, (Fold(parts, len(same)),), output))
    return found


def picture(*drawings: Drawing) -> str:
    """The drawings side by side, as SVG."""
    shapes: list[str] = []
    x = height = 0.0
    for one in drawings:
        drawn, wide, high = _column(one, x)
        shapes += drawn
        x, height = x + wide, max(height, high)
    kinds = {box.kind for one in drawings for row in one.rows for box in boxes_of((*row.parts, *row.head))}
    legend, high = _legend(kinds, x, height)
    return svg.document(x, height + high, " and ".join(one.title for one in drawings), shapes + legend)


def _column(one: Drawing, left: float) -> tuple[list[str], float, float]:
    """A network's shapes, and how wide and high they are."""
    sheet, extents = Sheet(), [chain(row.parts) for row in one.rows]
    reach = max(extent.left for extent in extents), max(extent.right for extent in extents)
    gutter = max(GUTTER, *(svg.wide(word, 12.5) + 14 for row in one.rows for word in (row.name, by(row.output))))
    heads = [chain(row.head) for row in one.rows if row.head]
    beyond = max((extent.left + extent.right for extent in heads), default=-2 * MARGIN) + 2 * MARGIN
    axis = left + MARGIN + gutter + reach[0]
    wide = max(gutter + sum(reach) + beyond, *(svg.wide(words) for words in one.lines)) + 2 * MARGIN
    sheet.shapes += [svg.text(left + MARGIN, 34, one.title, f"{svg.INK} title"),
                     svg.text(left + MARGIN, 54, one.lines[0], svg.MUTED),
                     svg.text(left + MARGIN, 72, one.lines[1], svg.MUTED)]  # fmt: skip
    y = floor = TOP
    for number, (row, extent) in enumerate(zip(one.rows, extents, strict=True)):
        if number % 2 == 0:
            band = svg.box(left + 6, y - GAP / 2, wide - 12, extent.height + GAP, svg.BAND, 6)
            sheet.shapes.insert(0, band)
        middle = y + min(extent.height, 60) / 2
        sheet.shapes.append(svg.text(left + MARGIN, middle - 1, row.name, f"{svg.INK} bold"))
        sheet.shapes.append(svg.text(left + MARGIN, middle + 12, by(row.output), f"{svg.MUTED} small"))
        end = sheet.chain(row.parts, axis, y)
        if row.head:
            floor = max(floor, _head(sheet, row, axis, axis + reach[1] + 2 * MARGIN, end))
        if number + 1 < len(one.rows):
            following = one.rows[number + 1].parts
            sheet.shapes.append(svg.line(f"M{axis:g} {end:g}v{GAP:g}", arrow=not (following and opens(following[0]))))
        y = end + GAP
    return sheet.shapes, wide, max(y, floor) + GAP


def _head(sheet: Sheet, row: Row, axis: float, left: float, y: float) -> float:
    """An auxiliary classifier beside the rows that follow; where it ends."""
    x, top = left + chain(row.head).left, y + GAP / 2
    path = f"M{axis:g} {top:g}H{x - 8:g}Q{x:g} {top:g} {x:g} {top + 8:g}V{top + 18:g}"
    sheet.shapes.append(svg.line(path, arrow=True))
    return sheet.chain(row.head, x, top + 18)


def _legend(kinds: set[str], width: float, y: float) -> tuple[list[str], float]:
    """The kinds of boxes that are there, in lines as wide as the picture; and how high that is."""
    shapes, x, top = [], MARGIN, y
    for kind, words in KINDS.items():
        if kind in kinds or (kind == "bn" and "act" in kinds):
            need = 24 + svg.wide(words, 10) + 14
            if x > MARGIN and x + need > width:
                x, top = MARGIN, top + 20
            shapes += [svg.box(x, top, 16, 12, f"{kind} edge{' dash' * (kind in ('drop', 'kept'))}", 3),
                       svg.text(x + 22, top + 10, words, f"{svg.MUTED} small")]  # fmt: skip
            x += need
    return shapes, top - y + 32


def as_json(one: Drawing) -> dict[str, Any]:
    """The numbers behind a drawing."""
    rows = [{"name": row.name, "output": list(row.output), "parts": [as_plain(part) for part in row.parts]}
            | ({"head": [as_plain(part) for part in row.head]} if row.head else {}) for row in one.rows]  # fmt: skip
    return {**one._asdict(), "rows": rows}


def by(shape: tuple[int, ...]) -> str:
    """3 × 224 × 224."""
    return " × ".join(map(str, shape))


def _large(number: int) -> str:
    """25.6 million."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return str(number)
