"""Network in Network's claims. Lin, Chen, Yan 2014."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

BLOCKS = (  # not narrower behind the first block, as in the paper: so small a network would be starved
    "conv 48 5, conv 48 1, conv 48 1, pool 3 2, drop, conv 48 5, conv 48 1, conv 48 1, pool 3 2, drop, "
    "conv 48 3, conv 48 1"
)
LINEAR = "conv 48 5, pool 3 2, drop, conv 48 5, pool 3 2, drop, conv 48 3"
PLAIN = "conv 48 5, pool 3 2, conv 48 5, pool 3 2, conv 48 3"
RECIPE = ("optimizer.lr=0.02",)
UNMOVED = (*RECIPE, "augment.pad=0", "augment.flip=false")
LONG = Setting(epochs=30, least_epochs=30, tests=4_000)

EXPERIMENTS = (
    Experiment(
        id="nin_gap",
        title="Global average pooling against a fully connected layer",
        question="Can averaging each class's map replace the fully connected layer?",
        claim="Global average pooling beats a fully connected last layer with dropout on it, and that one without: "
        "10.41, 10.88, 11.59 %.",
        where="Table 5",
        covers=("gap_vs_fc",),
        network="chain",
        recipe=UNMOVED,
        arms={"gap": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2}),
              "fc": Arm({"layers": BLOCKS, "dropout": 0.2}),
              "fc, dropout": Arm({"layers": f"{BLOCKS}, drop", "dropout": 0.2})},
        expect=("gap < fc", "gap < fc, dropout by 0.4", "fc, dropout < fc"),
        published={"gap": 10.41, "fc": 11.59, "fc, dropout": 10.88},
        setting=LONG,
        differs="Dropout of 0.2 in place of 0.5, between the micro networks too: so few epochs allow for no more.",
    ),
    Experiment(
        id="nin_gap_plain",
        title="Global average pooling in a conventional network",
        question="Does averaging maps also help where they were not made for it?",
        claim="In a conventional network it regularises less than dropout, but is better than a bare connected layer.",
        where="Sec. 4.6",
        covers=("gap_in_plain_cnn",),
        network="chain",
        recipe=UNMOVED,
        arms={"gap": Arm({"layers": f"{PLAIN}, gap"}), "fc": Arm({"layers": PLAIN}),
              "fc, dropout": Arm({"layers": f"{PLAIN}, drop"})},
        expect=("fc, dropout < gap < fc",),
        least=0.4,
        published={"gap": 16.46, "fc": 17.56, "fc, dropout": 15.99},
    ),
    Experiment(
        id="nin_mlpconv",
        title="Micro networks against linear convolutions",
        question="Does a small network in place of each linear filter do better?",
        claim="Two 1x1 convolutions behind each convolution beat the convolution alone.",
        where="Sec. 3",
        covers=("mlpconv_vs_linear_conv",),
        network="chain",
        recipe=RECIPE,
        arms={"mlpconv": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2}),
              "linear": Arm({"layers": f"{LINEAR}, gap", "dropout": 0.2})},
        rates=(0.01, 0.02, 0.05),
        expect=("mlpconv < linear",),
        setting=LONG,
        differs="The paper argues and gives no number.",
    ),
    Experiment(
        id="nin_dropout",
        title="Dropout between the micro networks",
        question="How much does dropout between the blocks help?",
        claim="Dropout between the mlpconv layers cuts the test error by more than 20 %: 10.41 against 14.51 %.",
        where="Sec. 4.2, Fig. 3",
        covers=("dropout_between_mlpconv",),
        network="chain",
        recipe=UNMOVED,
        arms={"dropout": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.5}),
              "none": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.0})},
        expect=("dropout < none",),
        published={"dropout": 10.41, "none": 14.51},
        setting=Setting(pictures=5_000, epochs=60, least_epochs=60),
    ),
    Experiment(
        id="nin_augmentation",
        title="Translations and mirror images",
        question="How much do moved and mirrored copies of the pictures help?",
        claim="With translations and mirror images the error falls from 10.41 to 8.81 %.",
        where="Table 1",
        covers=("augmentation",),
        network="chain",
        recipe=RECIPE,
        arms={"with": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2}),
              "without": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2}, ("augment.pad=0", "augment.flip=false"))},
        expect=("with < without",),
        published={"with": 8.81, "without": 10.41},
    ),
    Experiment(
        id="nin_rate_drop",
        title="The first drop of the learning rate",
        question="What does lowering the learning rate do near the end?",
        claim="Most of the gain comes at the first drop of the learning rate: 14.0 before, 10.7 % after it.",
        where="the author's README",
        covers=("lr_drops",),
        network="chain",
        recipe=(*RECIPE, "schedule=step", "schedule.milestones=12"),
        arms={"network": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2})},
        contrasts={"after": ("network", "test_error"), "before": ("network", "curves.test_error.80%")},
        expect=("after < before",),
        published={"before": 14.0, "after": 10.7},
        setting=Setting(epochs=15, least_epochs=15),
    ),
    Experiment(
        id="nin_class_maps",
        title="The map of the true class fires, at the object",
        question="Do the last maps show where in a picture their class is?",
        claim="Of the last layer's maps that of the true class is activated most strongly, where the object is.",
        where="Sec. 4.7, Fig. 4",
        covers=("gap_map_visualisation",),
        network="chain",
        recipe=(*RECIPE, "augment.flip=false"),
        arms={"network": Arm({"layers": f"{BLOCKS}, gap", "dropout": 0.2})},
        contrasts={"by chance": ("network", "chance_share"), "strongest": ("network", "strongest"),
                   "ink": ("network", "ink"), "peak on ink": ("network", "on_ink")},
        expect=("by chance < strongest", "ink < peak on ink"),
        metric="share", unit="% of pictures", least=5.0,
        probes=("class_maps",),
        setting=Setting("mnist", 28, 6_000, 2_000, epochs=6, least_epochs=3),
        differs="Digits, where the object is the ink; the paper shows photographs. Strongest: of all maps that of the "
        "true class has the largest peak. Ink: how often a place of that map drawn at random has more than the mean "
        "ink, and how often its peak has. That the map is strongest is judged against chance: more often than that, "
        "and not always.",
    ),
)  # fmt: skip

LEFT_OUT: dict[str, str] = {}
