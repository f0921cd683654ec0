"""Learned and random policies of picture changes, and random erasing, through torchvision's transforms v2.

Torchvision draws from torch's global random state, so each call gets a state of its own, from (seed, epoch, sample).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..spec import Augment
from .randomness import uniform

if TYPE_CHECKING:
    from torch import Tensor

POLICY, ERASE = 32, 67  # draws of a sample


def require(augment: Augment) -> None:
    """Raise UsageError where these changes need torchvision and it is not installed."""
    if augment.policy != "none":
        _transform(augment.policy)
    if augment.erase:
        _transform("erase", augment.erase)


def apply(name: str, picture: np.ndarray, seed: int, epoch: int, sample: int) -> np.ndarray:
    """The picture (H, W, C) uint8 changed by the policy of this name (see `Augment.policy`).

    Raises UsageError where torchvision is not installed.
    """
    import torch

    image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    with _own_randomness(seed, epoch, sample, POLICY):
        changed: Tensor = _transform(name)(image)
    return np.ascontiguousarray(changed.numpy().transpose(1, 2, 0))


def erase(images: Tensor, probability: float, seed: int, epoch: int, samples: np.ndarray) -> Tensor:
    """Each picture of the batch (B, C, H, W) with this probability without a random box, which is set to the mean, 0.

    Raises UsageError where torchvision is not installed.
    """
    import torch

    transform, erased = _transform("erase", probability), []
    for image, sample in zip(images, samples.tolist(), strict=True):
        with _own_randomness(seed, epoch, sample, ERASE):
            erased.append(transform(image))
    return torch.stack(erased).contiguous(memory_format=torch.channels_last)


@contextlib.contextmanager
def _own_randomness(seed: int, epoch: int, sample: int, draw: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reach the generators of accelerators too
        torch.default_generator.manual_seed(int(uniform(seed, epoch, np.array([sample]), draw)[0] * 2**53))
        yield


@cache
def _transform(name: str, probability: float = 0.0) -> Any:
    try:
        from torchvision.transforms import v2
    except (ImportError, RuntimeError) as error:  # RuntimeError: one built for another torch
        change, there = "erase" if name == "erase" else f"policy={name}", isinstance(error, RuntimeError)
        raise UsageError(
            f"augment.{change}: needs torchvision{', and the one installed is not for this torch' if there else ''}; "
            "pip install 'convnets[torchvision]'"
        ) from None
    match name.partition("-"):
        case ("erase", _, _):
            return v2.RandomErasing(probability)
        case ("autoaugment", _, data):
            return v2.AutoAugment(v2.AutoAugmentPolicy[data.upper()])
        case ("randaugment", _, _):
            return v2.RandAugment()
        case _:
            return v2.TrivialAugmentWide()
