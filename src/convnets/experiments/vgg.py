"""VGG's claims. Simonyan, Zisserman 2015."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SLOW = ("optimizer.lr=0.02", "clip=5")
SETTING = Setting(size=16, epochs=15, widths=(1.0, 0.5))
LARGER = Setting(size=32, pictures=5_000, tests=2_000, epochs=20, widths=(1.0, 0.5), least_size=32)
CROPPED = (*SLOW, "preprocess.size=16", "preprocess.resize=20", "augment.pad=0")
JITTERED = (*CROPPED, "augment.scale=17,26")
SCALES = {"one_scale": "dense@21", "three_scales": "dense@17+21+26"}  # the middle and the ends of the jitter, Sec. 4.2
CROPS = "multi-crop-5x5@17+21+26"
DENSE = {"dense": SCALES["three_scales"], "crops": CROPS, "both": f"{SCALES['three_scales']}:{CROPS}"}
STACKS = ", pool 2 2, ".join(", ".join([f"conv {width} 3"] * 3) for width in (32, 48, 64)) + ", gap"
SINGLE = "conv 32 7, pool 2 2, conv 48 7, pool 2 2, conv 64 7, gap"


def column(name: str, **more: object) -> Arm:
    """A column of Table 1, that learns in few epochs at any depth: from He's initial weights, without dropout."""
    return Arm({"column": name, "init": "he", "dropout": 0.0, **more})


FEW = "In few epochs: from He's initial weights, where the paper starts from A's, and without dropout."


EXPERIMENTS = (
    Experiment(
        id="vgg_depth",
        title="VGG's depth",
        question="Do more layers of 3x3 convolutions lower the error, and how far?",
        claim="The error falls with depth and saturates at 19 layers: 29.6, 28.7, 27.0, 27.3 % for A, B, D, E.",
        where="Table 3, p. 6",
        covers=("depth",),
        network="small vgg",
        recipe=SLOW,
        arms={name: column(name) for name in "ABDE"},
        expect=("B < A", "D < B", "D ~ E by 1"),
        published={"A": 29.6, "B": 28.7, "D": 27.0, "E": 27.3},
        setting=SETTING,
        differs=FEW,
    ),
    Experiment(
        id="vgg_1x1_3x3",
        title="1x1 against 3x3",
        question="Is it the further nonlinearity that helps, or that a layer sees its neighbourhood?",
        claim="An extra nonlinearity helps (C is better than B), and 3x3 is better than 1x1 at equal depth (D than C).",
        where="Sec. 4.1, p. 6",
        covers=("c_vs_b", "c_vs_d"),
        network="small vgg",
        recipe=SLOW,
        arms={name: column(name) for name in "BCD"},
        expect=("D < C", "C < B"),
        published={"B": 28.7, "C": 28.1, "D": 27.0},
        setting=SETTING,
        differs=FEW,
    ),
    Experiment(
        id="vgg_lrn",
        title="Response normalisation in VGG",
        question="Is response normalisation of any use in a deeper network?",
        claim="Local response normalisation does not improve A: 29.7 against 29.6 %.",
        where="Table 3",
        covers=("lrn",),
        network="small vgg",
        recipe=SLOW,
        arms={"A": column("A"), "A with LRN": column("A", lrn=True)},
        expect=("A ~ A with LRN",),
        least=1.5,
        published={"A": 29.6, "A with LRN": 29.7},
        setting=SETTING,
        differs=FEW,
    ),
    Experiment(
        id="vgg_3x3_5x5",
        title="Two 3x3 against one 5x5",
        question="Are two small convolutions better than a larger one that sees as much?",
        claim="B is 7 points better than a network with one 5x5 for each two 3x3, which sees as much.",
        where="Sec. 4.1, p. 6",
        covers=("b_vs_shallow_5x5",),
        network="small vgg",
        recipe=SLOW,
        arms={"3x3": column("B"), "5x5": column("5x5")},
        expect=("3x3 < 5x5",),
        published={"5x5": "7 points worse"},
        setting=SETTING,
        differs=f"{FEW} Two 3x3 and one 5x5 see the same 5x5; but since B widens in the first of two layers, it has a "
        "little more parameters here, 0.31 against 0.29 million.",
    ),
    Experiment(
        id="vgg_3x3_7x7",
        title="Three 3x3 against one 7x7",
        question="Are three small convolutions better than a large one, with fewer parameters?",
        claim="A stack of three 3x3 sees as much as one 7x7, with 27 C^2 in place of 49 C^2 parameters and two more "
        "nonlinearities.",
        where="Sec. 2.3, p. 3",
        covers=("b_vs_shallow_5x5",),
        network="chain",
        recipe=("optimizer.lr=0.02",),
        arms={"3x3": Arm({"layers": STACKS, "norm": "batch"}), "7x7": Arm({"layers": SINGLE, "norm": "batch"})},
        expect=("3x3 < 7x7", "parameters: 3x3 < 7x7 by 1000"),
        setting=Setting(size=16, epochs=12),
        differs="The paper argues and gives no error; both have batch normalisation, which lets the deeper one begin. "
        "Layer for layer both see the same pixels.",
    ),
    Experiment(
        id="vgg_scale_jitter",
        title="Scale jitter in training",
        question="Should a network be trained on objects of many sizes?",
        claim="Training at scales from a range beats one scale, also tested at one: D 25.6 against 26.8 %.",
        where="Table 3",
        covers=("scale_jitter_train",),
        network="small vgg",
        recipe=CROPPED,
        arms={name: Arm(column("A").values, (f"augment.scale={scales}",))
              for name, scales in (("jitter", "17,26"), ("fixed", "20,20"))},
        expect=("jitter < fixed",),
        published={"jitter": 25.6, "fixed": 26.8},
        differs=f"{FEW} A, where the paper has it for C, D and E.",
        setting=LARGER,
    ),
    Experiment(
        id="vgg_test_scales",
        title="Tests at several scales",
        question="Should a network be asked at several sizes of the picture?",
        claim="Averaged over three scales the error is lower than at one: 25.6 to 24.8 % for D, trained with jitter.",
        where="Tables 3 and 4",
        covers=("scale_jitter_test",),
        network="small vgg",
        recipe=JITTERED,
        arms={"network": column("A", stages=3)},
        expect=("three_scales < one_scale",),
        contrasts={name: ("network", name) for name in SCALES},
        least=0.2,
        probes=("protocols",), options={"protocols": SCALES},
        published={"one_scale": 25.6, "three_scales": 24.8},
        differs=FEW,
        setting=LARGER,
    ),
    Experiment(
        id="vgg_dense_or_crops",
        title="Dense evaluation against crops",
        question="Is it better to slide a network over the picture or to cut crops, or both?",
        claim="50 crops at each of three scales are slightly better than dense evaluation at them, and both together "
        "better still: 24.8, 24.6, 24.4 %.",
        where="Table 5, p. 7",
        covers=("dense_vs_crops",),
        network="small vgg",
        recipe=JITTERED,
        arms={"network": column("A", stages=3)},
        expect=("both < crops < dense",),
        contrasts={name: ("network", name) for name in DENSE},
        least=0.1,
        probes=("protocols",), options={"protocols": DENSE},
        published={"dense": 24.8, "crops": 24.6, "both": 24.4},
        differs=FEW,
        setting=LARGER,
    ),
    Experiment(
        id="vgg_start",
        title="How a deep network may start",
        question="How can a network start that is too deep to train from small random weights?",
        claim="Deep networks from N(0, 0.01) stall; with Glorot's rule, or from the trained layers of A, they train.",
        where="Sec. 3.1, p. 4",
        covers=("init_from_a",),
        network="small vgg",
        recipe=SLOW,
        arms={"glorot": Arm({"column": "D"}), "normal 0.01": Arm({"column": "D", "init": "normal"}),
              "from A": Arm({"column": "D", "init": "normal"}, start={"column": "A"})},
        expect=("glorot < normal 0.01", "from A < normal 0.01"),
        metric="train_loss", unit="training loss at the end", least=0.05,
        setting=SETTING,
        differs="A is trained for as many epochs before, from Glorot's rule, and all layers that fit are taken over. "
        "The paper takes over four convolutions and the connected layers.",
    ),
)  # fmt: skip

LEFT_OUT = {
    "fusion": "averages networks that were trained on ImageNet",
    "conv_padding_border": "a property of convolutions and not of training; the tests of dense evaluation show it",
}
