"""From a loader's batch to the network's input, on its device: changes of shape and colour, normalisation, mixing.

Everything is done to whole batches, with one random number or more for each sample, drawn from (seed, epoch, sample)
alone. Only which picture a sample is mixed with depends on the batch: it is the batch in reverse.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import betaincinv, ndtri
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ..spec import Affine, Augment, Colour, Pairing, Preprocess
from .loader import Batch, normalise
from .policies import erase
from .randomness import uniform
from .resident import sent
from .statistics import Statistics

# draws of a sample; augment.py has those below 40
ROTATE, SHEAR, DOWN, RIGHT, ZOOM, BRIGHTNESS, CONTRAST, SATURATION, HUE, SHIFT, ORDER, LIGHT = range(40, 52)
CUT_TOP, CUT_LEFT, SHARE, WHICH, MIX_TOP, MIX_LEFT, NOISE = range(60, 67)  # LIGHT takes one for each channel
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (Rec. 601)


class Mixed(NamedTuple):
    """Pictures float32 (B, C, H, W), labels (B,); where two pictures share one, the other's label and the own share."""

    images: Tensor
    labels: Tensor
    partners: Tensor | None = None
    share: Tensor | None = None


class Draws:
    """Random numbers of a batch's samples, as columns on its device."""

    def __init__(self, seed: int, epoch: int, samples: np.ndarray, device: torch.device) -> None:
        self.seed, self.epoch, self.samples, self.device = seed, epoch, samples, device

    def uniform(self, draw: int) -> np.ndarray:
        """In [0, 1), one for each sample."""
        return uniform(self.seed, self.epoch, self.samples, draw)

    def between(self, draw: int, low: float, high: float) -> Tensor:
        """Uniform from `low` to `high`."""
        return self.column(low + self.uniform(draw) * (high - low))

    def column(self, values: np.ndarray) -> Tensor:
        """float32 (B, 1, 1, 1)."""
        return sent(torch.from_numpy(values.astype(np.float32)), self.device).view(-1, 1, 1, 1)


class Finish:
    """Makes a loader's training batches the network's input. What the recipe does not ask for costs nothing."""

    def __init__(self, preprocess: Preprocess, statistics: Statistics, augment: Augment, seed: int) -> None:
        self.preprocess, self.statistics, self.augment, self.seed = preprocess, statistics, augment, seed

    def __call__(self, batch: Batch, epoch: int, device: torch.device) -> Mixed:
        """Raises UsageError where erasing needs torchvision and it is not installed."""
        augment = self.augment
        draws = Draws(self.seed, epoch, batch.index, device)
        images = self._look(sent(batch.images, device), draws)
        labels = sent(batch.labels, device)
        if augment.erase:
            images = erase(images, augment.erase, self.seed, epoch, batch.index)
        if augment.cutout:
            down, right = (draws.column(draws.uniform(draw)) for draw in (CUT_TOP, CUT_LEFT))
            images = images * ~box(images, down, right, draws.column(np.full(len(labels), float(augment.cutout))))
        if is_on(augment.pairing, epoch):
            images = (images + images.flip(0)) / 2
        if augment.mixup or augment.cutmix:
            return mix(images, labels, augment, draws)
        return Mixed(images, labels)

    def _look(self, images: Tensor, draws: Draws) -> Tensor:
        """Shape, colour and noise in grey levels, then normalisation, which some pictures have behind them already."""
        augment, levels = self.augment, not images.is_floating_point()
        if augment.affine != Affine():
            images = transform(images.float(), augment.affine, draws)
        if levels and augment.colour != Colour():
            images = recolour(images.float(), augment.colour, draws)
        if levels:
            images = normalise(images, self.preprocess, self.statistics, standardised=False)
        added = self._added(images, draws)
        return images if added is None else images + added * self._unit(images)

    def _added(self, images: Tensor, draws: Draws) -> Tensor | None:
        """Lighting and noise, in grey levels; None for neither."""
        added = None
        if self.augment.lighting and self.statistics.lighting is not None:
            added = lighting(self.statistics.lighting, self.augment.lighting, draws)
        if self.augment.noise:
            noisy = noise(images, self.augment.noise, draws)
            added = noisy if added is None else added + noisy
        return added

    def _unit(self, images: Tensor) -> Tensor:
        """What one grey level is after normalisation, by channel."""
        std = self.preprocess.std or (1.0,) * images.shape[1]
        return sent(torch.tensor(std).mul(255).reciprocal().view(1, -1, 1, 1), images.device)


def transform(images: Tensor, affine: Affine, draws: Draws) -> Tensor:
    """Rotated, sheared, zoomed and moved around the centre (B, C, H, W), bilinear, black where nothing was."""
    angle = draws.between(ROTATE, -affine.rotate, affine.rotate).flatten().deg2rad()
    shear = draws.between(SHEAR, -affine.shear, affine.shear).flatten().deg2rad().tan()
    zoom = draws.between(ZOOM, 1 - affine.zoom, 1 + affine.zoom).flatten()
    # affine_grid maps places of the result to places of the picture, in halves of its sides
    right, down = (2 * draws.between(draw, -affine.translate, affine.translate).flatten() for draw in (RIGHT, DOWN))
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    ratio = images.shape[2] / images.shape[3]
    rows = torch.stack([cos, (cos * shear + sin) * ratio, right, -sin / ratio, cos - sin * shear, down], 1)
    grid = affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False).contiguous(memory_format=torch.channels_last)


def recolour(images: Tensor, colour: Colour, draws: Draws) -> Tensor:
    """Photometric distortion of RGB or grey pictures in 0..255, each sample's parts in an order of its own."""
    parts = [part for part, amount in PARTS.items() if getattr(colour, amount)]
    strengths = [_strength(part, colour, draws) for part in parts]
    orders = np.array(list(permutations(range(len(parts)))))
    order = orders[(draws.uniform(ORDER) * len(orders)).astype(int)]  # (B, parts)
    images = images.clone()
    for turn, number in product(range(len(parts)), range(len(parts))):
        rows = sent(torch.from_numpy(np.flatnonzero(order[:, turn] == number)), images.device)
        images[rows] = parts[number](images[rows], strengths[number][rows]).clamp(0, 255)
    return images


def brighten(images: Tensor, factor: Tensor) -> Tensor:
    """Towards black, or away from it."""
    return images * factor


def sharpen_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Towards the picture's mean grey, or away from it."""
    return torch.lerp(grey(images).mean((2, 3), keepdim=True).expand_as(images), images, factor)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """Towards grey, or away from it."""
    return torch.lerp(grey(images).expand_as(images), images, factor)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """The hue turned by this share of the circle; lightness (value) and saturation stay. Grey pictures have none."""
    if images.shape[1] != 3:
        return images
    red, green, blue = images.unbind(1)
    value, lowest = images.amax(1), images.amin(1)
    span = value - lowest
    safe = span.clamp_min(1e-6)
    towards_green, towards_blue = 2 + (blue - red) / safe, 4 + (red - green) / safe
    others = torch.where(value == green, towards_green, towards_blue)
    sixth = torch.where(value == red, (green - blue) / safe, others)
    hue = sixth / 6 + turn.view(-1, 1, 1)
    # how far each channel is below the value: the distance of its own sixths from the hue
    channels = []
    for offset in (5, 3, 1):
        k = (offset + 6 * hue) % 6
        channels.append(value - span * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, 1).contiguous(memory_format=torch.channels_last)


def shift_levels(images: Tensor, levels: Tensor) -> Tensor:
    """All pixels by so many grey levels."""
    return images + levels


PARTS = {
    brighten: "brightness", sharpen_contrast: "contrast", saturate: "saturation", turn_hue: "hue",
    shift_levels: "shift",
}  # fmt: skip
DRAWN = {"brightness": BRIGHTNESS, "contrast": CONTRAST, "saturation": SATURATION, "hue": HUE, "shift": SHIFT}


def _strength(part: object, colour: Colour, draws: Draws) -> Tensor:
    name = PARTS[part]  # type: ignore[index]
    amount = getattr(colour, name)
    centre = 0.0 if name in ("hue", "shift") else 1.0
    return draws.between(DRAWN[name], centre - amount, centre + amount)


def grey(images: Tensor) -> Tensor:
    """(B, 1, H, W): luma of RGB, or the only channel."""
    if images.shape[1] != 3:
        return images
    weights = sent(torch.tensor(LUMA, dtype=images.dtype).view(1, 3, 1, 1), images.device)
    return (images * weights).sum(1, keepdim=True)


def lighting(axes: np.ndarray, deviation: float, draws: Draws) -> Tensor:
    """AlexNet Sec. 4.1: a shift (B, C, 1, 1) in grey levels along the principal components of colour."""
    drawn = np.stack([draws.uniform(LIGHT + channel) for channel in range(len(axes))], 1)
    shift = 255 * (deviation * ndtri(np.maximum(drawn, 2.0**-54))) @ axes.T
    return sent(torch.from_numpy(shift.astype(np.float32)), draws.device)[:, :, None, None]


def noise(images: Tensor, deviation: float, draws: Draws) -> Tensor:
    """Gaussian noise in grey levels, its own for every pixel and channel; drawn on the CPU, the same for any device."""
    seeds = (draws.uniform(NOISE) * 2**53).astype(np.int64).tolist()
    shape = images.shape[1:]
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return deviation * sent(torch.stack(drawn), draws.device)


def is_on(pairing: Pairing, epoch: int) -> bool:
    """Whether SamplePairing is on in this epoch: in turns from its begin to its end."""
    if not pairing.begin <= epoch < pairing.end:
        return False
    return (epoch - pairing.begin) % (pairing.on + pairing.off) < pairing.on


def box(images: Tensor, down: Tensor, right: Tensor, side: Tensor, wide: Tensor | None = None) -> Tensor:
    """A mask (B, 1, H, W), true in a box of `side` x `wide` pixels cut off at the picture's edges.

    Its centre lies at a pixel, these shares of the picture down and to the right.
    """
    height, width = images.shape[2:]
    wide = side if wide is None else wide
    rows = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    top, left = (down * height).floor() - (side / 2).floor(), (right * width).floor() - (wide / 2).floor()
    return (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + wide)


def mix(images: Tensor, labels: Tensor, augment: Augment, draws: Draws) -> Mixed:
    """Mixup or CutMix with the batch in reverse, each sample with a share of its own from Beta(alpha, alpha).

    CutMix cuts a box of the partner's share out, with the picture's proportions; its own share is what is then left.
    """
    cuts = draws.uniform(WHICH) < (0.5 if augment.mixup else 1.0) if augment.cutmix else np.zeros(len(labels), bool)
    alpha = np.where(cuts, augment.cutmix, augment.mixup)
    own = betaincinv(alpha, alpha, draws.uniform(SHARE))
    share, partners = draws.column(own), images.flip(0)
    high, wide = (draws.column(np.floor(side * np.sqrt(1 - own))) for side in images.shape[2:])
    down, right = (draws.column(draws.uniform(draw)) for draw in (MIX_TOP, MIX_LEFT))
    cut = box(images, down, right, high, wide)
    is_cut = draws.column(cuts).bool()
    mixed = torch.where(is_cut, torch.where(cut, partners, images), torch.lerp(partners, images, share))
    left = 1 - cut.float().mean((1, 2, 3), keepdim=True)
    return Mixed(mixed, labels, labels.flip(0), torch.where(is_cut, left, share).flatten())
