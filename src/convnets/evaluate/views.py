"""Cutting the views of a test protocol out of a decoded picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from ..data import Statistics
from ..data.augment import padded, resize, resize_shorter
from ..data.decode import to_channels
from ..data.statistics import standardised
from ..spec import Preprocess
from .protocols import View

DENSE_PIXELS = 1 << 22  # of a longer picture only the middle is seen, since maps of any size would not fit in memory


def cut(
    picture: np.ndarray, wanted: Iterable[View], preprocess: Preprocess, statistics: Statistics
) -> Iterator[tuple[View, np.ndarray]]:
    """Each view of a decoded picture (H, W, C), not yet mirrored: uint8 (h, w, channels), or float32 if standardised.

    Views of one scale or square share the work. What is larger than the picture is padded with black.
    """
    picture = to_channels(picture, preprocess.channels)

    @cache
    def scaled(side: int | None) -> np.ndarray:
        return resize_shorter(picture, replace(preprocess, resize=side))

    @cache
    def region(view: View) -> np.ndarray:
        return _square(scaled(view.resize), view)

    @cache
    def ready(view: View) -> np.ndarray:
        return standardised(region(view), preprocess, statistics)

    for view in wanted:
        frame = View(view.resize, view.square, view.side)
        if view.size is None:
            yield view, _middle(ready(frame))
        elif view.place is None:
            small = resize(region(frame), (view.size, view.size), preprocess.interpolation)
            yield view, standardised(small, preprocess, statistics)
        else:
            yield view, crop(ready(frame), view.size, view.place)


def crop(picture: np.ndarray, size: int, place: tuple[float, float]) -> np.ndarray:
    """The size x size of a picture (H, W, C) that has these shares of the free space above and left of it."""
    picture = padded(picture[None], 0, size)[0]
    # Half pixels are rounded to the even side, as everywhere and in torchvision.
    top, left = (round(share * (side - size)) for share, side in zip(place, picture.shape[:2], strict=True))
    cropped: np.ndarray = picture[top : top + size, left : left + size]
    return cropped


def _square(picture: np.ndarray, region: View) -> np.ndarray:
    if region.square is None:
        return picture
    return crop(picture, region.side or min(picture.shape[:2]), (region.square, region.square))


def _middle(picture: np.ndarray) -> np.ndarray:
    """The picture, of a very long one as much of its middle as DENSE_PIXELS hold."""
    height, width = picture.shape[:2]
    longest = DENSE_PIXELS // min(height, width)
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return picture[top : top + longest, left : left + longest]
