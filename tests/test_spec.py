"""Recipes as data: reading, overriding, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from convnets import recipes, spec
from convnets.errors import UsageError
from convnets.recipes.quick import quick
from convnets.spec import Augment, Plateau, Recipe, Step


@pytest.mark.parametrize("name", recipes.RECIPES)
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
    assert recipe.optimizer.lr == 0.05 and recipe.optimizer.nesterov is True and recipe.epochs == 7
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
        ("schedule=linear", r"schedule: no such schedule|unknown key schedule"),
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


def test_the_papers_numbers() -> None:
    """ResNet Sec. 4.2 on CIFAR-10: 64,000 iterations of 128 out of 45,000, drops at 32,000 and 48,000."""
    recipe = recipes.find("resnet/cifar10")
    steps = 45_000 // recipe.batch_size
    assert isinstance(recipe.schedule, Step)
    assert recipe.epochs * steps == pytest.approx(64_000, rel=2e-3)
    assert [m * steps for m in recipe.schedule.milestones] == pytest.approx([32_000, 48_000], rel=2e-3)
    assert (recipe.optimizer.lr, recipe.optimizer.momentum, recipe.optimizer.weight_decay) == (0.1, 0.9, 1e-4)
    assert recipe.augment == Augment(pad=4, flip=True) and recipe.optimizer.decay_norm_and_bias
    imagenet = recipes.find("resnet/imagenet")
    assert (imagenet.batch_size, imagenet.epochs, imagenet.preprocess.size) == (256, 120, 224)
    assert isinstance(imagenet.schedule, Plateau) and imagenet.schedule.factor == 0.1
    alexnet = recipes.find("alexnet/imagenet")
    assert (alexnet.optimizer.lr, alexnet.optimizer.weight_decay) == (0.01, 5e-4)
    assert (alexnet.batch_size, alexnet.epochs) == (128, 90)
    vgg = recipes.find("vgg/imagenet")
    assert (vgg.optimizer.lr, vgg.optimizer.weight_decay) == (0.01, 5e-4)
    assert (vgg.batch_size, vgg.epochs) == (256, 74)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no recipe called 'resnet/cifar'; recipes: quick, resnet/cifar10"):
        recipes.find("resnet/cifar")


def test_quick_fits_the_data() -> None:
    cifar = quick(45_000, 32, 32, 3, normalised=True)
    assert (cifar.epochs, cifar.batch_size, cifar.preprocess.size) == (15, 64, 32)
    assert cifar.augment == Augment(pad=4, flip=True) and cifar.preprocess.resize is None
    enlarged = quick(54_000, 28, 32, 1, normalised=True)
    assert (enlarged.preprocess.size, enlarged.preprocess.resize, enlarged.preprocess.channels) == (32, 32, 1)
    assert not enlarged.augment.flip and enlarged.augment.area is None
    photographs = quick(200, None, 128, 3, normalised=False)
    assert photographs.epochs == 40 and photographs.batch_size == 20 and photographs.augment.area is not None
    assert photographs.preprocess.resize == 146 and photographs.optimizer.lr < cifar.optimizer.lr
