"""AlexNet: what Krizhevsky, Sutskever and Hinton (NIPS 2012) print."""

from typing import Any

from .record import Entry, Paper, Printed, Published, Result

PAPER = Paper(
    title="ImageNet Classification with Deep Convolutional Neural Networks",
    authors="Krizhevsky, Sutskever, Hinton",
    year=2012,
    venue="NIPS 2012",
)

# Caption of Fig. 2. Its first number cannot be right: 96 maps of 55x55 have 290,400 neurons.
NEURONS = {"conv1": 253440, "conv2": 186624, "conv3": 64896, "conv4": 64896, "conv5": 43264, "fc6": 4096, "fc7": 4096,
           "fc8": 1000}  # fmt: skip

TEN_CROP = "10 crops of 224 from 256, soft-max averaged"
RESULTS = (
    Result("ILSVRC-2010 test", TEN_CROP, 37.5, 17.0, "Table 1 p.7"),
    Result("ILSVRC-2010 test", "one crop", 39.0, 18.3, "footnote 5 p.7"),
    Result("ILSVRC-2012 val", TEN_CROP, 40.7, 18.2, "Table 2 p.7"),
    Result("ILSVRC-2012 val", f"{TEN_CROP}, five networks", 38.1, 16.4, "Table 2 p.7"),
    Result("ILSVRC-2012 test", f"{TEN_CROP}, five networks", None, 16.4, "Table 2 p.7"),
)

COMMON: dict[str, Any] = {"family": "alexnet", "paper": PAPER}
IMAGENET: dict[str, Any] = {**COMMON, "input": (3, 224, 224), "classes": 1000, "dataset": "ImageNet"}
CIFAR10: dict[str, Any] = {**COMMON, "input": (3, 24, 24), "classes": 10, "dataset": "CIFAR-10"}

NETWORKS = {
    entry.name: entry
    for entry in (
        Entry(
            "alexnet", **IMAGENET, parameters=60965224, multiply_adds=724406816,
            published=(Published("parameters", 60e6, 1e6, "Abstract p.1, Sec. 4 p.5"),),
            rows={row: Printed("neurons", neurons, "Fig. 2 p.5") for row, neurons in NEURONS.items()},
            results=RESULTS, departures=(1, 2),
        ),
        Entry(
            "alexnet_half", **IMAGENET, parameters=59798312, multiply_adds=391514384, departures=(2,),
            note="half the kernels in every convolution but the last (Sec. 3.2): top-1 error 1.7, top-5 1.2 higher",
        ),
        Entry(
            "alexnet_owt", **IMAGENET, parameters=61100840, multiply_adds=714188480, departures=(1,), peer=True,
            note="another network than the paper's",
        ),
        Entry(
            "cuda_convnet_13", **CIFAR10, parameters=1116490, multiply_adds=18517248,
            results=(Result("CIFAR-10 test", "not stated", 13, None, "Sec. 3.3 p.4"),),
            note="four layers, without response normalisation",
        ),
        Entry(
            "cuda_convnet_11", **CIFAR10, parameters=2112970, multiply_adds=19512576,
            results=(Result("CIFAR-10 test", "not stated", 11, None, "Sec. 3.3 p.4"),),
            note="four layers, with response normalisation; the authors' file also widens local3 from 32 to 64",
        ),
    )
}  # fmt: skip
