"""One arm with one seed: the network is trained and measured, and everything that came of it is plain values."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .. import spec
from ..data import Batch, Loader, Statistics, measure
from ..errors import CheckpointError, DivergedError, UsageError
from ..experiments import Arm, Experiment
from ..network import Network, WithAuxiliary
from ..runs import checkpoint, under
from ..spec import SGD, Augment, Cosine, Preprocess, Recipe
from ..train.loop import train
from ..train.machine import Machine
from ..train.state import Training
from ..train.tuning import prepared
from . import networks, pictures
from .chain import Task
from .looks import AFTER, Ensemble, tested
from .plan import EPOCHS, Plan, times
from .probes import WHILE, EpochsTo, Probe

Values = dict[str, Any]
PROBES = WHILE | AFTER
KEPT_EVERY = 10.0  # seconds, at least
BASE = Recipe(
    name="experiment", batch_size=64, optimizer=SGD(lr=0.05, weight_decay=5e-4), schedule=Cosine(), val_fraction=0.0,
    augment=Augment(pad=2, flip=True), select="last", channels_last=True, precision="auto",
)  # fmt: skip


def run(
    plan: Plan, arm: str, seed: int, rate: float | None = None, share: float = 1.0, kept: Path | None = None,
    made_with: str = "",
) -> Values:  # fmt: skip
    """Train an arm with this seed to the end of the plan, or for a `share` of it, and measure it.

    `rate` is a learning rate in place of the recipe's; a run for a share of the plan is watched by no probe. A loss
    that is no number is a result: `diverged`, and as bad as chance. At `kept` a run that takes long is kept between its
    epochs, and goes on where that was `made_with` the same.
    """
    experiment = plan.experiment
    data = pictures.load(plan.setting, plan.data, plan.state)
    recipe, statistics = recipe_of(plan, arm, seed, data, rate, share)
    model = network_of(experiment, experiment.arms[arm], task_of(plan, data, recipe), seed)
    training = Training(model, recipe, torch.device(plan.device), statistics)
    network = training.network
    others = Others(data, rate, kept, made_with)
    probes = _probes(plan, arm, others) if share == 1.0 else []
    watcher = Watcher(training, data, probes, kept, made_with)
    found: Values = {"parameters": sum(parameter.numel() for parameter in network.parameters())}
    try:
        state = kept_state(kept, made_with)
        if experiment.arms[arm].start and state is None:
            _begin_from(network, plan, arm, others, seed)
        loader = loader_of(data.train, recipe, statistics, training.device)
        forward = prepared(training, Machine(training.device))
        for probe in probes:
            probe.begin(training, data)
        if state is not None:
            watcher.restore(*state)
        train(training, loader, None, watcher, forward)
    except DivergedError:
        found["diverged"] = True
    except _EnoughError:
        pass
    found |= {"epochs": training.epoch, "rate": recipe.optimizer.lr, "seconds": round(watcher.seconds, 2)}
    found |= {"curves": watcher.curves, "chance": watcher.chance} | watcher.last(found.get("diverged", False))
    if training.average:
        with training.averaged():
            found["averaged_error"] = round(watcher.tested(), 4)
    for probe in probes:
        if not found.get("diverged") or isinstance(probe, EpochsTo):
            found |= probe.end(training, data)
    found["before"] = watcher.before + others.before
    return found


def _probes(plan: Plan, arm: str, others: Others) -> list[Probe]:
    """The experiment's, with what they are given to do their work."""
    probes = [PROBES[name](**plan.experiment.options.get(name, {})) for name in plan.experiment.probes]
    for probe in probes:
        if isinstance(probe, Ensemble):
            probe.another = partial(others.train, plan, arm)
    return probes


def kept_state(kept: Path | None, made_with: str) -> tuple[dict[str, torch.Tensor], Values] | None:
    """What an earlier call kept of this very run; None where there is nothing, or nothing that can be read."""
    if kept is None or not kept.exists():
        return None
    try:
        tensors, state = checkpoint.load(kept)
    except CheckpointError:
        return None
    return (tensors, state) if state["made_with"] == made_with else None


def recipe_of(
    plan: Plan, arm: str, seed: int, data: pictures.Pictures, rate: float | None, share: float
) -> tuple[Recipe, Statistics]:
    """What the arm trains with: the base recipe, what the experiment and the arm set of it, and measured statistics."""
    chosen, setting = plan.experiment.arms[arm], plan.setting
    epochs = max(1, round(plan.epochs * share))
    preprocess = Preprocess(size=setting.size, resize=None, channels=data.channels)
    recipe = dataclasses.replace(BASE, batch_size=setting.batch_size, epochs=epochs, preprocess=preprocess)
    planned = plan.experiment.setting.epochs if plan.scale != "tiny" else epochs
    longer = dict.fromkeys(EPOCHS, epochs / planned)  # or shorter, than what the recipe's milestones are for
    said = [times(text, longer) for text in (*plan.experiment.recipe, *chosen.recipe)]
    recipe = spec.override(recipe, [*said, f"seed={seed}"])
    if rate is not None:
        recipe = spec.override(recipe, [f"optimizer.lr={rate:g}"])
    recipe = dataclasses.replace(recipe, preprocess=_for_channels(recipe.preprocess, data.channels))
    preprocess, statistics = measure(data.train, recipe.preprocess, recipe.augment)
    return dataclasses.replace(recipe, preprocess=preprocess), statistics


def _for_channels(preprocess: Preprocess, channels: int) -> Preprocess:
    """A mean and deviation that are the same for all channels, for so many of them."""
    both = preprocess.mean, preprocess.std
    mean, std = (values[:1] * channels if len(set(values)) == 1 else values for values in both)
    return dataclasses.replace(preprocess, mean=mean, std=std)


def task_of(plan: Plan, data: pictures.Pictures, recipe: Recipe) -> Task:
    """What the plan's networks are made for."""
    return Task(data.classes, data.channels, recipe.preprocess.size, plan.width)


def network_of(experiment: Experiment, arm: Arm, task: Task, seed: int) -> Network | WithAuxiliary:
    """The arm's network with the initial weights of the seed."""
    name = arm.network or experiment.network
    if not name:
        raise UsageError(f"experiment {experiment.id}: an arm has no network")
    return networks.build(name, arm.values, task, seed)


@dataclass
class Others:
    """The networks that a job trains besides its own, kept beside it while it is not done."""

    data: pictures.Pictures
    rate: float | None
    kept: Path | None
    made_with: str
    before: float = 0.0  # seconds that earlier calls took

    def train(self, plan: Plan, arm: str, seed: int) -> Network:
        """A network of an arm, trained from this seed to the end of the plan without being looked at."""
        recipe, statistics = recipe_of(plan, arm, seed, self.data, self.rate, 1.0)
        model = network_of(plan.experiment, plan.experiment.arms[arm], task_of(plan, self.data, recipe), seed)
        training = Training(model, recipe, torch.device(plan.device), statistics)
        loader = loader_of(self.data.train, recipe, statistics, training.device)
        kept = self.kept.with_name(f"{self.kept.stem}.{seed}.safetensors") if self.kept else None
        watcher = Watcher(training, self.data, [], kept, self.made_with)
        if (state := kept_state(kept, self.made_with)) is not None:
            watcher.restore(*state)
        train(training, loader, None, watcher, prepared(training, Machine(training.device)))
        self.before += watcher.before
        return training.network


def _begin_from(network: Network, plan: Plan, arm: str, others: Others, seed: int) -> None:
    """Train the network that the arm starts from, and take over every row of it that fits."""
    chosen = plan.experiment.arms[arm]
    arms = {arm: dataclasses.replace(chosen, values=chosen.start, start={})}
    before = dataclasses.replace(plan, experiment=dataclasses.replace(plan.experiment, arms=arms))
    own, learned = network.state_dict(), others.train(before, arm, seed).state_dict()
    fits = {key: value for key, value in learned.items() if key in own and own[key].shape == value.shape}
    network.load_state_dict(own | fits)


def loader_of(split: Any, recipe: Recipe, statistics: Statistics, device: torch.device, test: bool = False) -> Loader:
    """Batches to train on, or to test on."""
    if test:
        return Loader(split, recipe.preprocess, batch_size=500, statistics=statistics, device=device)
    return Loader(split, recipe.preprocess, batch_size=recipe.batch_size // recipe.accumulate, augment=recipe.augment,
                  shuffle=True, seed=recipe.seed, statistics=statistics, device=device)  # fmt: skip


class _EnoughError(Exception):
    """A probe has seen what it waited for."""


class Watcher:
    """Keeps the curves of a run: after each epoch the training loss and error, and the test error."""

    def __init__(
        self, training: Training, data: pictures.Pictures, probes: list[Probe], kept: Path | None = None,
        made_with: str = "",
    ) -> None:  # fmt: skip
        self.training, self.probes, self.kept, self.made_with = training, probes, kept, made_with
        self.test = loader_of(data.test, training.recipe, training.statistics, training.device, test=True)
        self.curves: dict[str, list[float]] = {key: [] for key in ("train_loss", "train_error", "test_error")}
        self.seconds = 0.0  # of training alone, without the first epoch
        self.chance = 100 * (1 - 1 / training.network.num_classes)
        self.began = self.saved = self.made = time.perf_counter()
        self.before = 0.0  # seconds that earlier calls took

    def watch(self, groups: Iterable[list[Batch]], training: Training) -> Iterator[list[Batch]]:
        self.began = time.perf_counter()
        yield from groups

    def stop_if_asked(self) -> None:
        pass

    def after_step(self, training: Training) -> None:
        for probe in self.probes:
            probe.after_step(training)

    def after_epoch(self, training: Training, row: Values) -> None:
        if training.epoch > 1:  # the first has what is done only once
            self.seconds += time.perf_counter() - self.began
        for key, value in (row | {"test_error": self.tested()}).items():
            if key in self.curves:
                self.curves[key].append(round(float(value), 4))
        for probe in self.probes:
            probe.after_epoch(training)
        if any(probe.is_satisfied() for probe in self.probes):
            raise _EnoughError
        if self.kept is not None and time.perf_counter() - self.saved > KEPT_EVERY:
            self.save(self.kept)

    def save(self, path: Path) -> None:
        """Keep the run as it is."""
        tensors, state = self.training.tensors(), self.training.state()
        tensors |= {f"probe.{n}.{key}": tensor for n, probe in enumerate(self.probes)
                    for key, tensor in probe.tensors().items()}  # fmt: skip
        state |= {"made_with": self.made_with, "curves": self.curves, "seconds": self.seconds,
                  "before": self.before + time.perf_counter() - self.made}  # fmt: skip
        checkpoint.save(path, tensors, state | {"probes": [probe.state() for probe in self.probes]})
        self.saved = time.perf_counter()

    def restore(self, tensors: dict[str, torch.Tensor], state: Values) -> None:
        """Go on from what was kept."""
        self.training.restore(tensors, state)
        self.curves, self.seconds, self.before = state["curves"], state["seconds"], state["before"]
        for number, (probe, values) in enumerate(zip(self.probes, state["probes"], strict=True)):
            probe.restore(under(f"probe.{number}.", tensors), values)

    def tested(self) -> float:
        """Test error of the network as it is."""
        return tested(self.training, self.test)

    def last(self, diverged: bool) -> Values:
        """The last values of the curves; those of chance where there are none, or the run diverged."""
        found = {key: values[-1] for key, values in self.curves.items() if values}
        if diverged or not found:
            loss = math.log(self.training.network.num_classes)
            found = {"train_loss": max(loss, found.get("train_loss", loss)), "train_error": self.chance,
                     "test_error": self.chance}  # fmt: skip
        return found

