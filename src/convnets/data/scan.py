"""Every picture is decoded once before step 1: bad ones are named, small sets stay in memory."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from ..errors import DataError, UsageError
from .pictures import MemoryPictures, Source, Split, StoredPictures

MEMORY_LIMIT = 1024**3
THREADS = min(8, os.cpu_count() or 1)
SMALL = 64 * 1024  # pixels; below it handing a picture to another thread costs more than decoding it


def check(source: Source, bad: str = "error", progress: bool = True) -> Source:
    """The source with every picture known to decode; decoded, in memory, where that takes 1 GiB at most.

    Raises one DataError that names the unreadable pictures, each on a line of its own, or with bad="skip" drops them
    and prints their names to standard error.
    """
    if bad not in ("error", "skip"):
        raise UsageError(f"--bad-images is {bad!r}; it takes error or skip")
    pictures = {name: split.pictures for name, split in source.splits.items()}
    stored = {name: some for name, some in pictures.items() if isinstance(some, StoredPictures)}
    if not stored:
        return source
    scan = _Scan(sum(map(len, stored.values())), progress)
    results = {name: scan.run(some) for name, some in stored.items()}
    scan.bar.close()
    if scan.failures:
        refuse(scan.failures, sum(map(len, stored.values())), bad)
    splits = dict(source.splits)
    for name, (good, decoded) in results.items():
        splits[name] = _checked(source, name, splits[name], good, decoded if scan.keep else None)
    samples = {name: len(split) for name, split in splits.items()}
    size = next(iter(scan.sizes)) if len(scan.sizes) == 1 else None
    return replace(source, splits=splits, size=size, fingerprint=source.fingerprint | {"samples": samples})


class _Scan:
    """One pass over all splits: what failed, what sizes there are, and the pictures themselves while they fit."""

    def __init__(self, total: int, progress: bool) -> None:
        self.failures: list[str] = []
        self.sizes: set[tuple[int, int]] = set()
        self.keep = True
        self.bytes = 0
        # disable=None: no bar unless standard error is a terminal
        hidden = None if progress else True
        self.bar = tqdm(total=total, desc="Checking pictures", leave=False, file=sys.stderr, disable=hidden)

    def run(self, pictures: StoredPictures) -> tuple[np.ndarray, list[np.ndarray]]:
        """Indices of the readable pictures, and the decoded pictures (to be ignored where `keep` ends false)."""
        good, decoded = [], []
        for index, result in enumerate(decode_all(pictures)):
            self.bar.update()
            if isinstance(result, DataError):
                self.failures.append(str(result))
                continue
            good.append(index)
            self.sizes.add((result.shape[0], result.shape[1]))
            self.bytes += result.nbytes
            self.keep = self.keep and self.bytes <= MEMORY_LIMIT
            if self.keep:
                decoded.append(result)
            else:
                decoded.clear()
        return np.array(good, np.int64), decoded


def decode_all(pictures: StoredPictures) -> Iterator[np.ndarray | DataError]:
    """Each picture or its error, in order; large ones are decoded by several threads."""

    def attempt(index: int) -> np.ndarray | DataError:
        try:
            return pictures.verified(index)
        except DataError as error:
            return error

    if not len(pictures):
        return
    first = attempt(0)
    yield first
    if THREADS == 1 or (isinstance(first, np.ndarray) and first.shape[0] * first.shape[1] < SMALL):
        yield from map(attempt, range(1, len(pictures)))
        return
    pending: deque[Future[np.ndarray | DataError]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for index in range(1, len(pictures)):
            pending.append(pool.submit(attempt, index))
            if len(pending) > 2 * THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _checked(source: Source, name: str, split: Split, good: np.ndarray, decoded: list[np.ndarray] | None) -> Split:
    kept = split.take(good) if len(good) < len(split) else split
    lost = set(split.labels.tolist()) - set(kept.labels.tolist())
    if lost:
        raise DataError(f"no picture of class {source.classes[min(lost)]!r} in split {name!r} can be read")
    if decoded is None:
        return kept
    assert isinstance(kept.pictures, StoredPictures)
    equal = len({picture.shape for picture in decoded}) == 1
    return Split(MemoryPictures(np.stack(decoded) if equal else decoded, kept.pictures.names), kept.labels)


def refuse(failures: list[str], total: int, bad: str) -> None:
    """Name the pictures that cannot be used: in a DataError, or with bad="skip" on standard error."""
    lines = "\n".join([f"{len(failures)} of {total} pictures cannot be used:", *(f"  {line}" for line in failures)])
    if bad == "error":
        raise DataError(lines + "\nRepair or remove them, or pass --bad-images skip to leave them out.")
    print(f"{lines}\nLeft out.", file=sys.stderr)
