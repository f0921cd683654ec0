"""Verdicts on made results: a clear win, a clear loss, noise, and results that decide nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from convnets.experiments import Arm, Experiment
from convnets.reproduce.verdict import FAILS, HOLDS, OPEN, at, judge

Results = dict[str, dict[int, dict[str, Any]]]


def experiment(*expect: str, least: float = 0.5, **more: Any) -> Experiment:
    arms = {"a": Arm(), "b": Arm(), "c": Arm()}
    return Experiment(id="x", title="", question="", claim="", where="", covers=(), arms=arms, expect=expect,
                      least=least, **more)  # fmt: skip


def results(**errors: Sequence[float | None]) -> Results:
    return {arm: {seed: {"test_error": value} for seed, value in enumerate(values)} for arm, values in errors.items()}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([10.0, 10.4, 9.8], [14.0, 14.3, 14.1], HOLDS),
        ([14.0, 14.3, 14.1], [10.0, 10.4, 9.8], FAILS),
        ([10.0, 12.0, 11.0], [11.5, 10.5, 12.5], OPEN),
        ([10.0, 10.1, 9.9], [10.1, 10.0, 9.95], FAILS),  # surely no difference that counts
        ([10.0, 10.1, 9.9], [10.2, 10.3, 10.1], FAILS),  # sure, and too small to count
        ([90.0, 89.9, 90.1], [90.1, 90.0, 89.9], OPEN),  # neither learned anything
        ([90.0, 89.9, 85.0], [92.0, 92.1, 92.2], OPEN),  # one of six learned a little
        ([10.0, 10.4, 9.8], [10.0, 10.4, 9.8], OPEN),  # nothing was changed
        ([10.0, 10.4], [14.0, 14.3], OPEN),  # two seeds
        ([10.0, 10.4, 9.8], [14.0, 14.3, None], OPEN),
        ([10.0, 10.4, 9.8], [14.0, 14.3, math.nan], OPEN),
    ],
)
def test_below(a: list[float | None], b: list[float | None], expected: str) -> None:
    assert judge(experiment("a < b"), results(a=a, b=b)).verdict == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([10.0, 10.1, 9.9], [10.1, 10.0, 9.95], HOLDS),
        ([90.0, 89.9, 90.1], [90.1, 90.0, 89.95], OPEN),
        ([10.0, 10.4, 9.8], [14.0, 14.3, 14.1], FAILS),
        ([10.0, 12.0, 11.0], [11.5, 10.5, 12.5], OPEN),
    ],
)
def test_about_the_same(a: list[float], b: list[float], expected: str) -> None:
    assert judge(experiment("a ~ b"), results(a=list(a), b=list(b))).verdict == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([10.0, 10.4, 9.8], [14.0, 14.3, 14.1], HOLDS),  # better is no worse
        ([10.0, 10.1, 9.9], [10.0, 9.9, 9.8], HOLDS),  # worse by less than counts
        ([14.0, 14.3, 14.1], [10.0, 10.4, 9.8], FAILS),
        ([10.0, 12.0, 11.0], [11.5, 10.5, 12.5], OPEN),
    ],
)
def test_no_worse(a: list[float], b: list[float], expected: str) -> None:
    found = judge(experiment("a <~ b"), results(a=a, b=b))
    assert found.verdict == expected and found.findings[0].relation == "a <~ b"


def test_pairs_are_paired_by_seed() -> None:
    """Seeds differ by far more than the arms, and always in the same way."""
    drifting = results(a=[10.0, 20.0, 30.0], b=[11.0, 21.1, 30.9])
    found = judge(experiment("a < b"), drifting)
    assert found.verdict == HOLDS and found.findings[0].mean == pytest.approx(1.0)


def test_a_claim_needs_all_its_relations() -> None:
    sure, apart = [10.0, 10.4, 9.8], [14.0, 14.3, 14.1]
    assert judge(experiment("a < b", "a < c"), results(a=sure, b=apart, c=apart)).verdict == HOLDS
    assert judge(experiment("a < b", "c < a"), results(a=sure, b=apart, c=apart)).verdict == FAILS
    assert judge(experiment("a < b < c"), results(a=sure, b=apart, c=[12.0, 15.0, 18.0])).verdict == OPEN


def test_what_came_in_neither_arm_decides_nothing() -> None:
    never: Results = {arm: {seed: {"test_error": 9.0, "reached": False} for seed in range(3)} for arm in "ab"}
    assert judge(experiment("a < b"), never).verdict == OPEN
    never["a"] = {seed: {"test_error": 3.0 + seed / 10, "reached": True} for seed in range(3)}
    assert judge(experiment("a < b"), never).verdict == HOLDS


def test_what_comes_at_once_in_both_arms_decides_nothing() -> None:
    """Between two epochs the moment is only guessed at."""
    one = experiment("a < b", metric="epochs_to", least=0.1)
    found: Results = {arm: {seed: {"test_error": 3.0, "epochs_to": epochs + seed / 100} for seed in range(3)}
                      for arm, epochs in (("a", 1.3), ("b", 1.7))}  # fmt: skip
    assert judge(one, found).verdict == OPEN
    found["b"][0]["epochs_to"] = 3.5
    assert judge(one, found).verdict == OPEN, "most came too soon"
    found["b"] = {seed: {"test_error": 3.0, "epochs_to": 4.0 + seed / 100} for seed in range(3)}
    assert judge(one, found).verdict == HOLDS


def test_contrasts_look_into_one_arm() -> None:
    one = experiment("early < late", contrasts={"early": ("a", "curves.error.0"), "late": ("a", "last")})
    found: Results = {"a": {seed: {"curves": {"error": [1.0 + seed / 10]}, "last": 5.0} for seed in range(3)}}
    assert judge(one, found).verdict == HOLDS
    found["a"][0]["curves"] = {"error": []}
    assert judge(one, found).verdict == OPEN


def test_a_value_part_of_the_way_along_a_run() -> None:
    assert [at({"errors": [*range(10)]}, f"errors.{share}%") for share in (10, 50, 100, 1)] == [0, 4, 9, 0]
    assert at({"errors": []}, "errors.80%") is None


def test_a_relation_may_be_of_another_metric() -> None:
    one = experiment("a < b", "train_loss: b < a by 0.1")
    found: Results = {"a": {seed: {"test_error": 9.0 + seed / 10, "train_loss": 0.5} for seed in range(3)}}
    found["b"] = {seed: {"test_error": 12.0, "train_loss": 0.3 + seed / 100} for seed in range(3)}
    assert judge(one, found).verdict == HOLDS
    found["b"] = {seed: {"test_error": 12.0, "train_loss": 0.45 + seed / 100} for seed in range(3)}
    second = judge(one, found).findings[1]
    assert second.relation == "train_loss: b < a" and second.verdict == FAILS, "less than counts"
