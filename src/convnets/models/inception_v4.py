"""Inception-v4, Inception-ResNet-v1 and v2. Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the
Impact of Residual Connections on Learning, AAAI 2017, arXiv:1602.07261.

Paper map    Fig. 3: stem_v4.   Figs. 4, 5, 6, 9: inception_v4.   Fig. 7, Table 1: reduction_a.   Fig. 14: stem_v1.
             Figs. 10 to 13, 15 to 19: inception_resnet, of V1 or V2.   Fig. 20, Sec. 3.3: residual and its scale.
Readings     The last step of Fig. 3 and the last convolution of Fig. 14 stride without padding, since only that gives
             35x35. Fig. 15 has as many blocks for v2 as for v1; v2 then costs 0.76 of Inception-v4, which Sec. 3.2 says
             it matches (the 10, 20 and 10 of the release cost 1.15). The 1x1 that widens has a bias and, by Sec. 3.2,
             no normalisation. Its scale is the "typically around 0.1" of Fig. 20; Sec. 3.3 has 0.1 to 0.3. Average
             poolings are 3x3 and leave their padding out. Weights are those of TF-slim: truncated He's in the
             convolutions of Inception-v4, Glorot's in all else.
Departures
    1. The figures show no auxiliary classifier; the one of the release is offered.
    2. Fig. 5 prints two 1x7 in a row in its third tower; the second is a 7x1, as in the release.
    3. Figs. 17 and 19 print 1154 and 2048 channels; the reductions before them yield 1152 and 2144.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..layers import GLOROT_UNIFORM, HE_TRUNCATED, Concat, FullyConnected, Residual, Scale, Size, stack
from ..network import Network
from .inception_v3 import Step, auxiliary, conv, pooled, tower, valid

Towers = tuple[tuple[Step, ...], ...]
Pair = tuple[Size, Size]  # two kernels in their order

# Orders of 7x1 and 1x7 in the stem, 1x7 and 7x1 on 17x17, 1x3 and 3x1 on 8x8, and of the last two side by side
PRINTED: tuple[Pair, ...] = (((7, 1), (1, 7)), ((1, 7), (7, 1)), ((1, 3), (3, 1)), ((3, 1), (1, 3)))


def initialise(name: str, module: nn.Module) -> None:
    """Truncated He's in convolutions, Glorot's in fully connected layers."""
    (HE_TRUNCATED if isinstance(module, nn.Conv2d) else GLOROT_UNIFORM)(name, module)


def towers(in_channels: int, *towers: tuple[Step, ...]) -> dict[str, nn.Module]:
    """Towers of convolutions by name."""
    return {f"tower{number}": tower(in_channels, *steps) for number, steps in enumerate(towers, 1)}


def reduction(in_channels: int, *steps: tuple[Step, ...]) -> Concat:
    """Figs. 7, 8, 12, 13, 18: a pooling and towers that halve the map."""
    return Concat(pool=nn.MaxPool2d(3, 2), **towers(in_channels, *steps))


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
        "stem_mixed_4a": Concat(**towers(160, ((64, 1), (96, 3, 1)), ((64, 1), (64, first), (64, second), (96, 3, 1)))),
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
    short, long = tower(384, (64, 1), (96, 3)), tower(384, (64, 1), (96, 3), (96, 3))
    return Concat(pool=pooled(384, 96), branch1=conv(384, 96, 1), short=short, long=long)


def inception_b(order: Pair) -> Concat:
    """Fig. 5."""
    short = tower(1024, (192, 1), (224, (1, 7)), (256, (7, 1)))
    long = tower(1024, (192, 1), (192, order[0]), (224, order[1]), (224, order[0]), (256, order[1]))
    return Concat(pool=pooled(1024, 128), branch1=conv(1024, 384, 1), short=short, long=long)


def inception_c(order: Pair, split: Pair) -> Concat:
    """Fig. 6, whose towers end in a 1x3 and a 3x1 side by side."""
    end1 = Concat(first=conv(384, 256, (1, 3)), second=conv(384, 256, (3, 1)))
    end2 = Concat(first=conv(512, 256, split[0]), second=conv(512, 256, split[1]))
    short = stack(reduce=conv(1536, 384, 1), split=end1)
    long = stack(tower=tower(1536, (384, 1), (448, order[0]), (512, order[1])), split=end2)
    return Concat(pool=pooled(1536, 256), branch1=conv(1536, 256, 1), short=short, long=long)


def head(channels: int, num_classes: int) -> dict[str, nn.Module]:
    """Global pooling, dropout that keeps 0.8, and the classifier."""
    logits = FullyConnected(channels, num_classes)
    return {"avgpool": nn.AdaptiveAvgPool2d(1), "dropout": nn.Dropout(0.2), "logits": logits}


def inception_v4(orders: tuple[Pair, ...] = PRINTED, *, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Fig. 9. (N, 3, 299, 299) to (N, num_classes)."""
    stem, on17, on8, split = orders
    rows = stem_v4(in_channels, stem) | {
        "inception_a": nn.Sequential(*(inception_a() for _ in range(4))),
        "reduction_a": reduction_a(384, 192, 224, 256, 384),  # 17
        "inception_b": nn.Sequential(*(inception_b(on17) for _ in range(7))),
        "reduction_b": reduction(1024, ((192, 1), (192, 3, 2)), ((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2))),
        "inception_c": nn.Sequential(*(inception_c(on8, split) for _ in range(3))),  # 8
    }
    return Network(rows | head(1536, num_classes), head="avgpool", initialise=initialise)


def residual(channels: int, branches: Towers, scale: float, after: nn.Module | None = None) -> Residual:
    """Fig. 20: towers, a 1x1 back to all channels that is only scaled, and the sum."""
    up = nn.Conv2d(sum(steps[-1][0] for steps in branches), channels, 1)
    body = stack(towers=Concat(**towers(channels, *branches)), up=up, scale=Scale(scale))
    return Residual(body, nn.Identity(), channels, after=after)


def resnet_reduction_b(channels: int, short: int, long: int, last: int) -> Concat:
    """Figs. 12 and 18."""
    return reduction(channels, ((256, 1), (384, 3, 2)), ((256, 1), (short, 3, 2)), ((256, 1), (long, 3), (last, 3, 2)))


def blocks(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> tuple[Towers, Towers, Towers]:
    """Figs. 10, 11, 13 and 16, 17, 19: the towers of blocks A, B and C, by the widths of the last convolutions."""
    block_a = ((32, 1),), ((32, 1), (32, 3)), ((32, 1), (a[0], 3), (a[1], 3))
    block_b = ((b[1], 1),), ((128, 1), (b[0], (1, 7)), (b[1], (7, 1)))
    return block_a, block_b, (((192, 1),), ((192, 1), (c[0], (1, 3)), (c[1], (3, 1))))


# channels on 35x35, Table 1, the widths that the second reduction varies, the blocks
V1 = 256, (192, 192, 256, 384), (256, 256, 256), blocks((32, 32), (128, 128), (192, 192))
V2 = 384, (256, 256, 384, 384), (288, 288, 320), blocks((48, 64), (160, 192), (224, 256))


def inception_resnet(
    stem: Any, parts: Any, *, scale: float = 0.1, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Fig. 15, with the channels, blocks and widths of V1 or V2. (N, 3, 299, 299) to (N, num_classes)."""
    on35, widths_a, widths_b, (block_a, block_b, block_c) = parts
    on17 = on35 + widths_a[2] + widths_a[3]
    on8 = on17 + 384 + widths_b[0] + widths_b[2]
    rows = stem(in_channels) | {
        "inception_resnet_a": nn.Sequential(*(residual(on35, block_a, scale) for _ in range(5))),
        "reduction_a": reduction_a(on35, *widths_a),  # 17
        "inception_resnet_b": nn.Sequential(*(residual(on17, block_b, scale) for _ in range(10))),
        "reduction_b": resnet_reduction_b(on17, *widths_b),  # 8
        "inception_resnet_c": nn.Sequential(*(residual(on8, block_c, scale) for _ in range(5))),
    }
    return Network(rows | head(on8, num_classes), head="avgpool", initialise=GLOROT_UNIFORM)


AUXILIARY = {"inception_v4": {"released": {"inception_b": auxiliary}}}

VARIANTS: dict[str, Any] = {
    "inception_v4": partial(inception_v4),
    "inception_resnet_v1": partial(inception_resnet, stem_v1, V1),
    "inception_resnet_v2": partial(inception_resnet, stem_v4, V2),
}
