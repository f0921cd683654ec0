"""The experiments as data: every claim of every paper's oracle is there, or is left out with a reason."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from convnets import experiments
from convnets.experiments import PAPERS
from convnets.experiments.record import Expectation, pairs

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
FRACTION = re.compile(r"(?<![-\w])[0-9]+\.[0-9]+")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_of_the_oracle_is_there_or_left_out_with_a_reason(paper: str, shared: Path) -> None:
    asked = {one["id"] for one in yaml.safe_load((shared / "papers" / f"{paper}.yaml").read_text())["experiments"]}
    covered = {entry for one in experiments.of_paper(paper) for entry in one.covers}
    left_out = experiments.left_out(paper)
    assert covered | set(left_out) == asked
    assert not covered & set(left_out), "both run and left out"
    assert all(len(reason) > 10 for reason in left_out.values())


def test_every_paper_with_claims_has_a_module(shared: Path) -> None:
    assert {path.stem for path in (shared / "papers").glob("*.yaml")} == set(PAPERS)


@pytest.mark.parametrize("name", experiments.every())
def test_an_experiment_is_consistent(name: str) -> None:
    one = experiments.find(name)
    compared = set(one.contrasts) or set(one.arms)
    for pair in one.expectations():
        assert {pair.low, pair.high} <= compared, pair
    assert {arm for arm, _ in one.contrasts.values()} <= set(one.arms)
    assert one.expectations() and one.seeds >= 3 and one.least > 0
    assert set(one.published) <= compared | set(one.arms)


@pytest.mark.parametrize("paper", PAPERS)
def test_published_numbers_are_the_oracles(paper: str, shared: Path) -> None:
    """As they stand there, or what they leave of all where the oracle has accuracies."""
    known = {float(number) for number in NUMBER.findall((shared / "papers" / f"{paper}.yaml").read_text())}
    for one in experiments.of_paper(paper):
        for value in one.published.values():
            for number in [value] if isinstance(value, float | int) else map(float, FRACTION.findall(str(value))):
                assert {number, round(100 - number, 2), round(1 - number / 100, 4)} & known, (one.id, number)


def test_relations_are_read() -> None:
    assert pairs("loss.0: a < b by 0.2") == [Expectation("a", "b", False, "loss.0", 0.2)]
    assert pairs("a < b, c ~ d") == [Expectation("a", "b, c", False), Expectation("b, c", "d", True)]


def test_experiments_need_no_torch() -> None:
    code = "import sys, convnets.experiments as e; e.every(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
