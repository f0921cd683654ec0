"""Runs: folders and checkpoints in, trained networks out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import papers, spec
from ..data import NO_STATISTICS, Statistics
from ..errors import CheckpointError, UsageError
from ..models import create_model
from ..network import Network
from ..papers import weights as published
from ..weights import (
    CONFIG,
    Origin,
    carried,
    ends,
    fetch,
    fetch_folder,
    published_as,
    read_config,
    recognised,
    refuse_nonfinite,
)
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
    named: bool = True  # whether `classes` are names; of plain weights they are numbers


def load(
    run: str | Path, model: str | None = None, *, raw: bool = False, allow_nonfinite: bool = False
) -> Loaded:
    """A trained network from a run folder (its best checkpoint) or a file of weights, in eval mode.

    `run` may also be another library's file, or name published weights such as torchvision:resnet50. Where the run kept
    an average of the weights, that is taken, or with `raw` the weights themselves. `model` names the network of a file
    that does not. Raises UsageError where nothing is there, CheckpointError where the file is damaged, belongs to
    another network, or holds NaN.
    """
    if Path(run).suffix in (".onnx", ".xml", ".pt2"):
        raise UsageError(f"{run}: an exported file, which predict answers with; give the run or weights it came from")
    if str(run).startswith("hf:"):
        return _from_folder(fetch_folder(str(run)), model, allow_nonfinite)
    if published.is_spec(str(run)):
        path, origin = fetch(str(run))
        weights, _ = checkpoint.load_any(path, allow_nonfinite=allow_nonfinite)
        return _from_plain(path, weights, model, origin)
    path, fitted = Path(run), {}
    if (path / CONFIG).is_file():
        return _from_folder(path, model, allow_nonfinite)
    if path.is_dir():
        folder = RunFolder.open(path)
        path, fitted = _best_of(folder), {key: value for key, value in folder.read_run().items() if key == "fit"}
    tensors, state = checkpoint.load_any(path, allow_nonfinite=allow_nonfinite)
    if state is None:
        return _from_plain(path, tensors, model)
    name = state["network"]["name"]
    if model is not None and papers.find(model).name != name:
        raise CheckpointError(f"{path}: holds the weights of {name}, not of {model}; use --model {name}")
    network = create_model(name, **state["network"]["overrides"])
    own = (not raw and under("ema.", tensors)) or under("model.", tensors)
    if not allow_nonfinite:
        refuse_nonfinite(own, path)
    load_weights(network, own, path)
    preprocess = spec.from_dict(spec.Preprocess, state["preprocess"])
    statistics = Statistics.of(under("statistics.", tensors))
    return Loaded(network.eval(), tuple(state["classes"]), preprocess, state | fitted, path, statistics)


def _from_folder(folder: Path, model: str | None, allow_nonfinite: bool) -> Loaded:
    """A folder in the hub's form, ours or timm's."""
    origin, overrides, state = read_config(folder)
    weights, _ = checkpoint.load_any(folder / "model.safetensors", allow_nonfinite=allow_nonfinite)
    loaded = _from_plain(folder / "model.safetensors", weights, model, origin, overrides)
    loaded = replace(loaded, state=state)
    if not (folder / "statistics.safetensors").is_file():
        return loaded
    statistics, _ = checkpoint.load_any(folder / "statistics.safetensors")
    return replace(loaded, statistics=Statistics.of(statistics))


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


def _from_plain(
    path: Path,
    weights: dict[str, Tensor],
    model: str | None,
    origin: Origin | None = None,
    overrides: dict[str, Any] | None = None,
) -> Loaded:
    """Weights without a state: those of ours by their names, all others as `weights.carried` finds their layers.

    Classes and channels are read off the last and the first layer.
    """
    origin = origin or recognised(weights) or published_as(path)
    if model is None and origin is None:
        raise UsageError(f"{path}: plain weights do not say which network they are of; add --model NAME")
    name = papers.find(model).name if model is not None else origin.network  # type: ignore[union-attr]
    if origin is not None and name != origin.network:
        raise CheckpointError(f"{origin.source}: is our {origin.network}, not {name}; use --model {origin.network}")
    with torch.device("meta"):
        blank = create_model(name)
    shared = weights.keys() & blank.state_dict().keys()
    has_our_names = 2 * len(shared) > len(weights)
    if overrides is None:
        classes, channels = _ends(weights, blank, path) if has_our_names else ends(weights, blank, str(path))
        overrides = {"num_classes": classes, "in_channels": channels}
    network = create_model(name, **overrides)
    classes, channels = network.num_classes, network.in_channels
    if has_our_names:
        load_weights(network, weights, path)
    else:
        network.load_state_dict(carried(weights, network, str(path)))
    names, preprocess = tuple(map(str, range(classes))), default_preprocess((channels, *papers.find(name).input[1:]))
    if origin is not None:
        names, preprocess = origin.classes or names, origin.preprocess
        if origin.bgr:  # ours sees red, green and blue: the same function of the same picture
            first = next(parameter for parameter in network.parameters() if parameter.dim() == 4)
            first.data = first.data.flip(1)
    return Loaded(network.eval(), names, preprocess, {}, path, named=origin is not None and bool(origin.classes))


def _ends(weights: dict[str, Tensor], blank: Network, path: Path) -> tuple[int, int]:
    """Classes and channels: what the last layer gives and the first one takes."""
    names = list(blank.state_dict())
    first, last = names[0], names[-1].replace(".bias", ".weight")
    for name in (first, last):
        if name not in weights or weights[name].dim() < 2:
            raise CheckpointError(f"{path}: does not fit {blank.name}: no weights called {name}")
    return len(weights[last]), weights[first].shape[1]


def default_preprocess(input_shape: tuple[int, int, int]) -> spec.Preprocess:
    """What a network of this input (C, H, W) is fed where nothing was stored: ImageNet's channel statistics."""
    channels, size, _ = input_shape
    mean, std = published.COLOURS["imagenet"]
    return spec.Preprocess(
        size=size,
        resize=round(size * 256 / 224) if size > 64 else size,
        channels=channels,
        mean=mean if channels == 3 else (0.5,) * channels,
        std=std if channels == 3 else (0.25,) * channels,
    )
