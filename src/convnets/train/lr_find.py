"""The range test: one short training whose learning rate grows at every step, to see which rates a network bears."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import chain, count, islice

from ..data import Finish
from ..errors import DivergedError, UsageError
from .loop import begin_epoch, take_step
from .machine import Machine, make_loaders
from .plan import Plan
from .state import Training

SMOOTHING = 0.9  # weight of the past in the smoothed loss
FALLEN = 0.97  # times the first loss: down to here is noise
GIVE_UP = 4.0  # times the lowest loss so far: there is no way back from there


@dataclass(frozen=True)
class RangeTest:
    """Rates, the loss of each step, the same smoothed, and a tenth of the rate where that was lowest."""

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float


def find_rate(plan: Plan, machine: Machine, lowest: float, highest: float, steps: int) -> RangeTest:
    """Train a network that is thrown away for `steps` steps, the rate growing from `lowest` to `highest` by a factor.

    It stops early where the loss has left for good. Raises UsageError where not even the lowest rate worked.
    """
    if not 0 < lowest < highest or steps < 10:
        raise UsageError(f"rates from {lowest} to {highest} in {steps} steps: needs 0 < lowest < highest, 10 steps")
    recipe = dataclasses.replace(plan.recipe, ema=0.0)
    training = Training(plan.network(lambda _: None), recipe, machine.device, plan.statistics)
    loader, _ = make_loaders(plan.source, recipe, plan.statistics, machine)
    finish = Finish(recipe.preprocess, training.statistics, recipe.augment, recipe.seed)
    batches = chain.from_iterable(loader.epoch(epoch) for epoch in count())
    begin_epoch(training)
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    for step in range(steps):
        rate = lowest * (highest / lowest) ** (step / (steps - 1))
        training.totals.zero_()
        try:
            take_step(training, training.model, finish, list(islice(batches, recipe.accumulate)), rate)
            training.check_finite()
        except DivergedError:
            break
        loss = training.means()[0]
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(average / (1 - SMOOTHING ** (step + 1)))
        if smoothed[-1] > GIVE_UP * min(smoothed):
            break
    return RangeTest(rates, losses, smoothed, suggest(rates, smoothed))


def suggest(rates: list[float], smoothed: list[float]) -> float:
    """A tenth of the rate at which the smoothed loss is lowest. Raises UsageError where it never fell in earnest."""
    if len(smoothed) < 3 or min(smoothed) > FALLEN * smoothed[0]:
        raise UsageError("the loss fell at no rate: try lower ones with --from, more --steps, or another recipe")
    return rates[smoothed.index(min(smoothed))] / 10
