"""ResNet-B, C and D: what He et al. (arXiv:1812.01187v2) print."""

from typing import Any

from .record import Entry, Paper, Published, Result

PAPER = Paper(
    title="Bag of Tricks for Image Classification with Convolutional Neural Networks",
    authors="He, Zhang, Zhang, Zhang, Xie, Li",
    year=2018,
    venue="CVPR 2019",
    arxiv="1812.01187",
)
TABLE5, TABLE6, TABLE7 = "Table 5 p.5", "Table 6 p.8", "Table 7 p.8"


def _result(top1: float, top5: float | None, where: str, note: str = "", dataset: str = "ImageNet val") -> Result:
    """The paper prints accuracies."""
    return Result(dataset, "1 crop", round(100 - top1, 2), round(100 - top5, 2) if top5 else None, where, note)


def _entry(name: str, parameters: int, multiply_adds: int, giga: float | None = None, *results: Result,
           aliases: tuple[str, ...] = (), note: str = "") -> Entry:  # fmt: skip
    common: dict[str, Any] = {
        "family": "bag_of_tricks", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
    }  # fmt: skip
    published: tuple[Published, ...] = ()
    if giga:
        published = (Published("parameters", 25e6, 1e6, TABLE5), Published("multiply_adds", giga * 1e9, 1e8, TABLE5))
    return Entry(name, **common, parameters=parameters, multiply_adds=multiply_adds, published=published,
                 results=results, departures=() if giga or name == "resnet152_d" else (1,), aliases=aliases,
                 note=note)  # fmt: skip


NETWORKS = {
    entry.name: entry
    for entry in (
        _entry("resnet50_v15", 25557032, 4089184256, 4.1, _result(76.66, 93.28, TABLE5),
               _result(76.14, None, "Table 8 p.8", "B-standard, a recipe that is not defined"),
               aliases=("resnet50_v1b",), note="ResNet-B; torchvision's and timm's resnet50"),
        _entry("resnet50_c", 25576264, 4328824832, 4.3, _result(76.87, 93.48, TABLE5),
               aliases=("resnet50c", "resnet50_v1c")),
        _entry("resnet50_d", 25576264, 4328824832, 4.3, _result(77.16, 93.52, TABLE5),
               _result(77.91, 93.81, TABLE6, "cosine decay"),
               _result(78.31, 94.09, TABLE6, "and label smoothing"),
               _result(78.67, 94.36, TABLE6, "and distillation"),
               _result(79.15, 94.58, TABLE6, "and mixup instead"),
               _result(79.29, 94.63, TABLE6, "and both"),
               _result(56.34, 86.87, TABLE7, "efficient training", "Places365 val"),
               _result(57.18, 87.28, TABLE7, "efficient training", "Places365 test"),
               _result(56.70, 87.33, TABLE7, "all refinements", "Places365 val"),
               _result(57.63, 87.82, TABLE7, "all refinements", "Places365 test"),
               aliases=("resnet50d", "resnet50_v1d")),
        _entry("resnet18_d", 11708744, 2053713920, aliases=("resnet18d",)),
        _entry("resnet34_d", 21816904, 3903401984, aliases=("resnet34d",)),
        _entry("resnet101_v15", 44549160, 7801405440, aliases=("resnet101_v1b",),
               note="torchvision's and timm's resnet101"),
        _entry("resnet101_c", 44568392, 8041046016, aliases=("resnet101c", "resnet101_v1c")),
        _entry("resnet101_d", 44568392, 8041046016, aliases=("resnet101d", "resnet101_v1d")),
        _entry("resnet152_v15", 60192808, 11513626624, aliases=("resnet152_v1b",),
               note="torchvision's and timm's resnet152"),
        _entry("resnet152_c", 60212040, 11753267200, aliases=("resnet152c", "resnet152_v1c")),
        _entry("resnet152_d", 60212040, 11753267200, aliases=("resnet152d", "resnet152_v1d"),
               note="the paper's teacher network"),
    )
}  # fmt: skip
