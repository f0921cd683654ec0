"""Inception-v4 and the Inception-ResNets: what Szegedy, Ioffe, Vanhoucke and Alemi (arXiv:1602.07261v2) print."""

from typing import Any

from .record import Entry, Paper, Printed, Result

PAPER = Paper(
    title="Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
    authors="Szegedy, Ioffe, Vanhoucke, Alemi",
    year=2016,
    venue="AAAI 2017",
    arxiv="1602.07261",
)

COMMON: dict[str, Any] = {
    "family": "inception_v4", "paper": PAPER, "input": (3, 299, 299), "classes": 1000, "dataset": "ImageNet"
}  # fmt: skip


VAL, ENSEMBLE = "ImageNet val", "1 Inception-v4 and 3 Inception-ResNet-v2"


def _results(*pairs: tuple[float, float]) -> tuple[Result, ...]:
    """Top-1 and top-5 of one crop, 12 crops and 144 crops."""
    places = ((f"{VAL}, non-blacklisted", "1 crop", "Table 2 p.10"), (VAL, "12 crops", "Table 3 p.11"),
              (VAL, "144 crops", "Table 4 p.11"))  # fmt: skip
    lines = zip(places, pairs, strict=True)
    return tuple(Result(data, protocol, *pair, where) for (data, protocol, where), pair in lines)


STEM = {  # Fig. 3
    "stem_conv1": "32x149x149", "stem_conv2": "32x147x147", "stem_conv3": "64x147x147", "stem_mixed_3a": "160x73x73",
    "stem_mixed_4a": "192x71x71", "stem_mixed_5a": "384x35x35",
}  # fmt: skip
V4 = {  # Fig. 9
    "inception_a": "384x35x35", "reduction_a": "1024x17x17", "inception_b": "1024x17x17", "reduction_b": "1536x8x8",
    "inception_c": "1536x8x8", "avgpool": "1536x1x1", "dropout": "1536x1x1",
}  # fmt: skip
STEM_V1 = {  # Fig. 14
    "stem_conv1": "32x149x149", "stem_conv2": "32x147x147", "stem_conv3": "64x147x147", "stem_pool": "64x73x73",
    "stem_conv4": "80x73x73", "stem_conv5": "192x71x71", "stem_conv6": "256x35x35",
}  # fmt: skip
RESNET_V1 = {  # Fig. 15
    "inception_resnet_a": "256x35x35", "reduction_a": "896x17x17", "inception_resnet_b": "896x17x17",
    "reduction_b": "1792x8x8", "inception_resnet_c": "1792x8x8", "avgpool": "1792x1x1", "dropout": "1792x1x1",
}  # fmt: skip


def _rows(outputs: dict[str, str], where: str) -> dict[str, Printed]:
    return {row: Printed("output", output, where) for row, output in outputs.items()}


def _classes(where: str) -> dict[str, Printed]:
    return {"logits": Printed("neurons", 1000, where)}


NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("inception_v4", **COMMON, parameters=42679816, multiply_adds=12253974624, departures=(1, 2),
              rows=_rows(STEM, "Fig. 3") | _rows(V4, "Fig. 9") | _classes("Fig. 9"), aliases=("inceptionv4",),
              results=_results((20.0, 5.0), (18.7, 4.2), (17.7, 3.8))),
        Entry("inception_resnet_v1", **COMMON, parameters=22756328, multiply_adds=6206361696,
              rows=_rows(STEM_V1, "Fig. 14") | _rows(RESNET_V1, "Fig. 15") | _classes("Fig. 15"),
              results=_results((21.3, 5.5), (19.8, 4.6), (18.8, 4.3))),
        Entry("inception_resnet_v2", **COMMON, parameters=32433928, multiply_adds=9257953632, departures=(3,),
              rows=_rows(STEM, "Fig. 3") | {
                  "inception_resnet_a": Printed("channels", 384, "Fig. 16"),
                  "inception_resnet_b": Printed("channels", 1154, "Fig. 17"),
                  "inception_resnet_c": Printed("channels", 2048, "Fig. 19"),
              } | _classes("Fig. 15"), aliases=("inceptionresnetv2",),
              results=(*_results((19.9, 4.9), (18.7, 4.1), (17.8, 3.7)),
                       Result(VAL, "144 crops, 4 networks", 16.5, 3.1, "Table 5 p.11", ENSEMBLE),
                       Result("ImageNet test", "144 crops, 4 networks", None, 3.08, "Table 5 caption", ENSEMBLE))),
        Entry("inception_v4_slim", **COMMON, parameters=42679816, multiply_adds=12253974624, departures=(1, 2),
              peer=True, aliases=("inception_v4_timm",), note="TF-slim's and timm's inception_v4"),
        Entry("inception_resnet_v2_slim", **COMMON, parameters=55843464, multiply_adds=13155794016,
              departures=(2, 3), peer=True, aliases=("inception_resnet_v2_timm", "inception_resnet_v2_keras"),
              note="TF-slim's, timm's and Keras's inception_resnet_v2"),
    )
}  # fmt: skip
