"""Error rates of a network, predictions on pictures, and the drawings of both."""

from __future__ import annotations

from .evaluate import evaluate_network, evaluating
from .metrics import ClassResult, Evaluation, Tally, wilson_interval
from .micro_batch import Member
from .multi_view import ProtocolResult, ensemble, evaluate_ensemble, evaluate_protocols
from .predictor import Picture, Prediction, Predictor, Ranked

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
