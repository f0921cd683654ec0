"""From what a user asks for to a plan: the data, the network, the recipe and why it was taken."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import models, papers, recipes, spec
from ..data import Source, channel_statistics, check, open_source
from ..errors import DataError, UsageError
from ..network import Network
from ..recipes.quick import SMALL, quick
from ..spec import Recipe
from .schedules import rescale

DEMO_NETWORK, DEMO_DATA = "resnet20", "digits"
LOOKED_AT = 32  # pictures


@dataclass(frozen=True)
class Request:
    """The options of one training command; None where the user left one out."""

    model: str | None = None
    data: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    seed: int | None = None
    assignments: Sequence[str] = ()  # key=value: fields of the recipe, and model.AXIS for the network
    bad_images: str = "error"
    allow_empty: bool = False


@dataclass(frozen=True)
class Plan:
    """A run before its first step."""

    name: str
    overrides: dict[str, Any]
    recipe: Recipe
    source: Source
    spec: str
    request: Request
    said: tuple[str, ...]

    def network(self) -> Network:
        """The network, with the initial weights that the recipe's seed gives."""
        torch.manual_seed(self.recipe.seed)
        return models.create_model(self.name, **self.overrides)


def make_plan(request: Request) -> Plan:
    """Choose network, data and recipe. Everything that can be refused is refused here, before the first step."""
    name, data = _what(request)
    recipe_values, axes = split_assignments(request.assignments)
    seed = [] if request.seed is None else [f"seed={request.seed}"]
    asked = Recipe() if request.recipe in (None, "quick") else recipes.find(request.recipe)
    early = spec.override(asked, [*_only(recipe_values, ("seed", "val_fraction")), *seed])
    source = open_source(data, val_fraction=early.val_fraction, seed=early.seed, allow_empty=request.allow_empty)
    if "train" not in source.splits:
        raise DataError(f"{data}: has no train split; training needs root/train/CLASS/* or one folder of class folders")
    recipe, said = _recipe(request, papers.find(name), source)
    if request.epochs is not None and request.epochs != recipe.epochs:
        if request.epochs < 1:
            raise UsageError(f"--epochs {request.epochs}: must be at least 1")
        recipe, changes = rescale(recipe, request.epochs)
        said.append(f"--epochs rescales the recipe: {', '.join(changes)}")
    own = recipe.preprocess
    recipe = spec.override(recipe, [f"preprocess.channels={source.channels}", *recipe_values, *seed])
    if recipe.preprocess.size != own.size and not _only(recipe_values, ("preprocess.resize",)):
        recipe = _with_resize(recipe, own)
    overrides = _overrides(name, axes, source, recipe)
    check_recipe(recipe, len(source.splits["train"]))
    _check_network(name, overrides, recipe, len(source.splits["train"]))
    source = check(source, bad=request.bad_images)
    check_recipe(recipe, len(source.splits["train"]))  # again: bad pictures may have been left out
    recipe = with_statistics(recipe, source)
    return Plan(papers.find(name).name, overrides, recipe, source, data, request, tuple(said))


def _with_resize(recipe: Recipe, own: spec.Preprocess) -> Recipe:
    """`recipe` resizing in the proportion of its `own` preprocessing, so that another input size shows as much."""
    resize = round(recipe.preprocess.size * (own.resize or own.size) / own.size)
    return dataclasses.replace(recipe, preprocess=dataclasses.replace(recipe.preprocess, resize=resize))


def _what(request: Request) -> tuple[str, str]:
    """The network and the data; with neither, a small network on the built-in digits."""
    if request.model is None:
        return DEMO_NETWORK, request.data or DEMO_DATA
    entry = papers.find(request.model)
    if request.data is None:
        raise UsageError(
            f"no --data given; {entry.name} was published on {entry.dataset}; "
            "name a folder of pictures, or try the built-in --data digits"
        )
    return request.model, request.data


def _recipe(request: Request, entry: papers.Entry, source: Source) -> tuple[Recipe, list[str]]:
    """The recipe, and the line that says why it was taken."""
    if request.recipe not in (None, "quick"):
        recipe = recipes.find(str(request.recipe))
        return recipe, [f"recipe {recipe.name} ({recipe.source}): asked for with --recipe"]
    pictures, size = len(source.splits["train"].labels), _common_size(source)
    recipe = quick(pictures, size, _input_side(entry, size), source.channels, _is_normalised(entry.name))
    why = "asked for with --recipe" if request.recipe else "no --recipe was given"
    own = [name for name in recipes.names() if name.startswith(f"{entry.family}/")]
    others = f"; the paper's own: {', '.join(own)}" if own else ""
    text = f"recipe quick ({recipe.epochs} epochs, fitted to {pictures:,} pictures): {why}{others}"
    return recipe, [text]


def _common_size(source: Source) -> int | None:
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


def _overrides(name: str, axes: dict[str, Any], source: Source, recipe: Recipe) -> dict[str, Any]:
    overrides = {**axes, "num_classes": len(source.classes), "in_channels": recipe.preprocess.channels}
    if "input_size" in models.axes(name):
        overrides.setdefault("input_size", recipe.preprocess.size)
    return overrides


def _check_network(name: str, overrides: dict[str, Any], recipe: Recipe, pictures: int) -> None:
    """Refuse pictures that are too small for the network, and batches too small for its batch normalisation."""
    with torch.device("meta"):
        network = models.create_model(name, **overrides)
        size, together = recipe.preprocess.size, min(recipe.batch_size // recipe.accumulate, pictures)
        network.check_input(size, size)
        try:
            network.train()(torch.empty(together, recipe.preprocess.channels, size, size))
        except ValueError:
            raise UsageError(
                f"{name}: batch normalisation over a 1x1 map needs two pictures at a time, not {together}; "
                "raise --batch-size, or --img-size"
            ) from None


def check_recipe(recipe: Recipe, pictures: int) -> None:
    """Refuse what would fail, or do nothing, hours later."""
    channels = recipe.preprocess.channels
    limits = [
        ("epochs", recipe.epochs >= 1, "must be at least 1"),
        ("batch_size", recipe.batch_size >= 1, "must be at least 1"),
        ("accumulate", 1 <= recipe.accumulate <= recipe.batch_size, "must be between 1 and batch_size"),
        ("optimizer.lr", recipe.optimizer.lr > 0, "must be above 0"),
        ("optimizer.weight_decay", recipe.optimizer.weight_decay >= 0, "must not be negative"),
        ("ema", 0 <= recipe.ema < 1, "must be at least 0 and below 1"),
        ("label_smoothing", 0 <= recipe.label_smoothing < 1, "must be at least 0 and below 1"),
        ("val_fraction", 0 <= recipe.val_fraction < 1, "must be at least 0 and below 1"),
        ("preprocess.size", recipe.preprocess.size >= 1, "must be at least 1"),
        ("optimizer.momentum", 0 <= recipe.optimizer.momentum < 1, "must be at least 0 and below 1"),
        ("schedule.warmup", recipe.schedule.warmup >= 0, "must not be negative"),
        ("preprocess.resize", recipe.preprocess.resize != 0, "must be at least 1, or none"),
        ("preprocess.mean", len(recipe.preprocess.mean) in (0, channels), f"needs {channels} values"),
        ("preprocess.std", len(recipe.preprocess.std) == len(recipe.preprocess.mean), "needs as many values as mean"),
        ("preprocess.std", all(value > 0 for value in recipe.preprocess.std), "must be above 0"),
        ("augment.area", all(0 < share <= 1 for share in recipe.augment.area or ()), "must be above 0 and at most 1"),
        ("augment.pad", recipe.augment.pad >= 0, "must not be negative"),
        ("seed", 0 <= recipe.seed < 2**63, "must be at least 0 and below 2^63"),
        ("accumulate", recipe.accumulate < 1 or recipe.batch_size % recipe.accumulate == 0,
         f"must divide batch_size={recipe.batch_size}"),
        ("accumulate", recipe.accumulate == 1 or recipe.batch_size <= pictures,
         f"batch_size={recipe.batch_size} is more than the {pictures} training pictures, which is no step at all"),
    ]  # fmt: skip
    for key, holds, rule in limits:
        if not holds:
            raise UsageError(f"{key}={spec.flatten(spec.to_dict(recipe))[key]}: {rule}")
    if recipe.optimizer.nesterov and recipe.optimizer.momentum == 0:
        raise UsageError("optimizer.nesterov=True needs optimizer.momentum above 0")


def with_statistics(recipe: Recipe, source: Source) -> Recipe:
    """`recipe` with the channel statistics of the training pictures, where it does not bring its own."""
    if recipe.preprocess.mean and recipe.preprocess.std:
        return recipe
    mean, std = channel_statistics(source.splits["train"], recipe.preprocess)
    preprocess = dataclasses.replace(recipe.preprocess, mean=tuple(mean), std=tuple(std))
    return dataclasses.replace(recipe, preprocess=preprocess)


def split_assignments(assignments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Assignments to the recipe, and those to the network's axes (`model.shortcut=C`) as values."""
    values, axes = [], {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if key.startswith("model.") and equals:
            axes[key.removeprefix("model.")] = read_value(text)
        else:
            values.append(assignment)
    return values, axes


def read_value(text: str) -> Any:
    """A value from a command line: a number, true, false, null, a list; a text where it is none of them."""
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _only(assignments: Sequence[str], keys: Sequence[str]) -> list[str]:
    return [assignment for assignment in assignments if assignment.partition("=")[0].strip() in keys]
