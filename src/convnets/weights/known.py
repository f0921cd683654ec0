"""Files of weights that are known by the names of their tensors: the network, its preprocessing, its classes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor

from ..data.assemble import CIFAR10_CLASSES
from ..papers.weights import COLOURS
from ..spec import Preprocess


@dataclass(frozen=True)
class Origin:
    """What a file's weights are of, and what its pictures were prepared by."""

    network: str
    preprocess: Preprocess
    classes: tuple[str, ...]
    source: str
    bgr: bool = False  # whether the weights see blue, green and red, in this order


def recognised(state: dict[str, Tensor]) -> Origin | None:
    """Where the tensors of these names are from; None where nobody can tell."""
    return _resnet_cifar10(state)


def _resnet_cifar10(state: dict[str, Tensor]) -> Origin | None:
    """Those of github.com/akamaster/pytorch_resnet_cifar10.

    Its ResNets have no weights in their shortcuts and put half of the zero channels before the map, half behind: the
    shapes are those of the paper's network, the function is not. It normalises by ImageNet's colours.
    """
    if "linear.weight" not in state or "layer1.0.conv1.weight" not in state:
        return None
    blocks = [len({name.split(".")[1] for name in state if name.startswith(f"layer{stage}.")}) for stage in (1, 2, 3)]
    has_shortcuts = any(re.search(r"\.(downsample|shortcut)\.", name) for name in state)
    if has_shortcuts or len(set(blocks)) > 1 or state["layer1.0.conv1.weight"].shape != (16, 16, 3, 3):
        return None
    classes = CIFAR10_CLASSES if len(state["linear.weight"]) == len(CIFAR10_CLASSES) else ()
    mean, std = COLOURS["imagenet"]
    preprocess = Preprocess(size=32, resize=None, mean=mean, std=std)
    return Origin(f"resnet{6 * blocks[0] + 2}_split", preprocess, classes, "a file of akamaster/pytorch_resnet_cifar10")
