"""ResNet in the form of public weights.

Departures
    1. The `_split` networks put half of option A's zeros before the channels and half after, as the public CIFAR-10
       weights of akamaster/pytorch_resnet_cifar10 need.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..resnet import basic, cifar, zero_pad

split = partial(basic, shortcut=partial(zero_pad, split=True))

VARIANTS: dict[str, Any] = {
    f"resnet{depth}_split": partial(cifar, split, depth) for depth in (20, 32, 44, 56, 110, 1202)
}
