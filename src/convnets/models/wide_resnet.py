"""Wide ResNet. Zagoruyko, Komodakis: Wide Residual Networks, BMVC 2016, arXiv:1605.07146.

Paper map    Table 1: wrn, WRN-n-k.   Sec. 3 "Type of convolutions in residual block" and Table 2: B(M), the kernels.
             Table 3: the deepening factor l, convolutions per unit.   Sec. 3 "Dropout in residual blocks": dropout.
             Second version of the report: wrn_imagenet.
Readings     All convolutions of a unit have its width. A unit shares its first activation with its projection where the
             width changes, and only there (the authors' code). Table 2's labels of depth count 6N + 4 for any kernels:
             only N = (n - 4) / 6 units give its parameters. Dropout stands before each convolution but the first. On
             ImageNet the unit is the original one, with the stride in its 3x3. Weights are drawn as in the authors'
             code: He-normal by fan-in, the gammas uniform from 0 to 1, the classifier's as Torch does.
Departures   None.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..layers import HE_NORMAL, Residual, he_fan_out, stack
from ..network import Network
from .preact_resnet import DEPTHS, UNITS, imagenet, network, residual

Kernels = tuple[int, ...]
WIDE = ((1, 2, False), (3, 2, True), (1, 4, False))  # a bottleneck with twice the inner channels


def unit(kernels: Kernels, dropout: float, in_channels: int, width: int, stride: int, place: str) -> Residual:
    """B(M) of Fig. 1 (b) and, with dropout, (d)."""
    convs = tuple((kernel, 1, index == 0) for index, kernel in enumerate(kernels))
    block = residual(UNITS["full_pre_activation"], convs, True, in_channels, width, stride, place)
    if dropout:
        for name, part in list(block.body.named_children())[1:]:
            layers = dict(part.named_children())
            conv = layers.pop("conv")
            setattr(block.body, name, stack(**layers, drop=nn.Dropout(dropout), conv=conv))
    return block


def initialise(name: str, module: nn.Module) -> None:
    """The authors' code."""
    if isinstance(module, nn.BatchNorm2d):
        nn.init.uniform_(module.weight)
    elif isinstance(module, nn.Conv2d):
        HE_NORMAL(name, module)
    else:
        he_fan_out(name, module)  # which leaves the classifier to Torch


def wrn(
    units: int, widening: int, kernels: Kernels = (3, 3), *, dropout: float = 0.0, num_classes: int = 10,
    in_channels: int = 3,
) -> Network:  # fmt: skip
    """Table 1, with so many units in each of its three groups. (N, 3, 32, 32) to (N, num_classes)."""
    stages = [(f"stage{group}", 8 * widening << group, units) for group in (1, 2, 3)]  # 32, 16, 8
    conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
    block = partial(unit, kernels, dropout)
    return network({"conv1": conv1}, "own", block, stages, 16, "bn relu", num_classes, initialise)


def wrn_imagenet(depths: tuple[int, ...], *, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """ResNet with twice the channels inside its bottlenecks. (N, 3, 224, 224) to (N, num_classes)."""
    return imagenet(WIDE, depths, unit="original", num_classes=num_classes, in_channels=in_channels)


SIZES = (  # n, k of Tables 2 to 6
    (28, 10), (40, 1), (40, 2), (40, 4), (40, 8), (28, 12), (22, 8), (22, 10), (16, 8), (16, 10), (16, 4), (52, 1),
    (40, 10), (28, 2),
)  # fmt: skip
TABLE2 = {  # n of WRN-n-2 and its kernels; B(3,3) is wrn_28_2
    "wrn_40_2_b_1_3_1": (40, (1, 3, 1)),
    "wrn_40_2_b_3_1": (40, (3, 1)),
    "wrn_40_2_b_1_3": (40, (1, 3)),
    "wrn_40_2_b_3_1_1": (40, (3, 1, 1)),
    "wrn_22_2_b_3_1_3": (22, (3, 1, 3)),
}

VARIANTS: dict[str, Any] = {
    **{f"wrn_{n}_{k}": partial(wrn, (n - 4) // 6, k) for n, k in SIZES},
    **{name: partial(wrn, (n - 4) // 6, 2, kernels) for name, (n, kernels) in TABLE2.items()},
    **{f"wrn_40_2_l{factor}": partial(wrn, 12 // factor, 2, (3,) * factor) for factor in (1, 3, 4)},
    "wrn_50_2": partial(wrn_imagenet, DEPTHS[50]),
}
