"""Data sets that torchvision can download, kept in the user's cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cache import cache_folder
from ..errors import DataError
from .assemble import array_source
from .pictures import Source

TRAIN_FLAG = ({"train": True}, {"train": False})
SPLIT_NAME = ({"split": "train"}, {"split": "test"})
# Name on the command line: torchvision's class and its arguments for the training and the test split.
SETS: dict[str, tuple[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "mnist": ("MNIST", TRAIN_FLAG),
    "fashion_mnist": ("FashionMNIST", TRAIN_FLAG),
    "kmnist": ("KMNIST", TRAIN_FLAG),
    "usps": ("USPS", TRAIN_FLAG),
    "cifar10": ("CIFAR10", TRAIN_FLAG),
    "cifar100": ("CIFAR100", TRAIN_FLAG),
    "svhn": ("SVHN", SPLIT_NAME),
    "stl10": ("STL10", SPLIT_NAME),
}


def torchvision_set(name: str) -> Source:
    """The data set of that name, downloaded once. Raises DataError in one line without torchvision or network."""
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError):  # RuntimeError: one built for another torch
        raise DataError(
            f"--data {name} is downloaded through torchvision, which is not installed (or not for this torch): "
            "pip install 'convnets[torchvision]', or give a folder"
        ) from None
    kind, arguments = SETS[name]
    root = cache_folder() / "data" / name
    arrays, classes = {}, None
    for split, argument in zip(("train", "test"), arguments, strict=True):
        try:
            root.mkdir(parents=True, exist_ok=True)
            data = getattr(datasets, kind)(str(root), download=True, **argument)
        except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"--data {name}: cannot be downloaded to {root} ({reason}); are you offline?") from None
        labels = np.asarray(data.targets if hasattr(data, "targets") else data.labels, np.int64)
        arrays[split] = (_as_pictures(np.asarray(data.data)), labels)
        classes = getattr(data, "classes", None) or [str(label) for label in range(int(labels.max()) + 1)]
    assert classes is not None
    return array_source(name, [label.split(" - ")[0] for label in classes], arrays)  # MNIST's are "0 - zero"


def _as_pictures(array: np.ndarray) -> np.ndarray:
    """(N, H, W), (N, 3, H, W) or (N, H, W, 3) as (N, H, W, C)."""
    if array.ndim == 3:
        return array[..., None]
    return array.transpose(0, 2, 3, 1) if array.shape[1] == 3 else array
