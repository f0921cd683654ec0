"""Wide ResNet: what Zagoruyko and Komodakis print (BMVC 2016; arXiv:1605.07146, version 4; their repository)."""

from collections.abc import Iterator

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Wide Residual Networks",
    authors="Zagoruyko, Komodakis",
    year=2016,
    venue="BMVC 2016",
    arxiv="1605.07146",
)
TABLE2, TABLE3, TABLE4, TABLE6 = "Table 2 p.6", "Table 3 p.6", "Table 4 p.7", "Table 6 p.9"
README = "the authors' repository, README"

# name: parameters, multiply-adds, printed millions of parameters, where
CIFAR: dict[str, tuple[int, int, float, str]] = {
    "wrn_28_10": (36479194, 5243328768, 36.5, TABLE4),
    "wrn_40_1": (563930, 83280512, 0.6, TABLE4),
    "wrn_40_2": (2243546, 327599360, 2.2, TABLE4),
    "wrn_40_4": (8949210, 1298582016, 8.9, TABLE4),
    "wrn_40_8": (35748314, 5172024320, 35.7, TABLE4),
    "wrn_28_12": (52517850, 7543905792, 52.5, TABLE4),
    "wrn_22_8": (17158106, 2454115328, 17.2, TABLE4),
    "wrn_22_10": (26797914, 3827751168, 26.8, TABLE4),
    "wrn_16_8": (10961370, 1548145664, 11.0, TABLE4),
    "wrn_16_10": (17116634, 2412173568, 17.1, TABLE4),
    "wrn_16_4": (2748890, 392612352, 0, ""),
    "wrn_52_1": (758362, 111592064, 0, ""),
    "wrn_40_10": (55841754, 8074483968, 0, ""),
    "wrn_28_2": (1467610, 214353152, 1.5, TABLE2),
    "wrn_40_2_b_1_3_1": (1429082, 208061696, 1.4, TABLE2),
    "wrn_40_2_b_3_1": (1211354, 176604416, 1.2, TABLE2),
    "wrn_40_2_b_1_3": (1297370, 189187328, 1.3, TABLE2),
    "wrn_40_2_b_3_1_1": (1343066, 195478784, 1.3, TABLE2),
    "wrn_22_2_b_3_1_3": (1145498, 167167232, 1.1, TABLE2),
    "wrn_40_2_l1": (2243546, 327599360, 2.2, TABLE3),
    "wrn_40_2_l3": (2243546, 327599360, 2.2, TABLE3),
    "wrn_40_2_l4": (2243546, 327599360, 2.2, TABLE3),
}
IMAGENET = {
    "wrn_50_2": (68883240, 11398021120, 68.9, "the authors' repository, pretrained/README"),
    "wrn_101_2": (126886696, 22753050624, 0, ""),
}
ALIASES = {
    "wrn_28_2": ("wrn_28_2_b_3_3",), "wrn_40_2": ("wrn_40_2_l2",), "wrn_50_2": ("wide_resnet50_2",),
    "wrn_101_2": ("wide_resnet101_2",),
}  # fmt: skip
NOTES = {"wrn_40_4": "Table 5 prints 8.7 million parameters, Table 4 prints 8.9"}

ZCA, CENTRED = "one view, contrast normalised and ZCA-whitened", "one view, mean and deviation normalised"
SETS = ("CIFAR-10 test", "CIFAR-100 test")
BLOCKS = {  # CIFAR-10, of Tables 2 and 3
    "wrn_40_2_b_1_3_1": (6.06, TABLE2), "wrn_40_2_b_3_1": (5.78, TABLE2), "wrn_40_2_b_1_3": (6.42, TABLE2),
    "wrn_40_2_b_3_1_1": (5.86, TABLE2), "wrn_28_2": (5.73, TABLE2), "wrn_22_2_b_3_1_3": (5.78, TABLE2),
    "wrn_40_2_l1": (6.69, TABLE3), "wrn_40_2": (5.43, TABLE3), "wrn_40_2_l3": (5.65, TABLE3),
    "wrn_40_2_l4": (5.93, TABLE3),
}  # fmt: skip
ERRORS = {  # CIFAR-10 and CIFAR-100, of Table 4
    "wrn_40_1": (6.85, 30.89), "wrn_40_2": (5.33, 26.04), "wrn_40_4": (4.97, 22.89), "wrn_40_8": (4.66,),
    "wrn_28_10": (4.17, 20.50), "wrn_28_12": (4.33, 20.43), "wrn_22_8": (4.38, 21.22), "wrn_22_10": (4.44, 20.75),
    "wrn_16_8": (4.81, 22.07), "wrn_16_10": (4.56, 21.59),
}  # fmt: skip
DROPOUT = {  # without and with: CIFAR-10 and CIFAR-100, of Table 6
    "wrn_16_4": ((5.37, 24.53), (5.55, 25.76)),
    "wrn_28_10": ((), (4.39, 20.04)),  # without as in Table 4
    "wrn_52_1": ((6.83, 29.88), (6.76, 28.23)),
}
SVHN = {  # without and with dropout, of Table 6 and of its text
    "wrn_16_4": (1.85, 1.64, TABLE6), "wrn_52_1": (2.08, 1.70, TABLE6), "wrn_16_8": (1.81, 1.54, "Sec. 3 p.9"),
}  # fmt: skip
VERSION4 = {  # without and with dropout: CIFAR-10 and CIFAR-100
    "wrn_40_4": ((4.53, 21.18), ()),
    "wrn_16_8": ((4.27, 20.43), ()),
    "wrn_28_10": ((4.00, 19.25), (3.89, 18.85)),
    "wrn_16_4": ((5.02, 24.03), (5.24, 23.91)),
    "wrn_52_1": ((6.43, 29.89), (6.28, 29.78)),
}
WITH = "dropout=0.3"


def _pair(errors: tuple[float, ...], protocol: str, where: str, note: str = "") -> Iterator[Result]:
    for dataset, error in zip(SETS, errors, strict=False):
        yield Result(dataset, protocol, error, None, where, note)


def _results(name: str) -> Iterator[Result]:
    if name in BLOCKS:
        error, where = BLOCKS[name]
        yield Result(SETS[0], ZCA, error, None, where, "median of 5 runs")
    yield from _pair(ERRORS.get(name, ()), ZCA, TABLE4)
    for errors, note in zip(DROPOUT.get(name, ()), ("", WITH), strict=False):
        yield from _pair(errors, ZCA, TABLE6, note)
    if name in SVHN:
        without, dropped, where = SVHN[name]
        yield Result("SVHN test", "one view", without, None, where)
        yield Result("SVHN test", "one view", dropped, None, where, "dropout=0.4")
    for errors, note in zip(VERSION4.get(name, ()), ("median of 5 runs", f"{WITH}, median of 5 runs"), strict=False):
        yield from _pair(errors, CENTRED, "arXiv version 4", note)
    if name == "wrn_40_10":
        yield from _pair((3.8, 18.3), CENTRED, README, WITH)
    if name == "wrn_50_2":
        yield Result("ImageNet val", "1 crop", 21.9, 5.79, README, "6.03 in pretrained/README")


MAPS = {"conv1": "32x32", "stage1": "32x32", "stage2": "16x16", "stage3": "8x8", "avgpool": "1x1"}


def _entry(name: str, parameters: int, multiply_adds: int, millions: float, where: str) -> Entry:
    small, peer = name in CIFAR, name == "wrn_101_2"
    return Entry(
        name, family="wide_resnet", paper=PAPER, input=(3, 32, 32) if small else (3, 224, 224),
        classes=10 if small else 1000, dataset="CIFAR-10" if small else "ImageNet", parameters=parameters,
        multiply_adds=multiply_adds,
        published=(Published("parameters", millions * 1e6, 1e5, where),) if millions else (),
        rows={row: Printed("map", size, "Table 1") for row, size in MAPS.items()} if small else {},
        results=tuple(_results(name)), departures=(1,) if peer else (), aliases=ALIASES.get(name, ()),
        note=NOTES.get(name, ""), peer=peer,
    )  # fmt: skip


NETWORKS = {name: _entry(name, *values) for name, values in (CIFAR | IMAGENET).items()}
