"""What a data set holds: how many pictures of each class, how large they are, and which of them are the same."""

from __future__ import annotations

import hashlib
import io
import time
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..data import Source, Split
from ..evaluate.features import contents

MOST = 60_000  # pictures of a split that are looked at for equal ones, spread evenly
MEASURED = 2_000  # pictures of a split whose size is read, spread evenly
TRIED = 50  # pictures of a split that are read to know how long all of them take
NAMED = 20  # groups of equal pictures that are named


class Place(NamedTuple):
    """A picture of a data set."""

    split: str
    number: int


@dataclass(frozen=True)
class DataCard:
    """What was found. `counts` are pictures by class, `sizes` (height, width) of some pictures, by split.

    `equal` are the groups of equal pictures, `looked` how many pictures of each split were compared for them: files of
    the same bytes, or where pictures come decoded the same pixels. Where that would have taken longer than it may,
    `too_long` is true, and none was compared.
    """

    source: Source
    counts: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    equal: list[list[Place]]
    looked: dict[str, int]
    too_long: bool = False

    @property
    def is_part(self) -> bool:
        """Whether some pictures of a split were not compared, since there are too many."""
        return any(count < len(self.source.splits[name]) for name, count in self.looked.items())

    def repeated(self, split: str) -> int:
        """How many pictures of a split are the same as one before it there."""
        return sum(max(0, sum(place.split == split for place in group) - 1) for group in self.equal)

    def shared(self, split: str, other: str) -> int:
        """How many pictures of `split` are in `other` too."""
        groups = [group for group in self.equal if any(place.split == other for place in group)]
        return sum(place.split == split for group in groups for place in group)

    def label(self, place: Place) -> str:
        """The class of a picture."""
        return self.source.classes[int(self.source.splits[place.split].labels[place.number])]

    def name(self, place: Place) -> str:
        """The name of a picture, with its split."""
        return f"{place.split}: {self.source.splits[place.split].pictures.name(place.number)}"

    def contradictions(self) -> list[list[Place]]:
        """The groups of equal pictures that carry different labels."""
        return [group for group in self.equal if len({self.label(place) for place in group}) > 1]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; sizes in pixels."""
        pairs = [(a, b) for a in self.looked for b in self.looked if a != b]
        return {
            "name": self.source.name,
            "counts": {name: dict(zip(self.source.classes, found.tolist(), strict=True))
                       for name, found in self.counts.items()},
            "sizes": {name: _of_sizes(found) for name, found in self.sizes.items() if len(found)},
            "compared": self.looked,
            "repeated": {name: self.repeated(name) for name in self.looked},
            "shared": [{"of": a, "also_in": b, "pictures": self.shared(a, b)} for a, b in pairs],
            "different_labels": len(self.contradictions()),
            "groups": [[self.name(place) for place in group] for group in self.equal[:NAMED]],
        }  # fmt: skip


def data_card(source: Source, untouched: Collection[str] = (), seconds: float | None = None) -> DataCard:
    """Look at the pictures of a data set, but at none of the splits that are to stay `untouched`.

    Equal ones are not looked for where reading all of them would take more than so many `seconds`. Raises DataError for
    a file that cannot be read.
    """
    counts = {name: np.bincount(split.labels, minlength=len(source.classes)) for name, split in source.splits.items()}
    sizes: dict[str, np.ndarray] = {}
    groups: dict[bytes, list[Place]] = {}
    chosen = {name: _spread(len(split), MOST) for name, split in source.splits.items() if name not in untouched}
    too_long = seconds is not None and _takes(source, chosen) > seconds
    for name, indices in chosen.items():
        some = indices[_spread(len(indices), MEASURED)] if too_long else indices
        sizes[name] = _look(name, source.splits[name], some, groups)
    if too_long:
        return DataCard(source, counts, sizes, [], {}, too_long)
    equal = [group for group in groups.values() if len(group) > 1]
    return DataCard(source, counts, sizes, equal, {name: len(indices) for name, indices in chosen.items()})


def _takes(source: Source, chosen: dict[str, np.ndarray]) -> float:
    """About how many seconds it takes to read and hash these pictures, by some of each split."""
    total = 0.0
    for name, indices in chosen.items():
        some = indices[_spread(len(indices), TRIED)]
        began = time.perf_counter()
        for content in contents(source.splits[name].take(some)):
            hashlib.sha256(content)
        total += (time.perf_counter() - began) * len(indices) / max(1, len(some))
    return total


def _look(name: str, split: Split, indices: np.ndarray, groups: dict[bytes, list[Place]]) -> np.ndarray:
    """Put the pictures into groups by their hash; the sizes (M, 2) of some."""
    measured, found = set(indices[_spread(len(indices), MEASURED)].tolist()), []
    for index, content in zip(indices.tolist(), contents(split.take(indices)), strict=True):
        groups.setdefault(hashlib.sha256(content).digest(), []).append(Place(name, index))
        size = _size(content) if index in measured else None
        if size is not None:
            found.append(size)
    return np.array(found, int).reshape(-1, 2)


def _size(content: bytes | memoryview) -> tuple[int, int] | None:
    """Height and width, of a file as its header says; None where that cannot be read."""
    if isinstance(content, memoryview) and content.ndim == 3:
        height, width, _ = content.shape  # type: ignore[misc]
        return height, width
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Pillow finds odd
            with Image.open(io.BytesIO(content)) as image:
                return image.height, image.width
    except (OSError, ValueError, SyntaxError):
        return None


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many of the numbers below `count`, spread evenly."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _of_sizes(found: np.ndarray) -> dict[str, list[int]]:
    return {"smallest": found.min(0).tolist(), "median": np.median(found, 0).astype(int).tolist(),
            "largest": found.max(0).tolist()}  # fmt: skip
