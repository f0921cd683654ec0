"""Inception v4's and Inception-ResNet's claims. Szegedy, Ioffe, Vanhoucke, Alemi 2017."""

from __future__ import annotations

from .record import Arm, Experiment, Setting

EXPERIMENTS = (
    Experiment(
        id="residual_inception_speed",
        title="Residual Inception trains faster",
        question="Do residual connections make Inception train faster?",
        claim="Inception-ResNet-v1 trains much faster than Inception v3 of about the same cost.",
        where="Figs. 21, 22",
        covers=("residual_vs_pure_speed_small", "residual_vs_pure_speed_large"),
        network="small inception",
        recipe=("schedule=constant",),
        arms={"residual": Arm({"joined": True, "modules": 5, "scale": 0.2}), "pure": Arm({"modules": 5})},
        expect=("residual < pure",),
        metric="train_loss", unit="training loss after as many epochs", least=0.02,
        setting=Setting(size=16, pictures=5_000, epochs=20, least_epochs=12, tests=1_000),
        published={"residual": "about 23.2 % top-1 error at epoch 60", "pure": "about 25.4"},
        differs="The residuals are scaled by 0.2. The residual network has 14 % more parameters and 13 % more "
        "multiply-adds.",
    ),
    Experiment(
        id="residual_scaling",
        title="Scaling the residuals",
        question="Does making residuals smaller keep training steady?",
        claim="Scaling residuals by 0.1 to 0.3 stabilises training where it would die.",
        where="Sec. 3.3, p. 9",
        covers=("residual_scaling",),
        network="small inception",
        recipe=("optimizer.lr=0.2", "schedule=constant"),
        arms={f"scale {scale:g}": Arm({"joined": True, "modules": 5, "scale": scale}) for scale in (0.1, 0.3, 1.0)},
        expect=("scale 0.1 < scale 1", "scale 0.3 < scale 1"),
        metric="train_loss", unit="training loss at the end", least=0.02,
        setting=Setting(size=16, epochs=8, least_epochs=3, tests=1_000),
        differs="The paper saw it beyond 1,000 filters; here the rate is four times the usual one. That it never "
        "hurts, as the paper adds, is not tried.",
    ),
)  # fmt: skip

LEFT_OUT = {
    "model_size_dominates": "compares four networks trained on ImageNet",
    "residual_not_necessary": "one network on ImageNet",
    "ensemble_gain": "averages networks that were trained on ImageNet",
    "blacklist_shift": "about the labels of ImageNet's validation set",
}
