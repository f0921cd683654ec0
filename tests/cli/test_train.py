"""`convnets train` as a user types it, and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from convnets import cli, runs
from convnets.cli.train import find_run, read_save_every
from convnets.errors import ConvnetsError, DivergedError, UsageError
from convnets.models import create_model
from convnets.runs import checkpoint
from convnets.runs.folder import RunFolder
from convnets.train import keeper, run
from convnets.train.machine import Machine
from convnets.train.plan import Request, make_plan


def convnets(*arguments: object) -> int:
    """The exit code of a command line."""
    return cli.run([str(argument) for argument in arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_arguments_it_trains_on_digits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "--epochs", 2) == 0
    out = capsys.readouterr().out
    first = out.splitlines()[0]
    assert first.startswith("recipe quick (") and "the paper has none for this data" in first
    assert "--epochs rescales the recipe: epochs 40 -> 2" in out
    folder = here / "runs" / "resnet20"
    kept = {"run.json", "metrics.csv", "metrics.jsonl", "timing.csv", "curves.png", "confusion.png"}
    kept |= {f"{name}.{end}" for name in ("last", "best") for end in ("safetensors", "json")}
    assert kept <= {path.name for path in folder.iterdir()}
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    told = json.loads((folder / "best.json").read_text())
    assert told["classes"] == [str(digit) for digit in range(10)] and len(told["preprocess"]["mean"]) == 1
    assert told["paper"]["name"] == "resnet20" and told["recipe"]["epochs"] == 2 and told["versions"]["torch"]
    assert convnets("train", "--epochs", 1) == 0
    assert (here / "runs" / "resnet20-2" / "last.safetensors").exists()


def test_the_test_split_is_never_looked_at(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convnets.data import Source
    from convnets.train import plan

    def without_test(source: Source, bad: str) -> Source:
        source.splits["test"].pictures = None  # type: ignore[assignment]
        return source

    monkeypatch.setattr(plan, "check", without_test)
    assert convnets("train", "--epochs", 1) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet20"], "was published on CIFAR-10; name a folder of pictures, or try the built-in --data digits"),
        (["vgg16"], "published on ImageNet"),
        (["resnet21", "--data", "digits"], "no network is called 'resnet21'; did you mean resnet"),
        (["resnet20", "--data", "digits", "--recipe", "resnet/cifar"], "did you mean resnet/cifar10"),
        (["resnet20", "--data", "digits", "--set", "optimiser.lr=1"], "valid keys: name, source, epochs"),
        (["resnet20", "--data", "digits", "--set", "model.depth=1"], "no axis 'depth'; valid ones: shortcut"),
        (["resnet20", "--data", "digits", "--epochs", "0"], "must be at least 1"),
        (["resnet20", "--data", "digits", "--json"], "--json prints the plan of --dry-run"),
        (["resnet20", "--data", "digits", "--dry-run", "--resume", "auto"], "--dry-run plans a new run"),
        (["resnet20", "--data", "digits", "--set", "warmup.epochs=99"], "must be less than epochs=40"),
        (["resnet20", "--data", "digits", "--set", "schedule=linear", "--set", "schedule.final=-1"], "between 0 and 1"),
        (["resnet20", "--data", "digits", "--set", "preprocess.resize=-5"], "must be at least 1, or none"),
        (["resnet20", "--data", "digits", "--set", "optimizer=adamw", "--set", "optimizer.betas=2,3"], "below 1"),
        (["resnet20", "--data", "digits", "--set", "protocols=foo"], "no protocol is called 'foo'"),
        (["resnet20", "--data", "digits", "--set", "augment.pairing.end=5", "--set", "augment.pairing.on=0"],
         "augment.pairing.on=0.0: must be above 0"),
        (["resnet20", "--data", "digits", "--lr", "-1"], "optimizer.lr=-1.0: must be above 0"),
        (["resnet20", "--data", "digits", "--batch-size", "0"], "batch_size=0: must be at least 1"),
        (["resnet20", "--data", "digits", "--set", "ema=2"], "ema=2.0: must be at least 0 and below 1"),
        (["resnet20", "--data", "digits", "--set", "accumulate=3"], "must divide batch_size=64"),
        (["resnet20", "--data", "digits", "--set", "accumulate=0"], "must be between 1 and batch_size"),
        (["resnet20", "--data", "digits", "--set", "warmup.epochs=-1"], "must not be negative"),
        (["resnet20", "--data", "digits", "--set", "preprocess.mean=0.5,0.5"], "needs 1 values"),
        (["resnet20", "--data", "digits", "--set", "optimizer=sdg"], "no such optimizer as 'sdg'; valid: sgd, rmsprop"),
        (["resnet20", "--data", "digits", "--set", "augment.colour.hue=0.7"], "must be between 0 and 0.5"),
        (["resnet20", "--data", "digits", "--set", "auxiliary=0.3"], "no auxiliary classifiers"),
        (["resnet20", "--data", "digits", "--grow-from", "nowhere"], "No such file"),
        (["resnet18", "--data", "digits", "--batch-size", "1"], "needs two pictures at a time, not 1"),
        (["alexnet", "--data", "digits", "--img-size", "32"], "input_size=32 is too small for row"),
        (["vgg11", "--data", "digits", "--img-size", "16"], "the minimum is 32"),
        (["resnet20", "--data", "nowhere"], "--data nowhere: does not exist"),
        (["resnet20", "--data", "digits", "--device", "cuda:99"], "no such device on this machine"),
        (["resnet20", "--data", "digits", "--save-every", "often"], "give a number of steps"),
        (["--epoch", "3"], "No such option"),
        (["--resume", "nowhere"], "not a run folder"),
    ],
)
def test_what_it_refuses_in_one_line(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convnets("train", *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err and len(captured.err.splitlines()) == 1
    assert not list(here.glob("runs/*"))


def test_out_is_the_run_folder_itself_and_must_be_empty(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    assert convnets("train", "--epochs", 1, "--out", "full") == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in (here / "full").iterdir()] == ["notes.txt"]
    assert convnets("train", "--epochs", 1, "--out", "mine") == 0
    assert (here / "mine" / "run.json").exists() and not (here / "runs").exists()


def test_an_unreadable_picture_stops_or_is_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (here / "data" / name).mkdir(parents=True)
        for index in range(20):
            pixels = np.full((12, 12, 3), 10 * index, np.uint8)
            Image.fromarray(pixels).save(here / "data" / name / f"{index}.png")
    (here / "data" / "b" / "bad.png").write_bytes(b"not a picture")
    assert convnets("train", "resnet20", "--data", "data", "--epochs", 1) == 2
    assert "bad.png" in capsys.readouterr().err
    assert convnets("train", "resnet20", "--data", "data", "--epochs", 1, "--bad-images", "skip") == 0
    captured = capsys.readouterr()
    assert "bad.png" in captured.err and "36 train, 4 val" in captured.out


@pytest.mark.parametrize(
    ("name", "side"), [("vgg11_lrn", 32), ("alexnet", 64), ("resnet20", 8), ("cuda_convnet_13", 8)]
)
def test_every_family_takes_small_pictures(name: str, side: int) -> None:
    """The recipe enlarges the digits where a network needs it."""
    recipe = make_plan(Request(name, "digits")).recipe
    assert recipe.preprocess.size == side and recipe.preprocess.resize == (None if side == 8 else side)


@pytest.mark.parametrize(("name", "side"), [("resnet18", 128), ("resnet20", 64)])
def test_photographs_are_trained_at_a_size_a_cpu_can_bear(name: str, side: int, here: Path) -> None:
    for label in ("a", "b"):
        (here / "data" / label).mkdir(parents=True)
        for index in range(4):
            pixels = np.zeros((300, 300 + 10 * index, 3), np.uint8)
            Image.fromarray(pixels).save(here / "data" / label / f"{index}.png")
    assert make_plan(Request(name, "data")).recipe.preprocess.size == side
    # another input size shows as much of the picture, instead of a corner or a black border
    other = make_plan(Request(name, "data", assignments=("preprocess.size=224",))).recipe.preprocess
    assert (other.size, other.resize) == (224, 256)
    asked = make_plan(Request(name, "data", assignments=("preprocess.size=224", "preprocess.resize=300"))).recipe
    assert asked.preprocess.resize == 300


def test_a_picture_a_class_is_enough_to_start(here: Path) -> None:
    for label in ("a", "b"):
        (here / "data" / label).mkdir(parents=True)
        Image.fromarray(np.full((9, 9, 3), 50 + ord(label), np.uint8)).save(here / "data" / label / "x.png")
    assert convnets("train", "resnet20", "--data", "data", "--epochs", 1, "--out", "run") == 0
    assert not (here / "run" / "confusion.png").exists()  # nothing to validate on


def test_a_closed_pipe_does_not_end_a_training(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(keeper, "print", broken, raising=False)
    assert convnets("train", "--epochs", 1, "--out", "run") == 0
    assert RunFolder(here / "run").is_finished()


def test_pictures_that_cannot_be_written_are_a_warning(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.start(Request(epochs=1), Machine(torch.device("cpu")), "run")
    for name in ("curves.png", "confusion.png"):
        (here / "run" / name).unlink()
        (here / "run" / name).mkdir()
    assert convnets("train", "--resume", "run", "--epochs", 2, "--allow-change", "epochs") == 0
    assert "cannot draw the curves" in capsys.readouterr().err


def test_plain_weights_with_their_networks_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = create_model("resnet20", num_classes=7, in_channels=1)
    safetensors.torch.save_file(network.state_dict(), here / "plain.safetensors")
    loaded = runs.load("plain.safetensors", model="resnet20")
    assert len(loaded.classes) == 7 and loaded.preprocess.channels == 1
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(loaded.network(x), network.eval()(x))
    assert convnets("predict", "--weights", "plain.safetensors", "x.png") == 2
    assert "add --model NAME" in capsys.readouterr().err
    assert convnets("predict", "--model", "resnet32", "--weights", "plain.safetensors", "x.png") == 3
    assert "absent in the file" in capsys.readouterr().err
    torch.save(network.state_dict(), here / "pickle.pth")
    again = runs.load("pickle.pth", model="resnet20")
    assert torch.equal(again.network(x), network(x))


def test_a_loss_that_becomes_nan_ends_the_run_with_4(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "plain20", "--data", "digits", "--lr", 1e30, "--epochs", 2) == DivergedError.exit_code
    assert "became NaN or infinite by step 2" in capsys.readouterr().err


def test_compiled_training_saves_plain_names(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Compiled(torch.nn.Sequential):
        """What wraps the network; where that has no length, asking for one is an error, as asking if it is true."""

        def __len__(self) -> int:
            raise TypeError("WithAuxiliary does not support len()")

    monkeypatch.setattr(torch, "compile", lambda network, **_: Compiled(network))
    assert convnets("train", "--epochs", 1, "--compile", "--out", "run") == 0
    tensors, _ = checkpoint.load(here / "run" / "best.safetensors")
    assert "model.conv1.conv.weight" in tensors


def test_auto_finds_the_newest_unfinished_run(here: Path) -> None:
    assert find_run("auto", None, None) is None
    assert convnets("train", "--epochs", 1, "--out", "runs/a") == 0
    for name, started in (("b", "2026-01-02"), ("c", "2026-01-01")):
        shutil.copytree(here / "runs" / "a", here / "runs" / name)
        folder = RunFolder(here / "runs" / name)
        folder.write_run({**folder.read_run(), "started": started})
        for path in folder.path.glob("last.*"):
            path.unlink()
    (here / "runs" / "d").mkdir()
    (here / "runs" / "d" / "run.json").write_text("{")  # somebody else's damage is no reason to stop
    assert find_run("auto", None, None) == str(Path("runs/b"))
    assert find_run("auto", "resnet20_a", None) == str(Path("runs/b")) and find_run("auto", "vgg11", None) is None
    assert find_run("auto", None, "runs/a") == "runs/a" and find_run("auto", None, "new") is None
    with pytest.raises(UsageError, match="exclude each other"):
        find_run("runs/b", None, "x")


@pytest.mark.parametrize(
    ("text", "expected"), [(None, (0, 300)), ("200", (200, 300)), ("90s", (0, 90)), ("2m", (0, 120)), ("1h", (0, 300))]
)
def test_save_every(text: str | None, expected: tuple[int, float]) -> None:
    assert read_save_every(text) == expected


def test_tensorboard_without_its_extra_says_how_to_get_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert convnets("train", "--epochs", 1, "--tensorboard") == 2
    assert "convnets[tensorboard]" in capsys.readouterr().err


def test_every_error_has_its_exit_code() -> None:
    codes = {kind.__name__: kind.exit_code for kind in ConvnetsError.__subclasses__()}
    assert codes == {"UsageError": 2, "CheckpointError": 3, "DivergedError": 4, "ResourceError": 5, "Interrupted": 1}


def test_a_dry_run_says_what_would_happen_and_leaves_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "resnet20", "--data", "digits", "--epochs", 3, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "quick: 3 epochs of 20 steps of 64 pictures, 60 steps in all" in out and "ms a step" in out
    assert "resnet20: 269,434 parameters, input 1x8x8" in out and "MiB at its peak" in out and "•" in out
    assert not list(here.iterdir())
    assert convnets("train", "resnet20", "--data", "digits", "--epochs", 3, "--dry-run", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["steps"] == 60 and values["seconds"] > 0 and len(values["rates"]) == 60


def test_a_dry_run_of_grown_weights_is_one_json_object(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "--epochs", 1, "--out", "run") == 0
    words = "train", "resnet20", "--data", "digits", "--recipe", "finetune", "--dry-run"
    capsys.readouterr()
    assert convnets(*words, "--grow-from", "run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["grown"][0].startswith("grown from run: rows ")
    assert convnets(*words) == 0
    assert "warning: finetune is for trained weights, and these are random" in capsys.readouterr().out


def test_a_dry_run_says_when_a_warm_up_ends(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "resnet20", "--data", "digits", "--recipe", "resnet/cifar10-110", "--dry-run") == 0
    assert "once the training error is below 80 %" in capsys.readouterr().out


def test_the_range_test_suggests_nothing_where_nothing_was_learnt(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "lr-find", "resnet20", "--data", "digits", "--steps", 10, "--from", 1e-9, "--to", 1e-8
    assert convnets(*line) == 2
    assert "the loss fell at no rate" in capsys.readouterr().err
    assert convnets(*line[:4], "--steps", 30, "--from", 1e-4, "--to", 1e-2) == 0
    assert "still falling at the last rate: try --to 0.1" in capsys.readouterr().out


def test_the_range_test_draws_and_suggests_a_rate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("lr-find", "resnet20", "--data", "digits", "--steps", 40, "--out", "rates.png") == 0
    out = capsys.readouterr().out
    assert "suggestion: --lr" in out and out.endswith("picture: rates.png\n") and (here / "rates.png").is_file()
    assert convnets("lr-find", "resnet20", "--data", "digits", "--steps", 40, "--json", "--out", "rates.png") == 0
    found = json.loads(capsys.readouterr().out)
    assert 1e-4 < found["suggestion"] < 1 and len(found["rates"]) == len(found["losses"]) <= 40
    assert found["rates"] == sorted(found["rates"])
    assert convnets("lr-find", "resnet20", "--data", "digits", "--from", 1, "--to", 0.1) == 2
    assert "needs 0 < lowest < highest" in capsys.readouterr().err


def test_a_run_that_averages_batch_statistics_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convnets("train", "--epochs", 1, "--set", "bn_average=200", "--set", "ema=0.9", "--out", "run") == 0
    said = capsys.readouterr().out
    assert "averaged over 256 training pictures" in said
    assert convnets("evaluate", "run", "--split", "val", "--json") == 0
    error = json.loads(capsys.readouterr().out)["top1_error"]
    assert f"{error:.2f} % with averaged statistics; weights in" in said
    assert convnets("evaluate", "run", "--json") == 0
    averaged = json.loads(capsys.readouterr().out)
    assert convnets("evaluate", "run", "--raw", "--json") == 0
    assert json.loads(capsys.readouterr().out)["loss"] != averaged["loss"]
