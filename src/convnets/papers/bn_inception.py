"""BN-Inception: what Ioffe and Szegedy (arXiv:1502.03167v3) print."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    authors="Ioffe, Szegedy",
    year=2015,
    venue="ICML 2015",
    arxiv="1502.03167",
)

COMMON: dict[str, Any] = {
    "family": "bn_inception", "paper": PAPER, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"
}  # fmt: skip
OUTPUTS = {  # Fig. 5, but for 3c and 4e, of which it prints the map before their stride
    "conv1": "64x112x112", "pool1": "64x56x56", "conv2": "192x56x56", "pool2": "192x28x28",
    "inception_3a": "256x28x28", "inception_3b": "320x28x28", "inception_4a": "576x14x14",
    "inception_4b": "576x14x14", "inception_4c": "576x14x14", "inception_4d": "576x14x14",
    "inception_5a": "1024x7x7", "inception_5b": "1024x7x7", "avgpool": "1024x1x1",
}  # fmt: skip
FIG5 = "Fig. 5 p.11"
CHANNELS = {row: Printed("channels", width, FIG5) for row, width in (("inception_3c", 576), ("inception_4e", 1024))}
ROWS = {row: Printed("output", output, FIG5) for row, output in OUTPUTS.items()} | CHANNELS
WIDER = ("inception_4c", "inception_4d", "inception_4e")  # in the other reading
VAL, ONE = "ILSVRC-2012 val", "1 crop"
FIG3, FIG4 = "Fig. 3 p.7", "Fig. 4 p.8"
COST = Published("multiply_adds", 2.0e9, 1e8, "arXiv:1512.00567, Table 3 p.8")

RESULTS = (
    Result(VAL, ONE, 27.3, None, FIG3, "BN-Baseline: lrn=true, dropout=0.4"),
    Result(VAL, ONE, 27.0, None, FIG3, "BN-x5"),
    Result(VAL, ONE, 25.2, None, FIG3, "BN-x30"),
    Result(VAL, ONE, 30.2, None, FIG3, "BN-x5-Sigmoid: activation=sigmoid"),
    Result(VAL, ONE, 25.2, 7.82, FIG4),
    Result(VAL, "144 crops", 21.99, 5.82, FIG4),
    Result(VAL, "144 crops, 6 networks", 20.1, 4.9, FIG4),
    Result("ILSVRC-2012 test", "144 crops, 6 networks", None, 4.82, "Fig. 4 caption p.8"),
)

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry("bn_inception", **COMMON, parameters=11188288, multiply_adds=1934857216, rows=ROWS, results=RESULTS,
              published=(Published("parameters", 13.6e6, 1e5, "Sec. 4.2 p.6"), COST), departures=(1, 2),
              note="TF-slim and the Inception-v4 paper call it Inception v2"),
        Entry("inception_no_bn", **COMMON, parameters=11178336, multiply_adds=1934857216, rows=ROWS, departures=(1,),
              results=(Result(VAL, ONE, 27.8, None, FIG3),
                       Result(VAL, ONE, 99.9, None, "Sec. 4.2.2 p.7", "activation=sigmoid: never better than chance")),
              note="the paper's baseline Inception"),
        Entry("mnist_mlp", family="bn_inception", paper=PAPER, input=(1, 28, 28), classes=10, dataset="MNIST",
              parameters=100010, multiply_adds=99400, aliases=("mnist_mlp_3x100",),
              rows={f"fc{number}": Printed("neurons", 100, "Sec. 4.1 p.5") for number in (1, 2, 3)}),
        Entry("bn_inception_caffe", **COMMON, parameters=11285224, multiply_adds=2032600064, published=(COST,),
              rows={row: printed for row, printed in ROWS.items() if row not in WIDER}, departures=(1, 2, 3),
              aliases=("bninception",), peer=True, note="Fig. 5 with 128 in its last column throughout"),
    )
}  # fmt: skip
