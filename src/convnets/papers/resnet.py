"""ResNet: what He, Zhang, Ren and Sun (arXiv:1512.03385v1) print."""

from collections.abc import Iterator
from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Deep Residual Learning for Image Recognition",
    authors="He, Zhang, Ren, Sun",
    year=2015,
    venue="CVPR 2016",
    arxiv="1512.03385",
)

# name: parameters, multiply-adds, departures, alias
IMAGENET: dict[str, tuple[int, int, tuple[int, ...], str]] = {
    "plain18": (11515688, 1794805760, (), ""),
    "plain34": (21623848, 3644493824, (), ""),
    "resnet18": (11689512, 1814073344, (1,), "resnet18_b"),
    "resnet18_a": (11515688, 1794805760, (), ""),
    "resnet18_c": (12043816, 1878298624, (1,), ""),
    "resnet34": (21797672, 3663761408, (), "resnet34_b"),
    "resnet34_a": (21623848, 3644493824, (), ""),
    "resnet34_c": (22716840, 3830747136, (), ""),
    "resnet50": (25557032, 3857973248, (), "resnet50_b"),
    "resnet101": (44549160, 7570194432, (), "resnet101_b"),
    "resnet152": (60192808, 11282415616, (), "resnet152_b"),
    "resnet50_keras": (25583592, 3857973248, (2, 3), ""),
    "resnet101_keras": (44601832, 7570194432, (2, 3), ""),
    "resnet152_keras": (60268520, 11282415616, (2, 3), ""),
}
CIFAR10: dict[str, tuple[int, int, tuple[int, ...], str]] = {
    "plain20": (269722, 40551040, (), ""),
    "plain32": (464154, 68862592, (), ""),
    "plain44": (658586, 97174144, (), ""),
    "plain56": (853018, 125485696, (), ""),
    "plain110": (1727962, 252887680, (), ""),
    "resnet20": (269722, 40551040, (), "resnet20_a"),
    "resnet32": (464154, 68862592, (), "resnet32_a"),
    "resnet44": (658586, 97174144, (), "resnet44_a"),
    "resnet56": (853018, 125485696, (), "resnet56_a"),
    "resnet110": (1727962, 252887680, (), "resnet110_a"),
    "resnet1202": (19421274, 2829238912, (), "resnet1202_a"),
    "resnet20_b": (272474, 40813184, (1,), ""),
    "resnet56_b": (855770, 125747840, (1,), ""),
    "resnet110_b": (1730714, 253149824, (1,), ""),
    "resnet20_c": (283962, 42648192, (1,), ""),
    "resnet56_c": (900858, 132301440, (1,), ""),
    "resnet110_c": (1826202, 266781312, (1,), ""),
    "resnet20_split": (269722, 40551040, (1,), ""),
    "resnet32_split": (464154, 68862592, (1,), ""),
    "resnet44_split": (658586, 97174144, (1,), ""),
    "resnet56_split": (853018, 125485696, (1,), ""),
    "resnet110_split": (1727962, 252887680, (1,), ""),
    "resnet1202_split": (19421274, 2829238912, (1,), ""),
}

GIGA_MULTIPLY_ADDS = {"18": 1.8, "34": 3.6, "50": 3.8, "101": 7.6, "152": 11.3}  # Table 1, as "FLOPs"
MEGA_PARAMETERS = {"20": (0.27, 1e4), "32": (0.46, 1e4), "44": (0.66, 1e4), "56": (0.85, 1e4), "110": (1.7, 1e5),
                   "1202": (19.4, 1e5)}  # Table 6  # fmt: skip

IMAGENET_MAPS = {"conv1": "112x112", "conv2_x": "56x56", "conv3_x": "28x28", "conv4_x": "14x14", "conv5_x": "7x7",
                 "avgpool": "1x1"}  # fmt: skip
CIFAR10_MAPS = {"conv1": "32x32", "stage1": "32x32", "stage2": "16x16", "stage3": "8x8"}

TEN_CROP = ("ImageNet val", "10 crops")
DENSE = ("ImageNet val", "dense, shorter sides 224, 256, 384, 480, 640 averaged")
ONE_CROP, TORCH = ("ImageNet val", "1 crop"), "fb.resnet.torch README"
OTHER, README = "another recipe", "authors repository README"
ONE_VIEW = ("CIFAR-10 test", "one view")
RESULTS = {
    "plain18": (Result(*TEN_CROP, 27.94, None, "Table 2 p.5"),),
    "plain34": (Result(*TEN_CROP, 28.54, 10.02, "Table 3 p.6"),),
    "resnet18_a": (Result(*TEN_CROP, 27.88, None, "Table 2 p.5"),),
    "resnet34_a": (Result(*TEN_CROP, 25.03, 7.76, "Table 3 p.6"),),
    "resnet18": (Result(*ONE_CROP, 30.43, 10.76, TORCH, OTHER), Result(*TEN_CROP, 28.22, 9.42, TORCH, OTHER)),
    "resnet34": (Result(*TEN_CROP, 24.52, 7.46, "Table 3 p.6"), Result(*DENSE, 21.84, 5.71, "Table 4 p.6"),
                 Result(*ONE_CROP, 26.73, 8.74, TORCH, OTHER), Result(*TEN_CROP, 24.76, 7.35, TORCH, OTHER)),
    "resnet34_c": (Result(*TEN_CROP, 24.19, 7.40, "Table 3 p.6"), Result(*DENSE, 21.53, 5.60, "Table 4 p.6")),
    "resnet50": (Result(*TEN_CROP, 22.85, 6.71, "Table 3 p.6"), Result(*DENSE, 20.74, 5.25, "Table 4 p.6"),
                 Result(*ONE_CROP, 24.7, 7.8, README)),
    "resnet101": (Result(*TEN_CROP, 21.75, 6.05, "Table 3 p.6"), Result(*DENSE, 19.87, 4.60, "Table 4 p.6"),
                  Result(*ONE_CROP, 23.6, 7.1, README)),
    "resnet152": (Result(*TEN_CROP, 21.43, 5.71, "Table 3 p.6"), Result(*DENSE, 19.38, 4.49, "Table 4 p.6"),
                  Result(*ONE_CROP, 23.0, 6.7, README)),
    "resnet20": (Result(*ONE_VIEW, 8.75, None, "Table 6 p.7"),),
    "resnet32": (Result(*ONE_VIEW, 7.51, None, "Table 6 p.7"),),
    "resnet44": (Result(*ONE_VIEW, 7.17, None, "Table 6 p.7"),),
    "resnet56": (Result(*ONE_VIEW, 6.97, None, "Table 6 p.7"),),
    "resnet110": (Result(*ONE_VIEW, 6.43, None, "Table 6 p.7", "best of 5 runs; 6.61 +- 0.16"),),
    "resnet1202": (Result(*ONE_VIEW, 7.93, None, "Table 6 p.7", "training error below 0.1 %"),),
}  # fmt: skip


def _depth(name: str) -> str:
    return name.removeprefix("plain").removeprefix("resnet").partition("_")[0]


def _entries() -> Iterator[Entry]:
    for name, (parameters, multiply_adds, departures, alias) in (IMAGENET | CIFAR10).items():
        common: dict[str, Any] = {
            "family": "resnet", "paper": PAPER, "parameters": parameters, "multiply_adds": multiply_adds,
            "departures": departures, "aliases": (alias,) if alias else (), "results": RESULTS.get(name, ()),
            "peer": name.endswith(("_split", "_keras")),
        }  # fmt: skip
        if name in IMAGENET:
            giga = GIGA_MULTIPLY_ADDS[_depth(name)]
            yield Entry(
                name, **common, input=(3, 224, 224), classes=1000, dataset="ImageNet",
                published=(Published("multiply_adds", giga * 1e9, 1e8, "Table 1 p.5"),),
                rows={row: Printed("map", size, "Table 1 p.5") for row, size in IMAGENET_MAPS.items()},
            )  # fmt: skip
        else:
            mega, unit = MEGA_PARAMETERS[_depth(name)]
            where = "Table 6 p.7" if name.startswith("resnet") else "Sec. 4.2 p.7, as its residual counterpart"
            published = Published("parameters", mega * 1e6, unit, where)
            yield Entry(
                name, **common, input=(3, 32, 32), classes=10, dataset="CIFAR-10",
                published=() if name.endswith(("_b", "_c")) else (published,),
                rows={row: Printed("map", size, "Sec. 4.2 p.7") for row, size in CIFAR10_MAPS.items()},
            )  # fmt: skip


NETWORKS = {entry.name: entry for entry in _entries()}
