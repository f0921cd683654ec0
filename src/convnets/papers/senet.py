"""SENet: what Hu, Shen, Albanie, Sun and Wu (arXiv:1709.01507v3) print."""

from collections.abc import Iterator
from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Squeeze-and-Excitation Networks",
    authors="Hu, Shen, Albanie, Sun, Wu",
    year=2017,
    venue="CVPR 2018",
    arxiv="1709.01507",
)

SIZES = {  # parameters, multiply-adds
    "se_resnet18": (11778592, 1814160384),
    "se_resnet34": (21958868, 3663918592),
    "se_resnet50": (28088024, 3860488192),
    "se_resnet101": (49326872, 7574937600),
    "se_resnet152": (66821848, 11288993792),
    "se_resnext50_32x4d": (27559896, 4232994816),
    "se_resnext101_32x4d": (48955416, 7974739968),
    "senet154": (115088984, 20688363520),
    "se_googlenet": (7478655, 1583146144),
    "se_bn_inception": (11931622, 2033239424),
    "se_inception_resnet_v2": (64387444, 13164289376),
    "se_vgg16_bn": (138596784, 15470490624),
    "se_resnet20": (272095, 40553056),
    "se_resnet32": (468109, 68865952),
    "se_resnet44": (664123, 97178848),
    "se_resnet56": (860137, 125491744),
    "se_resnet110": (1742200, 252899776),
    "se_preact_resnet110": (1742200, 252899776),
    "se_preact_resnet164": (1905362, 244694528),
    "se_wrn_16_8": (11049290, 1548231680),
}
UNREPORTED = ("se_resnet18", "se_resnet34", "se_googlenet", "se_resnet20", "se_resnet32", "se_resnet44", "se_resnet56",
              "se_resnet110")  # fmt: skip
CIFAR = ("se_resnet20", "se_resnet32", "se_resnet44", "se_resnet56", "se_resnet110", "se_preact_resnet110",
         "se_preact_resnet164", "se_wrn_16_8")  # fmt: skip
PEERS = {  # size as, departures, alias, note
    "se_resnet50_v15": ((28088024, 4091699200), (1,), "seresnet50", "timm's seresnet50"),
    "se_resnet101_v15": ((49326872, 7806148608), (1,), "seresnet101", "timm's seresnet101"),
    "se_resnet152_v15": ((66821848, 11520204800), (1,), "seresnet152", "timm's seresnet152"),
    **{
        f"se_{name}_caffe": (SIZES[f"se_{name}"], (2,), f"legacy_se{name}", "the network of the authors' weights")
        for name in ("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x4d")
    },
    "se_resnet18_timm": (SIZES["se_resnet18"], (3,), "legacy_seresnet18", ""),
    "se_resnet34_timm": (SIZES["se_resnet34"], (3,), "legacy_seresnet34", ""),
    "se_bn_inception_caffe": (SIZES["se_bn_inception"], (4,), "", "the network of the authors' weights"),
}
ALIASES = {
    "se_resnext50_32x4d": ("seresnext50_32x4d",), "se_resnext101_32x4d": ("seresnext101_32x4d",),
    "senet154": ("legacy_senet154",), "se_googlenet": ("se_inception",), "se_vgg16_bn": ("se_vgg16",),
    "se_wrn_16_8": ("se_wide_resnet_16_8",),
}  # fmt: skip
COUNT = "the paper's multiply-adds count poolings and scalings too"
NOTES = {
    "se_resnet50": "Table 10 counts the statistics of batch normalisation as parameters",
    **dict.fromkeys(("se_resnet101", "se_resnet152", "se_resnext50_32x4d", "se_resnext101_32x4d"), COUNT),
    "se_resnext50_32x4d": f"{COUNT}; timm's seresnext50_32x4d",
    "se_resnext101_32x4d": f"{COUNT}; timm's seresnext101_32x4d",
    "senet154": "timm's legacy_senet154",
    "se_inception_resnet_v2": "the paper's multiply-adds are of a layout that it does not state",
}

TABLE2 = {  # error top-1, top-5, printed billions of multiply-adds
    "se_resnet50": (23.29, 6.62, 3.87),
    "se_resnet101": (22.38, 6.07, 7.60),
    "se_resnet152": (21.57, 5.73, 11.32),
    "se_resnext50_32x4d": (21.10, 5.49, 4.25),
    "se_resnext101_32x4d": (20.70, 5.01, 8.00),
    "se_vgg16_bn": (25.22, 7.70, 15.48),
    "se_bn_inception": (24.23, 7.14, 2.04),
    "se_inception_resnet_v2": (19.80, 4.79, 11.76),
}
README = {  # of the authors' repository
    "se_bn_inception": (23.62, 7.04), "se_resnet50": (22.37, 6.36), "se_resnet101": (21.75, 5.72),
    "se_resnet152": (21.34, 5.54), "se_resnext50_32x4d": (20.97, 5.54), "se_resnext101_32x4d": (19.81, 4.96),
    "senet154": (18.68, 4.47),
}  # fmt: skip
TABLES4_5 = {  # CIFAR-10, CIFAR-100
    "se_preact_resnet110": (5.21, 23.85), "se_preact_resnet164": (4.39, 21.31), "se_wrn_16_8": (3.88, 19.14),
}  # fmt: skip
ABLATIONS = (  # of se_resnet50: what is set, top-1, top-5, where
    ("reduction=4", 22.25, 6.09, "Table 10 p.8"),
    ("reduction=8", 22.26, 5.99, "Table 10 p.8"),
    ("reduction=16", 22.28, 6.03, "Table 10 p.8"),
    ("reduction=32", 22.72, 6.20, "Table 10 p.8"),
    ("squeeze=max", 22.57, 6.09, "Table 11 p.9"),
    ("excitation=relu", 23.47, 6.98, "Table 12 p.9"),
    ("excitation=tanh", 23.00, 6.38, "Table 12 p.9"),
    ("stages=conv2_x", 23.03, 6.48, "Table 13 p.9"),
    ("stages=conv3_x", 23.04, 6.32, "Table 13 p.9"),
    ("stages=conv4_x", 22.68, 6.22, "Table 13 p.9"),
    ("placement=pre", 22.23, 6.00, "Table 14 p.9"),
    ("placement=post", 22.78, 6.35, "Table 14 p.9"),
    ("placement=identity", 22.20, 6.15, "Table 14 p.9"),
    ("placement=3x3", 22.48, 6.02, "Table 15 p.9"),
    ("squeeze=none", 22.93, 6.39, "Table 16 p.10"),
)
MAPS = {"conv1": "112x112", "conv2_x": "56x56", "conv3_x": "28x28", "conv4_x": "14x14", "conv5_x": "7x7",
        "avgpool": "1x1"}  # Table 1  # fmt: skip
VAL, CROP = "ImageNet val", "1 crop, 224"


def _results(name: str) -> Iterator[Result]:
    if name in TABLE2:
        crop = "1 crop, 299" if name == "se_inception_resnet_v2" else CROP
        yield Result(VAL, crop, *TABLE2[name][:2], "Table 2 p.5")
    if name == "se_resnet152":
        yield Result("Places365 val", CROP, 40.37, 11.01, "Table 6 p.7")
    if name == "senet154":
        yield Result(VAL, CROP, 18.68, 4.47, "Table 8 p.8")
        yield Result(VAL, "1 crop, 320", 17.28, 3.79, "Table 8 p.8")
        yield Result(VAL, "1 crop, 320", 16.88, 3.58, "Table 9 p.8", "trained at 320")
    if name in README:
        yield Result(VAL, CROP, *README[name], "the authors' repository, README", "trained again, for longer")
    if name == "se_resnet50":
        for setting, top1, top5, where in ABLATIONS:
            yield Result(VAL, CROP, top1, top5, where, f"{setting}, recipe of Sec. 6")
    for dataset, error in zip(("CIFAR-10 test", "CIFAR-100 test"), TABLES4_5.get(name, ()), strict=False):
        yield Result(dataset, "one view", error, None, f"Table {4 if dataset == 'CIFAR-10 test' else 5} p.7")


def _published(name: str) -> Iterator[Published]:
    if name == "se_resnet50":
        yield Published("parameters", 28.1e6, 1e5, "Table 10 p.8")
    if name in TABLE2:
        yield Published("multiply_adds", TABLE2[name][2] * 1e9, 1e7, "Table 2 p.5")


def _common(name: str) -> dict[str, Any]:
    small, side = name in CIFAR, 299 if name == "se_inception_resnet_v2" else 224
    return {
        "family": "senet", "paper": PAPER, "input": (3, 32, 32) if small else (3, side, side),
        "classes": 10 if small else 1000, "dataset": "CIFAR-10" if small else "ImageNet",
    }  # fmt: skip


def _entry(name: str) -> Entry:
    parameters, multiply_adds = SIZES[name]
    shown = name in ("se_resnet50", "se_resnext50_32x4d")
    departures = (1,) if name in UNREPORTED else (2,) if name == "se_inception_resnet_v2" else ()
    return Entry(
        name, **_common(name), parameters=parameters, multiply_adds=multiply_adds, published=tuple(_published(name)),
        rows={row: Printed("map", size, "Table 1") for row, size in MAPS.items()} if shown else {},
        results=tuple(_results(name)), departures=departures, aliases=ALIASES.get(name, ()), note=NOTES.get(name, ""),
    )  # fmt: skip


def _peer(name: str) -> Entry:
    (parameters, multiply_adds), departures, alias, note = PEERS[name]
    return Entry(
        name, **_common(name), parameters=parameters, multiply_adds=multiply_adds, departures=departures,
        aliases=(alias,) if alias else (), note=note or f"timm's {alias}", peer=True,
    )  # fmt: skip


NETWORKS = {name: _entry(name) for name in SIZES} | {name: _peer(name) for name in PEERS}
