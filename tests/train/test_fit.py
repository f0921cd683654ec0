"""`convnets fit`: what it chooses, from scratch and from weights, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convnets
from convnets import runs
from convnets.cli import run
from convnets.errors import DivergedError, UsageError
from convnets.train import fit as fitting
from convnets.train import task as tasks
from convnets.train.budget import within
from convnets.train.machine import Machine
from convnets.train.plan import Request, make_plan

Capture = pytest.CaptureFixture[str]
CPU = Machine(torch.device("cpu"), 0)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Pictures of several sizes in two classes that are easily told apart, without a test split."""
    noise = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 150)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(30):
            pixels = noise.integers(low, low + 100, (70 + index, 90, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


@pytest.fixture
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are taken to last so long that 8 minutes are 10 epochs, however loaded this machine is."""
    costs = {"seconds_per_step": 1.0, "seconds_between": 40.0, "steps_per_epoch": 1}
    monkeypatch.setattr("convnets.train.budget.forecast", lambda *_: costs)
    monkeypatch.setattr(tasks, "pictures_per_second", lambda *_, **__: 1000.0)


@pytest.mark.usefixtures("slow_steps")
def test_a_folder_becomes_a_tested_run(photographs: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run"
    assert run(["fit", str(photographs), "--minutes", "8", "--scratch", "--out", str(out), "--workers", "0"]) == 0
    said = capsys.readouterr().out
    assert "pictures of all sizes, 2 classes; 44 to train on, 4 to validate on, 12 to test on" in said
    assert "network resnet20 at 64 pixels: the largest for 44 pictures that the time allows" in said
    assert "weights of the last epoch: 4 pictures are too few" in said and "test error" in said
    stored = runs.RunFolder.open(out).read_run()
    assert stored["fit"]["n"] == 12 and len(stored["fit"]["said"]) == 4 and stored["fit"]["seconds"] > 0
    assert stored["recipe"]["select"] == "last" and stored["recipe"]["augment"]["mixup"] == 0.2
    assert runs.load(out).state["best"]["epoch"] == stored["recipe"]["epochs"]
    assert run(["evaluate", str(out), "--json"]) == 0  # on the same pictures, which were in no other part
    again = json.loads(capsys.readouterr().out)
    assert (again["split"], again["n"], again["top1_error"]) == ("test", 12, pytest.approx(stored["fit"]["error"]))
    assert run(["train", "--resume", str(out)]) == 0
    assert "already finished" in capsys.readouterr().out


@pytest.mark.usefixtures("slow_steps")
def test_from_weights_it_probes_and_tunes_and_keeps_the_better(tmp_path: Path, capsys: Capture) -> None:
    donor, out = tmp_path / "donor", tmp_path / "run"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(donor)]) == 0
    capsys.readouterr()
    line = ["fit", "digits", "--weights", str(donor), "--minutes", "8", "--out", str(out), "--json"]
    assert run(line) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["split"] == "test" and answer["n"] == 359 and answer["error"] < 10
    last = answer["said"][-1]
    probed, tuned = (float(text.split(" %")[0].split()[-1]) for text in last.rpartition("error: ")[2].split(", "))
    kept = "finetuned" if tuned < probed else "probe"
    assert f"recipe: the {'fine-tuned network' if tuned < probed else 'probe'}" in last
    other = {"finetuned": "probe", "probe": "finetuned"}[kept]
    assert (out / other / "run.json").is_file() and not (out / kept).exists()
    assert runs.load(out).network.name == "resnet20" and (out / "confusion-test.png").is_file()


@pytest.mark.parametrize(("rate", "name"), [(1000.0, "resnet50"), (0.5, "resnet18")])
def test_weights_are_those_that_the_time_allows(
    rate: float, name: str, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "pictures_per_second", lambda name, *_, **__: rate * (2 if name == "resnet18" else 1))
    monkeypatch.setattr(fitting, "fetch", lambda spec: None)
    task = task_of(photographs, minutes=5)
    assert fitting._weights_at_hand(task) == f"torchvision:{name}" and task.said[0].startswith("weights: torchvision:")


def test_weights_that_cannot_be_had_are_done_without(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(spec: str) -> None:
        raise UsageError(f"{spec}: cannot be downloaded")

    monkeypatch.setattr(tasks, "pictures_per_second", lambda *_, **__: 1000.0)
    monkeypatch.setattr(fitting, "fetch", nothing)
    task = task_of(photographs)
    assert fitting._weights_at_hand(task) is None
    assert task.said == ["weights: none at hand (torchvision:resnet50: cannot be downloaded); trained from scratch"]
    small = task_of("digits")
    assert fitting._weights_at_hand(small) is None and "small or grey" in small.said[0]


def task_of(data: str | Path, minutes: float = 5.0) -> tasks.Task:
    division = fitting._division(str(data), seed=0)
    return tasks.Task(str(data), division, CPU, minutes, None, None, "error", lambda line: None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: does not exist"),
        (["digits", "--minutes", "0"], "--minutes 0: must be above 0"),
        (["digits", "--minutes", "nan"], "must be above 0"),
        (["digits", "--scratch", "--weights", "x.pth"], "--scratch starts from no weights"),
        (["digits", "--minutes", "0.0001", "--scratch"], "leave no time to learn"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(["fit", *words, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.usefixtures("slow_steps")
def test_in_python(photographs: Path, tmp_path: Path) -> None:
    said: list[str] = []
    fitted = convnets.fit(str(photographs), minutes=8, scratch=True, out=str(tmp_path / "run"), tell=said.append)
    assert said == fitted.said and fitted.evaluation.n == 12
    assert convnets.Predictor(fitted.path)(photographs / "dark" / "0.png").classes[0] in ("dark", "light")


def test_minutes_become_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer ones more of them, and the schedule goes along; with too little time epochs show fewer pictures."""
    plan = make_plan(Request("resnet20", "digits", "finetune", minutes=1))
    costs = {"seconds_per_step": 0.5, "seconds_between": 4.9, "steps_per_epoch": 20}
    monkeypatch.setattr("convnets.train.budget.forecast", lambda *_: costs)
    ten = within(plan, CPU, 10)
    assert ten.recipe.epochs == int(0.9 * 600 / 14.9)
    assert "36 epochs of 1,280 pictures in 0:15, as measured" in ten.said[-1]
    assert ten.recipe.warmup.epochs == pytest.approx(plan.recipe.warmup.epochs * 36 / plan.recipe.epochs, rel=1e-4)
    short = within(plan, CPU, 0.6)
    assert (short.recipe.epochs, short.recipe.epoch_size) == (4, 6 * 64) and short.recipe.warmup.epochs <= 1


def test_what_the_user_set_is_not_rescaled(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {"seconds_per_step": 0.0101, "seconds_between": 0.0, "steps_per_epoch": 20}
    monkeypatch.setattr("convnets.train.budget.forecast", lambda *_: costs)
    given = "patience=3", "warmup.epochs=2"
    plan = make_plan(Request("resnet20", "digits", "finetune", assignments=given, minutes=1))
    recipe = within(plan, CPU, 1).recipe
    assert (recipe.epochs, recipe.patience, recipe.warmup.epochs) == (267, 3, 2)


def test_weights_in_the_cache_are_found_where_others_are_not(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_small(spec: str) -> None:
        if spec != "torchvision:resnet18":
            raise UsageError(f"{spec}: cannot be downloaded")

    monkeypatch.setattr(tasks, "pictures_per_second", lambda *_, **__: 1000.0)
    monkeypatch.setattr(fitting, "fetch", only_small)
    assert fitting._weights_at_hand(task_of(photographs)) == "torchvision:resnet18"


def test_a_probe_is_kept_where_fine_tuning_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def diverges(*_: object) -> None:
        raise DivergedError("the loss became NaN")

    donor, out = tmp_path / "donor", tmp_path / "run"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(donor)]) == 0
    monkeypatch.setattr(fitting, "start", diverges)
    assert run(["fit", "digits", "--weights", str(donor), "--minutes", "8", "--out", str(out)]) == 0
    assert "recipe: the probe; fine-tuning failed (the loss became NaN)" in capsys.readouterr().out
    assert "probe" in runs.RunFolder.open(out).read_run()


def test_two_runs_that_tested_on_the_folders_own_val_can_be_averaged(tmp_path: Path, capsys: Capture) -> None:
    noise = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 4)):
        for name, low in (("dark", 0), ("light", 150)):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = noise.integers(low, low + 100, (32, 32, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{index}.png")
    pair = [str(tmp_path / name) for name in "ab"]
    for seed, out in enumerate(pair):
        words = "--epochs", "1", "--set", "val_is_test=true", "--seed", str(seed), "--recipe", "quick"
        assert run(["train", "resnet20", "--data", str(tmp_path / "data"), "--out", out, *words]) == 0
    assert run(["evaluate", *pair, "--ensemble"]) == 0
    assert "test split" in capsys.readouterr().out
    assert run(["evaluate", *pair, "--ensemble", "--split", "val"]) == 2
    assert "trained on pictures of this val split" in capsys.readouterr().err
