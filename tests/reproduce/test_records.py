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
from convnets.reproduce.figures import KINDS

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
    assert one.question.endswith("?") and one.claim.endswith(".")
    assert set(one.published) <= compared | set(one.arms)


@pytest.mark.parametrize("paper", PAPERS)
def test_published_numbers_are_the_oracles(paper: str, shared: Path) -> None:
    """As the claim's own entries have them or the results that these refer to, or what accuracies there leave of all;
    costs as they stand anywhere."""
    oracle = yaml.safe_load((shared / "papers" / f"{paper}.yaml").read_text())
    entries = {entry["id"]: entry for entry in oracle["experiments"]}
    for one in experiments.of_paper(paper):
        places = [entries[name] for name in one.covers], oracle if one.measure == "cost" else oracle["results"]
        known = {float(number) for number in NUMBER.findall(str(places))}
        for value in one.published.values():
            for number in [value] if isinstance(value, float | int) else map(float, FRACTION.findall(str(value))):
                assert {number, round(100 - number, 2), round(1 - number / 100, 4)} & known, (one.id, number)


PUBLISHED = re.compile(r"(?:about )?([0-9]+(?:\.[0-9]+)?)(?!.*points)")


@pytest.mark.parametrize("name", experiments.every())
def test_the_papers_own_numbers_would_hold(name: str) -> None:
    """No relation asks for more than what the paper found."""
    one = experiments.find(name)
    known = {arm: float(found[1]) for arm, value in one.published.items() if (found := PUBLISHED.match(str(value)))}
    for pair in one.expectations():
        if pair.metric or not {pair.low, pair.high} <= set(known):
            continue
        gap, least = round(known[pair.high] - known[pair.low], 6), pair.least or one.least
        assert {"<": gap >= least, "~": abs(gap) <= least, "<~": gap >= -least}[pair.sign], (pair, gap, least)


def test_relations_are_read() -> None:
    assert pairs("loss.0: a < b by 0.2") == [Expectation("a", "b", "<", "loss.0", 0.2)]
    assert pairs("a < b, c ~ d") == [Expectation("a", "b, c", "<"), Expectation("b, c", "d", "~")]
    assert pairs("a <~ b") == [Expectation("a", "b", "<~")]


def test_experiments_need_no_torch() -> None:
    code = "import sys, convnets.experiments as e; e.every(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    code = ("import sys; from convnets.cli.reproduce import command; command(['list', '--out', sys.argv[1]], 'x', "
            "standalone_mode=False); sys.exit('torch' in sys.modules)")  # fmt: skip
    claims = str(Path(__file__).parents[2] / "docs" / "claims")
    told = subprocess.run([sys.executable, "-c", code, claims], capture_output=True, text=True)
    assert told.returncode == 0 and "does not hold" in told.stdout


def test_what_the_papers_scale_changes_is_there_to_be_changed() -> None:
    for one in experiments.every().values():
        set_by_arms = {key for arm in one.arms.values() for key in arm.values}
        assert set(one.full) <= set_by_arms, one.id


def test_every_figure_is_one_that_can_be_drawn() -> None:
    assert {one.figure for one in experiments.every().values()} <= {*KINDS, "none"}
