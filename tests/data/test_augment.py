"""Crops, flips and resizing: the right distribution, and the same picture alone or in a batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from convnets.data.augment import (
    FILTERS,
    area_box,
    augment_batch,
    augment_picture,
    centre_crop,
    draw_cuts,
    prepare,
    reduction,
    resize,
)  # fmt: skip
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
        (Preprocess(size=24), Augment(area=(0.08, 1.0), any_filter=True)),
        (PLAIN, Augment(pad=4, pad_mode="reflect", flip=True)),
        (Preprocess(size=24, resize=28), Augment(ten=True, flip=True)),
        (Preprocess(size=24), Augment(area=(0.08, 1.0), flip=True, decode="reduced")),
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


def coordinates(height: int, width: int) -> np.ndarray:
    """A picture that holds its own coordinates, row and column, and its width."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, np.full_like(x, width)], -1).astype(np.uint8)


def test_scale_draws_every_shorter_side_equally_and_crops_all_over_it() -> None:
    """Of a picture that is dark on the left and light on the right, a crop's slope says how large the whole was."""
    ramp = np.broadcast_to(np.arange(0, 240, 2), (60, 120)).astype(np.uint8)
    picture, count = np.stack([ramp] * 3, -1), 1100
    preprocess, augment = Preprocess(size=40), Augment(scale=(50, 60))
    crops = np.stack([augment_picture(picture, preprocess, augment, 0, 0, i)[20, :, 0] for i in range(count)])
    assert crops.shape == (1100, 40)
    sides = np.rint(120 * 39 / (crops[:, -1].astype(float) - crops[:, 0]))
    counts = np.array([np.sum(np.abs(sides - side) <= 0.5) for side in range(50, 61)])
    assert sides.min() >= 49 and sides.max() <= 61
    assert abs(np.mean(sides) - 55) < 0.5 and counts[:3].sum() > 180 and counts[-3:].sum() > 180
    starts = crops[:, 0] / 240
    assert starts.min() < 0.02 and starts.max() > 0.6  # up to 1 - 40 / 120 of the width


def test_scale_gives_exactly_the_sizes_that_resizing_gives() -> None:
    picture = pictures(1, 45, 60)[0]
    sizes = set()
    for sample in range(60):
        crop = augment_picture(picture, Preprocess(size=12), Augment(scale=(12, 15)), 0, 0, sample)
        for side in range(12, 16):
            whole = _resized(picture, Preprocess(size=12, resize=side))
            windows = np.lib.stride_tricks.sliding_window_view(whole, (12, 12, 3))[:, :, 0]
            if (windows == crop).all((2, 3, 4)).any():
                sizes.add(side)
                break
        else:
            raise AssertionError("a crop that is in no resized picture")
    assert sizes == {12, 13, 14, 15}


def test_ten_takes_the_corners_and_the_centre_equally_mirrored_or_not() -> None:
    count = 2000
    batch = np.broadcast_to(coordinates(20, 30), (count, 20, 30, 3))
    crops = augment_batch(batch, Preprocess(size=8), Augment(ten=True, flip=True), 0, 0, np.arange(count))
    tops, lefts = crops[:, 0, 0, 0], crops[:, 0, :, 1].min(1)
    mirrored = crops[:, 0, 0, 1] > crops[:, 0, 1, 1]
    found = Counter(zip(tops.tolist(), lefts.tolist(), mirrored.tolist(), strict=True))
    places = [(0, 0), (0, 22), (12, 0), (12, 22), (6, 11)]
    assert set(found) == {(*place, flag) for place in places for flag in (False, True)}
    assert sum((n - 200) ** 2 / 200 for n in found.values()) < 34  # 9 degrees: p = 1e-4


def test_a_reflection_is_numpys() -> None:
    original = pictures(1, 10, 10)[0]
    padded = np.pad(original, ((3, 3), (3, 3), (0, 0)), "reflect")
    windows = {padded[t : t + 10, s : s + 10].tobytes() for t in range(7) for s in range(7)}
    batch = np.broadcast_to(original, (600, 10, 10, 3))
    augment = Augment(pad=3, pad_mode="reflect")
    crops = augment_batch(batch, Preprocess(size=10, resize=None), augment, 0, 0, np.arange(600))
    assert {crop.tobytes() for crop in crops} == windows
    floats = augment_batch(batch.astype(np.float32), Preprocess(size=10), augment, 0, 0, np.arange(600))
    assert np.array_equal(floats, crops)


def test_any_filter_takes_each_of_them() -> None:
    picture, preprocess = pictures(1, 40, 40)[0], Preprocess(size=16)
    whole = {"area": (1.0, 1.0), "aspect": (1.0, 1.0)}
    found: Counter[str] = Counter()
    for sample in range(200):
        crop = augment_picture(picture, preprocess, Augment(**whole, any_filter=True), 0, 0, sample)  # type: ignore[arg-type]
        (name,) = [name for name in FILTERS if np.array_equal(resize(picture, (16, 16), name), crop)]
        found[name] += 1
    assert set(found) == {"bilinear", "bicubic", "area", "nearest"} and min(found.values()) > 30


def test_the_centre_square_bounds_what_crops_can_show() -> None:
    """AlexNet: 256x256 out of the middle, and training crops come from that alone."""
    picture = coordinates(20, 60)
    preprocess = Preprocess(size=16, resize=20, centre=20)
    assert np.array_equal(prepare(picture, preprocess), picture[2:18, 22:38])
    crops = np.stack([augment_picture(picture, preprocess, Augment(), 0, 0, i) for i in range(300)])
    assert (crops[..., 1].min(), crops[..., 1].max()) == (20, 39)
    assert (crops[..., 0].min(), crops[..., 0].max()) == (0, 19)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_quick_resizing_is_within_two_grey_levels(interpolation: str) -> None:
    picture = pictures(1, 90, 130)[0]
    for target in ((40, 60), (90, 70), (120, 150)):
        exact, quick = (resize(picture, target, interpolation, exact=exact) for exact in (True, False))
        assert np.abs(exact.astype(int) - quick).max() <= 2
        mirrored = resize(picture, target, interpolation, exact=False, mirrored=True)
        assert np.array_equal(mirrored, quick[:, ::-1])
        assert np.array_equal(resize(picture, target, interpolation, mirrored=True), exact[:, ::-1])


def test_a_reduced_picture_keeps_the_pixels_that_its_crop_needs() -> None:
    augment, preprocess = Augment(area=(0.02, 1.0), decode="reduced"), Preprocess(size=32)
    cuts = draw_cuts(augment, 0, 0, np.arange(500))
    factors = Counter[int]()
    for cut in cuts:
        factor = reduction(300, 400, cut, preprocess, augment)
        *_, height, width = area_box(300, 400, cut, augment)
        *_, high, wide = area_box(300 // factor, 400 // factor, cut, augment)
        assert factor == 1 or min(high, wide) >= 32
        assert factor == 8 or min(height, width) < 2 * factor * 33
        factors[factor] += 1
    assert set(factors) == {1, 2, 4, 8}
    assert reduction(300, 400, cuts[0], Preprocess(size=32, resize=70), Augment(decode="reduced")) == 4
    assert reduction(300, 400, cuts[0], Preprocess(size=32, resize=None), Augment(decode="reduced")) == 1
    assert reduction(300, 400, cuts[0], preprocess, Augment(area=(0.05, 1.0))) == 1
