"""ZFNet: what Zeiler and Fergus (arXiv:1311.2901) print."""

from typing import Any

from .record import Entry, Paper, Printed, Result

PAPER = Paper(
    title="Visualizing and Understanding Convolutional Networks",
    authors="Zeiler, Fergus",
    year=2013,
    venue="ECCV 2014",
    arxiv="1311.2901",
)

COMMON: dict[str, Any] = {
    "family": "zfnet", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
}  # fmt: skip
ROWS = {  # Fig. 3
    "conv1": Printed("map", "110x110", "Fig. 3"),
    "pool1": Printed("map", "55x55", "Fig. 3 caption"),
    "conv2": Printed("map", "26x26", "Fig. 3"),
    "pool2": Printed("map", "13x13", "Fig. 3"),
    "conv3": Printed("channels", 384, "Fig. 3"),
    "conv4": Printed("channels", 384, "Fig. 3"),
    "conv5": Printed("channels", 256, "Fig. 3"),
    "pool5": Printed("neurons", 9216, "Fig. 3 caption"),
    "fc6": Printed("neurons", 4096, "Fig. 3"),
    "fc7": Printed("neurons", 4096, "Fig. 3"),
}
WIDE = {
    "conv3": Printed("channels", 512, "Table 2 (b)"),
    "conv4": Printed("channels", 1024, "Table 2 (b)"),
    "conv5": Printed("channels", 512, "Table 2 (b)"),
}
VAL, TEST = "ILSVRC-2012 val", "ILSVRC-2012 test"
ONE, FIVE, SIX = (f"crops not stated, {count}" for count in ("one network", "five networks", "with five of zfnet"))

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("zfnet", **COMMON, parameters=62357608, multiply_adds=1168032896, rows=ROWS,
              aliases=("zf_net",),
              results=(Result(VAL, ONE, 38.4, 16.5, "Table 2"), Result(VAL, FIVE, 36.7, 15.3, "Table 2"),
                       Result(TEST, FIVE, None, 15.3, "Table 2"))),
        Entry("zfnet_wide", **COMMON, parameters=107627624, multiply_adds=2476704896, rows=WIDE,
              results=(Result(VAL, ONE, 37.5, 16.0, "Table 2"), Result(TEST, ONE, None, 16.1, "Table 2"),
                       Result(VAL, SIX, 36.0, 14.7, "Table 2"), Result(TEST, SIX, None, 14.8, "Table 2"))),
        Entry("zf_fast_rcnn", **COMMON, parameters=3983464, multiply_adds=1390716928, departures=(1,),
              note="3,726,464 parameters without the classifier, which detectors do not use"),
    )
}  # fmt: skip
