"""Runs: folders and checkpoints in, trained networks out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import papers, spec
from ..data import NO_STATISTICS, Statistics
from ..errors import CheckpointError, UsageError
from ..models import create_model
from ..network import Network
from . import checkpoint
from .folder import BEST, LAST, RunFolder

__all__ = ["Loaded", "RunFolder", "load"]


@dataclass(frozen=True)
class Loaded:
    """A trained network with what its weights mean: class names, preprocessing, statistics of the training pictures."""

    network: Network
    classes: tuple[str, ...]
    preprocess: spec.Preprocess
    state: dict[str, Any]
    path: Path
    statistics: Statistics = NO_STATISTICS


def load(run: str | Path, model: str | None = None, *, raw: bool = False) -> Loaded:
    """A trained network from a run folder (its best checkpoint) or a .safetensors file, in eval mode.

    Where the run kept an average of the weights, that is taken, or with `raw` the weights themselves. `model` names the
    network; plain weights, which do not name theirs, need it. Raises UsageError where nothing is there, CheckpointError
    where the file is damaged or belongs to another network.
    """
    path = Path(run)
    if path.is_dir():
        path = _best_of(RunFolder.open(path))
    tensors, state = checkpoint.load_any(path)
    if state is None:
        return _from_plain(path, tensors, model)
    name = state["network"]["name"]
    if model is not None and papers.find(model).name != name:
        raise CheckpointError(f"{path}: holds the weights of {name}, not of {model}; use --model {name}")
    network = create_model(name, **state["network"]["overrides"])
    load_weights(network, (not raw and under("ema.", tensors)) or under("model.", tensors), path)
    preprocess = spec.from_dict(spec.Preprocess, state["preprocess"])
    statistics = Statistics.of(under("statistics.", tensors))
    return Loaded(network.eval(), tuple(state["classes"]), preprocess, state, path, statistics)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def load_weights(network: Network, weights: dict[str, Tensor], path: Path) -> None:
    """Load every tensor of `network` from `weights`; CheckpointError listing the first that differ."""
    own = network.state_dict()
    differing = [
        f"{name} ({_shape(weights.get(name))} in the file, {_shape(own.get(name))} in the network)"
        for name in [*own, *(set(weights) - set(own))]
        if _shape(weights.get(name)) != _shape(own.get(name))
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise CheckpointError(f"{path}: does not fit the network: {', '.join(differing[:3])}{more}")
    network.load_state_dict(weights)


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else "x".join(map(str, tensor.shape)) or "scalar"


def _best_of(folder: RunFolder) -> Path:
    for name in (BEST, LAST):
        if (folder.path / name).exists():
            return folder.path / name
    raise UsageError(f"{folder.path}: holds no checkpoint yet; continue it with convnets train --resume {folder.path}")


def _from_plain(path: Path, weights: dict[str, Tensor], model: str | None) -> Loaded:
    """Weights without a state: the network is named, its classes and channels are read off its last and first layer."""
    if model is None:
        raise UsageError(f"{path}: plain weights do not say which network they are of; add --model NAME")
    with torch.device("meta"):
        shape = create_model(model).state_dict()
    first, last = next(iter(shape)), next(reversed(shape)).replace(".bias", ".weight")
    if first not in weights or last not in weights:
        raise CheckpointError(f"{path}: does not fit {model}: no tensor called {last if first in weights else first}")
    classes, channels = len(weights[last]), weights[first].shape[1]
    network = create_model(model, num_classes=classes, in_channels=channels)
    load_weights(network, weights, path)
    size = papers.find(model).input[1]
    return Loaded(
        network.eval(), tuple(map(str, range(classes))), default_preprocess((channels, size, size)), {}, path
    )


def default_preprocess(input_shape: tuple[int, int, int]) -> spec.Preprocess:
    """What a network of this input (C, H, W) is fed where nothing was stored: ImageNet's channel statistics."""
    channels, size, _ = input_shape
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return spec.Preprocess(
        size=size,
        resize=round(size * 256 / 224) if size > 64 else size,
        channels=channels,
        mean=mean if channels == 3 else (0.5,) * channels,
        std=std if channels == 3 else (0.25,) * channels,
    )
