"""Which recipe a network is trained with on a data set, where the user does not say: its paper's own, or ours."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import models, papers, recipes
from ..data import Source
from ..errors import DataError, UsageError
from ..recipes.finetune import finetune
from ..recipes.quick import SMALL, quick
from ..spec import Recipe

LOOKED_AT = 32  # pictures
SKEWED = 3  # times as many pictures of one class as of another
# data set -> its classes, channels and the side of its pictures (None: photographs of all sizes)
OUTLINES: dict[str, tuple[int, int, int | None]] = {
    "cifar10": (10, 3, 32),
    "cifar100": (100, 3, 32),
    "svhn": (10, 3, 32),
    "mnist": (10, 1, 28),
    "imagenet": (1000, 3, None),
}
PHOTOGRAPH = 224  # pixels: from here on a side that all pictures have stands for photographs, too
DIGITS = tuple(map(str, range(10)))


def choose_recipe(
    asked: str | None, entry: papers.Entry, source: Source, reason: str = "asked for with --recipe"
) -> tuple[Recipe, list[str]]:
    """The recipe, and the lines that say why it was taken. Raises UsageError for an unknown name."""
    if asked is not None and asked not in recipes.OURS:
        recipe = recipes.find(asked)
        return recipe, [f"recipe {recipe.name} ({recipe.source}): {reason}"]
    name, why = data_set(source)
    own = recipes.default(entry, name) if asked is None and name else None
    if own is not None:
        text = f"recipe {own.recipe.name} ({own.recipe.source}): the paper's own for {name}, known by {why}; "
        return own.recipe, [f"{text}--recipe quick is a short run, --epochs N rescales this one"]
    pictures, size = len(source.splits["train"].labels), common_size(source)
    make = finetune if asked == "finetune" else quick
    recipe = make(pictures, size, _input_side(entry, size), source.channels, _is_normalised(entry.name))
    recipe, more = _levelled(recipe, source)
    why = reason if asked else "the paper has none for this data"
    others = ", ".join(recipes.paper_recipes(entry.family))
    text = f"recipe {recipe.name} ({recipe.epochs} epochs, fitted to {pictures:,} pictures): {why}"
    return recipe, [text + (f"; the paper's own: {others}" if others else ""), *more]


def _levelled(recipe: Recipe, source: Source) -> tuple[Recipe, list[str]]:
    """The recipe with balanced sampling where some classes have far fewer pictures than others, which is said."""
    counts = np.bincount(source.splits["train"].labels, minlength=len(source.classes))
    rarest, most = int(counts[counts > 0].min()), int(counts.max())
    if most < SKEWED * rarest:
        return recipe, []
    said = f"classes have from {rarest:,} to {most:,} pictures: an epoch shows all as often (--set sampling=shuffled: "
    recipe = dataclasses.replace(recipe, sampling="balanced", epoch_size=int(counts.sum()))
    return recipe, [said + "every picture once)"]


def data_set(source: Source) -> tuple[str | None, str]:
    """The papers' data set that the source is, and what it is known by; None where it is none of them.

    Pictures of another size than a data set's are not that data set, whatever they are called.
    """
    shape, classes, channels = common_shape(source), len(source.classes), source.channels
    side = None if shape is None or min(shape) >= PHOTOGRAPH else shape[0] if shape[0] == shape[1] else 0
    known = source.name.lower()
    if (channels, side) == OUTLINES.get(known, (0, 0, 0))[1:]:
        return known, "its name"
    found = next((name for name, outline in OUTLINES.items() if outline == (classes, channels, side)), None)
    if found == "cifar10" and source.classes == DIGITS:  # both have ten classes of 32x32 pictures
        found = "svhn"
    size = f"{shape[1]}x{shape[0]} pictures" if shape else "pictures of all sizes"
    return found, f"its {classes} classes of {'grey' if channels == 1 else 'colour'} {size}"


def common_size(source: Source) -> int | None:
    """The longer side of the training pictures where they share one size, judged by a few of them."""
    shape = common_shape(source)
    return max(shape) if shape else None


def common_shape(source: Source) -> tuple[int, int] | None:
    """Height and width of the training pictures where they share one size, judged by a few of them."""
    if source.size is not None:
        return source.size
    pictures, sizes = source.splits["train"].pictures, set()
    for index in range(0, len(pictures), max(1, len(pictures) // LOOKED_AT)):
        with contextlib.suppress(DataError):  # a bad picture is reported with all others by `check`
            height, width = pictures.load(index).shape[:2]
            sizes.add((height, width))
    return sizes.pop() if len(sizes) == 1 else None


def _is_normalised(name: str) -> bool:
    with torch.device("meta"):
        network = models.create_model(name)
    return any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _input_side(entry: papers.Entry, size: int | None) -> int:
    """The input side to train at: that of small pictures, or what a CPU can bear, where the network takes it."""
    wanted = size if size is not None and size <= SMALL else min(128, max(SMALL, entry.input[1]))
    for side in (wanted, 32, 64, 96, 128, 160, 192, 224):
        if side >= wanted and _accepts(entry.name, side):
            return side
    return entry.input[1]


def _accepts(name: str, side: int) -> bool:
    axes: dict[str, Any] = {"input_size": side} if "input_size" in models.axes(name) else {}
    try:
        with torch.device("meta"):
            models.create_model(name, **axes).check_input(side, side)
    except UsageError:
        return False
    return True
