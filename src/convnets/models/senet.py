"""SENet. Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, CVPR 2018, arXiv:1709.01507.

Paper map    Sec. 3, Fig. 1: SqueezeExcitation.   Figs. 3, 5: residual, placed.   Tables 10 to 16: its axes.   Fig. 2,
             Sec. 3.3: behind.   Appendix: senet154.   Sec. 5.1: He-normal weights, but the parents' own on CIFAR.
Readings     The two layers of a unit are 1x1 convolutions with biases, as in the authors' files; Eq. 3 has no biases.
             SE-ResNet strides in the first 1x1 and SENet-154 in the 3x3, as in those; their pooling that rounds up is
             only in what they alone define, SENet-154 and SE-BN-Inception, which has GoogLeNet's stem and projects to
             128 channels in 4c and 4d. SE-POST stands behind the ReLU of the sum, SE 3x3 behind that of the 3x3, as in
             SE-VGG. SE-Identity gates what is added, so behind a projection. Inception-ResNet has SE in its residual
             units, behind their scale. r is 16 on CIFAR too; no unit is narrower than 1.
Departures
    1. The paper does not report these combinations of its unit with a parent.
    2. se_inception_resnet_v2 has TF-slim's layout; no published one has the paper's 11.75 billion multiply-adds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from ..layers import HE_NORMAL, FullyConnected, InitRule, Residual, choose, conv_bn, stack
from ..network import Network, map_shape
from . import bn_inception, googlenet, preact_resnet, resnet, resnext, vgg, wide_resnet
from .peers import inception_v4

SQUEEZES: dict[str, Any] = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d, "none": nn.Identity}
EXCITATIONS: dict[str, Any] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
PLACEMENTS = {name: name for name in ("standard", "pre", "post", "identity", "3x3")}


class SqueezeExcitation(nn.Module):
    """Fig. 1, Eq. 2 to 4: each channel times a gate that sees all channels of the whole map. Keeps the shape."""

    def __init__(self, channels: int, reduction: int = 16, squeeze: str = "avg", excitation: str = "sigmoid") -> None:
        super().__init__()
        width = max(channels // reduction, 1)
        unusual = [value for value in (squeeze, excitation) if value not in ("avg", "sigmoid")]
        self.words = " ".join((f"SE {width}", *unusual))  # for layer tables
        self.gate = stack(
            squeeze=choose("squeeze", squeeze, SQUEEZES)(1),
            reduce=nn.Conv2d(channels, width, 1),
            relu=nn.ReLU(),
            expand=nn.Conv2d(width, channels, 1),
            excite=choose("excitation", excitation, EXCITATIONS)(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(self.gate(x))


def entering(module: nn.Module) -> int:
    """The channels that its first convolution sees."""
    return next(part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d))


def placed(block: Residual, placement: str, unit: Callable[[int], nn.Module]) -> None:
    """Puts a unit for so many channels into a residual unit."""
    match placement:
        case "standard":  # Fig. 5 (b), on the branch before the addition
            block.body.add_module("se", unit(block.out_channels))
        case "pre":  # (c), on the input of the branch
            block.body = stack(se=unit(entering(block.body)), **dict(block.body.named_children()))
        case "post":  # (d), on the sum
            block.after = stack(after=block.after, se=unit(block.out_channels))
        case "identity":  # (e), on the shortcut
            block.shortcut = stack(shortcut=block.shortcut, se=unit(block.out_channels))
        case "3x3":  # Table 15, behind each 3x3 of the branch
            for part in [part for part in block.body.modules() if isinstance(part, nn.Sequential)]:
                for conv in [conv for conv in part if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3)]:
                    part.add_module("se", unit(conv.out_channels))


def drawn(network: Network, rule: InitRule | None) -> Network:
    """The network with fresh weights by the rule; without another rule than its own, in its new units only."""
    afresh = rule not in (None, network.initialise)
    network.initialise = rule or network.initialise
    for name, module in network.named_modules():
        if afresh or "se" in name.split("."):
            network.initialise(name, module)
    return network


def residual(
    build: Callable[..., Network], rule: InitRule | None = HE_NORMAL, *, reduction: int = 16, squeeze: str = "avg",
    excitation: str = "sigmoid", placement: str = "standard", stages: str = "all", num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:  # fmt: skip
    """Fig. 3: SE in the residual units of all rows, or of some: `conv3_x+conv4_x`. (N, C, H, W) to (N, num_classes)."""
    place, unit = choose("placement", placement, PLACEMENTS), partial(SqueezeExcitation, reduction=reduction)
    network = build(num_classes=num_classes, in_channels=in_channels)
    units = {name: [part for part in row.modules() if isinstance(part, Residual)]
             for name, row in network.named_children()}  # fmt: skip
    rows = {name: [name] for name, blocks in units.items() if blocks}
    wanted = {name for text in stages.split("+") for name in choose("stages", text.strip(), rows | {"all": list(rows)})}
    for block in [block for name in sorted(wanted) for block in units[name]]:
        placed(block, place, partial(unit, squeeze=squeeze, excitation=excitation))
    return drawn(network, rule)


def behind(
    build: Callable[..., Network], rows: str, *, reduction: int = 16, squeeze: str = "avg", excitation: str = "sigmoid",
    num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """Fig. 2: SE behind each row whose name begins with `rows`. (N, 3, 224, 224) to (N, num_classes)."""
    network = build(num_classes=num_classes, in_channels=in_channels)
    for name, row in list(network.named_children()):
        if name.startswith(rows):
            channels, _, _ = map_shape({name: row}, entering(row), 8)
            parts = dict(row.named_children()) if isinstance(row, nn.Sequential) else {"module": row}
            setattr(network, name, stack(**parts, se=SqueezeExcitation(channels, reduction, squeeze, excitation)))
    return drawn(network, HE_NORMAL)


def vgg16(
    *, reduction: int = 16, squeeze: str = "avg", excitation: str = "sigmoid", input_size: int = 224,
    num_classes: int = 1000, in_channels: int = 3,
) -> Network:  # fmt: skip
    """Sec. 3.3: VGG-16 with batch normalisation, SE behind each ReLU. (N, 3, 224, 224) to (N, num_classes)."""
    build = partial(vgg.vgg, vgg.D, partial(conv_bn, bias=True), input_size=input_size)
    axes: dict[str, Any] = {"reduction": reduction, "squeeze": squeeze, "excitation": excitation}
    return behind(build, "conv", **axes, num_classes=num_classes, in_channels=in_channels)


def wide_bottleneck(in_channels: int, width: int, stride: int) -> Residual:
    """Appendix: ResNeXt's 64x4d with its first 1x1 half as wide, and a 3x3 where the projection strides."""
    body = stack(
        conv1=conv_bn(in_channels, 2 * width, 1),
        conv2=conv_bn(2 * width, 4 * width, 3, stride, groups=64),
        conv3=conv_bn(4 * width, 4 * width, 1, relu=False),
    )
    projection = conv_bn(in_channels, 4 * width, 3 if stride > 1 else 1, stride, relu=False)
    return Residual(body, nn.Identity() if in_channels == 4 * width else projection, 4 * width)


def senet154(*, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """Appendix, without its units: three 3x3 for the 7x7, dropout before the classifier."""
    three = conv_bn(in_channels, 64, 3, 2), conv_bn(64, 64, 3), conv_bn(64, 128, 3)  # 112
    stem: Any = {f"conv1_{number}": conv for number, conv in enumerate(three, 1)} | {"pool1": googlenet.ceil_pool()}
    network = resnet.network(stem, wide_bottleneck, resnet.stages(resnet.DEPTHS[152]), 128, num_classes)
    network.dropout, network.fc = nn.Dropout(0.2), network._modules.pop("fc")
    return network


def plain_bn_inception(*, num_classes: int = 1000, in_channels: int = 3) -> Network:
    """The parent of SE-BN-Inception."""
    rows, channels = googlenet.stem(conv_bn(in_channels, 64, 7, 2), conv_bn, None), 192
    for name, widths in bn_inception.MODULES.items():
        widths = (*widths[:5], 128) if name in ("4c", "4d") else widths
        rows[f"inception_{name}"] = bn_inception.inception(channels, widths, conv_bn, average=name != "5b")
        channels = widths[0] + widths[2] + widths[4] + (widths[5] or channels)
    rows |= {"avgpool": nn.AdaptiveAvgPool2d(1), "fc": FullyConnected(channels, num_classes)}
    return Network(rows, head="avgpool", initialise=HE_NORMAL)


PARENTS = resnet.VARIANTS | resnext.VARIANTS | preact_resnet.VARIANTS | wide_resnet.VARIANTS
IMAGENET = (*(f"resnet{depth}" for depth in resnet.DEPTHS), "resnext50_32x4d", "resnext101_32x4d")
CIFAR = "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "preact_resnet110", "preact_resnet164", "wrn_16_8"

VARIANTS: dict[str, Any] = {
    **{f"se_{name}": partial(residual, PARENTS[name]) for name in IMAGENET},
    "senet154": partial(residual, senet154),
    "se_googlenet": partial(behind, googlenet.VARIANTS["googlenet"], "inception"),
    "se_bn_inception": partial(behind, plain_bn_inception, "inception"),
    "se_inception_resnet_v2": partial(residual, inception_v4.VARIANTS["inception_resnet_v2_slim"]),
    "se_vgg16_bn": partial(vgg16),
    **{f"se_{name}": partial(residual, PARENTS[name], None, num_classes=10) for name in CIFAR},
}
