"""`convnets neighbours`: which training pictures are most like a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convnets import Predictor
from convnets.cli import run
from convnets.data import open_source
from convnets.evaluate.neighbours import neighbours

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(out)]) == 0
    return out


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))


def test_a_training_picture_is_its_own_nearest(trained: Path) -> None:
    split, predictor = open_source("digits").splits["train"], Predictor(trained, device="cpu")
    for row in ("", "stage1"):
        found = neighbours(predictor, split, [split.pictures.load(7), split.pictures.load(30)], k=3, row=row)
        assert [nearest[0].index for nearest in found] == [7, 30]
        for nearest in found:
            similarities = [one.similarity for one in nearest]
            assert similarities[0] == pytest.approx(1, abs=1e-5) and similarities == sorted(similarities, reverse=True)
            assert [one.label for one in nearest] == [str(split.labels[one.index]) for one in nearest]


def test_in_a_terminal(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    split = open_source("digits").splits["train"]
    for index in (0, 1):
        Image.fromarray(split.pictures.load(index)[..., 0]).save(tmp_path / f"{index}.png")
    pictures = [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    line = ["neighbours", str(trained), *pictures, "-k", "2", "--out", str(tmp_path / "x.png")]
    assert run(line) == 0
    said = capsys.readouterr().out
    assert said.count("similarity") == 2 and said.count("1.000") >= 2 and "drawn: " in said
    assert (tmp_path / "x.png").stat().st_size < 300_000
    assert run([*line, "--json"]) == 0
    answers = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [answer["path"] for answer in answers] == pictures
    assert answers[0]["neighbours"][0]["class"] == str(split.labels[0]) and len(answers[0]["neighbours"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["RUN"], 2, "no pictures given"),
        (["RUN", "nowhere.png"], 2, "nowhere.png"),
        (["RUN", "PICTURE", "--row", "stage9"], 2, "has no row 'stage9'"),
        (["RUN", "PICTURE", "--split", "all"], 2, "has no all split; it has train, val, test"),
        (["RUN", "PICTURE", "--data", "OTHER"], 3, "the network has other classes than the data"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], code: int, message: str, trained: Path, tmp_path: Path, capsys: Capture
) -> None:
    for name in ("a", "b"):
        (tmp_path / "other" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "other" / name / "x.png")
    places = {"RUN": trained, "PICTURE": tmp_path / "other" / "a" / "x.png", "OTHER": tmp_path / "other"}
    assert run(["neighbours", *(str(places.get(word, word)) for word in words)]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
