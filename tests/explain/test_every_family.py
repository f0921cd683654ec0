"""Every command that looks inside, on one network of every family: no network needs code of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convnets import models, papers
from convnets.cli import run

from ..networks import on_meta, smallest_input, takes
from .test_maps import SMALL


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pictures of two classes, divided."""
    folder, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("one", "other"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (80, 80, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("family", papers.families())
def test_every_command_on_every_family(family: str, data: Path, tmp_path: Path) -> None:
    name, folder = SMALL[family], tmp_path / "run"
    side = max(32, smallest_input(name)[0])
    if "input_size" not in models.axes(name):
        side = next(larger for larger in range(side, side + 64) if takes(on_meta(name), larger))
    picture = str(data / "test" / "one" / "0.png")
    quick = ["--recipe", "quick", "--epochs", "1", "-b", "4", "--img-size", str(side), "-j", "0", "--device", "cpu"]
    quick += ["--set", "optimizer.lr=0.001"]  # 8 pictures are too few to normalise by: at a full rate, some diverge
    assert run(["train", name, "--data", str(data), "--out", str(folder), *quick]) == 0
    assert (folder / "report.html").stat().st_size > 10_000, "made at the end of the training"
    assert run(["draw", name, "--out", str(tmp_path / "network.svg")]) == 0
    assert run(["explain", str(folder), picture, "--out", str(tmp_path / "explained")]) == 0
    assert run(["look", str(folder), "--pictures", "4", "--channels", "2", "--out", str(tmp_path / "look.html")]) == 0
    assert run(["report", str(folder)]) == 0
    shutil.copytree(folder, tmp_path / "other")
    assert run(["compare", str(folder), str(tmp_path / "other"), "--out", str(tmp_path / "compare.html")]) == 0
