"""Pre-activation ResNet. He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, ECCV 2016, arXiv:1603.05027.

Paper map    Fig. 4 and Table 2: UNITS (a) to (e).   Fig. 2 and Table 1: SHORTCUTS.   Table 3: ONE, TWO and THREE
             convolutions.   Appendix: cifar, the first and the last unit.   Sec. 5: imagenet.
Readings     The first activation of a CIFAR network stands behind conv1, before the paths part; one more follows the
             last addition (appendix). On ImageNet conv1 is activated before it is pooled, so the first unit begins with
             its convolution. Where channels grow the paths share the activation and projections are bare, as in the
             authors' code and fb.resnet.torch; in Fig. 4 (a) to (d) projections keep their normalisation. CIFAR nets
             stride in the first 1x1, ImageNet ones in the 3x3, as those two do; resnet200 as the first paper does. A
             gate sees the shortcut behind its zeros, without normalisation, which would cancel its bias. Dropout scales
             in training. Weights are drawn as in the authors' code: He-normal by fan-out, the classifier's by Torch.
Departures
    1. The paper does not report this unit with 50 and 101 layers, nor 110 layers with projections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import FullyConnected, InitRule, Residual, choose, he_fan_out, stack
from ..network import Network
from . import resnet
from .resnet import Stage, all_projection, basic, projection, two_convs, zero_pad

Unit = tuple[str, str, str, str]  # before each convolution, between two of them, behind the last, behind the addition
Convs = tuple[tuple[int, int, bool], ...]  # kernel, channels in units of the width, whether the unit's stride is here
Block = Callable[[int, int, int, str], Residual]  # in_channels, width, stride, place of the first activation

UNITS: dict[str, Unit] = {
    "original": ("", "bn relu", "bn", "relu"),  # (a)
    "bn_after_addition": ("", "bn relu", "", "bn relu"),  # (b)
    "relu_before_addition": ("", "bn relu", "bn relu", ""),  # (c)
    "relu_only_pre_activation": ("relu", "bn", "bn", ""),  # (d)
    "full_pre_activation": ("bn relu", "", "", ""),  # (e)
}
ONE: Convs = ((3, 1, True),)  # Table 3, "1-layer skip"
TWO: Convs = ((3, 1, True), (3, 1, False))
THREE: Convs = ((1, 1, True), (3, 1, False), (1, 4, False))
THREE_INNER: Convs = ((1, 1, False), (3, 1, True), (1, 4, False))


def activations(words: str, channels: int) -> dict[str, nn.Module]:
    """The layers of these names, `bn` and `relu`."""
    return {word: nn.BatchNorm2d(channels) if word == "bn" else nn.ReLU() for word in words.split()}


def bare_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """A 1x1 convolution where the channels grow."""
    return nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


def residual(
    unit: Unit, convs: Convs, projects: bool, in_channels: int, width: int, stride: int, place: str = "own"
) -> Residual:
    """Fig. 4. The first activation's `place`: "own", in the body; "shared", before the paths part; or "none"."""
    (before, between, last, after), body, channels = unit, dict[str, nn.Module](), in_channels
    place = "shared" if place == "own" and convs[-1][1] * width != in_channels else place
    for number, (kernel, multiple, strides) in enumerate(convs, 1):
        ahead = activations(before if number > 1 or place == "own" else "", channels)
        conv = nn.Conv2d(channels, multiple * width, kernel, stride if strides else 1, kernel // 2, bias=False)
        channels = multiple * width
        behind = activations(between if number < len(convs) else last, channels)
        body[f"conv{number}"] = stack(**ahead, conv=conv, **behind)
    option = (bare_projection if "bn" in before else projection) if projects else zero_pad
    shared = stack(**activations(before, in_channels)) if before and place == "shared" else None
    end = stack(**activations(after, channels))
    return Residual(stack(**body), option(in_channels, channels, stride), channels, before=shared, after=end)


def network(
    rows: dict[str, nn.Module], place: str, block: Block, stages: Iterable[Stage], channels: int, last: str,
    num_classes: int, initialise: InitRule = he_fan_out,
) -> Network:  # fmt: skip
    """The stem `rows`, stages of which all but the first halve the map, the `last` activation, and the classifier."""
    for index, (name, width, count) in enumerate(stages):
        units: list[Any] = []
        for number in range(count):
            units.append(block(channels, width, 2 if index and not number else 1, place))
            channels, place = units[-1].out_channels, "own"
        rows[name] = nn.Sequential(*units)
    rows |= {last.replace(" ", "_"): stack(**activations(last, channels))} if last else {}
    rows |= {"avgpool": nn.AdaptiveAvgPool2d(1), "fc": FullyConnected(channels, num_classes)}
    return Network(rows, head="avgpool", initialise=initialise)


def cifar(
    convs: Convs, count: int, projects: bool = False, *, unit: str = "full_pre_activation", num_classes: int = 10,
    in_channels: int = 3,
) -> Network:  # fmt: skip
    """So many units for each size of the map. (N, 3, 32, 32) to (N, num_classes)."""
    order = choose("unit", unit, UNITS)
    conv1 = stack(conv=nn.Conv2d(in_channels, 16, 3, padding=1, bias=False), **activations(order[1], 16))
    stages = [(f"stage{number}", 8 << number, count) for number in (1, 2, 3)]  # 32, 16, 8
    block = partial(residual, order, convs, projects)
    return network({"conv1": conv1}, "shared", block, stages, 16, order[0], num_classes)


def imagenet(
    convs: Convs, depths: tuple[int, ...], stem: resnet.Stem = resnet.stem, place: str = "none", *,
    unit: str = "full_pre_activation", num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """(N, 3, 224, 224) to (N, num_classes)."""
    order = choose("unit", unit, UNITS)
    block = partial(residual, order, convs, True)
    return network(stem(in_channels), place, block, resnet.stages(depths), 64, order[0], num_classes)


class Weighted(Residual):
    """Fig. 2 on option A: body and shortcut each times a number or a gate, g being the sigmoid of a 1x1 convolution."""

    def __init__(self, on_shortcut: str, on_body: str, in_channels: int, width: int, stride: int) -> None:
        super().__init__(two_convs(in_channels, width, stride), zero_pad(in_channels, width, stride), width)
        self.on_shortcut, self.on_body = on_shortcut, on_body
        self.gate = nn.Conv2d(width, width, 1) if on_shortcut == "1 - g" else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        g: Any = 0 if self.gate is None else torch.sigmoid(self.gate(shortcut))
        weights = {"0": 0, "0.5": 0.5, "1": 1, "g": g, "1 - g": 1 - g}
        y: Tensor = self.after(weights[self.on_body] * self.body(x) + weights[self.on_shortcut] * shortcut)
        return y


SHORTCUTS: dict[str, resnet.Block] = {  # Table 1, with what it prints for the shortcut and for F
    "identity": partial(Weighted, "1", "1"),
    "zero_shortcut": partial(Weighted, "0", "1"),
    "half_shortcut": partial(Weighted, "0.5", "1"),
    "both_half": partial(Weighted, "0.5", "0.5"),
    "exclusive_gating": partial(Weighted, "1 - g", "g"),
    "shortcut_only_gating": partial(Weighted, "1 - g", "1"),
    "conv_shortcut": partial(basic, shortcut=all_projection),
    "dropout_shortcut": partial(basic, shortcut=lambda *shape: nn.Sequential(zero_pad(*shape), nn.Dropout(0.5))),
}


def initialise(gate_bias: float, name: str, module: nn.Module) -> None:
    """As everywhere, but for the biases of gates."""
    he_fan_out(name, module)
    if name.endswith(".gate"):
        nn.init.constant_(module.bias, gate_bias)  # type: ignore[arg-type]


def resnet110(*, shortcut: str, gate_bias: float = -6.0, num_classes: int = 10, in_channels: int = 3) -> Network:
    """Table 1: the original 110 layers with this in the shortcuts of all units."""
    block, rule = choose("shortcut", shortcut, SHORTCUTS), partial(initialise, gate_bias)
    return resnet.cifar(block, 110, rule, num_classes=num_classes, in_channels=in_channels)


DEPTHS = {depth: resnet.DEPTHS[depth] for depth in (50, 101, 152)} | {200: (3, 24, 36, 3)}
CIFAR: dict[str, tuple[Convs, int, bool]] = {
    "110": (TWO, 18, False), "110_one_layer": (ONE, 36, False), "164": (THREE, 18, True), "1001": (THREE, 111, True),
}  # fmt: skip

VARIANTS: dict[str, Any] = {
    **{f"preact_resnet{depth}": partial(cifar, *form) for depth, form in CIFAR.items()},
    "preact_resnet110_projection": partial(cifar, TWO, 18, True),
    "resnet110_one_layer": partial(cifar, *CIFAR["110_one_layer"], unit="original"),
    **{f"resnet{depth}_bottleneck": partial(cifar, *CIFAR[depth], unit="original") for depth in ("164", "1001")},
    **{f"resnet{depth}_{unit}": partial(cifar, *CIFAR[depth], unit=unit)
       for depth in ("110", "164") for unit in list(UNITS)[1:4]},
    **{f"resnet110_{name}": partial(resnet110, shortcut=name) for name in list(SHORTCUTS)[2:]},
    **{f"preact_resnet{depth}": partial(imagenet, THREE_INNER, depths) for depth, depths in DEPTHS.items()},
    "resnet101_bn_after_addition": partial(imagenet, THREE_INNER, DEPTHS[101], unit="bn_after_addition"),
    "resnet200": partial(imagenet, THREE, DEPTHS[200], unit="original"),
}  # fmt: skip
