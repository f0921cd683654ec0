"""Inception-v4, Inception-ResNet-v1 and v2. Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the
Impact of Residual Connections on Learning, AAAI 2017, arXiv:1602.07261.

Paper map    Fig. 3: stem_v4.   Figs. 4, 5, 6, 9: inception_v4.   Fig. 7, Table 1: reduction_a.   Figs. 10 to 19: V1, V2
             and inception_resnet.   Fig. 14: stem_v1.   Fig. 20, Sec. 3.3: residual and its scale.
Readings     Fig. 5 prints two 1x7 in a row in its third tower; the second is 7x1. The last step of Fig. 3 and the last
             convolution of Fig. 14 stride without padding, which alone gives 35x35. Figs. 17 and 19 print 1154 and 2048
             where the reductions before them yield 1152 and 2144. The 1x1 that widens has a bias and, by Sec. 3.2, no
             normalisation. Sec. 3.3 scales by 0.1 to 0.3: 0.2 here. Average poolings and weights are those of TF-slim.
Departures
    1. The figures show no auxiliary classifier; the one of the release is offered.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..layers import HE_TRUNCATED, Concat, FullyConnected, Residual, Scale, Size, stack
from ..network import Network
from .inception_v3 import Step, auxiliary, conv, pooled, tower, valid

Towers = tuple[tuple[Step, ...], ...]
Pair = tuple[Size, Size]  # two kernels in their order
# Orders of 7x1 and 1x7 in the stem, 1x7 and 7x1 on 17x17, 1x3 and 3x1 on 8x8, and of the last two side by side
PRINTED: tuple[Pair, ...] = (((7, 1), (1, 7)), ((1, 7), (7, 1)), ((1, 3), (3, 1)), ((3, 1), (1, 3)))


def side_by_side(in_channels: int, towers: Towers, **others: nn.Module) -> Concat:
    """Towers of convolutions behind the other branches."""
    return Concat(**others, **{f"tower{number}": tower(in_channels, *steps) for number, steps in enumerate(towers, 1)})


def reduction(in_channels: int, *towers: tuple[Step, ...]) -> Concat:
    """Figs. 7, 8, 12, 13, 18: a pooling and towers that halve the map."""
    return side_by_side(in_channels, towers, pool=nn.MaxPool2d(3, 2))


def reduction_a(in_channels: int, k: int, l: int, m: int, n: int) -> Concat:  # noqa: E741, the paper's letters
    """Fig. 7, with the widths of Table 1."""
    return reduction(in_channels, ((n, 3, 2),), ((k, 1), (l, 3), (m, 3, 2)))


def stem_v4(in_channels: int, order: Pair = PRINTED[0]) -> dict[str, nn.Module]:
    """Fig. 3, to 384x35x35."""
    first, second = order
    return {
        "stem_conv1": valid(in_channels, 32, 3, 2),  # 149
        "stem_conv2": valid(32, 32, 3),  # 147
        "stem_conv3": conv(32, 64, 3),
        "stem_mixed_3a": Concat(pool=nn.MaxPool2d(3, 2), conv=valid(64, 96, 3, 2)),  # 73
        "stem_mixed_4a": side_by_side(160, (((64, 1), (96, 3, 1)), ((64, 1), (64, first), (64, second), (96, 3, 1)))),
        "stem_mixed_5a": Concat(conv=valid(192, 192, 3, 2), pool=nn.MaxPool2d(3, 2)),  # 35
    }


def stem_v1(in_channels: int) -> dict[str, nn.Module]:
    """Fig. 14, to 256x35x35."""
    return {
        "stem_conv1": valid(in_channels, 32, 3, 2),  # 149
        "stem_conv2": valid(32, 32, 3),  # 147
        "stem_conv3": conv(32, 64, 3),
        "stem_pool": nn.MaxPool2d(3, 2),  # 73
        "stem_conv4": conv(64, 80, 1),
        "stem_conv5": valid(80, 192, 3),  # 71
        "stem_conv6": valid(192, 256, 3, 2),  # 35
    }


def inception_a() -> Concat:
    """Fig. 4."""
    towers = ((96, 1),), ((64, 1), (96, 3)), ((64, 1), (96, 3), (96, 3))
    return side_by_side(384, towers, pool=pooled(384, 96))


def inception_b(order: Pair) -> Concat:
    """Fig. 5."""
    first, second = order
    long = (192, 1), (192, first), (224, second), (224, first), (256, second)
    towers = ((384, 1),), ((192, 1), (224, (1, 7)), (256, (7, 1))), long
    return side_by_side(1024, towers, pool=pooled(1024, 128))


def inception_c(order: Pair, split: Pair) -> Concat:
    """Fig. 6, whose towers end in a 1x3 and a 3x1 side by side."""
    ends = [side_by_side(width, tuple(((256, kernel),) for kernel in kernels))
            for width, kernels in ((384, ((1, 3), (3, 1))), (512, split))]  # fmt: skip
    short = stack(reduce=conv(1536, 384, 1), split=ends[0])
    long = stack(tower=tower(1536, (384, 1), (448, order[0]), (512, order[1])), split=ends[1])
    return Concat(pool=pooled(1536, 256), branch1=conv(1536, 256, 1), short=short, long=long)


def head(channels: int, num_classes: int) -> dict[str, nn.Module]:
    """Global pooling, dropout and the classifier."""
    rows = {"avgpool": nn.AdaptiveAvgPool2d(1), "dropout": nn.Dropout(0.2)}
    return rows | {"logits": FullyConnected(channels, num_classes)}


def inception_v4(orders: tuple[Pair, ...] = PRINTED, *, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Fig. 9. (N, 3, 299, 299) to (N, num_classes)."""
    stem, on17, on8, split = orders
    rows = stem_v4(in_channels, stem) | {
        "inception_a": nn.Sequential(*(inception_a() for _ in range(4))),
        "reduction_a": reduction_a(384, 192, 224, 256, 384),  # 17
        "inception_b": nn.Sequential(*(inception_b(on17) for _ in range(7))),
        "reduction_b": reduction(  # 8
            1024, ((192, 1), (192, 3, 2)), ((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2))
        ),
        "inception_c": nn.Sequential(*(inception_c(on8, split) for _ in range(3))),
    }
    return Network(rows | head(1536, num_classes), head="avgpool", initialise=HE_TRUNCATED)


def residual(channels: int, towers: Towers, scale: float, after: nn.Module | None = None) -> Residual:
    """Fig. 20: towers, a 1x1 back to all channels that is only scaled, and the sum."""
    up = nn.Conv2d(sum(steps[-1][0] for steps in towers), channels, 1)
    body = stack(towers=side_by_side(channels, towers), up=up, scale=Scale(scale))
    return Residual(body, nn.Identity(), channels, after=after)


def residual_a(*long: int) -> Towers:
    """Figs. 10 and 16; `long` are the widths of the third tower behind its 1x1."""
    return ((32, 1),), ((32, 1), (32, 3)), ((32, 1), *((width, 3) for width in long))


def residual_b(one: int, first: int, second: int) -> Towers:
    """Figs. 11 and 17."""
    return ((one, 1),), ((128, 1), (first, (1, 7)), (second, (7, 1)))


def residual_c(first: int, second: int) -> Towers:
    """Figs. 13 and 19."""
    return ((192, 1),), ((192, 1), (first, (1, 3)), (second, (3, 1)))


def resnet_reduction_b(channels: int, short: int, long: int, last: int) -> Concat:
    """Figs. 12 and 18."""
    return reduction(channels, ((256, 1), (384, 3, 2)), ((256, 1), (short, 3, 2)), ((256, 1), (long, 3), (last, 3, 2)))


V1 = (256, residual_a(32, 32), (192, 192, 256, 384), residual_b(128, 128, 128), (256, 256, 256), residual_c(192, 192))
V2 = (384, residual_a(48, 64), (256, 256, 384, 384), residual_b(192, 160, 192), (288, 288, 320), residual_c(224, 256))


def inception_resnet(
    stem: Any, parts: Any, *, scale: float = 0.2, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Fig. 15, with the channels, blocks and widths of V1 or V2. (N, 3, 299, 299) to (N, num_classes)."""
    on35, block_a, widths_a, block_b, widths_b, block_c = parts
    on17 = on35 + widths_a[2] + widths_a[3]
    on8 = on17 + 384 + widths_b[0] + widths_b[2]
    rows = stem(in_channels) | {
        "inception_resnet_a": nn.Sequential(*(residual(on35, block_a, scale) for _ in range(5))),
        "reduction_a": reduction_a(on35, *widths_a),  # 17
        "inception_resnet_b": nn.Sequential(*(residual(on17, block_b, scale) for _ in range(10))),
        "reduction_b": resnet_reduction_b(on17, *widths_b),  # 8
        "inception_resnet_c": nn.Sequential(*(residual(on8, block_c, scale) for _ in range(5))),
    }
    return Network(rows | head(on8, num_classes), head="avgpool", initialise=HE_TRUNCATED)


AUXILIARY = {"inception_v4": {"released": {"inception_b": auxiliary}}}

VARIANTS: dict[str, Any] = {
    "inception_v4": partial(inception_v4),
    "inception_resnet_v1": partial(inception_resnet, stem_v1, V1),
    "inception_resnet_v2": partial(inception_resnet, stem_v4, V2),
}
