"""Xception: what Chollet (arXiv:1610.02357v3) prints."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Xception: Deep Learning with Depthwise Separable Convolutions",
    authors="Chollet",
    year=2016,
    venue="CVPR 2017",
    arxiv="1610.02357",
)

COMMON: dict[str, Any] = {"family": "xception", "paper": PAPER, "input": (3, 299, 299)}
IMAGENET: dict[str, Any] = COMMON | {"classes": 1000, "dataset": "ImageNet"}
JFT: dict[str, Any] = COMMON | {"classes": 17000, "dataset": "JFT"}
SIZES: dict[str, Any] = {"parameters": 22855952, "multiply_adds": 8357403496}
CHANNELS = {  # in the boxes of Fig. 5
    "block1_conv1": 32, "block1_conv2": 64, "block2": 128, "block3": 256, "block13": 1024, "block14_sepconv1": 1536,
    "block14_sepconv2": 2048,
}  # fmt: skip
OUTPUTS = {"block4": "728x19x19", "middle": "728x19x19", "avgpool": "2048x1x1"}  # between its flows, and at its end
ROWS = {row: Printed("channels", channels, "Fig. 5") for row, channels in CHANNELS.items()} | {
    row: Printed("output", output, "Fig. 5") for row, output in OUTPUTS.items()
}
LABELS = {"logits": Printed("neurons", 17000, "Sec. 4.1")}
HIDDEN = {row: Printed("neurons", 4096, "Sec. 4.5.1 p.5") for row in ("fc1", "fc2")}

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("xception", **IMAGENET, **SIZES, published=(Published("parameters", 22855952, 1, "Table 3 p.6"),),
              rows=ROWS, aliases=("xception_keras",), results=(
                  Result("ImageNet val, non-blacklisted", "1 crop", 21.0, 5.5, "Table 1 p.5"),)),
        Entry("xception_intermediate_relu", **IMAGENET, **SIZES),
        Entry("xception_intermediate_elu", **IMAGENET, **SIZES),
        Entry("xception_non_residual", **IMAGENET, parameters=21878880, multiply_adds=8125858664),
        Entry("xception_jft", **JFT, parameters=55639952, multiply_adds=8390171496,
              rows=ROWS | LABELS, aliases=("xception_jft_no_fc",), note="MAP@100 of 6.70 on FastEval14k (Table 2)"),
        Entry("xception_jft_fc", **JFT, parameters=115629968, multiply_adds=8450153320,
              rows=ROWS | HIDDEN | LABELS, note="MAP@100 of 6.78 on FastEval14k (Table 2)"),
        Entry("xception_timm", **IMAGENET, **SIZES, departures=(1, 2), peer=True, aliases=("legacy_xception",),
              results=(Result("ImageNet val", "1 crop of 299 out of 333", 21.108, 5.708, "timm", "Keras's weights"),),
              note="timm's legacy_xception"),
    )
}  # fmt: skip
