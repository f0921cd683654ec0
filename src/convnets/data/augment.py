"""Resizing, cropping and flipping uint8 pictures: the random way for training, the fixed way for everything else.

Random numbers come from `randomness`, and a single picture takes the same path as a batch of one, so that a
sample looks the same whether it is streamed or in memory, alone or in a batch.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from PIL import Image

from ..spec import Augment, Preprocess
from . import policies
from .decode import to_channels
from .randomness import uniform
from .statistics import NO_STATISTICS, Statistics, before_crop, standardise, standardised, standardised_whole

FLIP, TOP, LEFT, AREA, ASPECT = range(5)  # draws of a sample; AREA and ASPECT are followed by their ATTEMPTS
SCALE, FILTER = range(30, 32)  # policies.py has 32, finish.py those from 40 on
TEN = np.array([(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)])  # places of AlexNet's crops
ATTEMPTS = 10
MAX_ASPECT = 32
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


def uncropped(picture: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """A picture (H, W, C) with its shorter side at `preprocess.resize`, of which only the square `centre` is kept."""
    picture = resize_shorter(picture, preprocess)
    return picture if preprocess.centre is None else centre_crop(picture[None], preprocess.centre)[0]


def resize_shorter(picture: np.ndarray, preprocess: Preprocess) -> np.ndarray:
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
    return resize(picture, target, preprocess.interpolation)


def centre_crop(batch: np.ndarray, size: int) -> np.ndarray:
    """The middle size x size of a batch (N, H, W, C), zero padded where it is smaller."""
    batch = padded(batch, 0, size)
    # Half pixels are rounded to the even side, as torchvision does, so that published figures compare.
    top, left = (round((side - size) / 2) for side in batch.shape[1:3])
    return batch[:, top : top + size, left : left + size]


def augment_batch(
    batch: np.ndarray, preprocess: Preprocess, augment: Augment, seed: int, epoch: int, samples: np.ndarray
) -> np.ndarray:
    """Training pictures (N, H, W, C) of one size, uint8 or float32, as random crops (N, size, size, C).

    They are as `uncropped` leaves them, or with `augment.area` as decoded: the crop's own resize replaces that one.
    """
    size = preprocess.size
    if augment.area is not None:
        crops = [_area_crop(*pair, preprocess, augment, seed, epoch) for pair in zip(batch, samples, strict=True)]
        batch = np.stack(crops)
    else:
        batch = padded(batch, augment.pad, size, augment.pad_mode)
        shares = uniform(seed, epoch, samples, TOP), uniform(seed, epoch, samples, LEFT)
        if augment.ten:  # the four corners and the centre
            place = (uniform(seed, epoch, samples, TOP) * 5).astype(int)
            shares = TEN[place, 0], TEN[place, 1]
        top, left = (
            np.minimum(share * (side - size + 1), side - size).astype(np.int64)
            for share, side in zip(shares, batch.shape[1:3], strict=True)
        )
        batch = _crops(batch, top, left, size)
    if augment.flip:
        mirrored = uniform(seed, epoch, samples, FLIP) < 0.5
        # whole pixels move twice as fast as their channels
        pixels = batch.view(f"V{batch.shape[-1] * batch.itemsize}")[..., 0]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
    return batch


def augment_picture(
    picture: np.ndarray, preprocess: Preprocess, augment: Augment, seed: int, epoch: int, sample: int,
    statistics: Statistics = NO_STATISTICS,
) -> np.ndarray:  # fmt: skip
    """One decoded training picture (H, W, C) as a random crop (size, size, channels), uint8 or standardised float32.

    A policy changes the crop, or where pictures are standardised before it, the whole picture, since it takes uint8.
    """

    def by_policy(levels: np.ndarray) -> np.ndarray:
        return levels if augment.policy == "none" else policies.apply(augment.policy, levels, seed, epoch, sample)

    picture, samples = to_channels(picture, preprocess.channels), np.array([sample])
    if augment.scale is not None:
        low, high = augment.scale
        side = low + int(uniform(seed, epoch, samples, SCALE)[0] * (high - low + 1))
        preprocess = dataclasses.replace(preprocess, resize=side, centre=None)
    if augment.area is None:
        picture = uncropped(picture, preprocess)
    early = augment.area is None and before_crop(preprocess, statistics, picture.shape, augment)
    if early:
        picture = standardise(by_policy(picture)[None], preprocess, statistics)[0]
    crop: np.ndarray = augment_batch(picture[None], preprocess, augment, seed, epoch, samples)[0]
    if early:
        return crop
    # what is cut by area is a whole picture as far as contrast and whitening are concerned
    return standardised(by_policy(crop), preprocess, statistics) if standardised_whole(preprocess) else by_policy(crop)


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


def _area_crop(
    picture: np.ndarray, sample: int, preprocess: Preprocess, augment: Augment, seed: int, epoch: int
) -> np.ndarray:
    """Inception's crop: a random share of the area at a random aspect ratio (log-uniform), resized to size x size.

    The first of ten tries that fits; otherwise the largest centred crop of an allowed aspect ratio.
    """
    assert augment.area is not None
    height, width = picture.shape[:2]
    tries = 2 * np.arange(ATTEMPTS)
    share, shape, (down, right) = (
        uniform(seed, epoch, np.array([sample]), draw) for draw in (AREA + tries, ASPECT + tries, np.array([TOP, LEFT]))
    )
    area = height * width * (augment.area[0] + share * (augment.area[1] - augment.area[0]))
    lowest, highest = (math.log(bound) for bound in augment.aspect)
    aspect = np.exp(lowest + shape * (highest - lowest))
    wide, high = np.rint(np.sqrt(area * aspect)).astype(int), np.rint(np.sqrt(area / aspect)).astype(int)
    fits = np.flatnonzero((wide >= 1) & (high >= 1) & (wide <= width) & (high <= height))
    if len(fits):
        crop_height, crop_width = int(high[fits[0]]), int(wide[fits[0]])
        top, left = int(down * (height - crop_height + 1)), int(right * (width - crop_width + 1))
    else:
        crop_width = max(1, min(width, round(height * augment.aspect[1])))
        crop_height = max(1, min(height, round(width / augment.aspect[0])))
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
    crop = picture[top : top + crop_height, left : left + crop_width]
    interpolation: str = preprocess.interpolation
    if augment.any_filter:
        interpolation = list(FILTERS)[int(uniform(seed, epoch, np.array([sample]), FILTER)[0] * len(FILTERS))]
    return resize(crop, (preprocess.size, preprocess.size), interpolation)


def resize(picture: np.ndarray, target: tuple[int, int], interpolation: str) -> np.ndarray:
    """The picture (H, W, C) at `target` (height, width), along rows first: Pillow 13 would pick an order by the shape,
    and between the two directions pixels are rounded."""
    if target == picture.shape[:2]:
        return picture
    channels = picture.shape[2]
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0] if channels == 1 else picture))
    for size in ((target[1], image.height), target[::-1]):
        image = image.resize(size, FILTERS[interpolation])
    resized = np.asarray(image)
    return resized[..., None] if channels == 1 else resized
