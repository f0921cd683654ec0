"""What a recipe may not say: refused before the first step, since it would fail, or do nothing, hours later."""

from __future__ import annotations

from .. import spec
from ..errors import UsageError
from ..papers.protocols import parse
from ..spec import SGD, AdamW, Plateau, Recipe, RMSProp

COLOUR = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5, "shift": 255.0}
AFFINE = {"rotate": 180.0, "shear": 80.0, "translate": 1.0, "zoom": 0.9}
Limit = tuple[str, bool, str]  # a field, whether it holds, and the rule


def check_recipe(recipe: Recipe, pictures: int) -> None:
    """Raise UsageError for the first value out of its range, on `pictures` training pictures."""
    limits = [*_run(recipe, pictures), *_optimizer(recipe), *_preprocess(recipe.preprocess), *_augment(recipe.augment)]
    for key, holds, rule in limits:
        if not holds:
            raise UsageError(f"{key}={spec.flatten(spec.to_dict(recipe))[key]}: {rule}")
    for text in recipe.protocols:
        parse(text)
    optimizer = recipe.optimizer
    if isinstance(optimizer, SGD) and optimizer.nesterov and (optimizer.momentum == 0 or optimizer.form == "paper"):
        raise UsageError("optimizer.nesterov=True needs optimizer.momentum above 0 and optimizer.form=torch")


def _run(recipe: Recipe, pictures: int) -> list[Limit]:
    shown = min(pictures, recipe.epoch_size or pictures)
    return [
        ("epochs", recipe.epochs >= 1, "must be at least 1"),
        ("batch_size", recipe.batch_size >= 1, "must be at least 1"),
        ("accumulate", 1 <= recipe.accumulate <= recipe.batch_size, "must be between 1 and batch_size"),
        ("accumulate", recipe.accumulate < 1 or recipe.batch_size % recipe.accumulate == 0,
         f"must divide batch_size={recipe.batch_size}"),
        ("accumulate", recipe.accumulate == 1 or recipe.batch_size <= shown,
         f"batch_size={recipe.batch_size} is more than the {shown} pictures of an epoch, which is no step at all"),
        ("bn_average", recipe.bn_average == 0 or recipe.freeze == "none", "would change frozen rows"),
        ("ema", 0 <= recipe.ema < 1, "must be at least 0 and below 1"),
        ("label_smoothing", 0 <= recipe.label_smoothing < 1, "must be at least 0 and below 1"),
        *((key, getattr(recipe, key) >= 0, "must not be negative")
          for key in ("auxiliary", "clip", "filter_rms", "bn_average", "freeze_bn", "unfreeze", "patience",
                      "epoch_size")),
        *((key, 0 <= getattr(recipe, key) < 1, "must be at least 0 and below 1")
          for key in ("val_fraction", "test_fraction")),
        ("patience", recipe.patience == 0 or recipe.select == "best", "needs select=best"),
        ("seed", 0 <= recipe.seed < 2**63, "must be at least 0 and below 2^63"),
        ("warmup.epochs", recipe.warmup.epochs < recipe.epochs or recipe.warmup.until_error is not None,
         f"must be less than epochs={recipe.epochs}, or the run is over before its rate is reached"),
    ]  # fmt: skip


def _optimizer(recipe: Recipe) -> list[Limit]:
    optimizer, schedule, warmup = recipe.optimizer, recipe.schedule, recipe.warmup
    limits = [
        ("optimizer.lr", optimizer.lr > 0, "must be above 0"),
        ("optimizer.weight_decay", optimizer.weight_decay >= 0, "must not be negative"),
        ("optimizer.bias_rate", optimizer.bias_rate >= 0, "must not be negative"),
        ("optimizer.head_rate", optimizer.head_rate >= 0, "must not be negative"),
        ("optimizer.layer_decay", 0 < optimizer.layer_decay <= 1, "must be above 0 and at most 1"),
        ("warmup.epochs", warmup.epochs >= 0, "must not be negative"),
        ("warmup.start", 0 <= warmup.start <= 1, "must be between 0 and 1"),
        ("schedule.every", getattr(schedule, "every", 1) > 0, "must be above 0"),
        ("schedule.factor", getattr(schedule, "factor", 1) > 0, "must be above 0"),
        ("schedule.peak", 0 < getattr(schedule, "peak", 0.5) < 1, "must be above 0 and below 1"),
        ("schedule.start", 0 <= getattr(schedule, "start", 0) <= 1, "must be between 0 and 1"),
        ("schedule.final", 0 <= getattr(schedule, "final", 0) <= 1, "must be between 0 and 1"),
        ("schedule.power", getattr(schedule, "power", 1) > 0, "must be above 0"),
    ]
    if isinstance(schedule, Plateau):
        limits.append(("schedule.patience", schedule.patience >= 1, "must be at least 1"))
    if isinstance(optimizer, SGD | RMSProp):
        limits.append(("optimizer.momentum", 0 <= optimizer.momentum < 1, "must be at least 0 and below 1"))
    if isinstance(optimizer, RMSProp):
        limits.append(("optimizer.decay", 0 <= optimizer.decay < 1, "must be at least 0 and below 1"))
    if isinstance(optimizer, AdamW):
        are_shares = all(0 <= beta < 1 for beta in optimizer.betas)
        limits.append(("optimizer.betas", are_shares, "must be at least 0 and below 1"))
    if not isinstance(optimizer, SGD):
        limits.append(("optimizer.epsilon", optimizer.epsilon > 0, "must be above 0"))
    return limits


def _preprocess(preprocess: spec.Preprocess) -> list[Limit]:
    channels, size = preprocess.channels, preprocess.size
    return [
        ("preprocess.size", size >= 1, "must be at least 1"),
        ("preprocess.resize", preprocess.resize is None or preprocess.resize >= 1, "must be at least 1, or none"),
        ("preprocess.centre", preprocess.centre is None or preprocess.centre >= size, f"must be at least size={size}"),
        ("preprocess.mean", len(preprocess.mean) in (0, channels), f"needs {channels} values"),
        ("preprocess.std", len(preprocess.std) in (0, channels), f"needs {channels} values"),
        ("preprocess.std", all(value > 0 for value in preprocess.std), "must be above 0"),
        ("preprocess.contrast", preprocess.contrast >= 0, "must not be negative"),
        ("preprocess.whiten", preprocess.whiten >= 0, "must not be negative"),
    ]


def _augment(augment: spec.Augment) -> list[Limit]:
    low, high = augment.scale or (1, 1)
    pairing = augment.pairing
    return [
        ("augment.area", all(0 < share <= 1 for share in augment.area or ()), "must be above 0 and at most 1"),
        ("augment.area", augment.area is None or augment.area[0] <= augment.area[1], "the lower bound comes first"),
        ("augment.aspect", 0 < augment.aspect[0] <= augment.aspect[1], "must be above 0, the lower bound first"),
        ("augment.scale", 1 <= low <= high, "must be at least 1, the lower bound first"),
        ("augment.pad", augment.pad >= 0, "must not be negative"),
        ("augment.erase", 0 <= augment.erase <= 1, "must be between 0 and 1"),
        ("augment.pairing.on", pairing.end == 0 or pairing.on > 0, "must be above 0"),
        *((f"augment.pairing.{key}", getattr(pairing, key) >= 0, "must not be negative") for key in ("begin", "off")),
        *((f"augment.{key}", getattr(augment, key) >= 0, "must not be negative")
          for key in ("lighting", "noise", "cutout", "mixup", "cutmix")),
        *((f"augment.colour.{key}", 0 <= getattr(augment.colour, key) <= most, f"must be between 0 and {most:g}")
          for key, most in COLOUR.items()),
        *((f"augment.affine.{key}", 0 <= getattr(augment.affine, key) <= most, f"must be between 0 and {most:g}")
          for key, most in AFFINE.items()),
    ]  # fmt: skip
