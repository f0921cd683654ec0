"""DenseNet's claims. Huang, Liu, van der Maaten, Weinberger 2017."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)


def dense(depth: int, rate: int, **more: float) -> Arm:
    """A network of three blocks."""
    return Arm({"depth": depth, "growth_rate": rate, **more}, network="densenet_40_12")


EXPERIMENTS = (
    Experiment(
        id="parameter_efficiency",
        title="Parameters for an error",
        claim="DenseNets need about a third of the parameters of pre-activation ResNets for the same error.",
        where="Fig. 4",
        covers=("parameter_efficiency",),
        arms={"DenseNet-BC": dense(40, 8, bottleneck=True, compression=0.5),
              "pre-activation ResNet": Arm({"count": 3}, network="small preact")},
        expect=("DenseNet-BC < pre-activation ResNet",),
        setting=SETTING,
        differs="DenseNet-BC-40 (k = 8) has 0.08 million parameters, the ResNet of 20 layers 0.27 million.",
    ),
    Experiment(
        id="growth_rates",
        title="Growth rates",
        claim="The error falls as depth and growth rate grow: with k = 12, 24 at 100 layers 4.10, 3.74 %.",
        where="Sec. 4.3, Table 2",
        covers=("capacity",),
        arms={f"k = {rate}": dense(22, rate) for rate in (2, 6, 12, 24)},
        expect=("k = 6 < k = 2", "k = 12 < k = 6", "k = 24 < k = 12"),
        published={"k = 12": "4.10 (100 layers)", "k = 24": "3.74 (100 layers)"},
        setting=SETTING,
    ),
    Experiment(
        id="dense_connections",
        title="With and without dense connections",
        claim="Each layer sees all layers before it; so few channels a layer are enough.",
        where="Sec. 3",
        covers=("capacity",),
        arms={"dense, k = 12": dense(22, 12),
              "plain, 12 wide": Arm({"depth": 20, "block": "plain", "stem": 12, "flat": True}, network="small resnet"),
              "plain, 48 wide": Arm({"depth": 20, "block": "plain", "stem": 48, "flat": True}, network="small resnet")},
        expect=("dense, k = 12 < plain, 12 wide", "dense, k = 12 < plain, 48 wide"),
        setting=SETTING,
        differs="The paper has no network without the connections.",
    ),
    Experiment(
        id="feature_reuse",
        title="Layers use what far earlier ones found",
        claim="Layers spread their weights over many earlier layers of a block, and least on a transition's output.",
        where="Fig. 5, p. 8",
        covers=("feature_reuse_heatmap",),
        arms={"DenseNet": dense(22, 12)},
        contrasts={"earlier layers": ("DenseNet", "earlier_layers"), "half of the last": ("DenseNet", "half_of_last"),
                   "transition": ("DenseNet", "block_input")},
        expect=("half of the last < earlier layers", "transition < earlier layers"),
        metric="weight", unit="mean absolute weight, in shares of the largest of a layer", least=0.02,
        probes=("reuse",),
        setting=Setting(size=16, epochs=15, least_epochs=8, tests=2_000),
        figure="reuse",
    ),
)  # fmt: skip

LEFT_OUT = {
    "bc100_vs_resnet1001": "1,001 layers take days on a processor",
    "overfitting_exception": "a difference of 0.06 points between networks of 7 and 27 million parameters",
    "memory_efficient": "measured: benchmarks/memory.py has memory and time of --checkpoint-activations",
    "stochastic_depth_link": "an argument about probabilities, without an experiment",
}
