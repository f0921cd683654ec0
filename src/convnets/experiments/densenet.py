"""DenseNet's claims. Huang, Liu, van der Maaten, Weinberger 2017."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)


def dense(depth: int, rate: int, **more: float) -> Arm:
    """A network of three blocks."""
    return Arm({"depth": depth, "growth_rate": rate, **more}, network="small densenet")


EXPERIMENTS = (
    Experiment(
        id="parameter_efficiency",
        title="Parameters for an error",
        question="How many parameters does it take to reach an error?",
        claim="DenseNets-BC need about a third of the parameters of pre-activation ResNets for the same error.",
        where="Fig. 4",
        covers=("parameter_efficiency",),
        arms={**{f"DenseNet-BC {depth}": dense(depth, 12, bottleneck=True) for depth in (22, 28, 40)},
              **{f"ResNet {6 * n + 2}": Arm({"count": n}, network="small preact") for n in (1, 2, 3)}},
        expect=("DenseNet-BC 22 < ResNet 8", "DenseNet-BC 40 < ResNet 14", "DenseNet-BC 28 <~ ResNet 20 by 1"),
        setting=SETTING,
        figure="efficiency",
        differs="22 and 40 layers have as many parameters as ResNets of 8 and 14, 28 layers 0.38 of those of 20. "
        "Pre-activation blocks of two 3x3, where the paper has bottlenecks.",
    ),
    Experiment(
        id="growth_rates",
        title="Growth rates",
        question="How many channels should each layer add?",
        claim="The error falls as depth and growth rate grow: with k = 12, 24 at 100 layers 4.10, 3.74 %.",
        where="Sec. 4.3, Table 2",
        covers=("capacity",),
        arms={f"k = {rate}": dense(22, rate) for rate in (1, 4, 12, 24)},
        expect=("k = 4 < k = 1", "k = 12 < k = 4", "k = 24 < k = 12 by 0.3"),
        published={"k = 12": "4.10 (100 layers)", "k = 24": "3.74 (100 layers)"},
        setting=SETTING,
        differs="Depth is not tried here; parameter_efficiency has networks of several depths.",
        full={"depth": 40},
    ),
    Experiment(
        id="dense_connections",
        title="With and without dense connections",
        question="How few channels a layer are enough if each sees all before it?",
        claim="Each layer sees all layers before it; so few channels a layer are enough.",
        where="Sec. 3",
        covers=("capacity",),
        arms={f"{kind} {rate}": dense(22, rate, dense=kind == "dense")
              for rate in (1, 4, 12, 24) for kind in ("dense", "plain")} | {"plain 40": dense(22, 40, dense=False)},
        expect=(*(f"dense {rate} < plain {rate}" for rate in (1, 4, 12, 24)), "dense 12 < plain 40"),
        setting=SETTING,
        differs="The paper has no network without the connections: here each layer sees the one before it alone. 12 "
        "channels a layer have 0.27 million parameters with the connections, 40 without them as many.",
        full={"depth": 40},
    ),
    Experiment(
        id="feature_reuse",
        title="Layers use what far earlier ones found",
        question="Do late layers still use what early ones found?",
        claim="Layers spread their weights over many earlier layers of a block, and least on a transition's output.",
        where="Fig. 5, p. 8",
        covers=("feature_reuse_heatmap",),
        arms={"DenseNet": dense(22, 12)},
        contrasts={"earlier layers": ("DenseNet", "earlier_layers"), "half of the last": ("DenseNet", "half_of_last"),
                   "transition": ("DenseNet", "block_input")},
        expect=("half of the last < earlier layers", "transition < earlier layers"),
        metric="weight", unit="mean absolute change of the weights, in shares of the largest of a layer", least=0.02,
        probes=("reuse",),
        setting=Setting(size=16, epochs=15, least_epochs=10, tests=2_000),
        figure="reuse",
        differs="The paper shows the weights themselves. After so few epochs they are still mostly what they began "
        "as, so what is shown is how far training moved them. Earlier layers: how far the weights on all of them but "
        "the last moved; half of the last: half of how far those on the layer just before did, which is what counts "
        "as still used; transition: those on what the block was given. How much the classifier reads of the last "
        "features is not tried.",
        full={"depth": 40},
    ),
)  # fmt: skip

LEFT_OUT = {
    "bc100_vs_resnet1001": "1,001 layers are no matter of minutes: convnets train densenet_bc_100_12 and "
    "preact_resnet1001 have both",
    "overfitting_exception": "a difference of 0.06 points between networks of 7 and 27 million parameters",
    "memory_efficient": "measured: benchmarks/memory.py has memory and time of --checkpoint-activations",
    "stochastic_depth_link": "an argument about probabilities, without an experiment",
}
