"""ZFNet. Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014, arXiv:1311.2901.

Paper map    Fig. 3: zfnet.   Table 2 (b): zfnet_wide.   Table 3: `hidden`.   Sec. 3: initialisation and dropout.
             Sec. 4.1: why the first layer has 7x7 windows at a stride of 2, where AlexNet has 11x11 at 4.
Readings     110, 55, 26 and 13 of Fig. 3 need windows that are rounded up, in convolutions and poolings alike: the rule
             of cuda-convnet. The second convolution strides by 2 (Sec. 5.1; the sizes need it). "Contrast normalised
             across feature maps" is AlexNet's response normalisation with AlexNet's constants, after the pooling as
             Fig. 3 has it. "Initialized to 10^-2" is N(0, 0.01), since equal weights would stay equal; biases 0.
             The layers are dense: one GPU, no groups.
Departures
    1. zf_fast_rcnn is not the paper's: the network that Fast and Faster R-CNN call ZF, with padding everywhere and
       normalisation within channels. There it ends in conv5; the pooled classifier behind it is ours, so that it can
       be trained like the others.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from ..layers import FullyConnected, conv_relu, fill, stack
from ..network import Network, map_shape
from .alexnet import PadToStride, head, response_norm

NORMAL = partial(fill, partial(nn.init.normal_, std=0.01))
ceil_pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)


class NormWithin(nn.Module):
    """Caffe's response normalisation within a channel: a / (1 + alpha * mean of a^2 over the window) ^ beta."""

    def __init__(self, window: int, alpha: float, beta: float) -> None:
        super().__init__()
        self.window, self.alpha, self.beta = window, alpha, beta
        self.words = f"response norm over {window}x{window}"  # for layer tables

    def forward(self, x: Tensor) -> Tensor:
        mean = avg_pool2d(x.square(), self.window, 1, self.window // 2)
        return x / (1 + self.alpha * mean) ** self.beta


def ceil_conv(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Sequential:
    """A convolution without padding whose last window may reach beyond the map."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride)
    return stack(pad=PadToStride(kernel, stride), conv=conv, relu=nn.ReLU())


def upper(widths: tuple[int, int, int]) -> dict[str, nn.Module]:
    """conv3 to conv5, of these widths, over 256 channels."""
    three, four, five = widths
    return {"conv3": conv_relu(256, three, 3), "conv4": conv_relu(three, four, 3), "conv5": conv_relu(four, five, 3)}


def zfnet(
    widths: tuple[int, int, int],
    *,
    hidden: int = 4096,
    dropout: float = 0.5,
    input_size: int = 224,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Fig. 3; `widths` are those of layers 3, 4 and 5, `hidden` that of 6 and 7. (N, 3, 224, 224) to (N, classes)."""
    rows: dict[str, nn.Module] = {
        "conv1": ceil_conv(in_channels, 96, 7, 2),  # 110
        "pool1": ceil_pool(),  # 55
        "norm1": response_norm(),
        "conv2": ceil_conv(96, 256, 5, 2),  # 26
        "pool2": ceil_pool(),  # 13
        "norm2": response_norm(),
        **upper(widths),
        "pool5": nn.MaxPool2d(3, 2),  # 6
    }
    rows |= head(map_shape(rows, in_channels, input_size), dropout, num_classes, hidden)
    return Network(rows, head="fc6", initialise=NORMAL, input_size=input_size)


def fast_rcnn(*, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Departure 1. (N, 3, 224, 224) to (N, num_classes)."""
    rows = {
        "conv1": conv_relu(in_channels, 96, 7, 2),  # 112
        "norm1": NormWithin(3, 5e-5, 0.75),
        "pool1": ceil_pool(padding=1),  # 57
        "conv2": conv_relu(96, 256, 5, 2),  # 29
        "norm2": NormWithin(3, 5e-5, 0.75),
        "pool2": ceil_pool(padding=1),  # 15
        **upper((384, 384, 256)),
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "fc": FullyConnected(256, num_classes),
    }
    return Network(rows, head="avgpool", initialise=NORMAL)


VARIANTS: dict[str, Any] = {
    "zfnet": partial(zfnet, (384, 384, 256)),
    "zfnet_wide": partial(zfnet, (512, 1024, 512)),
    "zf_fast_rcnn": partial(fast_rcnn),
}
