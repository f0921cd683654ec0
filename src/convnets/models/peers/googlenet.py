"""GoogLeNet as torchvision has it, by way of TensorFlow's Inception v1.

Departures
    1. googlenet_bn puts batch normalisation (epsilon 0.001) between each convolution and its ReLU, without biases.
    2. Its 5x5 branches are 3x3, a fault that its trained weights keep.
    3. The pooling before 5a is 2x2; there is no response normalisation; dropout is 0.2.
    4. Its auxiliary classifiers average to 4x4 places with overlapping windows, where the paper takes 5x5 windows at a
       stride of 3. (torchvision returns them last first.)
    5. Weights are truncated normal with a deviation of 0.01, cut at two deviations as in TensorFlow, where torchvision
       cuts at 2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...layers import conv_bn, fill, truncated_normal
from ...network import Network
from ..googlenet import auxiliary, classifier, inception, modules, stem

conv = partial(conv_bn, eps=1e-3)
TRUNCATED = partial(fill, partial(truncated_normal, 0.01))


def googlenet_bn(*, dropout: float = 0.2, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """(N, 3, 224, 224) to (N, num_classes)."""
    rows = stem(conv(in_channels, 64, 7, 2), conv, None)
    rows |= modules(partial(inception, conv=conv, large=3), nn.MaxPool2d(2, 2, ceil_mode=True))
    return Network(rows | classifier(dropout, num_classes), head="pool5", initialise=TRUNCATED)


def adaptive(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Departure 4."""
    return auxiliary(shape, num_classes, conv, nn.AdaptiveAvgPool2d(4))


AUXILIARY = {"googlenet_bn": {"torchvision": {"inception_4a": adaptive, "inception_4d": adaptive}}}

VARIANTS: dict[str, Any] = {"googlenet_bn": partial(googlenet_bn)}
