"""The catalogue: a network by its name. Each paper has one file here, imported when its networks are asked for."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .. import papers
from ..errors import UsageError
from ..network import Network, WithAuxiliary, map_shape

__all__ = [
    "Network", "WithAuxiliary", "auxiliary_forms", "axes", "create_model", "departures", "describe", "diff",
    "grown_rows", "list_models", "with_auxiliary",
]  # fmt: skip


SHARES = {"dropout", "survival", "compression"}  # axes from 0 to 1


def create_model(
    name: str, *, num_classes: int | None = None, in_channels: int | None = None, **values: Any
) -> Network:
    """The network of this name, initialised as its paper says; `values` set what the paper varies (see `axes`).

    A value may be the text of it. `network.overrides` holds what differs from the defaults, and recreates the network.
    Raises UsageError for an unknown name, axis or value, listing the valid ones.
    """
    if values.pop("pretrained", False):
        raise UsageError(f"{name}: weights come with convnets.create_model, or convnets.runs.load")
    entry, defaults = papers.find(name), axes(name)
    values = {"num_classes": num_classes, "in_channels": values.pop("in_chans", in_channels), **values}
    values = {axis: value for axis, value in values.items() if value is not None}
    for axis in values:
        if axis not in defaults:
            raise UsageError(f"{entry.name} has no axis {axis!r}; valid ones: {', '.join(defaults)}")
    values = {axis: _read(axis, value, defaults[axis]) for axis, value in values.items()}
    network: Network = _builder(entry)(**values)
    network.name = entry.name
    network.overrides = {axis: value for axis, value in values.items() if value != defaults[axis]}
    return network


def with_auxiliary(network: Network, form: str | None = None, size: int | None = None) -> WithAuxiliary:
    """The network with its paper's auxiliary classifiers, which returns (logits, (auxiliary logits, ...)) always.

    `form` is one of `auxiliary_forms(network.name)`, by default the first. The heads are made for the network's
    classes, and for pictures of `size` pixels a side, by default the paper's. Raises UsageError where there are none.
    """
    forms, entry = auxiliary_forms(network.name), papers.find(network.name)
    if not forms:
        raise UsageError(f"{network.name} has no auxiliary classifiers in its paper")
    chosen = forms[0] if form is None else form
    if chosen not in forms:
        raise UsageError(f"form={chosen!r} is unknown for {network.name}; valid values: {', '.join(forms)}")
    heads: dict[str, nn.Module] = {}
    rows, side = dict(network.named_children()), size or network.input_size or entry.input[1]
    for row, head in _file(entry).AUXILIARY[entry.name][chosen].items():
        before = list(rows)[: list(rows).index(row) + 1]
        shape = map_shape({name: rows[name] for name in before}, network.in_channels, side)
        heads[row] = head(shape, network.num_classes)
    return WithAuxiliary(network, heads)


def auxiliary_forms(name: str) -> list[str]:
    """The forms of a network's auxiliary classifiers, the default first; none where the paper has none."""
    entry = papers.find(name)
    return list(getattr(_file(entry), "AUXILIARY", {}).get(entry.name, {}))


def grown_rows(name: str) -> tuple[str, ...] | None:
    """The rows that the paper's deeper networks take from its first one; None where it says nothing of the kind."""
    rows: tuple[str, ...] | None = getattr(_file(papers.find(name)), "GROWS", None)
    return rows


def list_models(pattern: str = "*") -> list[str]:
    """The names that match a pattern such as `resnet*_v15`, in the order of the papers."""
    return papers.names(pattern)


def axes(name: str) -> dict[str, Any]:
    """What can be set of this network, with the defaults."""
    parameters = inspect.signature(_builder(papers.find(name))).parameters.values()
    return {axis.name: axis.default for axis in parameters if axis.kind is axis.KEYWORD_ONLY}


def describe(name: str, *, size: tuple[int, int] | None = None, **overrides: Any) -> dict[str, Any]:
    """The network row by row, as plain values: name, input, parameters, multiply_adds, rows. No weights are drawn.

    `size` is another (height, width) of the picture than the paper's. Raises UsageError when it does not fit.
    """
    from .table import layer_table

    with torch.device("meta"):
        network = create_model(name, **overrides)
    side = network.input_size
    height, width = size or ((side, side) if side else papers.find(name).input[1:])
    shape = network.in_channels, height, width
    rows = layer_table(network, shape)
    return {
        "name": network.name,
        "input": list(shape),
        "parameters": sum(row.parameters for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "rows": [row.as_dict() for row in rows],
    }


def diff(
    a: str,
    b: str,
    *,
    axes: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """What differs from network `a` to network `b`: the totals of both, and `rows` of `compare.RowPair`.

    `axes` are those of a and of b, `size` the (height, width) of the picture for both. Raises UsageError as `describe`.
    """
    from .compare import compare

    networks, totals = [], []
    for name, values in zip((a, b), axes, strict=True):
        totals.append({key: value for key, value in describe(name, size=size, **values).items() if key != "rows"})
        with torch.device("meta"):
            networks.append(create_model(name, **values))
    input_a, input_b = (tuple(total["input"]) for total in totals)
    return {"a": totals[0], "b": totals[1], "rows": compare(networks[0], networks[1], input_a, input_b)}


def departures(name: str) -> list[str]:
    """The numbered departures from the paper, out of the docstring of the paper's file, that this network has."""
    entry = papers.find(name)
    _, _, text = inspect.cleandoc(_file(entry).__doc__ or "").partition("\nDepartures\n")
    found: dict[int, str] = {}
    for line in text.splitlines():
        number, dot, rest = line.strip().partition(". ")
        if dot and number.isdigit():
            found[len(found) + 1] = f"{number}. {rest}"
        elif found:
            found[len(found)] += f" {line.strip()}"
    return [found[number] for number in entry.departures]


def _file(entry: papers.Entry) -> Any:
    return importlib.import_module(f".peers.{entry.family}" if entry.peer else f".{entry.family}", __name__)


def _builder(entry: papers.Entry) -> Callable[..., Network]:
    builder: Callable[..., Network] = _file(entry).VARIANTS[entry.name]
    return builder


def _read(axis: str, value: Any, default: Any) -> Any:
    """`value`, or the value that a text stands for, of the type of `default`."""
    kind = type(default)
    try:
        if kind is bool and isinstance(value, str):
            value = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
        if kind is bool and not isinstance(value, bool):
            raise ValueError
        if kind is int and (isinstance(value, bool) or int(value) < 1 or int(value) != float(value)):
            raise ValueError
        if (kind is float and not math.isfinite(float(value))) or (axis in SHARES and not 0 <= float(value) <= 1):
            raise ValueError
        return kind(value)
    except (KeyError, TypeError, ValueError):
        number = "a number from 0 to 1" if axis in SHARES else "a number"
        names = {bool: "true or false", int: "a whole number of at least 1", float: number, str: "a text"}
        raise UsageError(f"{axis}={value!r} is not {names[kind]}") from None
