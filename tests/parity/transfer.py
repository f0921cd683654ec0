"""One way to carry weights between a peer's network and ours, in either direction.

Both networks are read as their layers in the order in which they run, a block's shortcut behind its body. Each of ours
takes the first unused one of the same kind and shape; nothing may be left on either side.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]  # weight, and where there are any bias, mean, variance; in torch's layout
Map = tuple[int, int, int]


class TransferError(Exception):
    """Two networks whose layers do not correspond."""


@dataclass(frozen=True)
class Layer:
    """A layer with weights, wherever it lives."""

    name: str
    kind: str  # "weights" of a convolution or fully connected layer, or "norm"
    shape: tuple[int, ...]  # of its weight, without sides of 1, so that a 1x1 convolution is a fully connected layer
    biased: bool
    scaled: bool  # whether it has a weight of its own; without one, a normalisation's is 1
    epsilon: float | None
    read: Callable[[], State]
    write: Callable[[State], None]

    @property
    def signature(self) -> tuple[str, tuple[int, ...], bool]:
        return self.kind, self.shape, self.biased


def of_torch(network: nn.Module, pictures: Tensor) -> list[Layer]:
    """The layers of a torch network in the order in which they run on these pictures."""
    names = {module: name for name, module in network.named_modules()}
    found: list[Layer] = []

    def note(module: nn.Module, args: Any, output: Any) -> None:
        found.append(_torch_layer(names[module], module))

    kinds = nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.BatchNorm1d
    handles = [module.register_forward_hook(note) for module in names if isinstance(module, kinds)]
    with torch.no_grad():
        network(pictures)
    for handle in handles:
        handle.remove()
    read = {layer.name for layer in found}
    if unread := [name for name, _ in network.named_parameters() if name.rpartition(".")[0] not in read]:
        raise TransferError(f"no layer that runs has the weights {', '.join(unread[:3])}")
    return shortcuts_last(found)


def shortcuts_last(layers: list[Layer]) -> list[Layer]:
    """The layers with those of each block's shortcut, which some networks run first, behind the rest of the block."""
    ordered, names = list(layers), {layer.name for layer in layers}
    for layer in layers:
        shortcut = re.match(r"(.+)\.(?:downsample|shortcut)\b|(.+)_0_(?:conv|bn)$", layer.name)
        if shortcut and (shortcut[1] or f"{shortcut[2]}_0_conv" in names):
            block = f"{shortcut[1]}." if shortcut[1] else f"{shortcut[2]}_"
            last = max(place for place, other in enumerate(ordered) if other.name.startswith(block))
            ordered.remove(layer)
            ordered.insert(last, layer)
    return ordered


def _torch_layer(name: str, module: Any) -> Layer:
    norm = isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)
    tensors: State = {"weight": module.weight, "bias": module.bias}
    if norm:
        tensors |= {"mean": module.running_mean, "variance": module.running_var}
    tensors = {key: tensor for key, tensor in tensors.items() if tensor is not None}

    def read() -> State:
        return {key: tensor.detach().clone() for key, tensor in tensors.items()}

    def write(state: State) -> None:
        for key, tensor in tensors.items():
            tensor.data.copy_(state[key].reshape(tensor.shape))

    kind, epsilon = ("norm", module.eps) if norm else ("weights", None)
    return Layer(name, kind, _short(module.weight.shape), module.bias is not None, True, epsilon, read, write)


def _short(shape: Any) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)


def of_keras(network: Any, flattened: dict[str, Map]) -> list[Layer]:
    """The layers of a Keras network: those with numbers for names in the order of their making, the others as they run.

    `flattened` names fully connected layers behind a flattened map (C, h, w), whose inputs Keras orders (h, w, C).
    """
    found: list[Layer] = []
    for operation in _as_made(network.operations):
        kind = type(operation).__name__
        if kind == "BatchNormalization":
            found.append(_keras_norm(operation))
        elif kind == "SeparableConv2D":
            found.append(_keras_weights(operation.name, operation.depthwise_kernel, None, (2, 3, 0, 1), None))
            found.append(_keras_weights(operation.name, operation.pointwise_kernel, None, (3, 2, 0, 1), None))
        elif kind in ("Conv2D", "Dense"):
            bias = operation.bias if operation.use_bias else None
            order = (3, 2, 0, 1) if kind == "Conv2D" else (1, 0)
            found.append(_keras_weights(operation.name, operation.kernel, bias, order, flattened.get(operation.name)))
        elif operation.weights:
            raise TransferError(f"{operation.name}: a {kind} with weights is unknown")
    return shortcuts_last(found)


def _as_made(operations: list[Any]) -> list[Any]:
    """Operations called conv2d_57 in the order of their numbers: the graph's own order mixes parallel branches."""
    ordered = list(operations)
    for kind in ("conv2d", "batch_normalization"):
        numbers = {place: int(found[1] or 0) for place, operation in enumerate(operations)
                   if (found := re.fullmatch(rf"{kind}(?:_(\d+))?", operation.name))}  # fmt: skip
        for place, origin in zip(numbers, sorted(numbers, key=numbers.__getitem__), strict=True):
            ordered[place] = operations[origin]
    return ordered


def _tensor(variable: Any) -> Tensor:
    tensor: Tensor = variable.value.detach().clone()
    return tensor


def _keras_weights(name: str, kernel: Any, bias: Any, order: tuple[int, ...], flat: Map | None) -> Layer:
    back = tuple(order.index(axis) for axis in range(len(order)))

    def read() -> State:
        weight = _tensor(kernel).permute(order)
        if flat:
            channels, height, width = flat
            weight = weight.reshape(-1, height, width, channels).permute(0, 3, 1, 2).flatten(1)
        return {"weight": weight.contiguous()} | ({} if bias is None else {"bias": _tensor(bias)})

    def write(state: State) -> None:
        weight = state["weight"]
        if flat:
            weight = weight.reshape(-1, *flat).permute(0, 2, 3, 1).flatten(1)
        shape = [kernel.shape[axis] for axis in order]
        kernel.assign(weight.reshape(shape).permute(back).contiguous())
        if bias is not None:
            bias.assign(state["bias"])

    shape = tuple(kernel.shape[axis] for axis in order)
    return Layer(name, "weights", _short(shape), bias is not None, True, None, read, write)


def _keras_norm(layer: Any) -> Layer:
    """Without a scale (scale=False) its gammas are 1."""
    variables = {"bias": layer.beta, "mean": layer.moving_mean, "variance": layer.moving_variance}
    variables |= {} if layer.gamma is None else {"weight": layer.gamma}

    def read() -> State:
        return {"weight": torch.ones(layer.beta.shape)} | {key: _tensor(value) for key, value in variables.items()}

    def write(state: State) -> None:
        for key, variable in variables.items():
            variable.assign(state[key])

    return Layer(layer.name, "norm", tuple(layer.beta.shape), True, bool(layer.scale), layer.epsilon, read, write)


def match(theirs: list[Layer], ours: list[Layer]) -> list[tuple[Layer, Layer]]:
    """Their layer beside each of ours. Raises TransferError naming the first layers that differ."""
    left, pairs = list(theirs), []
    for layer in ours:
        found = next((other for other in left if other.signature == layer.signature), None)
        if found is None:
            beside = ", ".join(f"{other.name} {other.shape}" for other in left[:3]) or "nothing"
            raise TransferError(f"{layer.name} {layer.shape} has no counterpart; left on the other side: {beside}")
        left.remove(found)
        pairs.append((found, layer))
    if left:
        raise TransferError(f"left over on the other side: {', '.join(f'{x.name} {x.shape}' for x in left[:3])}")
    return pairs


def carry(pairs: Iterable[tuple[Layer, Layer]]) -> None:
    """The first layer's numbers into the second of each pair: all of them, or none and a TransferError."""
    pairs = list(pairs)
    for source, target in pairs:
        if not target.scaled and not (source.read()["weight"] == 1).all():
            raise TransferError(f"{target.name} has no scale, and that of {source.name} is not 1")
    for source, target in pairs:
        target.write(source.read())


def randomise(layers: list[Layer], generator: torch.Generator) -> None:
    """Every number drawn at random, gammas of both signs, so that no two layers can be exchanged unnoticed."""
    for layer in layers:
        state = layer.read()
        weight = state["weight"]
        if layer.kind == "norm":
            signs = torch.randint(0, 2, weight.shape, generator=generator) * 2.0 - 1
            if layer.scaled:
                state["weight"] = signs * _uniform(weight, generator)
            state["mean"] = 0.2 * torch.randn(weight.shape, generator=generator)
            state["variance"] = _uniform(weight, generator)
        else:
            fan_in = math.prod(weight.shape[1:])
            state["weight"] = torch.randn(weight.shape, generator=generator) * (1.6 / fan_in) ** 0.5
        if layer.biased:
            state["bias"] = 0.2 * torch.randn(state["bias"].shape, generator=generator)
        layer.write(state)


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator) + 0.5
