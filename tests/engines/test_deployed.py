"""The function that engines run: the network folded, pictures resized as Pillow does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import convnets
from convnets import papers
from convnets.data import NO_STATISTICS, Statistics, normalise, prepare
from convnets.data.statistics import standardise
from convnets.engines.deployed import Deployed, ResizedCrop, folded, whole_side
from convnets.errors import UsageError
from convnets.spec import Preprocess

NETWORKS = [
    "alexnet", "zfnet", "vgg11", "nin_cifar", "googlenet", "googlenet_bn", "bn_inception", "inception_v3",
    "inception_v4", "inception_resnet_v1", "xception", "resnet18", "resnet20", "resnet20_split", "preact_resnet110",
    "sd_resnet110", "wrn_16_4", "resnext29_8x64d", "densenet_40_12", "densenet_bc_100_12", "se_resnet50",
    "resnet50_v15",
]  # fmt: skip


def made(name: str) -> convnets.network.Network:
    """A network whose batch normalisations do something."""
    torch.manual_seed(0)
    network = convnets.create_model(name, num_classes=7)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, low, high in (("weight", 0.5, 1.5), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2)):
                nn.init.uniform_(getattr(module, name), low, high)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_no_answer(name: str) -> None:
    network = made(name).double()  # some of these random networks would make single precision's rounding large
    side = network.input_size or min(papers.find(name).input[1], 160)
    x = torch.randn(2, network.in_channels, side, side, dtype=torch.float64)
    before = [tensor.clone() for tensor in network.state_dict().values()]
    with torch.inference_mode():
        expected, found = network(x), folded(network)(x).flatten(1)
    assert (expected - found).abs().max() < 1e-10 * expected.abs().max()
    assert all(torch.equal(one, other) for one, other in zip(before, network.state_dict().values(), strict=True))


def test_folding_leaves_no_normalisation_behind_a_convolution() -> None:
    counts = {
        name: sum(isinstance(module, nn.BatchNorm2d) for module in folded(made(name)).modules())
        for name in ("resnet20", "googlenet_bn", "densenet_40_12", "preact_resnet110")
    }
    assert counts["resnet20"] == counts["googlenet_bn"] == 0
    assert counts["preact_resnet110"] < 110  # those in front of a block's first convolution follow an addition
    assert counts["densenet_40_12"] > 0


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "area"])
@pytest.mark.parametrize("centre", [None, 60])
def test_resizes_pixel_for_pixel(interpolation: str, centre: int | None) -> None:
    preprocess = Preprocess(size=56, resize=64, centre=centre, interpolation=interpolation)  # type: ignore[arg-type]
    resized, random = ResizedCrop(preprocess), np.random.default_rng(0)
    shapes = [(64, 64), (64, 91), (40, 30), (20, 90), (200, 64), (301, 127), (127, 300), (631, 264), (500, 375)]
    shapes += [(5, 401), (2000, 31)]  # more than 32 times as long as wide
    for height, width in shapes:
        picture = random.integers(0, 256, (height, width, 3), np.uint8)
        found = resized(torch.from_numpy(picture)[None].permute(0, 3, 1, 2))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(found, prepare(picture, preprocess)), (height, width)


def test_every_form_gives_the_networks_logits() -> None:
    network, random = made("resnet20"), np.random.default_rng(1)
    preprocess = Preprocess(size=32, resize=36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    picture = random.integers(0, 256, (50, 70, 3), np.uint8)
    crop = prepare(picture, preprocess)
    with torch.inference_mode():
        expected = network(normalise(torch.from_numpy(crop)[None].permute(0, 3, 1, 2), preprocess))
        for form, given in (("pictures", picture), ("crops", crop)):
            found = Deployed(network, preprocess, NO_STATISTICS, form)(torch.from_numpy(given)[None])  # type: ignore[arg-type]
            assert torch.allclose(found, expected, atol=1e-5), form


@pytest.mark.parametrize("kind", ["mean image", "contrast", "whitened"])
def test_whole_pictures_are_standardised_inside(kind: str) -> None:
    network, random = made("resnet20"), np.random.default_rng(2)
    picture = random.integers(0, 256, (2, 36, 36, 3), np.uint8)
    preprocess = Preprocess(size=32, resize=None, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    statistics = Statistics(mean_image=(255 * random.random((36, 36, 3))).astype(np.float32))
    if kind != "mean image":
        preprocess = Preprocess(size=32, resize=36, contrast=55.0, whiten=0.1 if kind == "whitened" else 0.0)
        size = 36 * 36 * 3
        whitening = (random.standard_normal((size, size)) / size).astype(np.float32)
        statistics = Statistics(whitening_mean=random.random(size, np.float32), whitening=whitening)
        statistics = statistics if kind == "whitened" else NO_STATISTICS
    assert whole_side(preprocess, statistics) == (36, 36)
    standardised = standardise(picture, preprocess, statistics)[:, 2:34, 2:34]
    with torch.inference_mode():
        expected = network(torch.from_numpy(standardised).permute(0, 3, 1, 2))
        found = Deployed(network, preprocess, statistics, "whole")(torch.from_numpy(picture))
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))


def test_whitened_pictures_that_are_not_square_are_refused() -> None:
    statistics = Statistics(whitening_mean=np.zeros(18, np.float32), whitening=np.eye(18, dtype=np.float32))
    with pytest.raises(UsageError, match="not square"):
        whole_side(Preprocess(size=2, contrast=1.0, whiten=0.1), statistics)
