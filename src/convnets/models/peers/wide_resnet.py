"""Wide ResNet in a size that torchvision trained.

Departures
    1. wrn_101_2 is a depth that the paper does not report.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..preact_resnet import DEPTHS
from ..wide_resnet import wrn_imagenet

VARIANTS: dict[str, Any] = {"wrn_101_2": partial(wrn_imagenet, DEPTHS[101])}
