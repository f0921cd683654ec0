"""A network as a table: what each row does, its output, its cost and what it sees of the picture.

Everything is read off the modules during one pass without pictures, so it holds for any network of named rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers import Concat, PadSame, Residual
from ..network import Network, hollow_copy

Pair = tuple[int, int]
Shapes = dict[nn.Module, tuple[tuple[int, ...], tuple[int, ...]]]  # what went into and came out of each module

WORDS: dict[type[nn.Module], str] = {
    nn.BatchNorm2d: "bn", nn.BatchNorm1d: "bn", nn.ReLU: "relu", nn.Sigmoid: "sigmoid"
}  # fmt: skip


class Field(NamedTuple):
    """What the places of a map see, each (height, width) in pixels of the picture: the receptive field, the step from
    one place to the next, and where the first place's field begins, which is below 0 in padding."""

    seen: Pair = (1, 1)
    step: Pair = (1, 1)
    start: Pair = (0, 0)


@dataclass(frozen=True)
class Row:
    """One row of a network for one picture. `receptive_field` and `stride` are one number, or (h, w) if they differ."""

    name: str
    operation: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int | tuple[int, int]
    stride: int | tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}


def layer_table(network: Network, input: tuple[int, int, int]) -> list[Row]:
    """The rows of `network` for a picture (C, H, W). Raises UsageError when the picture does not fit."""
    copy, shapes = _traced(network, input)
    rows, field = [], Field()
    for name, module in copy.named_children():
        field = see(module, field, shapes)
        rows.append(
            Row(
                name=name,
                operation=operation(module),
                output=shapes[module][1][1:],
                parameters=sum(parameter.numel() for parameter in module.parameters()),
                multiply_adds=sum(multiply_adds(part, shapes[part][1]) for part in module.modules() if part in shapes),
                receptive_field=_square(field.seen),
                stride=_square(field.step),
            )
        )
    return rows


def fields(network: Network, input: tuple[int, int, int]) -> dict[str, Field]:
    """What each row sees of a picture (C, H, W). Raises UsageError when the picture does not fit."""
    copy, shapes = _traced(network, input)
    found, field = {}, Field()
    for name, module in copy.named_children():
        found[name] = field = see(module, field, shapes)
    return found


def _traced(network: Network, input: tuple[int, int, int]) -> tuple[Network, Shapes]:
    """The network without numbers, and the shapes in it for this picture."""
    channels, height, width = input
    copy = hollow_copy(network).eval()
    shapes: Shapes = {}

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        shapes[module] = tuple(args[0].shape), tuple(output.shape)

    for module in copy.modules():
        module.register_forward_hook(note)
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        x = torch.empty(0, channels, height, width, device="cpu", dtype=next(copy.parameters()).dtype)
        try:
            for row in copy:
                x = row(x)
        except (RuntimeError, ValueError):
            network.check_input(height, width)  # which says what is wrong
            raise
    return copy, shapes


def multiply_adds(module: nn.Module, output: tuple[int, ...]) -> int:
    """Multiply-adds of one layer for one picture: convolutions and fully or locally connected layers only."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * math.prod(output[2:])
    if isinstance(module, nn.Linear) or hasattr(module, "map_size"):
        return sum(parameter.numel() for name, parameter in module.named_parameters() if name == "weight")
    return 0


def see(module: nn.Module, field: Field, shapes: Shapes) -> Field:
    """What `module` sees through all before it; where paths part and meet again, the widest path counts."""
    if isinstance(module, nn.Sequential):
        for part in module:
            field = see(part, field, shapes)
        return field
    if isinstance(module, Residual | Concat | nn.ModuleList):
        branches = (module.body, module.shortcut) if isinstance(module, Residual) else module.children()
        branched = [see(branch, field, shapes) for branch in branches]
        heights, widths = zip(*(one.seen for one in branched), strict=True)  # a 1x3 beside a 3x1 sees 3x3
        starts = zip(*(one.start for one in branched), strict=True)
        return Field((max(heights), max(widths)), max(one.step for one in branched), _pair(tuple(map(min, starts))))
    kernel, stride, padding = (1, 1), (1, 1), (0, 0)
    if isinstance(module, nn.Linear | nn.AdaptiveAvgPool2d):  # as a convolution over the whole of its map
        before = shapes[module][0][2:]
        kernel = (before[0], before[1]) if before else (1, 1)
    elif hasattr(module, "kernel_size"):
        kernel, stride = _pair(module.kernel_size), _pair(module.stride)
        padding = (kernel[0] // 2,) * 2 if hasattr(module, "map_size") else _pair(getattr(module, "padding", 0))
    elif isinstance(module, PadSame | nn.ZeroPad2d):
        inside, padded = (shape[2:] for shape in shapes[module])
        padding = (padded[0] - inside[0]) // 2, (padded[1] - inside[1]) // 2
    (high, wide), step = field.seen, field.step
    return Field(
        (high + (kernel[0] - 1) * step[0], wide + (kernel[1] - 1) * step[1]),
        (step[0] * stride[0], step[1] * stride[1]),
        (field.start[0] - padding[0] * step[0], field.start[1] - padding[1] * step[1]),
    )


def operation(module: nn.Module) -> str:
    """What a row does, in the papers' own notation: `conv 11x11/4, 96, relu`, `3 x [1x1 64, 3x3 64, 1x1 256]`."""
    if isinstance(module, nn.Sequential):
        blocks = [part for part in module if hasattr(part, "body")]
        return _blocks(blocks) if blocks else _folded(filter(None, map(operation, module)))
    if hasattr(module, "body") and not isinstance(module, nn.Sequential):
        return _blocks([module])
    if isinstance(module, Concat):
        branches = [", ".join(map(_short, _leaves(branch))) or "input" for branch in module.children()]
        return f"[{' | '.join(branches)}]"
    match module:
        case nn.Conv2d():
            if _depthwise(module):
                return f"depthwise {window(module)}, {module.out_channels}"
            groups = f", {module.groups} groups" if module.groups > 1 else ""
            return f"conv {window(module)}, {module.out_channels}{groups}"
        case nn.Linear():
            return f"fc {module.out_features}"
        case nn.MaxPool2d():
            return f"max pool {window(module)}"
        case nn.AvgPool2d():
            return f"avg pool {window(module)}"
        case nn.AdaptiveAvgPool2d():
            return "global average pool"
        case nn.LocalResponseNorm():
            return f"response norm over {module.size}"
        case nn.Dropout():
            return f"dropout {module.p:g}"
    if hasattr(module, "map_size"):
        return f"local {window(module)}, {module.out_channels}"
    if hasattr(module, "words"):  # of a paper's own unit
        return str(module.words)
    return WORDS.get(type(module), "")


def _folded(texts: Iterable[str]) -> str:
    """The texts one after the other, equal neighbours counted: `12 x [input | 3x3 12]`."""
    counted = [(text, len(list(group))) for text, group in groupby(texts)]
    return ", ".join(f"{count} x {text}" if count > 1 else text for text, count in counted)


def _blocks(blocks: Iterable[Any]) -> str:
    """Equal blocks folded; what only the first block of a row has, its stride and shortcut, is said behind."""
    texts = []
    for body, group in groupby(blocks, key=lambda block: _body(block, strides=False)):
        members = list(group)
        strided = [text for text in _body(members[0], strides=True).split(", ") if "/" in text]
        shortcuts = [_shortcut(block) for block in members]
        everywhere = len(members) > 1 and all(shortcuts)
        other = shortcuts[0] and not (everywhere and shortcuts[0] == shortcuts[-1])
        first = [text.split()[0] for text in strided] + [shortcuts[0]] * bool(other)
        text = f"{len(members)} x [{body}]" + (f", each with {shortcuts[-1]}" if everywhere else "")
        texts.append(text + (f"; first {', '.join(first)}" if first else ""))
    return ", ".join(texts)


def _body(block: Any, *, strides: bool) -> str:
    behind = _convs(getattr(block, "after", nn.Identity()), strides)
    return ", ".join(_convs(block.body, strides) + (["sum", *behind] if behind else []))


def _convs(module: nn.Module, strides: bool) -> list[str]:
    """Its convolutions; equal paths side by side are said once: `32 x (1x1 4, 3x3 4)`."""
    if isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return [_short(module, stride=strides)]
    if hasattr(module, "words"):
        return [str(module.words)]
    parts = [_convs(child, strides) for child in module.children()]
    if isinstance(module, Concat | nn.ModuleList) and len(parts) > 1:
        if all(part == parts[0] for part in parts):
            return [f"{len(parts)} x ({', '.join(parts[0])})"]
        if isinstance(module, Concat):
            return [f"({' | '.join(map(', '.join, parts))})"]
    return [text for part in parts for text in part]


def _shortcut(block: Any) -> str:
    shortcut = getattr(block, "shortcut", nn.Identity())
    if isinstance(shortcut, nn.Identity):
        return ""
    parts = [text.split()[0] for text in _convs(shortcut, False)]
    return f"{' and '.join(parts) or 'zero-padded'} shortcut"


def _leaves(branch: nn.Module) -> list[nn.Module]:
    """The convolutions and poolings of a branch, which say what it does."""
    return [part for part in branch.modules() if isinstance(part, nn.Conv2d) or "Pool" in type(part).__name__]


def _short(layer: nn.Module, stride: bool = True) -> str:
    """`3x3 96`, `3x3 128 in 32 groups`, `3x3 depthwise`, `max 3x3/2`."""
    extent = window(layer, stride)
    if not isinstance(layer, nn.Conv2d):
        return f"{'max' if 'Max' in type(layer).__name__ else 'avg'} {extent}"
    if _depthwise(layer):
        return f"{extent} depthwise"
    groups = f" in {layer.groups} groups" if layer.groups > 1 else ""
    return f"{extent} {layer.out_channels}{groups}"


def _depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels > 1


def window(module: Any, stride: bool = True) -> str:
    """`3x3`, or `3x3/2` where it strides."""
    height, width = _pair(module.kernel_size)
    step = _pair(module.stride)[0]
    return f"{height}x{width}" + (f"/{step}" if stride and step > 1 else "")


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else value


def _square(value: Pair) -> int | Pair:
    return value[0] if value[0] == value[1] else value
