"""Recipes as data: reading, overriding, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from convnets import recipes, spec
from convnets.errors import UsageError
from convnets.spec import SGD, Recipe, RMSProp, Step


@pytest.mark.parametrize("name", recipes.paper_recipes())
def test_a_recipe_survives_json(name: str) -> None:
    recipe = recipes.find(name)
    assert recipe.name == name
    assert spec.from_dict(Recipe, spec.to_dict(recipe)) == recipe


def test_values_are_read_by_the_fields_type() -> None:
    recipe = spec.override(
        Recipe(),
        ["optimizer.lr=0.05", "optimizer.nesterov=true", "epochs=7", "augment.area=0.2,0.9", "preprocess.resize=none",
         "schedule=step", "schedule.milestones=3,5", "precision=bfloat16"],
    )  # fmt: skip
    assert recipe.optimizer == SGD(lr=0.05, nesterov=True) and recipe.epochs == 7
    assert recipe.augment.area == (0.2, 0.9) and recipe.preprocess.resize is None
    assert recipe.schedule == Step(milestones=(3.0, 5.0)) and recipe.precision == "bfloat16"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optimiser.lr=1", r"unknown key optimiser\.lr; valid keys: .*optimizer\.lr"),
        ("optimizer.rate=1", r"unknown key optimizer\.rate; valid keys: .*optimizer\.lr"),
        ("optimizer.lr=fast", r"optimizer\.lr: 'fast' is not a number"),
        ("epochs=2.5", r"epochs: '2\.5' is not a whole number"),
        ("optimizer.nesterov=maybe", r"optimizer\.nesterov: 'maybe' is not true or false"),
        ("precision=float8", r"precision: 'float8' is not one of auto, float32"),
        ("schedule=lineal", r"schedule: no such schedule as 'lineal'; valid: constant, step"),
        ("optimizer=sdg", r"no such optimizer as 'sdg'; valid: sgd, rmsprop, adamw"),
        ("augment.area=1", r"augment\.area: '1' is not"),
        ("epochs", r"--set takes KEY=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        spec.override(Recipe(), [assignment])


def test_a_recipe_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3  # type: ignore[misc]


def test_an_optimizer_is_chosen_by_its_name() -> None:
    recipe = spec.override(Recipe(), ["optimizer=rmsprop", "optimizer.lr=0.01", "warmup.until_error=80"])
    assert recipe.optimizer == RMSProp(lr=0.01) and recipe.warmup.until_error == 80
    assert spec.from_dict(Recipe, spec.to_dict(recipe)) == recipe
