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
TABLE5, TABLE6 = "Table 5 p.5", "Table 6 p.8"


def _result(top1: float, top5: float, where: str, note: str = "") -> Result:
    """The paper prints accuracies."""
    return Result("ImageNet val", "1 crop", round(100 - top1, 2), round(100 - top5, 2), where, note)


def _entry(name: str, parameters: int, multiply_adds: int, giga: float | None = None, *results: Result,
           aliases: tuple[str, ...] = (), note: str = "") -> Entry:  # fmt: skip
    common: dict[str, Any] = {
        "family": "bag_of_tricks", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
    }  # fmt: skip
    published = ()
    if giga:
        published = (Published("parameters", 25e6, 1e6, TABLE5), Published("multiply_adds", giga * 1e9, 1e8, TABLE5))
    return Entry(name, **common, parameters=parameters, multiply_adds=multiply_adds, published=published,
                 results=results, departures=() if giga or name == "resnet152_d" else (1,), aliases=aliases,
                 note=note)  # fmt: skip


NETWORKS = {
    entry.name: entry
    for entry in (
        _entry("resnet50_v15", 25557032, 4089184256, 4.1, _result(76.66, 93.28, TABLE5),
               aliases=("resnet50_vb",), note="ResNet-B; torchvision's and timm's resnet50"),
        _entry("resnet50_c", 25576264, 4328824832, 4.3, _result(76.87, 93.48, TABLE5),
               aliases=("resnet50c",)),
        _entry("resnet50_d", 25576264, 4328824832, 4.3, _result(77.16, 93.52, TABLE5),
               _result(77.91, 93.81, TABLE6, "cosine decay"),
               _result(78.31, 94.09, TABLE6, "and label smoothing"),
               _result(78.67, 94.36, TABLE6, "and distillation"),
               _result(79.15, 94.58, TABLE6, "mixup for distillation"),
               _result(79.29, 94.63, TABLE6, "distillation and mixup"), aliases=("resnet50d",)),
        _entry("resnet101_v15", 44549160, 7801405440, note="torchvision's and timm's resnet101"),
        _entry("resnet101_c", 44568392, 8041046016, aliases=("resnet101c",)),
        _entry("resnet101_d", 44568392, 8041046016, aliases=("resnet101d",)),
        _entry("resnet152_v15", 60192808, 11513626624, note="torchvision's and timm's resnet152"),
        _entry("resnet152_c", 60212040, 11753267200, aliases=("resnet152c",)),
        _entry("resnet152_d", 60212040, 11753267200, aliases=("resnet152d",), note="the paper's teacher network"),
    )
}  # fmt: skip
