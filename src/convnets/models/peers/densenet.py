"""DenseNet as Keras and the authors' repository have it.

Departures
    1. The `_keras` networks have epsilon 1.001e-5 in their batch normalisation.
    2. The `_released` networks have a stem of twice the growth rate, as the authors' code has everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..densenet import VARIANTS as PAPER
from ..densenet import basic, cifar
from . import changed, epsilon

VARIANTS: dict[str, Any] = {
    **{f"densenet{depth}_keras": changed(PAPER[f"densenet{depth}"], epsilon(1.001e-5)) for depth in (121, 169, 201)},
    **{f"densenet_{depth}_{growth}_released": partial(cifar, basic, depth, growth, 2 * growth)
       for depth, growth in ((40, 12), (100, 12), (100, 24))},
}  # fmt: skip
