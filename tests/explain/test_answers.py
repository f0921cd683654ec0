"""`convnets explain`: files, a page, and the numbers behind them."""

from __future__ import annotations

import json
import re
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
from convnets.explain.answers import MEANS, answers
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
    assert [Path(path).name for path in written] == ["猫.png", "b.png", "index.html"]
    with Image.open(tmp_path / "猫.png") as strip:
        assert strip.size == (3 * 160 + 2 * 4, 160), "what is seen, and two classes"
    page = (tmp_path / "index.html").read_text()
    assert "猫.png" in page and page.count("<img") == 6 and not re.search(r"(src|href)=.https?:", page)


def test_a_bad_picture_is_said_and_the_others_are_explained(folder: Path, tmp_path: Path) -> None:
    asked = invoked(folder, str(folder / "broken.png"), str(folder / "c.png"), "--out", str(tmp_path))
    assert asked.exit_code == 2 and (tmp_path / "c.png").exists()
    assert "broken.png" in asked.stderr and asked.stderr.count("\n") == 1


def test_the_numbers_are_the_predictors(folder: Path) -> None:
    asked = invoked(folder, str(folder / "b.png"), "--json", "--method", "gradcam", "--row", "stage2")
    said = json.loads(asked.output)
    predictor = Predictor(runs.load(folder / "one.pth", model="resnet20"))
    for guess, expected in zip(said["top"], predictor(str(folder / "b.png")).top(3), strict=True):
        assert (guess["class"], guess["index"]) == (expected.name, expected.index)
        assert guess["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert np.array(said["top"][0]["map"]).shape == (16, 16)
    assert said["row"] == "stage2" and said["method"] == "gradcam"


def test_networks_side_by_side(folder: Path, tmp_path: Path) -> None:
    from convnets.explain.answers import write_page, write_pictures

    path = str(folder / "b.png")
    found: Any = [next(answers(name, Predictor(runs.load(folder / f"{name}.pth", model="resnet20")), [path]))
                  for name in ("one", "two")]  # fmt: skip
    assert [path.name for path in write_pictures(found, tmp_path)] == ["b-one.png", "b-two.png"]
    page = write_page(found, tmp_path / "index.html").read_text()
    assert page.count("<h2") == 1 and "one: cam" in page and "two: cam" in page


def test_every_method_is_offered_and_explained() -> None:
    assert ["auto", *METHODS] == OFFERED and set(MEANS) == set(METHODS)
    refused = CliRunner().invoke(command, ["--model", "resnet20", "--weights", "x.pth"])
    assert "no pictures given" in str(refused.exception)
