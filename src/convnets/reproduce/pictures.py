"""The pictures of an experiment: a data set, or a part of it, at a small size, decoded once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cache import cache_folder
from ..data import Split, check, open_source, prepare
from ..data.pictures import MemoryPictures, Names
from ..data.randomness import permutation
from ..errors import DataError
from ..experiments import Setting
from ..spec import Preprocess

SPLIT: dict[str, Any] = {"val_fraction": 0, "val_is_test": True, "test_fraction": 0.2}
SUBSET = 20261128  # seed of the choice of pictures, the same for every experiment


@dataclass(frozen=True)
class Pictures:
    """Training and test pictures uint8 (N, size, size, C) with their labels."""

    train: Split
    test: Split
    classes: int
    channels: int


def load(setting: Setting, data: str, state: str = "") -> Pictures:
    """The pictures that the setting asks for, of `data` in this state. Raises DataError where none are to test on."""
    arrays = _cached(data, state or state_of(data), setting.size)
    splits = {}
    for name, most in (("train", setting.pictures), ("test", setting.tests)):
        images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"]
        chosen = permutation(SUBSET, 0, len(labels))[: most or None]
        names = Names(f"{data}/{name}", np.array([str(index) for index in chosen]))
        splits[name] = Split(MemoryPictures(np.ascontiguousarray(images[chosen]), names), labels[chosen])
    return Pictures(splits["train"], splits["test"], int(arrays["classes"]), arrays["train_images"].shape[3])


def state_of(data: str) -> str:
    """A digest of what a data set has: another where a picture came, went or got another size. Raises DataError."""
    return str(open_source(data, **SPLIT).fingerprint["sha256"])


def _cached(data: str, state: str, size: int) -> dict[str, Any]:
    """Both splits of a data set at this size, from the cache where they were made before."""
    key = hashlib.sha256(json.dumps([state, size, 2]).encode()).hexdigest()[:24]
    kept = cache_folder() / "experiments" / f"{key}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return dict(arrays)
    source = check(open_source(data, **SPLIT))
    if "test" not in source.splits:
        raise DataError(f"{data}: has no test pictures; an experiment needs train and test")
    found: dict[str, Any] = {"classes": len(source.classes)}
    preprocess = Preprocess(size=size, resize=size, channels=source.channels, interpolation="area")
    for name in ("train", "test"):
        split = source.splits[name]
        found[f"{name}_images"] = np.stack([prepare(split.pictures.load(i), preprocess) for i in range(len(split))])
        found[f"{name}_labels"] = split.labels
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}.npz")
    np.savez(temporary, **found)
    temporary.replace(kept)
    return found
