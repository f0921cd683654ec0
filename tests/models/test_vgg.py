"""VGG: its initialisation, where its rows stand, and each departure."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convnets import create_model


def test_departure_1_of_the_peers_batch_normalisation_between_convolution_and_relu() -> None:
    with torch.device("meta"):
        network, plain = create_model("vgg16_bn"), create_model("vgg16")
    convs = [row for name, row in network.named_children() if name.startswith("conv")]
    assert [[type(part) for part in row.children()] for row in convs] == [[nn.Conv2d, nn.BatchNorm2d, nn.ReLU]] * 13
    assert all(conv.get_submodule("conv").bias is not None for conv in convs)
    assert not [module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)]
    assert sum(p.numel() for p in network.parameters()) == 138365992  # the released vgg16_bn


@pytest.mark.parametrize("init", ["glorot", "normal"])
def test_departure_1_initialisation(init: str) -> None:
    torch.manual_seed(0)
    network = create_model("vgg11", init=init, input_size=32)
    network.reset_classifier(100)
    for key, parameter in network.named_parameters():
        if key.endswith("bias"):
            assert not parameter.any(), key
            continue
        place = parameter[0, 0].numel()
        fans = place * (parameter.shape[0] + parameter.shape[1])
        std = (2 / fans) ** 0.5 if init == "glorot" else 0.01
        assert parameter.std().item() == pytest.approx(std, rel=0.03), key
        if init == "glorot":
            assert parameter.abs().max().item() <= 3**0.5 * std + 1e-7, key  # uniform
        else:
            assert parameter.abs().max().item() > 2.5 * std, key


def test_glorot_is_the_default() -> None:
    torch.manual_seed(0)
    default = create_model("vgg11", input_size=32, num_classes=2)
    torch.manual_seed(0)
    glorot = create_model("vgg11", init="glorot", input_size=32, num_classes=2)
    assert all(torch.equal(a, b) for a, b in zip(default.parameters(), glorot.parameters(), strict=True))


def test_response_normalisation_follows_the_first_relu() -> None:
    with torch.device("meta"):
        rows = list(dict(create_model("vgg11_lrn").named_children()))
    assert rows[:3] == ["conv1_1", "lrn1", "pool1"]
