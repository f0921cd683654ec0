"""Some pictures of a split with maps of why the network answers as it does."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import torch

from ..data import normalise, prepare
from ..data.statistics import stacked
from ..runs import Loaded
from . import page
from .answers import MEANS
from .inside import visible
from .maps import explain
from .outcome import Outcome
from .overlays import overlay

EACH = 4  # mistakes, and right answers


def explanations(loaded: Loaded, outcome: Outcome) -> str:
    """The surest mistakes, with where their answer and their class are seen, and right answers; HTML."""
    right = np.flatnonzero(outcome.right)
    spread = right[np.linspace(0, len(right) - 1, min(EACH, len(right))).astype(int)] if len(right) else right
    chosen = np.concatenate([outcome.mistakes()[:EACH], spread]).astype(int)
    pictures = [outcome.split.pictures.load(int(index)) for index in chosen]
    arrays = [prepare(one, loaded.preprocess, loaded.statistics) for one in pictures]
    views = torch.from_numpy(stacked(arrays, loaded.preprocess, loaded.statistics)).permute(0, 3, 1, 2)
    device = next(loaded.network.parameters()).device
    asked = torch.from_numpy(np.stack([outcome.guesses[chosen], outcome.labels[chosen]], 1)).to(device)
    images = normalise(views.to(device), loaded.preprocess, loaded.statistics)
    found = explain(loaded.network, images, classes=asked)
    rows = []
    for place, index in enumerate(chosen.tolist()):
        view, about = visible(views[place : place + 1])[0], outcome.describe(index)
        names = list(dict.fromkeys((about["guess"], about["class"])))  # one where it is right
        parts = [page.tile(view, [PurePath(about["picture"]).name], len(names) == 1)]
        for name, map_ in zip(names, found.maps[place], strict=False):
            parts.append(page.tile(overlay(view, map_), [f"where {page.isolated(name)} is seen"]))
        rows.append(page.tiles(parts))
    about_method = f"By {found.method}: {MEANS[found.method]} convnets explain shows more pictures, and other ways."
    return page.paragraph(about_method) + page.cards(rows)
