"""Comparisons: paired tests with known values, the same pictures for all, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from convnets import cli
from convnets.errors import CheckpointError, UsageError
from convnets.explain.compare import compare, mcnemar

from .conftest import trained

Capture = pytest.CaptureFixture[str]


def right(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures two networks are right about, with these counts."""
    counts = both, only_first, only_second, neither
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p", "exact"),
    [
        (121, 59, 5.450095e-06, False),  # statsmodels' own example; R's mcnemar.test says the same
        (9, 1, 22 / 1024, True),
        (0, 5, 2 / 32, True),
        (3, 3, 1.0, True),
        (0, 0, 1.0, True),
        (20, 20, 1.0, False),
    ],
)
def test_mcnemar_has_the_known_values(only_first: int, only_second: int, p: float, exact: bool) -> None:
    found = mcnemar(*right(101, only_first, only_second, 33))
    assert found[:4] == (101, only_first, only_second, 33)
    assert found.p_value == pytest.approx(p, rel=1e-6)
    assert found.exact == exact


def test_both_forms_agree_where_one_gives_way_to_the_other() -> None:
    first, second = right(50, 17, 8, 5)  # 25 discordant pictures
    found = mcnemar(first, second)
    assert not found.exact
    assert found.p_value == pytest.approx(stats.binomtest(17, 25).pvalue, abs=0.01)


def test_two_runs_on_the_same_pictures(one_run: Path, other_run: Path) -> None:
    found = compare([one_run, other_run])
    one, other = found.contenders
    assert found.split == "test"
    (pair,) = found.pairs()
    test = pair[2]
    assert test.both + test.only_first == one.outcome.evaluation.correct_top1
    assert test.both + test.only_second == other.outcome.evaluation.correct_top1
    assert sum(test[:4]) == one.outcome.evaluation.n
    settings = dict(found.settings())
    assert settings["optimizer.lr"][1] == 0.002
    assert "epochs" not in settings
    text = found.page()
    assert "http:" not in text
    assert "https:" not in text
    assert ">one<" in text
    assert ">other<" in text


def test_other_data_is_named(one_run: Path, other_run: Path, other_pictures: Path) -> None:
    found = compare([one_run, other_run], data=str(other_pictures))
    assert (found.to_json()["data"], found.to_json()["trained_on"]) == ("elsewhere", "named0")
    assert "2 runs on \u2068elsewhere\u2069" in found.page()
    assert "is other data than the training" in found.page()
    assert "other data" not in compare([one_run, other_run]).page()


def test_the_command(one_run: Path, other_run: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "both.html"
    capsys.readouterr()
    assert cli.run(["compare", str(one_run), str(other_run), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"written: {out}"
    assert "optimizer.lr" in said
    assert out.is_file()
    assert cli.run(["compare", str(one_run), str(other_run), "--json", "--split", "val"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["split"] == "val"
    assert [one["name"] for one in values["runs"]] == ["one", "other"]
    assert set(values["pairs"][0]) >= {"both", "only_first", "only_second", "neither", "p_value", "exact"}


def test_what_it_refuses(one_run: Path, tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(UsageError, match="two or more"):
        compare([one_run])
    with pytest.raises(UsageError, match="twice"):
        compare([one_run, one_run])
    other = {"name": "x", "spec": "x", "fingerprint": {"sha256": "x"}}
    for key, value in (("classes", ["a", "b", "c", "d"]), ("source", other)):
        changed = tmp_path / key
        shutil.copytree(one_run, changed)
        about = json.loads((changed / "run.json").read_text(encoding="utf-8"))
        (changed / "run.json").write_text(json.dumps(about | {key: value}))
        with pytest.raises(CheckpointError, match="trained on other"):
            compare([one_run, changed])
        capsys.readouterr()
        assert cli.run(["compare", str(one_run), str(changed)]) == 3
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_another_division_of_the_data_is_refused(tmp_path: Path) -> None:
    first = trained(Path("digits"), tmp_path / "first", "--no-report", "--set", "epoch_size=64")
    second = trained(Path("digits"), tmp_path / "second", "--no-report", "--set", "epoch_size=64", "--seed", "1")
    with pytest.raises(CheckpointError, match="divided the data otherwise"):
        compare([first, second], split="val")
    assert compare([first, second]).split == "test"  # which is the same for both
