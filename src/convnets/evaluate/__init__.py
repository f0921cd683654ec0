"""Error rates of a network, predictions on pictures, and the drawings of both.

What needs torch is loaded when it is first used: to predict with an engine of its own takes none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .inputs import Picture
from .predictor import Prediction, Predictor, Ranked

if TYPE_CHECKING:
    from .evaluate import evaluate_network, evaluating
    from .metrics import ClassResult, Evaluation, Tally, wilson_interval
    from .micro_batch import Member
    from .multi_view import ProtocolResult, ensemble, evaluate_ensemble, evaluate_protocols

_HOME = {
    "evaluate": ("evaluate_network", "evaluating"),
    "metrics": ("ClassResult", "Evaluation", "Tally", "wilson_interval"),
    "micro_batch": ("Member",),
    "multi_view": ("ProtocolResult", "ensemble", "evaluate_ensemble", "evaluate_protocols"),
}
__all__ = [
    "ClassResult",
    "Evaluation",
    "Member",
    "Picture",
    "Prediction",
    "Predictor",
    "ProtocolResult",
    "Ranked",
    "Tally",
    "ensemble",
    "evaluate_ensemble",
    "evaluate_network",
    "evaluate_protocols",
    "evaluating",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module 'convnets.evaluate' has no attribute {name!r}")
