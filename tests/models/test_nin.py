"""Network in Network: the classifier that is a convolution, its ReLU, its weights, and the departures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model, describe


def test_a_relu_follows_the_last_convolution() -> None:
    network = create_model("nin_mnist").eval()
    nn.init.constant_(network.get_parameter("cccp6.conv.bias"), -1000.0)
    with torch.no_grad():
        assert not network(torch.randn(2, 1, 28, 28)).any()


def test_the_maps_of_the_classes_are_averaged() -> None:
    network, x = create_model("nin_cifar").eval(), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        maps = network.taps(x, "cccp6")["cccp6"]
        assert maps.shape == (2, 10, 8, 8)
        assert torch.allclose(network(x), maps.mean((2, 3)), atol=1e-6)


def test_the_classifier_is_the_last_1x1() -> None:
    network = create_model("nin_cifar")
    assert network.get_classifier() is network.get_submodule("cccp6.conv")
    assert (network.num_classes, network.num_features) == (10, 192)
    network.reset_classifier(4)
    assert network.get_submodule("cccp6.conv") is network.get_classifier()
    x = torch.randn(2, 3, 32, 32)
    assert network(x).shape == (2, 4)
    features = network.forward_features(x)
    assert network.forward_head(features, pre_logits=True).shape == (2, 192)
    assert network.forward_head(features).shape == (2, 4)


@pytest.mark.parametrize(
    ("name", "stds"),
    [
        ("nin_cifar", {"conv1": 0.05, "cccp1": 0.05, "conv2": 0.05}),
        ("nin_cifar100", {"conv1": 0.001, "cccp1": 0.01, "cccp2": 0.01, "conv2": 0.05}),
        ("nin_imagenet", {"conv1": 0.01, "conv2": 0.05, "conv3": 0.01, "cccp8_1024": 0.01}),
    ],
)
def test_weights_are_those_of_the_authors_files(name: str, stds: dict[str, float]) -> None:
    network = create_model(name)
    for row, std in stds.items():
        conv: Any = network.get_submodule(f"{row}.conv")
        assert conv.weight.std().item() == pytest.approx(std, rel=0.05), row
        assert not conv.bias.any()


def test_pooling_rounds_up() -> None:
    maps = {row["name"]: row["output"][1] for row in describe("nin_cifar")["rows"]}
    assert (maps["pool1"], maps["pool2"]) == (16, 8)


def test_departure_2_averages_in_the_second_pooling() -> None:
    with torch.device("meta"):
        kinds = [type(create_model(name).get_submodule("pool2")) for name in ("nin_cifar", "nin_cifar_caffe")]
    assert kinds == [nn.MaxPool2d, nn.AvgPool2d]


def test_departure_1_has_four_blocks() -> None:
    with torch.device("meta"):
        rows = [name for name, _ in create_model("nin_imagenet").named_children()]
    assert rows[-4:] == ["conv4_1024", "cccp7_1024", "cccp8_1024", "pool4"]
