"""Resizing, cropping and flipping uint8 pictures: the random way for training, the fixed way for everything else.

Random numbers come from `randomness`, and pictures are cut one by one as they are in whole batches, so that a sample
looks the same whether it is streamed or in memory, alone or in a batch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided
from PIL import Image
from torch.nn.functional import interpolate

from ..spec import Augment, Preprocess
from . import policies
from .decode import Reduce, to_channels
from .randomness import uniform
from .statistics import NO_STATISTICS, Statistics, before_crop, standardise, standardised, standardised_whole

FLIP, TOP, LEFT, AREA, ASPECT = range(5)  # draws of a sample; AREA and ASPECT are followed by their ATTEMPTS
SCALE, FILTER = range(30, 32)  # policies.py has 32, finish.py those from 40 on
TEN = np.array([(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)])  # places of AlexNet's crops
ATTEMPTS = 10
MAX_ASPECT = 32
QUICK = ("bilinear", "bicubic")  # filters of torch too
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def prepare(picture: np.ndarray, preprocess: Preprocess, statistics: Statistics = NO_STATISTICS) -> np.ndarray:
    """A decoded picture as the network sees it outside training, (size, size, channels).

    uint8 and not yet normalised; or float32, where its standardisation comes before the crop (see `statistics`).
    """
    picture = uncropped(to_channels(picture, preprocess.channels), preprocess)
    picture = standardised(picture, preprocess, statistics)
    return np.ascontiguousarray(centre_crop(picture[None], preprocess.size)[0])


def uncropped(picture: np.ndarray, preprocess: Preprocess, *, exact: bool = True) -> np.ndarray:
    """A picture (H, W, C) with its shorter side at `preprocess.resize`, of which only the square `centre` is kept."""
    picture = resize_shorter(picture, preprocess, exact=exact)
    return picture if preprocess.centre is None else centre_crop(picture[None], preprocess.centre)[0]


def resize_shorter(picture: np.ndarray, preprocess: Preprocess, *, exact: bool = True) -> np.ndarray:
    """The picture (H, W, C) with its shorter side at `preprocess.resize`, the longer in proportion, rounded down.

    Antialiased. Of a picture more than 32 times as long as wide only the middle is kept, since the resized whole
    could be of any size.
    """
    if preprocess.resize is None:
        return picture
    shorter = min(picture.shape[:2])
    height, width = (min(side, MAX_ASPECT * shorter) for side in picture.shape[:2])
    if (height, width) != picture.shape[:2]:
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        picture = picture[top : top + height, left : left + width]
    target = (preprocess.resize * height // shorter, preprocess.resize * width // shorter)
    return resize(picture, target, preprocess.interpolation, exact=exact)


def centre_crop(batch: np.ndarray, size: int) -> np.ndarray:
    """The middle size x size of a batch (N, H, W, C), zero padded where it is smaller."""
    batch = padded(batch, 0, size)
    # Half pixels are rounded to the even side, as torchvision does, so that published figures compare.
    top, left = (round((side - size) / 2) for side in batch.shape[1:3])
    return batch[:, top : top + size, left : left + size]


class Cut(NamedTuple):
    """What is drawn for the crop of one sample, numbers in 0..1 but for `aspects`, which are width over height."""

    flip: float
    down: float
    right: float
    scale: float
    filter: float
    shares: list[float]
    aspects: list[float]


def draw_cuts(augment: Augment, seed: int, epoch: int, samples: np.ndarray) -> list[Cut]:
    """The cuts of these samples, drawn all at once, since a draw costs the same for one and for a thousand."""
    tries = 2 * np.arange(ATTEMPTS if augment.area is not None else 0)
    draws = np.concatenate([[FLIP, TOP, LEFT, SCALE, FILTER], AREA + tries, ASPECT + tries])
    drawn = uniform(seed, epoch, samples[:, None], draws)
    lowest, highest = (math.log(bound) for bound in augment.aspect)
    first, last = 5, 5 + len(tries)
    drawn[:, last:] = np.exp(lowest + drawn[:, last:] * (highest - lowest))
    return [Cut(row[0], row[1], row[2], row[3], row[4], row[first:last], row[last:]) for row in drawn.tolist()]


def augment_batch(
    batch: np.ndarray, preprocess: Preprocess, augment: Augment, seed: int, epoch: int, samples: np.ndarray
) -> np.ndarray:
    """Training pictures (N, H, W, C) of one size, uint8 or float32, as random crops (N, size, size, C).

    They are as `uncropped` leaves them, or with `augment.area` as decoded: the crop's own resize replaces that one.
    """
    size = preprocess.size
    if augment.area is not None:
        cuts = draw_cuts(augment, seed, epoch, samples)
        return np.stack([cut_out(picture, cut, preprocess, augment) for picture, cut in zip(batch, cuts, strict=True)])
    batch = padded(batch, augment.pad, size, augment.pad_mode)
    tops, lefts = places(batch.shape[1:3], preprocess, augment, seed, epoch, samples)
    batch = _crops(batch, tops, lefts, size)
    if augment.flip:
        mirrored = uniform(seed, epoch, samples, FLIP) < 0.5
        pixels = _whole_pixels(batch)
        pixels[mirrored] = pixels[mirrored, :, ::-1]
    return batch


def places(
    sides: tuple[int, ...], preprocess: Preprocess, augment: Augment, seed: int, epoch: int, samples: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Top and left (N,) of the samples' crops in padded pictures of these sides (height, width)."""
    shares = uniform(seed, epoch, samples, TOP), uniform(seed, epoch, samples, LEFT)
    if augment.ten:  # the four corners and the centre
        place = (shares[0] * 5).astype(int)
        shares = TEN[place, 0], TEN[place, 1]
    room = [side - preprocess.size for side in sides]
    return tuple(np.minimum(share * (r + 1), r).astype(np.int64) for share, r in zip(shares, room, strict=True))


def augment_pictures(
    load: Callable[[int, Reduce], np.ndarray], preprocess: Preprocess, augment: Augment, seed: int,
    epoch: int, samples: np.ndarray, statistics: Statistics = NO_STATISTICS,
) -> list[np.ndarray]:  # fmt: skip
    """Decoded training pictures as random crops (size, size, channels), uint8 or standardised float32, one by one.

    `load` gives the picture (H, W, C) of a sample. It is also given a function that says of the picture's height and
    width by how much (1, 2, 4 or 8) it may be reduced in decoding. A policy changes the crop, or where pictures are
    standardised before it, the whole picture, since it takes uint8.
    """

    def augmented(sample: int, cut: Cut) -> np.ndarray:
        ready = preprocess
        if augment.scale is not None:
            low, high = augment.scale
            ready = dataclasses.replace(preprocess, resize=low + int(cut.scale * (high - low + 1)), centre=None)

        def by_policy(levels: np.ndarray) -> np.ndarray:
            return levels if augment.policy == "none" else policies.apply(augment.policy, levels, seed, epoch, sample)

        picture = load(sample, lambda height, width: reduction(height, width, cut, ready, augment))
        picture = to_channels(picture, preprocess.channels)
        if augment.area is None:
            picture = uncropped(picture, ready, exact=augment.decode == "exact")
        early = augment.area is None and before_crop(ready, statistics, picture.shape, augment)
        if early:
            picture = standardise(by_policy(picture)[None], ready, statistics)[0]
        crop = cut_out(picture, cut, ready, augment)
        if early:
            return crop
        # what is cut by area is a whole picture as far as contrast and whitening are concerned
        return standardised(by_policy(crop), ready, statistics) if standardised_whole(ready) else by_policy(crop)

    cuts = draw_cuts(augment, seed, epoch, samples)
    return [augmented(sample, cut) for sample, cut in zip(samples.tolist(), cuts, strict=True)]


def augment_picture(
    picture: np.ndarray, preprocess: Preprocess, augment: Augment, seed: int, epoch: int, sample: int,
    statistics: Statistics = NO_STATISTICS,
) -> np.ndarray:  # fmt: skip
    """One decoded training picture as `augment_pictures` gives it."""
    samples = np.array([sample])
    return augment_pictures(lambda *_: picture, preprocess, augment, seed, epoch, samples, statistics)[0]


def cut_out(picture: np.ndarray, cut: Cut, preprocess: Preprocess, augment: Augment) -> np.ndarray:
    """The random crop (size, size, C) of one picture, which is as `augment_batch` takes it."""
    size, mirrored = preprocess.size, augment.flip and cut.flip < 0.5
    if augment.area is not None:
        top, left, height, width = area_box(picture.shape[0], picture.shape[1], cut, augment)
        interpolation: str = preprocess.interpolation
        if augment.any_filter:
            interpolation = list(FILTERS)[int(cut.filter * len(FILTERS))]
        crop = picture[top : top + height, left : left + width]
        return resize(crop, (size, size), interpolation, exact=augment.decode == "exact", mirrored=mirrored)
    picture = padded(picture[None], augment.pad, size, augment.pad_mode)[0]
    down, right = TEN[int(cut.down * 5)].tolist() if augment.ten else (cut.down, cut.right)
    top, left = (
        min(int(share * (side - size + 1)), side - size)
        for share, side in zip((down, right), picture.shape[:2], strict=True)
    )
    crop = np.ascontiguousarray(picture[top : top + size, left : left + size])
    return _mirror(crop) if mirrored else crop


def area_box(height: int, width: int, cut: Cut, augment: Augment) -> tuple[int, int, int, int]:
    """Inception's crop: top, left, height, width of a share of the area at some aspect ratio (log-uniform).

    The first of ten tries that fits; otherwise the largest centred crop of an allowed aspect ratio.
    """
    assert augment.area is not None
    lowest, highest = augment.area
    for share, aspect in zip(cut.shares, cut.aspects, strict=True):
        area = height * width * (lowest + share * (highest - lowest))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 1 <= wide <= width and 1 <= high <= height:
            return int(cut.down * (height - high + 1)), int(cut.right * (width - wide + 1)), high, wide
    wide = max(1, min(width, round(height * augment.aspect[1])))
    high = max(1, min(height, round(width / augment.aspect[0])))
    return (height - high) // 2, (width - wide) // 2, high, wide


def reduction(height: int, width: int, cut: Cut, preprocess: Preprocess, augment: Augment) -> int:
    """By how much a picture may be reduced in decoding, so that what is cut out or resized still has its pixels."""
    if augment.decode == "exact" or (augment.area is None and preprocess.resize is None):
        return 1
    if augment.area is None:
        there, needed = min(height, width), preprocess.resize or 1
    else:
        there, needed = min(area_box(height, width, cut, augment)[2:]), preprocess.size
    return next((factor for factor in (8, 4, 2) if there >= factor * (needed + 1)), 1)


def _whole_pixels(batch: np.ndarray) -> np.ndarray:
    """The same memory (..., C) as one item a pixel (...): whole pixels move twice as fast as their channels."""
    return batch.view(f"V{batch.shape[-1] * batch.itemsize}")[..., 0]


def _mirror(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) with left and right exchanged."""
    return np.ascontiguousarray(_whole_pixels(picture)[:, ::-1]).view(picture.dtype).reshape(picture.shape)


def _crops(batch: np.ndarray, top: np.ndarray, left: np.ndarray, size: int) -> np.ndarray:
    """From each picture of the batch the size x size at its own (top, left), as a new array."""
    count, height, width, channels = batch.shape
    batch = np.ascontiguousarray(batch)
    # A crop's row is one run of bytes in memory: runs[n, y, x] is the run that starts at pixel (y, x) of picture n.
    shape = (count, height, width - size + 1, size * channels)
    runs: np.ndarray = as_strided(batch, shape, (*batch.strides[:3], batch.itemsize), writeable=False)
    rows = top[:, None] + np.arange(size)
    crops: np.ndarray = runs[np.arange(count)[:, None], rows, left[:, None]]
    return crops.reshape(count, size, size, channels)


def padded(batch: np.ndarray, pad: int, size: int, mode: str = "zero") -> np.ndarray:
    """The batch (N, H, W, C) with `pad` zeros, or a reflection, on every side; zeros more where it is still smaller
    than `size`."""
    if mode == "reflect" and pad:
        batch, pad = np.pad(batch, ((0, 0), (pad, pad), (pad, pad), (0, 0)), "reflect"), 0
    count, height, width, channels = batch.shape
    shape = (count, max(height + 2 * pad, size), max(width + 2 * pad, size), channels)
    if shape == batch.shape:
        return batch
    top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
    larger: np.ndarray = np.zeros(shape, batch.dtype)
    larger[:, top : top + height, left : left + width] = batch
    return larger


def resize(
    picture: np.ndarray, target: tuple[int, int], interpolation: str, *, exact: bool = True, mirrored: bool = False
) -> np.ndarray:
    """The picture (H, W, C) at `target` (height, width), then `mirrored` left to right.

    Pillow's pixels; or, where they need not be `exact`, within two grey levels of them at a third of the cost.
    """
    if target == picture.shape[:2]:
        return _mirror(np.ascontiguousarray(picture)) if mirrored else picture
    channels = picture.shape[2]
    if not exact and interpolation in QUICK:
        return _quick_resize(picture, target, interpolation, mirrored)
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0] if channels == 1 else picture))
    image = image.resize(target[::-1], FILTERS[interpolation])
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    resized = np.asarray(image)
    return resized[..., None] if channels == 1 else resized


def _quick_resize(picture: np.ndarray, target: tuple[int, int], interpolation: str, mirrored: bool) -> np.ndarray:
    """In torch's 16-bit integer arithmetic, whose vectors Pillow does not have."""
    batch = np.require(picture[None], requirements=["C", "W"])  # torch warns of what it could not write to
    image = interpolate(torch.from_numpy(batch).permute(0, 3, 1, 2), target, mode=interpolation, antialias=True)
    image = image.flip(3) if mirrored else image
    return np.ascontiguousarray(image.permute(0, 2, 3, 1).numpy()[0])
