"""BN-Inception. Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift, ICML 2015, arXiv:1502.03167.

Paper map    Sec. 3.2: unit, normalised before its nonlinearity, without a bias.   Fig. 5: MODULES, inception.
             Appendix: separable, conv1.   Sec. 4.1: mnist_mlp.   Sec. 4.2.1 and 4.2.3: lrn, dropout.
             Sec. 4.2.2: Inception, BN-Baseline (lrn, dropout 0.4), BN-x5 and BN-x30 (bn_inception), BN-x5-Sigmoid.
Readings     What Fig. 5 prints for 3c and 4e is the map before their stride. What the paper leaves open is as in the
             authors' release (TF-slim's inception_v2): TensorFlow's SAME padding, averages that leave the padding out,
             epsilon 0.001, and weights from truncated normals (variance 2 / fan-in; deviations of 0.09 in reductions,
             0.1 in projections and 1 in conv1; without batch normalisation, which corrects them, 2 / fan-in in all).
             conv1 is normalised once, behind its 1x1; the release leaves that out.
             Response normalisation stands where GoogLeNet has it. The MLP's weights are N(0, 0.1), since with much
             smaller ones no neuron could begin at 0.8 as in Fig. 1 (b).
Departures
    1. 4c and 4d project to 96 channels behind their poolings, as in the release, where Fig. 5 says 128: only that gives
       the 576 channels it prints for them. The other reading is in use as bn_inception_caffe.
    2. That makes 11.2 million parameters; no reading of Fig. 5 makes the 13.6 million of Sec. 4.2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ..layers import HE_TRUNCATED, Concat, FullyConnected, PadSame, choose, fill, half, stack, truncated_normal
from ..network import Network

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}
STDS = {"conv1": 1.0, "conv2_reduce": 0.1, "reduce": 0.09, "project": 0.1}
Widths = tuple[int, int, int, int, int, int]

# Fig. 5: 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, projection; those without 1x1 and projection stride
MODULES: dict[str, Widths] = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 96),
    "4d": (96, 128, 192, 160, 192, 96),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


def unit(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, bn: bool = True, activation: str = "relu"
) -> nn.Sequential:
    """g(BN(Wu)), or without batch normalisation g(Wu + b); SAME padding."""
    parts: dict[str, nn.Module] = {"pad": PadSame(kernel, stride)} if stride > 1 else {}
    padding = 0 if stride > 1 else half(kernel)
    parts["conv"] = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=not bn)
    if bn:
        parts["bn"] = nn.BatchNorm2d(out_channels, eps=1e-3)
    return stack(**parts, **{activation: choose("activation", activation, ACTIVATIONS)()})


def separable(in_channels: int, out_channels: int, kernel: int, stride: int, **options: Any) -> nn.Sequential:
    """The first convolution of the appendix: 8 filters a channel, then a 1x1 over channels."""
    depthwise = nn.Conv2d(in_channels, 8 * in_channels, kernel, stride, groups=in_channels, bias=False)
    pointwise = unit(8 * in_channels, out_channels, 1, **options)
    return stack(pad=PadSame(kernel, stride), depthwise=depthwise, pointwise=pointwise)


def max_pool() -> nn.Sequential:
    """3x3 at a stride of 2, SAME padding."""
    return stack(pad=PadSame(3, 2, float("-inf")), pool=nn.MaxPool2d(3, 2))


def inception(in_channels: int, widths: Widths, conv: Any, average: bool) -> Concat:
    """Fig. 5: 1x1, 3x3, double 3x3 and pooling side by side; with a stride, no 1x1 and no projection."""
    one, reduce3, three, reduce_double, double, project = widths
    stride = 1 if project else 2
    branch1 = {"branch1": conv(in_channels, one, 1)} if one else {}
    pool: nn.Module = max_pool()
    if project:
        small = nn.AvgPool2d(3, 1, 1, count_include_pad=False) if average else nn.MaxPool2d(3, 1, 1)
        pool = stack(pool=small, project=conv(in_channels, project, 1))
    return Concat(
        **branch1,
        branch3=stack(reduce=conv(in_channels, reduce3, 1), conv=conv(reduce3, three, 3, stride)),
        double3=stack(
            reduce=conv(in_channels, reduce_double, 1),
            first=conv(reduce_double, double, 3),
            second=conv(double, double, 3, stride),
        ),
        pool=pool,
    )


def initialise(name: str, module: nn.Module) -> None:
    """Truncated normals: the release's deviation for a part of this name, else He's."""
    std = next((STDS[part] for part in name.split(".") if part in STDS), None)
    HE_TRUNCATED(name, module) if std is None else fill(partial(truncated_normal, std), name, module)


def bn_inception(
    modules: dict[str, Widths] = MODULES,
    bn: bool = True,
    *,
    activation: str = "relu",
    lrn: bool = False,
    dropout: float = 0.0,
    separable_stem: bool = True,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Fig. 5. (N, 3, 224, 224) to (N, num_classes)."""
    conv = partial(unit, bn=bn, activation=activation)
    stem = partial(separable, bn=bn, activation=activation) if separable_stem else conv
    rows: dict[str, nn.Module] = {
        "conv1": stem(in_channels, 64, 7, 2),  # 112
        "pool1": max_pool(),  # 56
        "lrn1": nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0),
        "conv2_reduce": conv(64, 64, 1),
        "conv2": conv(64, 192, 3),
        "lrn2": nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0),
        "pool2": max_pool(),  # 28
    }
    rows = {name: row for name, row in rows.items() if lrn or not name.startswith("lrn")}
    channels = 192
    for name, widths in modules.items():
        rows[f"inception_{name}"] = inception(channels, widths, conv, average=name != "5b")  # from 3c on 14, 4e on 7
        channels = widths[0] + widths[2] + widths[4] + (widths[5] or channels)
    rows |= {"avgpool": nn.AdaptiveAvgPool2d(1)} | ({"drop": nn.Dropout(dropout)} if dropout else {})
    rows["logits"] = FullyConnected(channels, num_classes)
    return Network(rows, head="avgpool", initialise=initialise if bn else HE_TRUNCATED)


def mnist_mlp(*, bn: bool = True, input_size: int = 28, num_classes: int = 10, in_channels: int = 1) -> Network:
    """Sec. 4.1: three layers of 100 sigmoids. (N, 1, 28, 28) to (N, num_classes)."""
    rows: dict[str, nn.Module] = {}
    features = in_channels * input_size**2
    for name in ("fc1", "fc2", "fc3"):
        norm: dict[str, nn.Module] = {"bn": nn.BatchNorm1d(100, eps=1e-3)} if bn else {}
        rows[name] = stack(linear=FullyConnected(features, 100, bias=not bn), **norm, sigmoid=nn.Sigmoid())
        features = 100
    rows["fc4"] = FullyConnected(100, num_classes)
    rule = partial(fill, partial(nn.init.normal_, std=0.1))
    return Network(rows, head="fc4", initialise=rule, input_size=input_size)


VARIANTS: dict[str, Any] = {
    "bn_inception": partial(bn_inception),
    "inception_no_bn": partial(bn_inception, MODULES, False, lrn=True, dropout=0.4),
    "mnist_mlp": partial(mnist_mlp),
}
