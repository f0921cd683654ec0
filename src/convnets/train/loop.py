"""The training loop. It receives objects and knows no options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from torch import Tensor, nn

from ..data import Batch, Loader, normalise
from ..evaluate import evaluate_network
from ..spec import Preprocess
from .state import Training

CHECK_EVERY = 20  # steps between looks at the loss on an accelerator, where each look waits for the device


class Keeper(Protocol):
    """What watches over a run: shows progress, saves, and stops it. See keeper.py."""

    def watch(self, groups: Iterable[list[Batch]], training: Training) -> Iterator[list[Batch]]:
        """The same groups, timed and shown."""

    def stop_if_asked(self) -> None:
        """Raise Interrupted where a signal came."""

    def after_step(self, training: Training) -> None:
        """Save where it is due; stop where it was asked for."""

    def after_epoch(self, training: Training, row: dict[str, Any]) -> None:
        """Record the epoch and save."""


def train(
    training: Training,
    train_loader: Loader,
    val_loader: Loader | None,
    preprocess: Preprocess,
    keeper: Keeper,
    forward: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """Train until the recipe's last epoch. `forward` is the network's own call, or a compiled form of it."""
    recipe, forward = training.recipe, forward or training.network
    loss_function = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    steps = steps_per_epoch(train_loader, recipe.accumulate)
    while training.epoch < recipe.epochs:
        training.network.train()
        batches = train_loader.epoch(training.epoch, start=training.batch)
        for group in keeper.watch(_groups(batches, recipe.accumulate), training):
            rate = training.scheduler.rate(training.epoch + training.batch / recipe.accumulate / steps)
            take_step(training, forward, loss_function, group, preprocess, rate)
            keeper.after_step(training)
        training.check_finite()
        row = {"epoch": training.epoch + 1, "step": training.step, "lr": training.rate()}
        row |= dict(zip(("train_loss", "train_error"), training.means(), strict=True))
        if val_loader is not None:
            row |= validate(training, val_loader, preprocess, keeper.stop_if_asked)
        training.scheduler.observe(row.get("val_error", row["train_error"]))
        training.log.append(row)
        training.next_epoch()
        keeper.after_epoch(training, row)


def take_step(
    training: Training,
    forward: Callable[[Tensor], Tensor],
    loss_function: nn.Module,
    group: list[Batch],
    preprocess: Preprocess,
    rate: float,
) -> None:
    """One step of the optimizer on the gradients of all batches of `group`. Raises DivergedError at a NaN loss."""
    training.set_rate(rate)
    for batch in group:
        labels = batch.labels.to(training.device, non_blocking=True)
        images = normalise(batch.images.to(training.device, non_blocking=True), preprocess)
        with training.autocast():
            logits = forward(images)
            loss = loss_function(logits, labels)
        training.scaler.scale(loss / len(group)).backward()
        training.count(loss, logits, labels)
    if training.device.type == "cpu" or training.step % CHECK_EVERY == 0:
        training.check_finite()
    training.scaler.step(training.optimizer)
    training.scaler.update()
    training.optimizer.zero_grad(set_to_none=True)
    training.batch, training.step = training.batch + len(group), training.step + 1
    if training.average:
        training.average.update(training.network, training.step)


def validate(
    training: Training, loader: Loader, preprocess: Preprocess, after_batch: Callable[[], None]
) -> dict[str, float]:
    """Loss and top-1 error on the validation split, of the averaged weights where the recipe keeps an average."""
    with training.averaged():
        result = evaluate_network(training.network, loader, preprocess, training.device, after_batch=after_batch)
    return {"val_loss": result.loss, "val_error": result.top1_error}


def steps_per_epoch(loader: Loader, accumulate: int) -> int:
    """Optimizer steps in an epoch; batches that do not fill a whole step are left out of it."""
    return len(loader) // accumulate


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while len(group := list(islice(iterator, size))) == size:
        yield group
