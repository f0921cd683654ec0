"""What a paper's recipe is expected to give, and what it costs, from the papers' records. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .. import papers
from .record import PaperRecipe

# Training pictures of each data set. ImageNet has a validation split of its own; of the others one is cut.
PICTURES = {"imagenet": 1_281_167, "cifar10": 50_000, "cifar100": 50_000, "svhn": 604_388, "mnist": 60_000}
TEST_SETS = {
    "imagenet": ("ImageNet ", "ILSVRC-"),
    "cifar10": ("CIFAR-10 ",),
    "cifar100": ("CIFAR-100 ",),
    "svhn": ("SVHN ",),
    "mnist": ("MNIST ",),
}
STEP = 3  # passes' worth of work in a training step: one forward, and two for the gradients of maps and weights


def networks(one: PaperRecipe) -> list[papers.Entry]:
    """The networks of the catalogue that it trains, the papers' before those of other libraries."""
    family = one.recipe.name.partition("/")[0]
    entries = [papers.find(name) for name in papers.names()]
    return sorted((e for e in entries if e.family == family and one.trains(e.name)), key=lambda entry: entry.peer)


def results(one: PaperRecipe) -> Iterator[tuple[str, papers.Result]]:
    """The errors that the paper itself reports of the networks that it trains: their name and the result."""
    for entry in networks(one):
        for result in entry.results:
            text = f"{result.protocol}; {result.note}" if result.note else result.protocol
            own = not result.source and result.dataset.startswith(TEST_SETS[one.dataset])
            if own and re.search(one.results, text):
                yield entry.name, result


def pictures(one: PaperRecipe) -> int:
    """Training pictures of one epoch."""
    kept = 1.0 if one.dataset == "imagenet" else 1 - one.recipe.val_fraction
    return round(PICTURES[one.dataset] * kept)


def multiply_adds(one: PaperRecipe, entry: papers.Entry) -> int:
    """Multiply-adds of training this network by the whole recipe, at the input size of the catalogue."""
    return STEP * entry.multiply_adds * pictures(one) * one.recipe.epochs
