"""A network as the parts of a drawing: boxes, one after the other or side by side, equal ones folded.

Read off the modules, so any network of named rows can be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from torch import nn

from ..layers import Concat, Residual, Scale
from ..models.senet import SqueezeExcitation
from ..models.table import operation, window

DETAILS = ("stage", "block", "layer")


@dataclass(frozen=True)
class Box:
    """One layer, or several that are drawn as one: what it is, in words, and what stands with it in small letters."""

    kind: str
    text: str
    small: str = ""


@dataclass(frozen=True)
class Fork:
    """Paths side by side on the same input that meet in `join`: "+", "concat" or "×". An empty path hands it on.

    `small` is what follows there.
    """

    paths: tuple[tuple[Part, ...], ...]
    join: str
    small: str = ""


@dataclass(frozen=True)
class Fold:
    """So many equal parts one after the other, drawn once."""

    parts: tuple[Part, ...]
    count: int


Part = Box | Fork | Fold


@dataclass(frozen=True)
class Row:
    """A row of the network: its name, its parts, the shape (C, H, W) that it gives, and a side head that sees it."""

    name: str
    parts: tuple[Part, ...]
    output: tuple[int, ...]
    head: tuple[Part, ...] = field(default=())


def parts_of(module: nn.Module, detail: str = "block") -> tuple[Part, ...]:
    """The parts of a module, from its input to its output."""
    if detail == "stage":
        return (_summary(module),)
    found = _walk(module)
    return found if detail == "layer" else _merged(found)


def _walk(module: nn.Module) -> tuple[Part, ...]:
    """One box for each layer, and equal blocks folded."""
    match module:
        case Residual():
            before = () if module.before is None else _walk(module.before)
            body = _walk(module.body) + _factor(module, "on_body") + _kept(module)
            shortcut = _walk(module.shortcut) + _factor(module, "on_shortcut")
            return (*before, Fork((body, shortcut), "+"), *_walk(module.after))
        case Concat():
            return (Fork(tuple(_walk(branch) for branch in module.children()), "concat"),)
        case nn.ModuleList():  # paths that are added
            return (Fork(_paths(_walk(path) for path in module), "+"),)
    if isinstance(module, SqueezeExcitation):
        return (Fork((_walk(module.gate), ()), "×", module.words),)
    if isinstance(module, nn.Sequential) or (any(module.children()) and not hasattr(module, "words")):
        return _folded(_walk(child) for child in module.children())
    return _leaf(module)


def _factor(module: Residual, name: str) -> tuple[Part, ...]:
    """What a path of a block is multiplied with, g being a gate."""
    factor = getattr(module, name, "1")
    return () if factor == "1" else (Box("other", f"× {f'({factor})' if '-' in factor else factor}"),)


def _kept(module: Residual) -> tuple[Part, ...]:
    """What stochastic depth does to a block."""
    survival = getattr(module, "survival", None)
    return () if survival is None else (Box("kept", f"p = {survival:.2g}"),)


def _paths(paths: Iterable[tuple[Part, ...]]) -> tuple[tuple[Part, ...], ...]:
    """Equal paths side by side, as one that is said to be many."""
    counted = [(path, len(list(group))) for path, group in groupby(paths)]
    return tuple((Fold(path, count),) if count > 2 else path for path, count in counted)


def _folded(items: Iterable[tuple[Part, ...]]) -> tuple[Part, ...]:
    """The parts one after the other; equal neighbours of more than one box become a fold."""
    found: list[Part] = []
    for _, group in groupby(items, key=_without_chances):
        same = list(group)
        parts, count = _with_chances(same[0], same[-1]), len(same)
        composed = any(not isinstance(part, Box) for part in parts) or len(parts) > 2
        found += [Fold(parts, count)] if count > 1 and composed else list(parts) * count
    return tuple(found)


def _without_chances(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts but for the probability with which they are kept, which every block has its own of."""
    kept = [part for part in parts if not (isinstance(part, Box) and part.kind == "kept")]
    return tuple(replace(part, paths=tuple(map(_without_chances, part.paths))) if isinstance(part, Fork) else part
                 for part in kept)  # fmt: skip


def _with_chances(first: tuple[Part, ...], last: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with the probabilities of the first and the last of equal blocks."""
    found: list[Part] = []
    for one, other in zip(first, last, strict=True):
        if isinstance(one, Box) and isinstance(other, Box) and one != other:
            found.append(replace(one, text=f"{one.text} to {other.text[4:]}"))
        elif isinstance(one, Fork) and isinstance(other, Fork):
            paths = zip(one.paths, other.paths, strict=True)
            found.append(replace(one, paths=tuple(_with_chances(*pair) for pair in paths)))
        else:
            found.append(one)
    return tuple(found)


LEAVES: dict[type[nn.Module], Callable[[Any], Box]] = {
    nn.Linear: lambda layer: Box("fc", f"fc {layer.out_features}"),
    nn.MaxPool2d: lambda layer: Box("pool", f"max {window(layer)}"),
    nn.AvgPool2d: lambda layer: Box("pool", f"avg {window(layer)}"),
    nn.AdaptiveAvgPool2d: lambda layer: Box("pool", "global average"),
    nn.AdaptiveMaxPool2d: lambda layer: Box("pool", "global max"),
    nn.LocalResponseNorm: lambda layer: Box("norm", f"response norm {layer.size}"),
    nn.BatchNorm2d: lambda layer: Box("bn", "BN"),
    nn.BatchNorm1d: lambda layer: Box("bn", "BN"),
    nn.Dropout: lambda layer: Box("drop", f"dropout {layer.p:g}"),
    Scale: lambda layer: Box("other", f"× {layer.factor:g}"),
}
ACTIVATIONS = {nn.ReLU: "ReLU", nn.ELU: "ELU", nn.Sigmoid: "σ", nn.Tanh: "tanh"}
SILENT = ("PadSame", "PadToStride", "ZeroPad2d", "Identity")  # padding that a convolution or pooling could have itself


def _leaf(module: nn.Module) -> tuple[Part, ...]:
    """The box of a layer; none for what changes nothing that is drawn."""
    if type(module).__name__ in SILENT:
        return ()
    if isinstance(module, nn.Conv2d):
        return (_convolution(module),)
    for kind, name in ACTIVATIONS.items():
        if isinstance(module, kind):
            return (Box("act", name),)
    for kind, box in LEAVES.items():
        if isinstance(module, kind):
            return (box(module),)
    if type(module).__name__ == "ZeroPad":
        return (Box("other", "zeros"),)
    text = operation(module) or type(module).__name__
    return (Box("norm" if "Norm" in text or "norm" in text else "other", text),)


def _convolution(conv: nn.Conv2d) -> Box:
    """Its window and channels; the kind tells 1x1, depthwise and grouped ones from the rest."""
    depthwise = conv.groups == conv.in_channels > 1
    groups = f" in {conv.groups} groups" if conv.groups > 1 and not depthwise else ""
    text = f"{window(conv)} {'depthwise' if depthwise else conv.out_channels}{groups}"
    kind = "conv1" if conv.kernel_size == (1, 1) else "depthwise" if conv.groups > 1 else "conv"
    return Box(kind, text)


def _merged(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Normalisations, activations and factors drawn within the layer that they belong to.

    That is the one before them, but for chains that begin with one: pre-activation, where it is the one behind.
    """
    ahead = bool(parts) and _is_small(parts[0])
    found: list[Part] = []
    waiting: list[str] = []
    for part in parts:
        last: Any = found[-1] if found else None
        if _is_small(part) and not ahead and last is not None and _takes(last):
            found[-1] = replace(last, small=f"{last.small} {part.text}".strip())  # type: ignore[union-attr]
        elif _is_small(part):
            waiting.append(part.text)  # type: ignore[union-attr]
        elif isinstance(part, Box):
            small = f"{' '.join(waiting)} →" if waiting and _takes(part) else ""
            found += [] if small or not waiting else [Box("act", " ".join(waiting))]
            found.append(replace(part, small=small))
            waiting = []
        else:
            found += [Box("act", " ".join(waiting))] if waiting else []
            waiting = []
            found.append(_within(part))
    return (*found, *([Box("act", " ".join(waiting))] if waiting else []))


def _within(part: Part) -> Part:
    if isinstance(part, Fork) and part.join == "×":
        return Box("gate", part.small)
    if isinstance(part, Fork):
        return replace(part, paths=tuple(_merged(path) for path in part.paths))
    return replace(part, parts=_merged(part.parts)) if isinstance(part, Fold) else part


def _is_small(part: Part) -> bool:
    return isinstance(part, Box) and part.kind in ("bn", "act")


def _takes(part: Part) -> bool:
    if isinstance(part, Fork):
        return part.join == "+"
    return isinstance(part, Box) and part.kind in ("conv", "conv1", "depthwise", "fc", "other")


def _summary(row: nn.Module) -> Box:
    """A whole row in one box, in the words of the layer table."""
    boxes = boxes_of(_walk(row))
    boxes = [box for box in boxes if box.kind not in ("bn", "act", "drop")] or boxes[:1]
    kind = "block" if len(boxes) > 1 else boxes[0].kind if boxes else "other"
    return Box(kind, operation(row))


def boxes_of(parts: Iterable[Part]) -> list[Box]:
    """All boxes within the parts; those of a fold once."""
    found: list[Box] = []
    for part in parts:
        if isinstance(part, Box):
            found.append(part)
        else:
            inside = part.paths if isinstance(part, Fork) else (part.parts,)
            found += [box for path in inside for box in boxes_of(path)]
    return found


def as_plain(part: Part) -> Any:
    """A part as JSON values."""
    match part:
        case Box():
            return {key: value for key, value in vars(part).items() if value}
        case Fork():
            small = {"small": part.small} if part.small else {}
            return {"join": part.join, **small, "paths": [[as_plain(one) for one in path] for path in part.paths]}
        case Fold():
            return {"count": part.count, "parts": [as_plain(one) for one in part.parts]}
