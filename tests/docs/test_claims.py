"""The recorded results of experiments, and docs/claims.md, which is made of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from convnets.reproduce.results import RESULT, read_result
from convnets.reproduce.scoreboard import write_scoreboard
from convnets.reproduce.verdict import OPEN

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = sorted((DOCS / "claims").glob(f"*/{RESULT}"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_a_recorded_result_is_whole_and_what_it_was_judged_is_told(path: Path) -> None:
    content, experiment, results, verdict = read_result(path)
    board = (DOCS / "claims.md").read_text()
    line = next(line for line in board.splitlines() if f"`{content['command']}`" in line and line.startswith("| "))
    assert verdict.verdict in line and content["verdict"] in line and not content.get("left")
    assert all(finding.mean == finding.mean for finding in verdict.findings), "something was not measured"
    counts = {len(by_seed) for by_seed in results.values()}
    assert counts == {len(content["seeds"])} and min(counts) >= 3
    assert verdict.verdict != OPEN or min(counts) >= 6, "run it again for three seeds more"
    if not experiment.rates:
        took = sum(values["took"] for by_seed in results.values() for values in by_seed.values())
        assert content["cost_seconds"] == pytest.approx(took, abs=1.0)
    assert "/" not in content["command"] + content["data"], "a path of some machine"


def test_the_scoreboard_is_made_of_the_recorded_results(tmp_path: Path) -> None:
    shutil.copytree(DOCS / "claims", tmp_path / "claims")
    write_scoreboard(tmp_path / "claims", tmp_path / "claims.md")
    assert (tmp_path / "claims.md").read_text() == (DOCS / "claims.md").read_text(), (
        "convnets reproduce report --all --out docs/claims --to docs/claims.md writes it"
    )
    for path in RESULTS:
        drawn = (tmp_path / "claims" / path.parent.name / "figure.svg").read_text()
        assert drawn == path.with_name("figure.svg").read_text(), path.parent.name
        assert json.loads(path.read_text())["id"] == path.parent.name
