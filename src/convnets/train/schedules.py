"""Learning rates over time, as objects whose state is a small dictionary that a checkpoint keeps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from .. import spec
from ..spec import Constant, Cosine, OneCycle, Plateau, Recipe, Step


class Scheduler:
    """The learning rate of a schedule at any point of a run."""

    def __init__(self, schedule: spec.Schedule, lr: float, epochs: int) -> None:
        self.schedule, self.lr, self.epochs = schedule, lr, epochs
        self.drops, self.waited, self.best = 0, 0, math.inf  # what a plateau remembers

    def rate(self, epoch: float) -> float:
        """The learning rate `epoch` epochs into the run; between epochs it is a fraction."""
        return self.lr * self._factor(epoch) * self._warmup(epoch)

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
        return {"drops": self.drops, "waited": self.waited, "best": None if math.isinf(self.best) else self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.drops, self.waited = state["drops"], state["waited"]
        self.best = math.inf if state["best"] is None else state["best"]

    def _factor(self, epoch: float) -> float:
        done = min(1.0, epoch / self.epochs)
        match self.schedule:
            case Step(milestones=milestones, factor=factor):
                return factor ** sum(epoch >= milestone for milestone in milestones)
            case Plateau(factor=factor):
                return factor**self.drops
            case Cosine(final=final):
                return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
            case OneCycle(peak=peak, start=start, final=final):
                if done < peak:
                    return start + (1 - start) * done / peak
                return 1 + (final - 1) * (done - peak) / (1 - peak)
            case Constant():
                return 1.0

    def _warmup(self, epoch: float) -> float:
        """Linear from a hundredth of the rate up to all of it."""
        warmup = self.schedule.warmup
        return min(1.0, 0.01 + 0.99 * epoch / warmup) if warmup else 1.0


def rescale(recipe: Recipe, epochs: int) -> tuple[Recipe, list[str]]:
    """`recipe` for another number of epochs, every length given in epochs changed in proportion; and what changed."""
    ratio, schedule = epochs / recipe.epochs, recipe.schedule
    changes: dict[str, Any] = {}
    if isinstance(schedule, Step):
        changes["milestones"] = tuple(round(milestone * ratio, 3) for milestone in schedule.milestones)
    if isinstance(schedule, Plateau):
        changes["patience"] = max(1, round(schedule.patience * ratio))
    if schedule.warmup:
        changes["warmup"] = round(schedule.warmup * ratio, 3)
    said = [f"epochs {recipe.epochs} -> {epochs}"]
    said += [f"{key} {getattr(schedule, key)} -> {value}" for key, value in changes.items()]
    return dataclasses.replace(recipe, epochs=epochs, schedule=dataclasses.replace(schedule, **changes)), said
