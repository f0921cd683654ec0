"""The small frozen dataclasses that recipes are written in.

They hold numbers and names only, so they print as JSON, travel inside checkpoints, and are read without torch.
"""

from __future__ import annotations

from .pictures import RAW, Affine, Augment, Colour, Pairing, Policy, Preprocess
from .reading import flatten, from_dict, override, to_dict
from .recipe import (
    DIVISION,
    SGD,
    AdamW,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Optimizer,
    Plateau,
    Polynomial,
    Recipe,
    RMSProp,
    Schedule,
    Step,
    Warmup,
    division,
)

__all__ = [
    "DIVISION", "RAW", "SGD", "AdamW", "Affine", "Augment", "Colour", "Constant", "Cosine", "Exponential", "Linear",
    "OneCycle", "Optimizer", "Pairing", "Plateau", "Policy", "Polynomial", "Preprocess", "RMSProp", "Recipe",
    "Schedule", "Step", "Warmup", "division", "flatten", "from_dict", "override", "to_dict",
]  # fmt: skip
