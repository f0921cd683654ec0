"""Every network whose layers an oracle lists: the same layers in the same order, with branches in the same places.

test_oracles.py holds the rows to their names, sizes and costs; this holds what is inside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.layers import Concat
from tests.networks import on_meta
from tests.oracles import SHARED, entries, index
from tests.wiring import Node, difference, read, rows, shapes_of

Rows = list[list[Node] | None]


def symmetric(node: Node) -> Node:
    """TensorFlow's padding of a strided convolution, one pixel more on the first sides, as Caffe pads."""
    if node["op"] == "conv" and max(node["stride"]) > 1:
        node = {**node, "before": tuple(side // 2 for side in node["kernel"])}
    branches = [[symmetric(inner) for inner in branch] for branch in node.get("branches", ())]
    return {**node, "branches": branches} if branches else node


def pool_last(node: Node) -> Node:
    """A concatenation that begins with its max pooling, with the pooling at its end."""
    branches = node.get("branches", ())
    if node["op"] == "concat" and branches[0][0]["op"] == "max":
        node = {**node, "branches": [*branches[1:], branches[0]]}
    return node


# Where the oracle's figures are ours but one detail is not, with the reason; the rest of the entry is held to.
READINGS: dict[str, tuple[str, Callable[[Node], Node]]] = {
    "bn_inception_fig5_pool_proj_column": (
        "listed with TensorFlow's padding, but the ports to MXNet and Caffe that it stands for pad alike on all sides",
        symmetric,
    ),
    "inception_resnet_v2_tf_slim": (
        "lists the pooling of a reduction first, as the paper draws it; the release concatenates it last, which its"
        " weights need",
        pool_last,
    ),
}


def listed() -> list[Any]:
    """One parameter per line of the index whose entry lists layers."""
    if not SHARED.is_dir():
        return [pytest.param({}, marks=pytest.mark.skip(reason="needs ../shared/papers"))]
    lines = [line for line in index() if any(rows(entries(line["oracle"])[line["network"]]))]
    return [pytest.param(line, id=f"{line['network']}-{line['oracle']}") for line in lines]


def expected_rows(line: dict[str, str]) -> Rows:
    found = rows(entries(line["oracle"])[line["network"]])
    _, change = READINGS.get(line["network"], ("", None))
    return [row and [change(node) for node in row] if change else row for row in found]


def built(line: dict[str, str]) -> Any:
    return on_meta(line["catalogue_name"], **json.loads(line["overrides"] or "{}"))


def differences(line: dict[str, str], network: nn.Module) -> dict[str, str]:
    """The rows of a network that are not wired as its oracle says, with the first difference of each."""
    shapes = shapes_of(network, tuple(map(int, line["input"].split("x"))))
    found = {}
    expected = expected_rows(line)
    ours = list(network.named_children())[: len(expected)]  # zf_fast_rcnn has a classifier of ours behind the oracle's
    for (name, row), nodes in zip(ours, expected, strict=True):
        if nodes is not None and (text := difference(nodes, read(row, shapes))):
            found[name] = text
    return found


@pytest.mark.parametrize("line", listed())
def test_every_row_is_wired_as_the_paper_says(line: dict[str, str]) -> None:
    assert not differences(line, built(line))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
@pytest.mark.parametrize("name", READINGS)
def test_another_reading_is_needed(name: str) -> None:
    (line,) = [line for line in index() if line["network"] == name]
    network = built(line)
    shapes = shapes_of(network, tuple(map(int, line["input"].split("x"))))
    pairs = zip(rows(entries(line["oracle"])[name]), network, strict=True)
    assert any(difference(nodes, read(row, shapes)) for nodes, row in pairs if nodes is not None)


# ---- that the test would notice


def move_first_branch_last(row: Any) -> None:
    name, branch = next(iter(row.named_children()))
    delattr(row, name)
    row.add_module(name, branch)


def bn_behind_relu(row: Any) -> None:
    conv: Any = next(part for part in row.modules() if isinstance(part, nn.Sequential) and hasattr(part, "bn"))
    bn = conv.bn
    del conv.bn
    conv.add_module("bn", bn)


def swap_kernels(row: Any) -> None:
    """1x7 and then 7x1, the other way round."""
    long = [module for module in row.modules() if isinstance(module, nn.Conv2d) and max(module.kernel_size) == 7]
    for conv in long:
        conv.kernel_size, conv.padding = conv.kernel_size[::-1], conv.padding[::-1]
        conv.weight = nn.Parameter(conv.weight.transpose(2, 3))


def widen(row: Any) -> None:
    """One branch gets a channel more, another one less, so that the sum stays."""
    for name, extra in (("branch1", 1), ("pool", -1)):
        part = row.get_submodule(name)
        layers: list[Any] = [layer for layer in part.modules() if isinstance(layer, nn.Sequential)]
        for layer in [layer for layer in layers if hasattr(layer, "conv")]:
            conv = layer.conv
            layer.conv = nn.Conv2d(conv.in_channels, conv.out_channels + extra, 1, device="meta")


def regrouped(conv: nn.Conv2d) -> nn.Module:
    return nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, groups=16, bias=False, device="meta")


def set_part(path: str, make: Callable[[Any], Any]) -> Callable[[Any], None]:
    def change(row: Any) -> None:
        parent, _, name = path.rpartition(".")
        setattr(row.get_submodule(parent), name, make(row.get_submodule(path)))

    return change


def alter(path: str, **values: Any) -> Callable[[Any], None]:
    def change(row: Any) -> None:
        for name, value in values.items():
            setattr(row.get_submodule(path), name, value)

    return change


FAULTS: list[tuple[str, str, Callable[[Any], None]]] = [
    ("googlenet", "inception_4c", move_first_branch_last),
    ("googlenet", "inception_3a", widen),
    ("googlenet", "pool2", alter("", ceil_mode=False, padding=1)),
    ("googlenet", "lrn1", alter("", k=2.0)),
    ("googlenet", "drop", alter("", p=0.5)),
    ("bn_inception_fig5_output_sizes", "inception_3b", bn_behind_relu),
    ("bn_inception_fig5_output_sizes", "conv1", set_part("pad", lambda pad: nn.ZeroPad2d(3))),
    ("inception_v3_tf_slim", "mixed_6c", swap_kernels),
    ("inception_v3_tf_slim", "mixed_7a", set_part("pool", lambda pool: nn.AvgPool2d(3, 2))),
    ("inception_v3_tf_slim", "mixed_7b", set_part("short.split", lambda part: Concat(two=part.column, one=part.row))),
    ("inception_v4", "reduction_a", move_first_branch_last),
    ("inception_resnet_v2_tf_slim", "block17", alter("3.body.scale", factor=0.17)),
    ("inception_resnet_v2_tf_slim", "block8_last", alter("0", after=nn.ReLU())),
    ("xception", "block3", set_part("body.sepconv1.relu", lambda relu: nn.Identity())),
    ("cifar-resnet-20-A", "stage2", alter("0.shortcut", before=8, after=8)),
    ("cifar-resnet-20-A", "stage3", set_part("2.after", lambda relu: nn.Identity())),
    ("resnet-50-B", "conv3_x", set_part("0.shortcut.bn", lambda bn: nn.Identity())),
    ("resnext-50-32x4d", "conv4_x", set_part("5.body.conv2.conv", regrouped)),
    ("sd-resnet-110-cifar10", "stage2", set_part("0.shortcut.pool", lambda pool: nn.MaxPool2d(2, 2))),
    ("preact-resnet-164", "stage1", set_part("1.body.conv1.bn", lambda bn: nn.Identity())),
    ("preact-resnet-164", "stage1", alter("0", before=None)),
    ("densenet-121", "block1", set_part("2", lambda layer: Concat(new=layer.new, input=layer.input))),
    ("densenet-121", "transition2", set_part("pool", lambda pool: nn.MaxPool2d(2, 2))),
    ("se-resnet-50", "conv2_x", set_part("1.body.se.gate.excite", lambda sigmoid: nn.ReLU())),
    ("se-bn-inception", "inception_3c", set_part("se", lambda unit: nn.Identity())),
    ("nin_cifar10", "cccp6", set_part("relu", lambda relu: nn.Identity())),
]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
@pytest.mark.parametrize(("name", "row", "change"), FAULTS, ids=[f"{name}-{row}" for name, row, _ in FAULTS])
def test_a_fault_is_noticed(name: str, row: str, change: Callable[[Any], None]) -> None:
    """Each of these leaves the size of the row's output as it is, most of them its parameters too."""
    line = next(line for line in index() if line["network"] == name)
    with torch.device("meta"):
        network = create_model(line["catalogue_name"]).eval()
    change(network.get_submodule(row))
    assert row in differences(line, network)
