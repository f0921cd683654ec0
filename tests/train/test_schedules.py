"""Learning rates over time, weight decay by kind of parameter, and the average of the weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from convnets import recipes
from convnets.models import create_model
from convnets.spec import SGD, Constant, Cosine, OneCycle, Plateau, Schedule, Step
from convnets.train.optimizers import Average, make_optimizer
from convnets.train.schedules import Scheduler, rescale


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), {0: 1, 5: 1, 9.99: 1}),
        (Constant(warmup=2), {0: 0.01, 1: 0.505, 2: 1, 9: 1}),
        (Step((5, 8), 0.1), {0: 1, 4.99: 1, 5: 0.1, 7.9: 0.1, 8: 0.01}),
        (Cosine(), {0: 1, 5: 0.5, 10: 0}),
        (Cosine(final=0.2), {0: 1, 5: 0.6, 10: 0.2}),
        (OneCycle(peak=0.4, start=0.1, final=0.02), {0: 0.1, 2: 0.55, 4: 1, 7: 0.51, 10: 0.02}),
    ],
)
def test_rates(schedule: Schedule, expected: dict[float, float]) -> None:
    scheduler = Scheduler(schedule, lr=2.0, epochs=10)
    for epoch, factor in expected.items():
        assert scheduler.rate(epoch) == pytest.approx(2.0 * factor, abs=1e-12)


def test_a_plateau_drops_after_its_patience_and_no_more_than_it_may() -> None:
    scheduler = Scheduler(Plateau(factor=0.1, patience=2, drops=2), lr=1.0, epochs=100)
    seen = []
    for error in (9, 8, 8, 8, 7, 7, 7.5, 7, 7, 7, 7):
        scheduler.observe(error)
        seen.append(round(scheduler.rate(0), 6))
    assert seen == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01]


def test_a_plateau_goes_on_from_its_state() -> None:
    first, second = (Scheduler(Plateau(patience=3), 1.0, 10) for _ in range(2))
    for error in (5, 5, 5):
        first.observe(error)
    second.restore(first.state())
    for scheduler in (first, second):
        scheduler.observe(5)
    assert first.rate(0) == second.rate(0) == pytest.approx(0.1)


def test_another_number_of_epochs_rescales_every_milestone() -> None:
    recipe, said = rescale(recipes.find("resnet/cifar10"), 91)
    assert recipe.epochs == 91 and recipe.schedule == Step((45.5, 68.25), 0.1)
    assert said == ["epochs 182 -> 91", "milestones (91, 136.5) -> (45.5, 68.25)"]
    plateau, _ = rescale(dataclasses.replace(recipe, epochs=100, schedule=Plateau(patience=10, warmup=4)), 25)
    assert plateau.schedule == Plateau(patience=2, warmup=1.0)


def test_weight_decay_goes_by_the_kind_of_parameter() -> None:
    network = create_model("resnet20_b", num_classes=10)  # its shortcuts hold batch normalisations too
    optimizer = make_optimizer(network, SGD(weight_decay=0.1, decay_norm_and_bias=False))
    decayed, kept = ({id(p) for p in group["params"]} for group in optimizer.param_groups)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    weights = {id(m.weight) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert decayed == weights and len(decayed | kept) == len(list(network.parameters()))
    whole = make_optimizer(network, SGD(weight_decay=0.1))
    assert len(whole.param_groups) == 1 and whole.param_groups[0]["weight_decay"] == 0.1


def test_the_average_follows_the_weights() -> None:
    network = nn.BatchNorm1d(1)
    average = Average(network, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(2.0)
        network.state_dict()["num_batches_tracked"].fill_(7)
    average.update(network, step=1000)
    assert average.values["weight"].item() == pytest.approx(0.9 * 1 + 0.1 * 2)
    assert average.values["num_batches_tracked"].item() == 7
    average.update(network, step=0)  # early on it follows fast: decay is 1/10
    assert average.values["weight"].item() == pytest.approx(0.1 * 1.1 + 0.9 * 2)
