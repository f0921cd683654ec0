"""ResNet in the form of public weights, and as Keras has it.

Departures
    1. The `_split` networks put half of option A's zeros before the channels and half after, as the public CIFAR-10
       weights of akamaster/pytorch_resnet_cifar10 need.
    2. The `_keras` networks have a bias in every convolution.
    3. Their batch normalisation has epsilon 1.001e-5.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..resnet import VARIANTS as PAPER
from ..resnet import ZeroPad, basic, cifar
from . import changed, epsilon, with_biases


def split_zeros(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Departure 1."""
    extra = out_channels - in_channels
    return ZeroPad(extra // 2, extra - extra // 2, stride) if extra else nn.Identity()


split = partial(basic, shortcut=split_zeros)
KERAS = (with_biases, epsilon(1.001e-5))

VARIANTS: dict[str, Any] = {
    **{f"resnet{depth}_split": partial(cifar, split, depth) for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"resnet{depth}_keras": changed(PAPER[f"resnet{depth}"], *KERAS) for depth in (50, 101, 152)},
}
