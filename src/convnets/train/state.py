"""Everything that changes while a network trains: what a checkpoint holds, so that a run can go on bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..data import NO_STATISTICS, Statistics
from ..errors import DivergedError, UsageError
from ..models import with_auxiliary
from ..network import Network, WithAuxiliary
from ..runs import under
from ..spec import Recipe
from .machine import mixed_dtype
from .optimizers import Average, make_optimizer, restore_state, rows_with_weights, set_rate, state_tensors
from .schedules import Scheduler


class Training:
    """A network in training, with its optimizer, schedule, place in the run and record so far.

    `model` is what is trained: the network, inside its auxiliary classifiers where the recipe has them.
    """

    def __init__(
        self, model: Network | WithAuxiliary, recipe: Recipe, device: torch.device,
        statistics: Statistics = NO_STATISTICS,
    ) -> None:  # fmt: skip
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format  # also where it is left open
        network = model.network if isinstance(model, WithAuxiliary) else model
        if recipe.auxiliary and model is network:
            model = with_auxiliary(network, size=recipe.preprocess.size)
        self.model: Network | WithAuxiliary = model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self.network, self.recipe, self.device, self.statistics = network, recipe, device, statistics
        self.optimizer = make_optimizer(self.model, recipe.optimizer, by_row=recipe.unfreeze > 0)
        self.scheduler = Scheduler(recipe)
        self.average = Average(self.network, recipe.ema) if recipe.ema else None
        self.dtype = mixed_dtype(recipe.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype is torch.float16)
        self.epoch = self.batch = self.step = 0  # batches of this epoch and steps of the run already taken
        self.totals = torch.zeros(3, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
        self.log: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of the forward pass: mixed precision where the recipe and the device have it."""
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def laid_out(self, images: Tensor) -> Tensor:
        """Pictures as the recipe lays out memory: a convolution is channels_last as soon as its pictures are.

        They come as channels_last. Those of one channel are in both layouts at once, so that only a copy will do.
        """
        return images if self.recipe.channels_last else images.clone(memory_format=torch.contiguous_format)

    def count(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch to the epoch's totals: summed loss, wrong answers, pictures."""
        wrong = (logits.detach().argmax(1) != labels).sum()
        summed = loss.detach().to(self.totals) * len(labels)
        self.totals += torch.stack([summed, wrong.to(self.totals), torch.full_like(summed, len(labels))])
        if self.scheduler.watches_steps:
            self.scheduler.observe_step(100 * wrong.item() / len(labels))

    def means(self) -> tuple[float, float]:
        """Mean loss and error in percent of the epoch so far."""
        loss, wrong, seen = self.totals.tolist()
        return loss / max(1, seen), 100 * wrong / max(1, seen)

    def check_finite(self) -> None:
        """Raise DivergedError where the epoch's loss is not a number any more."""
        if not torch.isfinite(self.totals[0]):
            raise DivergedError(
                f"the loss became NaN or infinite by step {self.step + 1} (epoch {self.epoch + 1}); "
                "the saved checkpoints are untouched; try a lower rate, for instance --lr with a tenth of it"
            )

    def frozen(self) -> list[nn.Module]:
        """The rows that do not learn in this epoch."""
        recipe, always = self.recipe, frozen_rows(self.network, self.recipe.freeze)
        if not recipe.unfreeze:
            return always
        rows = rows_with_weights(self.network)
        learning = 1 + int(self.epoch / recipe.unfreeze)
        return list(dict.fromkeys([*always, *rows[: max(0, len(rows) - learning)]]))

    def is_over(self) -> bool:
        """Whether the run has come to its end, or validation has stopped improving."""
        return self.recipe.is_over(self.epoch, self.best["epoch"] if self.best else self.epoch)

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.totals.zero_()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with the averaged weights, where the recipe keeps an average, and with its own again after."""
        if self.average is None:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.values)
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def rate(self) -> float:
        """The learning rate of the last step."""
        group = self.optimizer.param_groups[0]
        rate: float = group["lr"] / group["factor"]
        return rate

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        set_rate(self.optimizer, rate)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors a checkpoint needs, by name."""
        found = self.weights()
        if isinstance(self.model, WithAuxiliary):
            found |= {f"auxiliary.{name}": tensor for name, tensor in self.model.heads.state_dict().items()}
        found |= {f"optimizer.{name}": tensor for name, tensor in state_tensors(self.optimizer, self.model)}
        found |= {"progress.totals": self.totals, "random.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            found["random.cuda"] = torch.cuda.get_rng_state(self.device)
        if self.device.type == "mps":
            found["random.mps"] = torch.mps.get_rng_state()
        return found

    def weights(self) -> dict[str, Tensor]:
        """The tensors that a trained network needs: its weights, their average, and the data's statistics."""
        found = {f"model.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average:
            found |= {f"ema.{name}": tensor for name, tensor in self.average.values.items()}
        return found | {f"statistics.{name}": tensor for name, tensor in self.statistics.tensors().items()}

    def state(self) -> dict[str, Any]:
        """All other values a checkpoint needs, as JSON."""
        return {
            "progress": {"epoch": self.epoch, "batch": self.batch, "step": self.step, "lr": self.rate()},
            "schedule": self.scheduler.state(),
            "scaler": self.scaler.state_dict(),
            "log": self.log,
            "best": self.best,
        }

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Go on from what `tensors()` and `state()` gave; the random states come last, since building uses them."""
        self.network.load_state_dict(under("model.", tensors))
        if self.average:
            self.average.restore(under("ema.", tensors) or under("model.", tensors))  # it may be new to the run
        if isinstance(self.model, WithAuxiliary):
            self.model.heads.load_state_dict(under("auxiliary.", tensors))
        restore_state(self.optimizer, self.model, under("optimizer.", tensors))
        self.scheduler.restore(state["schedule"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.batch, self.step = (state["progress"][key] for key in ("epoch", "batch", "step"))
        self.log, self.best = state["log"], state["best"]
        self.set_rate(state["progress"]["lr"])
        self.totals.copy_(tensors["progress.totals"])
        torch.set_rng_state(tensors["random.torch"])
        if "random.cuda" in tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        if "random.mps" in tensors and self.device.type == "mps":
            torch.mps.set_rng_state(tensors["random.mps"])


def frozen_rows(network: Network, freeze: str) -> list[nn.Module]:
    """The rows that a recipe's `freeze` keeps as they are. Raises UsageError for a row that is not there."""
    rows = dict(network.named_children())
    names = list(rows)
    if freeze == "none":
        return []
    if freeze == "backbone":
        return [rows[name] for name in names[: names.index(network.head)]]
    kind, _, last = freeze.partition(":")
    if kind != "until" or last not in rows:
        raise UsageError(f"freeze={freeze}: give none, backbone, or until:ROW with one of {', '.join(names[:-1])}")
    if last == names[-1]:
        raise UsageError(f"freeze={freeze}: nothing would learn; {last} is the last row")
    return [rows[name] for name in names[: names.index(last) + 1]]


def judged(row: dict[str, Any]) -> tuple[float, float]:
    """The error and loss by which an epoch is judged: of the average, else in validation, else in training."""
    prefix = next(prefix for prefix in ("ema_val_", "val_", "train_") if f"{prefix}error" in row)
    return row[f"{prefix}error"], row[f"{prefix}loss"]
