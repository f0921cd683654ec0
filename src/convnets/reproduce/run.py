"""An experiment from its plan to its verdict: jobs in processes of their own, each kept, in any number of calls."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import filelock

from .. import spec
from ..errors import UsageError
from . import budget, job, measures
from .board import Board
from .crew import Crew
from .plan import VERSION, Plan
from .results import RESULT, Results, Values, plain, read
from .verdict import OPEN, judge
from .writing import made_by, write, write_result

PLAN, JOBS, LOCK = "plan.json", "jobs", "running"
SEARCH_SEED = 1000  # of the runs by which learning rates are chosen
MOST_RATES = 8  # of an arm
FIXED = "scale", "setting", "state", "device", "epochs", "width"  # of all jobs in a folder
GIVEN = "setting", "state", "device", "budget", "asked_epochs"  # by which the epochs are decided


class Job(NamedTuple):
    """An arm with a seed; with a `rate`, a short run by which that rate is judged."""

    arm: str
    seed: int
    rate: float | None = None

    @property
    def name(self) -> str:
        """Of its file."""
        searched = "" if self.rate is None else f"-rate-{self.rate:g}"
        return f"{self.arm.replace('/', '_')}-{self.seed}{searched}"


def run(
    plan: Plan, folder: Path, minutes: float, workers: int, tell: Callable[[str], object], overwrite: bool = False
) -> Path:  # fmt: skip
    """Do what is left of an experiment in its folder; the path of the result, which is written after each job.

    `minutes` is the budget for all of it, `workers` how many jobs run at once; a run with other settings gives way if
    `overwrite`. Raises Interrupted by a signal, which leaves every job that was done, and of others the last epochs;
    UsageError where the folder cannot be written, or has another run, or one that is going on.
    """
    try:
        (folder / JOBS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; give another folder with --out") from None
    with _alone(folder), Crew(workers) as crew:
        plan = _planned(plan, folder, 60 * minutes, workers, crew, tell, overwrite)
        board = Board(plan.experiment, tell)
        plan, rates, seconds = _searched(plan, folder, crew, board)
        results: Results = {arm: {} for arm in plan.experiment.arms}
        while missing := [seed for seed in plan.seeds if any(seed not in found for found in results.values())]:
            jobs = [Job(arm, seed) for seed in missing for arm in plan.experiment.arms]  # drift hits all arms alike
            for done, values, left in _carried_out(plan, folder, jobs, rates, crew, board):
                results[done.arm][done.seed] = values
                seconds += values["took"]
                if left:
                    write_result(plan, folder, results, seconds, left)
            if plan.more and judge(plan.experiment, results).verdict == OPEN:
                tell(f"undecided with {len(plan.seeds)} seeds: {plan.more} more")
                plan = dataclasses.replace(plan, seeds=tuple(range(len(plan.seeds) + plan.more)), more=0)
    return write_result(plan, folder, results, seconds)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others out of the folder. Raises UsageError where one is in it."""
    lock = filelock.FileLock(folder / LOCK, blocking=False)
    try:
        with lock:
            yield
    except filelock.Timeout:
        raise UsageError(f"{folder}: another call is at work there; wait for it, or give --out") from None


def carry_out(
    plan: Plan, arm: str, seed: int, rate: float | None, share: float, kept: Path | None = None
) -> Values:
    """A job, in whichever process, with what it took and what it was made with; `kept` while it is not done."""
    began, made_with = time.perf_counter(), fingerprint(plan, arm, rate, share)
    if plan.experiment.measure != "train":
        values = measures.MEASURES[plan.experiment.measure](plan, arm, seed)
    else:
        values = job.run(plan, arm, seed, rate, share, kept, made_with)
    took = time.perf_counter() - began + values.pop("before", 0.0)
    return values | {"took": round(took, 2), "made_with": made_with, "made_by": made_by(plan)}


def fingerprint(plan: Plan, arm: str, rate: float | None, share: float) -> str:
    """All that a job's result depends on but its seed: a kept job with another one is done again."""
    one = plan.experiment
    parts = [one.network, one.measure, one.recipe, one.probes, dict(one.options), dataclasses.asdict(one.arms[arm]),
             dataclasses.asdict(plan.setting), plan.state, plan.epochs, plan.width, plan.device, rate, share,
             spec.to_dict(job.BASE), VERSION]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, default=dict).encode()).hexdigest()[:16]


def _planned(
    plan: Plan, folder: Path, seconds: float, workers: int, crew: Crew, tell: Callable[[str], object], overwrite: bool
) -> Plan:
    """The plan with epochs and width: those that the folder keeps from an earlier call, or what the budget allows.

    Raises UsageError where the folder has jobs of another plan, unless they may be overwritten.
    """
    plan = dataclasses.replace(plan, budget=seconds / 60)
    kept = read(folder / PLAN)
    asked = plain(plan)
    if kept and all(kept.get(key) == asked[key] for key in GIVEN):
        tell(f"goes on in {folder}{': ' + kept['said'][-1] if kept['said'] else ''}")
        plan = _with_kept_seeds(plan, folder)
        return dataclasses.replace(plan, epochs=kept["epochs"], width=kept["width"], said=tuple(kept["said"]),
                                   pace=kept.get("pace", 0.0))  # fmt: skip
    if plan.experiment.measure == "train":
        plan = _fitted(plan, seconds, workers, crew, tell)
    asked = plain(plan)
    others = [key for key in FIXED if kept and kept.get(key) != asked[key]]
    if others and not overwrite and any((folder / JOBS).iterdir()):
        other = " and ".join(others).replace("state", "state of the data")
        raise UsageError(f"{folder} has a run with other {other}; give another folder with --out, or --overwrite it")
    if others:
        (folder / RESULT).unlink(missing_ok=True)
    elif kept:
        plan = _with_kept_seeds(plan, folder)
    write(folder / PLAN, json.dumps(asked, indent=1))
    for line in plan.said:
        tell(line)
    return plan


def _with_kept_seeds(plan: Plan, folder: Path) -> Plan:
    """The plan with the seeds that the folder has a result of where they are more: none is added to those again."""
    kept = tuple((read(folder / RESULT) or {}).get("seeds", ()))
    return dataclasses.replace(plan, seeds=kept, more=0) if len(kept) > len(plan.seeds) else plan


def _fitted(plan: Plan, seconds: float, workers: int, crew: Crew, tell: Callable[[str], object]) -> Plan:
    """The plan with the epochs that are asked for, else those that the budget allows, and the width with them."""
    if plan.asked_epochs:
        width = plan.setting.widths[0]
        said = f"{plan.asked_epochs} epochs, as asked for{_wide(width)}"
        return dataclasses.replace(plan, epochs=plan.asked_epochs, width=width, said=(*plan.said, said))
    arms = list(plan.experiment.arms)
    for width in plan.setting.widths:
        narrow = dataclasses.replace(plan, width=width)
        paces = {arms[n]: value for n, value in crew.all(budget.pace, [(narrow, arm) for arm in arms])}
        epoch = budget.epoch_of(narrow, paces, workers)
        tell(f"an epoch of all arms and seeds takes {epoch:.1f} s{_wide(width)}")
        said = f"{{}} epochs{_wide(width)}"
        if epochs := budget.epochs_within(narrow, epoch, seconds):
            break
    else:
        epochs = narrow.setting.least_epochs
        said = "{} epochs, the fewest that are tried of this claim: more than the budget allows"
    again = f", and as long again if {len(plan.seeds)} seeds leave it undecided" if plan.more else ""
    tell(f"about {epochs * epoch / 60:.1f} min in all{again}")
    return dataclasses.replace(narrow, epochs=epochs, pace=epoch, said=(*plan.said, said.format(epochs)))


def _wide(width: float) -> str:
    return "" if width == 1 else f", {width:g} times the channels"


def _searched(
    plan: Plan, folder: Path, crew: Crew, board: Board
) -> tuple[Plan, dict[str, float], float]:
    """The learning rate of each arm that trained it furthest in a short run, where the claim asks for that.

    Where the best one is the least or the largest of those that were tried, further ones are. With the plan that says
    so, and the seconds that it took.
    """
    jobs = [Job(arm, SEARCH_SEED, rate) for rate in plan.experiment.rates for arm in plan.experiment.arms]
    losses: dict[str, dict[float, float]] = {}
    seconds = 0.0
    while jobs:
        for done, values, _ in _carried_out(plan, folder, jobs, {}, crew, board):
            loss = float("inf") if values.get("diverged") else values["train_loss"]
            losses.setdefault(done.arm, {})[float(done.rate or 0)] = loss
            seconds += values["took"]
        jobs = [Job(arm, SEARCH_SEED, rate) for arm, tried in losses.items() if (rate := further(tried)) is not None]
    chosen = {arm: min(tried, key=lambda rate: tried[rate]) for arm, tried in losses.items()}
    if not chosen:
        return plan, chosen, seconds
    tried = ", ".join(f"{rate:g}" for rate in sorted({rate for by_rate in losses.values() for rate in by_rate}))
    said = f"learning rates, the best of {tried} for each: {', '.join(f'{arm} {chosen[arm]:g}' for arm in chosen)}"
    board.tell(said)
    return dataclasses.replace(plan, said=(*plan.said, said)), chosen, seconds


def further(tried: dict[float, float]) -> float | None:
    """The next rate to try, by the losses of those that were: beyond the best if that is the least or the largest."""
    rates, best = sorted(tried), min(tried, key=lambda rate: tried[rate])
    if len(rates) < 2 or len(rates) >= MOST_RATES or math.isinf(tried[best]):
        return None
    if best == rates[-1]:
        return float(f"{best * best / rates[-2]:.4g}")
    return float(f"{best * best / rates[1]:.4g}") if best == rates[0] else None


def _carried_out(
    plan: Plan, folder: Path, jobs: list[Job], rates: dict[str, float], crew: Crew, board: Board
) -> Iterator[tuple[Job, Values, int]]:
    """Each job with its values, from its file where it was done before, and how many are left if it was not."""
    missing, given = [], []
    for each in jobs:
        values = read(folder / JOBS / f"{each.name}.json")
        rate = rates.get(each.arm) if each.rate is None else each.rate
        share = 1.0 if each.rate is None else budget.SEARCH
        if values is None or values.get("made_with") != fingerprint(plan, each.arm, rate, share):
            missing.append(each)
            given.append((plan, each.arm, each.seed, rate, share, folder / JOBS / f"{each.name}.safetensors"))
        else:
            board.keep(each.arm, each.seed, each.rate, values)
            yield each, values, 0
    if not any(each.rate for each in missing):
        board.begin(plan.seeds, len(missing))
    began = time.monotonic()
    for count, (number, values) in enumerate(crew.all(carry_out, given), 1):
        each = missing[number]
        write(folder / JOBS / f"{each.name}.json", json.dumps(values))
        for ending in (".safetensors", ".[0-9]*.safetensors"):  # its own network, and others of it
            for kept in (folder / JOBS).glob(glob.escape(each.name) + ending):
                kept.unlink()
        left = (time.monotonic() - began) / count * (len(missing) - count)
        board.note(each.arm, each.seed, each.rate, values, len(missing) - count, left)
        yield each, values, len(missing) - count
