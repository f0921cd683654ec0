"""Xception as timm has it.

Departures
    1. xception_timm pads its poolings by one pixel on every side, where TensorFlow, which made the weights, pads an
       even map only below and to the right.
    2. Its epsilon is 1e-5.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..xception import residual, xception
from . import changed, epsilon

padded_pool = partial(nn.MaxPool2d, 3, 2, 1)

VARIANTS: dict[str, Any] = {"xception_timm": changed(partial(xception, residual, (), padded_pool), epsilon(1e-5))}
