"""How networks are trained. A recipe is data: the papers' own by name, `quick` and `finetune` for everything else."""

from __future__ import annotations

import difflib
import importlib

from .. import papers
from ..errors import UsageError
from ..spec import Recipe
from .record import Fact, PaperRecipe

__all__ = ["OURS", "Fact", "PaperRecipe", "default", "find", "names", "paper_recipe", "paper_recipes"]

OURS = ("quick", "finetune")  # fitted to the data, so they are made when it is known: quick.py, finetune.py


def paper_recipes(family: str | None = None) -> dict[str, PaperRecipe]:
    """The papers' recipes by name, of one family or of all, in the order of the papers."""
    families = papers.families() if family is None else [family]
    modules = [importlib.import_module(f".{stem}", __name__) for stem in families]
    return {one.recipe.name: one for module in modules for one in module.RECIPES}


def names() -> list[str]:
    """The names --recipe takes."""
    return [*OURS, *paper_recipes()]


def paper_recipe(name: str) -> PaperRecipe:
    """The paper's recipe called `name` with its sources. Raises UsageError with the names that come close."""
    known = paper_recipes()
    if name not in known:
        close = difflib.get_close_matches(name, names(), 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "`convnets recipe list` names them all"
        raise UsageError(f"no recipe called {name!r}; {hint}")
    return known[name]


def find(name: str) -> Recipe:
    """The paper's recipe called `name`. Raises UsageError with the names that come close."""
    return paper_recipe(name).recipe


def default(entry: papers.Entry, dataset: str) -> PaperRecipe | None:
    """The recipe of the network's own paper for this data set, None where it has none."""
    for one in paper_recipes(entry.family).values():
        if one.dataset == dataset and one.trains(entry.name):
            return one
    return None
