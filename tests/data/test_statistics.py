"""Mean image, whitening and colour statistics against numpy, and where they are taken off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from convnets.data import NO_STATISTICS, Finish, Loader, Split, Statistics, measure, normalise, prepare
from convnets.data.pictures import MemoryPictures, Names, array_split
from convnets.data.statistics import normalise_contrast
from convnets.errors import UsageError
from convnets.spec import RAW, Augment, Colour, Preprocess

PIXEL = Preprocess(size=8, resize=None, subtract="pixel")
WHITE = Preprocess(size=6, resize=None, contrast=10.0, whiten=0.01)


def split(count: int = 40, side: int = 8, channels: int = 3, seed: int = 0) -> tuple[Split, np.ndarray]:
    noise = np.random.default_rng(seed)
    ramp = np.linspace(0, 120, side).reshape(1, side, 1, 1)  # so that the mean differs from pixel to pixel
    pictures = (noise.integers(0, 130, (count, side, side, channels)) + ramp).astype(np.uint8)
    return array_split(pictures, np.arange(count) % 2, "train"), pictures


def images_of(one: Split, preprocess: Preprocess, statistics: Statistics, **options: object) -> torch.Tensor:
    (batch,) = Loader(one, preprocess, batch_size=len(one), statistics=statistics, **options).epoch(0)  # type: ignore[arg-type]
    return normalise(batch.images, preprocess, statistics)


def test_the_mean_image_is_the_mean_of_every_pixel_and_is_taken_off() -> None:
    one, pictures = split()
    preprocess, statistics = measure(one, PIXEL, Augment())
    assert statistics.mean_image is not None
    assert np.allclose(statistics.mean_image, pictures.mean(0), atol=1e-4)
    expected = (pictures - pictures.mean(0)) / (255 * np.array(preprocess.std))
    assert np.allclose(images_of(one, preprocess, statistics).permute(0, 2, 3, 1), expected, atol=1e-4)
    alone = prepare(pictures[3], preprocess, statistics)
    assert alone.dtype == np.float32 and np.allclose(alone, expected[3], atol=1e-4)


def test_a_crop_carries_the_mean_of_its_own_place_and_padding_is_the_mean() -> None:
    """AlexNet takes 224 out of pictures whose 256x256 mean was taken off; CIFAR's padding comes after the mean."""
    one, pictures = split()
    preprocess, statistics = measure(one, PIXEL, Augment())
    padded = np.pad((pictures - pictures.mean(0)) / (255 * np.array(preprocess.std)), ((0, 0), (2, 2), (2, 2), (0, 0)))
    loader = Loader(one, preprocess, batch_size=40, augment=Augment(pad=2), shuffle=True, statistics=statistics)
    (batch,) = loader.epoch(0)
    for image, sample in zip(batch.images.permute(0, 2, 3, 1).numpy(), batch.index.tolist(), strict=True):
        windows = [padded[sample, t : t + 8, s : s + 8] for t in range(5) for s in range(5)]
        assert min(float(np.abs(image - window).max()) for window in windows) < 1e-4


def test_a_mean_image_of_the_crops_size_is_taken_off_the_crop_else_its_colour() -> None:
    """ResNet on ImageNet: pictures of all sizes, so the mean is that of the crops; densely no size fits."""
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (9 + i % 3, 12, 3)).astype(np.uint8) for i in range(12)]
    one = Split(MemoryPictures(pictures, Names("train", np.arange(12))), np.arange(12) % 2)
    preprocess, statistics = measure(one, Preprocess(size=8, resize=None, subtract="pixel", std=RAW), Augment())
    assert statistics.mean_image is not None and statistics.mean_image.shape == (8, 8, 3)
    image = torch.from_numpy(prepare(pictures[0], preprocess, statistics)).permute(2, 0, 1)[None]
    assert image.dtype == torch.uint8
    mean = torch.from_numpy(statistics.mean_image).permute(2, 0, 1)
    assert torch.allclose(normalise(image, preprocess, statistics)[0], image[0].float() - mean, atol=1e-3)
    larger = torch.from_numpy(pictures[0]).permute(2, 0, 1)[None]
    expected = larger.float() - mean.mean((1, 2)).view(1, 3, 1, 1)
    assert torch.allclose(normalise(larger, preprocess, statistics), expected, atol=1e-3)


def test_contrast_normalisation_gives_every_picture_the_same_norm() -> None:
    flat = np.random.default_rng(0).normal(50, 9, (7, 30)).astype(np.float32)
    flat[6] = 3.0
    done = normalise_contrast(flat, 55.0)
    assert np.allclose(done.mean(1), 0, atol=1e-4)
    assert np.allclose(np.linalg.norm(done[:6], axis=1), 55, rtol=1e-4) and not done[6].any()


@pytest.mark.parametrize("streamed", [False, True])
def test_whitening_makes_the_pixels_of_the_training_pictures_uncorrelated(streamed: bool) -> None:
    one, pictures = split(400, 6)
    if streamed:
        one = Split(MemoryPictures(list(pictures), Names("train", np.arange(400))), one.labels)
    preprocess, statistics = measure(one, WHITE, Augment())
    assert statistics.whitening is not None and preprocess.mean == ()
    assert np.allclose(statistics.whitening, statistics.whitening.T, atol=1e-4)  # ZCA, not PCA
    white = images_of(one, preprocess, statistics).permute(0, 2, 3, 1).reshape(400, -1).numpy()
    flat = normalise_contrast(pictures.reshape(400, -1).astype(np.float32), 10.0)
    values = np.linalg.eigvalsh(np.cov(flat.T, bias=True))
    kept = np.linalg.eigvalsh(np.cov(white.T, bias=True))
    assert np.allclose(np.sort(kept), np.sort(values / (values + 0.01)), atol=2e-3)
    assert np.allclose(white.mean(0), 0, atol=1e-3)


def test_what_cannot_be_whitened_is_refused() -> None:
    with pytest.raises(UsageError, match=r"at most 4096 values, not 40x40x3; resize"):
        measure(split(4, 40)[0], Preprocess(size=40, resize=None, whiten=0.1), Augment())
    preprocess, statistics = measure(split(60, 6)[0], WHITE, Augment())
    with pytest.raises(UsageError, match=r"pictures of 7x7x3 cannot be whitened for a network whose pictures had 108"):
        prepare(np.zeros((7, 7, 3), np.uint8), preprocess, statistics)


@pytest.mark.parametrize("channels", [1, 3])
def test_lighting_takes_the_covariance_of_all_pixels_in_nought_to_one(channels: int) -> None:
    one, pictures = split(channels=channels)
    augment = Augment(lighting=0.1)
    preprocess, statistics = measure(one, Preprocess(size=8, resize=None, channels=channels), augment)
    assert statistics.lighting is not None
    covariance = np.atleast_2d(np.cov(pictures.reshape(-1, channels).T / 255, bias=True))
    values, vectors = np.linalg.eigh(covariance)
    assert np.allclose(statistics.lighting @ statistics.lighting.T, vectors * values**2 @ vectors.T, atol=1e-6)
    (batch,) = Loader(one, preprocess, batch_size=40, statistics=statistics).epoch(0)
    assert Finish(preprocess, statistics, augment, 0)(batch, 0, torch.device("cpu")).images.shape[1] == channels


def test_a_given_deviation_is_kept_and_the_mean_still_measured() -> None:
    one, pictures = split()
    preprocess, statistics = measure(one, Preprocess(size=8, resize=None, std=RAW), Augment())
    assert preprocess.std == RAW and np.allclose(preprocess.mean, pictures.mean((0, 1, 2)) / 255)
    assert statistics.tensors() == {} and NO_STATISTICS.tensors() == {}


def test_statistics_survive_a_checkpoint() -> None:
    one, _ = split(60, 6)
    white, lit = measure(one, WHITE, Augment())[1], measure(one, PIXEL, Augment(lighting=0.1))[1]
    for statistics, names in ((white, {"whitening", "whitening_mean"}), (lit, {"mean_image", "lighting"})):
        again = Statistics.of(statistics.tensors())
        assert set(again.tensors()) == names
        assert all(torch.equal(again.tensors()[name], tensor) for name, tensor in statistics.tensors().items())


@pytest.mark.parametrize("change", [{"colour": Colour(hue=0.1)}, {"lighting": 0.1}, {"noise": 1.0}])
def test_changes_of_grey_levels_and_contrast_normalisation_exclude_each_other(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="leave none; set preprocess"):
        measure(split(60, 6)[0], WHITE, Augment(**change))


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_flat_picture_stays_flat(value: int) -> None:
    """Rounding alone must not be blown up to the norm; one grey level in one pixel is seen."""
    flat = np.full((1, 3072), value, np.float32)
    assert np.abs(normalise_contrast(flat, 55.0)).max() < 1e-3
    flat[0, 5] += 1 if value < 255 else -1
    assert np.linalg.norm(normalise_contrast(flat, 55.0)) == pytest.approx(55, rel=1e-3)


def streamed(one: Split) -> Split:
    return Split(MemoryPictures(list(one.pictures.pictures), one.pictures.names), one.labels)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("preprocess", "augment"),
    [
        (PIXEL, Augment(pad=2, flip=True)),
        (PIXEL, Augment(pad=2, flip=True, colour=Colour(brightness=0.4))),
        (Preprocess(size=6, resize=None, subtract="pixel"), Augment(flip=True)),
        (Preprocess(size=8, resize=None, contrast=10.0, whiten=0.1), Augment(pad=2, pad_mode="reflect", flip=True)),
    ],
)
def test_statistics_are_taken_off_alike_in_memory_and_one_by_one(preprocess: Preprocess, augment: Augment) -> None:
    one, _ = split()
    preprocess, statistics = measure(one, preprocess, augment)
    (memory,), (single,) = (
        Loader(part, preprocess, batch_size=40, augment=augment, shuffle=True, statistics=statistics).epoch(1)
        for part in (one, streamed(one))
    )
    assert memory.images.dtype == single.images.dtype
    assert torch.allclose(memory.images.float(), single.images.float(), atol=1e-4)  # matrices add up in another order


def test_with_colours_the_mean_image_is_taken_off_after_them() -> None:
    one, pictures = split()
    augment = Augment(colour=Colour(brightness=0.5))
    preprocess, statistics = measure(one, PIXEL, augment)
    (batch,) = Loader(one, preprocess, batch_size=40, augment=augment, statistics=statistics).epoch(0)
    assert batch.images.dtype == torch.uint8
    seen = Finish(preprocess, statistics, augment, 0)(batch, 0, torch.device("cpu")).images.permute(0, 2, 3, 1).numpy()
    levels = seen * 255 * np.array(preprocess.std) + statistics.mean_image
    factors = levels.sum((1, 2, 3)) / pictures.sum((1, 2, 3))
    assert factors.min() < 0.8 and factors.max() > 1.1 and levels.min() > -0.01 and levels.max() < 255.01


@pytest.mark.parametrize("augment", [Augment(scale=(8, 12)), Augment(area=(0.5, 1.0))])
def test_pictures_of_several_scales_have_the_mean_image_of_their_crops(augment: Augment) -> None:
    """Some of the scaled pictures happen to have its size before their crop: all are treated alike."""
    one, pictures = split()
    preprocess, statistics = measure(one, Preprocess(size=6, resize=8, subtract="pixel", std=RAW), augment)
    assert statistics.mean_image is not None and np.allclose(statistics.mean_image, pictures[:, 1:7, 1:7].mean(0))
    (batch,) = Loader(one, preprocess, batch_size=40, augment=augment, shuffle=True, statistics=statistics).epoch(0)
    images = Finish(preprocess, statistics, augment, 0)(batch, 0, torch.device("cpu")).images
    assert batch.images.dtype == torch.uint8 and abs(float(images.mean())) < 5


def test_a_batch_of_several_sizes_is_standardised_as_one() -> None:
    """The mean image is that of the 8x8 crops, and some pictures are 8x8 as they are."""
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (8 + i % 2, 8, 3)).astype(np.uint8) for i in range(12)]
    one = Split(MemoryPictures(pictures, Names("train", np.arange(12))), np.arange(12) % 2)
    preprocess, statistics = measure(one, PIXEL, Augment())
    assert statistics.mean_image is not None
    for augment in (None, Augment()):
        (batch,) = Loader(one, preprocess, batch_size=12, augment=augment, statistics=statistics).epoch(0)
        images = normalise(batch.images, preprocess, statistics).permute(0, 2, 3, 1).numpy()
        expected = (np.stack([one[:8] for one in pictures]) - statistics.mean_image) / (255 * np.array(preprocess.std))
        even = slice(None, None, 2)  # of the others the crop is random
        assert batch.images.dtype == torch.float32 and np.allclose(images[even], expected[even], atol=1e-4)


def test_contrast_of_a_crop_by_area_is_normalised_too() -> None:
    one, _ = split()
    preprocess = Preprocess(size=6, resize=None, contrast=10.0)
    (batch,) = Loader(one, preprocess, batch_size=40, augment=Augment(area=(0.3, 1.0))).epoch(0)
    assert torch.allclose(batch.images.flatten(1).norm(dim=1), torch.tensor(10.0), rtol=1e-3)


def test_whitening_sees_small_variances_beside_a_large_mean() -> None:
    noise = np.random.default_rng(0).integers(0, 3, (500, 4, 4, 1)) + 240
    one = array_split(noise.astype(np.uint8), np.arange(500) % 2, "train")
    preprocess, statistics = measure(one, Preprocess(size=4, resize=None, channels=1, whiten=1e-3), Augment())
    white = images_of(one, preprocess, statistics).flatten(1).numpy()
    assert np.allclose(np.cov(white.T), np.eye(16), atol=0.02)
