"""ZFNet's claims. Zeiler, Fergus 2014."""

from __future__ import annotations

from .alexnet import FIVE, MODERATE
from .record import Arm, Experiment, Setting

COARSE = "conv 32 9/2, pool 3 2, conv 64 5, pool 3 2, conv 96 3, conv 96 3, conv 64 3, pool 3 2, fc 256, drop"
FINE = "conv 32 5, pool 3 2, conv 64 5/2, pool 3 2, conv 96 3, conv 96 3, conv 64 3, pool 3 2, fc 256, drop"
CONVS, HIDDEN = "conv 96 3, conv 96 3, ", ", fc 256, drop, fc 256, drop"
RAW = ("preprocess.mean=0.5,0.5,0.5", "preprocess.std=0.00392,0.00392,0.00392", "optimizer.lr=0.0005")

EXPERIMENTS = (
    Experiment(
        id="first_layer",
        title="A smaller first filter and stride",
        question="How fine should the first layer look?",
        claim="7x7 filters at a stride of 2 in place of 11x11 at 4 lower the error: 38.4 against 40.5 % top-1.",
        where="Fig. 6; Sec. 4.1, 5.1",
        covers=("first_layer_stride_and_size",),
        network="chain",
        recipe=MODERATE,
        arms={"small": Arm({"layers": FINE}), "large": Arm({"layers": COARSE})},
        expect=("small < large",),
        published={"small": 38.4, "large": 40.5},
        setting=Setting(size=32, pictures=10_000, tests=4_000, epochs=12),
        differs="5x5 at a stride of 1 against 9x9 at 2, for pictures of 32 pixels.",
    ),
    Experiment(
        id="removed_layers",
        title="Which layers can be taken away",
        question="Where is a network's strength: in its convolutions, its hidden layers, or in both together?",
        claim="Without two convolutions, or without the hidden layers, little is lost; without both very much.",
        where="Table 3, Sec. 5.1",
        covers=("architecture_changes_table3",),
        network="chain",
        recipe=MODERATE,
        arms={name: Arm({"layers": layers, "dropout": 0.0}) for name, layers in (
            ("all", FIVE), ("without 3, 4", FIVE.replace(CONVS, "")), ("without 6, 7", FIVE.replace(HIDDEN, "")),
            ("without 3, 4, 6, 7", FIVE.replace(CONVS, "").replace(HIDDEN, "")))},
        expect=("all < without 3, 4, 6, 7", "without 3, 4 < without 3, 4, 6, 7", "without 6, 7 < without 3, 4, 6, 7"),
        published={"all": 40.5, "without 3, 4": 45.4, "without 6, 7": 44.8, "without 3, 4, 6, 7": 71.3},
        differs="Without dropout, or the layers that it stands on would seem to do harm: so few epochs do not allow "
        "for it. The table's rows with wider layers are not tried.",
    ),
    Experiment(
        id="filter_clipping",
        title="Filters held to a root mean square",
        question="Do a few filters of the first layer take over if nothing holds them back?",
        claim="Without renormalising filters whose RMS exceeds 0.1, a few of the first layer dominate.",
        where="Fig. 6 (a), Sec. 3",
        covers=("filter_rms_clipping",),
        network="chain",
        recipe=RAW,
        arms={"clipped": Arm({"layers": FIVE, "init": "normal 0.01"}, ("filter_rms=0.1",)),
              "free": Arm({"layers": FIVE, "init": "normal 0.01"})},
        expect=("clipped < free",),
        metric="dominance", unit="largest RMS of a first-layer filter over the median", least=0.05,
        probes=("filters",),
        setting=Setting(pictures=5_000, tests=1_000, epochs=8, least_epochs=2),
        figure="filters",
    ),
    Experiment(
        id="occlusion",
        title="Covering the object",
        question="Does a network look at the object, or at what is around it?",
        claim="The probability of the true class drops when a grey square covers the object.",
        where="Fig. 7, Sec. 4.2",
        covers=("occlusion_sensitivity",),
        network="chain",
        recipe=(*MODERATE, "augment.flip=false", "warmup.epochs=1"),
        arms={"network": Arm({"layers": "conv 32 5, pool 3 2, conv 32 5, pool 3 2, conv 64 5, pool 3 2"})},
        contrasts={"on the object": ("network", "covered"), "beside it": ("network", "beside")},
        expect=("on the object < beside it",),
        metric="probability", unit="probability of the true class, the square there", least=0.02,
        probes=("occlusion",),
        setting=Setting("mnist", 28, 6_000, 2_000, epochs=4, least_epochs=1),
        differs="Digits, where the object is the ink; the paper shows photographs.",
    ),
    Experiment(
        id="feature_evolution",
        title="Low layers converge first",
        question="Which layers are done learning first?",
        claim="The lower layers converge within a few epochs, the upper ones only much later.",
        where="Fig. 4",
        covers=("feature_evolution",),
        network="chain",
        recipe=(*MODERATE, "schedule=constant"),
        arms={"network": Arm({"layers": "conv 32 5, pool 3 2, conv 32 5, pool 3 2, conv 64 5, pool 3 2"})},
        contrasts={"first layer": ("network", "first_layer"), "last layer": ("network", "last_layer")},
        expect=("first layer < last layer",),
        metric="epochs", unit="epochs until half of the way to the final weights", least=0.2,
        probes=("evolution",),
        setting=Setting(epochs=20, least_epochs=8),
        figure="evolution",
        differs="Judged is which layer comes sooner half of the way, and not within how many epochs one converges.",
    ),
    Experiment(
        id="invariance",
        title="Upper layers hardly notice small changes",
        question="Do upper layers care where exactly something is?",
        claim="Small translations change the first layer much, and the top layer little.",
        where="Fig. 5",
        covers=("invariance",),
        network="chain",
        recipe=MODERATE,
        arms={"network": Arm({"layers": FIVE})},
        contrasts={"top layer": ("network", "top_layer"), "first layer": ("network", "first_layer")},
        expect=("top layer < first layer",),
        metric="distance", unit="distance of the features of a picture moved by 2 pixels, relative", least=0.02,
        probes=("invariance",),
    ),
    Experiment(
        id="layer_features",
        title="Deeper layers make better features",
        question="Are the features of deeper layers better for telling classes apart?",
        claim="Linear classifiers on deeper layers do better: 44.8 % on the first to 86.2 % on the fifth layer.",
        where="Table 7",
        covers=("layer_features",),
        network="chain",
        recipe=MODERATE,
        arms={"network": Arm({"layers": FIVE, "dropout": 0.0})},
        contrasts={f"layer {n}": ("network", f"layer_{n}") for n in (1, 3, 5)},
        expect=("layer 5 < layer 3 < layer 1",),
        probes=("layer_features",),
        published={"layer 1": "55.2 (Caltech-101)", "layer 3": "27.7 (Caltech-101)", "layer 5": "13.8 (Caltech-101)"},
        setting=Setting(epochs=20, least_epochs=15),
        differs="The classifiers are fitted to the pictures that the network was trained on, pooled to 2x2: 128, 384 "
        "and 256 features. No dropout.",
    ),
)  # fmt: skip

LEFT_OUT = {
    "deconvnet_visualisation": "shows pictures and no number; projections come with convnets explain",
    "part_correspondence": "needs photographs of faces with the places of eyes and noses",
}
