"""AlexNet as torchvision has it.

Departures
    1. alexnet_owt is the single column of the later report "One weird trick" (arXiv:1404.5997): other widths, padding
       2, no response normalisation, dropout before fc6 and fc7. The report gives no initialisation; with neither
       normalisation nor biases of 1 we draw He-normal weights, with biases of 0.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...layers import HE_NORMAL, conv_relu
from ...network import Network, map_shape
from ..alexnet import head


def one_weird_trick(
    *, dropout: float = 0.5, input_size: int = 224, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """(N, 3, 224, 224) to (N, num_classes)."""
    rows: dict[str, nn.Module] = {
        "conv1": conv_relu(in_channels, 64, 11, 4, padding=2),
        "pool1": nn.MaxPool2d(3, 2),
        "conv2": conv_relu(64, 192, 5),
        "pool2": nn.MaxPool2d(3, 2),
        "conv3": conv_relu(192, 384, 3),
        "conv4": conv_relu(384, 256, 3),
        "conv5": conv_relu(256, 256, 3),
        "pool5": nn.MaxPool2d(3, 2),
    }
    tail = {"drop5": nn.Dropout(dropout)} | head(map_shape(rows, in_channels, input_size), dropout, num_classes)
    rows |= {name: row for name, row in tail.items() if name != "drop7"}
    return Network(rows, head="drop5", initialise=HE_NORMAL, input_size=input_size)


VARIANTS: dict[str, Any] = {"alexnet_owt": partial(one_weird_trick)}
