"""The recorded results of experiments, and docs/claims.md, which is made of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from convnets.reproduce import run
from convnets.reproduce.report import write_scoreboard

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = sorted((DOCS / "claims").glob(f"*/{run.RESULT}"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_a_recorded_verdict_is_what_todays_rule_says(path: Path) -> None:
    content, results, verdict = run.read_result(path)
    assert content["verdict"] == verdict.verdict
    assert [one["verdict"] for one in content["findings"]] == [one.verdict for one in verdict.findings]
    counts = {len(by_seed) for by_seed in results.values()}
    assert counts == {len(content["seeds"])} and min(counts) >= 3
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
