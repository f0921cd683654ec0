"""The layer table: receptive fields worked out by hand, costs, and how rows are worded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from convnets import create_model, papers
from convnets.models.table import Row, layer_table


def table(name: str, shape: tuple[int, int, int] | None = None) -> dict[str, Row]:
    with torch.device("meta"):
        network = create_model(name)
    return {row.name: row for row in layer_table(network, shape or papers.find(name).input)}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("vgg16", {"conv1_1": (3, 1), "conv1_2": (5, 1), "pool1": (6, 2), "pool5": (212, 32), "fc6": (404, 32)}),
        ("alexnet", {"conv1": (11, 4), "pool1": (19, 8), "conv2": (51, 8), "pool5": (195, 32), "fc8": (355, 32)}),
        ("resnet50", {"conv1": (7, 2), "pool1": (11, 4), "conv2_x": (35, 4), "conv5_x": (483, 32)}),
        ("resnet50_v15", {"conv5_x": (427, 32)}),
        ("resnet18_a", {"conv5_x": (435, 32), "avgpool": (627, 32)}),
        ("cuda_convnet_13", {"pool2": (19, 4), "local3": (27, 4), "fc10": (55, 4)}),
    ],
)
def test_receptive_field_and_stride(name: str, fields: dict[str, tuple[int, int]]) -> None:
    rows = table(name)
    assert {row: (rows[row].receptive_field, rows[row].stride) for row in fields} == fields


def test_a_receptive_field_that_is_not_square() -> None:
    rows = table("resnet18", (3, 224, 160))
    assert rows["conv5_x"].receptive_field == 435
    assert rows["avgpool"].receptive_field == (435 + 6 * 32, 435 + 4 * 32)


def test_the_receptive_field_is_what_gradients_reach() -> None:
    network = create_model("resnet20")
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.ones_(module.weight)  # nothing cancels, and every ReLU passes
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    row = table("resnet20", (3, 64, 64))["stage2"]
    network.eval().taps(x, ["stage2"])["stage2"][0, :, 16, 16].sum().backward()
    assert x.grad is not None
    reached = x.grad[0].sum(0).ne(0)
    assert (int(reached.any(0).sum()), int(reached.any(1).sum())) == (row.receptive_field, row.receptive_field)


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("alexnet", "conv1", "conv 11x11/4, 96, relu"),
        ("alexnet", "conv2", "conv 5x5, 256, 2 groups, relu"),
        ("alexnet", "drop6", "dropout 0.5"),
        ("cuda_convnet_11", "local3", "local 3x3, 64, relu"),
        ("vgg11_bn", "conv1_1", "conv 3x3, 64, bn, relu"),
        ("resnet50", "conv2_x", "3 x [1x1 64, 3x3 64, 1x1 256]; first 1x1 shortcut"),
        ("resnet50", "conv3_x", "4 x [1x1 128, 3x3 128, 1x1 512]; first 1x1/2, 1x1 shortcut"),
        ("resnet50_v15", "conv3_x", "4 x [1x1 128, 3x3 128, 1x1 512]; first 3x3/2, 1x1 shortcut"),
        ("resnet20", "stage2", "3 x [3x3 32, 3x3 32]; first 3x3/2, zero-padded shortcut"),
        ("resnet18_c", "conv2_x", "2 x [3x3 64, 3x3 64], each with 1x1 shortcut"),
        ("plain20", "stage1", "3 x [3x3 16, 3x3 16]"),
        ("resnet20", "fc", "fc 10"),
    ],
)
def test_operation(name: str, row: str, words: str) -> None:
    assert table(name)[row].operation == words


def test_shapes_are_worked_out_without_memory_or_torchs_symbolic_shapes() -> None:
    """Which take a second to load; so `draw` and `show` answer in one."""
    code = (
        "import sys, torch; from convnets import models; from convnets.models.table import layer_table\n"
        "with torch.device('meta'): network = models.create_model('vgg16')\n"
        "layer_table(network, (3, 224, 224))\n"
        "with torch.autocast('cpu', torch.bfloat16): network.check_input(224, 224)\n"
        # VmHWM, for Linux's ru_maxrss starts at the peak of the process that began this one
        "import re, pathlib; status = pathlib.Path('/proc/self/status')\n"
        "peak = int(re.search('VmHWM:\\\\s*([0-9]+)', status.read_text())[1]) if status.exists() else 0\n"
        "sys.exit('sympy' in sys.modules or peak > 600_000)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
