"""What a run would be, before it is begun: sizes, steps, the schedule as a plot, and what it will cost."""

from __future__ import annotations

import dataclasses
import math
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import torch

from ..data import Finish, Loader, normalise
from ..evaluate import evaluating
from ..runs import checkpoint
from ..runs.folder import BEST, LAST
from ..spec import Plateau
from .forward import Forward
from .keeper import clock_text
from .loop import begin_epoch, steps_per_epoch, take_step
from .machine import Machine, make_loaders
from .plan import Plan
from .schedules import Scheduler
from .state import Training
from .tuning import prepared

MEASURED_STEPS = 5  # after one that is not counted
COLUMNS, ROWS = 60, 6
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Forecast:
    """What the measured steps say: seconds of a step and of an epoch's validation, and bytes in use at their peak."""

    step: float
    validation: float
    memory: int


def forecast(plan: Plan, machine: Machine, seconds: float = 0.0) -> dict[str, Any]:
    """The whole plan as plain values, with costs measured on a few real steps of a network that is thrown away.

    On more of them where that takes less than `seconds`.
    """
    grown: list[str] = []
    recipe, network = plan.recipe, plan.network(grown.append)
    all_rows = dataclasses.replace(recipe, unfreeze=0.0)  # a step takes longest once they all learn
    training = Training(network, all_rows, machine.device, plan.statistics)
    forward = prepared(training, machine)
    train_loader, val_loader = make_loaders(plan.source, recipe, plan.statistics, machine)
    steps = steps_per_epoch(train_loader, recipe.accumulate)
    measured = _measure(training, forward, train_loader, val_loader, seconds)
    between = measured.validation + _seconds_to_save(training)
    saved = sum(tensor.numel() * tensor.element_size() for tensor in training.tensors().values())
    return {
        "network": plan.name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "auxiliary_parameters": sum(p.numel() for p in training.model.parameters())
        - sum(p.numel() for p in network.parameters()),
        "input": [recipe.preprocess.channels, recipe.preprocess.size, recipe.preprocess.size],
        "grown": grown,
        "recipe": recipe.name,
        "data": plan.source.name,
        "pictures": {name: len(split) for name, split in plan.source.splits.items()},
        "classes": len(plan.source.classes),
        "device": str(machine.device),
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "steps_per_epoch": steps,
        "steps": steps * recipe.epochs,
        "rates": [Scheduler(recipe).rate(recipe.epochs * column / COLUMNS) for column in range(COLUMNS)],
        "seconds_per_step": measured.step,
        "seconds_between": between,
        "seconds_per_epoch": steps * measured.step + between,
        "seconds": recipe.epochs * (steps * measured.step + between),
        "peak_bytes": measured.memory,
        "checkpoint_bytes": saved,
    }


def report(plan: Plan, values: dict[str, Any]) -> str:
    """The forecast as text."""
    counts = ", ".join(f"{count:,} {name}" for name, count in values["pictures"].items())
    waits, until = "", plan.recipe.warmup.until_error
    if isinstance(plan.recipe.schedule, Plateau):
        waits = ", if the error never stops improving"
    elif until is not None:
        waits = f"; the warm-up is over, and with it the low rate, once the training error is below {until:g} %"
    heads = f" + {values['auxiliary_parameters']:,} in auxiliary classifiers" if values["auxiliary_parameters"] else ""
    where = "of the device" if values["device"] != "cpu" else "of this process"
    return "\n".join([
        *values["grown"],
        f"network   {values['network']}: {values['parameters']:,} parameters{heads}, "
        f"input {'x'.join(map(str, values['input']))}, on {values['device']}",
        f"data      {values['data']}: {counts}; {values['classes']} classes",
        f"recipe    {values['recipe']}: {values['epochs']} epochs of {values['steps_per_epoch']:,} steps of "
        f"{values['batch_size']} pictures, {values['steps']:,} steps in all",
        f"time      {values['seconds_per_step'] * 1000:.0f} ms a step, {clock_text(values['seconds_per_epoch'])} an "
        f"epoch with validation, {clock_text(values['seconds'])} in all (from {MEASURED_STEPS} measured steps)",
        f"memory    {values['peak_bytes'] / 2**20:,.0f} MiB at its peak, {where}; "
        f"a checkpoint takes {values['checkpoint_bytes'] / 2**20:,.1f} MiB",
        f"rate      against epochs, logarithmic{waits}",
        plot(values["rates"], values["epochs"]),
    ])  # fmt: skip


def plot(rates: Sequence[float], epochs: int) -> str:
    """A curve of positive numbers as text, its height logarithmic where they span more than a factor of three."""
    highest = max(rates)
    floor = max(min(rates), highest * 1e-4)
    scale = math.log if highest > 3 * floor else float
    low, high = scale(floor), scale(highest)
    span = high - low or 1.0
    levels = [round((ROWS - 1) * (scale(max(rate, floor)) - low) / span) for rate in rates]
    lines = []
    for level in range(ROWS - 1 if highest > floor else 0, -1, -1):
        here = [rate for rate, own in zip(rates, levels, strict=True) if own == level]
        label = f"{max(here):9.2g}" if here else ""
        lines.append(f"{label:9} " + "".join("•" if own == level else " " for own in levels).rstrip())
    return "\n".join([*lines, f"{'':10}0{epochs:>{len(rates) - 1}}"])


def _measure(
    training: Training, forward: Forward, train_loader: Loader, val_loader: Loader | None, seconds: float
) -> Forecast:
    """Steps of training and a batch of validation, timed one by one."""
    recipe, device = training.recipe, training.device
    finish = Finish(recipe.preprocess, training.statistics, recipe.augment, recipe.seed)
    begin_epoch(training)
    taken, began = list[float](), time.perf_counter()
    batches = chain.from_iterable(map(train_loader.epoch, count()))
    while len(taken) <= MEASURED_STEPS or sum(taken[1:]) < seconds:
        group = list(islice(batches, recipe.accumulate))
        take_step(training, forward, finish, group, recipe.optimizer.lr * 1e-3)
        _wait(device)
        now = time.perf_counter()
        taken.append(now - began)
        began = now
    # over many steps the mean: some of them wait for pictures, or for a new epoch
    step, validation = statistics.fmean(taken[1:]) if seconds else statistics.median(taken[1:]), 0.0
    if val_loader is not None:
        batch = next(iter(val_loader.epoch(0)))
        with evaluating(training.network):
            began = time.perf_counter()
            training.network(normalise(batch.images.to(device), recipe.preprocess, training.statistics))
            _wait(device)
        validation = (time.perf_counter() - began) * len(val_loader) * (2 if training.average else 1)
    return Forecast(step, validation, _peak_bytes(device))


def _seconds_to_save(training: Training) -> float:
    """What saving takes after an epoch, whose weights are the best ones until then."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for name, tensors in ((LAST, training.tensors()), (BEST, training.weights())):
            checkpoint.save(Path(folder) / name, tensors, {})
        return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    own = re.search(r"VmHWM:\s*(\d+)", STATUS.read_text()) if STATUS.exists() else None
    if own:  # Linux's ru_maxrss would start at the peak of the process that began this one
        return int(own[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
