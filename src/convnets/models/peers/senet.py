"""SENet with the weights that others have published.

Departures
    1. The `_v15` networks, timm's seresnet50, stride in the 3x3 of a bottleneck.
    2. The `_caffe` networks, the authors' files and timm's legacy_ networks after them, round up in pool1 instead of
       padding it: the size is the same, the windows are not.
    3. se_resnet18_timm and se_resnet34_timm do this too (timm's legacy_seresnet18 and 34), and have a ReLU before SE.
    4. se_bn_inception_caffe counts the padding in its average poolings, as Caffe does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...layers import Residual
from ...network import Network
from ..bag_of_tricks import VARIANTS as STRIDED
from ..googlenet import ceil_pool
from ..senet import VARIANTS as PAPER
from ..senet import residual
from . import changed, counting_padding


def rounding_up(network: Network) -> None:
    """Departure 2."""
    network.pool1 = ceil_pool()


def relu_before(network: Network) -> None:
    """Departure 3."""
    for block in network.modules():
        if isinstance(block, Residual):
            block.body.get_submodule("conv2").add_module("relu", nn.ReLU())


CAFFE = ("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x4d")

VARIANTS: dict[str, Any] = {
    **{f"se_resnet{depth}_v15": partial(residual, STRIDED[f"resnet{depth}_v15"]) for depth in (50, 101, 152)},
    **{f"se_{name}_caffe": changed(PAPER[f"se_{name}"], rounding_up) for name in CAFFE},
    **{f"se_resnet{depth}_timm": changed(PAPER[f"se_resnet{depth}"], rounding_up, relu_before) for depth in (18, 34)},
    "se_bn_inception_caffe": changed(PAPER["se_bn_inception"], counting_padding),
}
