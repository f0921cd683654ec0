"""ResNeXt's claims. Xie, Girshick, Dollár, Tu, He 2017."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

SETTING = Setting(size=16, epochs=10, least_epochs=5, tests=4_000)

EXPERIMENTS = (
    Experiment(
        id="cardinality",
        title="Cardinality at equal cost",
        question="At the same cost, are many thin paths better than a wide one?",
        claim="At equal cost the error falls as cardinality rises: 1x64d, 2x40d, 4x24d, 8x14d.",
        where="Table 3, Fig. 5",
        covers=("cardinality_vs_width",),
        network="small resnext",
        arms={f"{c}x{d}d": Arm({"paths": c, "base": d, "units": 2}) for c, d in ((1, 64), (2, 40), (4, 24), (8, 14))},
        expect=("8x14d < 1x64d", "4x24d < 1x64d", "2x40d < 1x64d"),
        published={"1x64d": 23.9, "2x40d": 23.0, "4x24d": 22.6, "8x14d": 22.3},
        setting=SETTING,
        full={"units": 3},
    ),
    Experiment(
        id="cardinality_vs_width",
        title="Cardinality against width at equal parameters",
        question="Is it better to add paths than to widen?",
        claim="On CIFAR-10 raising the cardinality is more effective than widening.",
        where="Fig. 7",
        covers=("cifar_width_vs_cardinality",),
        network="small resnext",
        arms={"1x64d": Arm({"base": 64}), "4x64d": Arm({"paths": 4, "base": 64}), "1x144d": Arm({"base": 144})},
        expect=("4x64d < 1x144d by 0.1", "1x144d < 1x64d by 0.4"),
        published={"1x64d": "about 4.4", "4x64d": "about 3.76", "1x144d": "about 3.95 (1x160d)"},
        setting=SETTING,
        differs="4x64d and 1x144d have 0.37 million parameters each.",
    ),
    Experiment(
        id="resnext_no_shortcut",
        title="ResNeXt without shortcuts",
        question="How much do shortcuts matter to networks of many paths?",
        claim="Removing the shortcuts hurts: ResNet-50 by 7.3 points, ResNeXt-50 by 3.9.",
        where="Sec. 5.1, p. 6",
        covers=("no_shortcut",),
        network="small resnext",
        arms={"8x14d": Arm({"paths": 8, "base": 14, "units": 3}),
              "8x14d, plain": Arm({"paths": 8, "base": 14, "units": 3, "shortcuts": False}),
              "1x64d": Arm({"units": 3}), "1x64d, plain": Arm({"units": 3, "shortcuts": False})},
        expect=("8x14d < 8x14d, plain", "1x64d < 1x64d, plain"),
        published={"8x14d": "22.2 (32x4d)", "8x14d, plain": "26.1 (32x4d)", "1x64d": 23.9, "1x64d, plain": 31.2},
        setting=SETTING,
    ),
)

LEFT_OUT = {
    "double_complexity": "needs ImageNet: networks of twice the cost, 101 and 200 layers",
}
