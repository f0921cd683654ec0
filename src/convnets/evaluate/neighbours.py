"""Which training pictures a trained network finds most like a picture: by the angle between what it sees in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data import Split
from .features import FEATURES, Eye, look, remembered
from .inputs import Picture
from .pictures import draw_predictions
from .predictor import Predictor


@dataclass(frozen=True)
class Neighbour:
    """A picture of the split: its number, file and class, and the cosine of its angle to the picture asked about."""

    index: int
    name: str
    label: str
    similarity: float


def neighbours(
    predictor: Predictor,
    split: Split,
    pictures: Sequence[Picture],
    *,
    k: int = 5,
    row: str = FEATURES,
    workers: int = 0,
) -> list[list[Neighbour]]:
    """For each picture the `k` pictures of `split` that are most like it, the nearest first.

    Compared is what the classifier sees, or with `row` the means over that row's maps; features of the split are
    remembered. The split's labels are the predictor's classes. Raises DataError for a picture that cannot be read,
    UsageError for an unknown row.
    """
    eye = Eye(predictor.network, predictor.preprocess, predictor.statistics, predictor.device, workers)
    # the pictures first: what cannot be read is told before all others are looked at
    seen = [_directions(look(eye, predictor.prepared([picture]), [row])[row].numpy())[0] for picture in pictures]
    known, found = _directions(remembered(eye, split, [row])[row]), []
    for direction in seen:
        similarities = known @ direction
        nearest = np.argsort(-similarities, kind="stable")[:k]
        found.append([
            Neighbour(int(i), split.pictures.name(int(i)), predictor.classes[split.labels[i]], float(similarities[i]))
            for i in nearest
        ])  # fmt: skip
    return found


def draw_neighbours(
    predictor: Predictor, split: Split, picture: Picture, found: Sequence[Neighbour], path: str | Path
) -> Path:
    """A contact sheet: the picture, then those most like it with class and similarity."""
    best = predictor(picture).top(1)[0]
    sheet: list[tuple[np.ndarray, str, bool | None]] = [
        (predictor.pixels(picture), f"taken for {best.name}\n{best.probability:.1%}", None)
    ]
    for one in found:
        sheet.append((split.pictures.load(one.index), f"{one.label}\n{one.similarity:.3f}", one.label == best.name))
    return draw_predictions(sheet, path, "the picture, and the training pictures most like it")


def _directions(features: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions: np.ndarray = features / np.maximum(lengths, 1e-12)
    return directions
