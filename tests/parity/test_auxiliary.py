"""torchvision's auxiliary classifiers, which it computes in training only, and ours give the same logits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model
from convnets.models import with_auxiliary
from tests.parity.peers import build
from tests.parity.test_parity import TOLERANCE, answer, distance
from tests.parity.transfer import Layer, carry, match, of_torch, randomise

# theirs, ours, the form, the size: Inception v3's classifier needs 17x17 places for its 5x5 windows
HEADS = [
    ("googlenet", "googlenet_bn", "torchvision", (128, 113)),
    ("inception_v3", "inception_v3_torchvision", "released", (299, 299)),
]


class InOrder(nn.Module):
    """A torchvision network in evaluation that returns (logits, (auxiliary logits in the order of the rows, ...))."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()
        network.training = True  # this module only: dropout and normalisation within stay in evaluation

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        logits, *auxiliary = self.network(x)
        return logits, tuple(reversed(auxiliary))


def in_two(layers: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """The network's layers and its auxiliary classifiers', which run between them or after them."""
    heads = [layer for layer in layers if layer.name.startswith(("network.aux", "network.AuxLogits", "heads."))]
    return [layer for layer in layers if layer not in heads], heads


@pytest.mark.parametrize(("name", "ours", "form", "size"), HEADS, ids=[name for name, *_ in HEADS])
def test_auxiliary_logits_are_equal(name: str, ours: str, form: str, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, *size, generator=generator)
    theirs = InOrder(build("torchvision", name, size, auxiliary=True))
    wrapped = with_auxiliary(create_model(ours), form=form).eval()
    layers = of_torch(theirs, pictures[:1])
    randomise(layers, generator)
    for their, our in zip(in_two(layers), in_two(of_torch(wrapped, pictures[:1])), strict=True):
        assert their
        carry(match(their, our))
    expected, given = answer(theirs, pictures), answer(wrapped, pictures)
    assert len(expected[1]) == len(given[1]) > 0
    for theirs_, ours_ in zip((expected[0], *expected[1]), (given[0], *given[1]), strict=True):
        assert distance(theirs_[:1], theirs_[1:]) > 10 * TOLERANCE, "the pictures make no difference"
        assert distance(ours_, theirs_) < TOLERANCE
