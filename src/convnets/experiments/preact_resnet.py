"""Pre-activation ResNet's claims. He, Zhang, Ren, Sun 2016."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=8, least_epochs=4, tests=4_000)
SHORTCUTS = ("identity", "half_shortcut", "both_half", "exclusive_gating", "conv_shortcut", "dropout_shortcut")
UNITS = ("original", "bn_after_addition", "relu_before_addition", "relu_only_pre_activation", "full_pre_activation")

EXPERIMENTS = (
    Experiment(
        id="identity_shortcuts",
        title="Anything on the shortcut hurts",
        question="May anything stand on the shortcut?",
        claim="Any multiplication on the shortcut hurts: identity is best.",
        where="Table 1, Fig. 3",
        covers=("identity_shortcut",),
        network="small shortcut",
        arms={name: Arm({"shortcut": name, "depth": 56}) for name in SHORTCUTS},
        expect=tuple(f"identity < {other}" for other in SHORTCUTS[1:]),
        published={"identity": 6.61, "half_shortcut": "fails", "both_half": 12.35, "exclusive_gating": 8.7,
                   "conv_shortcut": 12.22, "dropout_shortcut": "fails"},
        setting=SETTING,
        full={"depth": 110},
        differs="56 layers; the paper expects the 1x1 convolution to need many units to hurt. Its order of the "
        "others, and gating of the shortcut alone, are not tried.",
    ),
    Experiment(
        id="activation_order",
        title="The order in a residual unit",
        question="Where in a residual unit should normalisation and ReLU stand?",
        claim="Full pre-activation is best, normalisation after the addition worst.",
        where="Table 2, Fig. 6",
        covers=("activation_order",),
        network="small preact",
        arms={name: Arm({"unit": name, "count": 9}) for name in UNITS},
        expect=("full_pre_activation < bn_after_addition", "full_pre_activation < original by 0.2",
                "original < bn_after_addition"),
        published=dict(zip(UNITS, (6.61, 8.17, 7.84, 6.71, 6.37), strict=True)),
        setting=SETTING,
        full={"count": 18},
        differs="56 layers in place of 110 and 164.",
    ),
    Experiment(
        id="one_layer_units",
        title="Units of one convolution",
        question="Does pre-activation help units of a single convolution?",
        claim="Pre-activation also helps units with a single convolution: 8.91 against 9.90 %.",
        where="Table 3",
        covers=("one_layer_units",),
        network="small preact",
        arms={"pre-activation": Arm({"unit": "full_pre_activation", "count": 9, "single": True}),
              "original": Arm({"unit": "original", "count": 9, "single": True})},
        expect=("pre-activation < original",),
        published={"pre-activation": 8.91, "original": 9.9},
        setting=SETTING,
        differs="29 layers.",
        full={"count": 18},
    ),
    Experiment(
        id="preact_regularises",
        title="Pre-activation regularises",
        question="Does pre-activation fit less and generalise better?",
        claim="Pre-activation reaches a slightly higher training loss and a lower test error.",
        where="Sec. 4.2, Fig. 6 right",
        covers=("regularisation",),
        network="small preact",
        recipe=("augment.pad=0", "augment.flip=false"),
        arms={"pre-activation": Arm({"unit": "full_pre_activation", "count": 9}),
              "original": Arm({"unit": "original", "count": 9})},
        expect=("original < pre-activation", "test_error: pre-activation < original by 0.5"),
        metric="train_loss", unit="training loss at the end", least=0.005,
        setting=SETTING,
        differs="56 layers, and without augmentation, so that there is something to overfit.",
    ),
)  # fmt: skip

LEFT_OUT = {
    "depth_1001": "1,001 layers are no matter of minutes: convnets train preact_resnet1001 has the network and the "
    "recipe",
    "batch_64": "a difference of 0.3 points of a 1,001-layer network",
    "imagenet_200": "needs ImageNet",
    "analytic_identity": "exact, and tested as such",
}
