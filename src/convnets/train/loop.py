"""The training loop. It receives objects and knows no options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from ..data import Batch, Finish, Loader, Mixed
from ..evaluate import evaluate_network
from .forward import Forward
from .optimizers import limit_filters
from .state import Training, judged

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
    keeper: Keeper,
    forward: Forward | None = None,
) -> None:
    """Train until the recipe's last epoch, or until validation stops improving where the recipe has patience.

    `forward` is the model's own call, or another form of it (forward.py).
    """
    recipe = training.recipe
    forward = training.model if forward is None else forward  # a compiled module may refuse to be asked if it is true
    finish = Finish(recipe.preprocess, training.statistics, recipe.augment, recipe.seed)
    steps = steps_per_epoch(train_loader, recipe.accumulate)
    while not training.is_over():
        begin_epoch(training)
        batches = train_loader.epoch(training.epoch, start=training.batch)
        for group in keeper.watch(_groups(batches, recipe.accumulate), training):
            rate = training.scheduler.rate(training.epoch + training.batch / recipe.accumulate / steps)
            take_step(training, forward, finish, group, rate)
            keeper.after_step(training)
        training.check_finite()
        row = {"epoch": training.epoch + 1, "step": training.step, "lr": training.rate()}
        row |= dict(zip(("train_loss", "train_error"), training.means(), strict=True))
        if val_loader is not None:
            row |= validate(training, val_loader, keeper.stop_if_asked)
        training.scheduler.observe(judged(row)[0])
        training.log.append(row)
        training.next_epoch()
        keeper.after_epoch(training, row)


def begin_epoch(training: Training) -> None:
    """Training mode, but for frozen rows, and batch normalisation in the epochs at the end that leave it as it is."""
    training.model.train()
    frozen = training.frozen()
    for row in training.network.children():
        row.requires_grad_(row not in frozen)
        row.train(row not in frozen)
    if training.epoch < training.recipe.epochs - training.recipe.freeze_bn:
        return
    for module in training.model.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.eval()
            for parameter in module.parameters():
                parameter.requires_grad_(False)
                parameter.grad = None


def take_step(training: Training, forward: Forward, finish: Finish, group: list[Batch], rate: float) -> None:
    """One step of the optimizer on the gradients of all batches of `group`. Raises DivergedError at a NaN loss."""
    recipe = training.recipe
    training.set_rate(rate)
    for batch in group:
        mixed = finish(batch, training.epoch, training.device)
        with training.autocast():
            answer = forward(training.laid_out(mixed.images))
            logits, auxiliary = answer if isinstance(answer, tuple) else (answer, ())
            loss = mixed_loss(logits, mixed, recipe.label_smoothing)
            total = loss + recipe.auxiliary * sum(mixed_loss(one, mixed, recipe.label_smoothing) for one in auxiliary)
        training.scaler.scale(total / len(group)).backward()
        training.count(loss, logits, mixed.labels)
    if training.device.type == "cpu" or training.step % CHECK_EVERY == 0:
        training.check_finite()
    for parameter in training.model.parameters():
        # a block that stochastic depth dropped still decays and follows its momentum, as in the authors' code
        if parameter.grad is None and parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    if recipe.clip:
        training.scaler.unscale_(training.optimizer)
        clip_grad_norm_(training.model.parameters(), recipe.clip)
    training.scaler.step(training.optimizer)
    training.scaler.update()
    training.optimizer.zero_grad(set_to_none=True)
    if recipe.filter_rms:
        limit_filters(training.model, recipe.filter_rms)
    training.batch, training.step = training.batch + len(group), training.step + 1
    if training.average:
        training.average.update(training.network, training.step)


def mixed_loss(logits: Tensor, mixed: Mixed, smoothing: float) -> Tensor:
    """Mean cross-entropy (nats); of mixed pictures, that of both labels by their shares of the picture.

    With smoothing s of K classes the target is 1 - s + s / K for the label and s / K for the others.
    """
    if mixed.partners is None or mixed.share is None:
        return cross_entropy(logits, mixed.labels, label_smoothing=smoothing)
    own, partner = (
        cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        for labels in (mixed.labels, mixed.partners)
    )
    return torch.lerp(partner, own, mixed.share.to(own.dtype)).mean()


def validate(training: Training, loader: Loader, after_batch: Callable[[], None]) -> dict[str, float]:
    """Loss and top-1 error on the validation split, and those of the averaged weights where the recipe keeps them."""

    def measured(prefix: str) -> dict[str, float]:
        result = evaluate_network(
            training.network, loader, training.recipe.preprocess, training.device, after_batch=after_batch,
            statistics=training.statistics,
        )  # fmt: skip
        return {f"{prefix}val_loss": result.loss, f"{prefix}val_error": result.top1_error}

    row = measured("")
    if training.average:
        with training.averaged():
            row |= measured("ema_")
    return row


def steps_per_epoch(loader: Loader, accumulate: int) -> int:
    """Optimizer steps in an epoch; batches that do not fill a whole step are left out of it."""
    return len(loader) // accumulate


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while len(group := list(islice(iterator, size))) == size:
        yield group
