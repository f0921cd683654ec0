"""Pre-activation ResNet as timm and Keras have it.

Departures
    1. The `_timm` networks (timm's resnetv2 with batch normalisation) do not activate behind conv1; their first unit
       does, after the pooling, before its paths part.
    2. The `_keras` networks (ResNet50V2 and others) do the same, and stride in the last unit of a stage, whose shortcut
       then skips places of the map that is not activated.
    3. conv1, projections and the last convolution of a unit have biases, and the pooling pads with zeros.
    4. Their epsilon is 1.001e-5.
    5. preact_resnet18_timm and preact_resnet34_timm have units of two convolutions, which the paper has on CIFAR only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...layers import Residual, stack
from ...network import Network
from ..preact_resnet import THREE_INNER, TWO, UNITS, imagenet, network, residual
from ..resnet import DEPTHS, stages
from . import changed, epsilon


def bare_stem(in_channels: int) -> dict[str, nn.Module]:
    """conv1 without an activation."""
    return {"conv1": nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False), "pool1": nn.MaxPool2d(3, 2, 1)}


def timm(convs: Any, depth: int, *, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """(N, 3, 224, 224) to (N, num_classes)."""
    return imagenet(convs, DEPTHS[depth], bare_stem, "own", num_classes=num_classes, in_channels=in_channels)


def keras_unit(in_channels: int, width: int, stride: int) -> Residual:
    """Departures 2 and 3: the first unit of a stage projects, the last one strides."""
    block = residual(UNITS["full_pre_activation"], THREE_INNER, True, in_channels, width, stride)
    last: Any = block.get_submodule("body.conv3")
    last.conv = nn.Conv2d(width, 4 * width, 1)
    if in_channels != 4 * width:
        block.shortcut = nn.Conv2d(in_channels, 4 * width, 1, stride)
    elif stride > 1:
        block.shortcut = nn.MaxPool2d(1, stride)
    return block


def keras(depths: tuple[int, ...], *, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """(N, 3, 224, 224) to (N, num_classes)."""
    rows: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(in_channels, 64, 7, 2, 3),  # 112
        "pool1": stack(pad=nn.ZeroPad2d(1), pool=nn.MaxPool2d(3, 2)),  # 56, then 28, 14, 7, 7 behind the stages
    }
    ends = [stride for depth in depths[:-1] for stride in (*(1,) * (depth - 1), 2)] + [1] * depths[-1]
    strides = iter(ends)

    def block(channels: int, width: int, stride: int, place: str) -> Residual:
        return keras_unit(channels, width, next(strides))

    return network(rows, "own", block, stages(depths), 64, "bn relu", num_classes)


VARIANTS: dict[str, Any] = {
    **{f"preact_resnet{depth}_timm": partial(timm, TWO, depth) for depth in (18, 34)},
    **{f"preact_resnet{depth}_timm": partial(timm, THREE_INNER, depth) for depth in (50, 101, 152)},
    **{f"preact_resnet{depth}_keras": changed(partial(keras, DEPTHS[depth]), epsilon(1.001e-5))
       for depth in (50, 101, 152)},
}  # fmt: skip
