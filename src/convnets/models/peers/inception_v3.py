"""Inception v3 in other libraries. Keras's needs no network of its own: its missing gammas are 1.

Departures
    1. inception_v3_torchvision, timm's too, counts the padding in its 3x3 average poolings, although its weights come
       from TensorFlow, which leaves it out.
    2. inception_v3_keras_1x, Keras's first version, has biases and puts each ReLU before the batch normalisation.
    3. It projects to 32 channels behind all three poolings on 35x35, reduces to 160 in the long tower of mixed_6e, and
       averages in the pooling of mixed_7a.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...network import Network
from .. import inception_v3 as paper
from ..inception_v3 import inception_v3, released, tower
from . import changed, counting_padding, with_biases


def relu_first(network: Network) -> None:
    """Convolution, ReLU, batch normalisation."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and hasattr(module, "relu"):
            bn = module.get_submodule("bn")
            del module.bn
            module.add_module("bn", bn)


def keras_1x(in_channels: int) -> dict[str, nn.Module]:
    """Departure 3."""
    rows = released(in_channels, project=32)
    rows["mixed_6e"].long = tower(768, (160, 1), (192, (7, 1)), (192, (1, 7)), (192, (7, 1)), (192, (1, 7)))
    rows["mixed_7a"].pool = nn.AvgPool2d(3, 2)
    return rows


AUXILIARY = {"inception_v3_torchvision": paper.AUXILIARY["inception_v3"]}

VARIANTS: dict[str, Any] = {
    "inception_v3_torchvision": changed(paper.VARIANTS["inception_v3"], counting_padding),
    "inception_v3_keras_1x": changed(partial(inception_v3, keras_1x), with_biases, relu_first),
}
