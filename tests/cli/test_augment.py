"""`convnets augment`: a contact sheet by a recipe or a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convnets.cli import run


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("picture.png")
    Image.fromarray(pixels[::-1]).save("other.png")
    for name in "ab":
        Path("only", "test", name).mkdir(parents=True)
        Image.fromarray(pixels).save(f"only/test/{name}/0.png")
    return "picture.png"


@pytest.mark.parametrize(
    "recipe", ["alexnet/imagenet", "nin/cifar10", "googlenet/imagenet", "bag_of_tricks/imagenet-mixup"]
)
def test_a_recipes_sheet(recipe: str, picture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["augment", recipe, picture, "other.png", "-n", "3", "--out", "sheet.png"]) == 0
    out = capsys.readouterr().out
    assert "augment.flip = True" in out and out.endswith("8 pictures: sheet.png\n")
    assert 1000 < Path("sheet.png").stat().st_size < 300_000
    assert np.asarray(Image.open("sheet.png").convert("L")).std() > 20


def test_a_runs_sheet_uses_what_is_stored_with_it(picture: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["--set", "preprocess.subtract=pixel", "--set", "augment.lighting=0.1"]
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", "run", *changes]) == 0
    capsys.readouterr()
    assert run(["augment", "run", picture, "-n", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["statistics"].startswith("stored in run") and said["changes"]["augment.lighting"] == 0.1
    assert Path(said["picture"]).is_file()


@pytest.mark.parametrize("recipe", ["quick", "finetune"])
def test_ours_are_fitted_to_the_pictures(recipe: str, picture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["augment", recipe, picture, "-n", "2"]) == 0
    assert "augment.area = [0." in capsys.readouterr().out
    assert run(["augment", recipe, picture, "-n", "2", "--data", "digits"]) == 0
    assert "augment.pad = 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet/cifar", "picture.png"], "did you mean resnet/cifar10"),
        (["resnet/cifar10", "nowhere.png"], "no such file"),
        (["resnet/cifar10", "picture.png", "--set", "augment.flap=1"], "unknown key augment.flap"),
        (["resnet/cifar10", "picture.png", "--set", "augment.scale=0,0"], "augment.scale=[0, 0]: must be at least 1"),
        (["resnet/cifar10", "picture.png", "--set", "augment.mixup=-1"], "augment.mixup=-1.0: must not be negative"),
        (["resnet/cifar10", "picture.png", "--out", "picture.png/sheet.png"], "cannot write there"),
        (["resnet/cifar10", "picture.png", "--data", "only"], "only: has no train split"),
    ],
)
def test_what_it_refuses(
    arguments: list[str], message: str, picture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["augment", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
