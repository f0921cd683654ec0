"""A network as a line of text, for experiments with networks that no paper has a table of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from ..errors import UsageError
from ..layers import GLOROT_UNIFORM, HE_NORMAL, FullyConnected, InitRule, choose, fill, half, stack
from ..models.alexnet import response_norm
from ..network import Network, map_shape


class Task(NamedTuple):
    """What a network is made for."""

    classes: int
    channels: int
    size: int
    width: float = 1.0

    def wide(self, channels: int) -> int:
        """So many channels as this width allows, a multiple of 4."""
        return max(4, round(channels * self.width / 4) * 4)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
}  # fmt: skip
POOLS: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class LayerNorm(nn.GroupNorm):
    """Over all channels and places of one picture."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)


class InstanceNorm(nn.GroupNorm):
    """Over the places of each channel of one picture."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)


NORMS: dict[str, Callable[[int], nn.Module] | None] = {
    "none": None, "weight": None, "batch": nn.BatchNorm2d, "layer": LayerNorm, "instance": InstanceNorm,
    "group": lambda channels: nn.GroupNorm(4, channels),
}  # fmt: skip
RULES: dict[str, InitRule] = {
    "he": HE_NORMAL,
    "glorot": GLOROT_UNIFORM,
    **{f"normal {std:g}": partial(fill, partial(nn.init.normal_, std=std)) for std in (0.01, 0.05)},
}


def chain(
    task: Task, *, layers: str, activation: str = "relu", norm: str = "none", behind: bool = False, pool: str = "max",
    dropout: float = 0.5, init: str = "he", bias: float = 0.0,
) -> Network:  # fmt: skip
    """Layers one after the other, as text: "conv 64 5, pool 3 2, conv 64 5/2, lrn, drop, fc 100, gap".

    A convolution has channels, kernel (5 or 1x7) and perhaps a stride, and keeps the size; "conv 64 5 2" is one in
    two groups. A pooling has window and stride. After each convolution and fully connected layer comes the
    activation, with the normalisation before it, or `behind` it; "linear 64 5" is a convolution without the
    activation. The classifier is a last fully connected layer, or before a "gap" a 1x1 convolution whose maps are
    averaged. Biases are 0 unless a `bias` is said, which the first layer and the classifier do not have.
    """
    rows: dict[str, nn.Module] = {}
    shape, makes = (task.channels, task.size, task.size), choose("activation", activation, ACTIVATIONS)
    for number, text in enumerate(map(str.split, layers.split(",")), 1):
        kind, numbers = text[0], text[1:]
        name, parts = f"{kind}{number}", dict[str, nn.Module]()
        if kind in ("conv", "linear", "fc"):
            parts, shape = _layer(kind, numbers, shape, task)
            makes_norm = choose("norm", norm, NORMS)
            normal = {"norm": _norm(makes_norm, kind, shape[0])} if makes_norm else {}
            active: dict[str, nn.Module] = {"act": makes()} if kind != "linear" else {}
            rows[name] = stack(**parts, **(active | normal if behind else normal | active))
            continue
        rows[name] = _between(kind, numbers, shape, pool, dropout, task)
        shape = map_shape({name: rows[name]}, shape[0], shape[1]) if kind != "gap" else (task.classes, 1, 1)
    if not layers.rstrip().endswith("gap"):
        rows["classifier"] = FullyConnected(shape[0] * shape[1] * shape[2], task.classes)
    network = Network(rows, head=list(rows)[-1], initialise=choose("init", init, RULES), input_size=task.size)
    _start(network, bias)
    if norm == "weight":
        for row in list(network.modules()):
            for layer in [part for part in row.children() if isinstance(part, nn.Conv2d)]:
                torch.nn.utils.parametrizations.weight_norm(layer)
    return network


def _layer(kind: str, numbers: list[str], shape: tuple[int, int, int], task: Task) -> tuple[dict[str, nn.Module], Any]:
    channels, side, _ = shape
    width = task.wide(int(numbers[0]))
    if kind == "fc":
        return {"linear": FullyConnected(channels * side * side, width)}, (width, 1, 1)
    kernel, _, stride = numbers[1].partition("/")
    high, _, wide = kernel.partition("x")
    window = int(high), int(wide or high)
    groups = int(numbers[2]) if len(numbers) > 2 else 1
    conv = nn.Conv2d(channels, width, window, int(stride or 1), half(window), groups=groups)
    return {"conv": conv}, map_shape({"conv": conv}, channels, side)


def _norm(makes: Callable[[int], nn.Module], kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm1d(channels) if kind == "fc" and makes is nn.BatchNorm2d else makes(channels)


def _between(
    kind: str, numbers: list[str], shape: tuple[int, int, int], pool: str, dropout: float, task: Task
) -> nn.Module:
    match kind:
        case "pool":
            window, stride = map(int, numbers)
            return choose("pool", pool, POOLS)(window, stride, ceil_mode=True)
        case "lrn":
            return response_norm()
        case "drop":
            return nn.Dropout(dropout)
        case "gap":
            return stack(conv=nn.Conv2d(shape[0], task.classes, 1), pool=nn.AdaptiveAvgPool2d(1))
    raise UsageError(f"layer {kind!r} is unknown; valid ones: conv, linear, fc, pool, lrn, drop, gap")


def _start(network: Network, bias: float) -> None:
    """Biases at their value; a classifier that begins near zero, since none of these networks is to begin with large
    losses."""
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    for layer in layers[1:-1]:
        nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]
    nn.init.normal_(layers[-1].weight, std=0.01)
