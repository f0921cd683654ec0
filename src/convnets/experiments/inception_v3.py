"""Inception v3's claims. Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)
FACTORS, WHOLE = "conv 32 1x7, conv 32 7x1", "conv 32 7"
BEHIND = "pool 2 2, conv 64 3, conv 64 3, gap"
EARLY = "conv 32 3, {0}, {0}, pool 2 2, conv 32 3, conv 32 3, " + BEHIND
MEDIUM = "conv 32 3, conv 32 3, conv 32 3, pool 2 2, {0}, {0}, " + BEHIND
PAIR = "conv 32 3, {0} 32 3, conv 32 3, pool 2 2, {0} 48 3, conv 48 3, pool 2 2, {0} 64 3, conv 64 3, gap"
BATCH = {"norm": "batch"}
RMSPROP = ("optimizer=rmsprop", "optimizer.epsilon=1.0")

EXPERIMENTS = (
    Experiment(
        id="smoothing",
        title="Label smoothing",
        question="Does it help to be a little unsure of the labels?",
        claim="Label smoothing with epsilon = 0.1 lowers the error by about 0.2 %.",
        where="Sec. 7, p. 7; Table 3",
        covers=("label_smoothing",),
        network="small inception",
        arms={"smoothed": Arm({}, ("label_smoothing=0.1",)), "plain": Arm({})},
        expect=("smoothed < plain by 0.2",),
        published={"smoothed": 22.8, "plain": 23.1},
        setting=SETTING,
    ),
    Experiment(
        id="rmsprop",
        title="RMSProp, and smoothing on top",
        question="What do the tricks of training add, one by one?",
        claim="Each step of Table 3 lowers the error: SGD 23.4, RMSProp 23.1, label smoothing 22.8 %.",
        where="Table 3, p. 8",
        covers=("cumulative_tricks",),
        network="small inception",
        arms={"SGD": Arm({}), "RMSProp": Arm({}, RMSPROP),
              "RMSProp, smoothed": Arm({}, (*RMSPROP, "label_smoothing=0.1"))},
        rates=(0.02, 0.05, 0.1),
        expect=("RMSProp < SGD", "RMSProp, smoothed < RMSProp"),
        least=0.2,
        published={"SGD": 23.4, "RMSProp": 23.1, "RMSProp, smoothed": 22.8},
        setting=SETTING,
        differs="The rows on the first 7x7 convolution and the auxiliary classifier are experiments of their own.",
    ),
    Experiment(
        id="bn_auxiliary",
        title="A side classifier as a regulariser",
        question="What are side classifiers good for in the end?",
        claim="Side classifiers lift the end of training as regularisers, with batch normalisation by 0.4 % more.",
        where="Sec. 4, p. 5; Fig. 8",
        covers=("auxiliary_as_regulariser", "cumulative_tricks"),
        network="small inception",
        arms={"none": Arm({}), "side": Arm({"side": "plain"}, ("auxiliary=0.3",)),
              "side, BN": Arm({"side": "bn"}, ("auxiliary=0.3",))},
        expect=("side < none", "side, BN < side by 0.4"),
        published={"side": 21.6, "side, BN": 21.2},
        setting=SETTING,
        differs="The side classifier stands on the last module before the grid is halved.",
    ),
    Experiment(
        id="factorised_7x7",
        title="1x7 and 7x1 in place of 7x7",
        question="Can a 7x7 convolution be taken apart into a row and a column, and where?",
        claim="On grids of 12 to 20 a 7x7 convolution can be replaced by 1x7 and 7x1 at a fraction of the cost; in "
        "early layers this does not work well.",
        where="Sec. 3.2, p. 4",
        covers=("factorised_7x7_towers",),
        network="chain",
        arms={f"{place} {kind}": Arm({"layers": layers.format(FACTORS if "1" in kind else WHOLE), **BATCH})
              for place, layers in (("early", EARLY), ("medium", MEDIUM)) for kind in ("7x7", "1x7, 7x1")},
        expect=("medium 1x7, 7x1 <~ medium 7x7 by 1.5", "early 7x7 < early 1x7, 7x1",
                "parameters: medium 1x7, 7x1 < medium 7x7 by 1000"),
        setting=Setting(size=32, pictures=5_000, epochs=10, least_epochs=5, tests=2_000),
        differs="The paper gives no number for the towers alone. Early is a grid of 32, medium one of 16.",
    ),
    Experiment(
        id="first_7x7",
        title="The first 7x7 as three 3x3",
        question="Are three 3x3 convolutions a better beginning than one 7x7?",
        claim="With three 3x3 in place of the first 7x7 the error falls from 22.8 to 21.6 %.",
        where="Table 3, p. 8",
        covers=("cumulative_tricks",),
        network="chain",
        arms={"3x3": Arm({"layers": f"conv 32 3, conv 32 3, conv 32 3, {BEHIND}", **BATCH}),
              "7x7": Arm({"layers": f"conv 32 7, {BEHIND}", **BATCH})},
        expect=("3x3 < 7x7",),
        published={"3x3": 21.6, "7x7": 22.8},
        setting=SETTING,
        differs="At a stride of 1, for pictures of 16 pixels.",
    ),
    Experiment(
        id="linear_factors",
        title="A ReLU between two factors",
        question="Does a large convolution that is taken apart need a nonlinearity between its parts?",
        claim="Where a 5x5 is factorised into two 3x3, a ReLU between them beats a linear first: 77.2 against 76.2 %.",
        where="Fig. 2, p. 3",
        covers=("linear_vs_relu_factorisation",),
        network="chain",
        arms={"ReLU": Arm({"layers": PAIR.format("conv"), **BATCH}),
              "linear": Arm({"layers": PAIR.format("linear"), **BATCH})},
        expect=("ReLU < linear",),
        published={"ReLU": 22.8, "linear": 23.8},
        setting=SETTING,
    ),
    Experiment(
        id="low_resolution",
        title="Low-resolution input at equal cost",
        question="How much is lost with smaller pictures if as much is computed?",
        claim="At constant cost a lower resolution costs little: 75.2, 76.4, 76.6 % for 79, 151, 299 pixels.",
        where="Table 2, p. 8",
        covers=("low_resolution_input",),
        network="chain",
        arms={"32 px": Arm({"layers": "conv 32 3/2, conv 48 3, pool 2 2, conv 64 3, conv 64 3, gap", **BATCH}),
              "16 px": Arm({"layers": "conv 32 3, conv 48 3, pool 2 2, conv 64 3, conv 64 3, gap", **BATCH},
                           ("preprocess.resize=16", "preprocess.size=16"))},
        expect=("32 px < 16 px", "16 px <~ 32 px by 2"),
        published={"32 px": "23.4 (299 px)", "16 px": "24.8 (79 px)"},
        setting=Setting(size=32, pictures=10_000, epochs=12, least_epochs=5, tests=4_000),
    ),
    Experiment(
        id="grid_reduction",
        title="How the grid is reduced",
        question="How should a network halve its grid without losing or computing too much?",
        claim="Pooling first is a bottleneck, a convolution first is dear; both in parallel are cheap and good.",
        where="Sec. 5, Figs. 9, 10",
        covers=("grid_reduction",),
        network="small inception",
        arms={name: Arm({"grid": name}) for name in ("parallel", "pool first", "conv first")},
        expect=("parallel < pool first", "parallel <~ conv first"),
        least=1.0,
        setting=SETTING,
        differs="The paper gives costs and no errors.",
    ),
)  # fmt: skip

LEFT_OUT = {
    "rmsprop_eps_1": "exact, and tested as such",
}
