"""From what a user asks for to a plan: the data, the network, the recipe and why it was taken."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .. import models, papers, recipes, spec
from ..data import Source, Statistics, check, measure, open_source
from ..errors import DataError, UsageError
from ..network import Network
from ..spec import Recipe
from . import grow
from .check import check_recipe
from .choose import choose_recipe
from .schedules import rescale

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
        return make_network(self.name, self.overrides, self.recipe.seed, self.request.grow_from, tell)


def make_plan(request: Request) -> Plan:
    """Choose network, data and recipe. Everything that can be refused is refused here, before the first step."""
    name, data = _what(request)
    recipe_values, axes = split_assignments(request.assignments)
    seed = [] if request.seed is None else [f"seed={request.seed}"]
    ours = request.recipe is None or request.recipe in recipes.OURS
    asked = Recipe() if ours else recipes.find(str(request.recipe))
    early = spec.override(asked, [*_only(recipe_values, ("seed", "val_fraction")), *seed])
    source = open_source(data, val_fraction=early.val_fraction, seed=early.seed, allow_empty=request.allow_empty)
    if "train" not in source.splits:
        raise DataError(f"{data}: has no train split; training needs root/train/CLASS/* or one folder of class folders")
    recipe, said = choose_recipe(request.recipe, papers.find(name), source)
    later = spec.override(recipe, [*_only(recipe_values, ("seed", "val_fraction")), *seed])
    if later.val_fraction != early.val_fraction:  # the recipe was only known once the data was
        source = open_source(data, val_fraction=later.val_fraction, seed=later.seed, allow_empty=request.allow_empty)
    if recipe.name == "finetune" and request.grow_from is None:
        said.append("warning: finetune is for trained weights, and these are random; --grow-from RUN starts from some")
    if request.epochs is not None and request.epochs != recipe.epochs:
        if request.epochs < 1:
            raise UsageError(f"--epochs {request.epochs}: must be at least 1")
        recipe, changes = rescale(recipe, request.epochs)
        said.append(f"--epochs rescales the recipe: {', '.join(changes)}")
    own = recipe
    recipe = spec.override(own, [*_channels(own.preprocess, source.channels), *recipe_values, *seed])
    if recipe.preprocess.size != own.preprocess.size:
        recipe = _in_proportion(recipe, own, recipe_values)
    overrides = _overrides(name, axes, source, recipe, said)
    check_recipe(recipe, len(source.splits["train"]))
    _check_network(name, overrides, recipe, len(source.splits["train"]))
    source = check(source, bad=request.bad_images)
    check_recipe(recipe, len(source.splits["train"]))  # again: bad pictures may have been left out
    preprocess, statistics = measure(source.splits["train"], recipe.preprocess, recipe.augment)
    recipe = dataclasses.replace(recipe, preprocess=preprocess)
    return Plan(papers.find(name).name, overrides, recipe, statistics, source, data, request, tuple(said))


def make_network(
    name: str, overrides: dict[str, Any], seed: int, grow_from: str | None, tell: Callable[[str], object] = print
) -> Network:
    """The network with the initial weights that the seed gives, and what it takes from another run."""
    torch.manual_seed(seed)
    network = models.create_model(name, **overrides)
    if grow_from is not None:
        tell(grow.describe(network, grow.grow(network, grow_from), grow_from))
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
