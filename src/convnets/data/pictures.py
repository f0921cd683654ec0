"""What a data set is once it is opened: classes, and for each split its pictures and labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .decode import Reduce, decode, printable
from .stores import Reader


class Pictures(Protocol):
    """The pictures of one split, decoded when asked for."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Path of a file, or the like of "digits/train/17", for messages."""
        ...

    def load(self, index: int) -> np.ndarray:
        """The picture as uint8 (H, W, C), C 1 or 3. Raises DataError."""
        ...

    def take(self, indices: np.ndarray) -> Pictures:
        """These of the pictures, in this order."""
        ...


@dataclass
class Split:
    """Pictures and their labels (int64, indices into the source's classes)."""

    pictures: Pictures
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Split:
        return Split(self.pictures.take(indices), self.labels[indices])


@dataclass
class Source:
    """An opened data set.

    `channels` and `size` (H, W) are what its pictures have as decoded; `size` is None where they differ or nobody has
    looked yet. `fingerprint` holds the name, the samples of each split, and a SHA-256 over the content's outline.
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    channels: int
    size: tuple[int, int] | None
    fingerprint: dict[str, Any]


class Names:
    """Sample names under one prefix, packed: a million paths must not weigh on every worker process."""

    def __init__(self, prefix: str, parts: np.ndarray) -> None:
        self.prefix = prefix
        self.parts = parts

    @classmethod
    def of_paths(cls, prefix: str, paths: Sequence[str]) -> Names:
        return cls(prefix, np.array([os.fsencode(path) for path in paths], dtype=bytes))

    def __len__(self) -> int:
        return len(self.parts)

    def path(self, index: int) -> str:
        part = self.parts[index]
        return os.fsdecode(bytes(part)) if isinstance(part, bytes) else str(part)

    def __getitem__(self, index: int) -> str:
        return printable(os.path.join(self.prefix, self.path(index)))  # noqa: PTH118 (millions of them)

    def take(self, indices: np.ndarray) -> Names:
        return Names(self.prefix, self.parts[indices])


class _NamedPictures:
    def __init__(self, names: Names) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return self.names[index]


class StoredPictures(_NamedPictures):
    """Picture files behind a reader: a folder or an archive. (In a pack: see packed.py.)"""

    def __init__(self, reader: Reader, names: Names) -> None:
        super().__init__(names)
        self.reader = reader

    def read(self, index: int) -> bytes | memoryview:
        """The file's bytes. Raises DataError."""
        return self.reader.read(self.names.path(index))

    def load(self, index: int) -> np.ndarray:
        return decode(self.read(index), name=self.name(index))

    def load_reduced(self, index: int, reduce: Reduce) -> np.ndarray:
        """The picture, or a JPEG file smaller by the factor that `reduce` gives for its height and width."""
        return decode(self.read(index), name=self.name(index), reduce=reduce)

    def verified(self, index: int) -> np.ndarray:
        """What `load` gives, once the file is known to be as it was written, where something tells that."""
        return self.load(index)

    def take(self, indices: np.ndarray) -> StoredPictures:
        return StoredPictures(self.reader, self.names.take(indices))


class MemoryPictures(_NamedPictures):
    """Decoded pictures: one array (N, H, W, C) where they share a size, else a list of arrays (H, W, C)."""

    def __init__(self, pictures: np.ndarray | list[np.ndarray], names: Names) -> None:
        super().__init__(names)
        self.pictures = pictures

    def load(self, index: int) -> np.ndarray:
        return self.pictures[index]

    def take(self, indices: np.ndarray) -> MemoryPictures:
        pictures = self.pictures
        taken = pictures[indices] if isinstance(pictures, np.ndarray) else [pictures[i] for i in indices]
        return MemoryPictures(taken, self.names.take(indices))


def array_split(array: np.ndarray, labels: np.ndarray, prefix: str) -> Split:
    """A split of decoded pictures (N, H, W, C), named prefix/0, prefix/1, ..."""
    return Split(MemoryPictures(array, Names(prefix, np.arange(len(array)))), np.asarray(labels, np.int64))
