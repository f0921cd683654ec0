"""ResNet-B, C and D: where they stride and average, their initialisation, and the departure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.models.bag_of_tricks import bottleneck, pooled_projection
from convnets.models.resnet import DEPTHS, imagenet


def on_meta(name: str) -> Any:
    with torch.device("meta"):
        return create_model(name)


@pytest.mark.parametrize("name", ["resnet50_v15", "resnet50_c", "resnet50_d"])
def test_the_stride_of_a_bottleneck_is_in_its_3x3(name: str) -> None:
    blocks = on_meta(name).conv3_x
    assert [unit.conv.stride[0] for unit in blocks[0].body] == [1, 2, 1]
    assert [unit.conv.stride[0] for unit in blocks[1].body] == [1, 1, 1]


def test_c_contains_b_and_d_contains_both() -> None:
    b, c, d = map(on_meta, ("resnet50_v15", "resnet50_c", "resnet50_d"))
    assert str(b.conv3_x) == str(c.conv3_x) != str(d.conv3_x)
    assert str(b.conv3_x[0].body) == str(d.conv3_x[0].body)
    assert [str(row) for row in c[:4]] == [str(row) for row in d[:4]]


def test_only_the_first_convolution_of_the_deep_stem_strides() -> None:
    rows = on_meta("resnet50_c")
    assert [(row.conv.stride[0], row.conv.out_channels) for row in rows[:3]] == [(2, 32), (1, 32), (1, 64)]


def test_the_shortcut_of_d_averages_where_b_skips() -> None:
    shortcut: Any = pooled_projection(2, 3, 2).eval()
    x = torch.randn(1, 2, 6, 5)
    means = torch.stack([x[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean((2, 3))
                         for row in range(3) for column in range(3)], -1).reshape(1, 2, 3, 3)  # fmt: skip
    assert torch.allclose(shortcut(x), shortcut.projection(means), atol=1e-6)
    blocks = on_meta("resnet50_d").conv3_x
    assert [type(part) for part in blocks[0].shortcut] == [nn.AvgPool2d, nn.Sequential]
    assert blocks[0].shortcut.projection.conv.stride == (1, 1)
    assert "AvgPool2d" not in str(on_meta("resnet50_d").conv2_x)  # no stride, so nothing to average


def test_initialisation_is_glorots() -> None:
    torch.manual_seed(0)
    network = create_model("resnet50_v15", num_classes=500)
    for name in ("conv1.conv", "conv5_x.0.body.conv1.conv", "conv5_x.1.body.conv2.conv", "fc"):
        weight = network.get_parameter(f"{name}.weight")
        bound = (6 / (weight[0, 0].numel() * (weight.shape[0] + weight.shape[1]))) ** 0.5
        assert 0.98 * bound < weight.abs().max().item() < 1.0001 * bound, name
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03), name
    assert not network.get_parameter("fc.bias").any()


@pytest.mark.parametrize("name", ["resnet18_d", "resnet50_d"])
def test_zero_gamma_makes_a_fresh_block_its_shortcut(name: str) -> None:
    x = torch.randn(2, 64, 8, 8)
    for zero_gamma in (False, True):
        block = create_model(name, zero_gamma=zero_gamma).get_submodule("conv2_x.0").eval()
        with torch.no_grad():
            shortcut = block.get_submodule("shortcut")(x).clamp(min=0)
            assert torch.equal(block(x), shortcut) == zero_gamma
        gammas = [norm.weight for norm in block.get_submodule("body").modules() if isinstance(norm, nn.BatchNorm2d)]
        assert [bool(gamma.any()) for gamma in gammas] == [True] * (len(gammas) - 1) + [not zero_gamma]


def test_departure_1_the_other_depths_are_the_papers_blocks() -> None:
    with torch.device("meta"):
        assert str(on_meta("resnet101_v15")) == str(imagenet(bottleneck, DEPTHS[101]))
    for name, blocks in (("resnet18_d", [2, 2, 2, 2]), ("resnet101_d", [3, 4, 23, 3]), ("resnet152_d", [3, 8, 36, 3])):
        found = on_meta(name)
        assert [len(found.get_submodule(f"conv{stage}_x")) for stage in (2, 3, 4, 5)] == blocks
        assert str(found[:4]) == str(on_meta("resnet50_d")[:4])
        assert isinstance(found.conv3_x[0].shortcut.pool, nn.AvgPool2d)
