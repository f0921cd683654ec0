"""The classic convolutional networks for image classification, exactly as their papers describe them.

    import convnets
    network = convnets.create_model("resnet20", num_classes=10)
    best = convnets.Predictor("runs/resnet20")("picture.jpg").classes[0]

Names are loaded when they are first used, so that importing the package does not import torch.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate.predictor import Prediction, Predictor
    from .models import describe, diff, list_models, with_auxiliary
    from .runs.create import create_model
    from .train.fit import fit

    load = Predictor

# Torch reads this when it first takes memory: large pages for large tensors spare a CPU a tenth of the training time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
__all__ = [
    "Prediction", "Predictor", "__version__", "create_model", "describe", "diff", "fit", "list_models", "load",
    "with_auxiliary",
]  # fmt: skip

_HOME = {
    "create_model": ("runs.create", "create_model"),
    "list_models": ("models", "list_models"),
    "describe": ("models", "describe"),
    "diff": ("models", "diff"),
    "with_auxiliary": ("models", "with_auxiliary"),
    "Predictor": ("evaluate.predictor", "Predictor"),
    "Prediction": ("evaluate.predictor", "Prediction"),
    "fit": ("train.fit", "fit"),
    "load": ("evaluate.predictor", "Predictor"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'convnets' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(importlib.import_module(f".{module}", __name__), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
