"""What a trained network answered to each picture of a split, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data import Batch, Loader, Source, Split
from ..errors import CheckpointError, UsageError, few
from ..evaluate import Evaluation, evaluate_network, wilson_interval
from ..evaluate.metrics import first_of_largest
from ..runs import Loaded

SPLITS = ("test", "val", "train")  # the first that is there is looked at
MOST_TRAINING = 5_000  # training pictures that are looked at where there are no others
ON_A_CPU, BATCH = 64, 256
TITLES = {"test": "test split", "val": "validation split", "train": "training split"}


class Bin(NamedTuple):
    """Answers of about one confidence: how many, their mean confidence and the share that is right, in per cent."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """The answers to a split: `guesses` (N,) as they were counted in `evaluation`, and `probabilities` (N, classes).

    Both are in the order of the split's pictures. The split is one of `data`, whose `fingerprint` is a SHA-256;
    `trained_on` names what the network was trained on where that is other data, else it is empty.
    """

    name: str
    split: Split
    classes: tuple[str, ...]
    guesses: np.ndarray
    probabilities: np.ndarray
    evaluation: Evaluation
    data: str = ""
    fingerprint: str = ""
    trained_on: str = ""

    @property
    def is_known(self) -> bool:
        """Whether these are pictures that the network was trained on."""
        return self.name == "train" and not self.trained_on

    def origin(self, named: Callable[[str], str] = str) -> str:
        """A sentence that says that these are other data than the network's own; nothing where they are not.

        `named` is how it writes the names of data.
        """
        if not self.trained_on:
            return ""
        return f"By its fingerprint {named(self.data)} is other data than the training's, {named(self.trained_on)}."

    @property
    def labels(self) -> np.ndarray:
        """The true classes (N,)."""
        return self.split.labels

    @property
    def title(self) -> str:
        """The split in words."""
        return TITLES.get(self.name, f"{self.name} split")

    @property
    def confidences(self) -> np.ndarray:
        """The probability (N,) of each guess."""
        found: np.ndarray = self.probabilities[np.arange(len(self.labels)), self.guesses]
        return found

    @property
    def right(self) -> np.ndarray:
        """Whether each guess is right (N,)."""
        found: np.ndarray = self.guesses == self.labels
        return found

    def mistakes(self) -> np.ndarray:
        """The pictures whose guess is wrong, the most confident first."""
        wrong = np.flatnonzero(~self.right)
        return wrong[np.argsort(-self.confidences[wrong], kind="stable")]

    def uncertain(self) -> np.ndarray:
        """All pictures, those first whose two likeliest classes are closest to each other."""
        best_two = np.partition(self.probabilities, -2, axis=1)[:, -2:]
        return np.argsort(best_two[:, 1] - best_two[:, 0], kind="stable")

    def suspects(self) -> np.ndarray:
        """Pictures that may carry the wrong label, the likeliest first: confident learning in its simplest form.

        A class's threshold is the mean probability that pictures labelled so get for it. A picture is suspected where
        another class is at or above its own threshold and more probable than the label (Northcutt et al. 2021).
        """
        everyone = np.arange(len(self.labels))
        counts = np.bincount(self.labels, minlength=len(self.classes))
        sums = np.bincount(self.labels, self.probabilities[everyone, self.labels], len(self.classes))
        thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
        sure = np.where(self.probabilities >= thresholds, self.probabilities, -1.0)
        other = sure.argmax(1)
        own = self.probabilities[everyone, self.labels]
        lead = self.probabilities[everyone, other] - own
        found = np.flatnonzero((sure.max(1) >= 0) & (other != self.labels) & (lead > 0))
        return found[np.argsort(-lead[found], kind="stable")]

    def cells(self) -> dict[tuple[int, int], np.ndarray]:
        """The pictures of each cell (true class, guess) that has some, the most confident first."""
        order = np.argsort(-self.confidences, kind="stable")
        codes = self.labels[order] * len(self.classes) + self.guesses[order]
        by_cell = np.argsort(codes, kind="stable")
        groups = np.split(order[by_cell], np.flatnonzero(np.diff(codes[by_cell])) + 1)
        return {(int(self.labels[group[0]]), int(self.guesses[group[0]])): group for group in groups if len(group)}

    def bins(self) -> list[Bin]:
        """The bins of the calibration error that hold answers, from unsure to sure."""
        rows = self.evaluation.bins.T
        return [Bin(int(n), 100 * confidence / n, 100 * right / n) for n, confidence, right in rows if n]

    def per_class(self) -> Iterator[dict[str, Any]]:
        """Each class with its error and its 95 % Wilson interval in per cent, None where it has no picture."""
        for one in self.evaluation.per_class(self.classes):
            interval = list(wilson_interval(one.n - one.correct, one.n)) if one.n else None
            yield {**one._asdict(), "interval": interval}

    def describe(self, index: int) -> dict[str, Any]:
        """One picture as plain values: its name, class, guess and their probabilities."""
        label, guess, found = int(self.labels[index]), int(self.guesses[index]), self.probabilities[index]
        return {"picture": self.split.pictures.name(index), "class": self.classes[label],
                "guess": self.classes[guess], "probability": float(found[guess]),
                "probability_of_class": float(found[label])}  # fmt: skip


def pick_split(source: Source, asked: str | None, spec: str) -> str:
    """The split that is looked at: the one asked for, else the first of test, val and train. Raises UsageError."""
    there = [name for name in SPLITS if len(source.splits.get(name, ()))]
    if asked is not None and asked not in there:
        raise UsageError(f"{spec}: has no {asked} split; it has {', '.join(there)}; choose one with --split")
    return asked or there[0]


def check_classes(loaded: Loaded, source: Source, spec: str) -> None:
    """Raise CheckpointError unless the data has the run's classes in the same order."""
    if tuple(source.classes) != tuple(loaded.classes):
        raise CheckpointError(
            f"{spec}: other classes ({few(source.classes)}) than those of {loaded.path} ({few(loaded.classes)}); "
            "give the data that the run was trained on with --data"
        )


def ask(
    loaded: Loaded, source: Source, name: str, device: torch.device | str = "cpu", workers: int = 0,
    progress: bool = False,
) -> Outcome:  # fmt: skip
    """What the network, which is moved to `device`, answers to a split: one view of each picture, as in validation.

    Of training pictures, which it knows, at most 5,000 are looked at, spread evenly. Raises as evaluate_network does.
    """
    split = source.splits[name]
    if name == "train" and len(split) > MOST_TRAINING:
        split = split.take(np.linspace(0, len(split) - 1, MOST_TRAINING).round().astype(int))
    device = torch.device(device)
    size = ON_A_CPU if device.type == "cpu" else BATCH
    loader = Loader(split, loaded.preprocess, batch_size=size, workers=workers, statistics=loaded.statistics)
    guesses = np.zeros(len(split), np.int64)
    probabilities = np.zeros((len(split), loaded.network.num_classes), np.float32)

    def keep(batch: Batch, logits: torch.Tensor) -> None:
        logits = logits.double().cpu()
        guesses[batch.index] = first_of_largest(logits).numpy()
        probabilities[batch.index] = logits.softmax(1).numpy()

    network = loaded.network.to(device)
    evaluation = evaluate_network(
        network, loader, loaded.preprocess, device, progress, statistics=loaded.statistics, each=keep
    )
    own = loaded.state.get("source", {})
    other = own.get("fingerprint", {}).get("sha256") != source.fingerprint["sha256"]
    return Outcome(name, split, loaded.classes, guesses, probabilities, evaluation, source.name,
                   source.fingerprint["sha256"], own.get("name", "unknown") if other else "")  # fmt: skip
