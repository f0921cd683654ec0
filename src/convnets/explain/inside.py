"""What is inside a trained network: its filters, its normalisations, its dense connections, and what it sees where."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..data import prepare
from ..data.statistics import stacked
from ..errors import UsageError
from ..evaluate import evaluating
from ..evaluate.features import Eye, given
from ..layers import Concat
from ..models.table import Field, fields
from ..network import Network

MASS = 0.95  # of the gradient, within the square that is called the effective receptive field
AT_ONCE = 4  # pictures that a gradient is taken for
Box = tuple[int, int, int, int]  # top, left, height, width in pixels of the picture; may reach beyond it


@dataclass(frozen=True)
class Filters:
    """The weights of the first layer, (filters, height, width, channels); channels 1 or 3."""

    layer: str
    weights: np.ndarray


@dataclass(frozen=True)
class Norms:
    """Gamma and beta, (channels,), of all batch normalisations of a row; both empty where they have none."""

    row: str
    gamma: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True)
class Reuse:
    """Mean absolute weights (readers, sources) of a dense block; NaN where a reader stands before a source.

    The sources are the block's input and its layers, the readers its layers and the row that comes behind it.
    """

    block: str
    readers: tuple[str, ...]
    sources: tuple[str, ...]
    weights: np.ndarray


@dataclass(frozen=True)
class View:
    """What the unit in the middle of a row's map sees of a picture, in its pixels.

    `field` is where any pixel can change it (the layer table's receptive field), `gradient` (H, W) the mean absolute
    gradient by the pixels, and `side` of the square around the field's centre that holds 95 % of it; 0 where nothing
    has a gradient.
    """

    row: str
    field: Box
    gradient: np.ndarray
    side: int

    @property
    def effective(self) -> Box:
        """The square of `side`."""
        top, left, height, width = self.field
        return top + (height - self.side) // 2, left + (width - self.side) // 2, self.side, self.side


def check_row(network: Network, row: str) -> None:
    """Raises UsageError for an unknown row, listing the rows."""
    names = [name for name, _ in network.named_children()]
    if row not in names:
        raise UsageError(f"{network.name or 'the network'} has no row {row!r}; its rows are {', '.join(names)}")


def early_row(network: Network, side: int) -> str:
    """The first row with weights whose units see at least an eighth of a picture of this side."""
    seen = fields(network, (network.in_channels, side, side))
    rows = [name for name, row in network.named_children() if any(True for _ in row.parameters())]
    return next((name for name in rows if 8 * max(seen[name].seen) >= side), rows[0])


def first_filters(network: Network) -> Filters:
    """The first layer's weights as pictures: those of a fully connected one in the shape of the network's input.

    Of other than three channels it is their mean.
    """
    layers = ((name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear))
    name, layer = next(layers)
    weights = layer.weight.detach().float().cpu()
    if isinstance(layer, nn.Linear):
        weights = weights.unflatten(1, (network.in_channels, network.input_size or 1, -1))
    if weights.shape[1] != 3:
        weights = weights.mean(1, keepdim=True)
    return Filters(name, weights.permute(0, 2, 3, 1).numpy())


def norms(network: Network) -> list[Norms]:
    """The rows that have batch normalisations, with their learned scales and shifts."""
    found = []
    for name, row in network.named_children():
        parts = [part for part in row.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
        if any(part.affine for part in parts):
            gamma, beta = ([_vector(getattr(part, which)) for part in parts] for which in ("weight", "bias"))
            found.append(Norms(name, np.concatenate(gamma), np.concatenate(beta)))
    return found


def reuse(network: Network) -> list[Reuse]:
    """How much each layer of a dense block reads of each before it: Fig. 5 of DenseNet (arXiv:1608.06993).

    The mean of the absolute weights of a reader's first layer, over filters and the source's channels; the last reader
    is the next layer behind the block, a transition or the classifier.
    """
    modules, found = list(network.named_modules()), []
    for at, (name, block) in enumerate(modules):
        layers = list(block.children()) if isinstance(block, nn.Sequential) else []
        if not layers or not all(map(_is_dense, layers)):
            continue
        weights = [_weighted(layer) for layer in layers]
        channels = [weights[0][0].shape[1], *(one[-1].shape[0] for one in weights)]
        readers = {str(number): one[0] for number, one in enumerate(weights, 1)}
        sources = ("input", *readers)
        behind = ((path, _weighted(part)) for path, part in modules[at:] if not f"{path}.".startswith(f"{name}."))
        path, after = next(((path, some[0]) for path, some in behind if some), ("", None))
        if after is not None and after.shape[1] == sum(channels):
            readers[path] = after
        grid = np.full((len(readers), len(sources)), np.nan)
        for number, weight in enumerate(readers.values()):
            parts = weight.abs().transpose(0, 1).flatten(1).mean(1).split(channels[: number + 1])
            grid[number, : len(parts)] = [float(part.mean()) for part in parts]
        found.append(Reuse(name, tuple(readers), sources, grid))
    return found


def feature_maps(eye: Eye, images: Tensor, row: str) -> np.ndarray:
    """What a row makes of the first of the prepared pictures, (channels, height, width); 1x1 behind full connections.

    Raises UsageError for an unknown row.
    """
    check_row(eye.network, row)
    with evaluating(eye.network):
        found = eye.network.taps(given(eye, images[:1]), row)[row][0].float().cpu()
    maps: np.ndarray = found.reshape(*found.shape, *(1,) * (3 - found.dim())).numpy()
    return maps


def view(eye: Eye, images: Tensor, row: str) -> View:
    """The theoretical and the effective receptive field of a row's middle unit over prepared pictures (N, C, H, W).

    The effective one is by the gradient of the sum of the unit's channels, as in Luo, Li, Urtasun, Zemel:
    Understanding the Effective Receptive Field in Deep Convolutional Neural Networks, NIPS 2016, arXiv:1701.04128; here
    its absolute value, averaged over the pictures. Raises UsageError for an unknown row.
    """
    network = eye.network
    check_row(network, row)
    _, channels, height, width = images.shape
    seen = fields(network, (channels, height, width))[row]
    total, place = np.zeros((height, width)), (0, 0)
    parts = images.split(AT_ONCE)
    for part in tqdm(parts, "receptive field", leave=False, disable=not sys.stderr.isatty(), unit="batch"):
        pixels = given(eye, part)
        with evaluating(network), torch.inference_mode(False), torch.enable_grad():
            output = network.taps(pixels.requires_grad_(), row)[row]
            if output.dim() == 4:
                place = output.shape[2] // 2, output.shape[3] // 2
                output = output[..., place[0], place[1]]
            (gradient,) = torch.autograd.grad(output.sum(), pixels)
        total += gradient.abs().sum((0, 1)).double().cpu().numpy()
    field = box_of(seen, place)
    return View(row, field, total / len(images), _side(total, field))


def box_of(field: Field, place: tuple[int, int]) -> Box:
    """The receptive field of the unit at this place of a map."""
    (high, wide), step, start = field
    return start[0] + place[0] * step[0], start[1] + place[1] * step[1], high, wide


def ready(eye: Eye, pictures: Sequence[np.ndarray]) -> Tensor:
    """Decoded pictures as the network sees them, (N, C, H, W): grey levels, or what they were standardised to."""
    arrays = [prepare(picture, eye.preprocess, eye.statistics) for picture in pictures]
    return torch.from_numpy(stacked(arrays, eye.preprocess, eye.statistics)).permute(0, 3, 1, 2)


def visible(images: Tensor) -> np.ndarray:
    """Prepared pictures (N, C, H, W) as uint8 (N, H, W, C); standardised ones are stretched from black to white."""
    pixels = images.permute(0, 2, 3, 1).cpu().numpy()
    return pixels if pixels.dtype == np.uint8 else stretched(pixels)


def stretched(cells: np.ndarray) -> np.ndarray:
    """Values (N, ...) as uint8, each of the N from its own least, black, to its own largest, white."""
    flat = np.nan_to_num(cells.reshape(len(cells), -1).astype(np.float64))
    low, high = flat.min(1, keepdims=True), flat.max(1, keepdims=True)
    grey = 255 * (flat - low) / np.where(high > low, high - low, 1)
    levels: np.ndarray = grey.round().astype(np.uint8).reshape(cells.shape)
    return levels


def plain(values: np.ndarray | Tensor) -> list[Any]:
    """Nested lists of numbers with five digits, as JSON has them."""
    return _short(values.tolist())


def finite(part: Any) -> Any:
    """JSON values, with None for NaN and infinity, which JSON does not have."""
    if isinstance(part, dict):
        return {name: finite(one) for name, one in part.items()}
    if isinstance(part, list):
        return [finite(one) for one in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part


def _short(values: list[Any]) -> list[Any]:
    return [_short(one) if isinstance(one, list) else float(f"{one:.5g}") for one in values]


def _is_dense(layer: nn.Module) -> bool:
    """Whether it hands on all that it gets and adds something of its own."""
    parts = dict(layer.named_children())
    return isinstance(layer, Concat) and [*parts] == ["input", "new"] and isinstance(parts["input"], nn.Identity)


def _weighted(module: nn.Module) -> list[Tensor]:
    """The weights of its convolutions and fully connected layers, in order."""
    layers = (part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear))
    return [layer.weight.detach().float().cpu() for layer in layers]


def _vector(parameter: Tensor | None) -> np.ndarray:
    values: np.ndarray = np.zeros(0) if parameter is None else parameter.detach().float().cpu().numpy()
    return values


def _side(gradient: np.ndarray, field: Box) -> int:
    """The side of the smallest square around the field's centre that holds 95 % of the gradient."""
    down, right = (field[0] + (field[2] - 1) / 2, field[1] + (field[3] - 1) / 2)
    rows, columns = np.indices(gradient.shape)
    away = np.maximum(abs(rows - down), abs(columns - right)).ravel()
    order = np.argsort(away, kind="stable")
    held = np.cumsum(gradient.ravel()[order])
    if not held[-1] > 0:
        return 0
    return round(2 * float(away[order][np.searchsorted(held, MASS * held[-1])]) + 1)
