"""DenseNet as Keras and the authors' repository have it.

Departures
    1. The `_keras` networks have epsilon 1.001e-5 in their batch normalisation.
    2. The `_released` networks have a stem of twice the growth rate, as the authors' code has everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..densenet import BASIC, cifar
from ..densenet import VARIANTS as PAPER
from . import changed, epsilon

KERAS_EPSILON = epsilon(1.001e-5)

VARIANTS: dict[str, Any] = {
    **{f"densenet{depth}_keras": changed(PAPER[f"densenet{depth}"], KERAS_EPSILON) for depth in (121, 169, 201)},
    **{f"densenet_{depth}_{k}_released": partial(cifar, 0, depth=depth, growth_rate=k) for depth, k in BASIC},
}
