"""AlexNet. Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012.

Paper map    Sec. 3.5, Fig. 2: alexnet.   Sec. 3.2 and footnote 2: alexnet_half.   Sec. 3.3: response_norm, and the
             four-layer CIFAR-10 nets cuda_convnet_13 and _11, whose layers are those of the code that footnote 3 names.
             Sec. 3.4: overlapping pooling.   Sec. 4.2: dropout.   Sec. 5: initialise.
Readings     224x224 pictures give the 55x55 maps of Fig. 2 by the authors' rule ceil((224 - 11) / 4) + 1: PadToStride
             adds the missing zeros on the right and at the bottom. The printed alpha multiplies the sum of squares,
             torch first divides it by the window, hence alpha * window. Response normalisation stands between ReLU and
             pooling, but in cuda_convnet_11 first behind a pooling, as in the authors' file. alexnet_half is for one
             GPU, so without groups.
Departures
    1. The two columns of Fig. 2 are one network with grouped convolutions, so response normalisation sums across the
       border between them too: over all N kernels of the layer, as its formula says and two GPUs did not.
    2. Dropout scales the kept outputs by 1 / (1 - p) in training, where Sec. 4.2 halves all of them at test time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from ..layers import FullyConnected, choose, conv_relu, stack
from ..network import Network, map_shape

POOLING = {3: 3, 2: 2}  # the window of a stride of 2: overlapping, or not (Sec. 3.4)


class PadToStride(nn.Module):
    """Zeros on the right and at the bottom until windows of `kernel` at every `stride` reach the last pixel."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        bottom, right = (-(side - self.kernel) % self.stride for side in x.shape[-2:])
        return pad(x, (0, right, 0, bottom))


class LocallyConnected(nn.Module):
    """A convolution whose weights and biases are not shared: each place of its square map has its own."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, map_size: int) -> None:
        super().__init__()
        self.out_channels, self.kernel_size, self.stride, self.map_size = out_channels, kernel_size, 1, map_size
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels * kernel_size**2, map_size**2))
        self.bias = nn.Parameter(torch.empty(out_channels, map_size**2))

    def forward(self, x: Tensor) -> Tensor:
        columns = unfold(x, self.kernel_size, padding=self.kernel_size // 2)  # (N, in_channels * kernel ** 2, h * w)
        y = torch.einsum("nip,oip->nop", columns, self.weight) + self.bias
        return y.view(len(x), self.out_channels, *x.shape[-2:])


def response_norm(window: int = 5, alpha: float = 1e-4, k: float = 2.0) -> nn.Module:
    """b = a / (k + alpha * sum of a^2 over the window's channels) ^ 0.75 (Sec. 3.3)."""
    return nn.LocalResponseNorm(window, alpha=alpha * window, beta=0.75, k=k)


def initialise(stds: dict[str, float], ones: set[str], name: str, module: nn.Module) -> None:
    """N(0, std 0.01) or the row's own std; the biases 1 in the rows of `ones`, else 0 (Sec. 5)."""
    if isinstance(module, nn.Conv2d | nn.Linear | LocallyConnected):
        row = name.partition(".")[0]
        nn.init.normal_(module.weight, std=stds.get(row, 0.01))
        nn.init.constant_(module.bias, float(row in ones))  # type: ignore[arg-type]


def head(shape: tuple[int, int, int], dropout: float, num_classes: int, hidden: int = 4096) -> dict[str, nn.Module]:
    """fc6, fc7 and the classifier over maps of `shape`; dropout on the outputs of the first two (Sec. 4.2)."""
    channels, height, width = shape
    return {
        "fc6": stack(linear=FullyConnected(channels * height * width, hidden), relu=nn.ReLU()),
        "drop6": nn.Dropout(dropout),
        "fc7": stack(linear=FullyConnected(hidden, hidden), relu=nn.ReLU()),
        "drop7": nn.Dropout(dropout),
        "fc8": FullyConnected(hidden, num_classes),
    }


def alexnet(
    widths: tuple[int, int, int, int, int],
    groups: int,
    *,
    lrn: bool = True,
    pool: int = 3,
    dropout: float = 0.5,
    input_size: int = 224,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Fig. 2: five convolutions of these widths, three fully connected layers. (N, 3, 224, 224) to (N, num_classes)."""
    one, two, three, four, five = widths
    window = choose("pool", pool, POOLING)
    rows: dict[str, nn.Module] = {
        "conv1": stack(pad=PadToStride(11, 4), conv=nn.Conv2d(in_channels, one, 11, 4), relu=nn.ReLU()),  # 55
        "lrn1": response_norm(),
        "pool1": nn.MaxPool2d(window, 2),  # 27
        "conv2": conv_relu(one, two, 5, groups=groups),
        "lrn2": response_norm(),
        "pool2": nn.MaxPool2d(window, 2),  # 13
        "conv3": conv_relu(two, three, 3),
        "conv4": conv_relu(three, four, 3, groups=groups),
        "conv5": conv_relu(four, five, 3, groups=groups),
        "pool5": nn.MaxPool2d(window, 2),  # 6
    }
    rows = {name: row for name, row in rows.items() if lrn or not name.startswith("lrn")}
    rows |= head(map_shape(rows, in_channels, input_size), dropout, num_classes)
    rule = partial(initialise, {}, {"conv2", "conv4", "conv5", "fc6", "fc7"})
    return Network(rows, head="fc6", initialise=rule, input_size=input_size)


def cuda_convnet(
    width3: int, *, lrn: bool = False, input_size: int = 24, num_classes: int = 10, in_channels: int = 3
) -> Network:
    """The four-layer net of Sec. 3.3: two convolutions, two locally connected layers. (N, 3, 24, 24) to (N, 10)."""
    rows: dict[str, nn.Module] = {
        "conv1": conv_relu(in_channels, 64, 5),
        "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),  # 12
        "rnorm1": response_norm(9, 0.001 / 9, k=1.0),
        "conv2": conv_relu(64, 64, 5),
        "rnorm2": response_norm(9, 0.001 / 9, k=1.0),
        "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),  # 6
    }
    rows = {name: row for name, row in rows.items() if lrn or not name.startswith("rnorm")}
    _, side, _ = map_shape(rows, in_channels, input_size)
    rows |= {
        "local3": stack(local=LocallyConnected(64, width3, 3, side), relu=nn.ReLU()),
        "local4": stack(local=LocallyConnected(width3, 32, 3, side), relu=nn.ReLU()),
        "fc10": FullyConnected(32 * side**2, num_classes),
    }
    stds = {"conv1": 0.0001, "conv2": 0.01, "local3": 0.04, "local4": 0.04, "fc10": 0.01}
    return Network(rows, head="fc10", initialise=partial(initialise, stds, set()), input_size=input_size)


VARIANTS: dict[str, Any] = {
    "alexnet": partial(alexnet, (96, 256, 384, 384, 256), 2),
    "alexnet_half": partial(alexnet, (48, 128, 192, 192, 256), 1),
    "cuda_convnet_13": partial(cuda_convnet, 32),
    "cuda_convnet_11": partial(cuda_convnet, 64, lrn=True),
}
