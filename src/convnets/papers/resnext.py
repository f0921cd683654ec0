"""ResNeXt: what Xie, Girshick, Dollár, Tu and He (arXiv:1611.05431) print."""

from collections.abc import Iterator
from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Aggregated Residual Transformations for Deep Neural Networks",
    authors="Xie, Girshick, Dollár, Tu, He",
    year=2016,
    venue="CVPR 2017",
    arxiv="1611.05431",
)
TABLE1, FIG5, SEC51 = "Table 1 p.3", "Fig. 5", "Sec. 5.1"

IMAGENET = {  # name: parameters, multiply-adds
    "resnext50_1x64d": (25557032, 4089184256),
    "resnext50_2x40d": (25425000, 4124508160),
    "resnext50_4x24d": (25292968, 4159832064),
    "resnext50_8x14d": (25603016, 4267409408),
    "resnext50_32x4d": (25028904, 4230479872),
    "resnext101_1x64d": (44549160, 7801405440),
    "resnext101_2x40d": (44456296, 7843553280),
    "resnext101_4x24d": (44363432, 7885701120),
    "resnext101_8x14d": (45104328, 8076871680),
    "resnext101_32x4d": (44177704, 7969996800),
    "resnext101_64x4d": (83455272, 15460270080),
    "resnext101_2x64d": (84198184, 15123087360),
    "resnext101_1x100d": (85611336, 15272862720),
    "resnext152_64x4d": (114971944, 22939303936),
    "plainnext50_32x4d": (22252328, 3870818304),
    "plain50": (22780456, 3729522688),
    "resnext101_32x8d": (88791336, 16414015488),
}
CIFAR = {
    "resnext29_8x64d": (34426698, 5387266048),
    "resnext29_16x64d": (68155210, 10688866304),
    "resnext29_1x64d": (4914250, 748365824),
    "resnext29_2x64d": (9130314, 1411065856),
    "resnext29_3x64d": (13346378, 2073765888),
    "resnext29_4x64d": (17562442, 2736465920),
    "resnext29_6x64d": (25994570, 4061865984),
    "resnext29_1x96d": (8764106, 1334519808),
    "resnext29_1x128d": (13775178, 2090543104),
    "resnext29_1x160d": (19947466, 3016435712),
    "resnext29_1x192d": (27280970, 4112197632),
    "resnext29_1x256d": (45431626, 6813329408),
    "resnext29_1x384d": (95667530, 14254024704),
}


def _parameters(millions: float, where: str) -> Published:
    return Published("parameters", millions * 1e6, 1e5 if where == TABLE1 else 1e6, where)


def _cost(giga: float, where: str) -> Published:
    return Published("multiply_adds", giga * 1e9, 1e9 if giga == 15 else 1e8, where)


PUBLISHED = {
    "resnext50_1x64d": (_parameters(25.5, TABLE1), _cost(4.1, TABLE1)),
    "resnext50_32x4d": (_parameters(25.0, TABLE1), _cost(4.2, TABLE1)),
    "resnext101_1x64d": (_parameters(44, FIG5), _cost(7.8, FIG5)),
    "resnext101_32x4d": (_parameters(44, FIG5), _cost(7.8, FIG5)),
    "resnext101_64x4d": (_cost(15, SEC51),),
    "resnext101_2x64d": (_cost(15, SEC51),),
    "resnext101_1x100d": (_cost(15, SEC51),),
    "resnext29_8x64d": (Published("parameters", 34.4e6, 1e5, "Table 7 p.8"),),
    "resnext29_16x64d": (Published("parameters", 68.1e6, 1e5, "Table 7 p.8"),),
}
TABLE3 = {  # top-1, one crop
    "resnext50_1x64d": 23.9, "resnext50_2x40d": 23.0, "resnext50_4x24d": 22.6, "resnext50_8x14d": 22.3,
    "resnext50_32x4d": 22.2, "resnext101_1x64d": 22.0, "resnext101_2x40d": 21.7, "resnext101_4x24d": 21.4,
    "resnext101_8x14d": 21.3, "resnext101_32x4d": 21.2,
}  # fmt: skip
TABLE4 = {  # top-1, top-5
    "resnext101_1x64d": (22.0, 6.0), "resnext101_32x4d": (21.2, 5.6), "resnext101_1x100d": (21.3, 5.7),
    "resnext101_2x64d": (20.7, 5.5), "resnext101_64x4d": (20.4, 5.3),
}  # fmt: skip
PLAIN = {"plain50": 31.2, "plainnext50_32x4d": 26.1}  # top-1
TABLE6 = {  # trained on the 5K classes: top-1, top-5 on 5K and on 1K classes
    "resnext50_1x64d": (45.5, 19.4, 27.1, 8.2),
    "resnext50_32x4d": (42.3, 16.8, 24.4, 6.6),
    "resnext101_1x64d": (42.4, 16.9, 24.2, 6.8),
    "resnext101_32x4d": (40.1, 15.1, 22.2, 5.7),
}
TABLE7 = {"resnext29_8x64d": (3.65, 17.77), "resnext29_16x64d": (3.58, 17.31)}  # CIFAR-10, CIFAR-100

MAPS = {"conv1": "112x112", "conv2_x": "56x56", "conv3_x": "28x28", "conv4_x": "14x14", "conv5_x": "7x7",
        "avgpool": "1x1"}  # Table 1  # fmt: skip
VAL, CROP = "ImageNet val", "1 crop, 224"


def _results(name: str) -> Iterator[Result]:
    if name in TABLE3:
        yield Result(VAL, CROP, TABLE3[name], None, "Table 3 p.6")
    if name in TABLE4:
        yield Result(VAL, CROP, *TABLE4[name], "Table 4 p.6")
    if name == "resnext101_64x4d":
        yield Result(VAL, "1 crop, 320", 19.1, 4.4, "Table 5 p.7")
        yield Result(VAL, "dense, multi-scale", 17.7, 3.7, "Sec. 5.1 p.7")
    if name in PLAIN:
        yield Result(VAL, CROP, PLAIN[name], None, "Sec. 5.1 p.6")
    if name in TABLE6:
        of5k1, of5k5, of1k1, of1k5 = TABLE6[name]
        yield Result("ImageNet-5K val", CROP, of5k1, of5k5, "Table 6 p.7", "trained on 5K classes")
        yield Result(VAL, CROP, of1k1, of1k5, "Table 6 p.7", "trained on 5K classes")
    if name in TABLE7:
        for dataset, error in zip(("CIFAR-10 test", "CIFAR-100 test"), TABLE7[name], strict=True):
            yield Result(dataset, "one view", error, None, "Table 7 p.8", "average of 10 runs")


def _entry(name: str) -> Entry:
    common: dict[str, Any] = {"family": "resnext", "paper": PAPER, "published": PUBLISHED.get(name, ()),
                              "results": tuple(_results(name))}  # fmt: skip
    if name in CIFAR:
        parameters, multiply_adds = CIFAR[name]
        return Entry(name, **common, input=(3, 32, 32), classes=10, dataset="CIFAR-10", parameters=parameters,
                     multiply_adds=multiply_adds)  # fmt: skip
    parameters, multiply_adds = IMAGENET[name]
    peer = name == "resnext101_32x8d"
    shown = ("resnext50_1x64d", "resnext50_32x4d")
    rows = {row: Printed("map", size, TABLE1) for row, size in MAPS.items()} if name in shown else {}
    return Entry(name, **common, input=(3, 224, 224), classes=1000, dataset="ImageNet", parameters=parameters,
                 multiply_adds=multiply_adds, rows=rows, peer=peer, departures=(1,) if peer else ())  # fmt: skip


NETWORKS = {name: _entry(name) for name in IMAGENET | CIFAR}
