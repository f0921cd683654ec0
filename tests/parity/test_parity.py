"""With the same weights, our networks and those that people use give the same logits, to 1e-4 of their size.

Every weight, bias and statistic is drawn at random in the peer, and carried over. Where a peer's function is not the
paper's, its counterpart is a network of models/peers.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model, papers
from tests.parity.peers import build, logits
from tests.parity.transfer import Layer, Map, TransferError, carry, match, of_keras, of_torch, randomise

TOLERANCE = 1e-4  # of the largest logit


class Peer(NamedTuple):
    """A peer's network, ours, and the height and width of the pictures to compare them on."""

    source: str
    name: str
    ours: str
    size: tuple[int, int]


# Height and width are chosen so that every layer with a stride meets an even and an odd side: padding by one pixel all
# around, SAME padding, and rounding a pooling up or down differ on one of them only.
STEM7 = (96, 97)  # networks that halve five times and pad
DENSE = (96, 121)  # and their poolings between blocks do not pad
GOOGLENET = (128, 113)
INCEPTION = (122, 129)
XCEPTION = (101, 104)
FULL = (224, 224)  # fully connected layers
SMALL = (79, 79)  # the same in Keras, which makes them for any side

TORCHVISION = [
    ("alexnet", "alexnet_owt", FULL),
    *[(name, name, FULL) for name in ("vgg11", "vgg13", "vgg16", "vgg19")],
    *[(name, name, FULL) for name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")],
    ("googlenet", "googlenet_bn", GOOGLENET),
    ("inception_v3", "inception_v3_torchvision", INCEPTION),
    *[(name, name, STEM7) for name in ("resnet18", "resnet34")],
    *[(name, f"{name}_v15", STEM7) for name in ("resnet50", "resnet101", "resnet152")],
    *[(name, name, STEM7) for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")],
    ("wide_resnet50_2", "wrn_50_2", STEM7),
    ("wide_resnet101_2", "wrn_101_2", STEM7),
    *[(name, name, DENSE) for name in ("densenet121", "densenet161", "densenet169", "densenet201")],
]
TIMM = [
    ("inception_v3", "inception_v3_torchvision", INCEPTION),
    ("inception_v4", "inception_v4_slim", INCEPTION),
    ("inception_resnet_v2", "inception_resnet_v2_slim", INCEPTION),
    ("legacy_xception", "xception_timm", XCEPTION),
    *[(f"resnetv2_{depth}", f"preact_resnet{depth}_timm", STEM7) for depth in (18, 34, 50, 101, 152)],
    *[(f"resnet{depth}c", f"resnet{depth}_c", STEM7) for depth in (50, 101, 152)],
    *[(f"resnet{depth}d", f"resnet{depth}_d", STEM7) for depth in (18, 34, 50, 101, 152)],
    ("resnext101_32x4d", "resnext101_32x4d", STEM7),
    *[(f"seresnet{depth}", f"se_resnet{depth}_v15", STEM7) for depth in (50, 101, 152)],
    *[(f"legacy_seresnet{depth}", f"se_resnet{depth}_timm", STEM7) for depth in (18, 34)],
    *[(f"legacy_seresnet{depth}", f"se_resnet{depth}_caffe", STEM7) for depth in (50, 101, 152)],
    *[(f"legacy_seresnext{name}", f"se_resnext{name}_caffe", STEM7) for name in ("50_32x4d", "101_32x4d")],
    ("legacy_senet154", "senet154", STEM7),
]
KERAS = [
    ("VGG16", "vgg16", SMALL),
    ("VGG19", "vgg19", SMALL),
    ("InceptionV3", "inception_v3", INCEPTION),
    ("InceptionResNetV2", "inception_resnet_v2_slim", INCEPTION),
    ("Xception", "xception", XCEPTION),
    *[(f"ResNet{depth}", f"resnet{depth}_keras", STEM7) for depth in (50, 101, 152)],
    *[(f"ResNet{depth}V2", f"preact_resnet{depth}_keras", STEM7) for depth in (50, 101, 152)],
    *[(f"DenseNet{depth}", f"densenet{depth}_keras", DENSE) for depth in (121, 169, 201)],
]
PEERS = [
    Peer(source, *line)
    for source, lines in (("torchvision", TORCHVISION), ("timm", TIMM), ("keras", KERAS))
    for line in lines
]
# The exceptions: what Keras flattens, and the side of ours for it.
FLATTENED: dict[str, dict[str, Map]] = {name: {"fc1": (512, 2, 2)} for name in ("VGG16", "VGG19")}
OPTIONS: dict[str, dict[str, Any]] = {name: {"input_size": SMALL[0]} for name in ("VGG16", "VGG19")}


def prepared(peer: Peer) -> tuple[Any, Any, list[tuple[Layer, Layer]], Tensor]:
    """The peer with random weights, ours, their layers in pairs, and two pictures."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, *peer.size, generator=generator)
    theirs = build(peer.source, peer.name, peer.size)
    with torch.device("meta"):
        ours = create_model(peer.ours, **OPTIONS.get(peer.name, {}))
    ours = ours.to_empty(device="cpu").eval()
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    keras, one = peer.source == "keras", pictures[:1]
    layers = of_keras(theirs, FLATTENED.get(peer.name, {})) if keras else of_torch(theirs, one)
    randomise(layers, generator)
    return theirs, ours, match(layers, of_torch(ours, one)), pictures


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
    carry(pairs)
    assert [(one.name, one.epsilon) for one, other in pairs if one.epsilon != other.epsilon] == []
    expected = logits(peer.source, theirs, pictures)
    assert torch.isfinite(expected).all()
    assert distance(expected[:1], expected[1:]) > 10 * TOLERANCE, "the pictures make no difference"
    assert distance(answer(ours, pictures), expected) < TOLERANCE


GO_BACK = ("resnet18", "resnetv2_50", "VGG16", "Xception", "DenseNet121")  # every kind of layer


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.name in GO_BACK], ids=lambda peer: peer.name)
def test_weights_go_back(peer: Peer) -> None:
    theirs, ours, pairs, pictures = prepared(peer)
    carry(pairs)
    before = answer(ours, pictures)
    generator = torch.Generator().manual_seed(1)
    randomise([target for _, target in pairs], generator)
    after = answer(ours, pictures)
    assert distance(before, after) > 10 * TOLERANCE
    carry((target, source) for source, target in pairs)
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
    carry(pairs)
    norms = [target for _, target in pairs if target.kind == "norm"]
    first, second = next((a, b) for a, b in itertools.pairwise(norms) if a.shape == b.shape)
    one, other = first.read(), second.read()
    first.write(other)
    second.write(one)
    assert distance(answer(ours, pictures), logits(peer.source, theirs, pictures)) > TOLERANCE


OTHER_FUNCTIONS = [  # equal shapes: the weights go in, and mean something else there
    Peer("torchvision", "resnet50", "resnet50", STEM7),  # the stride in the 3x3
    Peer("torchvision", "inception_v3", "inception_v3", INCEPTION),  # padding counted in an average
    Peer("keras", "InceptionV3", "inception_v3_torchvision", INCEPTION),
    Peer("timm", "inception_v4", "inception_v4", INCEPTION),  # the order of a concatenation
    Peer("timm", "resnetv2_50", "preact_resnet50", STEM7),  # where the first activation stands
    Peer("timm", "legacy_xception", "xception", XCEPTION),  # padding by one pixel instead of SAME
    Peer("timm", "legacy_seresnet50", "se_resnet50", STEM7),  # rounding up instead of padding
    Peer("timm", "legacy_seresnet18", "se_resnet18", STEM7),
]


@pytest.mark.parametrize("peer", OTHER_FUNCTIONS, ids=lambda peer: f"{peer.source}-{peer.name}-{peer.ours}")
def test_equal_shapes_are_not_equal_functions(peer: Peer) -> None:
    """Why the variant in the table is needed."""
    theirs, ours, pairs, pictures = prepared(peer)
    carry(pairs)
    assert distance(answer(ours, pictures), logits(peer.source, theirs, pictures)) > 100 * TOLERANCE


def test_what_a_peer_cannot_hold_is_refused() -> None:
    """Keras's Inception v3 has no gammas: ours can be carried over while they are 1, and nothing is written before."""
    _, _, pairs, _ = prepared(Peer("keras", "InceptionV3", "inception_v3", INCEPTION))
    carry(pairs)
    carry((target, source) for source, target in pairs)
    first, (source, target) = pairs[0], next(pair for pair in pairs if pair[0].kind == "norm")
    before = first[0].read()["weight"]
    randomise([target for _, target in pairs], torch.Generator().manual_seed(1))
    refused = f"{source.name} has no scale, and that of {re.escape(target.name)} is not 1"
    with pytest.raises(TransferError, match=refused):
        carry((target, source) for source, target in pairs)
    assert torch.equal(first[0].read()["weight"], before)


def test_a_wrong_pair_is_refused_with_the_layers_that_differ() -> None:
    refused = r"conv4_x\.6\.\S+ \(256, 1024\) has no counterpart; left on the other side: "
    with pytest.raises(TransferError, match=refused):
        prepared(Peer("torchvision", "resnet50", "resnet101", STEM7))
    with pytest.raises(TransferError, match="left over on the other side: layer"):
        prepared(Peer("torchvision", "resnet101", "resnet50_v15", STEM7))
    with pytest.raises(TransferError, match="has no counterpart"):
        prepared(Peer("torchvision", "vgg11", "vgg11_bn", FULL))
