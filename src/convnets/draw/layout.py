"""Where the parts of a drawing stand: measured from the leaves up, then placed from the top down.

Every part has an axis, along which data flow downwards, and reaches some way to its left and its right.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from . import svg
from .parts import Box, Fold, Fork, Part

HIGH, GAP, SIDE, TURN, FRAME = 24.0, 13.0, 16.0, 14.0, 9.0  # a box, between boxes, between paths, to part, around folds
JOIN = 17.0  # height of what joins paths
ARC = 20.0  # from a body to the arc that goes around it


class Extent(NamedTuple):
    """Pixels to the left of the axis, to its right, and downwards."""

    left: float
    right: float
    height: float


def said(box: Box) -> tuple[str, str]:
    """What a box says, in large and in small letters."""
    return tuple(re.sub(r"(?<=\d)x(?=\d)|(?<=\d )x(?= )", "×", words) for words in (box.text, box.small))  # type: ignore[return-value]


def chain(parts: tuple[Part, ...]) -> Extent:
    """The extent of parts one after the other."""
    extents = [measured(part) for part in parts]
    if not extents:
        return Extent(3, 3, 0)
    lefts, rights, heights = zip(*extents, strict=True)
    return Extent(max(lefts), max(rights), sum(heights) + GAP * (len(parts) - 1))


def measured(part: Part) -> Extent:
    """The extent of a part."""
    match part:
        case Box():
            text, small = said(part)
            half = (svg.wide(text) + svg.wide(small, 10) + 7 * bool(small)) / 2 + 9
            return Extent(max(half, 26), max(half, 26), HIGH)
        case Fold():
            inner = chain(part.parts)
            beside = svg.wide(_times(part)) + 8
            return Extent(inner.left + FRAME, inner.right + FRAME + beside, inner.height + 2 * FRAME + 4)
        case Fork():
            extents = [chain(path) for path in part.paths]
            height = 2 * TURN + max(extent.height for extent in extents) + JOIN
            if bypassed(part):
                body = max(extents, key=lambda extent: extent.height)
                return Extent(body.left, body.right + ARC, height)
            return Extent(*_spread(part, extents), height)


def bypassed(fork: Fork) -> bool:
    """Whether all but one of the paths hand on what they get: such a one is an arc."""
    return len(fork.paths) == 2 and sum(bool(path) for path in fork.paths) == 1


def _spread(fork: Fork, extents: list[Extent]) -> tuple[float, float]:
    """How far paths side by side reach: a body stays on the axis, with its shortcut beside it; others are centred."""
    whole = sum(extent.left + extent.right for extent in extents) + SIDE * (len(extents) - 1)
    if fork.join == "concat" or len(extents) != 2:
        return whole / 2, whole / 2
    return extents[0].left, whole - extents[0].left


class Sheet:
    """Shapes that are drawn one after the other."""

    def __init__(self) -> None:
        self.shapes: list[str] = []

    def chain(self, parts: tuple[Part, ...], x: float, y: float) -> float:
        """Parts one after the other with the axis at x, from y; where they end."""
        for index, part in enumerate(parts):
            if index:
                self.shapes.append(svg.line(f"M{x:g} {y:g}V{y + GAP:g}", arrow=not opens(part)))
                y += GAP
            y = self.part(part, x, y)
        return y

    def part(self, part: Part, x: float, y: float) -> float:
        """One part; where it ends."""
        match part:
            case Box():
                return self.box(part, x, y)
            case Fold():
                return self.fold(part, x, y)
            case Fork():
                return self.around(part, x, y) if bypassed(part) else self.beside(part, x, y)

    def box(self, box: Box, x: float, y: float) -> float:
        extent, dashed = measured(box), " dash" * (box.kind in ("drop", "kept"))
        self.shapes.append(svg.box(x - extent.left, y, extent.left + extent.right, HIGH, f"{box.kind} edge{dashed}"))
        self.shapes.append(svg.label(x, y + 16, *said(box)))
        return y + HIGH

    def fold(self, fold: Fold, x: float, y: float) -> float:
        inner = chain(fold.parts)
        wide, high = inner.left + inner.right + 2 * FRAME, inner.height + 2 * FRAME + 4
        self.shapes.append(svg.box(x - inner.left - FRAME, y, wide, high, "stroke dash", 8))
        self.shapes.append(svg.text(x + inner.right + FRAME + 6, y + high / 2 + 4, _times(fold), f"{svg.INK} bold"))
        self.shapes.append(svg.line(f"M{x:g} {y:g}v{FRAME + 2:g}"))
        end = self.chain(fold.parts, x, y + FRAME + 2)
        self.shapes.append(svg.line(f"M{x:g} {end:g}V{y + high:g}"))
        return y + high

    def around(self, fork: Fork, x: float, y: float) -> float:
        """A body, and an arc around it."""
        body = next(path for path in fork.paths if path)
        self.shapes.append(svg.line(f"M{x:g} {y:g}v{TURN:g}", arrow=True))
        end = self.chain(body, x, y + TURN)
        middle, far, start = end + TURN + JOIN / 2, x + chain(body).right + ARC - 6, y + 3
        self.shapes.append(svg.line(f"M{x:g} {end:g}V{middle - JOIN / 2:g}"))
        self.shapes.append(svg.line(
            f"M{x:g} {start:g}H{far - 12:g}Q{far:g} {start:g} {far:g} {start + 12:g}V{middle - 12:g}"
            f"Q{far:g} {middle:g} {far - 12:g} {middle:g}H{x + _reach(fork.join):g}", arrow=True))  # fmt: skip
        self.join(fork, x, middle)
        return middle + JOIN / 2

    def beside(self, fork: Fork, x: float, y: float) -> float:
        """Paths side by side, from one line to what joins them."""
        extents = [chain(path) for path in fork.paths]
        left = x - _spread(fork, extents)[0]
        middle = y + 2 * TURN + max(extent.height for extent in extents) + JOIN / 2
        reach = _reach(fork.join)
        for path, extent in zip(fork.paths, extents, strict=True):
            axis = left + extent.left
            left = axis + extent.right + SIDE
            self.shapes.append(svg.line(_bend(x, y, axis, y + TURN), arrow=bool(path)))
            end = self.chain(path, axis, y + TURN)
            if abs(axis - x) < reach:
                self.shapes.append(svg.line(f"M{axis:g} {end:g}V{middle - JOIN / 2:g}"))
                continue
            turn, side = (8, reach) if axis < x else (-8, -reach)
            self.shapes.append(svg.line(f"M{axis:g} {end:g}V{middle - 8:g}Q{axis:g} {middle:g} {axis + turn:g} "
                                        f"{middle:g}H{x - side:g}", arrow=True))  # fmt: skip
        self.join(fork, x, middle)
        return middle + JOIN / 2

    def join(self, fork: Fork, x: float, y: float) -> None:
        """The sign where paths meet, and what follows."""
        if fork.small:
            self.shapes.append(svg.text(x - JOIN / 2 - 5, y + 3.5, fork.small, f"{svg.MUTED} small", "end"))
        if fork.join == "concat":
            reach = _reach(fork.join)
            self.shapes.append(svg.box(x - reach, y - JOIN / 2, 2 * reach, JOIN, "page edge", 8))
            self.shapes.append(svg.text(x, y + 3.5, "concat", f"{svg.INK} small", "middle"))
            return
        self.shapes.append(svg.circle(x, y, JOIN / 2, "page edge"))
        self.shapes.append(svg.text(x, y + 4.5, fork.join, f"{svg.INK} bold", "middle"))


def _reach(join: str) -> float:
    """Half of the width of what joins."""
    return 24.0 if join == "concat" else JOIN / 2


def opens(part: Part) -> bool:
    """Whether arrows come later, inside of the part."""
    return isinstance(part, Fork | Fold)


def _times(fold: Fold) -> str:
    return f"× {fold.count}"


def _bend(x: float, y: float, to: float, down: float) -> str:
    """From a point to the side, and down."""
    if abs(to - x) < 1:
        return f"M{x:g} {y:g}V{down:g}"
    corner, sign = min(6.0, abs(to - x) / 2), 1 if to > x else -1
    return f"M{x:g} {y:g}v2H{to - sign * corner:g}Q{to:g} {y + 2:g} {to:g} {y + 2 + corner:g}V{down:g}"
