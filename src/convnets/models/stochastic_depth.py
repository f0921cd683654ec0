"""Stochastic depth. Huang, Sun, Liu, Sedra, Weinberger: Deep Networks with Stochastic Depth, ECCV 2016,
arXiv:1603.09382.

Paper map    Eq. 2 and 5: Stochastic, in training and in test.   Eq. 4: survival_probabilities, linear decay or uniform.
             Sec. 4: pooled, the shortcut where the map changes; cifar; imagenet (third version of the report).
Readings     A block is dropped for a whole mini-batch, as in the authors' code: it is not computed, and its batch
             statistics and gradients stay as they are. All blocks can be dropped, those that halve the map too. The
             draws come from torch's CPU generator, on any device. The network for SVHN is the CIFAR one with 152
             layers; the one for ImageNet has the bottlenecks of the code it was built on, which stride their 3x3. The
             pooling takes what is there at the edge of an odd map. The paper does not say how weights are drawn; they
             are He's, as for ResNet.
Departures   None.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import Residual, choose, stack
from ..network import Network
from . import resnet
from .resnet import DEPTHS, Shortcut, ZeroPad, projection, three_convs, two_convs


class Stochastic(Residual):
    """after(b * body(x) + shortcut(x)): b is drawn in training, and is the survival probability in test."""

    def __init__(self, survival: float, body: nn.Module, shortcut: nn.Module, out_channels: int) -> None:
        super().__init__(body, shortcut, out_channels)
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        y = self.shortcut(x)
        if not self.training:
            y = self.survival * self.body(x) + y
        elif torch.rand((), device="cpu").item() < self.survival:
            y = self.body(x) + y
        result: Tensor = self.after(y)
        return result

    def extra_repr(self) -> str:
        return f"survival={self.survival:g}"


def survival_probabilities(decay: str, last: float, blocks: int) -> list[float]:
    """Eq. 4: p_l = 1 - l / L * (1 - p_L) for l = 1 to L, or p_L for all."""
    linear = [1 - number / blocks * (1 - last) for number in range(1, blocks + 1)]
    return choose("decay", decay, {"linear": linear, "uniform": [last] * blocks})


def pooled(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option A with 2x2 average pooling for every second row and column."""
    if in_channels == out_channels:
        return nn.Identity()
    pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
    return stack(pool=pool, pad=ZeroPad(0, out_channels - in_channels, 1))


def cifar(
    depth: int, *, survival: float = 0.5, decay: str = "linear", num_classes: int = 10, in_channels: int = 3
) -> Network:
    """ResNet for CIFAR; the last block survives with probability `survival`. (N, 3, 32, 32) to (N, num_classes)."""
    chances = iter(survival_probabilities(decay, survival, (depth - 2) // 2))

    def block(channels: int, width: int, stride: int) -> Stochastic:
        return Stochastic(next(chances), two_convs(channels, width, stride), pooled(channels, width, stride), width)

    return resnet.cifar(block, depth, num_classes=num_classes, in_channels=in_channels)


def imagenet(
    depths: tuple[int, ...], shortcut: Shortcut = projection, *, survival: float = 0.5, decay: str = "linear",
    num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """ResNet for ImageNet. (N, 3, 224, 224) to (N, num_classes)."""
    chances = iter(survival_probabilities(decay, survival, sum(depths)))

    def block(channels: int, width: int, stride: int) -> Stochastic:
        body = three_convs(channels, width, 1, stride)
        return Stochastic(next(chances), body, shortcut(channels, 4 * width, stride), 4 * width)

    return resnet.imagenet(block, depths, num_classes=num_classes, in_channels=in_channels)


VARIANTS: dict[str, Any] = {
    "sd_resnet110": partial(cifar, 110),
    "sd_resnet152_svhn": partial(cifar, 152),
    "sd_resnet1202": partial(cifar, 1202),
    "sd_resnet152_imagenet": partial(imagenet, DEPTHS[152]),
}
