"""Stochastic depth: what Huang, Sun, Liu, Sedra and Weinberger (arXiv:1603.09382, versions 1 and 3) print."""

from .record import Entry, Paper, Result

PAPER = Paper(
    title="Deep Networks with Stochastic Depth",
    authors="Huang, Sun, Liu, Sedra, Weinberger",
    year=2016,
    venue="ECCV 2016",
    arxiv="1603.09382",
)
FIRST, THIRD = "version 1, Table 1 p.7", "version 3, Table 1"
CONSTANT = "constant depth, survival=1"
BEST = "one view, at the epoch of the lowest validation error"
TEN, HUNDRED, SVHN = ("CIFAR-10 test", BEST), ("CIFAR-100 test", BEST), ("SVHN test", BEST)
PLAIN = "without augmentation"
VAL, SEC4 = ("ImageNet val", "1 crop"), "version 3, Sec. 4"

RESULTS = {
    "sd_resnet110": (
        Result(*TEN, 5.23, None, FIRST),
        Result(*TEN, 5.25, None, THIRD),
        Result(*TEN, 6.41, None, FIRST, CONSTANT),
        Result(*HUNDRED, 24.58, None, FIRST),
        Result(*HUNDRED, 24.98, None, THIRD),
        Result(*HUNDRED, 27.22, None, FIRST, CONSTANT),
        Result(*HUNDRED, 27.76, None, THIRD, CONSTANT),
        Result(*TEN, 11.66, None, "Sec. 4", PLAIN),
        Result(*TEN, 13.63, None, "Sec. 4", f"{PLAIN}; {CONSTANT}"),
        Result(*HUNDRED, 37.80, None, "Sec. 4", PLAIN),
        Result(*HUNDRED, 44.74, None, "Sec. 4", f"{PLAIN}; {CONSTANT}"),
    ),
    "sd_resnet152_svhn": (
        Result(*SVHN, 1.75, None, FIRST),
        Result(*SVHN, 2.01, None, FIRST, CONSTANT),
        Result(*SVHN, 1.80, None, THIRD, CONSTANT),
    ),
    "sd_resnet1202": (
        Result(*TEN, 4.91, None, "version 1, Sec. 4 and Fig. 5 p.11"),
        Result(*TEN, 6.72, None, "version 1, Sec. 4 and Fig. 5 p.11", f"{CONSTANT}; 6.67 in version 3"),
    ),
    "sd_resnet152_imagenet": (
        Result(*VAL, 23.38, None, SEC4, "90 epochs"),
        Result(*VAL, 21.98, None, SEC4, "120 epochs"),
        Result(*VAL, 23.06, None, SEC4, f"90 epochs; {CONSTANT}"),
        Result(*VAL, 21.78, None, SEC4, f"120 epochs; {CONSTANT}"),
    ),
}
NETWORKS = {  # name: dataset, parameters, multiply-adds
    name: Entry(
        name, family="stochastic_depth", paper=PAPER, input=(3, 224, 224) if dataset == "ImageNet" else (3, 32, 32),
        classes=1000 if dataset == "ImageNet" else 10, dataset=dataset, parameters=parameters,
        multiply_adds=multiply_adds, results=RESULTS.get(name, ()),
        departures=(1,) if name.endswith("_bias") else (), peer=name.endswith("_bias"),
    )
    for name, dataset, parameters, multiply_adds in (
        ("sd_resnet110", "CIFAR-10", 1727962, 252887680),
        ("sd_resnet152_svhn", "SVHN", 2408474, 351978112),
        ("sd_resnet1202", "CIFAR-10", 19421274, 2829238912),
        ("sd_resnet152_imagenet", "ImageNet", 60192808, 11513626624),
        ("sd_resnet110_conv_bias", "CIFAR-10", 1732010, 252887680),
    )
}  # fmt: skip
