"""As many epochs as fit into so many minutes, by the time that a few real steps take."""

from __future__ import annotations

import dataclasses
import math
import time

from .. import spec
from ..errors import UsageError
from .dry_run import forecast
from .keeper import clock_text
from .machine import Machine
from .plan import Plan, split_assignments
from .schedules import rescale

SHARE = 0.9  # of the time, for epochs: the rest is for what comes before and after, and for what else the machine does
FEWEST_EPOCHS = 4  # with less time than that, an epoch shows only some of the pictures
MEASURED, MOST_SECONDS = 0.02, 8.0  # share of the time to measure steps for, and its limit


def within(plan: Plan, machine: Machine, minutes: float, began: float | None = None) -> Plan:
    """The plan with as many epochs as `minutes` allow on this machine, its recipe rescaled; what changed is said.

    They count from `began` on (time.monotonic), else from now. Raises UsageError where not even a few steps fit.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"--minutes {minutes:g}: must be above 0")
    began = time.monotonic() if began is None else began
    values = forecast(plan, machine, min(MOST_SECONDS, MEASURED * 60 * minutes))
    left = SHARE * 60 * minutes - (time.monotonic() - began)
    step, between, steps = (values[key] for key in ("seconds_per_step", "seconds_between", "steps_per_epoch"))
    epochs, recipe = math.floor(left / (steps * step + between)), plan.recipe
    if epochs < FEWEST_EPOCHS:
        epochs, steps = FEWEST_EPOCHS, math.floor((left / FEWEST_EPOCHS - between) / step)
        if steps < 1:
            raise UsageError(f"a step takes {step:.2f} s, so {minutes:.2g} minutes leave no time to learn; give more")
        recipe = dataclasses.replace(recipe, epoch_size=steps * recipe.batch_size)
    recipe, changes = rescale(recipe, epochs)
    recipe = dataclasses.replace(
        recipe, warmup=dataclasses.replace(recipe.warmup, epochs=min(recipe.warmup.epochs, epochs / 4))
    )
    recipe = spec.override(recipe, split_assignments(plan.request.assignments)[0])  # what the user set goes first
    each = f"{steps * recipe.batch_size:,} pictures in {clock_text(steps * step + between)}"
    said = f"{minutes:.3g} minutes are {epochs:,} epochs of {each}, as measured; rescaled: {', '.join(changes)}"
    return dataclasses.replace(plan, recipe=recipe, said=(*plan.said, said))
