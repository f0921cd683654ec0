"""Learning rates over time: every schedule and warm-up, and what a stop must not lose."""

from __future__ import annotations

import dataclasses

import pytest

from convnets import recipes
from convnets.spec import (
    SGD,
    Augment,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Pairing,
    Plateau,
    Polynomial,
    Recipe,
    Schedule,
    Step,
    Warmup,
)
from convnets.train.schedules import Scheduler, rescale

NONE = Warmup()


def scheduler(schedule: Schedule, warmup: Warmup = NONE, epochs: int = 10, lr: float = 2.0) -> Scheduler:
    return Scheduler(Recipe(epochs=epochs, optimizer=SGD(lr=lr), schedule=schedule, warmup=warmup))


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        (Constant(), NONE, {0: 1, 5: 1, 9.99: 1}),
        (Constant(), Warmup(2), {0: 0.01, 1: 0.505, 2: 1, 9: 1}),
        (Constant(), Warmup(2, start=0), {0: 0, 1: 0.5, 2: 1}),
        (Step((5, 8), 0.1), Warmup(1, start=0.1, shape="constant"), {0: 0.1, 0.99: 0.1, 1: 1, 5: 0.1, 8: 0.01}),
        (Step((5, 8), 0.1), NONE, {0: 1, 4.99: 1, 5: 0.1, 7.9: 0.1, 8: 0.01}),
        (Exponential(0.94, 2), NONE, {0: 1, 1.99: 1, 2: 0.94, 4: 0.94**2, 9.9: 0.94**4}),
        (Exponential(0.94, 2, smooth=True), NONE, {0: 1, 1: 0.94**0.5, 4: 0.94**2}),
        (Polynomial(0.5), NONE, {0: 1, 5: 0.5**0.5, 7.5: 0.5, 10: 0}),
        (Linear(0.1), Warmup(5, start=0), {0: 0, 2.5: 0.5, 5: 1, 7.5: 0.55, 10: 0.1}),
        (Cosine(), NONE, {0: 1, 5: 0.5, 10: 0}),
        (Cosine(final=0.2), NONE, {0: 1, 5: 0.6, 10: 0.2}),
        (
            Cosine(),
            Warmup(5, start=0),
            {0: 0, 4: 0.8, 5: 1, 7.5: 0.5, 10: 0},
        ),  # bag of tricks: T leaves the warm-up out
        (OneCycle(peak=0.4, start=0.1, final=0.02), NONE, {0: 0.1, 2: 0.55, 4: 1, 7: 0.51, 10: 0.02}),
    ],
)
def test_rates(schedule: Schedule, warmup: Warmup, expected: dict[float, float]) -> None:
    for epoch, factor in expected.items():
        assert scheduler(schedule, warmup).rate(epoch) == pytest.approx(2.0 * factor, abs=1e-12), epoch


def test_a_plateau_drops_after_its_patience_and_no_more_than_it_may() -> None:
    plateau = scheduler(Plateau(factor=0.1, patience=2, drops=2), lr=1.0, epochs=100)
    seen = []
    for error in (9, 8, 8, 8, 7, 7, 7.5, 7, 7, 7, 7):
        plateau.observe(error)
        seen.append(round(plateau.rate(0), 6))
    assert seen == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01]


def test_a_plateau_goes_on_from_its_state() -> None:
    first, second = (scheduler(Plateau(patience=3), lr=1.0) for _ in range(2))
    for error in (5, 5, 5):
        first.observe(error)
    second.restore(first.state())
    for one in (first, second):
        one.observe(5)
    assert first.rate(0) == second.rate(0) == pytest.approx(0.1)


UNTIL_80 = Warmup(epochs=5, start=0.1, shape="constant", until_error=80)  # ResNet Sec. 4.2, the 110 layers


def test_a_warm_up_ends_for_good_once_the_training_error_is_below_its_limit() -> None:
    warm = scheduler(Step((6,), 0.1), UNTIL_80, lr=0.1)
    for step in range(1000):
        assert warm.watches_steps and warm.rate(1) == pytest.approx(0.01)
        warm.observe_step(90 if step < 200 else 60)
        if not warm.watches_steps:
            break
    assert 205 < step < 240  # about fifty steps are averaged: 90 and 60 have to mix until 80
    warm.observe_step(100)
    assert warm.rate(1) == pytest.approx(0.1) and warm.rate(7) == pytest.approx(0.01)


def test_a_warm_up_is_not_ended_by_one_lucky_batch_nor_later_than_its_last_epoch() -> None:
    warm = scheduler(Constant(), UNTIL_80)
    warm.observe_step(0)
    assert warm.rate(0.1) == pytest.approx(0.2) and warm.rate(5) == pytest.approx(2.0)


def test_a_warm_up_goes_on_from_its_state() -> None:
    first, second = (scheduler(Constant(), UNTIL_80) for _ in range(2))
    for _ in range(40):
        first.observe_step(75)
    second.restore(first.state())
    assert second.state() == first.state()
    while first.watches_steps:
        first.observe_step(75)
        second.observe_step(75)
    assert not second.watches_steps and second.rate(0) == first.rate(0)


def test_another_number_of_epochs_rescales_every_length_of_time() -> None:
    recipe, said = rescale(
        dataclasses.replace(recipes.find("resnet/cifar10"), epochs=182, schedule=Step((91, 136.5))), 91
    )
    assert recipe.epochs == 91 and recipe.schedule == Step((45.5, 68.25), 0.1)
    assert said == ["epochs 182 -> 91", "milestones (91, 136.5) -> (45.5, 68.25)"]
    whole = Recipe(
        epochs=100,
        schedule=Plateau(patience=10),
        warmup=Warmup(4),
        freeze_bn=8,
        augment=Augment(pairing=Pairing(10, 80)),
    )
    quarter, _ = rescale(whole, 25)
    assert quarter.schedule == Plateau(patience=2) and quarter.warmup == Warmup(1.0) and quarter.freeze_bn == 2
    assert quarter.augment.pairing == Pairing(2.5, 20, on=2, off=0.5)
    assert rescale(Recipe(epochs=100, schedule=Exponential(0.94, 2)), 50)[0].schedule == Exponential(0.94, 1)
