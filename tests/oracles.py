"""The papers' tables as test cases: every network of ../shared/papers joined with its catalogue name, in one form.

A later family only adds its file to FAMILIES. Nothing here reads the project's own records.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

SHARED = Path(__file__).resolve().parents[2] / "shared"
FAMILIES = ("alexnet", "vgg", "resnet")


@dataclass(frozen=True)
class Expected:
    """One row of a paper's table; None where the oracle does not say."""

    name: str
    shape: tuple[int, ...]
    parameters: int | None
    multiply_adds: int | None
    layer: dict[str, Any]

    @property
    def has_paper_name(self) -> bool:
        """False for rows that the oracle calls by another library's names."""
        return "." not in self.name and not self.name.startswith("drop_before")


@dataclass(frozen=True)
class Case:
    """One network of an oracle."""

    oracle: str
    network: str
    overrides: dict[str, Any]
    input: tuple[int, ...]
    parameters: int
    multiply_adds: int
    rows: list[Expected] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """What a forward pass of the real modules did in one row."""

    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def oracle(family: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SHARED / "papers" / f"{family}.yaml").read_text(encoding="utf-8"))
    return loaded


def cases() -> list[Any]:
    """One pytest parameter per network of the oracles; one that is skipped where they are absent."""
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="needs ../shared/papers"))]
    found = []
    with (SHARED / "papers" / "index.csv").open(encoding="utf-8", newline="") as file:
        index = [line for line in csv.DictReader(file) if line["oracle"] in FAMILIES]
    for family in FAMILIES:
        lines = {line["network"]: line for line in index if line["oracle"] == family}
        entries = {entry["name"]: entry for entry in oracle(family)["networks"]}
        assert set(lines) == set(entries), f"{family}.yaml and index.csv do not list the same networks"
        for name, entry in entries.items():
            found.append(_case(lines[name], entry))
            if "computed_v1_5_stride_on_3x3" in entry:
                found.append(_strided_case(lines[name], entry))
    return [pytest.param(case, id=f"{case.network}-{case.oracle}") for case in found]


def _case(line: dict[str, str], entry: dict[str, Any]) -> Case:
    totals = entry.get("computed") or entry["totals_computed"]
    multiply_adds = totals.get("multiply_adds", totals.get("macs"))
    assert (int(line["params"]), int(line["multiply_adds"])) == (totals["params"], multiply_adds)
    rows = [_expected(row) for row in entry.get("layers") or entry["stages"] if row.get("op") != "softmax"]
    shape = tuple(map(int, line["input"].split("x")))
    overrides = json.loads(line["overrides"] or "{}")
    return Case(line["network"], line["catalogue_name"], overrides, shape, totals["params"], multiply_adds, rows)


def _strided_case(line: dict[str, str], entry: dict[str, Any]) -> Case:
    """The same network with the stride on the 3x3, of which the oracle has the totals only."""
    totals, shape = entry["computed_v1_5_stride_on_3x3"], tuple(entry["input"])
    name = f"{line['catalogue_name']}_v15"
    return Case(f"{line['network']}-v1.5", name, {}, shape, totals["params"], totals["multiply_adds"])


def _expected(row: dict[str, Any]) -> Expected:
    if "out_shape" in row:
        shape = tuple(row["out_shape"])
    elif "size" in row:
        shape = (row["out"], row["size"], row["size"])
    elif isinstance(row.get("out"), int):
        shape = (row["out"],)
    else:
        shape = tuple(map(int, row["out"].split("x"))) if "out" in row else ()
    return Expected(row["name"], shape, row.get("params"), row.get("macs", row.get("multiply_adds")), row)


def measure(network: nn.Sequential, shape: tuple[int, ...]) -> dict[str, Measured]:
    """Row by row: output, parameters, and the multiply-adds of its layers, by hooks during a forward pass."""
    outputs: dict[nn.Module, tuple[int, ...]] = {}

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        assert module not in outputs, "a module was run twice"
        outputs[module] = tuple(output.shape[1:])

    handles = [module.register_forward_hook(note) for module in network.modules()]
    with torch.no_grad():
        network(torch.empty(1, *shape, device="meta"))
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
