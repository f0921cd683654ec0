"""What makes a run fast leaves its losses what they are: each technique against the plain form, on real steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from convnets.data import Finish
from convnets.evaluate import evaluating
from convnets.train.forward import without_copies
from convnets.train.loop import begin_epoch, take_step
from convnets.train.machine import Machine, make_loaders
from convnets.train.optimizers import Average
from convnets.train.plan import Request, make_plan
from convnets.train.state import Training

CPU = torch.device("cpu")
# At a low rate: where a ReLU's input is all but nothing, rounding decides whether it passes the gradient on, and what
# follows from that grows with the rate; at 0.02, and weights changed by 1e-7, losses are per cents apart in ten steps
GIVEN = ("precision=float32", "channels_last=true", "ema=0.9", "batch_size=64", "optimizer.lr=0.001")
ADAMW = ("optimizer=adamw", "optimizer.lr=3e-4", "optimizer.weight_decay=5")  # so that it shows
Change = Callable[[Training], object]


class Course(NamedTuple):
    """Losses of each step, of the average after it, and how they came about."""

    losses: list[float]
    averaged: list[float]
    facts: dict[str, Any]


class PlainAverage(Average):
    """The moving average of weights and statistics as its formula has it, one tensor after the other."""

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """a <- decay * a + (1 - decay) * w, with the warm-up of the decay; what is counted is copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor = decay * self.values[name] + (1 - decay) * tensor
            self.values[name] = tensor.clone()


def plain_adamw(training: Training) -> None:
    for group in training.optimizer.param_groups:
        group.update(fused=False, foreach=False)


def plain_average(training: Training) -> None:
    training.average = PlainAverage(training.network, training.recipe.ema)


def in_place(training: Training) -> None:
    without_copies(training.model)


@dataclass(frozen=True)
class Technique:
    """Two forms of one run: assignments, and a change by hand. `fact` is where they differ.

    Losses differ by at most `most` of themselves; the first, before any step, by `first` at most and `least` at least.
    """

    fact: str
    fast: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    fast_change: Change = id
    plain_change: Change = id
    most: float = 0.0
    first: float = 0.0
    least: float = 0.0


TECHNIQUES = {
    "channels_last": Technique("layout", ("channels_last=true",), ("channels_last=false",), most=2e-2, first=1e-5),
    "fused AdamW": Technique("fused", ADAMW, ADAMW, plain_change=plain_adamw, most=1e-3),
    "averages all at once": Technique("average", plain_change=plain_average, most=1e-5),
    "ReLUs in place": Technique("in place", fast_change=in_place),
    "bfloat16": Technique("dtype", ("precision=bfloat16",), most=5e-2, first=1e-2, least=1e-4),
}


def course(assignments: tuple[str, ...], change: Change) -> Course:
    """One epoch of ResNet-20 on the digits."""
    plan = make_plan(Request("resnet20", "digits", assignments=(*GIVEN, *assignments)))
    training = Training(plan.network(), plan.recipe, CPU, plan.statistics)
    change(training)
    facts: dict[str, Any] = {
        "fused": training.optimizer.param_groups[0]["fused"],
        "average": type(training.average),
        "in place": any(part.inplace for part in training.network.modules() if isinstance(part, nn.ReLU)),
    }

    def look(layer: nn.Module, _: object, maps: Tensor) -> None:
        if layer.training:
            facts["layout"], facts["dtype"] = maps.is_contiguous(memory_format=torch.channels_last), maps.dtype

    training.network.get_submodule("stage2.0.body.conv1.conv").register_forward_hook(look)
    finish = Finish(plan.recipe.preprocess, plan.statistics, plan.recipe.augment, plan.recipe.seed)
    loader, _ = make_loaders(plan.source, plan.recipe, plan.statistics, Machine(CPU, workers=0))
    losses, averaged = [], []
    begin_epoch(training)
    for batch in loader.epoch(0):
        training.totals.zero_()
        take_step(training, training.model, finish, [batch], plan.recipe.optimizer.lr)
        losses.append(training.means()[0])
        with training.averaged(), evaluating(training.network):
            logits = training.network(finish(batch, 0, CPU).images)
        averaged.append(cross_entropy(logits, batch.labels).item())
    return Course(losses, averaged, facts)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_losses_are_those_of_the_plain_form(name: str) -> None:
    technique = TECHNIQUES[name]
    fast = course(technique.fast, technique.fast_change)
    plain = course(technique.plain, technique.plain_change)
    assert [fact for fact in fast.facts if fast.facts[fact] != plain.facts[fact]] == [technique.fact]
    assert len(plain.losses) == 20 and plain.losses[-1] < 0.75 * plain.losses[0]  # it learns
    assert fast.losses == pytest.approx(plain.losses, rel=technique.most, abs=0)
    assert fast.averaged == pytest.approx(plain.averaged, rel=technique.most, abs=0)
    assert technique.least <= abs(fast.losses[0] / plain.losses[0] - 1) <= technique.first
