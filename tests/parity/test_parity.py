"""With the same weights, our networks and those that people use give the same logits, to 1e-4 of their size.

Every weight, bias and statistic is drawn at random in the peer, and carried over. Where a peer's function is not the
paper's, its counterpart is a network of models/peers.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model, papers
from tests.parity.peers import build, logits
from tests.parity.transfer import Layer, Map, TransferError, match, of_keras, of_torch, randomise

TOLERANCE = 1e-4  # of the largest logit


class Peer(NamedTuple):
    """A peer's network, ours, and the side of the pictures to compare them on."""

    source: str
    name: str
    ours: str
    side: int


TORCHVISION = [
    ("alexnet", "alexnet_owt", 224),
    *[(name, name, 224) for name in ("vgg11", "vgg13", "vgg16", "vgg19")],
    *[(name, name, 224) for name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")],
    ("googlenet", "googlenet_bn", 129),
    ("inception_v3", "inception_v3_torchvision", 151),
    *[(name, name, 97) for name in ("resnet18", "resnet34")],
    *[(name, f"{name}_v15", 97) for name in ("resnet50", "resnet101", "resnet152")],
    *[(name, name, 65) for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")],
    ("wide_resnet50_2", "wrn_50_2", 65),
    ("wide_resnet101_2", "wrn_101_2", 65),
    *[(name, name, 97) for name in ("densenet121", "densenet161", "densenet169", "densenet201")],
]
TIMM = [
    ("inception_v3", "inception_v3_torchvision", 151),
    ("inception_v4", "inception_v4_slim", 151),
    ("inception_resnet_v2", "inception_resnet_v2_slim", 151),
    ("legacy_xception", "xception_timm", 151),
    *[(f"resnetv2_{depth}", f"preact_resnet{depth}_timm", 97) for depth in (50, 101, 152)],
    *[(f"resnet{name}", f"resnet{name[:-1]}_{name[-1]}", 97) for name in ("50c", "50d", "101d", "152d")],
    ("seresnet50", "se_resnet50_v15", 97),
    *[(f"legacy_seresnet{depth}", f"se_resnet{depth}_timm", 97) for depth in (18, 34)],
    *[(f"legacy_seresnet{depth}", f"se_resnet{depth}_caffe", 97) for depth in (50, 101, 152)],
    *[(f"legacy_seresnext{name}", f"se_resnext{name}_caffe", 97) for name in ("50_32x4d", "101_32x4d")],
    ("legacy_senet154", "senet154", 97),
]
KERAS = [
    ("VGG16", "vgg16", 224),
    ("VGG19", "vgg19", 224),
    ("InceptionV3", "inception_v3", 151),
    ("InceptionResNetV2", "inception_resnet_v2_slim", 151),
    ("Xception", "xception", 150),
    *[(f"ResNet{depth}", f"resnet{depth}_keras", 97) for depth in (50, 101, 152)],
    *[(f"ResNet{depth}V2", f"preact_resnet{depth}_keras", 97) for depth in (50, 101, 152)],
    *[(f"DenseNet{depth}", f"densenet{depth}_keras", 97) for depth in (121, 169, 201)],
]
PEERS = [
    Peer(source, *line)
    for source, lines in (("torchvision", TORCHVISION), ("timm", TIMM), ("keras", KERAS))
    for line in lines
]
FLATTENED: dict[str, dict[str, Map]] = {name: {"fc1": (512, 7, 7)} for name in ("VGG16", "VGG19")}  # the exceptions


def prepared(peer: Peer) -> tuple[Any, Any, list[tuple[Layer, Layer]], Tensor]:
    """The peer with random weights, ours, their layers in pairs, and two pictures."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, peer.side, peer.side, generator=generator)
    theirs = build(peer.source, peer.name, peer.side)
    with torch.device("meta"):
        ours = create_model(peer.ours)
    ours = ours.to_empty(device="cpu").eval()
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    layers = of_keras(theirs, FLATTENED.get(peer.name, {})) if peer.source == "keras" else of_torch(theirs, pictures)
    randomise(layers, generator)
    return theirs, ours, match(layers, of_torch(ours, pictures)), pictures


def distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference beside the largest logit."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def answer(network: nn.Module, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        given: Tensor = network(pictures)
    return given


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.source}-{peer.name}")
def test_equal_weights_give_equal_logits(peer: Peer) -> None:
    theirs, ours, pairs, pictures = prepared(peer)
    for source, target in pairs:
        target.write(source.read())
    expected = logits(peer.source, theirs, pictures)
    assert torch.isfinite(expected).all()
    assert distance(expected[:1], expected[1:]) > 10 * TOLERANCE, "the pictures make no difference"
    assert distance(answer(ours, pictures), expected) < TOLERANCE


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.name in ("resnet18", "resnetv2_50", "DenseNet121")],
                         ids=lambda peer: peer.source)  # fmt: skip
def test_weights_go_back(peer: Peer) -> None:
    theirs, ours, pairs, pictures = prepared(peer)
    for source, target in pairs:
        target.write(source.read())
    before = answer(ours, pictures)
    generator = torch.Generator().manual_seed(1)
    randomise([target for _, target in pairs], generator)
    after = answer(ours, pictures)
    assert distance(before, after) > 10 * TOLERANCE
    for source, target in pairs:
        source.write(target.read())
    assert distance(after, logits(peer.source, theirs, pictures)) < TOLERANCE


ONE_OF_EACH = {  # ours by family
    "alexnet": None, "vgg": "vgg11_bn", "googlenet": "googlenet_bn", "inception_v3": "inception_v3_torchvision",
    "resnet": "resnet18", "bag_of_tricks": "resnet50_d", "resnext": "resnext50_32x4d", "wide_resnet": "wrn_50_2",
    "densenet": "densenet121", "inception_v4": "inception_v4_slim", "xception": "xception_timm",
    "preact_resnet": "preact_resnet50_timm", "senet": "se_resnet50_v15",
}  # fmt: skip


def test_every_family_with_a_peer_is_in_the_table() -> None:
    assert {papers.find(peer.ours).family for peer in PEERS} == set(ONE_OF_EACH)


@pytest.mark.parametrize("name", [name for name in ONE_OF_EACH.values() if name])
def test_exchanging_two_normalisations_is_noticed(name: str) -> None:
    peer = next(peer for peer in PEERS if peer.ours == name)
    theirs, ours, pairs, pictures = prepared(peer)
    for source, target in pairs:
        target.write(source.read())
    norms = [target for _, target in pairs if target.kind == "norm"]
    first, second = next((a, b) for a, b in itertools.pairwise(norms) if a.shape == b.shape)
    one, other = first.read(), second.read()
    first.write(other)
    second.write(one)
    assert distance(answer(ours, pictures), logits(peer.source, theirs, pictures)) > TOLERANCE


def test_equal_shapes_are_not_equal_functions() -> None:
    """torchvision's resnet50 goes into the paper's layer by layer, and is another function there."""
    theirs, ours, pairs, pictures = prepared(Peer("torchvision", "resnet50", "resnet50", 97))
    for source, target in pairs:
        target.write(source.read())
    assert distance(answer(ours, pictures), logits("torchvision", theirs, pictures)) > TOLERANCE


def test_a_wrong_pair_is_refused_with_the_layers_that_differ() -> None:
    refused = r"conv4_x\.6\.\S+ \(256, 1024\) has no counterpart; left on the other side: "
    with pytest.raises(TransferError, match=refused):
        prepared(Peer("torchvision", "resnet50", "resnet101", 65))
    with pytest.raises(TransferError, match="left over on the other side: layer"):
        prepared(Peer("torchvision", "resnet101", "resnet50_v15", 65))
    with pytest.raises(TransferError, match="has no counterpart"):
        prepared(Peer("torchvision", "vgg11", "vgg11_bn", 224))
