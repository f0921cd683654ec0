"""GoogLeNet: what Szegedy et al. (arXiv:1409.4842) print."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Going Deeper with Convolutions",
    authors="Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich",
    year=2014,
    venue="CVPR 2015",
    arxiv="1409.4842",
)

COMMON: dict[str, Any] = {
    "family": "googlenet", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
}  # fmt: skip
OUTPUTS = {  # Table 1
    "conv1": "64x112x112", "pool1": "64x56x56", "conv2": "192x56x56", "pool2": "192x28x28",
    "inception_3a": "256x28x28", "inception_3b": "480x28x28", "pool3": "480x14x14",
    "inception_4a": "512x14x14", "inception_4b": "512x14x14", "inception_4c": "512x14x14",
    "inception_4d": "528x14x14", "inception_4e": "832x14x14", "pool4": "832x7x7",
    "inception_5a": "832x7x7", "inception_5b": "1024x7x7", "pool5": "1024x1x1", "drop": "1024x1x1",
}  # fmt: skip
ROWS = {row: Printed("output", output, "Table 1 p.5") for row, output in OUTPUTS.items()}
VAL = "ILSVRC-2012 val"  # that of 2014 too

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("googlenet", **COMMON, parameters=6998552, multiply_adds=1582671872,
              published=(Published("multiply_adds", 1.5e9, 1e8, "Sec. 1 p.1, the budget"),),
              rows=ROWS | {"fc": Printed("neurons", 1000, "Table 1 p.5")},
              results=(
                  Result(VAL, "1 crop", None, 10.07, "Table 3 p.7"),
                  Result(VAL, "10 crops", None, 9.15, "Table 3 p.7"),
                  Result(VAL, "144 crops", None, 7.89, "Table 3 p.7"),
                  Result(VAL, "1 crop, 7 networks", None, 8.09, "Table 3 p.7"),
                  Result(VAL, "10 crops, 7 networks", None, 7.62, "Table 3 p.7"),
                  Result(VAL, "144 crops, 7 networks", None, 6.67, "Table 3 p.7"),
                  Result("ILSVRC-2014 test", "144 crops, 7 networks", None, 6.67, "Table 2 p.7"),
              ), aliases=("inception_v1",)),
        Entry("googlenet_bn", **COMMON, parameters=6624904, multiply_adds=1498376192, departures=(1, 2, 3, 4, 5),
              peer=True, aliases=("googlenet_torchvision",), note="torchvision's googlenet"),
    )
}  # fmt: skip
