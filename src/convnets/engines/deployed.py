"""A trained network as one function from pictures to logits: what every engine runs and every exported file holds.

It is made of torch's own operations, so that one definition serves eager mode, the compiler, and the exporters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ..data.augment import MAX_ASPECT
from ..data.statistics import Statistics, standardised_whole
from ..errors import UsageError
from ..network import Network
from ..spec import Preprocess
from .about import About, Form

BITS = 22  # Pillow rounds the weights of its filters to so many binary places, and a picture after each direction


class Deployed(nn.Module):
    """Pictures (N, H, W, C) in the given form (see `about.Form`) to logits (N, num_classes)."""

    def __init__(self, network: Network, preprocess: Preprocess, statistics: Statistics, form: Form) -> None:
        super().__init__()
        self.front = nn.Sequential()
        if form == "pictures":
            self.front.append(ResizedCrop(preprocess))
        if form == "whole":
            self.front.append(Standardise(preprocess, statistics))
            self.front.append(Middle(preprocess.size))
        elif form != "standardised":
            self.front.append(Normalise(preprocess, network.in_channels, statistics.mean_image))
        self.network = folded(network)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(self.front(pictures.permute(0, 3, 1, 2)))
        return logits.flatten(1)


class Normalise(nn.Module):
    """Crops of grey levels (N, C, H, W) less the mean, or the middle of the mean image, over the deviation."""

    shift: Tensor
    scale: Tensor

    def __init__(self, preprocess: Preprocess, channels: int, image: np.ndarray | None) -> None:
        super().__init__()
        mean, std = preprocess.mean or (0.0,) * channels, preprocess.std or (1.0,) * channels
        shift = torch.tensor(mean).mul_(255).view(-1, 1, 1)
        if image is not None:
            shift = Middle(preprocess.size)(torch.from_numpy(image).permute(2, 0, 1)).contiguous()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", torch.tensor(std).mul_(255).reciprocal_().view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self.shift) * self.scale


class Standardise(nn.Module):
    """Whole pictures (N, C, H, W) less the mean image, or contrast-normalised and whitened, as `data.standardise`."""

    def __init__(self, preprocess: Preprocess, statistics: Statistics) -> None:
        super().__init__()
        self.contrast = preprocess.contrast
        self.whole = standardised_whole(preprocess)
        tensors = statistics.tensors()
        image = tensors.get("mean_image", torch.zeros(1, 1, preprocess.channels))
        std = preprocess.std or (1.0,) * preprocess.channels
        self.register_buffer("image", image)
        self.register_buffer("scale", torch.tensor(std).mul_(255).reciprocal_())
        self.register_buffer("mean", tensors.get("whitening_mean"))
        self.register_buffer("whitening", tensors.get("whitening"))

    def forward(self, images: Tensor) -> Tensor:
        levels = images.permute(0, 2, 3, 1).to(torch.float32)
        if not self.whole:
            return ((levels - self.image) * self.scale).permute(0, 3, 1, 2)  # type: ignore[operator]
        flat = levels.flatten(1)
        if self.contrast:
            flat = flat - flat.mean(1, keepdim=True)
            length = flat.square().sum(1, keepdim=True).sqrt()
            flat = flat * torch.where(length > 0.5, self.contrast / length.clamp(min=0.5), torch.ones_like(length))
        if self.whitening is not None:
            flat = (flat - self.mean) @ self.whitening  # type: ignore[operator]
        return flat.view(levels.shape).permute(0, 3, 1, 2)


class Middle(nn.Module):
    """The middle size x size of pictures (N, C, H, W) that are no smaller."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        top, left = (round((side - self.size) / 2) for side in images.shape[-2:])
        return images[..., top : top + self.size, left : left + self.size]


class ResizedCrop(nn.Module):
    """The centre crop of resized pictures, uint8 (N, C, H, W), pixel for pixel as Pillow resizes.

    Only what the crop keeps is computed: for each direction a matrix of the filter's weights, whose products with grey
    levels are whole numbers below 2^53, so that doubles hold them exactly.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        assert preprocess.resize is not None
        self.resize, self.size, self.centre = preprocess.resize, preprocess.size, preprocess.centre
        self.filter = preprocess.interpolation

    def forward(self, images: Tensor) -> Tensor:
        height, width = (torch.full((), side, dtype=torch.float64) for side in images.shape[-2:])
        shorter = torch.minimum(height, width)
        levels = images.to(torch.float64)
        levels = rounded(levels @ self.weights(width, shorter, images.shape[-1]).t())
        return rounded(self.weights(height, shorter, images.shape[-2]) @ levels)

    def weights(self, side: Tensor, shorter: Tensor, length: int) -> Tensor:
        """(size, length): how much of each source pixel is in each pixel of the crop, in units of 2^-BITS."""
        whole, side = side, torch.minimum(side, MAX_ASPECT * shorter)  # of a longer one only the middle counts
        before = torch.floor((whole - side) / 2)
        target = torch.floor((self.resize * side + 0.5) / shorter)  # half a pixel more: no quotient lies on the edge
        start = middle(target, self.size) if self.centre is None else middle(target, self.centre)
        if self.centre is not None:
            start = start + round((self.centre - self.size) / 2)
        # in Pillow's own order of operations, so that doubles are rounded as its are
        scale = side / target
        stretch = scale.clamp(min=1.0)
        kernel, reach = FILTERS[self.filter]
        centre = ((torch.arange(self.size, dtype=torch.float64) + start + 0.5) * scale)[:, None]
        source = torch.arange(length, dtype=torch.float64) - before
        share = kernel((source - centre + 0.5) * (1 / stretch))
        first, last = (torch.floor(centre + sign * reach * stretch + 0.5) for sign in (-1, 1))
        share = torch.where((source >= first.clamp(min=0)) & (source < torch.minimum(last, side)), share, 0.0)
        share = share / share.sum(1, keepdim=True)
        return torch.floor(share * 2.0**BITS + 0.5)


def middle(side: Tensor, size: int) -> Tensor:
    """Where the middle `size` of `side` begins; half pixels go to the even side."""
    return torch.round((side - size) / 2)


def rounded(sums: Tensor) -> Tensor:
    """Sums in units of 2^-BITS as grey levels."""
    return torch.floor(sums / 2.0**BITS + 0.5).clamp(0, 255)


def _triangle(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)


def _cubic(distance: Tensor) -> Tensor:
    """Keys' cubic with a = -1/2."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _box(distance: Tensor) -> Tensor:
    return ((distance > -0.5) & (distance <= 0.5)).to(distance.dtype)


FILTERS = {"bilinear": (_triangle, 1.0), "bicubic": (_cubic, 2.0), "area": (_box, 0.5)}  # and how far they reach


def whole_side(preprocess: Preprocess, statistics: Statistics) -> tuple[int, int]:
    """(H, W) of the pictures that are standardised before their crop. Raises UsageError where they have none."""
    if statistics.mean_image is not None and not standardised_whole(preprocess):
        return statistics.mean_image.shape[0], statistics.mean_image.shape[1]
    if statistics.whitening is not None:
        side = round((len(statistics.whitening) / preprocess.channels) ** 0.5)
        if side * side * preprocess.channels != len(statistics.whitening):
            raise UsageError("pictures that are whitened and not square cannot be part of an exported file")
        return side, side
    side = preprocess.resize or preprocess.size
    return side, side


def folded(network: nn.Module) -> nn.Sequential:
    """A copy in evaluation mode, on the CPU, as a flat sequence, batch normalisations inside the layers before them.

    Other modules than sequences keep their form, and their children are folded alike.
    """
    return nn.Sequential(*_fold(copy.deepcopy(network).cpu().eval()))


def _fold(module: nn.Module) -> list[nn.Module]:
    """The steps of a sequence; of anything else itself, with its children folded."""
    if not is_sequence(module):
        for name, child in module.named_children():
            setattr(module, name, _as_one(_fold(child)))
        return [module]
    steps: list[nn.Module] = []
    for step in _steps(module):
        before = steps[-1] if steps else None
        if isinstance(step, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            steps[-1] = fuse_conv_bn_eval(before, step)
        elif isinstance(step, nn.BatchNorm1d) and isinstance(before, nn.Linear):
            steps[-1] = fuse_linear_bn_eval(before, step)
        elif not isinstance(step, nn.Identity | nn.Dropout):
            steps.append(step)
    return steps


def _steps(sequence: nn.Module) -> Iterator[nn.Module]:
    for child in sequence.children():
        yield from _steps(child) if is_sequence(child) else _fold(child)


def is_sequence(module: nn.Module) -> bool:
    """Whether it does nothing but call its children one after the other."""
    return isinstance(module, nn.Sequential) and type(module).forward in (nn.Sequential.forward, Network.forward)


def _as_one(steps: list[nn.Module]) -> nn.Module:
    return steps[0] if len(steps) == 1 else nn.Sequential(*steps)


def about_of(
    network: Network, classes: tuple[str, ...], preprocess: Preprocess, statistics: Statistics, form: Form
) -> About:
    """What a file of this network says of itself. Raises UsageError where its pictures do not fit the network."""
    network.check_input(preprocess.size, preprocess.size)
    side: tuple[int | None, int | None] = (preprocess.size, preprocess.size)
    if form == "pictures":
        side = (None, None)
    elif form == "whole":
        side = whole_side(preprocess, statistics)
    return About(network.name, network.overrides, classes, preprocess, form, side)
