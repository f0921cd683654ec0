"""GoogLeNet (Inception v1). Szegedy et al.: Going Deeper with Convolutions, CVPR 2015, arXiv:1409.4842.

Paper map    Fig. 2 (b): inception.   Table 1: MODULES and googlenet.   Fig. 3: where response normalisation stands and
             what hangs on 4a and 4d.   Sec. 5: auxiliary.
Readings     Table 1 calls conv1 a 7x7 convolution, but its 2.7K parameters and 34M operations are those of a separable
             one with 8 filters a channel; a plain 7x7 is the default, as in all public versions, and
             separable_stem=true the other. Fig. 3 alone shows response normalisation; its constants, and the Xavier
             weights with biases of 0.2, are those of Caffe's bvlc_googlenet, since the paper gives none.
             The poolings round up, which is what Fig. 3's "(S)" means at these sizes. Table 1's parameter column does
             not fit its own channel columns from 4c on; the channels are what is built.
Departures   None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import Concat, FullyConnected, conv_relu, fill, stack
from ..network import Network, map_shape

Unit = Callable[..., nn.Module]  # in_channels, out_channels, kernel, stride
XAVIER = partial(nn.init.kaiming_uniform_, nonlinearity="linear")  # Caffe's: variance 1 / fan-in

# Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, projection behind the pooling
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

ceil_pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)


def caffe_xavier(name: str, module: nn.Module) -> None:
    """Xavier weights; biases 0.2, those of the classifiers 0."""
    fill(XAVIER, name, module)
    biased = isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None
    if biased and name.rpartition(".")[2] not in ("fc", "fc2"):
        nn.init.constant_(module.bias, 0.2)  # type: ignore[arg-type]


def inception(in_channels: int, widths: tuple[int, ...], conv: Unit, large: int = 5) -> Concat:
    """Fig. 2 (b): 1x1, 3x3, 5x5 and pooling side by side, with 1x1 reductions."""
    one, reduce3, three, reduce5, five, project = widths
    return Concat(
        branch1=conv(in_channels, one, 1),
        branch3=stack(reduce=conv(in_channels, reduce3, 1), conv=conv(reduce3, three, 3)),
        branch5=stack(reduce=conv(in_channels, reduce5, 1), conv=conv(reduce5, five, large)),
        pool=stack(pool=nn.MaxPool2d(3, 1, 1), project=conv(in_channels, project, 1)),
    )


def modules(module: Callable[[int, tuple[int, ...]], nn.Module], pool4: nn.Module) -> dict[str, nn.Module]:
    """inception_3a to inception_5b, with the poolings between them."""
    rows, channels = {}, 192
    for name, widths in MODULES.items():
        if name in ("4a", "5a"):
            rows[f"pool{int(name[0]) - 1}"] = ceil_pool() if name == "4a" else pool4
        rows[f"inception_{name}"] = module(channels, widths)
        channels = widths[0] + widths[2] + widths[4] + widths[5]
    return rows


def classifier(dropout: float, num_classes: int) -> dict[str, nn.Module]:
    """Global pooling, dropout and the linear layer."""
    return {"pool5": nn.AdaptiveAvgPool2d(1), "drop": nn.Dropout(dropout), "fc": FullyConnected(1024, num_classes)}


def stem(conv1: nn.Module, conv: Unit, norm: Callable[[], nn.Module] | None) -> dict[str, nn.Module]:
    """The rows before the Inception modules; `norm` makes their response normalisation, if any."""
    rows = {
        "conv1": conv1,  # 112
        "pool1": ceil_pool(),  # 56
        "lrn1": norm() if norm else None,
        "conv2_reduce": conv(64, 64, 1),
        "conv2": conv(64, 192, 3),
        "lrn2": norm() if norm else None,
        "pool2": ceil_pool(),  # 28
    }
    return {name: row for name, row in rows.items() if row is not None}


def googlenet(
    *, separable_stem: bool = False, dropout: float = 0.4, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Table 1. (N, 3, 224, 224) to (N, num_classes)."""
    conv1: nn.Module = conv_relu(in_channels, 64, 7, 2)
    if separable_stem:
        depthwise = nn.Conv2d(in_channels, 8 * in_channels, 7, 2, 3, groups=in_channels, bias=False)
        conv1 = stack(depthwise=depthwise, pointwise=conv_relu(8 * in_channels, 64, 1))
    rows = stem(conv1, conv_relu, partial(nn.LocalResponseNorm, 5, 1e-4, 0.75, 1.0))
    rows |= modules(partial(inception, conv=conv_relu), ceil_pool()) | classifier(dropout, num_classes)
    return Network(rows, head="pool5", initialise=caffe_xavier)


def auxiliary(
    shape: tuple[int, int, int], num_classes: int, conv: Unit = conv_relu, pool: nn.Module | None = None
) -> nn.Module:
    """Sec. 5: 5x5 average pooling at a stride of 3, 1x1 convolution, two fully connected layers with 70 % dropout.

    A map smaller than 5x5, of a smaller picture than the paper's, is pooled whole.
    """
    pool = nn.AvgPool2d(min(5, shape[1]), 3) if pool is None else pool
    channels, height, width = map_shape({"pool": pool}, *shape[:2])  # 14x14 to 4x4
    return stack(
        pool=pool,
        conv=conv(channels, 128, 1),
        fc1=stack(linear=FullyConnected(128 * height * width, 1024), relu=nn.ReLU()),
        drop=nn.Dropout(0.7),
        fc2=FullyConnected(1024, num_classes),
    )


AUXILIARY = {"googlenet": {"paper": {"inception_4a": auxiliary, "inception_4d": auxiliary}}}

VARIANTS: dict[str, Any] = {"googlenet": partial(googlenet)}
