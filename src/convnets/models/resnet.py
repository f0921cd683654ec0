"""ResNet. He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.

Paper map    Fig. 5: basic, bottleneck.   Fig. 3: plain.   Sec. 3.3 and Table 3: SHORTCUTS A, B, C.
             Table 1: imagenet.   Sec. 4.2: cifar.   Sec. 3.4, by its reference [13]: He-normal weights.
Readings     Table 1 says which blocks stride, not which of their convolutions: the first 1x1, as in the released
             models; only that gives the printed multiply-adds. Option A takes every second row and column and appends
             its zeros after the channels. pool1 pads by 1. Batch normalisation starts at 1 and 0, the bias of fc at 0.
             ImageNet networks have option B and CIFAR networks option A unless their names say otherwise.
Departures
    1. Option B on 18 layers and on CIFAR, and C on any but 34 layers, are combinations that the paper does not report.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from ..layers import HE_NORMAL, FullyConnected, InitRule, Residual, choose, conv_bn, stack
from ..network import Network

Shortcut = Callable[[int, int, int], nn.Module]  # in_channels, out_channels, stride
Block = Callable[[int, int, int], nn.Module]  # in_channels, width, stride; it knows its out_channels
Stem = Callable[[int], dict[str, nn.Module]]  # in_channels
Stage = tuple[str, int, int]  # name, width, number of blocks


class ZeroPad(nn.Module):
    """Option A: every `stride`-th row and column, with channels of zeros before and after."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.kernel_size, self.stride = 1, stride

    def forward(self, x: Tensor) -> Tensor:
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


def zero_pad(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option A: no parameters."""
    extra = out_channels - in_channels
    return ZeroPad(0, extra, stride) if extra else nn.Identity()


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option B: a projection where the channels grow."""
    return nn.Identity() if in_channels == out_channels else all_projection(in_channels, out_channels, stride)


def all_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option C: a projection everywhere."""
    return conv_bn(in_channels, out_channels, 1, stride, relu=False)


SHORTCUTS: dict[str, Shortcut] = {"A": zero_pad, "B": projection, "C": all_projection}


def two_convs(in_channels: int, width: int, stride: int) -> nn.Sequential:
    """The body of a basic block."""
    return stack(conv1=conv_bn(in_channels, width, 3, stride), conv2=conv_bn(width, width, 3, relu=False))


def three_convs(in_channels: int, width: int, reduce: int, stride: int) -> nn.Sequential:
    """The body of a bottleneck, whose first two convolutions have the strides `reduce` and `stride`."""
    return stack(
        conv1=conv_bn(in_channels, width, 1, reduce),
        conv2=conv_bn(width, width, 3, stride),
        conv3=conv_bn(width, 4 * width, 1, relu=False),
    )


class Plain(nn.Sequential):
    """A body without a shortcut."""

    def __init__(self, body: nn.Module, out_channels: int) -> None:
        super().__init__(OrderedDict(body=body, relu=nn.ReLU()))
        self.out_channels = out_channels


def plain(in_channels: int, width: int, stride: int) -> Plain:
    """Fig. 3 middle: 3x3, 3x3."""
    return Plain(two_convs(in_channels, width, stride), width)


def basic(in_channels: int, width: int, stride: int, shortcut: Shortcut) -> Residual:
    """Fig. 5 left: 3x3, 3x3."""
    return Residual(two_convs(in_channels, width, stride), shortcut(in_channels, width, stride), width)


def bottleneck(in_channels: int, width: int, stride: int, shortcut: Shortcut) -> Residual:
    """Fig. 5 right: 1x1 reduces, 3x3, 1x1 restores."""
    body = three_convs(in_channels, width, stride, 1)
    return Residual(body, shortcut(in_channels, 4 * width, stride), 4 * width)


def network(
    stem: dict[str, nn.Module], block: Block, stages: Iterable[Stage], channels: int, num_classes: int,
    initialise: InitRule = HE_NORMAL,
) -> Network:  # fmt: skip
    """`stem`, the stages (name, width, blocks), of which all but the first halve the map, and the head."""
    rows = dict(stem)
    for index, (name, width, count) in enumerate(stages):
        blocks: list[Any] = []
        for unit in range(count):
            blocks.append(block(channels, width, 2 if index > 0 and unit == 0 else 1))
            channels = blocks[-1].out_channels
        rows[name] = nn.Sequential(*blocks)
    rows |= {"avgpool": nn.AdaptiveAvgPool2d(1), "fc": FullyConnected(channels, num_classes)}
    return Network(rows, head="avgpool", initialise=initialise)


def stem(in_channels: int) -> dict[str, nn.Module]:
    """The first rows of Table 1."""
    return {"conv1": conv_bn(in_channels, 64, 7, 2), "pool1": nn.MaxPool2d(3, 2, 1)}  # 112, 56


def stages(depths: tuple[int, ...]) -> list[Stage]:
    """Table 1: 56, 28, 14, 7."""
    return list(zip(("conv2_x", "conv3_x", "conv4_x", "conv5_x"), (64, 128, 256, 512), depths, strict=True))


def imagenet(
    block: Block, depths: tuple[int, ...], stem: Stem = stem, initialise: InitRule = HE_NORMAL, *,
    num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """Table 1. (N, 3, 224, 224) to (N, num_classes)."""
    return network(stem(in_channels), block, stages(depths), 64, num_classes, initialise)


def cifar(
    block: Block, depth: int, initialise: InitRule = HE_NORMAL, *, num_classes: int = 10, in_channels: int = 3
) -> Network:
    """Sec. 4.2, the 6n + 2 layers of the CIFAR-10 nets. (N, 3, 32, 32) to (N, num_classes)."""
    n = (depth - 2) // 6
    stages = (("stage1", 16, n), ("stage2", 32, n), ("stage3", 64, n))  # 32, 16, 8
    return network({"conv1": conv_bn(in_channels, 16, 3)}, block, stages, 16, num_classes, initialise)


def resnet(
    block: Any, depths: tuple[int, ...], *, shortcut: str = "B", num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Table 1 with the shortcuts of Sec. 3.3."""
    block = partial(block, shortcut=choose("shortcut", shortcut, SHORTCUTS))
    return imagenet(block, depths, num_classes=num_classes, in_channels=in_channels)


def resnet_cifar(depth: int, *, shortcut: str = "A", num_classes: int = 10, in_channels: int = 3) -> Network:
    """Sec. 4.2 with the shortcuts of Sec. 3.3."""
    block = partial(basic, shortcut=choose("shortcut", shortcut, SHORTCUTS))
    return cifar(block, depth, num_classes=num_classes, in_channels=in_channels)


DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

VARIANTS: dict[str, Any] = {
    **{f"plain{depth}": partial(imagenet, plain, DEPTHS[depth]) for depth in (18, 34)},
    **{f"resnet{depth}": partial(resnet, basic, DEPTHS[depth]) for depth in (18, 34)},
    **{f"resnet{depth}_a": partial(resnet, basic, DEPTHS[depth], shortcut="A") for depth in (18, 34)},
    **{f"resnet{depth}_c": partial(resnet, basic, DEPTHS[depth], shortcut="C") for depth in (18, 34)},
    **{f"resnet{depth}": partial(resnet, bottleneck, DEPTHS[depth]) for depth in (50, 101, 152)},
    **{f"plain{depth}": partial(cifar, plain, depth) for depth in (20, 32, 44, 56, 110)},
    **{f"resnet{depth}": partial(resnet_cifar, depth) for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"resnet{depth}_b": partial(resnet_cifar, depth, shortcut="B") for depth in (20, 56, 110)},
    **{f"resnet{depth}_c": partial(resnet_cifar, depth, shortcut="C") for depth in (20, 56, 110)},
}
