"""Which recipe a network gets on which data, when nobody says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convnets import papers
from convnets.data import Source, Split
from convnets.data.pictures import MemoryPictures, Names, array_split
from convnets.train.choose import choose_recipe, data_set


def source(name: str, classes: int, channels: int, side: int, digits: bool = False) -> Source:
    labels = np.arange(classes)
    names = tuple(map(str, labels)) if digits else tuple(f"class{label}" for label in labels)
    pictures = np.broadcast_to(np.uint8(0), (classes, side, side, channels))
    split = array_split(pictures, labels, "train")
    return Source(name, names, {"train": split}, channels, (side, side), {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (source("cifar10", 10, 3, 32), "cifar10"),
        (source("CIFAR100", 100, 3, 32), "cifar100"),
        (source("mine", 10, 3, 32), "cifar10"),
        (source("mine", 10, 3, 32, digits=True), "svhn"),
        (source("mine", 100, 3, 32), "cifar100"),
        (source("mine", 10, 1, 28), "mnist"),
        (source("svhn", 10, 3, 32), "svhn"),
        (source("imagenet", 1000, 3, 224), "imagenet"),
        (source("imagenet", 100, 3, 224), "imagenet"),
        (source("imagenet", 1000, 3, 64), None),  # made small, it is another data set
        (source("mine", 1000, 3, 256), "imagenet"),
        (source("mine", 1000, 3, 64), None),
        (source("mine", 999, 3, 256), None),
        (source("cifar10", 10, 3, 96), None),
        (source("mine", 10, 3, 33), None),
        (source("digits", 10, 1, 8), None),
    ],
)
def test_a_data_set_is_known_by_its_name_or_its_outline(given: Source, expected: str | None) -> None:
    assert data_set(given)[0] == expected


def test_a_data_set_is_known_by_pictures_of_all_sizes_and_not_by_oblong_ones() -> None:
    oblong = np.zeros((20, 32, 3), np.uint8)
    mixed = [np.zeros((20 + index % 7, 32, 3), np.uint8) for index in range(1000)]
    for pictures, classes, expected in (([oblong] * 10, 10, None), ([oblong] * 1000, 1000, None),
                                        (mixed, 1000, "imagenet"), (mixed[:10], 10, None)):  # fmt: skip
        labels = np.arange(classes)
        split = Split(MemoryPictures(pictures, Names("train", labels)), labels)
        given = Source("mine", tuple(f"class{label}" for label in labels), {"train": split}, 3, None, {})
        assert data_set(given)[0] == expected


@pytest.mark.parametrize(
    ("network", "given", "recipe"),
    [
        ("resnet20", source("cifar10", 10, 3, 32), "resnet/cifar10"),
        ("resnet110", source("cifar10", 10, 3, 32), "resnet/cifar10-110"),
        ("resnet50", source("imagenet", 1000, 3, 224), "resnet/imagenet"),
        ("resnet50_v15", source("imagenet", 1000, 3, 224), "bag_of_tricks/imagenet"),
        ("nin_mnist", source("x", 10, 1, 28), "nin/mnist"),
        ("vgg16", source("imagenet", 1000, 3, 224), "vgg/imagenet"),
        ("wrn_28_10", source("svhn", 10, 3, 32), "wide_resnet/svhn"),
        ("vgg16", source("cifar10", 10, 3, 32), "quick"),
        ("resnet20", source("digits", 10, 1, 8), "quick"),
    ],
)
def test_the_papers_own_recipe_is_the_default(network: str, given: Source, recipe: str) -> None:
    chosen, said = choose_recipe(None, papers.find(network), given)
    assert chosen.name.startswith(recipe) and said[0].startswith(f"recipe {chosen.name} (")


@pytest.mark.parametrize("asked", ["quick", "finetune", "resnet/imagenet"])
def test_what_is_asked_for_is_taken(asked: str) -> None:
    chosen, said = choose_recipe(asked, papers.find("resnet20"), source("cifar10", 10, 3, 32))
    assert chosen.name == asked and "asked for" in said[0]


def test_every_network_can_be_fine_tuned(tmp_path: Path) -> None:
    given = source("mine", 5, 3, 100)
    for name in papers.names():
        recipe, _ = choose_recipe("finetune", papers.find(name), given)
        assert recipe.name == "finetune" and recipe.optimizer.head_rate > 1
