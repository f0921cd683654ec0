"""Pre-activation ResNet: what He, Zhang, Ren and Sun (arXiv:1603.05027v3) print."""

from collections.abc import Iterator

from .record import Entry, Paper, Published, Result

PAPER = Paper(
    title="Identity Mappings in Deep Residual Networks",
    authors="He, Zhang, Ren, Sun",
    year=2016,
    venue="ECCV 2016",
    arxiv="1603.05027",
)
TABLE1, TABLE4, TABLE5 = "Table 1 p.6", "Table 4 p.12", "Table 5 p.13"

# name: parameters, multiply-adds
CIFAR = {
    "preact_resnet110": (1727962, 252887680),
    "preact_resnet110_one_layer": (1727962, 252887680),
    "preact_resnet164": (1703258, 244500992),
    "preact_resnet1001": (10327706, 1487849984),
    "preact_resnet110_projection": (1730522, 253149824),
    "resnet110_one_layer": (1727962, 252887680),
    "resnet164_bottleneck": (1704154, 244500992),
    "resnet1001_bottleneck": (10328602, 1487849984),
    "resnet110_bn_after_addition": (1727962, 252887680),
    "resnet110_relu_before_addition": (1727962, 252887680),
    "resnet110_relu_only_pre_activation": (1727962, 252887680),
    "resnet164_bn_after_addition": (1704154, 244500992),
    "resnet164_relu_before_addition": (1704154, 244500992),
    "resnet164_relu_only_pre_activation": (1704154, 244500992),
    "resnet110_half_shortcut": (1727962, 252887680),
    "resnet110_both_half": (1727962, 252887680),
    "resnet110_exclusive_gating": (1826746, 267043456),
    "resnet110_shortcut_only_gating": (1826746, 267043456),
    "resnet110_conv_shortcut": (1826202, 266781312),
    "resnet110_dropout_shortcut": (1727962, 252887680),
}
IMAGENET = {
    "preact_resnet50": (25549352, 4089184256),
    "preact_resnet101": (44541480, 7801405440),
    "preact_resnet152": (60185128, 11513626624),
    "preact_resnet200": (64666152, 15007481856),
    "resnet101_bn_after_addition": (44549160, 7801405440),
    "resnet200": (64673832, 14776270848),
    "preact_resnet18_timm": (11687720, 1814073344),
    "preact_resnet34_timm": (21795880, 3663761408),
    "preact_resnet50_timm": (25549352, 4089184256),
    "preact_resnet101_timm": (44541480, 7801405440),
    "preact_resnet152_timm": (60185128, 11513626624),
    "preact_resnet50_keras": (25568360, 3482255360),
    "preact_resnet101_keras": (44577896, 7194476544),
    "preact_resnet152_keras": (60236904, 10906697728),
}
MEGA_PARAMETERS = {"preact_resnet110": 1.7, "preact_resnet164": 1.7, "resnet164_bottleneck": 1.7,
                   "preact_resnet1001": 10.2, "resnet1001_bottleneck": 10.2}  # Table 4  # fmt: skip

TEN, HUNDRED = ("CIFAR-10 test", "one view, median of 5 runs"), ("CIFAR-100 test", "one view, median of 5 runs")
VAL, CROP320 = "ImageNet val", "1 crop, 320"
README = "fb.resnet.torch, pretrained/README"
RESULTS = {
    "resnet110_both_half": (Result(*TEN, 12.35, None, TABLE1),),
    "resnet110_exclusive_gating": (
        Result(*TEN, 8.70, None, TABLE1, "gate_bias=-6, the best of 0 to -10"),
        Result(*TEN, 9.81, None, TABLE1, "gate_bias=-7"),
    ),
    "resnet110_shortcut_only_gating": (
        Result(*TEN, 12.86, None, TABLE1, "gate_bias=0"),
        Result(*TEN, 6.91, None, TABLE1, "gate_bias=-6"),
    ),
    "resnet110_conv_shortcut": (Result(*TEN, 12.22, None, TABLE1),),
    "resnet110_bn_after_addition": (Result(*TEN, 8.17, None, "Table 2 p.8"),),
    "resnet110_relu_before_addition": (Result(*TEN, 7.84, None, "Table 2 p.8"),),
    "resnet110_relu_only_pre_activation": (Result(*TEN, 6.71, None, "Table 2 p.8"),),
    "resnet164_bn_after_addition": (Result(*TEN, 6.50, None, "Table 2 p.8"),),
    "resnet164_relu_before_addition": (Result(*TEN, 6.14, None, "Table 2 p.8"),),
    "resnet164_relu_only_pre_activation": (Result(*TEN, 5.91, None, "Table 2 p.8"),),
    "resnet110_one_layer": (Result(*TEN, 9.90, None, "Table 3 p.10"),),
    "preact_resnet110_one_layer": (Result(*TEN, 8.91, None, "Table 3 p.10"),),
    "preact_resnet110": (Result(*TEN, 6.37, None, "Tables 2 and 3 p.8, 10"),),
    "resnet164_bottleneck": (
        Result(*TEN, 5.93, None, "Tables 2 and 3 p.8, 10"),
        Result(*HUNDRED, 25.16, None, "Tables 3 and 4 p.10, 12"),
    ),
    "preact_resnet164": (
        Result(*TEN, 5.46, None, "Tables 2, 3 and 4 p.8, 10, 12"),
        Result(*HUNDRED, 24.33, None, "Tables 3 and 4 p.10, 12"),
    ),
    "resnet1001_bottleneck": (
        Result(*TEN, 7.61, None, "Table 3 p.10"),
        Result(*HUNDRED, 27.82, None, "Tables 3 and 4 p.10, 12"),
    ),
    "preact_resnet1001": (
        Result(*TEN, 4.92, None, TABLE4, "batches of 128; mean 4.89 +- 0.14"),
        Result(*TEN, 4.62, None, TABLE4, "batches of 64; mean 4.69 +- 0.20"),
        Result(*HUNDRED, 22.71, None, TABLE4, "mean 22.68 +- 0.22"),
    ),
    "preact_resnet152": (Result(VAL, CROP320, 21.1, 5.5, TABLE5),),
    "resnet200": (Result(VAL, CROP320, 21.8, 6.0, TABLE5),),
    "preact_resnet200": (
        Result(VAL, CROP320, 20.7, 5.3, TABLE5),
        Result(VAL, CROP320, 20.1, 4.8, TABLE5, "trained with scale and aspect ratio augmentation"),
        Result(VAL, "1 crop, 224", 21.66, 5.79, README),
        Result(VAL, "10 crops, 224", 20.15, 4.93, README),
    ),
    "resnet101_bn_after_addition": (Result(VAL, "1 crop, 224", 24.6, 7.5, "Sec. 5 p.13"),),
}
FAILS = "its training fails, with an error above 20 % (Table 1 p.6)"
NOTES = {
    "resnet110_half_shortcut": FAILS,
    "resnet110_dropout_shortcut": FAILS,
    "resnet110_exclusive_gating": "training fails with gate_bias from 0 to -5 (Table 1 p.6)",
    "preact_resnet1001": "without batch normalisation's own parameters it has the 10.2 million of Table 4",
    "resnet1001_bottleneck": "without batch normalisation's own parameters it has the 10.2 million of Table 4",
}
DEPARTURES = {
    **dict.fromkeys(("preact_resnet50", "preact_resnet101", "preact_resnet110_projection"), (1,)),
    **dict.fromkeys(("preact_resnet18_timm", "preact_resnet34_timm"), (1, 5)),
    **{f"preact_resnet{depth}_timm": (1,) for depth in (50, 101, 152)},
    **{f"preact_resnet{depth}_keras": (2, 3, 4) for depth in (50, 101, 152)},
}


def _alias(name: str) -> tuple[str, ...]:
    """What timm and Keras call it."""
    depth = name.removeprefix("preact_resnet").partition("_")[0]
    if name.endswith("_timm"):
        return (f"resnetv2_{depth}",)
    return (f"resnet{depth}v2",) if name.endswith("_keras") else ()


def _entries() -> Iterator[Entry]:
    for name, (parameters, multiply_adds) in (CIFAR | IMAGENET).items():
        small, mega = name in CIFAR, MEGA_PARAMETERS.get(name)
        yield Entry(
            name, family="preact_resnet", paper=PAPER, input=(3, 32, 32) if small else (3, 224, 224),
            classes=10 if small else 1000, dataset="CIFAR-10" if small else "ImageNet",
            parameters=parameters, multiply_adds=multiply_adds,
            published=(Published("parameters", mega * 1e6, 1e5, TABLE4),) if mega else (),
            results=RESULTS.get(name, ()), departures=DEPARTURES.get(name, ()), aliases=_alias(name),
            note=NOTES.get(name, ""), peer=name.endswith(("_timm", "_keras")),
        )  # fmt: skip


NETWORKS = {entry.name: entry for entry in _entries()}
