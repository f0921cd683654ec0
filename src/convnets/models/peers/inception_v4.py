"""Inception-v4 and Inception-ResNet-v2 as released: TF-slim, and timm and Keras after it.

Departures
    1. inception_v4_slim swaps the orders of 7x1 and 1x7, and of 3x1 and 1x3, in the stem and in the last towers.
    2. The pooling of a module comes last in its concatenation.
    3. inception_resnet_v2_slim has the stem of Inception v3 and one of its modules instead of the v4 stem, so other
       widths (320, 1088 and 2080 for 384, 1152 and 2144), 10, 20 and 10 blocks for 5, 10 and 5, scales of 0.17, 0.1 and
       0.2, a last block without scale and ReLU, a 1x1 to 1536 before the pooling, and an auxiliary classifier.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...layers import GLOROT_UNIFORM, Concat
from ...network import Network
from ..inception_v3 import auxiliary, conv, grid35, released
from ..inception_v4 import V2, Pair, head, inception_v4, reduction_a, residual, resnet_reduction_b
from . import changed

RELEASED: tuple[Pair, ...] = (((1, 7), (7, 1)), ((7, 1), (1, 7)), ((3, 1), (1, 3)), ((1, 3), (3, 1)))


def pool_last(network: Network) -> None:
    """Departure 2, but in the stem."""
    for name, module in network.named_modules():
        if isinstance(module, Concat) and hasattr(module, "pool") and not name.startswith("stem"):
            pool = module.get_submodule("pool")
            del module.pool
            module.add_module("pool", pool)


def inception_resnet_v2(*, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Departure 3. (N, 3, 299, 299) to (N, num_classes)."""
    _, widths_a, widths_b, (block_a, block_b, block_c) = V2
    rows = dict(list(released(in_channels).items())[:7])  # 35
    mixed = grid35(192, 64)
    mixed.branch1 = conv(192, 96, 1)
    last = residual(2080, block_c, 1.0, nn.Identity())
    rows |= {
        "mixed_5b": mixed,
        "block35": nn.Sequential(*(residual(320, block_a, 0.17) for _ in range(10))),
        "mixed_6a": reduction_a(320, *widths_a),  # 17
        "block17": nn.Sequential(*(residual(1088, block_b, 0.1) for _ in range(20))),
        "mixed_7a": resnet_reduction_b(1088, *widths_b),  # 8
        "block8": nn.Sequential(*(residual(2080, block_c, 0.2) for _ in range(9))),
        "block8_last": nn.Sequential(last),
        "conv2d_7b_1x1": conv(2080, 1536, 1),
    }
    return Network(rows | head(1536, num_classes), head="avgpool", initialise=GLOROT_UNIFORM)


AUXILIARY = {
    "inception_v4_slim": {"released": {"inception_b": auxiliary}},
    "inception_resnet_v2_slim": {"released": {"block17": auxiliary}},
}

VARIANTS: dict[str, Any] = {
    "inception_v4_slim": changed(partial(inception_v4, RELEASED), pool_last),
    "inception_resnet_v2_slim": changed(inception_resnet_v2, pool_last),
}
