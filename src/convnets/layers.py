"""The vocabulary the papers share: the few units that their rows are made of, and rules for fresh weights.

No layer works in place and every unit owns its ReLU, so that any row or submodule can be tapped and hooked by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .errors import UsageError

V = TypeVar("V")
InitRule = Callable[[str, nn.Module], None]  # called with each module's dotted name and the module
Size = int | tuple[int, int]  # of a window: one side, or (height, width)


class FullyConnected(nn.Linear):
    """A fully connected layer over the whole of its input map: (N, C, h, w) or (N, features) to (N, out_features)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


class Residual(nn.Module):
    """after(body(y) + shortcut(y)) with y = before(x), the building block of residual networks.

    Nothing stands before unless given; `after` is a ReLU unless given.
    """

    def __init__(
        self,
        body: nn.Module,
        shortcut: nn.Module,
        out_channels: int,
        *,
        before: nn.Module | None = None,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.before = before
        self.body, self.shortcut = body, shortcut
        self.after = nn.ReLU() if after is None else after
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.before is None else self.before(x)
        y: Tensor = self.after(self.body(x) + self.shortcut(x))
        return y


class Concat(nn.Module):
    """The branches side by side on the same input, their channels one after the other in the order given."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.children()], 1)


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class PadSame(nn.Module):
    """TensorFlow's SAME padding: ceil(side / stride) outputs, an odd pixel at the bottom and right.

    Pads with `value`, which is minus infinity in front of a max pooling.
    """

    def __init__(self, kernel: int, stride: int, value: float = 0.0) -> None:
        super().__init__()
        self.kernel, self.step, self.value = kernel, stride, value

    def forward(self, x: Tensor) -> Tensor:
        height, width = (max((-(-side // self.step) - 1) * self.step + self.kernel - side, 0) for side in x.shape[-2:])
        return pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), value=self.value)


def stack(**parts: nn.Module) -> nn.Sequential:
    """The parts one after the other, by name."""
    return nn.Sequential(OrderedDict(parts))


def half(kernel: Size) -> Size:
    """The padding that keeps the size at stride 1."""
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)


def conv_relu(in_channels: int, out_channels: int, kernel: Size, stride: int = 1, **options: Any) -> nn.Sequential:
    """Convolution and ReLU, padded so that stride 1 keeps the size; `options` are nn.Conv2d's."""
    options = {"padding": half(kernel), **options}
    return stack(conv=nn.Conv2d(in_channels, out_channels, kernel, stride, **options), relu=nn.ReLU())


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: Size,
    stride: int = 1,
    *,
    relu: bool = True,
    eps: float = 1e-5,
    **options: Any,
) -> nn.Sequential:
    """Convolution without bias, batch normalisation and, unless told otherwise, ReLU; stride 1 keeps the size."""
    options = {"padding": half(kernel), "bias": False, **options}
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, **options)
    after = {"relu": nn.ReLU()} if relu else {}
    return stack(conv=conv, bn=nn.BatchNorm2d(out_channels, eps=eps), **after)


def bn_relu_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Batch normalisation, ReLU and a convolution without bias: the order of pre-activation."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return stack(bn=nn.BatchNorm2d(in_channels), relu=nn.ReLU(), conv=conv)


def separable_conv(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, multiplier: int = 1, **options: Any
) -> nn.Sequential:
    """A depthwise convolution with `multiplier` filters for each channel, then a 1x1 over channels; no biases."""
    width, options = in_channels * multiplier, {"padding": kernel // 2, **options}
    return stack(
        depthwise=nn.Conv2d(in_channels, width, kernel, stride, groups=in_channels, bias=False, **options),
        pointwise=nn.Conv2d(width, out_channels, 1, bias=False),
    )


def fill(weights: Callable[[Tensor], Any], name: str, module: nn.Module) -> None:
    """Initialises a convolution or fully connected layer: the weights by `weights`, the biases 0."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        weights(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


HE_NORMAL: InitRule = partial(fill, partial(nn.init.kaiming_normal_, nonlinearity="relu"))  # variance 2 / fan-in


def he_fan_out(name: str, module: nn.Module) -> None:
    """Many authors' rule: convolutions N(0, 2 / (kernel area * out_channels)), fully connected layers as in Torch."""
    if isinstance(module, nn.Conv2d):
        fill(partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"), name, module)
    else:  # uniform, variance 1 / (3 * fan-in)
        fill(partial(nn.init.kaiming_uniform_, a=5**0.5), name, module)


def truncated_normal(std: float, weight: Tensor) -> Tensor:
    """TensorFlow's normal distribution of this deviation, drawn again beyond two of them."""
    return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def he_truncated(weight: Tensor) -> Tensor:
    """Variance 2 / fan-in as TF-slim has it: the 1.3 makes up for what is cut off."""
    return truncated_normal((1.3 * 2 / weight[0].numel()) ** 0.5, weight)


HE_TRUNCATED: InitRule = partial(fill, he_truncated)
GLOROT_UNIFORM: InitRule = partial(fill, nn.init.xavier_uniform_)  # variance 2 / (fan-in + fan-out)


def choose(axis: str, value: Any, options: Mapping[Any, V]) -> V:
    """The option of this value. Raises UsageError listing the valid ones."""
    if value not in options:
        raise UsageError(f"{axis}={value!r} is unknown; valid values: {', '.join(map(str, options))}")
    return options[value]
