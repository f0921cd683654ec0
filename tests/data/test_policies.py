"""Policies through torchvision: every one runs on colour and grey pictures, repeatably, and leaves randomness alone."""

from __future__ import annotations

import sys
from typing import get_args

import numpy as np
import pytest
import torch

from convnets.data import Loader, measure
from convnets.data.pictures import array_split
from convnets.data.policies import _transform, apply
from convnets.errors import UsageError
from convnets.spec import RAW, Augment, Policy, Preprocess

from ..parity.peers import library

POLICIES = [policy for policy in get_args(Policy) if policy != "none"]


@pytest.fixture(autouse=True)
def torchvision() -> None:
    library("torchvision")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_depends_on_seed_epoch_and_sample_alone(policy: str, channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, channels)).astype(np.uint8)
    before = torch.get_rng_state()
    views = [apply(policy, picture, 0, 0, sample) for sample in range(20)]
    assert torch.equal(torch.get_rng_state(), before)
    for view, sample in zip(views, range(20), strict=True):
        assert view.shape == picture.shape and view.dtype == np.uint8
        assert np.array_equal(view, apply(policy, picture, 0, 0, sample))
    assert len({view.tobytes() for view in views}) >= 5
    for seed, epoch in ((1, 0), (0, 1)):
        others = [apply(policy, picture, seed, epoch, sample) for sample in range(20)]
        assert any(not np.array_equal(*pair) for pair in zip(views, others, strict=True))


def test_a_policy_is_the_same_in_memory_and_in_workers() -> None:
    noise = np.random.default_rng(0)
    split = array_split(noise.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8), np.arange(12) % 2, "train")
    augment, seen = Augment(pad=2, flip=True, policy="trivialaugment"), []
    for workers in (0, 2):
        preprocess = Preprocess(16, None)
        loader = Loader(split, preprocess, batch_size=4, augment=augment, shuffle=True, workers=workers)
        seen.append([batch.images for batch in loader.epoch(3)])
    assert all(torch.equal(*pair) for pair in zip(*seen, strict=True))


def test_a_policy_comes_before_the_mean_image_is_taken_off() -> None:
    """It works on grey levels; the crop is then that of the changed and standardised picture."""
    pictures = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    split, augment = array_split(pictures, np.arange(12) % 2, "train"), Augment(policy="autoaugment-cifar10")
    preprocess, statistics = measure(split, Preprocess(16, None, subtract="pixel", std=RAW), augment)
    (batch,) = Loader(split, preprocess, batch_size=12, augment=augment, statistics=statistics).epoch(0)
    for image, picture, sample in zip(batch.images, pictures, batch.index.tolist(), strict=True):
        expected = apply("autoaugment-cifar10", picture, 0, 0, sample) - statistics.mean_image
        assert np.allclose(image.permute(1, 2, 0), expected, atol=1e-3)


def test_without_torchvision_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _transform.cache_clear()
    monkeypatch.setitem(sys.modules, "torchvision.transforms", None)
    with pytest.raises(UsageError, match=r"augment.policy=randaugment: needs torchvision; pip install"):
        apply("randaugment", np.zeros((4, 4, 3), np.uint8), 0, 0, 0)
    split = array_split(np.zeros((4, 4, 4, 3), np.uint8), np.arange(4) % 2, "train")
    with pytest.raises(UsageError, match=r"augment.erase: needs torchvision; pip install"):  # before the first step
        measure(split, Preprocess(4, None), Augment(erase=0.5))
    _transform.cache_clear()


def test_a_torchvision_for_another_torch_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfit:
        def find_spec(self, name: str, *others: object) -> None:
            if name == "torchvision.transforms":
                raise RuntimeError("operator torchvision::nms does not exist")

    _transform.cache_clear()
    for name in [name for name in sys.modules if name.startswith("torchvision.transforms")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Unfit(), *sys.meta_path])
    with pytest.raises(UsageError, match=r"augment.policy=randaugment: .* not for this torch; pip install"):
        apply("randaugment", np.zeros((4, 4, 3), np.uint8), 0, 0, 0)
    _transform.cache_clear()
