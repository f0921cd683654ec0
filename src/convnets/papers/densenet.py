"""DenseNet: what Huang, Liu, van der Maaten and Weinberger (arXiv:1608.06993v5) print."""

from collections.abc import Iterator
from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Densely Connected Convolutional Networks",
    authors="Huang, Liu, van der Maaten, Weinberger",
    year=2016,
    venue="CVPR 2017",
    arxiv="1608.06993",
)
TABLE1, TABLE2, TABLE3, README = "Table 1 p.4", "Table 2 p.5", "Table 3 p.6", "authors repository README"

# name: parameters, multiply-adds, printed millions of parameters
CIFAR = {
    "densenet_40_12": (1019722, 264812928, 1.0),
    "densenet_100_12": (6979642, 1769516448, 7.0),
    "densenet_100_24": (27249082, 6889347744, 27.2),
    "densenet_bc_100_12": (769162, 287929692, 0.8),
    "densenet_bc_250_24": (15324406, 5418785724, 15.3),
    "densenet_bc_190_40": (25624430, 9301945740, 25.6),
    "densenet_bc_40_36": (1542682, 647298936, 1.5),
    "densenet_bc_40_48": (2733130, 1149867168, 2.7),
    "densenet_bc_40_60": (4261690, 1795836360, 4.3),
    "densenet_40_12_released": (1059298, 282917328, None),
    "densenet_100_12_released": (7083538, 1816743408, None),
    "densenet_100_24_released": (28071706, 7265623008, None),
}
IMAGENET = {
    "densenet121": (7978856, 2834161664),
    "densenet169": (14149480, 3359843328),
    "densenet201": (20013928, 4291365888),
    "densenet264": (33337704, 5751653376),
    "densenet161": (28681000, 7727907072),
    "densenet121_keras": (7978856, 2834161664),
    "densenet169_keras": (14149480, 3359843328),
    "densenet201_keras": (20013928, 4291365888),
}
# Table 2, and the README for wide networks: errors on C10, C10+, C100, C100+, SVHN
CIFAR_ERRORS: dict[str, tuple[float | None, ...]] = {
    "densenet_40_12": (7.00, 5.24, 27.55, 24.42, 1.79),
    "densenet_100_12": (5.77, 4.10, 23.79, 20.20, 1.67),
    "densenet_100_24": (5.83, 3.74, 23.42, 19.25, 1.59),
    "densenet_bc_100_12": (5.92, 4.51, 24.15, 22.27, 1.76),
    "densenet_bc_250_24": (5.19, 3.62, 19.64, 17.60, 1.74),
    "densenet_bc_190_40": (None, 3.46, None, 17.18, None),
    "densenet_bc_40_36": (None, 4.58, None, 22.30, None),
    "densenet_bc_40_48": (None, 3.99, None, 20.29, None),
    "densenet_bc_40_60": (None, 4.01, None, 19.99, None),
}
BARE, AUGMENTED = "trained on bare pictures with dropout 0.2", "trained with translation and flips"
COLUMNS = (("CIFAR-10 test", BARE), ("CIFAR-10 test", AUGMENTED), ("CIFAR-100 test", BARE),
           ("CIFAR-100 test", AUGMENTED), ("SVHN test", BARE))  # fmt: skip
README_IMAGENET = {"densenet121": 25.0, "densenet169": 23.6, "densenet201": 22.5, "densenet161": 22.2,
                   "densenet264": 22.1}  # top-1, one crop  # fmt: skip
# Table 3: top-1 and top-5, of one crop and of ten
TABLE3_ERRORS = {
    "densenet121": (25.02, 7.71, 23.61, 6.66),
    "densenet169": (23.80, 6.85, 22.08, 5.92),
    "densenet201": (22.58, 6.34, 21.46, 5.54),
    "densenet264": (22.15, 6.12, 20.80, 5.29),
}
MAPS = {"conv0": "112x112", "pool0": "56x56", "block1": "56x56", "transition1": "28x28", "block2": "28x28",
        "transition2": "14x14", "block3": "14x14", "transition3": "7x7", "block4": "7x7",
        "avgpool": "1x1"}  # Table 1  # fmt: skip


def _departures(name: str) -> tuple[int, ...]:
    if name.endswith("_keras"):
        return (1,)
    if name.endswith("_released"):
        return (2,)
    return (1,) if name == "densenet161" or name.startswith("densenet_bc_40_") else ()


def _cifar(name: str) -> dict[str, Any]:
    parameters, multiply_adds, millions = CIFAR[name]
    where = README if name.startswith("densenet_bc_40") else TABLE2
    published = (Published("parameters", millions * 1e6, 1e5, where),) if millions else ()
    errors = zip(COLUMNS, CIFAR_ERRORS.get(name, ()), strict=False)
    results = tuple(Result(dataset, "one view", error, None, where, note) for (dataset, note), error in errors if error)
    return {"input": (3, 32, 32), "classes": 10, "dataset": "CIFAR-10", "parameters": parameters,
            "multiply_adds": multiply_adds, "published": published, "results": results}  # fmt: skip


def _imagenet(name: str) -> dict[str, Any]:
    parameters, multiply_adds = IMAGENET[name]
    results: tuple[Result, ...] = ()
    if name in TABLE3_ERRORS:
        top1, top5, ten1, ten5 = TABLE3_ERRORS[name]
        results = (Result("ImageNet val", "1 crop", top1, top5, TABLE3),
                   Result("ImageNet val", "10 crops", ten1, ten5, TABLE3))  # fmt: skip
    if name in README_IMAGENET:
        results += (Result("ImageNet val", "1 crop", README_IMAGENET[name], None, README),)
    published = (Published("parameters", 20e6, 1e6, "Sec. 4.4"),) if name == "densenet201" else ()
    rows = {row: Printed("map", size, TABLE1) for row, size in MAPS.items()} if name in TABLE3_ERRORS else {}
    return {"input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet", "parameters": parameters,
            "multiply_adds": multiply_adds, "published": published, "results": results, "rows": rows}  # fmt: skip


def _entries() -> Iterator[Entry]:
    for name in CIFAR | IMAGENET:
        values = _cifar(name) if name in CIFAR else _imagenet(name)
        peer = name.endswith(("_keras", "_released"))
        yield Entry(name, family="densenet", paper=PAPER, departures=_departures(name), peer=peer, **values)


NETWORKS = {entry.name: entry for entry in _entries()}
