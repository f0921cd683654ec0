"""Stochastic depth's claims. Huang, Sun, Liu, Sedra, Weinberger 2016; lesions: Veit, Wilber, Belongie 2016."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=12, least_epochs=6, tests=4_000)
STACK = "conv 32 3, conv 32 3, conv 32 3, conv 32 3, pool 2 2, conv 32 3, conv 32 3, conv 32 3, conv 32 3, gap"

EXPERIMENTS = (
    Experiment(
        id="stochastic_depth_error",
        title="Stochastic depth lowers the error",
        claim="Linear decay to p_L = 0.5 lowers the test error of 110 layers on CIFAR-10 from 6.41 to 5.23 %.",
        where="Table 1, Fig. 3",
        covers=("main",),
        network="small stochastic",
        recipe=("augment.pad=0", "augment.flip=false"),
        arms={"stochastic": Arm({"depth": 38}), "constant": Arm({"depth": 38, "survival": 1.0})},
        expect=("stochastic < constant",),
        published={"stochastic": 5.23, "constant": 6.41},
        setting=Setting(size=16, pictures=5_000, tests=4_000, epochs=25, least_epochs=8),
    ),
    Experiment(
        id="stochastic_depth_time",
        title="Stochastic depth saves time",
        claim="Training takes about 25 % less time with p_L = 0.5.",
        where="Sec. 4, Table 2",
        covers=("main",),
        network="small stochastic",
        arms={"stochastic": Arm({"depth": 56}), "constant": Arm({"depth": 56, "survival": 1.0})},
        expect=("stochastic < constant",),
        metric="seconds", unit="seconds of training", least=0.5,
        published={"stochastic": "0.73 to 0.76 of constant"},
        setting=Setting(size=16, pictures=4_000, tests=500, epochs=3, least_epochs=2),
    ),
    Experiment(
        id="survival_decay",
        title="Linear decay against uniform survival",
        claim="Linear decay of the survival probability beats a uniform one.",
        where="Fig. 7",
        covers=("p_L_sweep",),
        network="small stochastic",
        arms={"linear": Arm({"depth": 38}), "uniform": Arm({"depth": 38, "decay": "uniform"})},
        expect=("linear < uniform",),
        published={"linear": 5.23, "uniform": 6.14},
        setting=SETTING,
    ),
    Experiment(
        id="stochastic_gradients",
        title="Gradients of the first block",
        claim="The first block's gradient is larger with stochastic depth than with constant depth.",
        where="Fig. 6",
        covers=("gradient_magnitude",),
        network="small stochastic",
        arms={"stochastic": Arm({"depth": 38}), "constant": Arm({"depth": 38, "survival": 1.0})},
        expect=("constant < stochastic",),
        metric="last_gradient", unit="mean |gradient| of the first block's weights in the last epoch, 1e-5", least=0.1,
        probes=("last_gradient",),
        setting=SETTING,
    ),
    Experiment(
        id="lesions",
        title="A trained ResNet survives losing a layer",
        claim="Without any one block a trained ResNet has hardly more errors; without one layer VGG is at chance.",
        where="Veit, Wilber, Belongie 2016",
        covers=("lesion_veit",),
        arms={"ResNet": Arm({"depth": 32}, network="small resnet"),
              "stochastic depth": Arm({"depth": 32}, network="small stochastic"),
              "VGG": Arm({"layers": STACK, "norm": "batch"}, network="chain")},
        expect=("ResNet < VGG", "stochastic depth < ResNet"),
        metric="lesion", unit="points that the error grows by with one layer left out, mean over layers", least=1.0,
        probes=("lesions",),
        setting=SETTING,
        figure="lesions",
    ),
    Experiment(
        id="lesions_many",
        title="Losing several layers at once",
        claim="The error rises smoothly with the number of blocks that are left out.",
        where="Veit, Wilber, Belongie 2016",
        covers=("lesion_veit",),
        network="small resnet",
        arms={"ResNet": Arm({"depth": 32})},
        contrasts={name: ("ResNet", f"without_{n}") for n, name in ((1, "one"), (3, "three"), (6, "six"))},
        expect=("one < three < six",),
        metric="error",
        probes=("lesions",),
        setting=SETTING,
    ),
)  # fmt: skip

LEFT_OUT = {
    "depth_1202": "1,202 layers take days on a processor",
    "p_L_by_depth": "a heat map of colours without numbers",
    "dropout_control": "not run yet",
}
