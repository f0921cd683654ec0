"""BN-Inception as it was ported to Caffe, whose weights are in circulation (PyTorch's come from there).

Departures
    1. bn_inception_caffe projects to 128 behind the poolings of 4c and 4d, as Fig. 5 says in its last column, so that
       608 and 1056 channels follow. Its conv1 is a plain 7x7.
    2. Strided convolutions pad alike on all sides, where TensorFlow's SAME padding begins one pixel later.
    3. Average poolings count their padding, and epsilon is 0.00001. (The port's convolutions have biases, which are to
       be taken off the running means.)
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...network import Network
from ..bn_inception import MODULES, bn_inception
from . import changed, counting_padding, epsilon

WIDE = MODULES | {name: (*MODULES[name][:5], 128) for name in ("4c", "4d")}


def symmetric(network: Network) -> None:
    """Padding inside the convolutions instead of before them; poolings of the same windows that round up."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and hasattr(module, "pad"):
            del module.pad
            layer = module[0]
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
            elif isinstance(layer, nn.Conv2d):
                layer.padding = tuple(side // 2 for side in layer.kernel_size)


VARIANTS: dict[str, Any] = {
    "bn_inception_caffe": changed(
        partial(bn_inception, WIDE, separable_stem=False), symmetric, counting_padding, epsilon(1e-5)
    )
}
