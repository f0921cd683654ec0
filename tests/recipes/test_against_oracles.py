"""The recipes against ../shared/papers: field by field, and no number of an oracle left out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from convnets import recipes
from convnets.data.augment import augment_batch
from convnets.recipes import PaperRecipe
from convnets.spec import flatten, to_dict

from ..oracles import FAMILIES, SHARED, oracle

pytestmark = pytest.mark.skipif(not (SHARED / "papers").is_dir(), reason="needs the papers' oracles in ../shared")

# A number as papers and authors' files write them, also a factor (x0.94); not part of a name (conv4, v3).
NUMBER = re.compile(r"10\^-?\d|(?:(?<![A-Za-z_\d.])|(?<=\bx))(\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)(k\b|M\b| million\b)?")
UNITS = {None: 1.0, "k": 1e3, "M": 1e6, " million": 1e6}


def number(match: re.Match[str]) -> float:
    """0.045, 1e-4, 10^-3, 1,281,167, 45k or 1.2 million."""
    if match[0].startswith("10^"):
        return 10.0 ** int(match[0][3:])
    return float(match[1].replace(",", "")) * UNITS[match[2]]


def numbers(value: Any) -> list[float]:
    """All of a text, in order."""
    return [number(match) for match in NUMBER.finditer(str(value))]


def at(family: str, path: str) -> Any:
    """What an oracle has at `training.cifar10.lr` or `evaluation.0.detail`."""
    node: Any = oracle(family)
    for key in path.split("."):
        node = node[int(key)] if isinstance(node, list) else node[key]
    return node


# recipe -> section of its oracle -> field -> where the number stands there: a path, and which of the text's numbers
Places = dict[str, tuple[str, int]]
Place = str | tuple[str, int]  # without a number the first


def same(*keys: str, **others: Place) -> Places:
    """Fields of the optimizer and the run under the names that oracles use; others as `field__part=path`."""
    names = {"lr": "optimizer.lr", "lr0": "optimizer.lr", "initial_lr": "optimizer.lr", "base_lr": "optimizer.lr",
             "momentum": "optimizer.momentum", "weight_decay": "optimizer.weight_decay", "batch": "batch_size",
             "decay": "optimizer.decay", "eps": "optimizer.epsilon"}  # fmt: skip
    places: Places = {names.get(key, key): (key, 0) for key in keys}
    for field, place in others.items():
        places[field.replace("__", ".")] = (place, 0) if isinstance(place, str) else place
    return places


RESNET_CIFAR = same("lr", "momentum", "weight_decay", "batch_size", schedule__factor="schedule")
STEPS: dict[str, Place] = {"schedule__factor": "schedule", "schedule__milestones": ("schedule", 1)}
CHECKS: dict[str, dict[str, Places]] = {
    "alexnet/imagenet": {
        "training": same("initial_lr", "momentum", "weight_decay", "batch_size", "epochs", schedule__factor="schedule",
                         schedule__drops=("schedule", 1)),
        "training.preprocessing": same(preprocess__resize="resize", preprocess__centre=("resize", 1)),
        "training.augmentation": same(preprocess__size="crop", augment__lighting=("pca_colour", -1)),
    },
    "zfnet/imagenet": {
        "training": same("initial_lr", "momentum", "batch_size", "epochs", preprocess__resize="preprocessing",
                         preprocess__centre=("preprocessing", 1), preprocess__size=("preprocessing", -1)),
        "training.filter_clipping": same(filter_rms="rule"),
    },
    "nin/cifar10": {
        "training": same("batch_size", optimizer__momentum="optimizer"),
        "training.torch_equivalent_derived.cifar10": same("lr", "weight_decay"),
    },
    "nin/cifar100": {"training.torch_equivalent_derived.cifar100": same("lr", "weight_decay")},
    "nin/mnist": {"training.torch_equivalent_derived.cifar10": same("lr", "weight_decay")},
    "nin/svhn": {"training.torch_equivalent_derived.cifar10": same("lr", "weight_decay")},
    "vgg/imagenet": {
        "training": same("initial_lr", "momentum", "weight_decay", "batch_size", "epochs", schedule__factor="schedule",
                         schedule__drops=("schedule", 1)),
        "training.augmentation": same(preprocess__size="crop", preprocess__resize="scale_fixed"),
    },
    "vgg/imagenet-384": {
        "training.augmentation": same(preprocess__resize=("scale_fixed", 1), optimizer__lr=("s384", 1)),
    },
    "vgg/imagenet-jitter": {"training.augmentation": same(augment__scale="scale_jitter")},
    "googlenet/imagenet": {
        "training": same(optimizer__momentum="optimizer", schedule__factor="schedule", schedule__every=("schedule", 1),
                         auxiliary="aux_loss_weight"),
        "training.silent_values_from_caffe_replication": same("base_lr", "batch", "weight_decay", "epochs"),
    },
    "googlenet/imagenet-quick": {
        "training.silent_values_from_caffe_replication": same(schedule__power="quick", epochs=("quick", -1)),
    },
    "bn_inception/imagenet": {
        "training.common": same("batch_size"), "training.recipes.3": same("lr0", model__dropout="dropout"),
    },
    "bn_inception/imagenet-x5": {"training.recipes.2": same("lr0", model__dropout="dropout")},
    "bn_inception/imagenet-x5-sigmoid": {"training.recipes.4": same("lr0")},
    "bn_inception/imagenet-baseline": {
        "training.recipes.1": same("lr0", model__dropout="dropout"), "training.common": same("batch_size"),
    },
    "bn_inception/imagenet-inception": {"training.recipes.0": same("lr0", model__dropout="dropout")},
    "bn_inception/mnist": {"training.mnist": same("batch_size")},
    "inception_v3/imagenet": {
        "training": same("lr0", "batch_size", "epochs", schedule__factor="lr_schedule",
                         schedule__every=("lr_schedule", 1)),
        "training.optimizer_best": same("decay", "eps"),
        "training.gradient_clipping": same(clip="threshold"),
        "training.label_smoothing": same(label_smoothing="eps"),
        "training.released_code": same("weight_decay", ema="ema_decay", auxiliary="aux_loss_weight"),
        "training.released_code.rmsprop": same("momentum"),
        "training.released_code.crop": same(augment__area="area", augment__aspect="aspect"),
        "training.released_code.color": same(augment__colour__hue="hue_delta",
                                             augment__colour__shift="brightness_delta"),
    },
    "inception_v4/imagenet": {
        "training": same("lr0", schedule__factor="lr_schedule", schedule__every=("lr_schedule", 1),
                         epochs=("epochs", 1), optimizer__weight_decay="weight_decay"),
        "training.optimizer_best": same("decay", "eps"),
    },
    "inception_v4/imagenet-resnet-v1": {"training": same("lr0", "epochs")},
    "resnet/imagenet": {
        "training.imagenet": same("lr", "momentum", "weight_decay", "batch_size", epochs=("iterations", 1)),
        "training.imagenet.augmentation": same(augment__scale="0", augment__lighting=("3", -1)),
    },
    "resnet/cifar10": {
        "training.cifar10": RESNET_CIFAR, "training.cifar10.augmentation": same(augment__pad="0", preprocess__size="1"),
    },
    "resnet/cifar10-110": {
        "training.cifar10": RESNET_CIFAR, "training.cifar10.warmup": same(warmup__until_error="until"),
    },
    "preact_resnet/cifar10": {"training.cifar": RESNET_CIFAR},
    "preact_resnet/cifar100": {"training.cifar": RESNET_CIFAR},
    "preact_resnet/imagenet": {
        "training.imagenet": same("lr", "momentum", "weight_decay", "batch_size", epochs=("epochs", -1), **STEPS),
    },
    "stochastic_depth/cifar10": {
        "training.cifar": same("lr", "weight_decay", "batch_size", "epochs", optimizer__momentum="optimizer",
                               model__survival="p_L", **STEPS),
        "training.cifar.augmentation": same(augment__pad="1"),
    },
    "stochastic_depth/cifar10-1202": {
        "training.cifar_1202": same("epochs", warmup__epochs=("lr", 1), optimizer__lr=("lr", 2), **STEPS),
    },
    "stochastic_depth/svhn": {"training.svhn": same("lr", "batch_size", "epochs", **STEPS)},
    "stochastic_depth/imagenet": {"training.imagenet_152_v3": same("batch_size", epochs=("epochs", 1))},
    "wide_resnet/cifar10": {
        "training.cifar": same("lr", "batch_size", "epochs"),
        "training.cifar.from_code": same("momentum", "weight_decay", **STEPS),
        "training.cifar.augmentation": same(augment__pad="1"),
    },
    "wide_resnet/cifar100-dropout": {"training.cifar": same("lr", "batch_size", "epochs", model__dropout="dropout")},
    "wide_resnet/svhn": {
        "training.svhn": same("lr", "epochs"),
        "training.svhn.from_code": same("weight_decay", "batch_size", **STEPS),
    },
    "wide_resnet/svhn-dropout": {"training.svhn": same("lr", "epochs", model__dropout="dropout")},
    "densenet/cifar10": {
        "training.cifar": same("lr", "weight_decay", "batch_size", "epochs", optimizer__momentum="optimizer",
                               schedule__factor="schedule"),
    },
    "densenet/cifar10-plain": {"training.cifar": same("lr", "batch_size", "epochs", model__dropout="dropout")},
    "densenet/svhn": {"training.svhn": same("lr", "batch_size", "epochs", model__dropout="dropout")},
    "densenet/imagenet": {
        "training.imagenet": same("lr", "momentum", "weight_decay", "batch_size", "epochs", **STEPS),
    },
    "xception/imagenet": {
        "training.imagenet": same("lr0", "momentum", schedule__factor="lr_schedule",
                                  schedule__every=("lr_schedule", 1)),
        "training.imagenet.weight_decay": same(optimizer__weight_decay="xception"),
    },
    "resnext/imagenet": {"training.imagenet": same("lr", "momentum", "weight_decay", "batch_size", "epochs")},
    "resnext/cifar10": {
        "training.cifar": same("lr", "momentum", "weight_decay", "batch_size", "epochs",
                               schedule__milestones="schedule", schedule__factor=("schedule", -1)),
    },
    "senet/imagenet": {
        "training.imagenet": same("lr", "momentum", "batch_size", "epochs", schedule__factor="schedule"),
        "training.imagenet.repository_augmentation": same(augment__affine__rotate=("rotation_deg", -1),
                                                          augment__colour__shift=("pixel_jitter", -1)),
    },
    "senet/imagenet-154": {
        "training.senet_154": same("lr", "batch_size", label_smoothing=("label_smoothing", -1)),
    },
    "senet/imagenet-ablations": {"training.ablations": same("lr", schedule__factor="schedule")},
    "bag_of_tricks/imagenet": {
        "training.baseline": same("lr0", "batch_size", "epochs", schedule__factor="lr_schedule",
                                  schedule__milestones=("lr_schedule", 1)),
        "training.gluoncv_code": same("momentum", "weight_decay"),
    },
    "bag_of_tricks/imagenet-efficient": {"training.efficient": same("lr0", "batch_size", warmup__epochs=("warmup", 1))},
    "bag_of_tricks/imagenet-smoothing": {"training.label_smoothing": same(label_smoothing="eps")},
    "bag_of_tricks/imagenet-mixup": {"training.mixup": same("epochs", augment__mixup="alpha")},
}  # fmt: skip

# What takes a calculation: recipe, field, what it is worth, and the text of the oracle that this relies on.
CIFAR_STEPS = 45_000 / 128  # of an epoch, of what is left when 5,000 are set aside
WORKED_OUT: list[tuple[str, str, Any, str, str]] = [
    ("alexnet/imagenet", "optimizer.form", "paper", "training.update", "lr inside the velocity"),
    ("alexnet/imagenet", "schedule.kind", "plateau", "training.schedule", "when validation error stops improving"),
    ("alexnet/imagenet", "preprocess.subtract", "pixel", "training.preprocessing.mean", "a mean image"),
    ("alexnet/imagenet", "preprocess.std", (1 / 255,) * 3, "training.preprocessing.scale", "no division"),
    ("alexnet/imagenet", "protocols", ("10crop", "1crop"), "evaluation.0.crops", "4 corners + centre"),
    ("zfnet/imagenet", "augment.ten", True, "training.augmentation", "a fixed set of ten, not random positions"),
    ("zfnet/imagenet", "preprocess.subtract", "pixel", "training.preprocessing", "subtract per-pixel mean"),
    ("nin/cifar10", "optimizer.bias_rate", 2, "training.torch_equivalent_derived.cifar10.lr_bias", "0.2"),
    ("nin/cifar10", "optimizer.head_rate", 0.1, "training.torch_equivalent_derived.cifar10.cccp6_lr", "0.01"),
    ("nin/cifar100", "optimizer.bias_rate", 2, "training.torch_equivalent_derived.cifar100.lr_bias", "0.04"),
    ("nin/cifar100", "optimizer.head_rate", 1, "training.author_params.3.cccp6_epsW", "0.01"),
    ("nin/cifar10", "optimizer.decay_norm_and_bias", False, "training.torch_equivalent_derived.biases_decay", "none"),
    ("nin/cifar10", "epochs", 260, "training.schedule_cifar10_author_readme", "200 epochs at the initial rates"),
    ("nin/cifar10", "schedule.milestones", (200, 230), "training.schedule_cifar10_author_readme", "for 30 epochs"),
    ("vgg/imagenet", "preprocess.subtract", "channel", "training.preprocessing", "a mean colour"),
    ("vgg/imagenet", "schedule.kind", "plateau", "training.schedule", "when validation accuracy stops improving"),
    ("vgg/imagenet", "protocols", ("dense@256", "dense@224+256+288"), "evaluation.1.Q", "{S-32, S, S+32} for fixed S"),
    ("googlenet/imagenet", "augment.area", (0.08, 1), "training.augmentation.recommended", "8% to 100%"),
    ("googlenet/imagenet", "augment.aspect", (3 / 4, 4 / 3), "training.augmentation.recommended", "[3/4, 4/3]"),
    ("googlenet/imagenet", "protocols", ("144crop", "10crop", "1crop"), "evaluation.0.count", "= 144"),
    ("bn_inception/imagenet", "model.lrn", False, "training.recipes.3.lrn", "False"),
    ("bn_inception/imagenet-baseline", "model.lrn", True, "training.recipes.1.lrn", "True"),
    ("bn_inception/imagenet-x5-sigmoid", "model.activation", "sigmoid", "training.recipes.4.activation", "sigmoid"),
    ("bn_inception/mnist", "epochs", 50_000 * 60 / 60_000, "training.mnist.steps", "50000"),
    ("inception_v3/imagenet", "augment.colour.contrast", 0.5, "training.released_code.color.contrast", "0.5, 1.5"),
    ("inception_v3/imagenet", "augment.colour.saturation", 0.5, "training.released_code.color.saturation", "0.5, 1.5"),
    ("inception_v3/imagenet", "optimizer.kind", "rmsprop", "training.optimizer_best.name", "RMSProp"),
    ("inception_v3/imagenet", "preprocess.mean", (0.5,) * 3, "training.released_code.range", "[-1, 1]"),
    ("inception_v3/imagenet", "protocols", ("1crop", "12crop", "144crop"), "evaluation.1.name", "12_crops"),
    ("resnet/imagenet", "schedule.kind", "plateau", "training.imagenet.schedule", "when the error plateaus"),
    ("resnet/imagenet", "preprocess.subtract", "pixel", "training.imagenet.augmentation.2", "per-pixel mean"),
    ("resnet/imagenet", "protocols", ("10crop", "dense@224+256+384+480+640", "1crop"), "evaluation.best_results",
     "{224, 256, 384, 480, 640}"),
    ("resnet/cifar10", "epochs", 64_000 / CIFAR_STEPS, "training.cifar10.iterations", "64000"),
    ("resnet/cifar10", "schedule.milestones", (32_000 / CIFAR_STEPS, 48_000 / CIFAR_STEPS), "training.cifar10.schedule",
     "at 32000 and 48000 iterations"),
    ("resnet/cifar10", "val_fraction", 0.1, "training.cifar10.schedule_chosen_on", "45k/5k"),
    ("resnet/cifar10", "preprocess.subtract", "pixel", "training.cifar10.augmentation.2", "per-pixel mean"),
    ("resnet/cifar10-110", "warmup.start", 0.01 / 0.1, "training.cifar10.warmup.lr", "0.01"),
    ("preact_resnet/cifar10", "warmup.epochs", 400 / CIFAR_STEPS, "training.cifar.warmup", "the first 400 iterations"),
    ("preact_resnet/cifar10", "warmup.start", 0.01 / 0.1, "training.cifar.warmup", "lr 0.01"),
    ("preact_resnet/cifar10", "epochs", 64_000 / CIFAR_STEPS, "training.cifar.iterations", "64000"),
    ("preact_resnet/imagenet", "protocols", ("1crop@320/320", "1crop@256/224"), "evaluation.imagenet",
     "224 from shorter side 256, or 320 from shorter side 320"),
    ("stochastic_depth/cifar10", "optimizer.nesterov", True, "training.cifar.optimizer", "Nesterov"),
    ("stochastic_depth/cifar10", "val_fraction", 0.1, "training.cifar.split", "5000 validation"),
    ("stochastic_depth/cifar10-1202", "warmup.start", 0.01 / 0.1, "training.cifar_1202.lr", "0.01 for the first 10"),
    ("stochastic_depth/svhn", "val_fraction", 6000 / 604_388, "training.svhn.validation", "6000 images"),
    ("wide_resnet/cifar10", "optimizer.nesterov", True, "training.cifar.optimizer", "Nesterov"),
    ("wide_resnet/cifar10", "augment.pad_mode", "reflect", "training.cifar.augmentation.1", "REFLECTION"),
    ("densenet/cifar10", "optimizer.nesterov", True, "training.cifar.optimizer", "Nesterov"),
    ("densenet/cifar10", "schedule.milestones", (150, 225), "training.cifar.schedule", "at 50% and 75% of epochs"),
    ("densenet/svhn", "schedule.milestones", (20, 30), "training.svhn.schedule", "50% and 75%"),
    ("densenet/imagenet", "protocols", ("1crop", "10crop"), "evaluation.imagenet", "single-crop and 10-crop 224"),
    ("resnext/imagenet", "schedule.milestones", (30, 60), "training.imagenet.schedule", "every 30 epochs"),
    ("senet/imagenet", "schedule.milestones", (30, 60, 90), "training.imagenet.schedule", "every 30 epochs"),
    ("senet/imagenet", "sampling", "balanced", "training.imagenet.sampling", "data balancing"),
    ("senet/imagenet-154", "protocols", ("1crop", "1crop@320/320"), "evaluation.senet_154", "224 and 320 crops"),
    ("senet/imagenet-ablations", "schedule.kind", "plateau", "training.ablations.schedule", "plateaus"),
    ("bag_of_tricks/imagenet", "optimizer.nesterov", True, "training.baseline.optimizer", "Nesterov"),
    ("bag_of_tricks/imagenet", "augment.area", (0.08, 1), "training.preprocessing_train.1", "[8%, 100%]"),
    ("bag_of_tricks/imagenet-efficient", "optimizer.decay_norm_and_bias", False, "training.efficient.no_bias_decay",
     "not on biases, gamma, beta"),
    ("bag_of_tricks/imagenet-efficient", "model.zero_gamma", True, "training.efficient.zero_gamma", "True"),
    ("bag_of_tricks/imagenet-efficient", "warmup.start", 0, "training.efficient.warmup", "linear from 0"),
    ("bag_of_tricks/imagenet-cosine", "schedule.kind", "cosine", "training.cosine.formula", "cos("),
]  # fmt: skip

# Leaves of an oracle that hold a number which no recipe repeats, and why.
DERIVED = "worked out in the oracle from numbers that the recipe has"
NOT_REPEATED: dict[str, str] = {
    "alexnet training.schedule": "the rates that three drops give",
    "alexnet training.iterations_derived": DERIVED,
    "alexnet training.augmentation.factor_derived": DERIVED,
    "nin training.torch_equivalent_derived.cifar100.lr_bias": "twice the rate, as bias_rate says",
    "vgg init.mapping_trap": "channels of the network's own rows",
    "vgg training.check_derived": DERIVED,
    "googlenet training.silent_values_from_caffe_replication.source_seen": "a commit's hash",
    "googlenet training.silent_values_from_caffe_replication.check_derived": DERIVED,
    "bn_inception training.common.lr_schedule": "GoogLeNet's arXiv number",
    "bn_inception training.recipes.2.l2_factor": "2e-4 over 5, held above",
    "bn_inception training.recipes.3.l2_factor": "2e-4 over 5, held above",
    "bn_inception evaluation.0.detail": "the number of classes",
    "inception_v3 training.released_code.source": "a year",
    "resnet init.weights": "the number of a reference",
    "resnet training.cifar10.epochs_equivalent": DERIVED,
}


def flat(recipe: str | PaperRecipe) -> dict[str, Any]:
    one = recipes.paper_recipe(recipe) if isinstance(recipe, str) else recipe
    values: dict[str, Any] = flatten(to_dict(one.recipe))
    return values


def family_of(recipe: str) -> str:
    return recipe.partition("/")[0]


@pytest.mark.parametrize("name", CHECKS)
def test_a_field_is_the_oracles_number_and_has_its_place(name: str) -> None:
    family, values, one = family_of(name), flat(name), recipes.paper_recipe(name)
    for section, places in CHECKS[name].items():
        for field, (path, index) in places.items():
            found, value = numbers(at(family, f"{section}.{path}")), values[field]
            expected: Any = found[index]
            if field == "schedule.factor" and expected == 10:  # "divide by 10"
                expected = 0.1
            if isinstance(value, list):  # as many numbers as it has
                expected = found[index : index + len(value)]
            assert value == pytest.approx(expected), f"{field}: {value} against {section}.{path}: {found}"
            assert one.place(field), f"{field} is marked as ours"


@pytest.mark.parametrize(
    ("name", "field", "expected", "path", "words"), WORKED_OUT, ids=[f"{row[0]}-{row[1]}" for row in WORKED_OUT]
)
def test_a_field_is_what_the_oracles_words_give(name: str, field: str, expected: Any, path: str, words: str) -> None:
    assert words in str(at(family_of(name), path))
    value = flat(name)[field]
    expected = list(expected) if isinstance(expected, tuple) else expected
    exact = isinstance(expected, str | bool) or (isinstance(expected, list) and isinstance(expected[0], str))
    assert value == (expected if exact else pytest.approx(expected, rel=1e-3))
    assert recipes.paper_recipe(name).place(field), f"{field} is marked as ours"


def test_the_ratios_of_batch_normalisations_paper() -> None:
    """Sec. 4.2.1: a fifth of the decay, falling six times as fast, than a value and a rate that it does not give."""
    fast, slow = flat("bn_inception/imagenet-x5"), flat("bn_inception/imagenet-baseline")
    block = at("bn_inception", "training.recipes.2")
    assert fast["optimizer.weight_decay"] == pytest.approx(slow["optimizer.weight_decay"] * block["l2_factor"])
    assert fast["schedule.every"] == pytest.approx(slow["schedule.every"] / block["lr_decay_speed"])
    assert slow["schedule.every"] == numbers(at("googlenet", "training.schedule"))[1]


NOT_STATED: dict[str, dict[str, str]] = {  # recipe: fields of which the oracle says that the paper does not give them
    "zfnet/imagenet": {"optimizer.weight_decay": "training.weight_decay"},
    "senet/imagenet": {"optimizer.weight_decay": "training.imagenet.weight_decay"},
    "xception/imagenet": {"batch_size": "training.imagenet.batch_size"},
    "inception_v4/imagenet": {"batch_size": "training.batch_size"},
    "bn_inception/imagenet": {"optimizer.momentum": "training.common.optimizer"},
    "bn_inception/mnist": {"optimizer.lr": "training.mnist.optimizer_lr"},
}


@pytest.mark.parametrize("name", NOT_STATED)
def test_what_the_paper_does_not_say_is_ours_or_the_codes(name: str) -> None:
    one = recipes.paper_recipe(name)
    for field, path in NOT_STATED[name].items():
        assert re.search("not (stated|given)", at(family_of(name), path))
        assert (one.place(field) or "code").startswith("code"), f"{field} has a place in the paper"


PASSED_ON = {  # variants: fields that keep the base's value but not its place, since the paper says it of that alone
    "vgg/imagenet-jitter": "optimizer.lr",
    "nin/cifar10-plain": "augment.mixup",
    "nin/svhn": "schedule.kind",
    "nin/mnist": "schedule.kind",
    "senet/imagenet-ablations": "epochs",
}


@pytest.mark.parametrize(("name", "field"), PASSED_ON.items())
def test_a_variant_does_not_take_a_place_that_is_anothers(name: str, field: str) -> None:
    assert recipes.paper_recipe(name).place(field) is None


def test_zfnet_trains_on_ten_crops() -> None:
    """Five places, and their mirror images."""
    assert "10 sub-crops" in at("zfnet", "training.augmentation")
    recipe = recipes.find("zfnet/imagenet")
    pictures = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), np.uint8)
    batch = np.broadcast_to(pictures, (100, 256, 256, 3))
    crops = augment_batch(batch, recipe.preprocess, recipe.augment, 0, 0, np.arange(100))
    assert len({crop.tobytes() for crop in crops}) == 10


def leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All values below a node with their paths; places in the paper are none."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if not str(key).endswith(("where", "where_preprocessing")):
                yield from leaves(value, f"{path}.{key}")
    else:
        yield path, node


def told(family: str) -> set[float]:
    """Every number in a family's recipes and facts, shares also in percent and pixels also over 255."""
    found: set[float] = set()
    for one in recipes.paper_recipes(family).values():
        texts = [*flat(one).values(), *(" ".join(fact) for fact in one.facts), *one.said]
        found |= {value for text in texts for value in numbers(text)}
    small = {value for value in found if value <= 1}
    return {float(f"{value:.6g}") for value in found | {100 * value for value in small} | {255 * one for one in small}}


def left_out(family: str) -> dict[str, set[float]]:
    """Leaves of the oracle with their numbers that no recipe of the family has."""
    own, missing = told(family), dict[str, set[float]]()
    for section in ("init", "training", "evaluation"):
        for path, value in leaves(oracle(family).get(section), section):
            if here := {float(f"{one:.6g}") for one in numbers(value)} - own:
                missing[f"{family} {path}"] = here
    return missing


@pytest.mark.parametrize("family", FAMILIES)
def test_no_number_of_the_oracle_is_left_out(family: str) -> None:
    missing = left_out(family)
    expected = {path for path in NOT_REPEATED if family_of(path.replace(" ", "/")) == family}
    assert set(missing) == expected, {path: missing[path] for path in set(missing) - expected}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fact_has_its_place_and_initial_weights_are_among_them(family: str) -> None:
    for one in recipes.paper_recipes(family).values():
        assert all(fact.what and fact.value and fact.where for fact in one.facts)
    facts = [fact.what for one in recipes.paper_recipes(family).values() for fact in one.facts]
    assert any("initial" in what or "weights" in what for what in facts), f"{family}: nothing about initial weights"


def test_a_number_that_is_taken_out_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = recipes.paper_recipe("resnet/cifar10-110")
    poorer = {
        name: dataclasses.replace(other, facts=tuple(fact for fact in other.facts if "64,000" not in fact.value))
        for name, other in {**recipes.paper_recipes("resnet"), "x": one}.items()
    }
    monkeypatch.setattr(recipes, "paper_recipes", lambda family: poorer)
    assert "resnet training.cifar10.iterations" in left_out("resnet")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,281,167 pictures", [1281167]),
        ("45k/5k", [45000, 5000]),
        ("1.2 million, 2.4M", [1.2e6, 2.4e6]),
        ("1e-4 and 10^-3", [1e-4, 1e-3]),
        ("x0.94 in v3 behind conv4, 3x3", [0.94, 3]),
        ("[-10, 0.5]", [10, 0.5]),
    ],
)
def test_numbers_are_read(text: str, expected: list[float]) -> None:
    assert numbers(text) == pytest.approx(expected)
