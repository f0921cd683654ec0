"""VGG with batch normalisation, as torchvision and others have it.

Departures
    1. The `_bn` forms, which are not in the paper, put batch normalisation between each convolution and its ReLU. The
       convolutions keep their biases, as in the released networks of this name.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ...layers import conv_bn
from ..vgg import A, B, C, D, E, vgg

COLUMNS = {"vgg11": A, "vgg13": B, "vgg16_c": C, "vgg16": D, "vgg19": E}
with_bn = partial(conv_bn, bias=True)

VARIANTS: dict[str, Any] = {f"{name}_bn": partial(vgg, column, with_bn) for name, column in COLUMNS.items()}
