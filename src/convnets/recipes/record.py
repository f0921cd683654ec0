"""The form in which a paper's recipe is kept: the recipe itself, where each value stands, and what else was said."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ..spec import Recipe, flatten, to_dict


class Fact(NamedTuple):
    """Something the paper says about training or testing that is no field of a recipe: hardware, duration ..."""

    what: str
    value: str
    where: str


@dataclass(frozen=True)
class PaperRecipe:
    """How a paper trained its networks on one data set.

    `networks`: patterns of names in the paper's family that are trained by it on `dataset` (cifar10, imagenet ...). It
    is their default where it is the first of the file that matches. `said`: place in the paper -> the fields that it
    gives, separated by spaces, where `optimizer` stands for all of `optimizer.*`. Every other value is ours. A place
    that begins with "code" is the authors' published code. `facts` is what is no field. `results`: of the published
    errors on this data set, those that have this in their protocol or note.
    """

    recipe: Recipe
    networks: str
    dataset: str
    said: dict[str, str] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    results: str = ""

    def trains(self, name: str) -> bool:
        """Whether the network of this name, which is of the paper's family, is trained by it."""
        return any(fnmatchcase(name, pattern) for pattern in self.networks.split())

    def place(self, key: str) -> str | None:
        """Where the paper gives the field `key` (dotted); None where the value is ours."""
        for where, keys in self.said.items():
            if _covers(keys, key):
                return where
        return None

    def variant(
        self,
        name: str,
        said: dict[str, str] | None = None,
        facts: tuple[Fact, ...] = (),
        *,
        networks: str | None = None,
        dataset: str | None = None,
        results: str | None = None,
        unsaid: str = "",
        **changes: Any,
    ) -> PaperRecipe:
        """Another recipe of the same paper, `changes` being fields of the recipe; `facts` are added to the own ones.

        A value keeps its place where it is the same, unless `unsaid` names it (as `said` does); a changed one is ours
        unless `said` gives its place.
        """
        recipe = dataclasses.replace(self.recipe, name=name, **changes)
        old, places = flatten(to_dict(self.recipe)), {where: [keys] for where, keys in (said or {}).items()}
        for key, value in flatten(to_dict(recipe)).items():
            if key in old and old[key] == value and not _covers(unsaid, key) and (where := self.place(key)):
                places.setdefault(where, []).append(key)
        return PaperRecipe(
            recipe,
            self.networks if networks is None else networks,
            dataset or self.dataset,
            {where: " ".join(keys) for where, keys in places.items()},
            self.facts + facts,
            self.results if results is None else results,
        )


def _covers(given: str, key: str) -> bool:
    """Whether the fields `given`, separated by spaces, have `key` among them or under one of them."""
    return any(key == one or key.startswith(one + ".") for one in given.split())
