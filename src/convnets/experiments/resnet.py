"""ResNet's claims. He, Zhang, Ren, Sun 2016."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

DEEP = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)
LADDER = {"one_crop": "1crop", "ten_crops": "10crop", "several_scales": "dense@14+16+18+20~logits"}


def depths(name: str, *layers: int) -> dict[str, Arm]:
    """Plain or residual networks of so many layers."""
    block = "plain" if name == "plain" else "basic"
    return {f"{name} {depth}": Arm({"depth": depth, "block": block}) for depth in layers}


EXPERIMENTS = (
    Experiment(
        id="degradation",
        title="Deeper is worse without shortcuts",
        question="Can a plain network be too deep to train?",
        claim="Plain networks have a higher training error with 56 layers than with 20, and a higher test error; with "
        "shortcuts 56 layers train.",
        where="Fig. 1, Fig. 6, Table 6",
        covers=("degradation_cifar",),
        network="small resnet",
        arms=depths("plain", 20, 56) | depths("residual", 56),
        expect=("plain 20 < plain 56", "residual 56 < plain 56", "test_error: plain 20 < plain 56"),
        metric="train_error", unit="% training error", least=1.0,
        published={"plain 20": "about 1.4", "plain 56": "about 5.7"},
        setting=DEEP,
        differs="In so few epochs most plain networks of 56 layers do not begin to learn at all.",
    ),
    Experiment(
        id="residual_56",
        title="56 residual layers against 20",
        question="Is a deeper residual network better?",
        claim="With shortcuts 56 layers have a lower training error than 20, and a lower test error: 6.97 against "
        "8.75 %.",
        where="Fig. 6, Table 6",
        covers=("degradation_cifar",),
        network="small resnet",
        arms=depths("residual", 20, 56),
        expect=("residual 56 < residual 20", "train_error: residual 56 < residual 20"),
        published={"residual 20": 8.75, "residual 56": 6.97},
        setting=DEEP,
        differs="The paper trains 160 epochs; the deeper network needs more of them to come past the other.",
    ),
    Experiment(
        id="more_iterations",
        title="Three times the iterations",
        question="Would a deep plain network get there if only it trained longer?",
        claim="Three times more iterations do not remove the degradation of plain networks.",
        where="footnote 3, p. 5",
        covers=("more_iterations",),
        network="small resnet",
        arms=depths("plain", 20, 56),
        expect=("plain 20 < plain 56",),
        metric="train_error", unit="% training error", least=1.0,
        setting=Setting(size=16, epochs=3 * DEEP.epochs, least_epochs=3 * DEEP.least_epochs, tests=2_000),
        differs="Three times the epochs in which the experiment on the degradation sees it.",
    ),
    Experiment(
        id="residual_depth",
        title="Deeper is better with shortcuts",
        question="Does each further block of a residual network help?",
        claim="Residual networks improve with depth: 8.75 % with 20 layers, 6.97 % with 56.",
        where="Table 6",
        covers=("degradation_cifar",),
        network="small resnet",
        arms={f"{depth} layers": Arm({"depth": depth}) for depth in (8, 14, 20)},
        expect=("14 layers < 8 layers", "20 layers < 14 layers"),
        published={"20 layers": 8.75},
        setting=Setting(size=16, epochs=20, least_epochs=16, tests=4_000),
        differs="Depths that few epochs are enough for; 56 layers are an experiment of their own.",
    ),
    Experiment(
        id="shortcut_options",
        title="Shortcuts A, B and C",
        question="What should a shortcut do where the number of channels changes?",
        claim="All three options are far better than a plain network; projections are not essential.",
        where="Table 3, p. 6",
        covers=("shortcut_options",),
        network="small resnet",
        arms={"plain": Arm({"depth": 32, "block": "plain"}), **{o: Arm({"depth": 32, "shortcut": o}) for o in "ABC"}},
        expect=("A < plain", "B < plain", "C < plain", "A ~ B"),
        least=1.5,
        published={"plain": 28.54, "A": 25.03, "B": 24.52, "C": 24.19},
        setting=DEEP,
        differs="That B and C are slightly better than A, by 0.5 and 0.8 points, is not judged.",
    ),
    Experiment(
        id="responses",
        title="Residual responses are small",
        question="How much does each residual layer change what passes through?",
        claim="Responses of residual layers are smaller than of plain ones, and smaller in a deeper network.",
        where="Fig. 7, Sec. 4.2",
        covers=("layer_response_std",),
        network="small resnet",
        arms=depths("plain", 8, 20) | depths("residual", 8, 20),
        expect=("residual 8 < plain 8", "residual 20 < plain 20", "residual 20 < residual 8"),
        metric="response", unit="deviation of the responses behind normalisation, mean over layers", least=0.01,
        probes=("responses",),
        setting=Setting(size=16, epochs=8, least_epochs=8, tests=2_000),
        figure="responses",
        differs="8 and 20 layers in place of 20 and 56: plain networks of 56 learn nothing in so few epochs.",
    ),
    Experiment(
        id="warm_up_110",
        title="A warm-up for 110 layers",
        question="Does a very deep network need a gentle start?",
        claim="A rate of 0.1 is slightly too large for 110 layers to start with: after a warm-up they learn sooner.",
        where="Sec. 4.2, footnote 5",
        covers=("lr_warmup_110",),
        network="small resnet",
        recipe=("optimizer.lr=0.1", "schedule=constant"),
        arms={"warm-up": Arm({"depth": 110}, ("warmup.epochs=1", "warmup.start=0.1", "warmup.shape=constant")),
              "none": Arm({"depth": 110})},
        expect=("warm-up < none",),
        metric="train_loss", unit="training loss at the end", least=0.02,
        setting=Setting(size=16, pictures=5_000, tests=1_000, epochs=3, least_epochs=2, widths=(1.0, 0.5)),
    ),
    Experiment(
        id="evaluation_ladder",
        title="One crop, ten crops, several scales",
        question="How far do more views of a picture lower the error of the same network?",
        claim="The same weights do better with ten crops than with one, and best fully convolutionally at several "
        "scales: 24.7, 22.85 and 20.74 % for 50 layers.",
        where="Tables 3 and 4",
        covers=("evaluation_ladder",),
        network="small resnet",
        recipe=("preprocess.size=14", "augment.pad=0"),
        arms={"network": Arm({"depth": 20})},
        expect=("ten_crops < one_crop", "several_scales < ten_crops"),
        contrasts={name: ("network", name) for name in LADDER},
        least=0.2,
        probes=("protocols",), options={"protocols": LADDER},
        published={"one_crop": 24.7, "ten_crops": 22.85, "several_scales": 20.74},
        differs="Scales of 14 to 20 pixels, nearer to each other than the paper's 224 to 640, which are for networks "
        "trained at many.",
        setting=Setting(size=16, epochs=12, tests=4_000, least_size=16),
    ),
    Experiment(
        id="one_neuron",
        title="One neuron a layer is enough",
        question="What can a residual network do that is one neuron wide?",
        claim="A residual network one neuron wide can learn the unit disc; a narrow plain network cannot close its "
        "region.",
        by="Lin, Jegelka: ResNet with one-neuron hidden layers is a Universal Approximator, 2018", where="Fig. 1",
        covers=(),
        arms={"residual": Arm({"residual": True, "depth": 20}), "plain": Arm({"residual": False, "depth": 5})},
        expect=("residual < plain",),
        metric="error", unit="% of the plane taken wrongly", least=1.0,
        measure="unit_disc",
        figure="pictures",
        differs="About the block of the ResNet paper; synthetic points. Of plain networks the shallower ones "
        "train at all, so it has 5 layers.",
    ),
)

LEFT_OUT = {
    "degradation_imagenet": "needs ImageNet; degradation_cifar is run as degradation and residual_depth",
    "depth_bottleneck": "needs ImageNet",
    "thousand_layers": "1,202 layers are no matter of minutes: convnets train resnet1202 has the network and the "
    "recipe",
}
