"""Statistics of the training pictures, taken once before the first step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from ..errors import UsageError
from ..spec import Augment, Colour, Preprocess
from . import policies
from .augment import centre_crop, uncropped
from .decode import to_channels
from .pictures import MemoryPictures, Split
from .randomness import permutation
from .statistics import Statistics, mean_of_crops, normalise_contrast, standardised_whole

SAMPLES = 2000  # pictures of a streamed set that are measured
CHUNK = 256  # pictures measured at a time
MOST_DIMENSIONS = 4096  # of a picture that is whitened: the matrix is as wide and as high


def measure(split: Split, preprocess: Preprocess, augment: Augment) -> tuple[Preprocess, Statistics]:
    """What these ask for, of a (training) split: the preprocessing with its mean and deviation, and the statistics.

    Over all pictures in memory, over the same 2,000 at most of a set that is streamed. Raises UsageError where pictures
    that are to be whitened are too large or of several sizes, and for changes that cannot be made.
    """
    policies.require(augment)
    if standardised_whole(preprocess) and (augment.colour != Colour() or augment.lighting or augment.noise):
        raise UsageError(
            "augment.colour, lighting and noise change grey levels, and preprocess.contrast and whiten leave none; "
            "set preprocess.contrast=0 and preprocess.whiten=0, or leave those changes out"
        )
    pictures = _Measured(split, preprocess)
    mean_image = lighting = whitening_mean = whitening = None
    if preprocess.subtract == "pixel":
        mean_image = pictures.mean_image(mean_of_crops(augment))
    if augment.lighting:
        lighting = pictures.lighting()
    if preprocess.whiten:
        whitening_mean, whitening = pictures.whitening()
    if not (preprocess.mean and preprocess.std) and not standardised_whole(preprocess):
        mean, std = channel_statistics(split, preprocess)
        preprocess = dataclasses.replace(preprocess, mean=preprocess.mean or mean, std=preprocess.std or std)
    return preprocess, Statistics(mean_image, whitening_mean, whitening, lighting)


def channel_statistics(split: Split, preprocess: Preprocess) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, 0..1, over the prepared pictures of a (training) split.

    A channel that never changes is given deviation 1.
    """
    count, total, squares = 0, np.zeros(preprocess.channels), np.zeros(preprocess.channels)
    for batch in _Measured(split, preprocess).crops():
        values = batch.reshape(-1, preprocess.channels)
        histogram = np.stack([np.bincount(channel, minlength=256) for channel in values.T])
        count += len(values)
        total += histogram @ np.arange(256)
        squares += histogram @ np.arange(256) ** 2
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    std[std == 0] = 255
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def colour_axes(covariance: np.ndarray) -> np.ndarray:
    """AlexNet Sec. 4.1: principal components of the covariance of pixels in 0..1, each times its eigenvalue (C, C).

    The paper leaves the units open. In 0..1 its printed formula shifts an ImageNet picture by about three grey levels,
    in 0..255 by some 800, so the former is meant. The sign of a component means nothing and is fixed.
    """
    values, vectors = np.linalg.eigh(covariance)
    vectors = vectors * np.where(vectors.sum(0) < 0, -1, 1)
    axes: np.ndarray = (vectors * np.maximum(values, 0)).astype(np.float32)
    return axes


class _Measured:
    """The pictures of a split that statistics are taken of, in chunks."""

    def __init__(self, split: Split, preprocess: Preprocess) -> None:
        index = np.arange(len(split))
        if not isinstance(split.pictures, MemoryPictures):
            index = np.sort(permutation(0, 0, len(split))[:SAMPLES])
        self.pictures, self.preprocess, self.index = split.pictures, preprocess, index

    def whole(self) -> Iterator[list[np.ndarray]]:
        """Chunks of pictures (H, W, C), resized but not yet cropped."""
        for start in range(0, len(self.index), CHUNK):
            some = (self.pictures.load(int(i)) for i in self.index[start : start + CHUNK])
            yield [uncropped(to_channels(one, self.preprocess.channels), self.preprocess) for one in some]

    def crops(self) -> Iterator[np.ndarray]:
        """Chunks of their centre crops (N, size, size, C)."""
        size = self.preprocess.size
        for chunk in self.whole():
            yield np.stack([centre_crop(one[None], size)[0] for one in chunk])

    def same_size(self) -> Callable[[], Iterator[np.ndarray]]:
        """Whole pictures where they share one size, else their centre crops."""
        if len({one.shape for chunk in self.whole() for one in chunk}) > 1:
            return self.crops
        return lambda: (np.stack(chunk) for chunk in self.whole())

    def mean_image(self, of_crops: bool) -> np.ndarray:
        """The mean of every pixel, (H, W, C) in 0..255."""
        total = np.zeros(1)
        for chunk in self.crops() if of_crops else self.same_size()():
            total = total + chunk.sum(0, dtype=np.float64)
        mean: np.ndarray = (total / len(self.index)).astype(np.float32)
        return mean

    def lighting(self) -> np.ndarray:
        """The axes of the colours of all pixels."""
        channels = self.preprocess.channels
        count, total, products = 0, np.zeros(channels), np.zeros((channels, channels))
        for chunk in self.whole():
            for picture in chunk:
                pixels = picture.reshape(-1, channels).astype(np.float64) / 255
                count, total, products = count + len(pixels), total + pixels.sum(0), products + pixels.T @ pixels
        mean = total / count
        return colour_axes(products / count - np.outer(mean, mean))

    def whitening(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and ZCA matrix: covariance plus `whiten` on its diagonal, to the power of minus one half."""
        count, origin, total, products = 0, np.zeros(1), np.zeros(1), np.zeros((1, 1))
        for chunk in self.whole():
            shapes = {one.shape for one in chunk}
            dimensions = chunk[0].size
            if len(shapes) > 1 or dimensions > MOST_DIMENSIONS or (count and products.shape[0] != dimensions):
                found = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:2])
                raise UsageError(
                    f"preprocess.whiten: takes pictures of one size and at most {MOST_DIMENSIONS} values, not {found}; "
                    "resize them, or set preprocess.whiten=0"
                )
            flat = np.stack(chunk).reshape(len(chunk), -1).astype(np.float32)
            if self.preprocess.contrast:
                flat = normalise_contrast(flat, self.preprocess.contrast)
            if not count:
                origin = flat.mean(0)  # single precision loses small variances beside large means
            flat -= origin
            count, total = count + len(flat), total + flat.sum(0, dtype=np.float64)
            products = products + flat.T @ flat
        mean = total / count
        values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
        matrix = (vectors / np.sqrt(np.maximum(values, 0) + self.preprocess.whiten)) @ vectors.T
        return (origin + mean).astype(np.float32), matrix.astype(np.float32)
