"""DenseNet. Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, CVPR 2017,
arXiv:1608.06993.

Paper map    Sec. 3: basic_layer, bottleneck_layer (B), transition and its compression (C), growth rate; network.
             Table 1: imagenet.   Sec. 3 "Implementation Details", Table 2 and Fig. 4: cifar.   Sec. 4.2: dropout.
Readings     "Conv" is BN, ReLU and convolution (caption of Table 1), so a transition has a ReLU too. New features
             follow the old ones. The stem has 16 channels in the basic networks, as the text says and the printed
             1.0, 7.0 and 27.2 million parameters need, and twice the growth rate with B or C. On ImageNet the stem is
             normalised before it is pooled, as in all code. Dropout follows every convolution but the first. He's
             weights (Sec. 4.2) count output channels, as in the authors' code.
Departures
    1. densenet161 and the wide `densenet_bc_40` networks are the authors', of their repository and not of the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..errors import UsageError
from ..layers import Concat, FullyConnected, bn_relu_conv, conv_bn, he_fan_out, stack
from ..network import Network

Parts = dict[str, nn.Module]
Layer = Callable[[int, int], Parts]  # in_channels, growth rate


def basic_layer(in_channels: int, growth_rate: int) -> Parts:
    """BN, ReLU, 3x3."""
    return {"conv": bn_relu_conv(in_channels, growth_rate, 3)}


def bottleneck_layer(in_channels: int, growth_rate: int) -> Parts:
    """DenseNet-B: a 1x1 to four times the growth rate first."""
    return {"reduce": bn_relu_conv(in_channels, 4 * growth_rate, 1), **basic_layer(4 * growth_rate, growth_rate)}


def with_dropout(parts: Parts, rate: float) -> Parts:
    """The parts, with dropout behind each unless the rate is 0."""
    dropped: Parts = {}
    for name, part in parts.items():
        dropped |= {name: part, f"{name}_drop": nn.Dropout(rate)} if rate else {name: part}
    return dropped


def transition(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    """Sec. 3: a 1x1 that compresses, and 2x2 average pooling."""
    conv = with_dropout({"conv": bn_relu_conv(in_channels, out_channels, 1)}, dropout)
    return stack(**conv, pool=nn.AvgPool2d(2, 2))


def network(
    rows: Parts,
    channels: int,
    layer: Layer,
    depths: tuple[int, ...],
    growth_rate: int,
    compression: float,
    dropout: float,
    num_classes: int,
) -> Network:
    """The stem `rows` with their channels, dense blocks with transitions between them, and the classifier."""
    for number, depth in enumerate(depths, 1):
        layers = []
        for _ in range(depth):
            new = stack(**with_dropout(layer(channels, growth_rate), dropout))
            layers.append(Concat(input=nn.Identity(), new=new))
            channels += growth_rate
        rows[f"block{number}"] = nn.Sequential(*layers)
        if number < len(depths):
            compressed = int(channels * compression)
            rows[f"transition{number}"] = transition(channels, compressed, dropout)
            channels = compressed
    rows |= {
        "bn_relu": stack(bn=nn.BatchNorm2d(channels), relu=nn.ReLU()),
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "fc": FullyConnected(channels, num_classes),
    }
    return Network(rows, head="avgpool", initialise=he_fan_out)


def imagenet(
    depths: tuple[int, ...], growth_rate: int = 32, *, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Table 1, with B and C. (N, 3, 224, 224) to (N, num_classes)."""
    stem: Parts = {
        "conv0": conv_bn(in_channels, 2 * growth_rate, 7, 2),  # 112
        "pool0": nn.MaxPool2d(3, 2, 1),  # 56, then 28, 14, 7
    }
    return network(stem, 2 * growth_rate, bottleneck_layer, depths, growth_rate, 0.5, 0.0, num_classes)


def cifar(
    basic_stem: int = 16,
    *,
    depth: int = 40,
    growth_rate: int = 12,
    bottleneck: bool = False,
    compression: float = 1.0,
    dropout: float = 0.0,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Three equal blocks, `depth` layers in all; `basic_stem` for networks that have neither B nor C, if it is not 0.

    (N, 3, 32, 32) to (N, num_classes). Raises UsageError for a depth or compression that cannot be.
    """
    layers, rest = divmod(depth - 4, 6 if bottleneck else 3)
    if rest or layers < 1:
        raise UsageError(f"depth={depth}: must be 4 more than a multiple of {6 if bottleneck else 3}")
    if not 0 < compression <= 1:
        raise UsageError(f"compression={compression}: must be above 0 and at most 1")
    plain = not bottleneck and compression == 1
    width = basic_stem if plain and basic_stem else 2 * growth_rate
    stem: Parts = {"conv0": nn.Conv2d(in_channels, width, 3, padding=1, bias=False)}  # 32, then 16, 8
    layer = bottleneck_layer if bottleneck else basic_layer
    return network(stem, width, layer, (layers,) * 3, growth_rate, compression, dropout, num_classes)


bc = partial(cifar, bottleneck=True, compression=0.5)
DEPTHS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}
BASIC = ((40, 12), (100, 12), (100, 24))  # depth L, growth rate k

VARIANTS: dict[str, Any] = {
    **{f"densenet_{depth}_{k}": partial(cifar, depth=depth, growth_rate=k) for depth, k in BASIC},
    **{f"densenet_bc_{depth}_{k}": partial(bc, depth=depth, growth_rate=k)
       for depth, k in ((100, 12), (250, 24), (190, 40), (40, 36), (40, 48), (40, 60))},
    **{f"densenet{depth}": partial(imagenet, depths) for depth, depths in DEPTHS.items()},
    "densenet161": partial(imagenet, (6, 12, 36, 24), 48),
}  # fmt: skip
