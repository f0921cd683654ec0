"""Xception. Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017, arXiv:1610.02357.

Paper map    Fig. 5: entry, middle, xception.   Fig. 9: xception_non_residual.   Fig. 10: `intermediate`, an activation
             between depthwise and pointwise.   Secs. 4.3, 4.5.1: xception_jft and xception_jft_fc, without dropout.
Readings     Where the paper is silent the author's own code in Keras speaks: poolings pad as TensorFlow does, epsilon
             0.001, Glorot's weights. Batch normalisation follows the pointwise convolution, and no activation stands
             between the two (the title of Sec. 4.7 says "after pointwise", its text "between"). The two fully connected
             layers of the JFT network, of which nothing is said, have ReLUs.
Departures   None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ..layers import (
    GLOROT_UNIFORM,
    FullyConnected,
    PadSame,
    Residual,
    choose,
    conv_bn,
    separable_conv,
    stack,
)
from ..network import Network

ACTIVATIONS: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "none": {}, "relu": {"activation": nn.ReLU}, "elu": {"activation": nn.ELU}
}  # fmt: skip
Join = Callable[[nn.Module, int, int, int], nn.Module]  # body, in_channels, out_channels, stride

conv = partial(conv_bn, eps=1e-3)


def separable(
    intermediate: str, in_channels: int, out_channels: int, *, before: bool, after: bool = False
) -> nn.Sequential:
    """A 3x3 separable convolution and batch normalisation, with a ReLU before or after them."""
    pair, between = separable_conv(in_channels, out_channels, 3), choose("intermediate", intermediate, ACTIVATIONS)
    return stack(
        **({"relu": nn.ReLU()} if before else {}),
        depthwise=pair.get_submodule("depthwise"),
        **{name: make() for name, make in between.items()},
        pointwise=pair.get_submodule("pointwise"),
        bn=nn.BatchNorm2d(out_channels, eps=1e-3),
        **({"relu": nn.ReLU()} if after else {}),
    )


def same_pool() -> nn.Sequential:
    """3x3 max pooling at a stride of 2, padded as TensorFlow does."""
    return stack(pad=PadSame(3, 2, float("-inf")), pool=nn.MaxPool2d(3, 2))


def residual(body: nn.Module, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The sum with the input, or with its normalised projection where the stride is 2."""
    shortcut = conv(in_channels, out_channels, 1, stride, relu=False) if stride > 1 else nn.Identity()
    return Residual(body, shortcut, out_channels, after=nn.Identity())


def alone(body: nn.Module, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 9: without the sum."""
    return stack(body=body)


def entry(
    intermediate: str, join: Join, in_channels: int, width: int, out_channels: int, *, relu: bool = True,
    pool: Callable[[], nn.Module] = same_pool,
) -> nn.Module:  # fmt: skip
    """A block of Fig. 5 that halves the map: two separable convolutions and a pooling."""
    body = stack(
        sepconv1=separable(intermediate, in_channels, width, before=relu),
        sepconv2=separable(intermediate, width, out_channels, before=True),
        pool=pool(),
    )
    return join(body, in_channels, out_channels, 2)


def middle(intermediate: str, join: Join) -> nn.Module:
    """A block of the middle flow: three separable convolutions on 728x19x19."""
    body = stack(**{f"sepconv{number}": separable(intermediate, 728, 728, before=True) for number in (1, 2, 3)})
    return join(body, 728, 728, 1)


def hidden(widths: tuple[int, ...]) -> dict[str, nn.Module]:
    """Sec. 4.5.1: fully connected layers between the pooling and the classifier."""
    sizes = zip((2048, *widths), widths, strict=False)
    layers = [stack(linear=FullyConnected(size, width), relu=nn.ReLU()) for size, width in sizes]
    return {f"fc{number}": layer for number, layer in enumerate(layers, 1)}


def xception(
    join: Join = residual, fc: tuple[int, ...] = (), pool: Callable[[], nn.Module] = same_pool, *,
    intermediate: str = "none", dropout: float = 0.5, num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """Fig. 5. (N, 3, 299, 299) to (N, num_classes)."""
    block = partial(entry, intermediate, join, pool=pool)
    rows = {
        "block1_conv1": conv(in_channels, 32, 3, 2, padding=0),  # 149
        "block1_conv2": conv(32, 64, 3, padding=0),  # 147
        "block2": block(64, 128, 128, relu=False),  # 74
        "block3": block(128, 256, 256),  # 37
        "block4": block(256, 728, 728),  # 19
        "middle": nn.Sequential(*(middle(intermediate, join) for _ in range(8))),
        "block13": block(728, 728, 1024),  # 10
        "block14_sepconv1": separable(intermediate, 1024, 1536, before=False, after=True),
        "block14_sepconv2": separable(intermediate, 1536, 2048, before=False, after=True),
        "avgpool": nn.AdaptiveAvgPool2d(1),
        **hidden(fc),
        "dropout": nn.Dropout(dropout),
        "logits": FullyConnected(fc[-1] if fc else 2048, num_classes),
    }
    return Network(rows, head="avgpool", initialise=GLOROT_UNIFORM)


VARIANTS: dict[str, Any] = {
    "xception": partial(xception),
    "xception_intermediate_relu": partial(xception, intermediate="relu"),
    "xception_intermediate_elu": partial(xception, intermediate="elu"),
    "xception_non_residual": partial(xception, alone),
    "xception_jft": partial(xception, dropout=0.0, num_classes=17000),
    "xception_jft_fc": partial(xception, residual, (4096, 4096), dropout=0.0, num_classes=17000),
}
