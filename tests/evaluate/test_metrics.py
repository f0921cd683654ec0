"""Every measure against scikit-learn or numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss, top_k_accuracy_score

from convnets.errors import DataError, DivergedError, UsageError
from convnets.evaluate.metrics import Evaluation, Tally, first_of_largest, wilson_interval


def tally(logits: torch.Tensor, labels: torch.Tensor, batch: int = 1000) -> Evaluation:
    counted = Tally(logits.shape[1])
    for start in range(0, len(labels), batch):
        counted.update(logits[start : start + batch], labels[start : start + batch])
    return counted.result()


@pytest.fixture(scope="module")
def scores() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(12, (700,), generator=generator)
    logits = torch.randn(700, 12, generator=generator)
    logits[torch.arange(700), labels] += 1.2
    return logits, labels


def test_agrees_with_sklearn(scores: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, labels = scores
    result = tally(logits, labels, batch=64)
    probabilities = logits.double().softmax(1).numpy()
    assert result.n == 700
    assert result.top1_error == pytest.approx(100 * (1 - (logits.argmax(1) == labels).double().mean().item()))
    assert result.top5_error == pytest.approx(100 * (1 - top_k_accuracy_score(labels, probabilities, k=5)))
    assert result.loss == pytest.approx(log_loss(labels, probabilities, labels=range(12)), rel=1e-9)
    assert (result.confusion == confusion_matrix(labels, logits.argmax(1), labels=range(12))).all()
    assert np.trace(result.confusion) == result.correct_top1


def test_is_the_same_however_the_samples_are_batched(scores: tuple[torch.Tensor, torch.Tensor]) -> None:
    whole, parts = tally(*scores), tally(*scores, batch=7)
    assert (whole.correct_top1, whole.correct_top5) == (parts.correct_top1, parts.correct_top5)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    assert parts.calibration_error == pytest.approx(whole.calibration_error, rel=1e-12)


def test_calibration_error_by_hand() -> None:
    # Two samples at confidence 0.9 of which one is right, two at 0.6 of which both are:
    # (|0.9 - 0.5| * 2 + |0.6 - 1.0| * 2) / 4 = 40 %.
    logits = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]).log()
    assert tally(logits, torch.tensor([0, 1, 0, 1])).calibration_error == pytest.approx(40.0, abs=1e-4)


def test_calibration_error_by_bins() -> None:
    """Fifteen bins (k/15, (k+1)/15], here filled from the lowest confidence that forty classes allow."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(3000, 40, generator=generator).double() * torch.linspace(0.01, 4, 3000)[:, None]
    labels = torch.randint(40, (3000,), generator=generator)
    confidence, guess = logits.softmax(1).max(1)
    labels = torch.where(confidence < 1 / 15, guess, labels)  # else its bin and the next err in the same direction
    bins = np.digitize(confidence.numpy(), np.linspace(0, 1, 16), right=True)
    gaps = (confidence - (guess == labels).double()).numpy()
    expected = 100 * sum(abs(gaps[bins == b].sum()) for b in np.unique(bins)) / 3000
    assert len(np.unique(bins)) == 15
    assert tally(logits, labels).calibration_error == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 27.75), (10, 10, 72.25, 100.0), (1, 10, 1.79, 40.42), (81, 263, 25.53, 36.62)],
)
def test_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    """The last: Newcombe 1998, Table I, method 3 (0.2553 to 0.3662)."""
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=0.006)


def test_ties_go_to_the_lower_index() -> None:
    tied = torch.zeros(7, 7)
    result = tally(tied, torch.arange(7))
    assert result.correct_top1 == 1
    assert result.correct_top5 == 5
    assert (result.confusion[:, 0] == 1).all()
    assert first_of_largest(torch.tensor([[1.0, 3.0, 3.0], [2.0, 1.0, 2.0], [0.0, 0.0, 1.0]])).tolist() == [1, 0, 2]


@pytest.mark.parametrize("num_classes", [2, 5])
def test_top5_of_few_classes_is_never_wrong(num_classes: int) -> None:
    result = tally(torch.randn(20, num_classes), torch.arange(20) % num_classes)
    assert result.top5_error == 0.0
    assert result.top5_interval[0] == 0.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nonfinite_logits_are_refused(bad: float) -> None:
    with pytest.raises(DivergedError, match="NaN or infinite"):
        tally(torch.tensor([[0.0, bad]]), torch.tensor([0]))


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(DataError, match="no pictures"):
        Tally(3).result()
    with pytest.raises(DataError, match=r"outside 0\.\.2"):
        tally(torch.zeros(1, 3), torch.tensor([3]))
    with pytest.raises(UsageError, match="logits of shape"):
        Tally(3).update(torch.zeros(2, 4), torch.tensor([0, 1]))


def test_per_class_and_json() -> None:
    logits = torch.eye(4)[[0, 0, 1, 1, 1, 2]] * 3
    result = tally(logits, torch.tensor([0, 0, 0, 1, 1, 1]))
    first, second, third, absent = result.per_class(["ant", "bee", "cat", "dog"])
    assert first == ("ant", 3, 2, pytest.approx(100 / 3), "bee")
    assert second == ("bee", 3, 2, pytest.approx(100 / 3), "cat")
    assert third == absent._replace(name="cat") == ("cat", 0, 0, None, None)
    values = json.loads(json.dumps(result.to_json(["ant", "bee", "cat", "dog"])))
    assert values["unit"] == "percent"
    assert values["correct_top1"] == 4
    assert values["top1_error"] == pytest.approx(100 / 3)
    assert values["top1_interval"][0] < values["top1_error"] < values["top1_interval"][1]
    assert values["classes"][0]["most_confused_with"] == "bee"
    with pytest.raises(UsageError, match="3 class names for 4 classes"):
        result.per_class(["a", "b", "c"])
