"""SENet's claims. Hu, Shen, Albanie, Sun, Wu 2018."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=12, least_epochs=6, tests=5_000)


def se(**values: object) -> Arm:
    """ResNet-20 with option B and squeeze and excitation."""
    return Arm({"reduction": 4, **values})


NONE = Arm({"se": False})

EXPERIMENTS = (
    Experiment(
        id="se_gain",
        title="What squeeze and excitation gain",
        question="Does it help to weigh channels by what the whole picture shows?",
        claim="SE lowers the error of every base network on CIFAR-10: ResNet-110 from 6.37 to 5.21 %.",
        where="Tables 4, 5",
        covers=("cifar",),
        network="small se",
        arms={"SE": se(depth=20), "none": Arm({"se": False, "depth": 20})},
        expect=("SE < none",),
        published={"SE": 5.21, "none": 6.37},
        setting=SETTING,
        full={"depth": 110},
    ),
    Experiment(
        id="se_cost",
        title="What squeeze and excitation costs",
        question="What does weighing channels cost?",
        claim="SE adds 0.26 % of multiply-adds to ResNet-50, and 10 % of parameters.",
        where="Sec. 4, p. 5; Table 2",
        covers=("ratio",),
        arms={"none": Arm({"num_classes": 1000}, network="resnet50"),
              "SE": Arm({"num_classes": 1000}, network="se_resnet50")},
        expect=("none ~ SE", "parameters: none < SE by 2000000"),
        metric="multiply_adds", unit="million multiply-adds at 224 pixels", least=38.6,
        measure="cost",
        setting=Setting(size=224),
        published={"none": "3.86 thousand million", "SE": "3.87 thousand million"},
        figure="none",
        differs="Counted and not trained, without pooling and scaling; about the same is within 1 %. The paper's 0.26 "
        "% are those of its two rounded numbers.",
    ),
    Experiment(
        id="se_ratio",
        title="The reduction ratio",
        question="How narrow may the gate's bottleneck be?",
        claim="The error is flat from r = 4 to 16, and below that without SE.",
        where="Table 10",
        covers=("ratio",),
        network="small se",
        arms={f"r = {r}": se(reduction=r) for r in (2, 4, 8, 16)} | {"none": NONE},
        expect=("r = 4 ~ r = 8 ~ r = 16 by 1.5", "r = 4 < none", "r = 8 < none", "r = 16 < none"),
        published={"r = 4": 22.25, "r = 8": 22.26, "r = 16": 22.28, "none": 23.3},
        setting=SETTING,
        differs="16 channels, the fewest here, leave one at r = 16: 32, where the paper's error rises, cannot be "
        "tried.",
    ),
    Experiment(
        id="se_squeeze",
        title="Average against maximum",
        question="Should a channel be summed up by its mean or by its maximum?",
        claim="Squeezing by the average is slightly better than by the maximum: 22.28 against 22.57 %.",
        where="Table 11",
        covers=("squeeze_operator",),
        network="small se",
        arms={"avg": se(), "max": se(squeeze="max")},
        expect=("avg < max",),
        least=0.2,
        published={"avg": 22.28, "max": 22.57},
        setting=SETTING,
    ),
    Experiment(
        id="se_excitation",
        title="The gate's nonlinearity",
        question="Which nonlinearity should the gate have?",
        claim="A sigmoid is best, tanh is worse, and ReLU worse than no SE at all.",
        where="Table 12",
        covers=("excitation_operator",),
        network="small se",
        arms={"sigmoid": se(), "tanh": se(excitation="tanh"), "relu": se(excitation="relu"), "none": NONE},
        expect=("sigmoid < tanh", "sigmoid < relu", "none < relu by 0.1"),
        published={"sigmoid": 22.28, "tanh": 23.0, "relu": 23.47, "none": 23.3},
        setting=SETTING,
    ),
    Experiment(
        id="se_stages",
        title="SE in each stage",
        question="In which stages do gates help?",
        claim="SE helps in each stage, and the gains add up.",
        where="Table 13",
        covers=("stages",),
        network="small se",
        arms={"all": se(), "none": NONE, **{f"stage {n}": se(stages=f"stage{n}") for n in (1, 2, 3)}},
        expect=tuple(f"{name} < none by 0.2" for name in ("all", "stage 1", "stage 2", "stage 3"))
        + tuple(f"all < stage {n} by 0.3" for n in (1, 2, 3)),
        published={"all": 22.28, "none": 23.3, "stage 1": 23.03, "stage 2": 23.04, "stage 3": 22.68},
        setting=SETTING,
    ),
    Experiment(
        id="se_place",
        title="Where the unit stands",
        question="Where in a residual block should the gate stand?",
        claim="Before the branch, on the shortcut and at its end are about equal; behind the addition is worse.",
        where="Tables 14, 15",
        covers=("integration",),
        network="small se",
        arms={name: se(placement=name) for name in ("standard", "pre", "identity", "post")},
        expect=("standard < post", "standard ~ pre by 1", "standard ~ identity by 1"),
        published={"standard": 22.28, "pre": 22.23, "identity": 22.2, "post": 22.78},
        setting=SETTING,
    ),
    Experiment(
        id="se_no_squeeze",
        title="A gate without a squeeze",
        question="Is it the look at the whole picture that helps, or only the further layers?",
        claim="Without pooling, with as many parameters and more computing, the gain shrinks.",
        where="Table 16",
        covers=("no_squeeze",),
        network="small se",
        arms={"SE": se(), "no squeeze": se(squeeze="none"), "none": NONE},
        expect=("SE < no squeeze", "no squeeze < none by 0.3"),
        published={"SE": 22.28, "no squeeze": 22.93, "none": 23.3},
        setting=SETTING,
    ),
    Experiment(
        id="se_classes",
        title="Early gates serve all classes, late ones some",
        question="Do the gates depend on the class, and where?",
        claim="SE activations are class-agnostic in early stages and class-specific in later ones.",
        where="Figs. 6 to 8",
        covers=("role_of_excitation",),
        network="small se",
        arms={"SE-ResNet": se()},
        contrasts={"first stage": ("SE-ResNet", "first_stage"), "last stage": ("SE-ResNet", "last_stage")},
        expect=("first stage < last stage",),
        metric="spread", unit="deviation of a gate between classes, mean over channels", least=0.002,
        probes=("excitations",),
        setting=SETTING,
        figure="excitations",
    ),
)  # fmt: skip

LEFT_OUT: dict[str, str] = {}
