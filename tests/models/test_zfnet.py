"""ZFNet: its sizes, its normalisation, its weights, and the departure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model, describe
from convnets.models.zfnet import NormWithin


def outputs(name: str, **axes: Any) -> dict[str, list[int]]:
    return {row["name"]: row["output"] for row in describe(name, **axes)["rows"]}


def test_windows_beyond_the_edge_count() -> None:
    """Fig. 3's 110, 55, 26, 13 and 6: rounding down would give 109, 54, 25, 12 and 5."""
    maps = outputs("zfnet")
    assert [maps[row][1] for row in ("conv1", "pool1", "conv2", "pool2", "pool5")] == [110, 55, 26, 13, 6]


def test_the_first_layer_has_seven_by_seven_windows_at_a_stride_of_two() -> None:
    with torch.device("meta"):
        conv = create_model("zfnet").get_submodule("conv1.conv")
    assert isinstance(conv, nn.Conv2d)
    assert (conv.kernel_size, conv.stride, conv.groups) == ((7, 7), (2, 2), 1)


def test_normalisation_follows_the_pooling_with_alexnets_constants() -> None:
    with torch.device("meta"):
        network = create_model("zfnet")
    rows = [name for name, _ in network.named_children()]
    assert rows.index("norm1") == rows.index("pool1") + 1
    norm = network.get_submodule("norm1")
    assert isinstance(norm, nn.LocalResponseNorm)
    assert (norm.size, norm.alpha / norm.size, norm.beta, norm.k) == (5, pytest.approx(1e-4), 0.75, 2.0)


def test_weights_are_normal_with_a_deviation_of_a_hundredth() -> None:
    network = create_model("zfnet", input_size=64, num_classes=10)
    for name in ("conv3.conv", "fc7.linear"):
        layer: Any = network.get_submodule(name)
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert not layer.bias.any()


def test_table_3_varies_the_hidden_layers() -> None:
    maps = outputs("zfnet", hidden=2048)
    assert (maps["pool5"], maps["fc6"], maps["fc7"], maps["fc8"]) == ([256, 6, 6], [2048], [2048], [1000])


def test_departure_1_normalises_within_a_channel() -> None:
    """Caffe's formula, written out: the mean over a 3x3 window, zeros beyond the edge counted."""
    x = torch.randn(1, 2, 4, 5, dtype=torch.double)
    y = NormWithin(3, 5e-5, 0.75)(x)
    window = [x[0, 1, r, c] for r in (0, 1) for c in (0, 1)]  # what the corner sees
    mean = sum(value**2 for value in window) / 9
    assert y[0, 1, 0, 0] == pytest.approx((x[0, 1, 0, 0] / (1 + 5e-5 * mean) ** 0.75).item())
    assert outputs("zf_fast_rcnn")["conv5"] == [256, 15, 15]
