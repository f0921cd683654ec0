"""`convnets explain`: files, a page, and the numbers behind them."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from convnets import models, runs
from convnets.cli.explain import METHODS as OFFERED
from convnets.cli.explain import command
from convnets.evaluate import Predictor
from convnets.explain.answers import MEANS, Answer, Files, answers
from convnets.explain.maps import METHODS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of two networks, and pictures, one of which is none."""
    folder = tmp_path_factory.mktemp("explained")
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        torch.save(models.create_model("resnet20").state_dict(), folder / f"{name}.pth")
    draw = np.random.default_rng(0)
    for name in ("猫", "b", "c"):
        Image.fromarray(draw.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def invoked(folder: Path, *arguments: str) -> Any:
    given = ["--model", "resnet20", "--weights", str(folder / "one.pth"), *arguments]
    return CliRunner().invoke(command, given, catch_exceptions=False)


def test_a_png_for_each_picture_and_one_page(folder: Path, tmp_path: Path) -> None:
    asked = invoked(folder, str(folder / "猫.png"), str(folder / "b.png"), "--out", str(tmp_path), "--top", "2")
    assert asked.exit_code == 0
    written = re.findall(r"written: (.+)", asked.output)
    assert [Path(path).name for path in written] == ["猫.cam.png", "b.cam.png", "index.html"]
    with Image.open(tmp_path / "猫.cam.png") as strip:
        assert strip.width > 2 * strip.height, "what is seen, and two classes"
    assert re.search(r"b.png\n +1 +\d+\.\d\d% ", asked.output), "the answers are said"
    page = (tmp_path / "index.html").read_text()
    assert "猫.png" in page and page.count("<img") == 6 and not re.search(r"(src|href)=.https?:", page)


def test_a_bad_picture_is_said_and_the_others_are_explained(folder: Path, tmp_path: Path) -> None:
    asked = invoked(folder, str(folder / "broken.png"), str(folder / "c.png"), "--out", str(tmp_path))
    assert asked.exit_code == 2 and (tmp_path / "c.cam.png").exists()
    assert "broken.png" in asked.stderr and asked.stderr.count("\n") == 1


def test_pictures_are_never_written_over(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "x.cam.png"
    picture.write_bytes((folder / "b.png").read_bytes())
    (tmp_path / "x.png").write_bytes((folder / "c.png").read_bytes())
    before = picture.read_bytes()
    given = ["--model", "resnet20", "--weights", str(folder / "one.pth"), str(picture), str(tmp_path / "x.png")]
    refused = CliRunner().invoke(command, [*given, "--out", str(tmp_path)])
    assert "is one of the pictures" in str(refused.exception) and picture.read_bytes() == before
    again = invoked(folder, str(tmp_path), "--out", str(tmp_path))
    assert "x.cam.cam" not in again.output and picture.read_bytes() != before, "what was made before is made anew"


def test_pictures_of_one_name_have_their_own_place(folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes((folder / f"{name if name == 'b' else 'c'}.png").read_bytes())
    asked = invoked(folder, str(tmp_path / "a" / "1.png"), str(tmp_path / "b" / "1.png"), "--out", str(tmp_path / "o"))
    assert {path.name for path in (tmp_path / "o").glob("*.png")} == {"1.cam.png", "1.cam-1.png"}, asked.output
    assert len(set(re.findall(r'<h2 id="([^"]+)"', (tmp_path / "o" / "index.html").read_text()))) == 2


def test_the_numbers_are_the_predictors(folder: Path) -> None:
    asked = invoked(folder, str(folder / "b.png"), "--json", "--method", "gradcam", "--row", "stage2")
    said = json.loads(asked.output)
    predictor = Predictor(runs.load(folder / "one.pth", model="resnet20"))
    for guess, expected in zip(said["top"], predictor(str(folder / "b.png")).top(3), strict=True):
        assert (guess["class"], guess["index"]) == (expected.name, expected.index)
        assert guess["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert np.array(said["top"][0]["map"]).shape == (16, 16)
    assert said["row"] == "stage2" and said["method"] == "gradcam" and "projection" not in said["top"][0]
    back = json.loads(invoked(folder, str(folder / "b.png"), "--json", "--method", "deconv").output)["top"][0]
    assert np.allclose(np.abs(back["projection"]).max(0), back["map"], rtol=1e-4)


def test_networks_side_by_side(folder: Path, tmp_path: Path) -> None:
    path, files = str(folder / "b.png"), Files(tmp_path, [], ["one", "two"])
    for name in ("one", "two"):
        (answer,) = answers(name, Predictor(runs.load(folder / f"{name}.pth", model="resnet20")), [path])
        assert isinstance(answer, Answer) and files.add(answer).name == f"b.cam-{name}.png"
    page = files.page().read_text()
    assert page.count("<h2") == 1 and "one: cam" in page and "two: cam" in page


def test_two_runs_of_one_name_have_files_of_their_own(folder: Path, tmp_path: Path) -> None:
    predictor = Predictor(runs.load(folder / "one.pth", model="resnet20"))
    files = Files(tmp_path, [], ["x/run", "y/run"])
    for name in ("x/run", "y/run"):
        (answer,) = answers(name, predictor, [str(folder / "b.png")])
        assert isinstance(answer, Answer)
        assert files.add(answer).name == f"b.cam-{name.replace('/', '_')}.png"
        assert files.add(answer).name == f"b.cam-{name.replace('/', '_')}-1.png"


def test_what_was_done_before_an_error_is_kept_and_no_empty_folder_is_left(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    given = ["--model", "resnet20", "--weights", str(folder / "one.pth"), str(folder / "b.png")]
    refused = CliRunner().invoke(command, [*given, "--method", "gradcam", "--row", "nosuch", "--out", str(out)])
    assert "has no row 'nosuch'" in str(refused.exception) and not out.exists()
    out.mkdir()
    CliRunner().invoke(command, [*given, "--method", "gradcam", "--row", "nosuch", "--out", str(out)])
    assert CliRunner().invoke(command, [*given, "--json", "--out", str(out)]).exit_code == 0 and out.exists()
    (tmp_path / "c.cam.png").write_bytes((folder / "c.png").read_bytes())
    shutil.copy(folder / "c.png", tmp_path / "c.png")
    others = [str(tmp_path / name) for name in ("c.png", "c.cam.png")]
    stopped = CliRunner().invoke(command, [*given, *others, "--out", str(tmp_path)])
    assert "is one of the pictures" in str(stopped.exception)
    assert "index.html" in stopped.output and ">b.png<" in (tmp_path / "index.html").read_text()


def test_numbers_that_are_none_are_null(folder: Path, tmp_path: Path) -> None:
    state = {key: tensor * math.nan if key == "fc.weight" else tensor
             for key, tensor in models.create_model("resnet20").state_dict().items()}  # fmt: skip
    torch.save(state, tmp_path / "nan.pth")
    asked = CliRunner().invoke(command, ["--model", "resnet20", "--weights", str(tmp_path / "nan.pth"), "--json",
                                         "--allow-nonfinite", str(folder / "b.png")])  # fmt: skip
    assert asked.exit_code == 0, asked.output
    said = json.loads(asked.output, parse_constant=pytest.fail)
    assert said["top"][0]["probability"] is None


def test_a_page_of_many_pictures_says_that_it_shows_the_first(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("convnets.explain.answers.SHOWN", 1)
    invoked(folder, str(folder / "b.png"), str(folder / "c.png"), "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert "1 of the 2 pictures are on this page; each has a file." in page
    assert ">b.png<" in page and ">c.png<" not in page
    assert (tmp_path / "c.cam.png").exists()


def test_every_method_is_offered_and_explained() -> None:
    assert ["auto", *METHODS] == OFFERED and set(MEANS) == set(METHODS)
    refused = CliRunner().invoke(command, ["--model", "resnet20", "--weights", "x.pth"])
    assert "no pictures given" in str(refused.exception)
