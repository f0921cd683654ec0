"""From what a layout finds to a Source: class order, fingerprint, checks, and the validation split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..errors import DataError, UsageError
from .decode import printable
from .pictures import Names, Source, Split, StoredPictures, array_split
from .randomness import permutation
from .stores import Store

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
WNID = re.compile(r"n\d{8}")


TEST_SEED = 1 << 32  # added to the seed that picks the test pictures, so that they are not those that would validate


class Sample(NamedTuple):
    """One picture file of a store."""

    split: str
    label: str
    path: str


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts class2 before class10."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def stored_source(store: Store, samples: Iterable[Sample], classes: Iterable[str], name: str, base: str = "") -> Source:
    """A source of picture files. `base`: the folder of the store that file names are counted from."""
    ordered = tuple(sorted(set(classes), key=natural_key))
    index = {label: i for i, label in enumerate(ordered)}
    groups: dict[str, list[Sample]] = {}
    digest = hashlib.sha256()
    for sample in sorted(samples):
        groups.setdefault(sample.split, []).append(sample)
        line = f"{sample.split}\t{sample.path[len(base) :]}\t{store.files.get(sample.path, 0)}\t{sample.label}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    splits = {}
    for split in sorted(groups, key=list(SPLITS).index):
        names = Names.of_paths(store.root, [sample.path for sample in groups[split]])
        labels = np.array([index[sample.label] for sample in groups[split]], np.int64)
        splits[split] = Split(StoredPictures(store.reader, names), labels)
    name = known_name(ordered) or name
    return Source(name, tuple(map(printable, ordered)), splits, 3, None, {"name": name, "sha256": digest.hexdigest()})


def array_source(name: str, classes: Sequence[str], arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> Source:
    """A source of decoded pictures: for each split uint8 (N, H, W, C) and labels."""
    digest = hashlib.sha256()
    splits = {}
    for split, (array, labels) in arrays.items():
        splits[split] = array_split(np.ascontiguousarray(array), labels, f"{name}/{split}")
        digest.update(f"{split}\t{array.shape}\t{','.join(map(str, labels))}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    _, height, width, channels = next(iter(arrays.values()))[0].shape
    return Source(name, tuple(classes), splits, channels, (height, width), {"name": name, "sha256": digest.hexdigest()})


def finish(
    source: Source,
    spec: str,
    *,
    val_fraction: float,
    test_fraction: float,
    val_is_test: bool,
    seed: int,
    allow_empty: bool,
) -> Source:
    """The source with its classes checked, and divided as `open_source` says.

    Raises DataError naming class and split (or file) of what is missing.
    """
    for option, fraction in (("--val-fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 <= fraction < 1:
            raise UsageError(f"{option} is {fraction}; it must be at least 0 and less than 1")
    if len(source.classes) < 2:
        raise DataError(f"{spec}: only one class, {source.classes[0]!r}; a classifier needs two or more")
    if not allow_empty:
        check_classes(source, spec)
    splits = dict(source.splits)
    if val_is_test and {"train", "val"} <= set(splits) and "test" not in splits:
        splits["test"] = splits.pop("val")
    if "val" not in splits and "test" not in splits:
        _set_aside(splits, "test", test_fraction, seed + TEST_SEED)
    if "val" not in splits:
        _set_aside(splits, "val", val_fraction, seed)
    splits = {name: splits[name] for name in SPLITS if name in splits}
    samples = {split: len(pictures) for split, pictures in splits.items()}
    return replace(source, splits=splits, fingerprint=source.fingerprint | {"samples": samples})


def _set_aside(splits: dict[str, Split], name: str, fraction: float, seed: int) -> None:
    """Make a split of a share of the training pictures, where there are any."""
    if "train" not in splits or not fraction:
        return
    train = splits["train"]
    held_out = stratified(train.labels, fraction, seed)
    if held_out.any():
        splits["train"], splits[name] = train.take(np.flatnonzero(~held_out)), train.take(np.flatnonzero(held_out))


def check_classes(source: Source, spec: str) -> None:
    """Raises DataError naming every class that has no picture in a split."""
    found = []
    for split, pictures in source.splits.items():
        absent = np.flatnonzero(np.bincount(pictures.labels, minlength=len(source.classes)) == 0)
        if len(absent):
            names = ", ".join(repr(source.classes[i]) for i in absent)
            kind, has = ("class", "has") if len(absent) == 1 else (f"{len(absent)} classes", "have")
            found.append(f"{kind} {names} {has} no pictures in split {split!r}")
    if found:
        raise DataError(
            f"{spec}: {'; '.join(found)}; add some, or take the class out of every split (--allow-empty keeps it)"
        )


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A mask that picks `fraction` of each class at random; of two or more pictures at least one on either side."""
    picked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(round(len(members) * fraction), 1), len(members) - 1)
        picked[members[permutation(seed, int(label), len(members))[:count]]] = True
    return picked


def known_name(classes: tuple[str, ...]) -> str | None:
    """A data set known by its classes alone."""
    if classes == CIFAR10_CLASSES:
        return "cifar10"
    return "imagenet" if len(classes) == 1000 and all(map(WNID.fullmatch, classes)) else None
