"""Stochastic depth as the authors' code has it.

Departures
    1. sd_resnet110_conv_bias has biases in its convolutions, 0 at first, of which the paper does not speak.
"""

from __future__ import annotations

from typing import Any

from ..stochastic_depth import VARIANTS as PAPER
from . import changed, with_biases

VARIANTS: dict[str, Any] = {"sd_resnet110_conv_bias": changed(PAPER["sd_resnet110"], with_biases)}
