"""Some pictures of a split with maps of why the network answers as it does."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import torch

from ..evaluate.features import Eye, given
from ..runs import Loaded
from . import page
from .answers import MEANS
from .inside import plain, ready, visible
from .maps import Explanation, explain
from .outcome import Outcome
from .overlays import overlay

EACH = 4  # mistakes, and right answers


class Explained(NamedTuple):
    """Pictures of a split by their numbers, uint8 (N, H, W, C) as the network saw them, and where it sees the class it
    took each for and the right one."""

    chosen: list[int]
    views: np.ndarray
    found: Explanation


def explained(loaded: Loaded, outcome: Outcome) -> Explained:
    """The surest mistakes and some right answers, spread over the split."""
    right = np.flatnonzero(outcome.right)
    spread = right[np.linspace(0, len(right) - 1, min(EACH, len(right))).astype(int)] if len(right) else right
    chosen = np.concatenate([outcome.mistakes()[:EACH], spread]).astype(int)
    pictures = [outcome.split.pictures.load(int(index)) for index in chosen]
    device = next(loaded.network.parameters()).device
    eye = Eye(loaded.network, loaded.preprocess, loaded.statistics, device)
    asked = torch.from_numpy(np.stack([outcome.guesses[chosen], outcome.labels[chosen]], 1)).to(device)
    views = ready(eye, pictures)
    return Explained(chosen.tolist(), visible(views), explain(loaded.network, given(eye, views), classes=asked))


def section(sample: Explained, outcome: Outcome) -> str:
    """The pictures with their maps, HTML."""
    rows = []
    for index, view, maps in zip(sample.chosen, sample.views, sample.found.maps, strict=True):
        about = outcome.describe(index)
        names = list(dict.fromkeys((about["guess"], about["class"])))  # one where it is right
        parts = [page.tile(view, [PurePath(about["picture"]).name], len(names) == 1)]
        for name, map_ in zip(names, maps, strict=False):
            parts.append(page.tile(overlay(view, map_), [f"where {page.isolated(name)} is seen"]))
        rows.append(page.tiles(parts))
    method = sample.found.method
    about_method = f"By {method}: {MEANS[method]} convnets explain shows more pictures, and other ways."
    return page.paragraph(about_method) + page.cards(rows)


def as_json(sample: Explained, outcome: Outcome) -> list[dict[str, Any]]:
    """The numbers behind it: each picture's maps by class."""
    abouts = [outcome.describe(index) for index in sample.chosen]
    return [{**about, "method": sample.found.method,
             "maps": {name: plain(map_) for name, map_ in zip((about["guess"], about["class"]), maps, strict=True)}}
            for about, maps in zip(abouts, sample.found.maps, strict=True)]  # fmt: skip
