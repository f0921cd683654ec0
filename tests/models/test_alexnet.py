"""AlexNet: its printed formulas by hand, its initialisation, and each departure."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.models.alexnet import LocallyConnected, PadToStride, response_norm


def test_response_normalisation_is_the_printed_formula() -> None:
    k, n, alpha, beta = 2.0, 5, 1e-4, 0.75  # Sec. 3.3
    a = 100 * torch.rand(2, 9, 3, 3, dtype=torch.float64)
    expected = torch.empty_like(a)
    channels = a.shape[1]
    for i in range(channels):
        window = a[:, max(0, i - n // 2) : min(channels - 1, i + n // 2) + 1]
        expected[:, i] = a[:, i] / (k + alpha * window.square().sum(1)) ** beta
    assert torch.allclose(response_norm()(a), expected, rtol=1e-12)


@pytest.mark.parametrize(("side", "expected"), [(224, 55), (223, 54), (227, 55), (228, 56), (220, 54), (11, 1)])
def test_sizes_follow_the_ceil_rule(side: int, expected: int) -> None:
    assert expected == -(-(side - 11) // 4) + 1
    with torch.device("meta"):
        conv1 = create_model("alexnet").get_submodule("conv1")
        assert conv1(torch.empty(1, 3, side, side)).shape[-2:] == (expected, expected)


def test_the_missing_pixels_are_zeros_on_the_right_and_at_the_bottom() -> None:
    x = torch.rand(1, 1, 224, 224) + 1
    y = PadToStride(11, 4)(x)
    assert y.shape[-2:] == (227, 227)
    assert torch.equal(y[..., :224, :224], x)
    assert not y[..., 224:, :].any()
    assert not y[..., :, 224:].any()


def test_locally_connected_weights_are_not_shared() -> None:
    layer = LocallyConnected(2, 3, 3, 4).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    padded, y = nn.functional.pad(x, (1, 1, 1, 1)), layer(x)
    for row in range(4):
        for column in range(4):
            patch, place = padded[:, :, row : row + 3, column : column + 3].reshape(2, -1), 4 * row + column
            expected = patch @ layer.weight[:, :, place].T + layer.bias[:, place]
            assert torch.allclose(y[:, :, row, column], expected)


def test_initialisation() -> None:
    torch.manual_seed(0)
    for name, network in (("alexnet", create_model("alexnet", input_size=64)),
                          ("alexnet_half", create_model("alexnet_half", input_size=64))):  # fmt: skip
        for key, parameter in network.named_parameters():
            row = key.partition(".")[0]
            if key.endswith("weight"):
                assert parameter.mean().abs() < 5e-4, (name, key)
                assert parameter.std().item() == pytest.approx(0.01, rel=0.02), (name, key)
            else:
                one = row in ("conv2", "conv4", "conv5", "fc6", "fc7")  # Sec. 5
                assert torch.equal(parameter, torch.full_like(parameter, float(one))), (name, key)
        network.reset_classifier(500)
        assert network.get_classifier().weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert not network.get_parameter("fc8.bias").any()


def test_initialisation_of_the_cifar_nets() -> None:
    torch.manual_seed(0)
    stds = {"conv1": 1e-4, "conv2": 0.01, "local3": 0.04, "local4": 0.04, "fc10": 0.01}
    network = create_model("cuda_convnet_11")
    for key, parameter in network.named_parameters():
        if key.endswith("weight"):
            assert parameter.std().item() == pytest.approx(stds[key.partition(".")[0]], rel=0.03), key
        else:
            assert not parameter.any(), key


def test_departure_1_normalisation_crosses_the_border_of_the_columns() -> None:
    lrn1 = create_model("alexnet", input_size=64, num_classes=2).get_submodule("lrn1")
    maps = torch.ones(1, 96, 1, 1)
    louder = maps.clone()
    louder[:, 48] = 1000.0  # the first channel of the second column
    changed = (lrn1(maps) != lrn1(louder)).flatten().nonzero().flatten().tolist()
    assert changed == [46, 47, 48, 49, 50]
    grouped = [m.groups for m in create_model("alexnet", input_size=64).modules() if isinstance(m, nn.Conv2d)]
    assert grouped == [1, 2, 1, 2, 2]


def test_departure_2_dropout_scales_in_training() -> None:
    network, x = create_model("alexnet", input_size=64), torch.ones(1, 4096)
    for row in ("drop6", "drop7"):
        drop = network.get_submodule(row)
        assert set(drop.train()(x).unique().tolist()) == {0.0, 2.0}
        assert torch.equal(drop.eval()(x), x)


def test_departure_1_of_the_peers_one_weird_trick() -> None:
    torch.manual_seed(0)
    network = create_model("alexnet_owt", input_size=64)
    rows = list(dict(network.named_children()))
    assert rows[-5:] == ["drop5", "fc6", "drop6", "fc7", "fc8"]
    assert not [module for module in network.modules() if isinstance(module, nn.LocalResponseNorm | PadToStride)]
    for key, parameter in network.named_parameters():
        if key.endswith("weight"):
            fan_in = parameter[0].numel()
            assert parameter.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03), key
        else:
            assert not parameter.any(), key
