"""Learning rates over time, as objects whose state is a small dictionary that a checkpoint keeps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from ..spec import Constant, Cosine, Exponential, Linear, OneCycle, Plateau, Polynomial, Recipe, Step

T = TypeVar("T")
RECENT = 0.98  # weight of the past in the training error that ends a warm-up: about fifty steps


class Scheduler:
    """The learning rate of a recipe at any point of a run."""

    def __init__(self, recipe: Recipe) -> None:
        self.schedule, self.warmup = recipe.schedule, recipe.warmup
        self.lr, self.epochs = recipe.optimizer.lr, recipe.epochs
        self.drops, self.waited, self.best = 0, 0, math.inf  # what a plateau remembers
        self.warm, self.error, self.weight = not recipe.warmup.epochs, 0.0, 0.0  # and a warm-up

    def rate(self, epoch: float) -> float:
        """The learning rate `epoch` epochs into the run; between epochs it is a fraction."""
        return self.lr * self._factor(epoch) * self._warmup(epoch)

    @property
    def watches_steps(self) -> bool:
        """Whether the warm-up waits for the error of single steps."""
        return not self.warm and self.warmup.until_error is not None

    def observe_step(self, error: float) -> None:
        """Tell a warm-up the training error (percent) of the step that has ended."""
        self.error = RECENT * self.error + (1 - RECENT) * error
        self.weight = RECENT * self.weight + (1 - RECENT)
        limit = self.warmup.until_error
        # the mean of a few steps says nothing yet
        self.warm = self.warm or (limit is not None and self.weight > 0.5 and self.error / self.weight < limit)

    def observe(self, error: float) -> None:
        """Tell a plateau schedule the validation error of the epoch that has ended."""
        if not isinstance(self.schedule, Plateau):
            return
        if error < self.best:
            self.best, self.waited = error, 0
            return
        self.waited += 1
        if self.waited >= self.schedule.patience and self.drops < self.schedule.drops:
            self.drops, self.waited = self.drops + 1, 0

    def state(self) -> dict[str, Any]:
        """What has to survive a stop, as JSON values."""
        plateau = {"drops": self.drops, "waited": self.waited, "best": None if math.isinf(self.best) else self.best}
        return plateau | {"warm": self.warm, "error": self.error, "weight": self.weight}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.drops, self.waited = state["drops"], state["waited"]
        self.best = math.inf if state["best"] is None else state["best"]
        self.warm, self.error, self.weight = state["warm"], state["error"], state["weight"]

    def _factor(self, epoch: float) -> float:
        done = min(1.0, epoch / self.epochs)
        after = min(1.0, max(0.0, epoch - self.warmup.epochs) / max(1e-9, self.epochs - self.warmup.epochs))
        match self.schedule:
            case Step(milestones=milestones, factor=factor):
                return factor ** sum(epoch >= milestone for milestone in milestones)
            case Plateau(factor=factor):
                return factor**self.drops
            case Exponential(factor=factor, every=every, smooth=smooth):
                return factor ** (epoch / every if smooth else math.floor(epoch / every + 1e-9))
            case Polynomial(power=power):
                return float((1 - after) ** power)
            case Linear(final=final):
                return 1 + (final - 1) * after
            case Cosine(final=final):
                return final + (1 - final) * (1 + math.cos(math.pi * after)) / 2
            case OneCycle(peak=peak, start=start, final=final):
                if done < peak:
                    return start + (1 - start) * done / peak
                return 1 + (final - 1) * (done - peak) / (1 - peak)
            case Constant():
                return 1.0

    def _warmup(self, epoch: float) -> float:
        warmup = self.warmup
        if self.warm or epoch >= warmup.epochs:
            return 1.0
        return warmup.start if warmup.shape == "constant" else warmup.start + (1 - warmup.start) * epoch / warmup.epochs


def rescale(recipe: Recipe, epochs: int) -> tuple[Recipe, list[str]]:
    """`recipe` for another number of epochs, every length given in epochs changed in proportion; and what changed."""
    ratio, said = epochs / recipe.epochs, [f"epochs {recipe.epochs} -> {epochs}"]
    schedule = _scaled(recipe.schedule, ("milestones", "patience", "every"), ratio, said)
    warmup = _scaled(recipe.warmup, ("epochs",), ratio, said, "warmup ")
    recipe = _scaled(recipe, ("freeze_bn", "unfreeze", "patience"), ratio, said)
    pairing = recipe.augment.pairing
    if pairing.end:
        pairing = _scaled(pairing, ("begin", "end", "on", "off"), ratio, said, "pairing ")
    augment = dataclasses.replace(recipe.augment, pairing=pairing)
    return dataclasses.replace(recipe, epochs=epochs, schedule=schedule, warmup=warmup, augment=augment), said


def _scaled(part: T, names: tuple[str, ...], ratio: float, said: list[str], prefix: str = "") -> T:
    """The dataclass with these of its fields, where it has them and they are not zero, times `ratio`."""
    changes: dict[str, Any] = {}
    for name in names:
        value = getattr(part, name, 0)
        if name == "patience" and value:
            changes[name] = max(1, round(value * ratio))
        elif isinstance(value, tuple):
            changes[name] = tuple(round(item * ratio, 3) for item in value)
        elif value:
            changes[name] = round(value * ratio, 6)
    said.extend(f"{prefix}{name} {getattr(part, name)} -> {value}" for name, value in changes.items())
    return dataclasses.replace(part, **changes)  # type: ignore[type-var]
