"""Networks for experiments: the catalogue's, and small ones made of the papers' own pieces.

A small network is a function of the arm's values, the classes, the channels and side of the pictures, and the share of
the channels (`width`) that the budget allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from .. import models
from ..layers import (
    GLOROT_UNIFORM,
    HE_NORMAL,
    Concat,
    FullyConnected,
    Residual,
    Scale,
    bn_relu_conv,
    choose,
    conv_bn,
    conv_relu,
    he_fan_out,
    stack,
)
from ..models import (
    bag_of_tricks,
    densenet,
    googlenet,
    preact_resnet,
    resnet,
    resnext,
    senet,
    stochastic_depth,
    vgg,
    wide_resnet,
    xception,
)
from ..models.alexnet import response_norm
from ..network import Network, WithAuxiliary, map_shape
from .chain import RULES, Task, chain

GATE_BIAS = -6.0  # of exclusive gating, the best of those that the paper tried


def build(name: str, values: Mapping[str, Any], task: Task, seed: int) -> Network | WithAuxiliary:
    """The network with the initial weights of this seed. Raises UsageError for an unknown name or value."""
    torch.manual_seed(seed)
    if name in SMALL:
        return SMALL[name](task, **values)
    axes = models.axes(name)
    given = {"num_classes": task.classes, "in_channels": task.channels, **values}
    if "input_size" in axes:
        given["input_size"] = task.size
    return models.create_model(name, **given)


def small_vgg(
    task: Task, *, column: str = "A", lrn: bool = False, init: str = "glorot", stages: int = 4, dropout: float = 0.5
) -> Network:  # fmt: skip
    """VGG: the first stages of a column of its Table 1 at a quarter of the channels, with one hidden layer of 128."""
    columns = {"A": vgg.A, "B": vgg.B, "C": vgg.C, "D": vgg.D, "E": vgg.E, "5x5": vgg.SHALLOW}
    rows: dict[str, nn.Module] = {}
    channels = task.channels
    for stage, kernels in enumerate(choose("column", column, columns)[:stages], 1):
        width = task.wide(vgg.WIDTHS[stage - 1] // 4)
        for index, kernel in enumerate(kernels, 1):
            rows[f"conv{stage}_{index}"] = conv_relu(channels, width, kernel)
            channels = width
            if lrn and stage == index == 1:
                rows["lrn1"] = response_norm()
        rows[f"pool{stage}"] = nn.MaxPool2d(2, 2)
    shape = map_shape(rows, task.channels, task.size)
    hidden = task.wide(128)
    linear = FullyConnected(shape[0] * shape[1] * shape[2], hidden)
    rows |= {"fc6": stack(linear=linear, relu=nn.ReLU()), "drop6": nn.Dropout(dropout),
             "fc8": FullyConnected(hidden, task.classes)}  # fmt: skip
    rule = vgg.INITIALISATIONS[init] if init in vgg.INITIALISATIONS else choose("init", init, RULES)
    return Network(rows, head="fc6", initialise=rule, input_size=task.size)


def _stages(task: Task, count: int) -> list[resnet.Stage]:
    return [(f"stage{number}", task.wide(8 << number), count) for number in (1, 2, 3)]


def small_resnet(
    task: Task, *, depth: int = 20, block: str = "basic", shortcut: str = "A", zero_gamma: bool = False,
    dropout: float = 0.0,
) -> Network:  # fmt: skip
    """ResNet for CIFAR, residual or plain, of so many layers; shortcut D is ResNet-D's.

    Blocks with `zero_gamma` begin as their shortcuts; `dropout` stands between the convolutions of a block.
    """
    made = resnet.plain
    if block != "plain":
        options = resnet.SHORTCUTS | {"D": bag_of_tricks.pooled_projection}
        made = partial(resnet.basic, shortcut=choose("shortcut", shortcut, options))  # type: ignore[assignment]
    width, stages = task.wide(16), _stages(task, (depth - 2) // 6)
    rule = partial(bag_of_tricks.initialise, True, rule=HE_NORMAL) if zero_gamma else HE_NORMAL
    network = resnet.network({"conv1": conv_bn(task.channels, width, 3)}, made, stages, width, task.classes, rule)
    for body in [part.body for part in network.modules() if isinstance(part, Residual)] if dropout else []:
        body.conv1.append(nn.Dropout(dropout))  # type: ignore[operator, union-attr]
    return network


def small_preact(task: Task, *, count: int = 3, unit: str = "full_pre_activation", single: bool = False) -> Network:
    """Pre-activation ResNet for CIFAR, or its relatives of Table 2, `count` units a stage; `single` ones have one
    convolution each."""
    order = choose("unit", unit, preact_resnet.UNITS)
    width = task.wide(16)
    conv = nn.Conv2d(task.channels, width, 3, padding=1, bias=False)
    rows: dict[str, nn.Module] = {"conv1": stack(conv=conv, **preact_resnet.activations(order[1], width))}
    block = partial(preact_resnet.residual, order, preact_resnet.ONE if single else preact_resnet.TWO, False)
    return preact_resnet.network(rows, "shared", block, _stages(task, count), width, order[0], task.classes)


def small_shortcut(task: Task, *, depth: int = 20, shortcut: str = "identity") -> Network:
    """ResNet for CIFAR with the shortcuts of Table 1 of the paper on pre-activation; gates start at a bias of -6."""
    block = choose("shortcut", shortcut, preact_resnet.SHORTCUTS)
    rule = partial(preact_resnet.initialise, GATE_BIAS)
    width = task.wide(16)
    stem: dict[str, nn.Module] = {"conv1": conv_bn(task.channels, width, 3)}
    return resnet.network(stem, block, _stages(task, (depth - 2) // 6), width, task.classes, rule)


def small_stochastic(task: Task, *, depth: int = 20, survival: float = 0.5, decay: str = "linear") -> Network:
    """ResNet for CIFAR with stochastic depth: survival is that of the last block; 1 is constant depth."""
    chances = iter(stochastic_depth.survival_probabilities(decay, survival, (depth - 2) // 2))

    def block(channels: int, width: int, stride: int) -> stochastic_depth.Stochastic:
        shortcut = stochastic_depth.pooled(channels, width, stride)
        return stochastic_depth.Stochastic(next(chances), resnet.two_convs(channels, width, stride), shortcut, width)

    width = task.wide(16)
    return resnet.network({"conv1": conv_bn(task.channels, width, 3)}, block, _stages(task, (depth - 2) // 6), width,
                          task.classes)  # fmt: skip


def small_wrn(
    task: Task, *, units: int = 2, widening: float = 1, kernels: tuple[int, ...] = (3, 3), dropout: float = 0.0
) -> Network:
    """Wide ResNet for CIFAR, so many `units` in each of three groups, `kernels` in each unit."""
    stages = [(f"stage{group}", task.wide(round(8 * widening) << group), units) for group in (1, 2, 3)]
    conv1 = nn.Conv2d(task.channels, task.wide(16), 3, padding=1, bias=False)
    block = partial(wide_resnet.unit, kernels, dropout)
    return preact_resnet.network({"conv1": conv1}, "own", block, stages, task.wide(16), "bn relu", task.classes,
                                 wide_resnet.initialise)  # fmt: skip


def small_resnext(task: Task, *, paths: int = 1, base: int = 64, units: int = 1, shortcuts: bool = True) -> Network:
    """ResNeXt for CIFAR, at a quarter of the channels; `base` channels a path where a stage is 64 wide."""
    made = resnext.residual if shortcuts else resnext.plain
    block = partial(made, paths, base, resnext.grouped)
    stages = [(f"stage{number}", task.wide(8 << number), units) for number in (1, 2, 3)]
    stem: dict[str, nn.Module] = {"conv1": conv_bn(task.channels, task.wide(16), 3)}
    return resnet.network(stem, block, stages, task.wide(16), task.classes, he_fan_out)


def small_se(task: Task, *, depth: int = 20, se: bool = True, **values: Any) -> Network:
    """ResNet for CIFAR of 20 layers unless said, with projections; with squeeze and excitation unless `se` is false."""

    def parent(num_classes: int, in_channels: int) -> Network:
        return small_resnet(task, depth=depth, shortcut="B")

    if not se:
        return parent(task.classes, task.channels)
    return senet.residual(parent, None, **values, num_classes=task.classes, in_channels=task.channels)


def small_xception(
    task: Task, *, blocks: int = 3, intermediate: str = "none", joined: bool = True, pointwise_first: bool = False
) -> Network:
    """A thin Xception: its three flows, with `blocks` in the middle; each pair of convolutions perhaps turned round."""
    join = xception.residual if joined else xception.alone
    one, two, three = (task.wide(width) for width in (32, 64, 128))
    block = partial(xception.entry, intermediate, join)

    def middle() -> nn.Module:
        parts = {f"sepconv{n}": xception.separable(intermediate, two, two, before=True) for n in (1, 2, 3)}
        return join(stack(**parts), two, two, 1)

    rows: dict[str, nn.Module] = {
        "conv1": conv_bn(task.channels, one, 3),
        "block2": block(one, two, two, relu=False),
        "middle": nn.Sequential(*(middle() for _ in range(blocks))),
        "block13": block(two, two, three),
        "sepconv14": xception.separable(intermediate, three, three, before=False, after=True),
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "logits": FullyConnected(three, task.classes),
    }
    pairs: list[Any] = [part for row in rows.values() for part in row.modules() if hasattr(part, "pointwise")]
    for pair in pairs if pointwise_first else []:  # in each other's place, under each other's name
        wide = pair.pointwise.out_channels
        depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False)
        pair.depthwise, pair.pointwise = pair.pointwise, depthwise
    return Network(rows, head="avgpool", initialise=GLOROT_UNIFORM)


def small_inception(
    task: Task, *, modules: int = 3, naive: bool = False, head: str = "gap", joined: bool = False, scale: float = 1.0,
    grid: str = "parallel", dropout: float = 0.2, side: str = "none",
) -> Network | WithAuxiliary:  # fmt: skip
    """A stem, and two halves of Inception modules with a reduction of the grid between them.

    `naive` modules have no 1x1 before their larger convolutions and behind their pooling; `joined` ones are residual,
    their branches times `scale`. The grid is reduced by pooling first, by a convolution first, or in parallel. A `side`
    classifier, "plain" or with "bn", stands on the last module of the first half.
    """
    wide, rows = task.wide, dict[str, nn.Module]()
    rows["conv1"] = conv_bn(task.channels, wide(32), 3)
    channels = wide(32)
    for half in (1, 2):
        for number in range(modules):
            rows[f"inception{half}_{number}"], channels = _module(channels, wide(16 * half), naive, joined, scale)
        if half == 1:
            first = channels
            rows["reduction"], channels = _reduction(channels, wide(64), grid)
    shape = map_shape(rows, task.channels, task.size)
    flat = channels if head == "gap" else channels * shape[1] * shape[2]
    rows |= {"pool": nn.AdaptiveAvgPool2d(1)} if head == "gap" else {}
    rows |= {"drop": nn.Dropout(dropout), "fc": FullyConnected(flat, task.classes)}
    network = Network(rows, head="pool" if head == "gap" else "drop", initialise=HE_NORMAL, input_size=task.size)
    if side == "none":
        return network
    heads = {f"inception1_{modules - 1}": choose("side", side, SIDES)(first, wide(64), task.classes)}
    return WithAuxiliary(network, heads)


def _side(normalised: bool, channels: int, width: int, classes: int) -> nn.Module:
    """Pooling, a 1x1 and two fully connected layers, as the papers' side heads, with normalisation or without."""

    def norm(made: Callable[[int], nn.Module], of: int) -> dict[str, nn.Module]:
        return {"bn": made(of)} if normalised else {}

    conv = stack(conv=nn.Conv2d(channels, width, 1), **norm(nn.BatchNorm2d, width), relu=nn.ReLU())
    hidden = stack(linear=FullyConnected(16 * width, width), **norm(nn.BatchNorm1d, width), relu=nn.ReLU())
    return stack(pool=nn.AdaptiveAvgPool2d(4), conv=conv, hidden=hidden, fc=FullyConnected(width, classes))


SIDES: dict[str, Callable[[int, int, int], nn.Module]] = {"plain": partial(_side, False), "bn": partial(_side, True)}


def small_densenet(
    task: Task, *, depth: int = 22, growth_rate: int = 12, dense: bool = True, bottleneck: bool = False
) -> Network:
    """DenseNet for CIFAR, BC with a `bottleneck`; without `dense` connections a chain of as many layers, each as wide
    as the growth rate."""
    rate = max(1, round(growth_rate * task.width))
    if dense:
        return densenet.cifar(depth=depth, growth_rate=rate, bottleneck=bottleneck, num_classes=task.classes,
                              compression=0.5 if bottleneck else 1.0, in_channels=task.channels)  # fmt: skip
    rows: dict[str, nn.Module] = {"conv0": nn.Conv2d(task.channels, rate, 3, padding=1, bias=False)}
    for number in (1, 2, 3):
        rows[f"block{number}"] = nn.Sequential(*(bn_relu_conv(rate, rate, 3) for _ in range((depth - 4) // 3)))
        if number < 3:
            rows[f"transition{number}"] = densenet.transition(rate, rate, 0.0)
    rows |= {"bn_relu": stack(bn=nn.BatchNorm2d(rate), relu=nn.ReLU()), "avgpool": nn.AdaptiveAvgPool2d(1)}
    rows |= {"fc": FullyConnected(rate, task.classes)}
    return Network(rows, head="avgpool", initialise=he_fan_out)


def _module(channels: int, width: int, naive: bool, joined: bool, scale: float) -> tuple[nn.Module, int]:
    """An Inception module and its channels."""
    if naive:
        branches: dict[str, nn.Module] = {
            "branch1": conv_bn(channels, width, 1), "branch3": conv_bn(channels, 2 * width, 3),
            "branch5": conv_bn(channels, width // 2, 5), "pool": nn.MaxPool2d(3, 1, 1),
        }  # fmt: skip
        return Concat(**branches), 3 * width + width // 2 + channels
    widths = (width, width, 2 * width, width // 4, width // 2, width // 2)
    module = googlenet.inception(channels, widths, conv_bn)
    if not joined:
        return module, 4 * width
    up = conv_bn(4 * width, channels, 1, relu=False)
    return Residual(stack(towers=module, up=up, scale=Scale(scale)), nn.Identity(), channels), channels


def _reduction(channels: int, width: int, grid: str) -> tuple[nn.Module, int]:
    """From one size of the map to half of it, and the channels then."""
    pool, after = nn.MaxPool2d(3, 2, 1), channels + width
    match grid:
        case "pool first":
            return stack(pool=pool, conv=conv_bn(channels, after, 3)), after
        case "conv first":
            return stack(conv=conv_bn(channels, after, 3), pool=pool), after
    return Concat(conv=conv_bn(channels, width, 3, 2), pool=pool), after


SMALL: dict[str, Callable[..., Network | WithAuxiliary]] = {
    "chain": chain, "small vgg": small_vgg, "small resnet": small_resnet, "small preact": small_preact,
    "small shortcut": small_shortcut, "small stochastic": small_stochastic, "small wrn": small_wrn,
    "small inception": small_inception, "small resnext": small_resnext, "small se": small_se,
    "small xception": small_xception, "small densenet": small_densenet,
}  # fmt: skip
