"""Inception v3: what Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (arXiv:1512.00567v3) print."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Rethinking the Inception Architecture for Computer Vision",
    authors="Szegedy, Vanhoucke, Ioffe, Shlens, Wojna",
    year=2015,
    venue="CVPR 2016",
    arxiv="1512.00567",
)

COMMON: dict[str, Any] = {"family": "inception_v3", "paper": PAPER, "classes": 1000, "dataset": "ImageNet"}
BIG = COMMON | {"input": (3, 299, 299)}
TABLE1 = "Table 1 p.6"
STEM = ("32x149x149", "32x147x147", "64x147x147", "64x73x73")  # where both readings agree
OUTPUTS = {
    "mixed_5d": "288x35x35", "mixed_6a": "768x17x17", "mixed_6e": "768x17x17", "mixed_7a": "1280x8x8",
    "mixed_7c": "2048x8x8", "avgpool": "2048x1x1",
} | dict(zip(("conv2d_1a_3x3", "conv2d_2a_3x3", "conv2d_2b_3x3", "maxpool_3a_3x3"), STEM, strict=True))  # fmt: skip
OUTPUTS_TABLE1 = {
    "conv5": "80x71x71", "conv6": "192x35x35", "conv7": "288x35x35", "reduction_35": "768x17x17",
    "reduction_17": "1280x8x8", "inception_8b": "2048x8x8", "avgpool": "2048x1x1",
} | dict(zip(("conv1", "conv2", "conv3", "pool4"), STEM, strict=True))  # fmt: skip
LOGITS = {"logits": Printed("neurons", 1000, TABLE1)}
VAL, ONE = "ILSVRC-2012 val", "1 crop, 48,238 pictures"
TABLE3 = "Table 3 p.8"


def _rows(outputs: dict[str, str]) -> dict[str, Printed]:
    return {row: Printed("output", output, TABLE1) for row, output in outputs.items()} | LOGITS


def _cost(giga: float) -> Published:
    return Published("multiply_adds", giga * 1e9, 1e8, TABLE3)


RESULTS = (
    Result(VAL, ONE, 21.6, 5.8, TABLE3, "without batch normalisation in the auxiliary classifier"),
    Result(VAL, ONE, 21.2, 5.6, TABLE3),
    Result(VAL, "12 crops", 19.47, 4.48, "Table 4 p.8", "its column titles are exchanged"),
    Result(VAL, "144 crops", 18.77, 4.2, "Table 4 p.8", "its column titles are exchanged"),
    Result(VAL, "144 crops, 4 networks", 17.2, 3.46, "Table 5 p.9 and caption", "17.3 in the abstract"),
    Result("ILSVRC-2012 test", "144 crops, 4 networks", None, 3.58, "Table 5 p.9"),
    Result(VAL, "1 crop", 23.4, None, "Table 2 p.8", "beside 151x151 and 79x79; the 23.4 of Inception-v2 in Table 3"),
)
RESULTS_TABLE1 = (
    Result(VAL, ONE, 23.4, None, TABLE3, "Inception-v2"),
    Result(VAL, ONE, 23.1, 6.3, TABLE3, "with RMSProp"),
    Result(VAL, ONE, 22.8, 6.1, TABLE3, "with RMSProp and label smoothing"),
)

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("inception_v3", **BIG, parameters=23834568, multiply_adds=5713216096, rows=_rows(OUTPUTS),
              published=(Published("multiply_adds", 5e9, 1e9, "abstract p.1"), _cost(4.8)), results=RESULTS,
              departures=(1, 2), aliases=("inceptionv3", "inception_v3_slim", "inception_v3_keras"),
              note="the abstract says fewer than 25 million parameters"),
        Entry("inception_v3_151", **COMMON, input=(3, 151, 151), parameters=23834568, multiply_adds=5713216096,
              results=(Result(VAL, "1 crop", 23.6, None, "Table 2 p.8"),), departures=(1, 2)),
        Entry("inception_v3_79", **COMMON, input=(3, 79, 79), parameters=23834568, multiply_adds=5361703520,
              results=(Result(VAL, "1 crop", 24.8, None, "Table 2 p.8"),), departures=(1, 2),
              note="6.2 % fewer multiply-adds than at 299, where Sec. 9 says within 1 %"),
        Entry("inception_v3_table1", **BIG, parameters=25944392, multiply_adds=6401360480, rows=_rows(OUTPUTS_TABLE1),
              published=(_cost(3.8),), results=RESULTS_TABLE1, departures=(3,),
              note="the paper's Inception-v2; with four modules on 17x17, as released, 23.8 million parameters"),
        Entry("inception_v3_torchvision", **BIG, parameters=23834568, multiply_adds=5713216096, departures=(1,),
              results=(Result(VAL, "1 crop of 299 out of 342", 22.706, 6.55, "torchvision", "TensorFlow's weights"),),
              aliases=("inception_v3_timm",), peer=True, note="torchvision's and timm's inception_v3"),
        Entry("inception_v3_keras_1x", **BIG, parameters=23626728, multiply_adds=5623817312, departures=(2, 3),
              aliases=("inception_v3_keras_1x_port",), peer=True,
              note="its size is what the Xception paper gives for Inception V3"),
    )
}  # fmt: skip
