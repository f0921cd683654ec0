"""How many epochs, and how wide a network, a budget allows: from the time that steps were measured to take."""

from __future__ import annotations

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
    data = pictures.load(plan.setting, plan.data, plan.state)
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
    return _networks(plan, arm) * step * (len(loader) + len(data.test) / recipe.batch_size / 3)


def _networks(plan: Plan, arm: str) -> int:
    """How many are trained for one result of this arm: what it starts from, and the others of an ensemble, too."""
    others = plan.experiment.options.get("ensemble", {}).get("members", 1)
    return int(others) + bool(plan.experiment.arms[arm].start)


def epoch_of(plan: Plan, paces: dict[str, float], workers: int) -> float:
    """Seconds of an epoch of all arms and seeds, and of the search for rates."""
    return sum(paces.values()) * (len(plan.seeds) + SEARCH * len(plan.experiment.rates)) / workers


def epochs_within(plan: Plan, epoch: float, budget: float) -> int:
    """The epochs that `budget` seconds allow; 0 where they are fewer than the least."""
    epochs = int(USED * budget / epoch)
    return min(plan.setting.epochs, epochs) if epochs >= plan.setting.least_epochs else 0
