"""Inception v3. Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision,
CVPR 2016, arXiv:1512.00567.

Paper map    Fig. 5: grid35.   Fig. 6: grid17.   Fig. 7: grid8.   Fig. 10: reduction.   Table 1: table1, which the paper
             calls Inception-v2.   Sec. 4, Fig. 8: auxiliary.   Sec. 9: stride and pool of `released`.
Readings     Where the paper is silent, the authors' release in TF-slim speaks: dropout of 0.2, epsilon 0.001, average
             poolings that leave their padding out, truncated normal weights. Batch normalisation scales, too. The
             pooling that 79x79 leaves out (Sec. 9) is the first one; its map is then 36, and 35 only from 77x77.
             Reductions stand between the 3, 5 and 2 modules of Table 1; its seventh row is padded to keep its 35x35.
Departures
    1. Except in `_table1` the network is the released one, at 5.7 billion multiply-adds for the printed 4.8: a shorter
       stem, 5x5 convolutions where Fig. 5 has 3x3, no 1x1 before the 384 of the first reduction, 1x7 and 7x1 in the
       second, four modules on 17x17, and long towers that begin with the 7x1.
    2. The default auxiliary classifier is the released one; where it has a 5x5 to 768, Fig. 8 (`fig8`) has fc 1024.
    3. inception_v3_table1 has the released widths in its modules, since the paper prints none; the fifth module on
       17x17 repeats the fourth, and the 1x1 of 192 before the 384 is that of the second reduction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import HE_TRUNCATED, Concat, FullyConnected, Size, conv_bn, fill, stack, truncated_normal
from ..network import Network, map_shape

Step = tuple[int, Size] | tuple[int, Size, int]  # width, kernel and stride of a convolution
conv = partial(conv_bn, eps=1e-3)
valid = partial(conv, padding=0)
REDUCE35: tuple[Step, ...] = ((64, 1), (96, 3), (96, 3, 2))
REDUCE17: tuple[Step, ...] = ((192, 1), (320, 3, 2))
AUXILIARY_STDS = {"conv5x5": 0.01, "fc1024": 0.01, "aux_logits": 0.001}


def tower(in_channels: int, *steps: Step) -> nn.Sequential:
    """Convolutions conv1, conv2, ... one after the other; those with a stride are not padded."""
    parts: dict[str, nn.Module] = {}
    for number, (width, kernel, *stride) in enumerate(steps, 1):
        parts[f"conv{number}"] = (valid if stride else conv)(in_channels, width, kernel, *stride)
        in_channels = width
    return stack(**parts)


def pooled(in_channels: int, width: int) -> nn.Sequential:
    """3x3 average pooling, without the padding in its averages, and a 1x1."""
    return stack(pool=nn.AvgPool2d(3, 1, 1, count_include_pad=False), project=conv(in_channels, width, 1))


def grid35(in_channels: int, project: int, large: int = 5) -> Concat:
    """Fig. 5, with its 3x3 as a 5x5 in the release."""
    return Concat(
        branch1=conv(in_channels, 64, 1),
        short=tower(in_channels, (48, 1), (64, large)),
        long=tower(in_channels, (64, 1), (96, 3), (96, 3)),
        pool=pooled(in_channels, project),
    )


def grid17(in_channels: int, width: int, first: Size = (7, 1), second: Size = (1, 7)) -> Concat:
    """Fig. 6 with n = 7; `first` and `second` are the order in the long tower."""
    return Concat(
        branch1=conv(in_channels, 192, 1),
        short=tower(in_channels, (width, 1), (width, (1, 7)), (192, (7, 1))),
        long=tower(in_channels, (width, 1), (width, first), (width, second), (width, first), (192, second)),
        pool=pooled(in_channels, 192),
    )


def grid8(in_channels: int) -> Concat:
    """Fig. 7, whose towers end in a 1x3 and a 3x1 side by side. To 2048 channels."""
    split1, split2 = (Concat(row=conv(384, 384, (1, 3)), column=conv(384, 384, (3, 1))) for _ in range(2))
    return Concat(
        branch1=conv(in_channels, 320, 1),
        short=stack(conv1=conv(in_channels, 384, 1), split=split1),
        long=stack(conv1=conv(in_channels, 448, 1), conv2=conv(448, 384, 3), split=split2),
        pool=pooled(in_channels, 192),
    )


def reduction(in_channels: int, short: tuple[Step, ...], long: tuple[Step, ...]) -> Concat:
    """Fig. 10: two towers and a pooling side by side, all with a stride of 2."""
    return Concat(short=tower(in_channels, *short), long=tower(in_channels, *long), pool=nn.MaxPool2d(3, 2))


def released(in_channels: int, stride: int = 2, pool: bool = True, project: int = 64) -> dict[str, nn.Module]:
    """The rows of the released network, with the first stride and pooling that Sec. 9 changes."""
    rows: dict[str, nn.Module] = {
        "conv2d_1a_3x3": valid(in_channels, 32, 3, stride),  # 149
        "conv2d_2a_3x3": valid(32, 32, 3),  # 147
        "conv2d_2b_3x3": conv(32, 64, 3),
        "maxpool_3a_3x3": nn.MaxPool2d(3, 2),  # 73
        "conv2d_3b_1x1": conv(64, 80, 1),
        "conv2d_4a_3x3": valid(80, 192, 3),  # 71
        "maxpool_5a_3x3": nn.MaxPool2d(3, 2),  # 35
        "mixed_5b": grid35(192, 32),
        "mixed_5c": grid35(256, project),
        "mixed_5d": grid35(224 + project, project),
        "mixed_6a": reduction(224 + project, ((384, 3, 2),), REDUCE35),  # 17
        "mixed_6b": grid17(704 + project, 128),
        "mixed_6c": grid17(768, 160),
        "mixed_6d": grid17(768, 160),
        "mixed_6e": grid17(768, 192),
        "mixed_7a": reduction(768, REDUCE17, ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2))),  # 8
        "mixed_7b": grid8(1280),
        "mixed_7c": grid8(2048),
    }
    return {name: row for name, row in rows.items() if pool or name != "maxpool_3a_3x3"}


def table1(in_channels: int) -> dict[str, nn.Module]:
    """Table 1 as printed; the names of the first rows end in their numbers there."""
    widths = {"a": 128, "b": 160, "c": 160, "d": 192, "e": 192}
    return {
        "conv1": valid(in_channels, 32, 3, 2),  # 149
        "conv2": valid(32, 32, 3),  # 147
        "conv3": conv(32, 64, 3),
        "pool4": nn.MaxPool2d(3, 2),  # 73
        "conv5": valid(64, 80, 3),  # 71
        "conv6": valid(80, 192, 3, 2),  # 35
        "conv7": conv(192, 288, 3),
        **{f"inception_35{letter}": grid35(288, 64, large=3) for letter in "abc"},
        "reduction_35": reduction(288, ((192, 1), (384, 3, 2)), REDUCE35),  # 17
        **{f"inception_17{letter}": grid17(768, width, (1, 7), (7, 1)) for letter, width in widths.items()},
        "reduction_17": reduction(768, REDUCE17, ((192, 1), (192, 3), (192, 3, 2))),  # 8
        "inception_8a": grid8(1280),
        "inception_8b": grid8(2048),
    }


def initialise(name: str, module: nn.Module) -> None:
    """Truncated He's, with smaller deviations at the end of an auxiliary classifier."""
    std = next((AUXILIARY_STDS[part] for part in name.split(".") if part in AUXILIARY_STDS), None)
    HE_TRUNCATED(name, module) if std is None else fill(partial(truncated_normal, std), name, module)


def inception_v3(
    features: Callable[[int], dict[str, nn.Module]], *, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """These rows and the classifier. (N, 3, 299, 299) to (N, num_classes)."""
    head = {"avgpool": nn.AdaptiveAvgPool2d(1), "dropout": nn.Dropout(0.2), "logits": FullyConnected(2048, num_classes)}
    return Network(features(in_channels) | head, head="avgpool", initialise=initialise)


def auxiliary(shape: tuple[int, int, int], num_classes: int, fig8: bool = False) -> nn.Module:
    """5x5 average pooling (all of a smaller map), 1x1, 5x5 or (`fig8`, with Sec. 10's batch normalisation) fc, fc."""
    pool = nn.AvgPool2d(min(5, shape[1]), 3)
    channels, *kernel = map_shape({"pool": pool}, *shape[:2])  # 5x5
    rows = {"pool": pool, "conv1x1": conv(channels, 128, 1)}
    if not fig8:
        return stack(**rows, conv5x5=valid(128, 768, tuple(kernel)), aux_logits=FullyConnected(768, num_classes))
    linear = FullyConnected(128 * kernel[0] * kernel[1], 1024, bias=False)
    fc1024 = stack(linear=linear, bn=nn.BatchNorm1d(1024, eps=1e-3), relu=nn.ReLU())
    return stack(**rows, fc1024=fc1024, aux_logits=FullyConnected(1024, num_classes))


VARIANTS: dict[str, Any] = {
    "inception_v3": partial(inception_v3, released),
    "inception_v3_151": partial(inception_v3, partial(released, stride=1)),
    "inception_v3_79": partial(inception_v3, partial(released, stride=1, pool=False)),
    "inception_v3_table1": partial(inception_v3, table1),
}

FORMS = {"released": auxiliary, "fig8": partial(auxiliary, fig8=True)}
ON_6E = {form: {"mixed_6e": head} for form, head in FORMS.items()}
AUXILIARY: dict[str, dict[str, dict[str, Any]]] = dict.fromkeys(VARIANTS, ON_6E) | {
    "inception_v3_table1": {form: {"inception_17e": FORMS[form]} for form in ("fig8", "released")}
}
