"""`convnets evaluate --protocol` and `--ensemble` as typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from convnets import cli, papers, runs
from convnets.data import open_source
from convnets.evaluate import ensemble, evaluate_ensemble
from convnets.papers import Result

Capture = pytest.CaptureFixture[str]
ASKED = "1crop,10crop@10/8,multi-crop-5x5@9+10/8:dense@9+10~logits"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two run folders of resnet20 on the built-in digits, from two seeds."""
    folders = [tmp_path_factory.mktemp("runs") / str(seed) for seed in range(2)]
    for seed, out in enumerate(folders):
        split = "val_fraction=0.1", "optimizer.lr=0.05"
        sets = [word for one in split for word in ("--set", one)]
        line = ["train", "resnet20", "--data", "digits", "--epochs", "1", "--seed", str(seed), "--out", str(out), *sets]
        assert cli.run(line) == 0
    return folders


def answer(capsys: Capture, *arguments: object, code: int = 0) -> str:
    """Standard output of a command line, or standard error where it must end with another code than 0."""
    capsys.readouterr()
    assert cli.run([str(argument) for argument in ("evaluate", *arguments)]) == code
    out, err = capsys.readouterr()
    return err if code else out


def rows_of(capsys: Capture, *arguments: object) -> list[dict[str, Any]]:
    told: dict[str, Any] = json.loads(answer(capsys, *arguments, "--json"))
    rows: list[dict[str, Any]] = told["protocols"]
    return rows


def test_several_protocols_beside_the_plain_evaluation(pair: list[Path], capsys: Capture) -> None:
    plain = json.loads(answer(capsys, pair[0], "--json"))
    rows = rows_of(capsys, pair[0], "--protocol", ASKED)
    assert [row["protocol"] for row in rows] == ASKED.split(",")
    assert [row["views"] for row in rows] == [1, 10, 2 * 25 * 2 + 2 * 2]
    assert {key: rows[0][key] for key in ("n", "top1_error", "top5_error")} == {
        key: plain[key] for key in ("n", "top1_error", "top5_error")
    }
    assert all(row["pictures_per_second"] > 0 for row in rows)


def test_the_table_aligns(pair: list[Path], capsys: Capture) -> None:
    title, _, header, rule, *rows = answer(capsys, pair[0], "--protocol", ASKED).splitlines()
    assert title == "resnet20 on digits, test split" and len(rows) == 3
    for word in ("protocol", "n", "top-1 error", "95 % interval", "top-5 error", "views", "pictures/s", "the paper's"):
        assert word in header
    gaps = [place for place, mark in enumerate(rule) if mark == " "]
    assert all(len(row) <= place or row[place] == " " for row in rows for place in gaps)


def test_the_papers_protocols(pair: list[Path], capsys: Capture) -> None:
    """`paper` is what the run's recipe, or the network's paper, tested by: for `quick` one view."""
    assert [row["protocol"] for row in rows_of(capsys, pair[0], "--protocol", "paper")] == ["1crop"]


def test_the_papers_figure_stands_beside_its_protocol(
    pair: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def published(*arguments: Any) -> tuple[Result, ...]:
        asked.append(arguments)
        return (papers.find("resnet20").results[0],) if str(arguments[2]).startswith("10crop") else ()

    monkeypatch.setattr(papers, "published", published)
    text = answer(capsys, pair[0], "--protocol", "1crop,10crop")
    assert "8.75 / - %" in text and "Table 6" in text
    assert [(name, data, str(protocol), classes) for name, data, protocol, classes in asked] == [
        ("resnet20", "digits test", "1crop/8", 10), ("resnet20", "digits test", "10crop/8", 10)
    ]  # fmt: skip
    one, ten = rows_of(capsys, pair[0], "--protocol", "1crop,10crop")
    assert one["published"] == [] and ten["published"][0]["top1"] == 8.75


def test_an_ensemble_of_runs(pair: list[Path], capsys: Capture) -> None:
    (row,) = rows_of(capsys, *pair, "--ensemble")
    members = ensemble([runs.load(path) for path in pair])
    (expected,) = evaluate_ensemble(members, open_source("digits").splits["test"], ["1crop"])
    assert row["top1_error"] == pytest.approx(expected.evaluation.top1_error)
    assert row["loss"] == pytest.approx(expected.evaluation.loss, rel=1e-4)
    single = [rows_of(capsys, path, "--protocol", "1crop")[0]["loss"] for path in pair]
    assert row["loss"] not in single and row["published"] == []
    assert answer(capsys, *pair, "--ensemble").startswith("ensemble of resnet20, resnet20 on digits, test split")


def test_an_ensemble_of_plain_weights_has_all_of_them(pair: list[Path], tmp_path: Path, capsys: Capture) -> None:
    files = [tmp_path / f"{index}.safetensors" for index in range(2)]
    for path, file in zip(pair, files, strict=True):
        network = runs.load(path).network
        save_file(network.state_dict(), file)
    words = "--ensemble", "--model", "resnet20", "--data", "digits"
    assert answer(capsys, *files, *words).startswith("ensemble of resnet20, resnet20 on digits")
    assert json.loads(answer(capsys, *files, *words, "--json"))["runs"] == [str(file) for file in files]


def test_an_ensemble_is_not_tested_on_pictures_that_a_member_trained_on(
    pair: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    """Data without splits is divided by each run's own seed."""
    same = [train(tmp_path, "same", seed=0), train(tmp_path, "again", seed=0)]
    other = train(tmp_path, "other", seed=1)
    assert "ensemble of" in answer(capsys, *same, "--ensemble")
    for words in ([same[0], other], [pair[0], other, "--data", tmp_path / "pictures"]):
        said = answer(capsys, *words, "--ensemble", code=2)
        assert "/other/best.safetensors trained on pictures of this" in said and said.count("\n") == 1
    alone = answer(capsys, pair[0], pair[1], "--ensemble", "--data", tmp_path / "pictures")
    assert "all split" in alone  # neither was trained on them


def train(folder: Path, name: str, seed: int) -> Path:
    """A run on a folder of pictures without splits that has the classes of the digits."""
    noise = np.random.default_rng(0)
    for digit in range(10):
        (folder / "pictures" / str(digit)).mkdir(parents=True, exist_ok=True)
        for index in range(4):
            pixels = noise.integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / str(digit) / f"{index}.png")
    line = ["train", "resnet20", "--data", str(folder / "pictures"), "--seed", str(seed), "--epochs", "1"]
    assert cli.run([*line, "--set", "preprocess.channels=1", "--out", str(folder / name)]) == 0
    return folder / name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "11crop"], "no protocol is called '11crop'; valid are 1crop, 10crop"),
        (["--protocol", "dense@256/224"], "no protocol is called 'dense@256/224'"),
        (["--protocol", "10crop@256+288"], "no protocol is called '10crop@256+288'"),
        (["--protocol", "1crop,"], "no protocol is called ''"),
        (["--protocol", ""], "no protocol is called ''"),
        (["SECOND"], "2 RUNs given; evaluate one, or average them with --ensemble"),
    ],
)
def test_mistakes_are_one_line(pair: list[Path], capsys: Capture, words: list[str], message: str) -> None:
    said = answer(capsys, pair[0], *[str(pair[1]) if word == "SECOND" else word for word in words], code=2)
    assert message in said and said.count("\n") == 1
