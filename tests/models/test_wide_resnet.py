"""Wide ResNet: units with any kernels, dropout inside, where the activation is shared, and initialisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model, papers
from convnets.models.wide_resnet import unit


def created(name: str, **axes: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **axes)


def kernels(name: str) -> list[list[int]]:
    bodies = [part for key, part in created(name).named_modules() if key.endswith(".body")]
    return [[conv.kernel_size[0] for conv in body.modules() if isinstance(conv, nn.Conv2d)] for body in bodies]


@pytest.mark.parametrize(
    ("name", "units", "expected"),
    [
        ("wrn_40_2_b_1_3_1", 18, [1, 3, 1]),
        ("wrn_40_2_b_3_1", 18, [3, 1]),
        ("wrn_40_2_b_1_3", 18, [1, 3]),
        ("wrn_40_2_b_3_1_1", 18, [3, 1, 1]),
        ("wrn_28_2_b_3_3", 12, [3, 3]),
        ("wrn_22_2_b_3_1_3", 9, [3, 1, 3]),
        ("wrn_40_2_l1", 36, [3]),
        ("wrn_40_2_l2", 18, [3, 3]),
        ("wrn_40_2_l3", 12, [3, 3, 3]),
        ("wrn_40_2_l4", 9, [3, 3, 3, 3]),
        ("wrn_28_10", 12, [3, 3]),
    ],
)
def test_units_and_their_kernels(name: str, units: int, expected: list[int]) -> None:
    assert kernels(name) == [expected] * units


def test_names_count_convolutions() -> None:
    """n of WRN-n-k counts the convolutions with the projections, of which one is missing where k is 1."""
    for name in ("wrn_16_4", "wrn_28_10", "wrn_40_4"):
        count = sum(isinstance(part, nn.Conv2d) for part in created(name).modules())
        assert count == int(name.split("_")[1])
    assert sum(isinstance(part, nn.Conv2d) for part in created("wrn_40_1").modules()) == 39


def test_the_activation_is_shared_only_where_the_width_changes() -> None:
    shared = {name: [key for key, _ in created(name).named_modules() if key.endswith(".before")]
              for name in ("wrn_16_4", "wrn_40_1")}  # fmt: skip
    assert shared == {
        "wrn_16_4": ["stage1.0.before", "stage2.0.before", "stage3.0.before"],
        "wrn_40_1": ["stage2.0.before", "stage3.0.before"],
    }


def test_a_unit_by_hand() -> None:
    torch.manual_seed(0)
    block: Any = unit((3, 3), 0.3, 4, 8, 2, "own").eval()
    x = torch.randn(2, 4, 6, 6)
    body, activated = block.body, torch.relu(block.before.bn(x))
    inner = torch.relu(body.conv2.bn(body.conv1.conv(activated)))
    assert torch.equal(block(x), body.conv2.conv(inner) + block.shortcut(activated))


def test_dropout_stands_before_every_convolution_but_the_first() -> None:
    network = created("wrn_40_2_l3", dropout=0.3)
    body = network.get_submodule("stage2.1.body")
    parts = {name: [type(part).__name__ for part in conv] for name, conv in body.named_children()}
    after = ["BatchNorm2d", "ReLU", "Dropout", "Conv2d"]
    assert parts == {"conv1": ["BatchNorm2d", "ReLU", "Conv2d"], "conv2": after, "conv3": after}
    assert {part.p for part in network.modules() if isinstance(part, nn.Dropout)} == {0.3}
    without = created("wrn_40_2_l3")
    assert not [part for part in without.modules() if isinstance(part, nn.Dropout)]
    assert list(without.state_dict()) == list(network.state_dict())  # so that weights fit both


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network, x = create_model("wrn_16_4", dropout=0.4), torch.randn(2, 3, 16, 16)
    plain = create_model("wrn_16_4")
    plain.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert not torch.equal(network(x), network(x))
        plain.load_state_dict(network.state_dict())
        assert torch.equal(network.eval()(x), plain.eval()(x))


def test_imagenet_is_resnet_with_twice_the_inner_channels() -> None:
    for name, base in (("wrn_50_2", "resnet50_v15"), ("wrn_101_2", "resnet101_v15")):
        wide, thin = created(name), created(base)
        convs = [[part for part in network.modules() if isinstance(part, nn.Conv2d)] for network in (wide, thin)]
        assert wide.state_dict().keys() == thin.state_dict().keys()
        for ours, theirs in zip(*convs, strict=True):
            assert (ours.kernel_size, ours.stride, ours.padding) == (theirs.kernel_size, theirs.stride, theirs.padding)
        body = wide.get_submodule("conv4_x.1.body")
        assert [part.out_channels for part in body.modules() if isinstance(part, nn.Conv2d)] == [512, 512, 1024]
    assert [papers.find(name).peer for name in ("wrn_50_2", "wrn_101_2")] == [False, True]


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = create_model("wrn_16_4")
    gammas = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            std = (2 / module.weight[0].numel()) ** 0.5  # fan-in
            assert module.weight.std().item() == pytest.approx(std, rel=0.1), name
        if isinstance(module, nn.Linear):
            assert module.weight.abs().max().item() == pytest.approx(module.in_features**-0.5, rel=0.01)
            assert not module.bias.any()
        if isinstance(module, nn.BatchNorm2d):
            gammas.append(module.weight.detach())
            assert not module.bias.any(), name
    gamma = torch.cat(gammas)
    assert gamma.min() >= 0
    assert gamma.max() <= 1
    assert gamma.mean().item() == pytest.approx(0.5, abs=0.03)
    assert gamma.std().item() == pytest.approx(12**-0.5, abs=0.02)
