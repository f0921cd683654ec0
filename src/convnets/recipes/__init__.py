"""How networks are trained. A recipe is data: the papers' own by name, and `quick` for everything else."""

from __future__ import annotations

import importlib

from ..errors import UsageError
from ..spec import Recipe

# family/data set -> where its recipe stands
RECIPES = {
    "resnet/cifar10": ("resnet", "CIFAR10"),
    "resnet/imagenet": ("resnet", "IMAGENET"),
    "alexnet/imagenet": ("alexnet", "IMAGENET"),
    "vgg/imagenet": ("vgg", "IMAGENET"),
}


def names() -> list[str]:
    """The names --recipe takes."""
    return ["quick", *RECIPES]


def find(name: str) -> Recipe:
    """The paper's recipe called `name`. Raises UsageError listing the valid names."""
    if name not in RECIPES:
        raise UsageError(f"no recipe called {name!r}; recipes: {', '.join(names())}")
    module, constant = RECIPES[name]
    recipe: Recipe = getattr(importlib.import_module(f".{module}", __name__), constant)
    return recipe
