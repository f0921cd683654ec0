"""From what a user asks for to a plan: the data, the network, the recipe and why it was taken."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .. import models, papers, recipes, runs, spec
from ..data import Source, Statistics, check, measure, open_source
from ..errors import CheckpointError, DataError, UsageError, few
from ..network import Network
from ..spec import Recipe
from . import grow
from .check import check_recipe
from .choose import choose_recipe, common_size
from .schedules import rescale
from .state import frozen_rows

DEMO_NETWORK, DEMO_DATA = "resnet20", "digits"


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
    grow_from: str | None = None
    weights: str | None = None
    keep_head: bool = False
    minutes: float | None = None
    source: Source | None = None  # `data`, opened, divided and checked before


@dataclass(frozen=True)
class Start:
    """What a network begins with: weights drawn by the seed, some of them then taken from elsewhere."""

    seed: int
    classes: tuple[str, ...]
    grow_from: str | None = None
    weights: str | None = None


@dataclass(frozen=True)
class Plan:
    """A run before its first step."""

    name: str
    overrides: dict[str, Any]
    recipe: Recipe
    statistics: Statistics
    source: Source
    spec: str
    request: Request
    said: tuple[str, ...]

    def network(self, tell: Callable[[str], object] = print) -> Network:
        """The network, with the initial weights that the recipe's seed gives, or those it is grown from.

        `tell` is given one line on what it was grown from.
        """
        start = Start(self.recipe.seed, self.source.classes, self.request.grow_from, self.request.weights)
        return make_network(self.name, self.overrides, start, tell)


def make_plan(request: Request) -> Plan:
    """Choose network, data and recipe. Everything that can be refused is refused here, before the first step."""
    donor = runs.load(request.weights, model=request.model) if request.weights is not None else None
    name, data = _what(request, donor)
    recipe_values, axes = split_assignments(request.assignments)
    seed = [] if request.seed is None else [f"seed={request.seed}"]
    ours = request.recipe is None or request.recipe in recipes.OURS
    asked = Recipe() if ours else recipes.find(str(request.recipe))
    early = spec.override(asked, [*_only(recipe_values, spec.DIVISION), *seed])
    source = request.source or open_source(data, **spec.division(vars(early)), allow_empty=request.allow_empty)
    if "train" not in source.splits:
        raise DataError(f"{data}: has no train split; training needs root/train/CLASS/* or one folder of class folders")
    recipe, said = _recipe(request, name, source, donor)
    later = spec.override(recipe, [*_only(recipe_values, spec.DIVISION), *seed])
    # the recipe was only known once the data was
    if request.source is None and spec.division(vars(later)) != spec.division(vars(early)):
        source = open_source(data, **spec.division(vars(later)), allow_empty=request.allow_empty)
    if request.epochs is not None and request.epochs != recipe.epochs:
        if request.epochs < 1:
            raise UsageError(f"--epochs {request.epochs}: must be at least 1")
        recipe, changes = rescale(recipe, request.epochs)
        said.append(f"--epochs rescales the recipe: {', '.join(changes)}")
    own = recipe
    channels = [] if donor is not None else _channels(own.preprocess, source.channels)
    recipe = spec.override(own, [*channels, *recipe_values, *seed])
    if recipe.preprocess.size != own.preprocess.size:
        recipe = _in_proportion(recipe, own, recipe_values)
    axes = axes if donor is None else donor.network.overrides | axes
    overrides = _overrides(name, axes, source, recipe, said)
    check_recipe(recipe, len(source.splits["train"]))
    if recipe.patience and "val" not in source.splits:
        raise UsageError(f"patience={recipe.patience}: nothing is set aside to validate on; raise --val-fraction")
    _check_network(name, overrides, recipe, len(source.splits["train"]))
    source = request.source or check(source, bad=request.bad_images)
    check_recipe(recipe, len(source.splits["train"]))  # again: bad pictures may have been left out
    preprocess, statistics = measure(source.splits["train"], recipe.preprocess, recipe.augment)
    recipe = dataclasses.replace(recipe, preprocess=preprocess)
    return Plan(papers.find(name).name, overrides, recipe, statistics, source, data, request, tuple(said))


def make_network(
    name: str, overrides: dict[str, Any], start: Start, tell: Callable[[str], object] = print
) -> Network:
    """The network with the initial weights that the seed gives, and what it takes from elsewhere."""
    torch.manual_seed(start.seed)
    network = models.create_model(name, **overrides)
    if start.weights is not None:
        grow.transfer(network, runs.load(start.weights, model=name), start.classes)
    if start.grow_from is not None:
        tell(grow.describe(network, grow.grow(network, start.grow_from), start.grow_from))
    return network


def _channels(own: spec.Preprocess, channels: int) -> list[str]:
    """What the data's channels change: a deviation that is the same for all of them is that of any number."""
    changes = [f"preprocess.channels={channels}"]
    for key, values in (("mean", own.mean), ("std", own.std)):
        if len(set(values)) == 1:
            changes.append(f"preprocess.{key}={','.join([repr(values[0])] * channels)}")
    return changes


def _in_proportion(recipe: Recipe, own: Recipe, values: Sequence[str]) -> Recipe:
    """`recipe` with the sizes around its crop in the proportion of its `own`, so that another input shows as much.

    What the user set is left alone.
    """
    ratio = recipe.preprocess.size / own.preprocess.size
    sizes = {"resize": own.preprocess.resize or own.preprocess.size, "centre": own.preprocess.centre}
    free = {key: size for key, size in sizes.items() if size and not _only(values, (f"preprocess.{key}",))}
    scaled: dict[str, Any] = {key: round(size * ratio) for key, size in free.items()}
    augment = recipe.augment
    if augment.scale and not _only(values, ("augment.scale",)):
        low, high = augment.scale
        augment = dataclasses.replace(augment, scale=(round(low * ratio), round(high * ratio)))
    return dataclasses.replace(recipe, preprocess=dataclasses.replace(recipe.preprocess, **scaled), augment=augment)


def _recipe(request: Request, name: str, source: Source, donor: runs.Loaded | None) -> tuple[Recipe, list[str]]:
    """The recipe that is asked for or fits, with pictures as the trained weights know them, and what is said of it."""
    if donor is None:
        recipe, said = choose_recipe(request.recipe, papers.find(name), source)
        if recipe.name == "finetune" and request.grow_from is None:
            said.append("warning: finetune is for trained weights, and these are random; --weights W starts from some")
        return recipe, said
    why = "asked for with --recipe" if request.recipe else "what trained weights need"
    recipe, said = choose_recipe(request.recipe or "finetune", papers.find(name), source, why)
    recipe = dataclasses.replace(recipe, preprocess=_prepared_as(donor.preprocess, source))
    return recipe, [*said, *_heads(donor, source, request)]


def _prepared_as(weights: spec.Preprocess, source: Source) -> spec.Preprocess:
    """Preprocessing as the weights know it; pictures of one other size are then made theirs."""
    resize = weights.resize
    if resize is None and common_size(source) != weights.size:
        resize = weights.size
    return dataclasses.replace(weights, resize=resize)


def _heads(donor: runs.Loaded, source: Source, request: Request) -> list[str]:
    """The line on whose classes the classifier has. Raises CheckpointError where it should be kept and cannot be."""
    if grow.keeps_head(donor, source.classes):
        return [f"weights {request.weights}: the classifier is kept, its classes are the data's"]
    both = f"{len(donor.classes)} classes ({few(donor.classes)}) to {len(source.classes)} ({few(source.classes)})"
    if request.keep_head:
        raise CheckpointError(f"--keep-head: {request.weights} has other classes than the data: {both}")
    return [f"weights {request.weights}: a new classifier, from {both}"]


def _what(request: Request, donor: runs.Loaded | None) -> tuple[str, str]:
    """The network and the data; with neither, a small network on the built-in digits."""
    if donor is not None and request.data is not None:
        return donor.network.name, request.data
    if request.model is None and donor is None:
        return DEMO_NETWORK, request.data or DEMO_DATA
    entry = papers.find(request.model or str(donor and donor.network.name))
    if request.data is None:
        raise UsageError(
            f"no --data given; {entry.name} was published on {entry.dataset}; "
            "name a folder of pictures, or try the built-in --data digits"
        )
    return entry.name, request.data


def _overrides(
    name: str, axes: dict[str, Any], source: Source, recipe: Recipe, said: list[str]
) -> dict[str, Any]:
    """The network's axes: the recipe's, the data's and the user's; what the network cannot take of the recipe's is
    said."""
    known = models.axes(name)
    own = {axis: value for axis, value in recipe.model.items() if axis in known}
    unknown = {axis: value for axis, value in recipe.model.items() if axis not in known}
    said += [f"{name} has no {axis}, which the recipe sets to {value}" for axis, value in unknown.items()]
    overrides = {**own, **axes, "num_classes": len(source.classes), "in_channels": recipe.preprocess.channels}
    if "input_size" in known:
        overrides.setdefault("input_size", recipe.preprocess.size)
    return overrides


def _check_network(name: str, overrides: dict[str, Any], recipe: Recipe, pictures: int) -> None:
    """Refuse pictures that are too small for the network, and batches too small for its batch normalisation."""
    with torch.device("meta"):
        network = models.create_model(name, **overrides)
        frozen_rows(network, recipe.freeze)
        size, together = recipe.preprocess.size, min(recipe.batch_size // recipe.accumulate, pictures)
        network.check_input(size, size)
        if recipe.auxiliary:
            models.with_auxiliary(network, size=size)
        try:
            network.train()(torch.empty(together, recipe.preprocess.channels, size, size))
        except ValueError:
            raise UsageError(
                f"{name}: batch normalisation over a 1x1 map needs two pictures at a time, not {together}; "
                "raise --batch-size, or --img-size"
            ) from None


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
