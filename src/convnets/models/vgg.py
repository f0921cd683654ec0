"""VGG. Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015,
arXiv:1409.1556.

Paper map    Table 1: A to E, one line per column, and VARIANTS.   Sec. 2.1: vgg.   Sec. 3.1: INITIALISATIONS.
             Sec. 4.1 ("a shallow net with five 5x5 conv. layers"): SHALLOW.
Readings     The response normalisation of A-LRN, which Table 1 puts after the first convolution, follows its ReLU and
             has AlexNet's parameters. Dropout is on the outputs of fc6 and fc7.
Departures
    1. The paper starts A at random and the deeper networks from A's trained layers. By default (init="glorot") all
       start as Sec. 3.1 advises at its end, which makes that unnecessary: Glorot's uniform rule, biases 0.
       init="normal" is the random start of A. Its printed "10^-2 variance" is read as a standard deviation of 0.01,
       AlexNet's: with 0.1 the signal would grow about 10^8 times through D, with 0.01 it fades, which is the stall that
       the paper reports.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import GLOROT_UNIFORM, InitRule, choose, conv_relu, fill
from ..network import Network, map_shape
from .alexnet import head, response_norm

WIDTHS = (64, 128, 256, 512, 512)
A = ((3,), (3,), (3, 3), (3, 3), (3, 3))  # Table 1: the kernels of each stage
B = ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3))
C = ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))
D = ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
E = ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3))
SHALLOW = ((5,), (5,), (5,), (5,), (5,))  # B with each pair of 3x3 replaced by one 5x5

INITIALISATIONS: dict[str, InitRule] = {
    "glorot": GLOROT_UNIFORM,
    "normal": partial(fill, partial(nn.init.normal_, std=0.01)),
}


def vgg(
    stages: tuple[tuple[int, ...], ...],
    unit: Callable[[int, int, int], nn.Module] = conv_relu,
    *,
    lrn: bool = False,
    init: str = "glorot",
    input_size: int = 224,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Table 1: stages of `unit`s with these kernels, each followed by 2x2 pooling. (N, 3, 224, 224) to (N, classes)."""
    rule = choose("init", init, INITIALISATIONS)
    rows: dict[str, nn.Module] = {}
    channels, numbered = in_channels, any(len(kernels) > 1 for kernels in stages)
    for stage, (kernels, width) in enumerate(zip(stages, WIDTHS, strict=True), 1):
        for index, kernel in enumerate(kernels, 1):
            rows[f"conv{stage}_{index}" if numbered else f"conv{stage}"] = unit(channels, width, kernel)
            channels = width
            if lrn and stage == index == 1:
                rows["lrn1"] = response_norm()
        rows[f"pool{stage}"] = nn.MaxPool2d(2, 2)  # 112, 56, 28, 14, 7
    rows |= head(map_shape(rows, in_channels, input_size), 0.5, num_classes)
    return Network(rows, head="fc6", initialise=rule, input_size=input_size)


# Sec. 3.1: what deeper networks take from A, "the first four convolutional layers and the last three". Read by stages:
# by position the shapes do not fit (the fourth of D has 128 inputs, of A 256).
GROWS = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")

VARIANTS: dict[str, Any] = {
    "vgg11": partial(vgg, A),
    "vgg11_lrn": partial(vgg, A, lrn=True),
    "vgg13": partial(vgg, B),
    "vgg16_c": partial(vgg, C),
    "vgg16": partial(vgg, D),
    "vgg19": partial(vgg, E),
    "vgg13_5x5": partial(vgg, SHALLOW),
}
