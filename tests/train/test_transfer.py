"""`convnets train --weights`: trained weights under a new head, rows that do not learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convnets import create_model, runs
from convnets.cli import run
from convnets.spec import Preprocess
from convnets.train import loop
from convnets.train.plan import Request, make_plan
from convnets.train.state import Training

Capture = pytest.CaptureFixture[str]
CLASSIFIER = "fc."


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of resnet20 on the built-in digits."""
    out = tmp_path_factory.mktemp("runs") / "donor"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(out)]) == 0
    return out


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of resnet20 for five classes of colour pictures, as torch saves it."""
    torch.manual_seed(3)
    torch.save(create_model("resnet20", num_classes=5).state_dict(), tmp_path / "plain.pth")
    return tmp_path / "plain.pth"


def test_other_classes_get_a_new_head_over_the_old_weights(plain: Path) -> None:
    plan = make_plan(Request("resnet20", "digits", weights=str(plain)))
    theirs, ours = runs.load(plain, model="resnet20").network.state_dict(), plan.network().state_dict()
    for name, tensor in theirs.items():
        assert torch.equal(tensor, ours[name]) is not name.startswith(CLASSIFIER)
    assert ours["fc.weight"].shape == (10, 64) and plan.recipe.name == "finetune"
    assert plan.said[0].endswith("what trained weights need; the paper's own: resnet/cifar10-110, resnet/cifar10, "
                                 "resnet/imagenet")  # fmt: skip
    assert f"weights {plain}: a new classifier, from 5 classes (0, 1, 2, 3, 4) to 10 (0, 1" in plan.said[1]
    # as the weights know it: three channels, 32 pixels, ImageNet's colours, to which the pictures of 8x8 are enlarged
    assert plan.recipe.preprocess == Preprocess(
        size=32, resize=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )


def test_the_same_classes_keep_the_head(donor: Path) -> None:
    plan = make_plan(Request(None, "digits", weights=str(donor)))
    assert plan.name == "resnet20" and "the classifier is kept" in plan.said[1]
    loaded, ours = runs.load(donor), plan.network().state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in loaded.network.state_dict().items())
    assert plan.recipe.preprocess == loaded.preprocess


def test_what_the_user_sets_goes_before_what_the_weights_know(donor: Path) -> None:
    settings = ["preprocess.size=16", "preprocess.resize=16", "optimizer.lr=0.5"]
    recipe = make_plan(Request(None, "digits", "quick", assignments=settings, weights=str(donor))).recipe
    assert (recipe.name, recipe.preprocess.size, recipe.optimizer.lr) == ("quick", 16, 0.5)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--weights", "PLAIN", "--keep-head"], 3, "has other classes than the data: 5 classes (0, 1, 2, 3, 4) to 10"),
        (["--keep-head"], 2, "--keep-head is about the classifier of --weights"),
        (["--weights", "PLAIN", "--freeze", "until:conv9"], 2, "give none, backbone, or until:ROW with one of conv1"),
        (["--weights", "PLAIN", "--freeze", "until:fc"], 2, "nothing would learn; fc is the last row"),
        (["--weights", "nowhere.pth"], 2, "No such file"),
        (["--weights", "torchvision:resnet19"], 2, "no weights are called 'torchvision:resnet19'; did you mean"),
    ],
)
def test_mistakes_are_one_line(words: list[str], code: int, message: str, plain: Path, capsys: Capture) -> None:
    line = ["train", "resnet20", "--data", "digits", "--out", str(plain.parent / "run")]
    assert run([*line, *(str(plain) if word == "PLAIN" else word for word in words)]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (plain.parent / "run").exists()


def test_weights_of_another_network_name_theirs(donor: Path, capsys: Capture) -> None:
    assert run(["train", "resnet32", "--data", "digits", "--weights", str(donor)]) == 3
    assert "holds the weights of resnet20, not of resnet32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [("backbone", ["conv1", "stage1", "stage2", "stage3"]), ("until:stage1", ["conv1", "stage1"]), ("none", [])],
)
def test_frozen_rows_stay_as_they_are_statistics_and_all(
    freeze: str, frozen: list[str], donor: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = "--epochs", "1", "--recipe", "quick", "--freeze", freeze, "--out", str(out)
    assert run(["train", "--weights", str(donor), "--data", "digits", *words]) == 0
    before, after = (runs.load(path).network.state_dict() for path in (donor, out))
    same = {name.partition(".")[0] for name in before if torch.equal(before[name], after[name])}
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert same - changed == set(frozen) and "fc" in changed


def test_a_run_from_weights_that_saved_nothing_yet_begins_with_them_again(donor: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = ["train", "--weights", str(donor), "--data", "digits", "--epochs", "1", "--out", str(out)]
    assert run(line) == 0
    expected = runs.load(out, raw=True).network.state_dict()
    for path in out.glob("*.safetensors"):
        path.unlink()
    (out / "metrics.csv").unlink()
    assert run(["train", "--resume", str(out)]) == 0
    again = runs.load(out, raw=True).network.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in expected.items())


def test_rows_thaw_from_the_head_backwards(donor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more row each epoch and a half: frozen ones keep weights and statistics until then."""
    learned: list[set[str]] = []
    step = loop.take_step

    def watched(training: Training, *rest: Any) -> None:
        before = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
        step(training, *rest)
        after = training.network.state_dict()
        while len(learned) <= training.epoch:
            learned.append(set())
        learned[-1] |= {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}

    monkeypatch.setattr(loop, "take_step", watched)
    words = "--epochs", "7", "--recipe", "quick", "--set", "epoch_size=128", "--out", str(tmp_path / "run")
    line = ["train", "--weights", str(donor), "--data", "digits", "--unfreeze", "1.5", "--freeze", "until:conv1"]
    assert run([*line, *words]) == 0
    one, two, three = {"fc"}, {"fc", "stage3"}, {"fc", "stage3", "stage2"}
    assert learned == [one, one, two, three, three, *[three | {"stage1"}] * 2]


def test_a_run_without_patience_left_is_over(donor: Path, tmp_path: Path, capsys: Capture) -> None:
    """A head that hardly learns cannot improve on the first epoch."""
    out = tmp_path / "run"
    line = ["train", "--weights", str(donor), "--data", "digits", "--out", str(out), "--recipe", "quick"]
    assert run([*line, "--epochs", "9", "--freeze", "backbone", "--lr", "1e-30", "--patience", "2"]) == 0
    rows = (out / "metrics.csv").read_text().splitlines()[1:]
    assert len(rows) == 3 and runs.load(out).state["best"]["epoch"] == 1
    assert "stopped early: validation has not improved for 2 epochs" in capsys.readouterr().out
    assert runs.RunFolder.open(out).is_finished()
    assert run(["train", "--resume", str(out)]) == 0
    assert "already finished" in capsys.readouterr().out
    assert (out / "metrics.csv").read_text().splitlines()[1:] == rows


def test_classes_that_are_rare_are_shown_as_often_and_it_is_said(tmp_path: Path, capsys: Capture) -> None:
    for name, count in (("many", 40), ("few", 8)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(tmp_path / "data" / name / f"{index}.png")
    plan = make_plan(Request("resnet20", str(tmp_path / "data")))
    assert plan.recipe.sampling == "balanced" and plan.recipe.epoch_size == 43
    assert any("classes have from 7 to 36 pictures: an epoch shows all as often" in line for line in plan.said)
    asked = make_plan(Request("resnet20", str(tmp_path / "data"), assignments=["sampling=shuffled"]))
    assert asked.recipe.sampling == "shuffled"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "epoch_size=40", "--batch-size", "64", "--set", "accumulate=2"], "the 40 pictures of an epoch"),
        (["--patience", "3", "--val-fraction", "0"], "nothing is set aside to validate on"),
        (["--patience", "3", "--set", "select=last"], "patience=3: needs select=best"),
        (["--freeze", "until:conv1", "--set", "bn_average=64"], "bn_average=64: would change frozen rows"),
        (["--layer-decay", "0"], "must be above 0 and at most 1"),
        (["--unfreeze", "-1"], "must not be negative"),
        (["--minutes", "2", "--epochs", "3"], "it goes with neither --epochs nor --resume"),
        (["--minutes", "0"], "--minutes 0: must be above 0"),
    ],
)
def test_what_cannot_work_together_is_refused(
    words: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run(["train", "resnet20", "--data", "digits", "--out", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "run").exists()
