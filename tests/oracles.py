"""The papers' tables as test cases: every network of ../shared/papers joined with its catalogue name, in one form.

The oracles list rows in three ways; all become `Expected`. Nothing here reads the project's own records.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from torch import Tensor, nn

SHARED = Path(__file__).resolve().parents[2] / "shared"
FAMILIES = (
    "alexnet", "bag_of_tricks", "bn_inception", "densenet", "googlenet", "inception_v3", "inception_v4", "nin",
    "preact_resnet", "resnet", "resnext", "senet", "stochastic_depth", "vgg", "wide_resnet", "xception", "zfnet",
)  # fmt: skip
TENSORFLOW = (-1, -1)  # in place of a padding: as much as TensorFlow's SAME needs


class Conv(NamedTuple):
    """A convolution as an oracle lists it."""

    kernel: tuple[int, int]
    stride: int
    padding: tuple[int, int]
    in_channels: int
    out_channels: int
    groups: int
    bias: bool


class Pool(NamedTuple):
    """A pooling as an oracle lists it; its padding is left to the size of its output."""

    kind: str
    kernel: int
    stride: int


@dataclass(frozen=True)
class Layers:
    """What a row is made of, in the order of its branches; `relus` counts the activations."""

    convs: list[Conv]
    norms: list[int]
    pools: list[Pool]
    relus: int


@dataclass(frozen=True)
class Expected:
    """One row of a paper's table; None where the oracle does not say."""

    name: str | None
    shape: tuple[int, ...]
    parameters: int | None
    multiply_adds: int | None
    layer: dict[str, Any]
    layers: Layers | None = None


@dataclass(frozen=True)
class Case:
    """One network of an oracle."""

    oracle: str
    network: str
    overrides: dict[str, Any]
    input: tuple[int, ...]
    parameters: int
    multiply_adds: int | None
    rows: list[Expected] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """What a forward pass of the real modules did in one row."""

    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@cache
def oracle(family: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SHARED / "papers" / f"{family}.yaml").read_text(encoding="utf-8"))
    return loaded


def entries(family: str) -> dict[str, dict[str, Any]]:
    """The networks of an oracle by name."""
    return {entry["name"]: entry for entry in oracle(family)["networks"]}


def index() -> list[dict[str, str]]:
    with (SHARED / "papers" / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cases() -> list[Any]:
    """One pytest parameter per line of the index; one that is skipped where the oracles are absent."""
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="needs ../shared/papers"))]
    found = []
    for line in index():
        entry = entries(line["oracle"])[line["network"]]
        found.append(_case(line, entry))
        if "computed_v1_5_stride_on_3x3" in entry:
            found.append(_strided_case(line, entry))
    return [pytest.param(case, id=f"{case.network}-{case.oracle}") for case in found]


def _case(line: dict[str, str], entry: dict[str, Any]) -> Case:
    multiply_adds = int(line["multiply_adds"]) if line["multiply_adds"] else None
    _check_totals(line, entry, multiply_adds)
    shape = tuple(map(int, line["input"].split("x")))
    overrides = json.loads(line["overrides"] or "{}")
    found = rows(entry, line["oracle"])
    return Case(line["network"], line["catalogue_name"], overrides, shape, int(line["params"]), multiply_adds, found)


def _check_totals(line: dict[str, str], entry: dict[str, Any], multiply_adds: int | None) -> None:
    """The index says what the oracle says."""
    totals = [value for key, value in entry.items() if "computed" in key and isinstance(value, dict)]
    parameters = {
        value for total in totals for key, value in total.items()
        if key in ("params", "trainable_bn_gamma_beta", "params_with_bn_no_hidden_bias")
    } | {entry[key] for key in entry if key.startswith("computed") and isinstance(entry[key], int)}  # fmt: skip
    if line["network"] not in ("inception_no_bn", "xception_intermediate_activation"):  # totals of other entries
        assert int(line["params"]) in parameters, line["network"]
        if multiply_adds is not None:
            costs = {total.get("multiply_adds", total.get("macs")) for total in totals}
            assert multiply_adds in costs, line["network"]


def _strided_case(line: dict[str, str], entry: dict[str, Any]) -> Case:
    """The same network with the stride on the 3x3, of which the oracle has the totals only."""
    totals, shape = entry["computed_v1_5_stride_on_3x3"], tuple(entry["input"])
    name = f"{line['catalogue_name']}_v15"
    return Case(f"{line['network']}-v1.5", name, {}, shape, totals["params"], totals["multiply_adds"])


def rows(entry: dict[str, Any], family: str) -> list[Expected]:
    """The rows of an entry; soft-max belongs to the loss here, and has none."""
    listed = [row for row in entry.get("layers") or entry.get("stages") or [] if row.get("op") != "softmax"]
    if family == "bag_of_tricks":
        return [_joined(group) if len(group) > 1 else _expected(group[0]) for group in _by_stage(listed)]
    return [_expected(row) for row in listed]


def _by_stage(listed: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows that are one of ours, together: the oracle lists each block of a stage."""
    groups: list[list[dict[str, Any]]] = []
    for row in listed:
        stage = row.get("block", "").partition("_")[0]
        if stage and groups and groups[-1][0].get("block", "").startswith(stage):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _joined(group: list[dict[str, Any]]) -> Expected:
    parts = [_expected(row) for row in group]
    parameters, cost = (sum(getattr(part, name) for part in parts) for name in ("parameters", "multiply_adds"))
    return Expected(None, parts[-1].shape, parameters, cost, {}, merged([part.layers for part in parts if part.layers]))


def _expected(row: dict[str, Any]) -> Expected:
    if "block" in row:
        shape = tuple(map(int, row["out"].split("x")))
        return Expected(row["block"], shape, row["params_gamma_beta"], row["macs"], row, block_layers(row))
    if "hw" in row:
        return _described(row)
    if "name" not in row:  # a fully connected layer whose normalisation, and so whose bias, is left open
        return Expected(None, (row["c"],), None, row["cin"] * row["c"], {})
    if "out_shape" in row:
        shape = tuple(row["out_shape"])
    elif "size" in row:
        shape = (row["out"], row["size"], row["size"])
    elif isinstance(row.get("out"), int):
        shape = (row["out"],)
    elif "out" in row:
        shape = tuple(map(int, row["out"].split("x")))
    else:
        shape = ()
    layers = inception_layers(row) if row.get("op") == "inception" else None
    return Expected(row["name"], shape, row.get("params"), row.get("macs", row.get("multiply_adds")), row, layers)


def _described(row: dict[str, Any]) -> Expected:
    """A row of the form k, s, p, cin, c, hw; its totals follow from them."""
    height, width = map(int, row["hw"].split("x"))
    shape = (row["c"],) if row["op"] == "fc" else (row["c"], height, width)
    layers = list(step_layers([row]))
    convs = [conv for part in layers for conv in part.convs]
    parameters = sum(_weights(conv) + conv.bias * conv.out_channels for conv in convs)
    cost = sum(_weights(conv) for conv in convs) * height * width
    if row["op"] == "fc":
        parameters = row["cin"] * row["c"] + row["bias"] * row["c"]
        cost = row["cin"] * row["c"]
    parameters += 2 * row["c"] if row.get("bn") else 0
    assert row.get("w", 0) in (0, sum(map(_weights, convs)), row["c"] * row.get("cin", 0))
    layer = row if row["op"] in ("fc", "dropout") else {}
    return Expected(row.get("name"), shape, parameters, cost, layer, merged(layers) if row["op"] != "fc" else None)


def _weights(conv: Conv) -> int:
    return conv.out_channels * conv.in_channels // conv.groups * math.prod(conv.kernel)


def merged(parts: list[Layers]) -> Layers:
    return Layers(
        [conv for part in parts for conv in part.convs], [norm for part in parts for norm in part.norms],
        [pool for part in parts for pool in part.pools], sum(part.relus for part in parts),
    )  # fmt: skip


def inception_layers(row: dict[str, Any]) -> Layers:
    """GoogLeNet's form: the convolutions of all branches, and one pooling."""
    convs = [
        Conv((step["kernel"],) * 2, step["stride"], (step["pad"],) * 2, step["in_ch"], step["out_ch"], 1, True)
        for step in row["branches"]
    ]
    return Layers(convs, [], [Pool("max", 3, 1)], len(convs))


def block_layers(row: dict[str, Any]) -> Layers:
    """A block of branches, what widens them again, and the shortcut; all of it `repeat` times."""
    parts = [part for branch in row["branches"] for part in step_layers(branch)]
    for extra in ("expand", "shortcut"):
        steps = row.get(extra, "identity")
        if steps != "identity":
            parts += step_layers(steps if isinstance(steps, list) else [steps])
    if row.get("post") == "relu":
        parts.append(Layers([], [], [], 1))
    return merged(parts * row.get("repeat", 1))


def step_layers(steps: list[dict[str, Any]]) -> Iterator[Layers]:
    """The steps of one branch, in order."""
    for step in steps:
        if "split_into" in step and "op" not in step:
            yield from step_layers(step["split_into"])
            continue
        relus = (step.get("act") == "relu") + (step.get("pre_act") == "relu")
        norms = [step["c"]] if step.get("bn") else []
        pools = []
        if step["op"] in ("maxpool", "avgpool"):
            pools = [Pool(step["op"].removesuffix("pool"), int(step["k"].partition("x")[0]), step["s"])]
        yield Layers(list(_convolutions(step)), norms, pools, relus)


def _convolutions(step: dict[str, Any]) -> Iterator[Conv]:
    if step["op"] not in ("conv", "sepconv"):
        return
    height, width = map(int, step["k"].split("x"))
    padding, ins, outs = padding_of(step["p"]), step["cin"], step["c"]
    if step["op"] == "sepconv":
        inner = ins * step.get("depth_mult", 1)
        yield Conv((height, width), step["s"], padding, ins, inner, ins, False)
        yield Conv((1, 1), 1, (0, 0), inner, outs, 1, step["bias"])
    else:
        yield Conv((height, width), step["s"], padding, ins, outs, 1, step["bias"])


def padding_of(text: str) -> tuple[int, int]:
    """`valid`, `same(3)`, `same(0,3)`, `pad(1)`, or TensorFlow's `same(h2+3,w2+3)`."""
    if text == "valid":
        return 0, 0
    if "+" in text:
        return TENSORFLOW
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return numbers[0], numbers[-1]


def layers_of(row: nn.Module, *, shortcuts: bool = True) -> Layers:
    """What a row of ours is made of, read off its modules."""
    modules = [module for name, module in row.named_modules() if shortcuts or ".shortcut" not in name]
    convs, norms, pools, before = [], [], [], None
    for module in modules:
        if isinstance(module, nn.Conv2d):
            same = type(before).__name__ == "PadSame"
            assert not isinstance(module.padding, str)
            padding = TENSORFLOW if same else (module.padding[0], module.padding[1])
            kernel, bias = (module.kernel_size[0], module.kernel_size[1]), module.bias is not None
            convs.append(Conv(kernel, module.stride[0], padding, module.in_channels, module.out_channels,
                              module.groups, bias))  # fmt: skip
        elif isinstance(module, nn.BatchNorm2d):
            norms.append(module.num_features)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            kind = "max" if isinstance(module, nn.MaxPool2d) else "avg"
            pools.append(Pool(kind, module.kernel_size, module.stride))  # type: ignore[arg-type]
        before = module
    return Layers(convs, norms, pools, sum(isinstance(module, nn.ReLU) for module in modules))


def measure(network: nn.Module, shape: tuple[int, ...], batch: int = 1) -> dict[str, Measured]:
    """Row by row: output, parameters, and the multiply-adds of its layers, by hooks during a forward pass."""
    outputs: dict[nn.Module, tuple[int, ...]] = {}

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        assert module not in outputs, "a module was run twice"
        outputs[module] = tuple(output.shape[1:])

    handles = [module.register_forward_hook(note) for module in network.modules()]
    with torch.no_grad():
        network(torch.empty(batch, *shape, device="meta"))
    for handle in handles:
        handle.remove()
    return {name: _measured(row, outputs) for name, row in network.named_children()}


def _measured(row: nn.Module, outputs: dict[nn.Module, tuple[int, ...]]) -> Measured:
    cost = 0
    for module in row.modules():
        if isinstance(module, nn.Conv2d):
            per_place = module.in_channels // module.groups * math.prod(module.kernel_size)
            cost += math.prod(outputs[module]) * per_place
        elif isinstance(module, nn.Linear):
            cost += module.in_features * module.out_features
        elif type(module).__name__ == "LocallyConnected":
            cost += sum(weight.numel() for name, weight in module.named_parameters() if name == "weight")
    return Measured(outputs[row], sum(parameter.numel() for parameter in row.parameters()), cost)
