"""Changes of whole batches: the distribution and bounds of each, drawn from (seed, epoch, sample) alone."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from convnets.data import Batch, Finish, Mixed, Statistics
from convnets.data.finish import is_on
from convnets.data.measuring import colour_axes
from convnets.spec import Affine, Augment, Colour, Pairing, Preprocess

from ..parity.peers import library

CPU = torch.device("cpu")
PREPROCESS = Preprocess(size=8, resize=None, mean=(0.0,) * 3, std=(1 / 255,) * 3)  # so that grey levels come out
AXES = colour_axes(np.array([[0.08, 0.05, 0.04], [0.05, 0.07, 0.05], [0.04, 0.05, 0.09]]))
STATISTICS = Statistics(lighting=AXES)
MANY = 4000


def batch(count: int = 6, side: int = 8, level: int | None = None, first: int = 0) -> Batch:
    noise = np.random.default_rng(0)
    images = noise.integers(0, 256, (count, 3, side, side)).astype(np.uint8)
    if level is not None:
        images[:] = level
    return Batch(torch.from_numpy(images), torch.arange(count) % 10, np.arange(first, first + count))


def finished(one: Batch, epoch: int = 0, seed: int = 0, **augment: Any) -> Mixed:
    return Finish(PREPROCESS, STATISTICS, Augment(**augment), seed)(one, epoch, CPU)


CHANGES: dict[str, dict[str, Any]] = {
    "affine": {"affine": Affine(rotate=20, shear=10, translate=0.1, zoom=0.2)},
    "colour": {"colour": Colour(0.5, 0.5, 0.5, 0.2, 20)},
    "lighting": {"lighting": 0.1},
    "noise": {"noise": 5.0},
    "erase": {"erase": 1.0},
    "cutout": {"cutout": 4},
}


@pytest.fixture(autouse=True)
def torchvision() -> None:
    """Erasing is torchvision's."""
    library("torchvision")


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_depends_on_seed_epoch_and_sample_alone(kind: str) -> None:
    before = torch.get_rng_state()
    whole, augment = batch(), CHANGES[kind]
    images = finished(whole, **augment).images
    assert torch.equal(images, finished(whole, **augment).images)
    part = Batch(whole.images[2:4], whole.labels[2:4], whole.index[2:4])
    assert torch.allclose(finished(part, **augment).images, images[2:4], atol=1e-3)  # sums in another order
    assert not torch.equal(images, finished(whole, epoch=1, **augment).images)
    assert not torch.equal(images, finished(whole, seed=1, **augment).images)
    assert not torch.equal(images, whole.images.float())
    assert torch.equal(torch.get_rng_state(), before)


def test_without_changes_it_only_normalises() -> None:
    one = batch()
    mixed = finished(one)
    assert torch.allclose(mixed.images, one.images.float(), atol=1e-4)
    assert mixed.partners is None and mixed.share is None and torch.equal(mixed.labels, one.labels)


def test_lighting_has_the_covariance_that_the_paper_says() -> None:
    """AlexNet Sec. 4.1: P (alpha * lambda), alpha of deviation 0.1; the same for every pixel of a picture."""
    shifts = finished(batch(MANY, 2, level=100), lighting=0.1).images - 100
    assert torch.allclose(shifts[:, :, :1, :1].expand_as(shifts), shifts, atol=1e-4)
    seen = shifts[:, :, 0, 0].numpy() / 255
    expected = 0.01 * AXES @ AXES.T
    assert np.abs(seen.mean(0)).max() < 4 * np.sqrt(expected.max() / MANY)
    assert np.allclose(np.cov(seen.T), expected, atol=6 * expected.max() / np.sqrt(MANY))


def test_the_axes_of_colour_are_components_times_eigenvalues() -> None:
    covariance = np.array([[2.0, 1.0], [1.0, 2.0]])  # components (1, 1) and (1, -1), eigenvalues 3 and 1
    axes = colour_axes(covariance)
    assert np.allclose(sorted(np.linalg.norm(axes, axis=0)), [1, 3], atol=1e-5)
    assert np.allclose(axes[:, 1], 3 * np.sqrt(0.5), atol=1e-5)


@pytest.mark.parametrize(("part", "amount"), [("brightness", 0.5), ("shift", 30.0)])
def test_levels_change_by_uniform_factors_or_steps(part: str, amount: float) -> None:
    seen = finished(batch(MANY, 1, level=100), colour=Colour(**{part: amount})).images[:, 0, 0, 0].numpy()
    values = seen / 100 - 1 if part == "brightness" else seen - 100
    assert -amount <= values.min() < -0.95 * amount and 0.95 * amount < values.max() <= amount
    quarters = np.histogram(values, 4, (-amount, amount))[0] / MANY
    assert np.abs(quarters - 0.25).max() < 0.03


def test_contrast_keeps_the_mean_grey_and_saturation_each_pixels_grey() -> None:
    one = batch(50, 8)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    middle = Batch((one.images // 4 + 96), one.labels, one.index)  # so that nothing meets black or white
    for colour, axes in ((Colour(contrast=0.5), (1, 2, 3)), (Colour(saturation=0.5), (1,))):
        before, after = middle.images.float(), finished(middle, colour=colour).images
        factors = (after - after.mean((1, 2, 3), keepdim=True)).flatten(1).norm(dim=1)
        assert float(factors.std()) > 0
        own, changed = (before * luma).sum(1), (after * luma).sum(1)
        if axes == (1, 2, 3):
            own, changed = own.mean((1, 2)), changed.mean((1, 2))
        assert torch.allclose(own, changed, atol=0.05)


def test_hue_turns_as_the_standard_library_turns_it() -> None:
    from convnets.data.finish import turn_hue

    colours = torch.tensor([[200.0, 30.0, 60.0], [10.0, 90.0, 20.0], [0.0, 0.0, 250.0], [120.0, 120.0, 120.0]])
    for turn in (-0.4, 0.0, 0.1, 0.5):
        turned = turn_hue(colours.view(4, 3, 1, 1), torch.full((4, 1, 1, 1), turn)).view(4, 3)
        for before, after in zip(colours.tolist(), turned.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in before))
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            assert after == pytest.approx([255 * level for level in expected], abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.4])
def test_factors_mean_what_they_mean_in_torchvision(factor: float) -> None:
    from torchvision.transforms.v2 import functional

    from convnets.data.finish import PARTS

    images = batch(5, 8).images.float()
    for part, name in list(PARTS.items())[:3]:
        expected = getattr(functional, f"adjust_{name}")(images / 255, factor)
        own = part(images, torch.full((5, 1, 1, 1), factor)).clamp(0, 255) / 255
        assert torch.allclose(own, expected, atol=2e-3), name  # whose luma is rounded to four digits


def test_every_order_of_the_parts_is_as_likely() -> None:
    """Halves first or last: brightness and shift do not commute, and both orders are seen equally often."""
    one = batch(MANY, 1, level=100)
    both = finished(one, colour=Colour(brightness=0.5, shift=20)).images[:, 0, 0, 0]
    factor = finished(one, colour=Colour(brightness=0.5)).images[:, 0, 0, 0] / 100
    shift = finished(one, colour=Colour(shift=20)).images[:, 0, 0, 0] - 100
    first, last = (100 + shift) * factor, 100 * factor + shift
    is_first, is_last = (torch.isclose(both, value, atol=1e-2) for value in (first, last))
    assert bool((is_first | is_last).all())
    told_apart = (first - last).abs() > 0.1
    assert float(is_first[told_apart].float().mean()) == pytest.approx(0.5, abs=0.035)


def test_colours_stay_within_black_and_white_and_their_parts_in_every_order() -> None:
    images = finished(batch(300), colour=Colour(0.5, 0.5, 0.5, 0.1, 40)).images
    assert float(images.min()) >= 0 and float(images.max()) <= 255.001
    # white, made brighter, is cut off at white: only where the shift comes first is it darker than factor * 255
    shifted = finished(batch(MANY, 1, level=255), colour=Colour(brightness=0.5, shift=100)).images[:, 0, 0, 0]
    assert 0.1 < float((shifted > 254.9).float().mean()) < 0.6


def test_affine_changes_of_nothing_change_nothing_and_a_translation_moves() -> None:
    from convnets.data.finish import Draws, transform

    one = batch(40, 16)
    draws = Draws(0, 0, one.index, CPU)
    tiny = transform(one.images.float(), Affine(rotate=1e-6), draws)
    assert torch.allclose(tiny, one.images.float(), atol=1e-2)
    marked = torch.zeros(400, 1, 33, 33)
    marked[:, :, 16, 16] = 1000
    draws = Draws(0, 0, np.arange(400), CPU)
    moved = transform(marked, Affine(translate=0.25), draws)
    total = moved.sum((1, 2, 3))
    places = torch.stack([(moved.sum(dim) * torch.arange(33.0)).sum((1, 2)) / total for dim in (3, 2)], 1)
    distance = (places - 16) / 33
    assert float(distance.abs().max()) <= 0.26 and float(distance.abs().max(0).values.min()) > 0.2
    off = torch.zeros(400, 1, 33, 33)
    off[:, :, 16, 26] = 1000
    turned = transform(off, Affine(rotate=90), draws)
    radius = [
        ((turned.sum(dim) * torch.arange(33.0)).sum((1, 2)) / turned.sum((1, 2, 3)) - 16).square() for dim in (3, 2)
    ]
    assert torch.allclose(sum(radius, torch.zeros(400)).sqrt(), torch.tensor(10.0), atol=0.5)


def test_noise_has_its_deviation_in_every_pixel() -> None:
    added = finished(batch(200, level=100), noise=5.0).images - 100
    assert float(added.std()) == pytest.approx(5, rel=0.02) and abs(float(added.mean())) < 0.1
    assert abs(float((added[:, 0] * added[:, 1]).mean())) < 0.5


def test_cutout_sets_a_square_to_the_mean_cut_off_at_the_edges() -> None:
    images = finished(batch(MANY, 8, level=100), cutout=4).images
    holes = images[:, 0] == 0
    assert torch.equal(holes, (images == 0).all(1))
    area = holes.sum((1, 2))
    assert int(area.max()) == 16 and int(area.min()) == 4  # 2x2 is left of it in a corner
    for hole in holes[:50]:
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert rows * columns == hole.sum()
    covered = holes.float().mean(0)
    assert float(covered[4, 4]) == pytest.approx(16 / 64, abs=0.03)  # centres are uniform over the picture


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_draws_a_share_for_each_sample_from_its_beta_distribution(alpha: float) -> None:
    one = batch(MANY, 1)
    mixed = finished(one, mixup=alpha)
    assert mixed.share is not None and mixed.partners is not None
    share = mixed.share.numpy()
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)
    images = one.images.float()
    own = mixed.share.view(-1, 1, 1, 1)
    assert torch.allclose(mixed.images, own * images + (1 - own) * images.flip(0), atol=1e-3)
    assert torch.equal(mixed.partners, one.labels.flip(0))


def test_cutmix_shares_the_label_by_the_area_that_is_left() -> None:
    one = batch(500, 16)
    mixed = finished(one, cutmix=1.0)
    assert mixed.share is not None
    images, partners = one.images.float(), one.images.float().flip(0)
    own = torch.isclose(mixed.images, images, atol=1e-3).all(1)
    theirs = torch.isclose(mixed.images, partners, atol=1e-3).all(1)
    assert bool((own | theirs).all())
    assert torch.allclose(own.float().mean((1, 2)), mixed.share, atol=0.02)
    assert 0.4 < float(mixed.share.mean()) < 0.75  # boxes are cut off at the edges


def test_with_both_each_sample_takes_one_of_them() -> None:
    one = batch(1000, 8)
    mixed = finished(one, mixup=0.2, cutmix=1.0)
    images, partners = one.images.float(), one.images.float().flip(0)
    same = torch.isclose(mixed.images, images, atol=1e-2) | torch.isclose(mixed.images, partners, atol=1e-2)
    cut = same.all(3).all(2).all(1).float().mean()
    assert 0.45 < float(cut) < 0.9  # half, and of mixup those whose share is nearly nought or one


def test_pairing_averages_pictures_in_its_turns_and_keeps_the_label() -> None:
    pairing = Pairing(begin=2, end=12, on=3, off=2)
    assert [is_on(pairing, epoch) for epoch in range(14)] == [
        False, False, True, True, True, False, False, True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert not any(is_on(Pairing(), epoch) for epoch in range(20))
    one = batch()
    mixed = finished(one, epoch=2, pairing=pairing)
    images: Tensor = one.images.float()
    assert torch.allclose(mixed.images, (images + images.flip(0)) / 2, atol=1e-4) and mixed.partners is None
    assert torch.allclose(finished(one, epoch=5, pairing=pairing).images, images, atol=1e-4)


def test_erasing_happens_with_its_probability() -> None:
    images = finished(batch(600, level=100), erase=0.25).images
    erased = (images == 0).flatten(1).any(1).float().mean()
    assert float(erased) == pytest.approx(0.25, abs=0.06)
