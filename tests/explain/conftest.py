"""A small data set with names of several scripts, and two runs on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convnets import cli

NAMES = ("猫", "قطة سوداء", 'a <b> & "c"', "cat")
COUNTS = {"train": 20, "val": 9, "test": 10}


@pytest.fixture(scope="session")
def named_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of noise of four brightnesses, which overlap; one picture is in three places, once mislabelled."""
    root, random = tmp_path_factory.mktemp("named"), np.random.default_rng(0)
    for split, count in COUNTS.items():
        for number, name in enumerate(NAMES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                level = random.normal(60 + 45 * number, 25)
                pixels = np.clip(random.normal(level, 20, (12, 12, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{split}{index}.png")
    first = root / "train" / NAMES[0] / "train0.png"
    shutil.copy(first, root / "train" / NAMES[0] / "again.png")
    shutil.copy(first, root / "test" / NAMES[0] / "leaked.png")
    shutil.copy(first, root / "val" / NAMES[3] / "wrong.png")
    return root


@pytest.fixture(scope="session")
def other_pictures(named_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other data of the same classes: a picture is missing."""
    copy = tmp_path_factory.mktemp("copies") / "elsewhere"
    shutil.copytree(named_pictures, copy)
    (copy / "train" / NAMES[1] / "train1.png").unlink()
    return copy


def trained(data: Path, out: Path, *more: str) -> Path:
    """A run of two epochs in the folder `out`."""
    options = ["--data", str(data), "--epochs", "2", "--out", str(out), "--no-compile", *more]
    assert cli.run(["train", "resnet20", *options]) == 0
    return out


@pytest.fixture(scope="session")
def one_run(named_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report."""
    return trained(named_pictures, tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="session")
def other_run(named_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another run on the same data, with another rate and without a report."""
    return trained(named_pictures, tmp_path_factory.mktemp("runs") / "other", "--lr", "0.002", "--no-report")
