"""Xception's claims. Chollet 2017."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)

EXPERIMENTS = (
    Experiment(
        id="intermediate_activation",
        title="No nonlinearity inside a separable convolution",
        question="Should there be a nonlinearity inside a separable convolution?",
        claim="Without a nonlinearity between depthwise and pointwise convolution training is faster and ends better.",
        where="Sec. 4.7, Fig. 10",
        covers=("intermediate_activation",),
        network="small xception",
        arms={name: Arm({"intermediate": name}) for name in ("none", "elu", "relu")},
        expect=("none < relu", "none < elu", "elu < relu", "train_loss: none < relu by 0.01"),
        published={"none": "about 21", "elu": "about 22", "relu": "about 23"},
        setting=SETTING,
    ),
    Experiment(
        id="separable_order",
        title="Depthwise first or pointwise first",
        question="Does the order of the two parts of a separable convolution matter?",
        claim="The order of the two convolutions is said to be unimportant.",
        where="Sec. 1.2, p. 3",
        covers=("order_of_operations",),
        network="small xception",
        arms={"depthwise first": Arm(), "pointwise first": Arm({"pointwise_first": True})},
        expect=("depthwise first ~ pointwise first",),
        least=1.5,
        setting=SETTING,
        differs="The paper gives no number.",
    ),
    Experiment(
        id="xception_residual",
        title="Residual connections in Xception",
        question="Does a network of separable convolutions need residual connections?",
        claim="Residual connections are essential: without them training is slow and ends far worse.",
        where="Sec. 4.6, Fig. 9",
        covers=("residual_connections",),
        network="small xception",
        arms={"residual": Arm({"blocks": 6}), "without": Arm({"blocks": 6, "joined": False})},
        expect=("residual < without",),
        published={"residual": "about 21", "without": "about 33"},
        setting=SETTING,
    ),
)

LEFT_OUT = {
    "xception_vs_inception_equal_params": "compares whole networks on ImageNet and JFT",
    "size_and_speed": "exact for the size, and tested as such; speed: convnets bench",
    "segment_spectrum": "an open question of the paper, without an expectation",
}
