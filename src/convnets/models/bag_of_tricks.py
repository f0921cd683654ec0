"""ResNet-B, C and D. He et al.: Bag of Tricks for Image Classification with Convolutional Neural Networks, CVPR 2019,
arXiv:1812.01187.

Paper map    Fig. 2 (a): bottleneck, ResNet-B.   Fig. 2 (b): deep_stem, ResNet-C.   Fig. 2 (c): pooled_projection,
             ResNet-D.   Sec. 2.1: Glorot weights.   Sec. 3.1: zero_gamma.
Readings     C contains B, D contains both (captions of Fig. 2). Only the first 3x3 of the deep stem strides, as Fig.
             2 (b) shows. ResNet-B is what most libraries call ResNet, known as v1.5, hence the names. The fans of
             Glorot's rule count the kernel's area. The pooling of a shortcut takes what is there at the edge of an
             odd map.
Departures
    1. The paper reports the tweaks on 50 layers, and D on 152; the other depths are combinations of ours.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..layers import GLOROT_UNIFORM, InitRule, Residual, conv_bn, stack
from ..network import Network
from .resnet import DEPTHS, Block, Shortcut, Stem, basic, imagenet, projection, three_convs
from .resnet import stem as resnet_stem


def bottleneck(in_channels: int, width: int, stride: int, shortcut: Shortcut = projection) -> Residual:
    """Fig. 2 (a): the stride in the 3x3."""
    body = three_convs(in_channels, width, 1, stride)
    return Residual(body, shortcut(in_channels, 4 * width, stride), 4 * width)


def deep_stem(in_channels: int, widths: tuple[int, int, int] = (32, 32, 64)) -> dict[str, nn.Module]:
    """Fig. 2 (b): three 3x3 for the 7x7."""
    one, two, three = widths
    return {
        "stem1": conv_bn(in_channels, one, 3, 2),  # 112
        "stem2": conv_bn(one, two, 3),
        "stem3": conv_bn(two, three, 3),
        "pool1": nn.MaxPool2d(3, 2, 1),  # 56
    }


def pooled_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 2 (c): the shortcut averages where it used to skip three of four places."""
    if stride == 1:
        return projection(in_channels, out_channels, 1)
    pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    return stack(pool=pool, projection=projection(in_channels, out_channels, 1))


def initialise(zero_gamma: bool, name: str, module: nn.Module, rule: InitRule = GLOROT_UNIFORM) -> None:
    """The rule; with `zero_gamma` each block begins as its shortcut, the last gamma of its body being 0."""
    rule(name, module)
    if zero_gamma and isinstance(module, Residual):
        last = [part for part in module.body.modules() if isinstance(part, nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)


def network(
    depths: tuple[int, ...],
    stem: Stem = resnet_stem,
    block: Block = bottleneck,
    *,
    zero_gamma: bool = False,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """(N, 3, 224, 224) to (N, num_classes)."""
    rule = partial(initialise, zero_gamma)
    return imagenet(block, depths, stem, rule, num_classes=num_classes, in_channels=in_channels)


basic_d = partial(basic, shortcut=pooled_projection)
bottleneck_d = partial(bottleneck, shortcut=pooled_projection)
DEEP = (50, 101, 152)

VARIANTS: dict[str, Any] = {
    **{f"resnet{depth}_v15": partial(network, DEPTHS[depth]) for depth in DEEP},
    **{f"resnet{depth}_c": partial(network, DEPTHS[depth], deep_stem) for depth in DEEP},
    **{f"resnet{depth}_d": partial(network, DEPTHS[depth], deep_stem, basic_d) for depth in (18, 34)},
    **{f"resnet{depth}_d": partial(network, DEPTHS[depth], deep_stem, bottleneck_d) for depth in DEEP},
}
