"""How many epochs, and how wide a network, a budget allows: from the time that steps were measured to take."""

from __future__ import annotations

import dataclasses
import time

import torch

from ..data import Finish
from ..train.loop import begin_epoch, take_step
from ..train.machine import Machine
from ..train.state import Training
from ..train.tuning import prepared
from . import job, pictures
from .plan import Plan

STEPS, ROUNDS = 4, 3
USED = 0.85  # share of the budget that is planned for; the rest is for what is not measured
SEARCH = 0.34  # share of a run after which a learning rate is judged


def pace(plan: Plan, arm: str) -> float:
    """Seconds that an epoch of this arm takes here, its test included, by the shortest of some looks."""
    data = pictures.load(plan.setting, plan.data)
    recipe, statistics = job.recipe_of(plan, arm, 0, data, None, 1.0)
    model = job.network_of(plan.experiment, plan.experiment.arms[arm], job.task_of(plan, data, recipe), 0)
    training = Training(model, recipe, torch.device(plan.device), statistics)
    loader = job.loader_of(data.train, recipe, statistics, training.device)
    forward = prepared(training, Machine(training.device))
    finish = Finish(recipe.preprocess, statistics, recipe.augment, 0)
    begin_epoch(training)
    batches = [batch for batch, _ in zip(loader.epoch(0), range(STEPS), strict=False)]
    taken = []
    for _ in range(1 + ROUNDS):
        began = time.perf_counter()
        for batch in batches:
            take_step(training, forward, finish, [batch], 1e-4)
        if training.device.type != "cpu":
            torch.accelerator.synchronize(training.device)
        taken.append((time.perf_counter() - began) / len(batches))
    step = min(taken[1:])
    return step * (len(loader) + len(data.test) / recipe.batch_size / 3)


def within(plan: Plan, paces: dict[str, float], budget: float, workers: int) -> Plan | None:
    """The plan with the epochs that `budget` seconds allow; None where they are fewer than the least."""
    experiment, setting = plan.experiment, plan.setting
    runs = len(plan.seeds) + SEARCH * len(experiment.rates)
    epoch = sum(paces.values()) * runs / workers
    epochs = int(USED * budget / epoch)
    if epochs < setting.least_epochs:
        return None
    epochs = min(setting.epochs, epochs)
    said = f"{epochs} epochs, {plan.width:g} times the channels; an epoch of all arms and seeds takes {epoch:.1f} s"
    return dataclasses.replace(plan, epochs=epochs, said=(*plan.said, said))
