"""Test protocols as the views of a picture that they average. Neither torch nor numpy is needed to ask for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..papers.protocols import Kind, Part, Protocol, parse, parse_all
from ..spec import Preprocess

__all__ = ["Kind", "Part", "Protocol", "View", "parse", "parse_all", "views"]

CENTRE = (0.5, 0.5)
FIVE = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), CENTRE)
GRID = tuple((i / 4, j / 4) for i in range(5) for j in range(5))
GOOGLENET_SCALES = (256, 288, 320, 352)  # for crops of 224
SQUARES = (0.0, 0.5, 1.0)  # left, centre and right, or top, centre and bottom


@dataclass(frozen=True)
class View:
    """One look at a picture.

    Its shorter side is resized to `resize` (None: not at all). With `square`, 0 to 1 along the longer side, only a
    square of that is left, whose side is `side` or the shorter side. Out of what is left size x size is cut, `place`
    being the shares of the free space above it and left of it; without a place, the square is resized to that size.
    Without a size all of it is the view, and the network is applied to it densely.
    """

    resize: int | None
    square: float | None = None
    side: int | None = None
    size: int | None = None
    place: tuple[float, float] | None = None
    mirrored: bool = False


def views(protocol: Protocol, preprocess: Preprocess) -> dict[View, float]:
    """The views of a protocol, for a network whose pictures are prepared like this, with their shares of the average.

    Each of several parts has the same weight as the others, however many views it has.
    """
    shares: dict[View, float] = {}
    for part in protocol.parts:
        found = _views(part, preprocess)
        for view in found:
            shares[view] = shares.get(view, 0.0) + 1 / len(found) / len(protocol.parts)
    return shares


def _views(part: Part, preprocess: Preprocess) -> list[View]:
    size = part.size or preprocess.size
    scales = part.scales or (preprocess.resize,)
    if part.kind == "1crop":
        return [replace(_centre(scales[0], preprocess), size=size, place=CENTRE)]
    if part.kind == "dense":
        found = [View(scale) for scale in scales]
    elif part.kind == "multi-crop-5x5":
        found = [View(scale, size=size, place=place) for scale in scales for place in GRID]
    elif part.kind == "10crop":
        found = [replace(_centre(scales[0], preprocess), size=size, place=place) for place in FIVE]
    elif part.kind == "12crop":
        found = _six(View(scales[0], square=0.5, size=size))
    else:
        sides = [round(scale * size / 224) for scale in GOOGLENET_SCALES]
        found = [view for side in sides for square in SQUARES for view in _six(View(side, square=square, size=size))]
    return found + [replace(view, mirrored=True) for view in found]


def _centre(resize: int | None, preprocess: Preprocess) -> View:
    """What is left of a picture before the run's own crop; at another scale its centre square is in proportion."""
    side = preprocess.centre
    if side is None:
        return View(resize)
    if resize and preprocess.resize:
        side = round(side * resize / preprocess.resize)
    return View(resize, square=0.5, side=side)


def _six(square: View) -> list[View]:
    """Corners and centre of a square, and the whole square resized."""
    return [*(replace(square, place=place) for place in FIVE), square]
