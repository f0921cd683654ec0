"""`convnets evaluate` and `convnets predict` as typed, on a network that was really (if briefly) trained."""

from __future__ import annotations

import io
import json
import shutil
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convnets
from convnets import cli, runs
from convnets.cli.evaluate import check_classes
from convnets.cli.predict import PICTURE_START
from convnets.data import Loader, open_source
from convnets.errors import CheckpointError
from convnets.evaluate import evaluate_network

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of resnet20 on the built-in digits."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    assert cli.run(["train", "resnet20", "--data", "digits", "--epochs", "2", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve test digits, one of them no picture, one in a sub-folder, one hidden."""
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(12):
        digit(index).save(folder / f"p{index}.png")
    for name in ("sub", ".hidden"):
        (folder / name).mkdir()
        digit(20).save(folder / name / "q.png")
    (folder / "p3.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def digit(index: int) -> Image.Image:
    return Image.fromarray(open_source("digits").splits["test"].pictures.load(index)[..., 0])


def answer(capsys: Capture, *arguments: object, code: int = 0) -> tuple[str, str]:
    """Standard output and error of a command line, which must end with `code`."""
    capsys.readouterr()
    assert cli.run([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return out, err


def answers(capsys: Capture, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer(capsys, *arguments, "--json", code=code)[0].splitlines()]


def test_evaluate_measures_the_test_split(trained: Path, capsys: Capture) -> None:
    (values,) = answers(capsys, "evaluate", trained)
    loaded = runs.load(trained)
    split = open_source("digits").splits["test"]
    expected = evaluate_network(loaded.network, Loader(split, loaded.preprocess, batch_size=50), loaded.preprocess)
    assert values["split"] == "test"
    assert values["n"] == len(split) == expected.n
    assert values["correct_top1"] == expected.correct_top1
    assert values["top1_error"] == pytest.approx(expected.top1_error)
    assert values["top5_error"] == pytest.approx(expected.top5_error)
    assert values["loss"] == pytest.approx(expected.loss, rel=1e-5)
    assert [row["name"] for row in values["classes"]] == list("0123456789")
    assert sum(row["n"] for row in values["classes"]) == values["n"]


def test_evaluate_prints_tables_and_draws(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    out, err = answer(capsys, "evaluate", trained, "--data", "digits", "--split", "val", "--out", tmp_path / "new")
    assert err == ""
    for text in ("resnet20 on digits, val split", "top-1 error", "95 % interval", "calibration error", "most confused"):
        assert text in out
    assert f"confusion matrix: {tmp_path / 'new' / 'confusion-val.png'}" in out
    assert (tmp_path / "new" / "confusion-val.png").stat().st_size > 1000
    answer(capsys, "evaluate", trained)
    assert (trained / "confusion-test.png").is_file()


def test_the_validation_split_is_the_one_of_the_run(trained: Path, capsys: Capture) -> None:
    (values,) = answers(capsys, "evaluate", trained, "--split", "val")
    log = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert values["top1_error"] == pytest.approx(min(row["val_error"] for row in log), abs=1e-9)


def test_model_with_weights_is_the_same_as_run(trained: Path, pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    shutil.copy(trained / "best.safetensors", tmp_path / "some.safetensors")
    weights = ["--model", "resnet20", "--weights", tmp_path / "some.safetensors"]
    (by_run,), (by_file,) = answers(capsys, "evaluate", trained), answers(capsys, "evaluate", *weights)
    assert by_file["picture"] is None, "drew next to a file that is in no run folder"
    assert {**by_file, "run": "", "picture": ""} == {**by_run, "run": "", "picture": ""}
    path = pictures / "p1.png"
    assert answers(capsys, "predict", *weights, path) == answers(capsys, "predict", trained, path)


@pytest.fixture(scope="module")
def folder_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty digits in class folders without splits, class by class."""
    root = tmp_path_factory.mktemp("digits")
    split = open_source("digits").splits["test"]
    for label in range(10):
        (root / str(label)).mkdir()
        for index in np.flatnonzero(split.labels == label)[:3]:
            digit(int(index)).save(root / str(label) / f"{index}.png")
    return root


def test_pictures_without_splits_are_evaluated_one_and_all(
    trained: Path, folder_of_digits: Path, capsys: Capture
) -> None:
    (values,) = answers(capsys, "evaluate", trained, "--data", folder_of_digits)
    assert (values["split"], values["n"]) == ("all", 30)
    (values,) = answers(capsys, "evaluate", trained, "--data", folder_of_digits, "--split", "val")
    assert (values["split"], values["n"]) == ("val", 10)


def test_bad_images(trained: Path, folder_of_digits: Path, tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "digits"
    shutil.copytree(folder_of_digits, root)
    (root / "4" / "broken.png").write_bytes(b"\x89PNG\r\n")
    _, err = answer(capsys, "evaluate", trained, "--data", root, code=2)
    assert "broken.png" in err
    (values,) = answers(capsys, "evaluate", trained, "--data", root, "--bad-images", "skip")
    assert values["n"] == 30


def test_other_classes_are_refused(trained: Path, folder_of_digits: Path, tmp_path: Path, capsys: Capture) -> None:
    """D03 and D04."""
    root = tmp_path / "digits"
    shutil.copytree(folder_of_digits, root)
    (root / "9").rename(root / "nine")
    _, err = answer(capsys, "evaluate", trained, "--data", root, code=3)
    assert "1 of the 10 class names" in err
    assert "9: '9' vs 'nine'" in err
    shutil.rmtree(root / "nine")
    _, err = answer(capsys, "evaluate", trained, "--data", root, code=3)
    assert "10 vs 9" in err
    with pytest.raises(CheckpointError, match=r"2 of the 3 class names.*0: 'a' vs 'b', 1: 'b' vs 'a'"):
        check_classes(["a", "b", "c"], ["b", "a", "c"], "data")
    check_classes(["0", "1"], ["a", "b"], "data", named=False)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate"], 2, "no RUN given"),
        (["evaluate", "RUN", "--split", "tset"], 2, "'test', 'val', 'train'"),
        (["evaluate", "RUN", "--data", "no-such-folder"], 2, "no-such-folder"),
        (["evaluate", "no-such-run"], 2, "no-such-run"),
        (["evaluate", "RUN", "--device", "abacus"], 2, "abacus"),
        (["predict"], 2, "no RUN given"),
        (["predict", "RUN"], 2, "no pictures given"),
        (["predict", "RUN", "none-*.png"], 2, "no file matches"),
        (["predict", "RUN", "EMPTY"], 2, "no pictures in this folder"),
        (["predict", "no-such-run", "x.png"], 2, "no-such-run"),
    ],
)
def test_mistakes(
    trained: Path, tmp_path: Path, capsys: Capture, arguments: list[str], code: int, message: str
) -> None:
    names = {"RUN": str(trained), "EMPTY": str(tmp_path)}
    out, err = answer(capsys, *(names.get(argument, argument) for argument in arguments), code=code)
    assert message in err
    assert out == ""
    assert len(err.splitlines()) == 1


def test_predict_gives_the_numbers_of_the_predictor(trained: Path, pictures: Path, capsys: Capture) -> None:
    paths = [str(pictures / f"p{index}.png") for index in (0, 1, 2, 4)]
    printed = answers(capsys, "predict", trained, *paths, "--top", "3")
    expected = convnets.Predictor(trained)(paths)
    assert [row["path"] for row in printed] == paths
    for row, prediction in zip(printed, expected, strict=True):
        assert [guess["class"] for guess in row["top"]] == list(prediction.classes[:3])
        assert [guess["index"] for guess in row["top"]] == list(prediction.indices[:3])
        assert [guess["probability"] for guess in row["top"]] == list(prediction.probabilities[:3])


def test_predict_a_folder_in_natural_order_with_a_bad_file(trained: Path, pictures: Path, capsys: Capture) -> None:
    printed = answers(capsys, "predict", trained, pictures, "--batch-size", "5", code=2)
    names = [Path(row["path"]).name for row in printed]
    assert names == [*(f"p{index}.png" for index in range(12)), "q.png"]
    assert [name for name, row in zip(names, printed, strict=True) if "error" in row] == ["p3.png"]
    assert all(set(row) in ({"path", "top"}, {"path", "error"}) for row in printed)
    out, err = answer(capsys, "predict", trained, pictures, "--top", "2", code=2)
    assert "p3.png" in err
    assert len(err.splitlines()) == 1
    assert len(out.splitlines()) == 12 * 3
    assert "p3.png" not in out


def test_predict_patterns(trained: Path, pictures: Path, capsys: Capture) -> None:
    printed = answers(capsys, "predict", trained, str(pictures / "**" / "[pq]1*.png"), pictures / "sub")
    assert [Path(row["path"]).name for row in printed] == ["p1.png", "p10.png", "p11.png", "q.png"]


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(data)))


def test_predict_standard_input(
    trained: Path, pictures: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (expected,) = answers(capsys, "predict", trained, pictures / "p1.png")
    pipe(monkeypatch, (pictures / "p1.png").read_bytes())
    assert answers(capsys, "predict", trained, "-") == [{**expected, "path": "-"}]
    pipe(monkeypatch, f"{pictures / 'p1.png'}\n\n{pictures / 'gone.png'}\n".encode())
    found, gone = answers(capsys, "predict", trained, "-", code=2)
    assert found == expected
    assert "no such file" in gone["error"]
    pipe(monkeypatch, b"\n")
    assert "standard input" in answer(capsys, "predict", trained, "-", code=2)[1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_every_format_is_known_by_its_start(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 5)).save(buffer, kind)
    assert PICTURE_START.match(buffer.getvalue())


@pytest.mark.parametrize("line", [b"BMW/x.png", b"P1.png", b"RIFF.png", b"GIF8/a.gif", b"II.tif"])
def test_paths_are_not_taken_for_pictures(line: bytes) -> None:
    assert not PICTURE_START.match(line + b"\nnext.png\n")
