"""A linear classifier on what a trained network sees: one pass over the data, then a logistic regression.

The pass is remembered on disk, under a name made of the weights, the preprocessing and the pictures, so that another
probe of the same takes no time. The result is a run like any other.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from .. import spec
from ..data import Loader, Split, normalise
from ..data.pictures import StoredPictures
from ..errors import CheckpointError, UsageError
from ..evaluate import Evaluation, evaluate_network, evaluating
from ..network import Network
from ..runs import RunFolder, checkpoint
from ..runs.folder import BEST
from .machine import Machine
from .plan import Plan, Request, make_plan
from .run import describe_run

STRENGTHS = tuple(10.0**power for power in range(-4, 3))  # scikit-learn's C: the inverse of the weight decay
FOLDS, MOST_IN_FOLDS = 5, 5000  # pictures that the strength is chosen on, at most
BATCH = 32
FEATURES = ""  # the row whose output the classifier sees


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

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Percent."""
        return 100 * float(((features @ self.weight.T + self.bias).argmax(1) == labels).mean())


def probe(request: Request, machine: Machine, out: str | None = None) -> tuple[RunFolder, Probed, Evaluation | None]:
    """Fit a new classifier to the trained network that `request.weights` names, and save both as a run.

    Also what was chosen, and the errors on the validation split where there is one.
    """
    RunFolder.check_out(out)
    plan = _plan(request)
    network = plan.network().to(machine.device)
    result, linear = _probed(plan, network, machine, [FEATURES])[FEATURES]
    _put_in(network, linear)
    folder = RunFolder.create(f"{plan.name}-probe", out)
    evaluation = None
    if "val" in plan.source.splits:
        loader = Loader(plan.source.splits["val"], plan.recipe.preprocess, batch_size=128, statistics=plan.statistics)
        evaluation = evaluate_network(network, loader, plan.recipe.preprocess, machine.device, True,
                                      statistics=plan.statistics)  # fmt: skip
    described = describe_run(plan, machine) | {"probe": {"strength": result.strength, "features": result.length}}
    folder.write_run(described)
    folder.save(BEST, {f"model.{name}": tensor for name, tensor in network.state_dict().items()}, described)
    return folder, result, evaluation


def compare_rows(request: Request, machine: Machine, rows: Sequence[str]) -> list[Probed]:
    """How well a classifier does on the mean features of each of these rows; nothing is saved."""
    plan = _plan(request)
    network = plan.network().to(machine.device)
    return [result for result, _ in _probed(plan, network, machine, rows).values()]


def _plan(request: Request) -> Plan:
    if request.weights is None:
        raise UsageError("a probe looks at what trained weights see; give --weights W")
    return make_plan(request)


def _probed(plan: Plan, network: Network, machine: Machine, rows: Sequence[str]) -> dict[str, tuple[Probed, Linear]]:
    """For each row the classifier on its features, and how good it is."""
    train = plan.source.splits["train"]
    features = remembered(plan, network, machine, "train", rows)
    held_out = remembered(plan, network, machine, "val", rows) if "val" in plan.source.splits else {}
    found = {}
    for row in rows:
        linear, strength, score = fit(features[row], train.labels, len(plan.source.classes), plan.recipe.seed)
        validation = linear.accuracy(held_out[row], plan.source.splits["val"].labels) if held_out else None
        found[row] = Probed(row, features[row].shape[1], strength, score, validation), linear
    return found


def fit(features: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0) -> tuple[Linear, float, float | None]:
    """The regularised logistic regression on features (N, D), its strength, and the accuracy that chose it (percent).

    The strength is the best of `STRENGTHS` by cross-validation; of classes with a single picture there is none.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split

    mean, deviation = features.mean(0), features.std(0)
    deviation[deviation < 1e-6 * max(1e-12, deviation.max())] = np.inf  # what never changes says nothing
    scaled = (features - mean) / deviation
    counts = np.bincount(labels)
    if (counts > 0).sum() < 2:
        raise UsageError("a classifier needs pictures of two classes at least")
    chosen, score, folds = 1.0, None, min(FOLDS, int(counts[counts > 0].min()))
    if folds >= 2:
        some, some_labels = scaled, labels
        if len(labels) > MOST_IN_FOLDS:
            some, _, some_labels, _ = train_test_split(
                scaled, labels, train_size=MOST_IN_FOLDS, stratify=labels, random_state=seed
            )
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        scores = {
            strength: cross_val_score(LogisticRegression(C=strength, max_iter=1000), some, some_labels, cv=split).mean()
            for strength in STRENGTHS
        }
        chosen = max(scores, key=scores.__getitem__)
        score = 100 * float(scores[chosen])
    model = LogisticRegression(C=chosen, max_iter=1000).fit(scaled, labels)
    return _unscaled(model, mean, deviation, classes), chosen, score


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
    """The regression as the network's classifier. Raises UsageError where something stands behind it."""
    classifier = network.get_classifier()
    rows = list(network.modules())
    behind = rows[next(place for place, module in enumerate(rows) if module is classifier) + 1 :]
    if any(isinstance(module, nn.ReLU) for module in behind) or classifier.bias is None:
        raise UsageError(f"{network.name}: what follows its classifier is no logistic regression; fine-tune it instead")
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(linear.weight).reshape(classifier.weight.shape))
        classifier.bias.copy_(torch.from_numpy(linear.bias))


def remembered(
    plan: Plan, network: Network, machine: Machine, split: str, rows: Sequence[str]
) -> dict[str, np.ndarray]:
    """Features (N, D) of the split by row, from the cache where they were computed before."""
    folder = cache_folder()
    key = _key(plan, network, split)
    found: dict[str, np.ndarray] = {}
    for row in rows:
        path = folder / f"{key}-{row or 'features'}.safetensors"
        if path.is_file():
            try:
                found[row] = checkpoint.load(path)[0]["features"].numpy()
            except CheckpointError:
                path.unlink()
    missing = [row for row in rows if row not in found]
    if missing:
        computed = compute(network, plan.source.splits[split], plan, machine, missing)
        folder.mkdir(parents=True, exist_ok=True)
        for row, tensor in computed.items():
            checkpoint.save(folder / f"{key}-{row or 'features'}.safetensors", {"features": tensor}, {})
            found[row] = tensor.numpy()
    return found


def compute(
    network: Network, split: Split, plan: Plan, machine: Machine, rows: Sequence[str]
) -> dict[str, Tensor]:
    """One pass over the split: what the classifier sees (row ""), or the means over the maps of rows."""
    preprocess, statistics = plan.recipe.preprocess, plan.statistics
    loader = Loader(split, preprocess, batch_size=BATCH, workers=machine.workers or 0, statistics=statistics)
    parts: dict[str, list[Tensor]] = {row: [] for row in rows}
    shown = sys.stderr.isatty()
    with evaluating(network):
        for batch in tqdm(loader.epoch(0), "features", len(loader), leave=False, disable=not shown, unit="batch"):
            images = normalise(batch.images.to(machine.device), preprocess, statistics)
            if FEATURES in rows:
                seen = network.forward_head(network.forward_features(images), pre_logits=True)
                parts[FEATURES].append(seen.float().cpu())
            if named := [row for row in rows if row != FEATURES]:
                for row, output in network.taps(images, named).items():
                    parts[row].append((output.mean((2, 3)) if output.dim() == 4 else output).float().cpu())
    return {row: torch.cat(tensors) for row, tensors in parts.items()}


def cache_folder() -> Path:
    """Where features are kept: CONVNETS_CACHE, else the user's own folder for such things."""
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONVNETS_CACHE") or users / "convnets") / "features"


def _key(plan: Plan, network: Network, split: str) -> str:
    """What the features depend on: weights but the classifier's, preprocessing, and each picture of the split."""
    classifier = next(name for name, module in network.named_modules() if module is network.get_classifier())
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        if not name.startswith(f"{classifier}."):
            digest.update(name.encode() + tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    for name, tensor in plan.statistics.tensors().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    digest.update(json.dumps([network.name, spec.to_dict(plan.recipe.preprocess)], sort_keys=True).encode())
    for content in contents(plan.source.splits[split]):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def contents(split: Split) -> Iterator[Any]:
    """The bytes of each picture: of its file where it is one, else of its pixels."""
    pictures = split.pictures
    for index in range(len(split)):
        if isinstance(pictures, StoredPictures):
            yield pictures.reader.read(pictures.names.path(index))
        else:
            yield np.ascontiguousarray(pictures.load(index)).data
