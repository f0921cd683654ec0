"""A training run from its plan to its end."""

from __future__ import annotations

import dataclasses
import math
import shlex
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models, papers, runs, spec
from ..data import Finish, Loader, Source, Statistics
from ..errors import Interrupted, ResourceError, UsageError
from ..evaluate import evaluate_network
from ..evaluate.pictures import draw_confusion
from ..network import Network
from ..runs import checkpoint
from ..runs.folder import BEST, RUN, RunFolder, now, revision, versions
from ..spec import Recipe
from .bn_average import average_statistics
from .budget import within
from .keeper import RunKeeper, say
from .loop import steps_per_epoch, train
from .machine import Machine, make_loaders
from .page import write_report
from .plan import DEMO_DATA, Plan, Request, make_plan
from .state import Training
from .tuning import prepared, tuned

FEW_MINUTES = 3.0


def start(request: Request, machine: Machine, out: str | None = None, name: str | None = None) -> RunFolder:
    """Plan a new run, train it in a new folder, and return the folder."""
    RunFolder.check_out(out)
    if machine.tensorboard:
        board_writer()
    plan, machine = planned(request, machine)
    for line in plan.said:
        print(line)
    network = plan.network()
    folder = RunFolder.create(name or plan.name, out)
    carry_out(folder, describe_run(plan, machine), plan.source, network, plan.statistics, machine)
    return write_report(folder, plan.source, machine)


def planned(request: Request, machine: Machine) -> tuple[Plan, Machine]:
    """The plan, with the epochs for the minutes that were asked for, and how it is carried out here.

    What is measured takes some of those minutes; where they are few, the layout is not.
    """
    plan, began = make_plan(request), time.monotonic()
    if request.minutes is None:
        return tuned(plan, machine)
    if request.minutes >= FEW_MINUTES:
        plan, machine = tuned(plan, machine)
    machine = dataclasses.replace(machine, compile=bool(machine.compile))
    return within(plan, machine, request.minutes, began), machine


Saved = tuple[Path, dict[str, Tensor], dict[str, Any]]  # a checkpoint's path, tensors and state


def describe_run(plan: Plan, machine: Machine) -> dict[str, Any]:
    """What run.json and every checkpoint say about the run, all JSON."""
    return {
        "network": {"name": plan.name, "overrides": plan.overrides},
        "classes": list(plan.source.classes),
        "preprocess": spec.to_dict(plan.recipe.preprocess),
        "recipe": spec.to_dict(plan.recipe),
        "source": {
            "spec": absolute(plan.spec),
            "name": plan.source.name,
            "fingerprint": plan.source.fingerprint,
            "bad_images": plan.request.bad_images,
            "allow_empty": plan.request.allow_empty,
        },
        "grow_from": plan.request.grow_from and absolute(plan.request.grow_from),
        "weights": plan.request.weights and absolute(plan.request.weights),
        "paper": papers.record(plan.name),
        "compile": machine.compile,
        "asked": asked(plan.request),
        "changed": [],
        "branch": 0,
        "command": shlex.join(["convnets", *sys.argv[1:]]),
        "started": now(),
        "versions": versions(),
        "revision": revision(),
    }


def asked(request: Request) -> list[str]:
    """The fields of the recipe that the user set, as key=value."""
    given = {"epochs": request.epochs, "seed": request.seed}
    own = [text for text in request.assignments if not text.startswith("model.")]
    return [*(f"{key}={value}" for key, value in given.items() if value is not None), *own]


def absolute(data: str) -> str:
    """--data as it can be found again from another folder; names such as `digits` stay as they are."""
    path = Path(data).expanduser()
    return str(path.resolve()) if data != DEMO_DATA and path.exists() else data


def carry_out(
    folder: RunFolder,
    run: dict[str, Any],
    source: Source,
    network: Network,
    statistics: Statistics,
    machine: Machine,
    saved: Saved | None = None,
    forked: bool = False,
) -> RunFolder:
    """Train the run that `run` describes to its end, from `saved` if it was begun.

    `forked`: it leaves the course that led to what else is saved in the folder.
    """
    recipe = spec.from_dict(Recipe, run["recipe"])
    if saved is not None:
        runs.load_weights(network, runs.under("model.", saved[1]), saved[0])
    training = Training(network, recipe, machine.device, statistics)
    train_loader, val_loader = make_loaders(source, recipe, statistics, machine)
    steps = steps_per_epoch(train_loader, recipe.accumulate)
    keeper = RunKeeper(folder, run, steps, machine.save_steps, machine.save_seconds)
    if saved is not None:
        _restore(training, saved, folder, forked)
    if forked:
        keeper.save(training)  # from here on, this is where the run stands
    folder.write_run(run)  # nothing can be refused any more
    _introduce(folder, run, source, training, saved is not None)
    if machine.tensorboard:
        keeper.board = board_writer()(folder.path / "tensorboard", purge_step=training.step)
    forward = prepared(training, dataclasses.replace(machine, compile=run["compile"]))
    with keeper:
        try:
            train(training, train_loader, val_loader, keeper, forward)
            keeper.draw(training)
            _average_statistics(folder, training, train_loader)
            _finish(folder, keeper.title, training, val_loader)
        except Interrupted:
            keeper.save(training)
            keeper.draw(training)
            raise
        except (MemoryError, RuntimeError, ResourceError) as error:
            raise _explained(error, recipe, keeper) from None
        keeper.stop_if_asked()
    return folder


def _restore(training: Training, saved: Saved, folder: RunFolder, forked: bool) -> None:
    """Put the run, and the records in its folder, back to where `saved` was saved."""
    _, tensors, state = saved
    training.restore(tensors, state)
    if forked and folder.set_best_aside(training.best):
        training.best = None
    folder.write_metrics(training.log)
    folder.trim_timing(training.epoch)


def _introduce(
    folder: RunFolder, run: dict[str, Any], source: Source, training: Training, resumed: bool
) -> None:
    """Say what is about to happen."""
    counts = ", ".join(f"{len(split.labels):,} {name}" for name, split in source.splits.items())
    more = f", ... (all in {folder.path / RUN})" if len(source.classes) > 100 else ""
    names = ", ".join(source.classes[:100]) + more
    parameters = sum(parameter.numel() for parameter in training.network.parameters())
    print(f"data {source.name}: {counts}; {len(source.classes)} classes: {names}")
    size = training.recipe.preprocess.size
    print(f"network {run['network']['name']}: {parameters:,} parameters, input {size}x{size}, on {training.device}")
    if training.is_over():
        more = "--epochs N --allow-change epochs"
        if training.epoch < training.recipe.epochs:
            more = "--patience 0 --allow-change patience"
        print(f"already finished: {training.epoch} epochs; to go on, add {more}")
    elif resumed:
        ahead = range(training.epoch, min(training.epoch + 3, training.recipe.epochs))
        rates = ", ".join(f"{training.scheduler.rate(epoch):.4g}" for epoch in ahead)
        print(f"resumed at step {training.step}, epoch {training.epoch + 1}; learning rate of the next epochs: {rates}")
    print(f"run folder {folder.path}", flush=True)


def _average_statistics(folder: RunFolder, training: Training, loader: Loader) -> None:
    """Give the best weights the plain average of batch normalisation's statistics, and save them.

    Where the recipe asks for it. The pictures are those of the epoch that would come next, so that it can be done again
    with the same result.
    """
    if not training.recipe.bn_average:
        return
    recipe, (tensors, state) = training.recipe, checkpoint.load(folder.path / BEST)
    prefix = "ema." if training.average else "model."
    network = models.create_model(state["network"]["name"], **state["network"]["overrides"]).to(training.device)
    network.load_state_dict(runs.under(prefix, tensors))
    finish = Finish(recipe.preprocess, training.statistics, recipe.augment, recipe.seed)
    batches = islice(loader.epoch(recipe.epochs), math.ceil(recipe.bn_average / loader.batch_size))
    seen = average_statistics(network, (finish(batch, recipe.epochs, training.device).images for batch in batches))
    tensors |= {prefix + name: tensor for name, tensor in network.state_dict().items()}
    folder.save(BEST, tensors, {**state, "bn_average": seen})
    say(f"statistics of batch normalisation averaged over {seen:,} training pictures")


def _finish(folder: RunFolder, title: str, training: Training, val_loader: Loader | None) -> None:
    """How good the best weights of a finished run are, and whom they take for whom."""
    best, where = training.best or {}, "validation" if val_loader is not None else "training"
    if val_loader is not None:
        loaded = runs.load(folder.path / BEST)
        network = loaded.network.to(training.device)
        result = evaluate_network(
            network, val_loader, loaded.preprocess, training.device, statistics=loaded.statistics
        )
        try:
            draw_confusion(result, loaded.classes, folder.path / "confusion.png", f"{title}, val split")
        except OSError as error:
            say(f"warning: cannot draw the confusion matrix ({error})", sys.stderr)
    changed = ""
    if val_loader is not None and training.recipe.bn_average:
        changed = f", {result.top1_error:.2f} % with averaged statistics"
    found = f"{training.recipe.select} {where} error {best['error']:.2f} % after epoch {best['epoch']}{changed}"
    say(f"{found}; weights in {folder.path / BEST}")


def board_writer() -> Any:
    """TensorBoard's writer. Raises UsageError where the extra is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("--tensorboard: not installed; pip install 'convnets[tensorboard]'") from None
    return SummaryWriter


def _explained(error: Exception, recipe: Recipe, keeper: RunKeeper) -> Exception:
    """The error as one about a signal, memory, a worker process or the compiler, where it is one."""
    text = str(error)
    if keeper.signal is not None:  # which may have ended workers for data in the middle of a step
        then = f"the last checkpoint is valid; continue with convnets train --resume {keeper.folder.path}"
        return Interrupted(keeper.signal, then)
    if "nductor" in type(error).__name__:
        return UsageError(f"--compile: {text.splitlines()[0]}; it needs a C++ compiler, or leave it out")
    if text.startswith("DataLoader worker"):  # torch reports a dead worker wherever the main process happens to be
        return ResourceError(f"{text.splitlines()[0]} The last checkpoint is valid; resume with fewer --workers")
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text:
        smaller = max(1, recipe.batch_size // recipe.accumulate // 2)
        return ResourceError(
            f"out of memory with {recipe.batch_size // recipe.accumulate} pictures at a time; the last checkpoint is "
            f"valid; try --checkpoint-activations, --set accumulate={recipe.accumulate * 2} ({smaller} at a time) or "
            f"--batch-size {smaller}"
        )
    return error
