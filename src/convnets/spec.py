"""The small frozen dataclasses that recipes are written in.

They hold numbers and names only, so they print as JSON, travel inside checkpoints, and are read without torch.
Lengths of time are in epochs unless a name says otherwise.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from .errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocess:
    """How a decoded picture becomes the network's input. Stored with the weights, so prediction cannot disagree.

    The picture is resized so that its shorter side is `resize` pixels (`None`: not at all), the centre `size` x `size`
    is cut out (padded with black where the picture is smaller), and each channel is scaled to 0..1, less `mean`, over
    `std`. An empty `mean` and `std` are filled from the training pictures.
    """

    size: int = 224
    resize: int | None = 256
    channels: int = 3
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: Literal["bilinear", "bicubic", "area"] = "bilinear"


@dataclass(frozen=True)
class Augment:
    """Random changes of a training picture, each drawn from (seed, epoch, sample) alone.

    `pad`: zero pixels added on every side before a random crop of the input size. `area` and `aspect`: a crop of that
    share of the picture's area and that width over height, resized to the input size, instead of a plain crop.
    `flip`: mirrored left to right with probability one half.
    """

    pad: int = 0
    flip: bool = False
    area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, in torch's form (learning rate outside the velocity)."""

    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    decay_norm_and_bias: bool = True


@dataclass(frozen=True)
class Constant:
    """The learning rate never changes."""

    warmup: float = 0.0
    kind: Literal["constant"] = "constant"


@dataclass(frozen=True)
class Step:
    """The learning rate is multiplied by `factor` at each milestone."""

    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    warmup: float = 0.0
    kind: Literal["step"] = "step"


@dataclass(frozen=True)
class Plateau:
    """The learning rate is multiplied by `factor` when the validation error has not improved for `patience` epochs.

    It drops `drops` times at the most.
    """

    factor: float = 0.1
    patience: int = 5
    drops: int = 3
    warmup: float = 0.0
    kind: Literal["plateau"] = "plateau"


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the full learning rate down to `final` times it at the last step."""

    final: float = 0.0
    warmup: float = 0.0
    kind: Literal["cosine"] = "cosine"


@dataclass(frozen=True)
class OneCycle:
    """Linear from `start` times the full rate up to it at `peak` of the run, then linear down to `final` times it."""

    peak: float = 0.3
    start: float = 0.04
    final: float = 0.0
    warmup: float = 0.0
    kind: Literal["one_cycle"] = "one_cycle"


Schedule = Constant | Step | Plateau | Cosine | OneCycle


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run apart from the network and the data."""

    name: str = "quick"
    source: str = "ours"
    epochs: int = 10
    batch_size: int = 128
    optimizer: SGD = field(default_factory=SGD)
    schedule: Schedule = field(default_factory=Constant)
    preprocess: Preprocess = field(default_factory=Preprocess)
    augment: Augment = field(default_factory=Augment)
    label_smoothing: float = 0.0
    accumulate: int = 1
    ema: float = 0.0
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    channels_last: bool = True
    val_fraction: float = 0.1
    seed: int = 0


def to_dict(value: Any) -> Any:
    """A spec as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(value)))


def from_dict(kind: type[T], values: dict[str, Any], path: str = "") -> T:
    """A spec from plain JSON values, each checked against its field's type.

    Raises UsageError for an unknown key (listing the valid ones) or a value of the wrong type.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise UsageError(f"unknown key {path}{unknown[0]}; valid keys here: {', '.join(hints)}")
    return kind(**{key: _coerce(hints[key], value, path + key) for key, value in values.items()})


def override(spec: T, assignments: typing.Iterable[str]) -> T:
    """`spec` with each `key.sub=value` of `assignments` applied, the value read by the field's type.

    Raises UsageError for an unknown key (listing the valid ones) or an unreadable value.
    """
    values = to_dict(spec)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set takes KEY=VALUE, got {assignment!r}")
        _assign(spec, values, key.strip(), text.strip())
    return from_dict(type(spec), values)


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _assign(spec: Any, values: dict[str, Any], key: str, text: str) -> None:
    *parents, leaf = key.split(".")
    for name in parents:
        if not isinstance(values.get(name), dict):
            raise UsageError(f"unknown key {key}; valid keys: {', '.join(flatten(to_dict(spec)))}")
        values = values[name]
    if leaf == "schedule" and text in SCHEDULES:
        values[leaf] = to_dict(SCHEDULES[text]())
    elif leaf not in values or isinstance(values[leaf], dict):
        raise UsageError(f"unknown key {key}; valid keys: {', '.join(flatten(to_dict(spec)))}")
    else:
        values[leaf] = text


SCHEDULES = {kind.__dataclass_fields__["kind"].default: kind for kind in get_args(Schedule)}


def _coerce(hint: Any, value: Any, path: str) -> Any:
    """`value` as the type `hint`; texts are read, since they come from a command line."""
    if hint == Schedule:
        if isinstance(value, dict) and value.get("kind") in SCHEDULES:
            return from_dict(SCHEDULES[value["kind"]], value, path + ".")
        raise UsageError(f"{path}: no such schedule; valid: {', '.join(SCHEDULES)}")
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, path + ".")
    try:
        return _read(hint, value)
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"{path}: {value!r} is not {_describe(hint)}") from None


def _read(hint: Any, value: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if type(None) in args and (value is None or str(value).lower() == "none"):
            return None
        return _read(next(arg for arg in args if arg is not type(None)), value)
    if origin is Literal:
        if value in args:
            return value
        raise ValueError
    if origin is tuple:
        items = [item for item in value.strip("()[] ").split(",") if item.strip()] if isinstance(value, str) else value
        if args[-1] is not Ellipsis and len(items) != len(args):
            raise ValueError
        kinds = [args[0]] * len(items) if args[-1] is Ellipsis else args
        return tuple(_read(kind, item) for kind, item in zip(kinds, items, strict=True))
    if hint is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
    if hint is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    return hint(value)


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(hint, f"of type {hint}")
