"""The papers as data: what each network is called, how large it is, and what was printed about it.

Tests, commands and reports read the same records; nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from ..errors import UsageError
from . import (
    alexnet,
    bag_of_tricks,
    bn_inception,
    densenet,
    googlenet,
    inception_v3,
    inception_v4,
    nin,
    others,
    preact_resnet,
    resnet,
    resnext,
    senet,
    stochastic_depth,
    vgg,
    wide_resnet,
    xception,
    zfnet,
)
from .protocols import Protocol, parse
from .record import Entry, Paper, Printed, Published, Result

__all__ = [
    "Entry", "Paper", "Printed", "Published", "Result", "families", "find", "names", "paper", "published", "record",
]  # fmt: skip

# A data set's name and split with us -> its number of classes, and what the records call it.
TEST_SETS = {
    "imagenet val": (1000, ("ImageNet val", "ILSVRC-2012 val")),
    "cifar10 test": (10, ("CIFAR-10 test",)),
    "cifar100 test": (100, ("CIFAR-100 test",)),
    "svhn test": (10, ("SVHN test",)),
    "mnist test": (10, ("MNIST test",)),
}


def _catalogue(*papers: dict[str, Entry]) -> tuple[dict[str, Entry], dict[str, str]]:
    """Every network by name, and the name for every alias."""
    entries: dict[str, Entry] = {}
    aliases: dict[str, str] = {}
    for entry in (entry for paper in papers for entry in paper.values()):
        for name in (entry.name, *entry.aliases):
            if name in entries or name in aliases:
                raise ValueError(f"two networks are called {name}")
        entries[entry.name] = replace(entry, results=entry.results + others.RESULTS.get(entry.name, ()))
        aliases |= dict.fromkeys(entry.aliases, entry.name)
    return entries, aliases


PAPERS = (  # in the order of their years
    alexnet, zfnet, nin, vgg, googlenet, bn_inception, inception_v3, resnet, inception_v4, preact_resnet,
    stochastic_depth, wide_resnet, densenet, xception, resnext, senet, bag_of_tricks,
)  # fmt: skip

_ENTRIES, _ALIASES = _catalogue(*(paper.NETWORKS for paper in PAPERS))


def names(pattern: str = "*") -> list[str]:
    """The networks whose name matches a pattern such as `resnet*_v15`; one without wildcards matches any part."""
    pattern = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return [name for name in _ENTRIES if fnmatchcase(name, pattern.lower())]


def paper(stem: str) -> Paper:
    """The paper whose file is called so."""
    found: Paper = globals()[stem].PAPER
    return found


def families() -> list[str]:
    """The stems of the papers' files, in the order of the papers."""
    return list(dict.fromkeys(entry.family for entry in _ENTRIES.values()))


def find(name: str) -> Entry:
    """The record of a network by its name or alias. Raises UsageError with the names that come close."""
    key = _ALIASES.get(name, name)
    if key not in _ENTRIES:
        close = difflib.get_close_matches(name.lower().replace("-", "").replace("_", ""), _ENTRIES, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "`convnets list` names them all"
        raise UsageError(f"no network is called {name!r}; {hint}")
    return _ENTRIES[key]


def published(name: str, dataset: str, protocol: str | Protocol, classes: int | None = None) -> tuple[Result, ...]:
    """What papers report for this network alone, on `imagenet val` or the like, by this protocol; its own paper first.

    None where the data has another number of `classes` than the papers', as a part of ImageNet has.
    """
    number, texts = TEST_SETS.get(dataset.lower(), (0, ()))
    if classes not in (None, number):
        return ()
    entry, asked = find(name), parse(protocol) if isinstance(protocol, str) else protocol
    there = [(result, result.key) for result in entry.results if result.dataset in texts]
    same = [result for result, key in there if key is not None and key.agrees(asked, entry.input[1])]
    return tuple(sorted(same, key=lambda result: bool(result.source)))


def record(name: str) -> dict[str, Any]:
    """The record as plain JSON values."""
    return dataclasses.asdict(find(name))
