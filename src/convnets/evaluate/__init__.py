"""Error rates of a network, predictions on pictures, and the drawings of both."""

from __future__ import annotations

from .evaluate import evaluate_network, evaluating
from .metrics import ClassResult, Evaluation, Tally, wilson_interval
from .predictor import Picture, Prediction, Predictor, Ranked

__all__ = [
    "ClassResult",
    "Evaluation",
    "Picture",
    "Prediction",
    "Predictor",
    "Ranked",
    "Tally",
    "evaluate_network",
    "evaluating",
    "wilson_interval",
]
