"""DenseNet. Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, CVPR 2017,
arXiv:1608.06993.

Paper map    Sec. 3: dense_layer, basic and with the bottleneck (B); transition and its compression (C); growth rate.
             Table 1: imagenet.   Sec. 3 "Implementation Details": cifar.   Sec. 4.2: dropout, by [10] He's weights.
Readings     "Conv" is BN, ReLU and convolution (caption of Table 1), so a transition has a ReLU too. New features
             follow the old ones. The stem has 16 channels in the basic networks, as the text says and the printed
             1.0, 7.0 and 27.2 million parameters need; the authors' code has twice the growth rate everywhere. On
             ImageNet the stem is normalised before it is pooled, as in all code. Dropout follows every convolution
             but the first.
Departures
    1. densenet161 and the wide `densenet_bc_40` networks are the authors', of their repository and not of the paper.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import HE_NORMAL, Concat, FullyConnected, bn_relu_conv, conv_bn, stack
from ..network import Network

Layer = Callable[[int, int], nn.Sequential]  # in_channels, growth rate


def basic(in_channels: int, growth: int) -> nn.Sequential:
    """BN, ReLU, 3x3."""
    return stack(conv=bn_relu_conv(in_channels, growth, 3))


def bottleneck(in_channels: int, growth: int) -> nn.Sequential:
    """DenseNet-B: a 1x1 to four times the growth rate first."""
    return stack(reduce=bn_relu_conv(in_channels, 4 * growth, 1), conv=bn_relu_conv(4 * growth, growth, 3))


def with_dropout(body: nn.Sequential, rate: float) -> nn.Sequential:
    """The parts with dropout after each of them; unchanged at rate 0."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for name, part in body.named_children():
        parts |= {name: part, f"{name}_drop": nn.Dropout(rate)} if rate else {name: part}
    return nn.Sequential(parts)


def transition(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    """Sec. 3: a 1x1 that compresses, and 2x2 average pooling."""
    conv = with_dropout(stack(conv=bn_relu_conv(in_channels, out_channels, 1)), dropout)
    return stack(conv=conv, pool=nn.AvgPool2d(2, 2))


def network(
    rows: dict[str, nn.Module],
    channels: int,
    layer: Layer,
    depths: tuple[int, ...],
    growth: int,
    compression: float,
    dropout: float,
    num_classes: int,
) -> Network:
    """The stem `rows` with their channels, dense blocks with transitions between them, and the classifier."""
    for number, depth in enumerate(depths, 1):
        layers = []
        for _ in range(depth):
            layers.append(Concat(input=nn.Identity(), new=with_dropout(layer(channels, growth), dropout)))
            channels += growth
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
    return Network(rows, head="avgpool", initialise=HE_NORMAL)


def imagenet(
    depths: tuple[int, ...],
    growth: int,
    *,
    compression: float = 0.5,
    dropout: float = 0.0,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Table 1. (N, 3, 224, 224) to (N, num_classes)."""
    stem: dict[str, nn.Module] = {
        "conv0": conv_bn(in_channels, 2 * growth, 7, 2),  # 112
        "pool0": nn.MaxPool2d(3, 2, 1),  # 56, then 28, 14, 7
    }
    return network(stem, 2 * growth, bottleneck, depths, growth, compression, dropout, num_classes)


def cifar(
    layer: Layer,
    depth: int,
    growth: int,
    stem: int,
    *,
    compression: float = 1.0,
    dropout: float = 0.0,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Three blocks behind a stem of so many channels, `depth` layers in all. (N, 3, 32, 32) to (N, num_classes)."""
    layers = (depth - 4) // (3 if layer is basic else 6)
    rows: dict[str, nn.Module] = {"conv0": nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)}
    return network(rows, stem, layer, (layers,) * 3, growth, compression, dropout, num_classes)


def bc(depth: int, growth: int) -> Callable[..., Network]:
    """DenseNet-BC: bottlenecks and compression by a half, with a stem of twice the growth rate."""
    return partial(cifar, bottleneck, depth, growth, 2 * growth, compression=0.5)


VARIANTS: dict[str, Any] = {
    "densenet_40_12": partial(cifar, basic, 40, 12, 16),
    "densenet_100_12": partial(cifar, basic, 100, 12, 16),
    "densenet_100_24": partial(cifar, basic, 100, 24, 16),
    **{f"densenet_bc_{depth}_{growth}": bc(depth, growth) for depth, growth in ((100, 12), (250, 24), (190, 40))},
    **{f"densenet_bc_40_{growth}": bc(40, growth) for growth in (36, 48, 60)},
    "densenet121": partial(imagenet, (6, 12, 24, 16), 32),
    "densenet169": partial(imagenet, (6, 12, 32, 32), 32),
    "densenet201": partial(imagenet, (6, 12, 48, 32), 32),
    "densenet264": partial(imagenet, (6, 12, 64, 48), 32),
    "densenet161": partial(imagenet, (6, 12, 36, 24), 48),
}
