"""A linear classifier on what a trained network sees: one pass over the data, then a logistic regression.

The result is a run like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import CheckpointError, UsageError
from ..evaluate import Evaluation, Tally
from ..evaluate.features import FEATURES, Eye, remembered
from ..network import Network
from ..runs import RunFolder
from ..runs.folder import BEST
from .machine import Machine
from .plan import Plan, Request, make_plan
from .run import describe_run

STRENGTHS = tuple(10.0**power for power in range(-4, 3))  # scikit-learn's C: the inverse of the weight decay
FOLDS, FEWEST_IN_FOLDS, MOST_IN_FOLDS = 5, 500, 5000  # pictures that the strength is chosen on
NUMBERS = 2e8  # that they may come to, times the classes: a fit takes time in proportion


@dataclass(frozen=True)
class Probed:
    """A row's features: how long they are, the strength chosen, and accuracies in percent (None: no such split)."""

    row: str
    length: int
    strength: float
    cross_validated: float | None
    validation: float | None


@dataclass(frozen=True)
class Linear:
    """Logits = weight @ features + bias."""

    weight: np.ndarray
    bias: np.ndarray

    def evaluation(self, features: np.ndarray, labels: np.ndarray) -> Evaluation:
        """How good it is on features (N, D), which need not be computed again for that."""
        tally = Tally(len(self.bias))
        tally.update(torch.from_numpy(features @ self.weight.T + self.bias), torch.from_numpy(labels))
        return tally.result()


def probe(request: Request, machine: Machine, out: str | None = None) -> tuple[RunFolder, Probed, Evaluation | None]:
    """Fit a new classifier to the trained network that `request.weights` names, and save both as a run.

    Also what was chosen, and the errors on the validation split where there is one.
    """
    RunFolder.check_out(out)
    plan = _plan(request)
    network = plan.network().to(machine.device)
    if not can_be_probed(network):
        raise UsageError(f"{network.name}: what follows its classifier is no logistic regression; fine-tune it instead")
    result, linear, evaluation = _probed(plan, network, machine, [FEATURES])[FEATURES]
    _put_in(network, linear)
    folder = RunFolder.create(f"{plan.name}-probe", out)
    error = None if evaluation is None else evaluation.top1_error
    probed = {"strength": result.strength, "features": result.length, "error": error}
    described = describe_run(plan, machine) | {"probe": probed}
    folder.write_run(described)
    folder.save(BEST, {f"model.{name}": tensor for name, tensor in network.state_dict().items()}, described)
    return folder, result, evaluation


def compare_rows(request: Request, machine: Machine, rows: Sequence[str]) -> list[Probed]:
    """How well a classifier does on the mean features of each of these rows; nothing is saved."""
    plan = _plan(request)
    network = plan.network().to(machine.device)
    return [result for result, *_ in _probed(plan, network, machine, rows).values()]


def _plan(request: Request) -> Plan:
    if request.weights is None:
        raise UsageError("a probe looks at what trained weights see; give --weights W")
    return make_plan(request)


def _probed(
    plan: Plan, network: Network, machine: Machine, rows: Sequence[str]
) -> dict[str, tuple[Probed, Linear, Evaluation | None]]:
    """For each row the classifier on its features, and how good it is."""
    train, val = plan.source.splits["train"], plan.source.splits.get("val")
    eye = Eye(network, plan.recipe.preprocess, plan.statistics, machine.device, machine.loaders(train))
    features = remembered(eye, train, rows)
    held_out = remembered(eye, val, rows) if val is not None else {}
    found = {}
    for row in rows:
        linear, strength, score = fit(features[row], train.labels, len(plan.source.classes), plan.recipe.seed)
        held = linear.evaluation(held_out[row], val.labels) if val is not None else None
        right = None if held is None else 100 - held.top1_error
        found[row] = Probed(row, features[row].shape[1], strength, score, right), linear, held
    return found


def fit(features: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0) -> tuple[Linear, float, float | None]:
    """The regularised logistic regression on features (N, D), its strength, and the accuracy that chose it (percent).

    The strength is the best of `STRENGTHS` by cross-validation, tried from the smallest on; of classes with a single
    picture there is none.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
    from threadpoolctl import threadpool_limits

    if not np.isfinite(features).all():
        raise CheckpointError("what the network sees is NaN or infinite; its weights are of no use for a probe")
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    deviation[deviation < 1e-6 * max(1e-12, deviation.max())] = np.inf  # what never changes says nothing
    scaled = ((features - mean) / deviation).astype(np.float32)
    counts = np.bincount(labels)
    if (counts > 0).sum() < 2:
        raise UsageError("a classifier needs pictures of two classes at least")
    scores: dict[float, float] = {}
    chosen, score, folds = 1.0, None, min(FOLDS, int(counts[counts > 0].min()))
    if folds >= 2:
        some, some_labels = scaled, labels
        most = min(MOST_IN_FOLDS, max(FEWEST_IN_FOLDS, folds * len(counts), int(NUMBERS / features.shape[1] / classes)))
        if len(labels) > most:
            some, _, some_labels, _ = train_test_split(
                scaled, labels, train_size=most, stratify=labels, random_state=seed
            )
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        with threadpool_limits(1):  # several would spin at every one of many small products, ten times slower in all
            for strength in STRENGTHS:
                scores[strength] = cross_val_score(_regression(strength), some, some_labels, cv=split).mean()
                if max(list(scores.values())[-2:]) < max(scores.values()):
                    break  # two in a row did worse, and the next take longest
        chosen = max(scores, key=scores.__getitem__)
        score = 100 * float(scores[chosen])
    with threadpool_limits(1):
        model = _regression(chosen).fit(scaled, labels)
    return _unscaled(model, mean, deviation, classes), chosen, score


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000)


def _unscaled(model: Any, mean: np.ndarray, deviation: np.ndarray, classes: int) -> Linear:
    """The regression for features as they are; classes that were not there get no logit to speak of."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # of two classes, scikit-learn keeps the difference
        coefficients, intercepts = np.concatenate([-coefficients, coefficients]) / 2, np.array([-1, 1]) * intercepts / 2
    weight, bias = np.zeros((classes, len(mean))), np.full(classes, -1e4)
    weight[model.classes_] = coefficients / deviation
    bias[model.classes_] = intercepts - (coefficients / deviation) @ mean
    return Linear(weight, bias)


def _put_in(network: Network, linear: Linear) -> None:
    """The regression as the network's classifier."""
    classifier = network.get_classifier()
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(linear.weight).reshape(classifier.weight.shape))
        classifier.bias.copy_(torch.from_numpy(linear.bias))  # type: ignore[union-attr]


def can_be_probed(network: Network) -> bool:
    """Whether the network's classifier is a logistic regression: nothing stands behind it, and it has a bias."""
    classifier, modules = network.get_classifier(), list(network.modules())
    behind = modules[next(place for place, module in enumerate(modules) if module is classifier) + 1 :]
    return classifier.bias is not None and not any(isinstance(module, nn.ReLU) for module in behind)
