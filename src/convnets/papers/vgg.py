"""VGG: what Simonyan and Zisserman (arXiv:1409.1556v6) print."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
    authors="Simonyan, Zisserman",
    year=2014,
    venue="ICLR 2015",
    arxiv="1409.1556",
)

WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}


def _rows(depth: str) -> dict[str, Printed]:
    """The channels that Table 1 prints for each convolution, as in conv3-64, and each FC-4096."""
    stages = enumerate(zip(CONVOLUTIONS[depth], WIDTHS, strict=True), 1)
    rows = {f"conv{stage}_{i}": width for stage, (count, width) in stages for i in range(1, count + 1)}
    rows |= {"fc6": 4096, "fc7": 4096, "fc8": 1000}
    return {row: Printed("channels", channels, "Table 1 p.3") for row, channels in rows.items()}


def _single(train: str, test: str, top1: float, top5: float) -> Result:
    return Result("ILSVRC-2012 val", f"dense, S={train}, Q={test}", top1, top5, "Table 3 p.6")


def _multi(train: str, test: str, top1: float, top5: float) -> Result:
    return Result("ILSVRC-2012 val", f"dense, S={train}, Q={test}", top1, top5, "Table 4 p.7")


def _crops(method: str, top1: float, top5: float) -> Result:
    return Result("ILSVRC-2012 val", f"{method}, {SCALES}", top1, top5, "Table 5 p.7")


def _both(method: str, top1: float, top5: float) -> Result:
    """D and E together."""
    return Result("ILSVRC-2012 val", f"{method}, {SCALES}, with vgg16", top1, top5, "Table 6 p.8")


def _test(method: str, top5: float, where: str) -> Result:
    return Result("ILSVRC-2012 test", method, None, top5, where)


def _column(
    name: str, parameters: int, multiply_adds: int, millions: int, results: tuple[Result, ...], alias: str
) -> Entry:
    """One column of Table 1; `millions` of parameters by Table 2."""
    depth = name.removeprefix("vgg")[:2]
    published = (Published("parameters", millions * 1e6, 1e6, "Table 2 p.3"),)
    return Entry(name, **COMMON, parameters=parameters, multiply_adds=multiply_adds, published=published,
                 rows=_rows(depth), results=results, departures=(1,), aliases=(alias,))  # fmt: skip


def _normalised(name: str, parameters: int, multiply_adds: int) -> Entry:
    return Entry(name, **COMMON, parameters=parameters, multiply_adds=multiply_adds, departures=(1,), peer=True,
                 note="with batch normalisation, which the paper does not have")  # fmt: skip


COMMON: dict[str, Any] = {
    "family": "vgg", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
}  # fmt: skip
JITTER = "[256;512]"
SCALES = f"S={JITTER}, Q=256,384,512"

RESULTS = {
    "A": (_single("256", "256", 29.6, 10.4),),
    "A-LRN": (_single("256", "256", 29.7, 10.5),),
    "B": (_single("256", "256", 28.7, 9.9), _multi("256", "224,256,288", 28.2, 9.6)),
    "C": (_single("256", "256", 28.1, 9.4), _single("384", "384", 28.1, 9.3), _single(JITTER, "384", 27.3, 8.8),
          _multi("256", "224,256,288", 27.7, 9.2), _multi("384", "352,384,416", 27.8, 9.2),
          _multi(JITTER, "256,384,512", 26.3, 8.2)),
    "D": (_single("256", "256", 27.0, 8.8), _single("384", "384", 26.8, 8.7), _single(JITTER, "384", 25.6, 8.1),
          _multi("256", "224,256,288", 26.6, 8.6), _multi("384", "352,384,416", 26.5, 8.6),
          _multi(JITTER, "256,384,512", 24.8, 7.5), _crops("multi-crop", 24.6, 7.5),
          _crops("multi-crop and dense", 24.4, 7.2)),
    "E": (_single("256", "256", 27.3, 9.0), _single("384", "384", 26.9, 8.7), _single(JITTER, "384", 25.5, 8.0),
          _multi("256", "224,256,288", 26.9, 8.7), _multi("384", "352,384,416", 26.7, 8.6),
          _multi(JITTER, "256,384,512", 24.8, 7.5), _crops("multi-crop", 24.6, 7.4),
          _crops("multi-crop and dense", 24.4, 7.1),
          _both("dense", 24.0, 7.1), _both("multi-crop", 23.9, 7.2), _both("multi-crop and dense", 23.7, 6.8),
          _test(f"dense, {SCALES}", 7.3, "Sec. 4.2 p.7"),
          _test(f"multi-crop and dense, {SCALES}", 7.0, "Table 7 p.8"),
          _test(f"dense, {SCALES}, with vgg16", 7.0, "Table 6 p.8"),
          _test(f"multi-crop and dense, {SCALES}, with vgg16", 6.8, "Table 6 p.8")),
}  # fmt: skip

NETWORKS = {
    entry.name: entry
    for entry in (
        _column("vgg11", 132863336, 7609090048, 133, RESULTS["A"], "vgg_a"),
        _column("vgg11_lrn", 132863336, 7609090048, 133, RESULTS["A-LRN"], "vgg_a_lrn"),
        _column("vgg13", 133047848, 11308466176, 133, RESULTS["B"], "vgg_b"),
        _column("vgg16_c", 133638952, 11770888192, 134, RESULTS["C"], "vgg_c"),
        _column("vgg16", 138357544, 15470264320, 138, RESULTS["D"], "vgg_d"),
        _column("vgg19", 143667240, 19632062464, 144, RESULTS["E"], "vgg_e"),
        Entry("vgg13_5x5", **COMMON, parameters=134503528, multiply_adds=9356017664, departures=(1,),
              note="B with each pair of 3x3 replaced by one 5x5: top-1 error 7 points higher, one crop (Sec. 4.1 p.6)"),
        _normalised("vgg11_bn", 132868840, 7609090048),
        _normalised("vgg13_bn", 133053736, 11308466176),
        _normalised("vgg16_c_bn", 133647400, 11770888192),
        _normalised("vgg16_bn", 138365992, 15470264320),
        _normalised("vgg19_bn", 143678248, 19632062464),
    )
}  # fmt: skip
