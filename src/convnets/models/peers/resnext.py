"""ResNeXt in a size that torchvision trained.

Departures
    1. resnext101_32x8d is a combination of cardinality and width that the paper does not report.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..resnext import HUNDRED, resnext

VARIANTS: dict[str, Any] = {"resnext101_32x8d": partial(resnext, HUNDRED, 32, 8)}
