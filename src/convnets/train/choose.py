"""Which recipe a network is trained with on a data set, where the user does not say: its paper's own, or ours."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn

from .. import models, papers, recipes
from ..data import Source
from ..errors import DataError, UsageError
from ..recipes.finetune import finetune
from ..recipes.quick import SMALL, quick
from ..spec import Recipe

LOOKED_AT = 32  # pictures
DATA_SETS = ("cifar10", "cifar100", "svhn", "mnist", "imagenet")
# classes, channels and side of the pictures -> the data set that has them
OUTLINES = {(10, 3, 32): "cifar10", (100, 3, 32): "cifar100", (10, 1, 28): "mnist"}
DIGITS = tuple(map(str, range(10)))


def choose_recipe(asked: str | None, entry: papers.Entry, source: Source) -> tuple[Recipe, list[str]]:
    """The recipe, and the lines that say why it was taken. Raises UsageError for an unknown name."""
    if asked is not None and asked not in recipes.OURS:
        recipe = recipes.find(asked)
        return recipe, [f"recipe {recipe.name} ({recipe.source}): asked for with --recipe"]
    name, why = data_set(source)
    own = recipes.default(entry, name) if asked is None and name else None
    if own is not None:
        text = f"recipe {own.recipe.name} ({own.recipe.source}): the paper's own for {name}, known by {why}; "
        return own.recipe, [f"{text}--recipe quick is a short run, --epochs N rescales this one"]
    pictures, size = len(source.splits["train"].labels), common_size(source)
    make = finetune if asked == "finetune" else quick
    recipe = make(pictures, size, _input_side(entry, size), source.channels, _is_normalised(entry.name))
    why = "asked for with --recipe" if asked else "the paper has none for this data"
    others = ", ".join(recipes.paper_recipes(entry.family))
    text = f"recipe {recipe.name} ({recipe.epochs} epochs, fitted to {pictures:,} pictures): {why}"
    return recipe, [text + (f"; the paper's own: {others}" if others else "")]


def data_set(source: Source) -> tuple[str | None, str]:
    """The papers' data set that the source is, and what it is known by; None where it is none of them."""
    if source.name.lower() in DATA_SETS:
        return source.name.lower(), "its name"
    size = common_size(source)
    name = OUTLINES.get((len(source.classes), source.channels, size or 0))
    if name == "cifar10" and source.classes == DIGITS:  # both have ten classes of coloured 32x32 pictures
        name = "svhn"
    channels = "grey" if source.channels == 1 else "colour"
    return name, f"its {len(source.classes)} classes of {channels} {size}x{size} pictures"


def common_size(source: Source) -> int | None:
    """The longer side of the training pictures where they share one size, judged by a few of them."""
    if source.size is not None:
        return max(source.size)
    pictures, sizes = source.splits["train"].pictures, set()
    for index in range(0, len(pictures), max(1, len(pictures) // LOOKED_AT)):
        with contextlib.suppress(DataError):  # a bad picture is reported with all others by `check`
            sizes.add(pictures.load(index).shape[:2])
    return max(sizes.pop()) if len(sizes) == 1 else None


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
