"""The papers' tables as test cases: every network of ../shared/papers joined with its catalogue name, in one form.

The oracles list rows in several ways; all become `Expected`. What is inside a row is in wiring.py. Nothing here reads
the project's own records.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(__file__).resolve().parents[2] / "shared"
FAMILIES = (
    "alexnet", "bag_of_tricks", "bn_inception", "densenet", "googlenet", "inception_v3", "inception_v4", "nin",
    "preact_resnet", "resnet", "resnext", "senet", "stochastic_depth", "vgg", "wide_resnet", "xception", "zfnet",
)  # fmt: skip

# Names of rows that are not the paper's: of other libraries, of Caffe's files, of a range, or none but the operation.
OUR_NAMES = {
    "features.0": "conv1", "features.3": "conv2", "features.6": "conv3", "features.8": "conv4", "features.10": "conv5",
    "classifier.1": "fc6", "classifier.4": "fc7", "classifier.6": "fc8", "drop_before_fc6": "drop5",
    "drop_before_fc7": "drop6", "conv1/7x7_s2": "conv1", "pool1/3x3_s2": "pool1", "conv2/3x3_reduce": "conv2_reduce",
    "conv2/3x3": "conv2", "pool2/3x3_s2": "pool2", "block5..12 (middle)": "middle", "global_avgpool": "avgpool",
}  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """One row of a paper's table; None where the oracle does not say. `name` is the row's name with us."""

    name: str
    shape: tuple[int, ...] | None
    parameters: int | None
    multiply_adds: int | None


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


@cache
def oracle(family: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SHARED / "papers" / f"{family}.yaml").read_text(encoding="utf-8"))
    return loaded


def entries(family: str) -> dict[str, dict[str, Any]]:
    """The networks of an oracle by name."""
    return {entry["name"]: entry for entry in oracle(family)["networks"]}


@cache
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
    rows = expected_rows(entry)
    return Case(line["network"], line["catalogue_name"], overrides, shape, int(line["params"]), multiply_adds, rows)


def _check_totals(line: dict[str, str], entry: dict[str, Any], multiply_adds: int | None) -> None:
    """The index says what the oracle says."""
    totals = [value for key, value in entry.items() if "computed" in key and isinstance(value, dict)]
    keys = ("params", "trainable_bn_gamma_beta", "params_with_bn_no_hidden_bias")
    parameters = {total[key] for total in totals for key in keys if key in total}
    if line["network"] != "xception_intermediate_activation":  # whose totals are those of the entry before it
        assert int(line["params"]) in parameters, line["network"]
        costs = {total.get("multiply_adds", total.get("macs")) for total in totals}
        assert multiply_adds is None or multiply_adds in costs, line["network"]


def _strided_case(line: dict[str, str], entry: dict[str, Any]) -> Case:
    """The same network with the stride on the 3x3, of which the oracle has the totals only."""
    totals, shape = entry["computed_v1_5_stride_on_3x3"], tuple(entry["input"])
    name = f"{line['catalogue_name']}_v15"
    return Case(f"{line['network']}-v1.5", name, {}, shape, totals["params"], totals["multiply_adds"])


def listed_rows(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an entry as the oracle lists them; soft-max belongs to the loss here, and has none."""
    if "modules" in entry:  # SE-BN-Inception
        assert entry["head"] == "avg pool 7x7, fc 1000"
        channels = entry["modules"][-1]["out"]
        head = [{"op": "global_avgpool", "out": channels, "size": 1}, {"op": "fc", "name": "fc", "out": 1000}]
        return [*entry["stem"], *entry["modules"], *head]
    return [row for row in entry.get("layers") or entry.get("stages") or [] if row.get("op") != "softmax"]


def expected_rows(entry: dict[str, Any]) -> list[Expected]:
    """The rows of an entry as ours; blocks that the oracle lists one by one are one row."""
    rows: list[Expected] = []
    for number, listed in enumerate(listed_rows(entry), 1):
        row = _expected(listed, number)
        if rows and rows[-1].name == row.name:
            before = rows.pop()
            assert None not in (before.parameters, row.parameters, before.multiply_adds, row.multiply_adds)
            parameters = (before.parameters or 0) + (row.parameters or 0)
            row = Expected(row.name, row.shape, parameters, (before.multiply_adds or 0) + (row.multiply_adds or 0))
        rows.append(row)
    return rows


def _expected(row: dict[str, Any], number: int) -> Expected:
    parameters = row.get("params", row.get("params_gamma_beta"))
    multiply_adds = row.get("macs", row.get("multiply_adds"))
    if "w" in row:  # weights; bias and normalisation are to be added
        height, width = map(int, row["hw"].split("x"))
        parameters = row["w"] + row["c"] * (row["bias"] + 2 * row["bn"])
        multiply_adds = row["w"] * height * width
    return Expected(our_name(row, number), _shape(row), parameters, multiply_adds)


def our_name(row: dict[str, Any], number: int) -> str:
    """`Mixed_5b` is mixed_5b, `3a` is inception_3a, `Inception-A` inception_a, `stage2_block1` a part of conv3_x."""
    name = row.get("name") or row.get("block") or row["op"]
    if name in OUR_NAMES:
        return OUR_NAMES[name]
    if stage := re.match(r"stage(\d)_block", name):
        return f"conv{int(stage[1]) + 1}_x"
    if "name" not in row and row.get("op") == "fc":
        return f"fc{number}"
    name = re.sub(r"\W+", "_", re.sub(r" \((entry|exit)\)$", "", name).lower())
    return f"inception_{name}" if name[0].isdigit() else name


def _shape(row: dict[str, Any]) -> tuple[int, ...] | None:
    if "out_shape" in row:
        return tuple(row["out_shape"])
    if row.get("op") in ("fc", "linear"):
        return (int(row["c"] if "c" in row else row["out"]),)
    if "hw" in row:
        return (row["c"], *map(int, row["hw"].split("x")))
    if "size" in row:
        return row["out"], row["size"], row["size"]
    return tuple(map(int, row["out"].split("x"))) if "out" in row else None
