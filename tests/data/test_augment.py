"""Crops, flips and resizing: the right distribution, and the same picture alone or in a batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from convnets.data.augment import augment_batch, augment_picture, centre_crop, prepare
from convnets.spec import Augment, Preprocess

RNG = np.random.default_rng(0)
PLAIN = Preprocess(size=32, resize=None)


def pictures(count: int, height: int = 32, width: int = 32, channels: int = 3) -> np.ndarray:
    return RNG.integers(1, 256, (count, height, width, channels), dtype=np.uint8)


def test_pad_crop_takes_every_position_equally_and_flips_half() -> None:
    """Pad 4 on 32 pixels: 81 positions; each crop is found again among all 162 in the padded picture."""
    original, count = pictures(1)[0], 8100
    padded = np.pad(original, ((4, 4), (4, 4), (0, 0)))
    places = {}
    for top in range(9):
        for left in range(9):
            crop = padded[top : top + 32, left : left + 32]
            places[crop.tobytes()] = (top, left, False)
            places[crop[:, ::-1].tobytes()] = (top, left, True)
    batch = np.broadcast_to(original, (count, *original.shape))
    crops = augment_batch(batch, PLAIN, Augment(pad=4, flip=True), 0, 0, np.arange(count))
    found = [places[crop.tobytes()] for crop in crops]
    counts = Counter(place[:2] for place in found)
    assert len(counts) == 81 and sum((n - 100) ** 2 / 100 for n in counts.values()) < 135  # 80 degrees: p = 1e-4
    mirrored = np.array([place[2] for place in found])
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(count)
    assert abs(np.corrcoef(mirrored, [place[0] for place in found])[0, 1]) < 4 / np.sqrt(count)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "preprocess,augment",
    [
        (PLAIN, Augment(pad=4, flip=True)),
        (Preprocess(size=24, resize=28), Augment(flip=True)),
        (Preprocess(size=48, resize=None), Augment(pad=2)),
        (Preprocess(size=24, interpolation="bicubic"), Augment(area=(0.08, 1.0), flip=True)),
    ],
)
def test_one_picture_is_the_same_alone_and_in_a_batch(preprocess: Preprocess, augment: Augment, channels: int) -> None:
    preprocess = Preprocess(preprocess.size, preprocess.resize, channels, interpolation=preprocess.interpolation)
    raw, samples = pictures(9, 40, 36, channels), np.arange(100, 109)
    alone = [
        augment_picture(picture, preprocess, augment, 1, 2, int(s)) for picture, s in zip(raw, samples, strict=True)
    ]
    resized = raw
    if preprocess.resize and not augment.area:
        whole = Preprocess(size=preprocess.resize, resize=preprocess.resize, channels=channels)
        resized = np.stack([_resized(picture, whole) for picture in raw])
    together = augment_batch(resized, preprocess, augment, 1, 2, samples)
    assert together.shape == (9, preprocess.size, preprocess.size, channels)
    assert np.array_equal(np.stack(alone), together)
    assert np.array_equal(augment_batch(resized[4:6], preprocess, augment, 1, 2, samples[4:6]), together[4:6])


def _resized(picture: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    from convnets.data.augment import resize_shorter

    return resize_shorter(picture, preprocess)


def test_small_pictures_are_padded_in_the_middle() -> None:
    small = pictures(2, 5, 3)
    expected = np.pad(small, ((0, 0), (1, 2), (2, 3), (0, 0)))
    assert np.array_equal(centre_crop(small, 8), expected)
    assert np.array_equal(
        augment_batch(small, Preprocess(size=8, resize=None), Augment(), 0, 0, np.arange(2)), expected
    )


@pytest.mark.parametrize(
    "interpolation,expected", [("bilinear", Image.Resampling.BILINEAR), ("area", Image.Resampling.BOX)]
)
def test_prepare_resizes_the_shorter_side_and_cuts_the_centre(interpolation: str, expected: Image.Resampling) -> None:
    picture = pictures(1, 51, 90)[0]
    preprocess = Preprocess(size=24, resize=32, interpolation=interpolation)  # type: ignore[arg-type]
    resized = np.asarray(Image.fromarray(picture).resize((56, 32), expected))
    assert np.array_equal(prepare(picture, preprocess), resized[4:28, 16:40])


def test_area_crops_have_the_asked_areas_and_shapes() -> None:
    """A picture that holds its own coordinates shows which part of it a crop is."""
    height, width, count = 200, 160, 1500
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x, y, x], -1).astype(np.uint8)
    preprocess, augment = Preprocess(size=16), Augment(area=(0.08, 1.0), aspect=(3 / 4, 4 / 3))
    crops = augment_batch(
        np.broadcast_to(picture, (count, *picture.shape)), preprocess, augment, 0, 0, np.arange(count)
    )
    wide = (crops[:, 8, 12, 0].astype(float) - crops[:, 8, 4, 0]) * 2
    high = (crops[:, 12, 8, 1].astype(float) - crops[:, 4, 8, 1]) * 2
    share, aspect = wide * high / (height * width), wide / high
    assert 0.05 < share.min() < 0.12 and 0.8 < share.max() <= 1.1 and 0.4 < share.mean() < 0.55
    assert 0.65 < aspect.min() < 0.8 and 1.25 < aspect.max() < 1.5 and abs(np.log(aspect).mean()) < 0.05
    strip = augment_batch(pictures(1, 4, 400), preprocess, augment, 0, 0, np.arange(1))  # no try can fit
    assert strip.shape == (1, 16, 16, 3)
