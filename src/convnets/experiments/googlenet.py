"""GoogLeNet's claims. Szegedy et al. 2015."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)
CROPS = ("preprocess.size=14", "augment.pad=0")

EXPERIMENTS = (
    Experiment(
        id="auxiliary_classifiers",
        title="Auxiliary classifiers",
        claim="Auxiliary classifiers help little, about 0.5 %.",
        where="Sec. 5, p. 5",
        covers=("aux_heads",),
        network="googlenet",
        recipe=("optimizer.lr=0.01", "clip=5"),
        arms={"with": Arm({}, ("auxiliary=0.3",)), "without": Arm({})},
        expect=("with < without",),
        published={"with": "0.5 points better"},
        setting=Setting(size=32, pictures=5_000, tests=2_000, epochs=8, least_epochs=4, least_size=32),
        differs="GoogLeNet itself, on pictures of 32 pixels, without batch normalisation. That one of the two would "
        "do is not tried.",
    ),
    Experiment(
        id="gap_in_inception",
        title="Global average pooling in Inception",
        claim="Average pooling in place of fully connected layers improves top-1 by about 0.6 %, and dropout is still "
        "essential.",
        where="Sec. 5, p. 5",
        covers=("avgpool_vs_fc",),
        network="small inception",
        arms={"average": Arm({}), "connected": Arm({"head": "fc"}), "average, no dropout": Arm({"dropout": 0.0})},
        expect=("average < connected", "average < average, no dropout"),
        published={"average": "0.6 points better"},
        setting=SETTING,
    ),
    Experiment(
        id="inception_crops",
        title="How many crops",
        claim="More crops lower the error, with diminishing returns: 10.07, 9.15, 7.89 % top-5 for 1, 10, 144.",
        where="Table 3, p. 7",
        covers=("crops_and_models",),
        network="small inception",
        recipe=CROPS,
        arms={"network": Arm({})},
        contrasts={"one": ("network", "one_crop"), "four": ("network", "four_crops"), "ten": ("network", "ten_crops")},
        expect=("ten < four < one",),
        least=0.2,
        probes=("ten_crops",),
        published={"one": 10.07, "ten": 9.15},
        setting=SETTING,
        differs="144 crops, and several networks, are not tried.",
    ),
    Experiment(
        id="crops_mean_or_maximum",
        title="Averages or maxima over crops",
        claim="The average of soft-max over crops is better than the maximum.",
        where="Sec. 7, p. 7",
        covers=("averaging_vs_max",),
        network="small inception",
        recipe=CROPS,
        arms={"network": Arm({})},
        contrasts={"average": ("network", "ten_crops"), "maximum": ("network", "ten_crops_maximum")},
        expect=("average < maximum",),
        least=0.2,
        probes=("ten_crops",),
        setting=SETTING,
    ),
    Experiment(
        id="inception_reductions",
        title="1x1 before the larger convolutions",
        claim="1x1 reductions keep the cost of Inception modules bounded; without them it blows up.",
        where="Sec. 4, Fig. 2",
        covers=("naive_vs_reduced_inception",),
        network="small inception",
        arms={"reduced": Arm({}), "naive": Arm({"naive": True})},
        expect=("reduced < naive",),
        metric="multiply_adds", unit="million multiply-adds at 32 pixels", least=1.0,
        measure="cost",
        setting=Setting(size=32),
        figure="none",
        differs="Counted and not trained.",
    ),
    Experiment(
        id="polyak",
        title="Averaged weights",
        claim="Averaged parameters made the final model: they are at least as good.",
        where="Sec. 6, p. 6",
        covers=("polyak",),
        network="small inception",
        recipe=("ema=0.99", "schedule=constant"),
        arms={"network": Arm({})},
        contrasts={"averaged": ("network", "averaged_error"), "last": ("network", "test_error")},
        expect=("averaged <~ last",),
        setting=SETTING,
    ),
    Experiment(
        id="area_and_aspect",
        title="Crops of random area and aspect",
        claim="Crops of 8 to 100 % of the area, with aspects of 3/4 to 4/3, were found to work well.",
        where="Sec. 6, p. 6",
        covers=("scale_aspect_sampling",),
        network="small inception",
        arms={"area and aspect": Arm({}, ("augment.area=0.3,1", "augment.pad=0")), "moved": Arm({})},
        expect=("area and aspect < moved",),
        setting=Setting(size=16, pictures=5_000, epochs=20, least_epochs=8, tests=4_000),
        differs="30 to 100 % of the area: pictures are of 16 pixels.",
    ),
)  # fmt: skip

LEFT_OUT: dict[str, str] = {}
