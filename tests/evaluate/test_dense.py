"""Dense evaluation against the plain head, in the papers' networks: fully connected layers become convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from convnets import create_model
from convnets.errors import UsageError
from convnets.evaluate.dense import fully_convolutional
from convnets.layers import FullyConnected
from convnets.network import Network

TOLERANCE = 1e-5  # of the largest score
FIXED = ["alexnet", "alexnet_owt", "zfnet", "vgg16"]
NATURAL = {"nin_imagenet": 224, "nin_cifar": 32, "googlenet": 224, "resnet18": 224, "resnet20": 32}


def made(name: str) -> Network:
    torch.manual_seed(3)
    network = create_model(name).eval()
    for module in network.modules():  # biases of 0 would hide that one is forgotten
        if isinstance(bias := getattr(module, "bias", None), torch.nn.Parameter):
            torch.nn.init.normal_(bias, std=0.1)
    return network


def same(found: Tensor, expected: Tensor) -> bool:
    return float((found - expected).abs().max()) <= TOLERANCE * float(expected.abs().max())


@torch.inference_mode()
@pytest.mark.parametrize("name", FIXED)
def test_over_a_single_crop_it_is_the_plain_head(name: str) -> None:
    network = made(name)
    side = network.input_size
    assert side
    picture = torch.randn(1, 3, side, side)
    scores = fully_convolutional(network)(picture)
    assert scores.shape == (1, 1000, 1, 1)
    assert same(scores[..., 0, 0], network(picture))


@torch.inference_mode()
@pytest.mark.parametrize(("name", "side"), NATURAL.items())
def test_networks_that_pool_globally_take_any_picture_as_they_are(name: str, side: int) -> None:
    network = made(name)
    dense, larger = fully_convolutional(network), torch.randn(1, 3, side, 3 * side // 2)
    for picture in (larger[..., :side], larger):
        scores = dense(picture)
        assert scores.shape == (1, network.num_classes, 1, 1)
        assert torch.equal(scores[..., 0, 0], network(picture))


@torch.inference_mode()
@pytest.mark.parametrize("name", ["alexnet", "zfnet", "vgg11"])
def test_over_a_larger_picture_it_is_the_head_as_convolutions(name: str) -> None:
    """VGG Sec. 3.2: the first fully connected layer is a convolution as large as its map, the others are 1x1."""
    network = made(name)
    rows, y = dict(network.named_children()), torch.randn(1, 3, 300, 330)
    scores = fully_convolutional(network)(y)
    names = list(rows)
    first = True
    for row in names[: names.index(network.head)]:
        y = rows[row](y)
    for row in names[names.index(network.head) :]:
        for module in rows[row].modules():
            if isinstance(module, torch.nn.Linear):
                side = round((module.in_features / y.shape[1]) ** 0.5) if first else 1
                y = F.conv2d(y, module.weight.view(len(module.weight), -1, side, side), module.bias)
                first = False
            elif isinstance(module, torch.nn.ReLU):
                y = F.relu(y)
    assert min(scores.shape[2:]) > 1
    assert same(scores, y)


def test_the_weights_are_the_networks_own() -> None:
    """Nothing is copied, so a network that is trained on is tested as it then is."""
    network = made("vgg11")
    dense = fully_convolutional(network)
    assert {id(parameter) for parameter in dense.parameters()} == {id(parameter) for parameter in network.parameters()}


def test_what_cannot_be_tested_densely_is_refused() -> None:
    with pytest.raises(UsageError, match=r"alexnet takes pictures from 224x224 on, densely too; got \(200, 300\)"):
        fully_convolutional(made("alexnet"))(torch.zeros(1, 3, 200, 300))
    rows = {"fc1": FullyConnected(3 * 8 * 8, 12), "fc2": FullyConnected(12, 4)}
    perceptron = Network(rows, head="fc2", initialise=lambda name, module: None, input_size=8)
    with pytest.raises(UsageError, match="cannot be tested densely: fc1 of it"):
        fully_convolutional(perceptron)
