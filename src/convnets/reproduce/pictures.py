"""The pictures of an experiment: a data set, or a part of it, at a small size, decoded once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import cache_folder
from ..data import Split, check, open_source, prepare
from ..data.pictures import MemoryPictures, Names
from ..data.randomness import permutation
from ..errors import DataError
from ..experiments import Setting
from ..spec import Preprocess

SUBSET = 20261128  # seed of the choice of pictures, the same for every experiment


@dataclass(frozen=True)
class Pictures:
    """Training and test pictures uint8 (N, size, size, C) with their labels."""

    train: Split
    test: Split
    classes: int
    channels: int


def load(setting: Setting, data: str) -> Pictures:
    """The pictures that the setting asks for, of `data`. Raises DataError where it has no test pictures."""
    arrays = _cached(data, setting.size)
    splits = {}
    for name, most in (("train", setting.pictures), ("test", setting.tests)):
        images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"]
        chosen = permutation(SUBSET, 0, len(labels))[: most or None]
        names = Names(f"{data}/{name}", np.array([str(index) for index in chosen]))
        splits[name] = Split(MemoryPictures(np.ascontiguousarray(images[chosen]), names), labels[chosen])
    return Pictures(splits["train"], splits["test"], int(arrays["classes"]), arrays["train_images"].shape[3])


def stamp_of(data: str) -> str:
    """Another one where a file of the data set was changed, came or went; none of what has only a name."""
    path = Path(data).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    known = [(str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime) for file in files]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16] if files else ""


def _cached(data: str, size: int) -> dict[str, Any]:
    """Both splits of a data set at this size, from the cache where they were made before."""
    stamp = stamp_of(data)
    name = str(Path(data).expanduser().resolve()) if stamp else data
    key = hashlib.sha256(json.dumps([name, stamp, size, 2]).encode()).hexdigest()[:24]
    kept = cache_folder() / "experiments" / f"{key}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return dict(arrays)
    source = check(open_source(data, val_fraction=0, val_is_test=True, test_fraction=0.2))
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
