"""ResNeXt. Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017,
arXiv:1611.05431.

Paper map    Fig. 3 (a), (b), (c): FORMS, three equal forms of one block.   Table 1: resnext.   Tables 2 to 4: VARIANTS,
             cardinality x width.   Sec. 5.3: cifar, 29 layers.   Sec. 5.1, "residual connections": plain.
Readings     The stride is in the 3x3, as in the code that the paper builds on; its ResNet-50 has 4.1 billion
             multiply-adds. Form (c) is the default, as in the paper's experiments (footnote 6 says where normalisation
             goes in each). The width of a later stage is the first one's times 2, 4, 8. He's weights count the output
             channels of a convolution, all of a grouped one but only its own path's in (a) and (b), as in the authors'
             code; copy_across_forms makes two forms the same function.
Departures   None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import Concat, Residual, choose, conv_bn, he_fan_out, stack
from ..network import Network
from .resnet import DEPTHS, Plain, imagenet, network, projection

Body = Callable[[int, int, int, int, int], nn.Module]  # in_channels, paths, width of a path, out_channels, stride


class Sum(nn.ModuleList):
    """The paths side by side on the same input, added."""

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self[0](x)
        for path in self[1:]:
            total = total + path(x)
        return total


def path(in_channels: int, width: int, stride: int) -> nn.Sequential:
    """The first two convolutions of one path of forms (a) and (b)."""
    return stack(conv1=conv_bn(in_channels, width, 1), conv2=conv_bn(width, width, 3, stride))


def summed(in_channels: int, paths: int, width: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 3 (a): whole paths are added, and then normalised."""
    ends = [nn.Conv2d(width, out_channels, 1, bias=False) for _ in range(paths)]
    whole = Sum([stack(path=path(in_channels, width, stride), conv3=end) for end in ends])
    return stack(paths=whole, bn=nn.BatchNorm2d(out_channels))


def concatenated(in_channels: int, paths: int, width: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 3 (b): paths are concatenated before one 1x1."""
    side_by_side = Concat(**{f"path{number}": path(in_channels, width, stride) for number in range(1, paths + 1)})
    return stack(paths=side_by_side, conv3=conv_bn(paths * width, out_channels, 1, relu=False))


def grouped(in_channels: int, paths: int, width: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 3 (c): one grouped convolution."""
    return stack(
        conv1=conv_bn(in_channels, paths * width, 1),
        conv2=conv_bn(paths * width, paths * width, 3, stride, groups=paths),
        conv3=conv_bn(paths * width, out_channels, 1, relu=False),
    )


FORMS: dict[str, Body] = {"a": summed, "b": concatenated, "c": grouped}


def values(module: nn.Module) -> list[Tensor]:
    """Weights and statistics, without the counts of batches."""
    return [tensor for tensor in module.state_dict().values() if tensor.dim()]


def path_views(body: Any) -> list[Tensor]:
    """Views of what a body holds, path by path, in an order and with shapes that are those of its other forms."""
    inside, sides = body[0], list(body[0].children())
    if isinstance(inside, Sum):
        ends, last = [side.conv3.weight.detach() for side in sides], body.bn
        sides = [side.path for side in sides]
    else:
        paths = len(sides) if isinstance(inside, Concat) else body.conv2.conv.groups
        ends, last = list(body.conv3.conv.weight.detach().chunk(paths, 1)), body.conv3.bn
    if isinstance(inside, Sum | Concat):
        first = [tensor for side in sides for tensor in values(side)]
    else:
        whole = [tensor.chunk(paths) for part in (body.conv1, body.conv2) for tensor in values(part)]
        first = [tensor for side in zip(*whole, strict=True) for tensor in side]
    return first + ends + values(last)


def copy_across_forms(source: Network, target: Network) -> None:
    """Gives a network the weights of the same one in another form, so that it computes the same function."""
    shared = {key: value for key, value in source.state_dict().items() if ".body." not in key}
    target.load_state_dict(shared, strict=False)
    bodies = [[block.body for block in network.modules() if hasattr(block, "body")] for network in (source, target)]
    with torch.no_grad():
        for there, here in zip(*bodies, strict=True):
            for old, new in zip(path_views(there), path_views(here), strict=True):
                new.copy_(old)


def residual(paths: int, base: int, body: Body, in_channels: int, width: int, stride: int) -> Residual:
    """Fig. 3 with a shortcut of option B; a path has `base` channels where the stage's `width` is 64."""
    inner = body(in_channels, paths, base * width // 64, 4 * width, stride)
    return Residual(inner, projection(in_channels, 4 * width, stride), 4 * width)


def plain(paths: int, base: int, body: Body, in_channels: int, width: int, stride: int) -> Plain:
    """Fig. 3 without a shortcut."""
    return Plain(body(in_channels, paths, base * width // 64, 4 * width, stride), 4 * width)


def resnext(
    depths: tuple[int, ...],
    paths: int,
    base: int,
    block: Callable[..., nn.Module] = residual,
    *,
    form: str = "c",
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Table 1. (N, 3, 224, 224) to (N, num_classes)."""
    chosen = partial(block, paths, base, choose("form", form, FORMS))
    return imagenet(chosen, depths, initialise=he_fan_out, num_classes=num_classes, in_channels=in_channels)


def cifar(paths: int, base: int, *, form: str = "c", num_classes: int = 10, in_channels: int = 3) -> Network:
    """Sec. 5.3: 29 layers. (N, 3, 32, 32) to (N, num_classes)."""
    block = partial(residual, paths, base, choose("form", form, FORMS))
    stages = (("stage1", 64, 3), ("stage2", 128, 3), ("stage3", 256, 3))  # 32, 16, 8
    return network({"conv1": conv_bn(in_channels, 64, 3)}, block, stages, 64, num_classes, he_fan_out)


FIFTY, HUNDRED, MOST = DEPTHS[50], DEPTHS[101], DEPTHS[152]
TABLE2 = ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4))  # cardinality and width of one path, equal cost
TWICE = ((64, 4), (2, 64), (1, 100))  # Table 4: twice the cost
CIFAR = (  # Sec. 5.3 and Fig. 7
    (8, 64), (16, 64), (1, 64), (2, 64), (3, 64), (4, 64), (6, 64),
    (1, 96), (1, 128), (1, 160), (1, 192), (1, 256), (1, 384),
)  # fmt: skip

VARIANTS: dict[str, Any] = {
    **{f"resnext50_{c}x{d}d": partial(resnext, FIFTY, c, d) for c, d in TABLE2},
    **{f"resnext101_{c}x{d}d": partial(resnext, HUNDRED, c, d) for c, d in (*TABLE2, *TWICE)},
    "resnext152_64x4d": partial(resnext, MOST, 64, 4),
    "plainnext50_32x4d": partial(resnext, FIFTY, 32, 4, plain),
    "plain50": partial(resnext, FIFTY, 1, 64, plain),
    **{f"resnext29_{c}x{d}d": partial(cifar, c, d) for c, d in CIFAR},
}
