"""What a trained network sees in pictures, each looked at once.

It is remembered on disk, under a name made of the weights, the preprocessing and the pictures, so that another look at
the same takes no time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .. import spec
from ..cache import cache_folder
from ..data import Loader, Split, Statistics, normalise
from ..data.pictures import StoredPictures
from ..errors import CheckpointError, ResourceError, UsageError
from ..network import Network
from ..runs import checkpoint
from .evaluate import evaluating

BATCH, ON_A_CPU = 64, 8  # pictures at a time; on a CPU few stay in its cache
FEATURES = ""  # stands for the row whose output the classifier sees


@dataclass(frozen=True)
class Eye:
    """A trained network, how its pictures are prepared, and where it runs."""

    network: Network
    preprocess: spec.Preprocess
    statistics: Statistics
    device: torch.device
    workers: int = 0


def given(eye: Eye, images: Tensor) -> Tensor:
    """Prepared pictures (N, C, H, W) as they are handed to the network: on its device, normalised."""
    return normalise(images.to(eye.device, non_blocking=True), eye.preprocess, eye.statistics)


def remembered(eye: Eye, split: Split, rows: Sequence[str] = (FEATURES,)) -> dict[str, np.ndarray]:
    """Features (N, D) of the split by row, from the cache where they were computed before."""
    folder, key = cache_folder() / "features", _key(eye, split)
    paths = {row: folder / f"{key}-{row or 'features'}.safetensors" for row in rows}
    found: dict[str, np.ndarray] = {}
    for row, path in paths.items():
        with contextlib.suppress(CheckpointError, UsageError, KeyError):  # none there, or a damaged one
            found[row] = checkpoint.load(path)[0]["features"].numpy()
    missing = [row for row in rows if row not in found]
    if missing:
        for row, tensor in compute(eye, split, missing).items():
            found[row] = tensor.numpy()
            _keep(paths[row], tensor)
    return found


def _keep(path: Path, features: Tensor) -> None:
    """Remember them, if there is a place for that: under a name of our own first, since others may do the same."""
    temporary = path.with_stem(f"{path.stem}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(temporary, {"features": features}, {})
        temporary.replace(path)
    except (OSError, ResourceError) as error:
        print(f"warning: what the network saw cannot be remembered ({error})", file=sys.stderr)


def compute(eye: Eye, split: Split, rows: Sequence[str]) -> dict[str, Tensor]:
    """One pass over the split: what the classifier sees (row ""), or the means over the maps of rows."""
    size = ON_A_CPU if eye.device.type == "cpu" else BATCH
    loader = Loader(split, eye.preprocess, batch_size=size, workers=eye.workers, statistics=eye.statistics)
    parts: dict[str, list[Tensor]] = {row: [] for row in rows}
    shown = sys.stderr.isatty()
    for batch in tqdm(loader.epoch(0), "features", len(loader), leave=False, disable=not shown, unit="batch"):
        for row, seen in look(eye, batch.images, rows).items():
            parts[row].append(seen)
    return {row: torch.cat(tensors) for row, tensors in parts.items()}


def look(eye: Eye, images: Tensor, rows: Sequence[str] = (FEATURES,)) -> dict[str, Tensor]:
    """Features (N, D) of prepared pictures (N, C, H, W) by row."""
    network, found = eye.network, dict[str, Tensor]()
    images = given(eye, images)
    with evaluating(network):
        if FEATURES in rows:
            found[FEATURES] = network.forward_head(network.forward_features(images), pre_logits=True)
        if named := [row for row in rows if row != FEATURES]:
            for row, output in network.taps(images, named).items():
                found[row] = output.mean((2, 3)) if output.dim() == 4 else output
    return {row: seen.float().cpu() for row, seen in found.items()}


def _key(eye: Eye, split: Split) -> str:
    """What the features depend on: weights but the classifier's, preprocessing, and each picture of the split."""
    network = eye.network
    classifier = next(name for name, module in network.named_modules() if module is network.get_classifier())
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        if not name.startswith(f"{classifier}."):
            digest.update(name.encode() + tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    for name, tensor in eye.statistics.tensors().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    axes = {axis: value for axis, value in network.overrides.items() if axis != "num_classes"}
    digest.update(json.dumps([network.name, axes, spec.to_dict(eye.preprocess)], sort_keys=True).encode())
    for content in contents(split):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def contents(split: Split) -> Iterator[Any]:
    """The bytes of each picture: of its file where it is one, else of its pixels."""
    pictures = split.pictures
    for index in range(len(split)):
        if isinstance(pictures, StoredPictures):
            yield pictures.read(index)
        else:
            yield np.ascontiguousarray(pictures.load(index)).data
