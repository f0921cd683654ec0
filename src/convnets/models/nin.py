"""Network in Network. Lin, Chen, Yan: Network In Network, ICLR 2014, arXiv:1312.4400.

Paper map    Sec. 3.1: mlpconv, a convolution and two 1x1 over its channels (`cccp` in the authors' files).
             Sec. 3.2: the maps of the last one are the classes, and global average pooling makes them scores.
             Sec. 3.3, Fig. 2: network.   Sec. 4: one line of VARIANTS for each data set.
Readings     The paper gives no widths: they are those of the authors' files. Pooling follows the first two blocks
             only and rounds up (32, 16, 8). A ReLU follows every convolution, the last too, so scores are never
             negative. The third kernel is 3x3 for CIFAR and 5x5 for SVHN and MNIST. Weights are N(0, 0.05) but where
             a file says otherwise, biases 0.
Departures
    1. nin_imagenet is not in the paper: the four blocks that its first author published for ImageNet.
    2. nin_cifar_caffe averages in its second pooling, as the authors' later Caffe file does; the paper takes maxima.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import conv_relu, fill
from ..network import Network

Widths = tuple[int, int, int]  # of an mlpconv: the convolution and its two 1x1
ceil_pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
ceil_average = partial(nn.AvgPool2d, 3, 2, ceil_mode=True)


def normal(stds: dict[str, float], name: str, module: nn.Module) -> None:
    """N(0, std) with the row's own std or 0.05; biases 0."""
    fill(partial(nn.init.normal_, std=stds.get(name.partition(".")[0], 0.05)), name, module)


def mlpconv(
    number: int, in_channels: int, widths: Widths, kernel: int, stride: int = 1, *, padding: int | None = None
) -> dict[str, nn.Module]:
    """Sec. 3.1: block `number`, a convolution and the two 1x1 that make a small network slide over the map."""
    first, second, third = widths
    around = kernel // 2 if padding is None else padding
    return {
        f"conv{number}": conv_relu(in_channels, first, kernel, stride, padding=around),
        f"cccp{2 * number - 1}": conv_relu(first, second, 1),
        f"cccp{2 * number}": conv_relu(second, third, 1),
    }


def network(
    widths: tuple[Widths, Widths, tuple[int, int]],
    kernel3: int,
    stds: dict[str, float] | None = None,
    pool2: Callable[[], nn.Module] = ceil_pool,
    *,
    dropout: float = 0.5,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Fig. 2, three blocks. (N, 3, 32, 32) to (N, num_classes)."""
    one, two, three = widths
    rows = {
        **mlpconv(1, in_channels, one, 5),  # 32
        "pool1": ceil_pool(),  # 16
        "dropout1": nn.Dropout(dropout),
        **mlpconv(2, one[2], two, 5),
        "pool2": pool2(),  # 8
        "dropout2": nn.Dropout(dropout),
        **mlpconv(3, two[2], (*three, num_classes), kernel3),
        "poolg": nn.AdaptiveAvgPool2d(1),
    }
    return Network(rows, head="cccp6", initialise=partial(normal, stds or {}))


def imagenet(*, dropout: float = 0.5, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Departure 1: four blocks. (N, 3, 224, 224) to (N, num_classes)."""
    rows = {
        **mlpconv(1, in_channels, (96, 96, 96), 11, 4, padding=0),  # 54
        "pool0": ceil_pool(),  # 27
        **mlpconv(2, 96, (256, 256, 256), 5),
        "pool2": ceil_pool(),  # 13
        **mlpconv(3, 256, (384, 384, 384), 3),
        "pool3": ceil_pool(),  # 6
        "drop": nn.Dropout(dropout),
        "conv4_1024": conv_relu(384, 1024, 3),
        "cccp7_1024": conv_relu(1024, 1024, 1),
        "cccp8_1024": conv_relu(1024, num_classes, 1),
        "pool4": nn.AdaptiveAvgPool2d(1),
    }
    return Network(rows, head="cccp8_1024", initialise=partial(normal, dict.fromkeys(
        ("conv1", "conv3", "cccp8_1024"), 0.01)))  # fmt: skip


CIFAR = ((192, 160, 96), (192, 192, 192), (192, 192))
SVHN = ((128, 96, 64), (320, 256, 128), (384, 256))
MNIST = ((96, 64, 48), (128, 96, 48), (128, 96))

VARIANTS: dict[str, Any] = {
    "nin_cifar": partial(network, CIFAR, 3),
    "nin_cifar100": partial(network, CIFAR, 3, {"conv1": 0.001, "cccp1": 0.01, "cccp2": 0.01}, num_classes=100),
    "nin_svhn": partial(network, SVHN, 5),
    "nin_mnist": partial(network, MNIST, 5, in_channels=1),
    "nin_imagenet": partial(imagenet),
    "nin_cifar_caffe": partial(network, CIFAR, 3, None, ceil_average),
}
