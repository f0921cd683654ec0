"""What is measured on a split: errors with their intervals, loss, calibration, and who is taken for whom.

One rule decides ties everywhere: of equal logits the class with the lower index comes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import DIVERGED, DataError, DivergedError, UsageError

CALIBRATION_BINS = 15
Z_95 = 1.959963984540054


class ClassResult(NamedTuple):
    """One class of a split: `error` in percent, None where the split has no sample of the class."""

    name: str
    n: int
    correct: int
    error: float | None
    most_confused_with: str | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result on one split. Errors and intervals are in percent, `loss` is the mean negative log likelihood in nats.

    `calibration_error` is the expected difference in percent between the first guess's probability and its accuracy,
    over 15 bins of equal width. `confusion[t, p]` counts the samples of class t that were taken for class p. `bins` is
    what that difference is made of: for each bin the samples, the sum of their confidences, and how many are right.
    """

    n: int
    correct_top1: int
    correct_top5: int
    loss: float
    calibration_error: float
    confusion: np.ndarray
    bins: np.ndarray = field(default_factory=lambda: np.zeros((3, CALIBRATION_BINS)))

    @property
    def top1_error(self) -> float:
        """Share of samples whose first guess is wrong."""
        return 100 * (self.n - self.correct_top1) / self.n

    @property
    def top5_error(self) -> float:
        """Share of samples whose class is not among the first five guesses (among all, with fewer classes)."""
        return 100 * (self.n - self.correct_top5) / self.n

    @property
    def top1_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the top-1 error."""
        return wilson_interval(self.n - self.correct_top1, self.n)

    @property
    def top5_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the top-5 error."""
        return wilson_interval(self.n - self.correct_top5, self.n)

    def per_class(self, classes: Sequence[str]) -> list[ClassResult]:
        """One result for each class, in class order; raises UsageError where the names are not as many as classes."""
        if len(classes) != len(self.confusion):
            raise UsageError(f"{len(classes)} class names for {len(self.confusion)} classes; give one name for each")
        return [_class_result(index, row, classes) for index, row in enumerate(self.confusion)]

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Everything but the confusion matrix, as plain JSON values."""
        return {
            "n": self.n,
            "unit": "percent",
            "correct_top1": self.correct_top1,
            "correct_top5": self.correct_top5,
            "top1_error": self.top1_error,
            "top1_interval": list(self.top1_interval),
            "top5_error": self.top5_error,
            "top5_interval": list(self.top5_interval),
            "loss": self.loss,
            "calibration_error": self.calibration_error,
            "classes": [result._asdict() for result in self.per_class(classes)],
        }


class Tally:
    """Counts batches of logits (B, num_classes) against labels (B,), exactly: integers, and sums in float64."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.n = self.top1 = self.top5 = 0
        self.loss = 0.0
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.bins = torch.zeros(3, CALIBRATION_BINS, dtype=torch.float64)  # samples, sum of confidence, correct ones

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Count one batch. Raises DivergedError for NaN or infinite logits, DataError for a label out of range."""
        logits, labels = logits.detach().cpu().double(), labels.detach().cpu().long()
        self._check(logits, labels)
        log_probabilities = logits.log_softmax(1)
        confidence, guess = log_probabilities.exp().amax(1), first_of_largest(logits)
        own = logits.gather(1, labels[:, None])
        before = torch.arange(self.num_classes) < labels[:, None]
        rank = ((logits > own) | ((logits == own) & before)).sum(1)
        correct = rank == 0
        self.n += len(labels)
        self.top1 += int(correct.sum())
        self.top5 += int((rank < min(5, self.num_classes)).sum())
        self.loss -= float(log_probabilities.gather(1, labels[:, None]).sum())
        cells = labels * self.num_classes + guess
        self.confusion += torch.bincount(cells, minlength=self.num_classes**2).view_as(self.confusion)
        bins = (confidence * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
        self.bins.index_add_(1, bins, torch.stack([torch.ones_like(confidence), confidence, correct.double()]))

    def result(self) -> Evaluation:
        """What was counted so far; raises DataError where that is nothing."""
        if not self.n:
            raise DataError("nothing to evaluate: the split has no pictures; choose another --split or --data")
        _, confidence, correct = self.bins
        return Evaluation(
            n=self.n,
            correct_top1=self.top1,
            correct_top5=self.top5,
            loss=self.loss / self.n,
            calibration_error=100 * float((confidence - correct).abs().sum()) / self.n,
            confusion=self.confusion.numpy().copy(),
            bins=self.bins.numpy().copy(),
        )

    def _check(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        if logits.shape != (len(labels), self.num_classes):
            raise UsageError(
                f"logits of shape {tuple(logits.shape)} for {len(labels)} labels of {self.num_classes} classes; "
                f"the network must give one logit for each class"
            )
        check_finite(logits)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.num_classes:
            raise DataError(f"a label lies outside 0..{self.num_classes - 1}; data and network have other classes")


def check_finite(logits: torch.Tensor) -> None:
    """Raise DivergedError for NaN or infinite logits."""
    if not logits.isfinite().all():
        raise DivergedError(DIVERGED)


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval, in percent, of a share of which `hits` of `n` were seen (Wilson 1927)."""
    share, z = hits / n, Z_95
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return (0.0 if hits == 0 else 100 * low, 100.0 if hits == n else 100 * high)


def first_of_largest(logits: torch.Tensor) -> torch.Tensor:
    """The index of the largest logit in each row, of equal ones the lowest (which argmax leaves open)."""
    return (logits == logits.amax(1, keepdim=True)).int().cumsum(1).eq(0).sum(1)


def _class_result(index: int, row: np.ndarray, classes: Sequence[str]) -> ClassResult:
    n, correct = int(row.sum()), int(row[index])
    wrong = row.copy()
    wrong[index] = 0
    confused = classes[int(wrong.argmax())] if wrong.any() else None
    return ClassResult(classes[index], n, correct, 100 * (n - correct) / n if n else None, confused)
