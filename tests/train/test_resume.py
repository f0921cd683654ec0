"""Exact resume: rows R01-R05, R08, R09 and K12 of the fault table, on real runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convnets import cli, spec
from convnets.errors import Interrupted, UsageError
from convnets.models import create_model
from convnets.runs import checkpoint
from convnets.runs.folder import LAST, RUN, RunFolder
from convnets.train import keeper, run
from convnets.train.machine import Machine
from convnets.train.plan import Request
from convnets.train.resume import FIXED, resume
from convnets.train.state import Training

from ..parity.peers import library

CPU = torch.device("cpu")

# Every user of randomness that there is: order, pad-crop, flip, crops of ten places and of random area, scale and
# filter, changes of colour and shape, erasing, mixing, policies, balanced sampling, dropout, also of auxiliary
# classifiers, stochastic depth.
# A later one joins by a line here.
RUNS: dict[str, Request] = {
    "resnet": Request("resnet20", "digits", epochs=3, assignments=("ema=0.9", "augment.flip=true")),
    "accumulate": Request("plain20", "digits", epochs=2, assignments=(
        "accumulate=2", "optimizer.nesterov=false", "augment.ten=true",
    )),
    "plateau": Request("resnet20", "digits", epochs=6, assignments=("schedule=plateau", "schedule.patience=2")),
    "dropout": Request("alexnet_half", "PICTURES", epochs=2, assignments=("preprocess.size=67", "batch_size=16")),
    "changes": Request("resnet20", "PICTURES", epochs=2, assignments=(
        "preprocess.size=32", "batch_size=16", "optimizer=rmsprop", "augment.area=none", "augment.scale=40,60",
        "augment.affine.rotate=20", "augment.colour.brightness=0.4", "augment.colour.contrast=0.4",
        "augment.colour.saturation=0.4", "augment.colour.hue=0.1", "augment.colour.shift=10", "augment.lighting=0.1",
        "augment.noise=5", "augment.erase=0.5", "augment.cutout=8", "augment.mixup=0.2", "augment.cutmix=1.0",
        "augment.policy=trivialaugment", "sampling=balanced",
    )),
    "statistics": Request("resnet20", "digits", epochs=3, assignments=(
        "preprocess.subtract=pixel", "optimizer.nesterov=false", "optimizer.form=paper", "clip=1.0", "warmup.epochs=2",
        "warmup.shape=constant", "warmup.until_error=80", "augment.pad_mode=reflect", "augment.pairing.end=2",
        "augment.pairing.on=1", "augment.pairing.off=1",
    )),
    "whitened": Request("nin_mnist", "digits", epochs=1, assignments=(
        "preprocess.size=8", "preprocess.contrast=10", "preprocess.whiten=0.1", "optimizer=adamw", "schedule=linear",
    )),
    "thawed": Request("resnet20", "digits", epochs=4, assignments=(
        "unfreeze=1.5", "optimizer.layer_decay=0.7", "epoch_size=256", "freeze=until:conv1",
    )),
    "stochastic depth": Request(
        "sd_resnet110", "digits", epochs=1, assignments=("batch_size=128", "freeze=until:conv1")
    ),
    "auxiliary": Request("googlenet", "PICTURES", epochs=2, assignments=(
        "preprocess.size=48", "batch_size=16", "auxiliary=0.3", "bn_average=32", "filter_rms=0.1",
        "augment.any_filter=true",
    )),
    "reduced": Request("resnet20", "PICTURES", epochs=2, assignments=(
        "preprocess.size=32", "batch_size=16", "augment.area=0.1,1", "augment.flip=true", "augment.decode=reduced",
    )),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs of several sizes, two classes."""
    root = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for split, count in (("train", 48), ("val", 8)):
        for label, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for index in range(count // 2):
                height, width = noise.integers(70, 110, 2)
                pixels = noise.integers(0, 128, (height, width, 3)) + 100 * label
                Image.fromarray(pixels.astype(np.uint8)).save(root / split / name / f"{index}.png")
    return root


def request_of(kind: str, pictures: Path) -> Request:
    request = RUNS[kind]
    return Request(**{**vars(request), "data": str(pictures)}) if request.data == "PICTURES" else request


class Finished:
    """Uninterrupted runs, made once each, to compare with."""

    def __init__(self, root: Path, pictures: Path) -> None:
        self.root, self.pictures, self.done = root, pictures, dict[str, dict[str, str]]()

    def __getitem__(self, kind: str) -> dict[str, str]:
        if kind not in self.done:
            out = str(self.root / kind)
            run.start(request_of(kind, self.pictures), Machine(CPU), out)
            self.done[kind] = fingerprint(self.root / kind)
        return self.done[kind]


@pytest.fixture(scope="module", autouse=True)
def torchvision() -> None:
    """Policies and erasing are torchvision's."""
    library("torchvision")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[Finished]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Finished(tmp_path_factory.mktemp("finished"), pictures)
    torch.set_num_threads(threads)


def fingerprint(folder: Path) -> dict[str, str]:
    """SHA-256 of everything that has to survive a stop, by part: a difference names its part."""
    tensors, state = checkpoint.load(folder / LAST)
    parts: dict[str, str] = {}
    for prefix in ("model.", "ema.", "auxiliary.", "statistics.", "optimizer.", "random.", "progress."):
        digest = hashlib.sha256()
        for name in sorted(name for name in tensors if name.startswith(prefix)):
            digest.update(name.encode() + tensors[name].numpy().tobytes())
        parts[prefix] = digest.hexdigest()
    parts |= {key: json.dumps(state[key]) for key in ("progress", "schedule", "log", "best", "scaler")}
    parts |= {name: (folder / name).read_text() for name in ("metrics.csv", "metrics.jsonl")}
    best, _ = checkpoint.load(folder / "best.safetensors")
    parts["best weights"] = hashlib.sha256(b"".join(best[name].numpy().tobytes() for name in sorted(best))).hexdigest()
    return parts


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int, number: int = signal.SIGTERM) -> None:
    """Make the run get a signal during step `steps`."""
    after_step = keeper.RunKeeper.after_step

    def counted(self: keeper.RunKeeper, training: Training) -> None:
        if training.step == steps:
            self.signal = number
        after_step(self, training)

    monkeypatch.setattr(keeper.RunKeeper, "after_step", counted)


def interrupted(
    kind: str, pictures: Path, out: Path, steps: int, monkeypatch: pytest.MonkeyPatch, workers: int = 0
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(Interrupted) as stopped:
            run.start(request_of(kind, pictures), Machine(CPU, workers), str(out))
    assert stopped.value.exit_code == 143


def steps_in_epoch(folder: Path) -> int:
    _, state = checkpoint.load(folder / LAST)
    return int(state["progress"]["step"] / state["recipe"]["epochs"])


@pytest.mark.parametrize("kind", RUNS)
def test_r01_stopped_at_an_epochs_end(
    kind: str, finished: Finished, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, out = finished[kind], tmp_path / "run"
    interrupted(kind, pictures, out, steps_in_epoch(finished.root / kind), monkeypatch)
    resume(str(out), Request(), Machine(CPU))
    assert fingerprint(out) == expected


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("kind", ["resnet", "accumulate", "dropout", "changes", "statistics", "auxiliary"])
def test_r02_r03_r05_stopped_in_mid_epoch_and_resumed_with_other_workers(
    kind: str, workers: int, finished: Finished, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, out = finished[kind], tmp_path / "run"
    steps = steps_in_epoch(finished.root / kind)
    stop = random.Random(f"{kind}{workers}").randrange(1, 2 * steps)
    interrupted(kind, pictures, out, stop, monkeypatch, workers)
    resume(str(out), Request(), Machine(CPU, 4 - workers))
    assert fingerprint(out) == expected


@pytest.mark.parametrize("kind", ["dropout", "stochastic depth", "auxiliary"])
def test_activations_computed_again_are_the_same_run(
    kind: str, finished: Finished, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped with --checkpoint-activations and resumed without, it is the run that had neither."""
    expected, out = finished[kind], tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 1 + steps_in_epoch(finished.root / kind) // 2)
        with pytest.raises(Interrupted):
            run.start(request_of(kind, pictures), Machine(CPU, checkpoint_activations=True), str(out))
    resume(str(out), Request(), Machine(CPU))
    assert fingerprint(out) == expected


def test_r08_a_plateau_resumes_with_its_counters(
    finished: Finished, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validation error that never improves after the first epoch: the rate falls after every second one."""
    monkeypatch.setattr("convnets.train.loop.validate", lambda *_: {"val_loss": 1.0, "val_error": 50.0})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run.start(RUNS["plateau"], Machine(CPU), str(whole))
    steps = steps_in_epoch(whole)
    interrupted("plateau", pictures, parts, 2 * steps + 1, monkeypatch)  # one of two epochs of patience used up
    _, state = checkpoint.load(parts / LAST)
    assert state["schedule"].items() >= {"drops": 0, "waited": 1, "best": 50.0}.items()
    resume(str(parts), Request(), Machine(CPU))
    rates = [row["lr"] for row in checkpoint.load(parts / LAST)[1]["log"]]
    assert rates == [row["lr"] for row in checkpoint.load(whole / LAST)[1]["log"]]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001])
    assert fingerprint(parts) == fingerprint(whole)


@pytest.mark.parametrize(
    ("request_", "keys"),
    [
        (Request(assignments=("optimizer.lr=0.5",)), ["optimizer.lr 0.1 -> 0.5"]),
        (Request(assignments=("batch_size=32",)), ["batch_size 64 -> 32"]),
        (Request("resnet32"), ["model resnet20 -> resnet32"]),
        (Request(epochs=9, assignments=("ema=0.5",)), ["epochs 3 -> 9", "ema 0.9 -> 0.5"]),
        (Request(seed=3), ["seed 0 -> 3"]),
        (Request(assignments=("model.shortcut=C", "preprocess.size=16")), ["model.shortcut None -> C", "size 8 -> 16"]),
        (Request(data="PICTURES"), ["classes 10 (0, 1, 2, 3, 4, ...) -> 2 (dark, light)"]),
    ],
)
def test_r09_a_changed_run_is_refused(
    request_: Request, keys: list[str], finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    if request_.data:
        request_ = Request(data=str(pictures))
    with pytest.raises(UsageError) as refused:
        resume(str(out), request_, Machine(CPU))
    assert all(key in str(refused.value) for key in keys)
    fixed = any(key.split()[0].split(".")[0] in FIXED for key in keys)
    assert ("start a new one" if fixed else "--allow-change") in str(refused.value)
    names = tuple(key.split()[0] for key in keys)
    if fixed:  # no flag makes another run of it
        with pytest.raises(UsageError, match="start a new one"):
            resume(str(out), request_, Machine(CPU), (*names, "preprocess", "model"))


def test_r09_an_allowed_change_passes_and_stays(finished: Finished, tmp_path: Path) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    longer = Request(epochs=4, assignments=("optimizer.lr=0.01",))
    resume(str(out), longer, Machine(CPU), ("epochs", "optimizer.lr"))
    _, state = checkpoint.load(out / LAST)
    assert state["progress"]["epoch"] == 4 and len(state["log"]) == 4 and state["recipe"]["optimizer"]["lr"] == 0.01
    assert set(state["changed"]) == {"epochs", "optimizer.lr"}
    for path in out.glob("*.safetensors"):  # and is still there when the run has to start again
        path.unlink()
    resume(str(out), Request(), Machine(CPU))
    _, again = checkpoint.load(out / LAST)
    assert again["progress"]["epoch"] == 4 and again["recipe"] == state["recipe"]


def test_r09_compilation_is_kept_unless_its_change_is_allowed(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not said: as the run has it; --no-compile against a compiled run, as --compile against another: refused."""
    finished["resnet"]
    out, compiled = tmp_path / "run", list[object]()
    shutil.copytree(finished.root / "resnet", out)

    def compile_(model: object, **_: object) -> object:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compile_)

    def stored(*options: str) -> bool:
        compiled.clear()
        assert cli.run(["train", "--resume", str(out), *options, "--device", "cpu"]) == 0
        kept = json.loads((out / RUN).read_text())["compile"]
        assert bool(compiled) is kept
        return bool(kept)

    for wanted, option in ((True, "--compile"), (False, "--no-compile")):
        before = (out / RUN).read_bytes()
        capsys.readouterr()
        assert cli.run(["train", "--resume", str(out), option, "--device", "cpu"]) == 2
        said = capsys.readouterr().err
        assert f"would change compile {not wanted} -> {wanted}; " in said and "--allow-change compile" in said
        assert (out / RUN).read_bytes() == before
        assert stored() is not wanted
        assert stored(option, "--allow-change", "compile") is wanted
        assert stored() is wanted and stored(option) is wanted  # the run has it so now
    assert json.loads((out / RUN).read_text())["changed"] == ["compile", "compile"]


def test_a_compiled_run_has_its_activations_computed_again_only_without_compilation(
    finished: Finished, tmp_path: Path
) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    run_ = json.loads((out / RUN).read_text())
    (out / RUN).write_text(json.dumps({**run_, "compile": True}))
    with pytest.raises(UsageError, match="is compiled; "):
        resume(str(out), Request(), Machine(CPU, compile=None, checkpoint_activations=True))
    resume(str(out), Request(), Machine(CPU, compile=False, checkpoint_activations=True), ("compile",))
    assert json.loads((out / RUN).read_text())["compile"] is False


def test_a_refused_resume_leaves_the_run_as_it_was(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    changed = Request(epochs=5, assignments=("optimizer.lr=0.5",))
    with pytest.raises(UsageError, match="tensorboard"):
        resume(str(out), changed, Machine(CPU, tensorboard=True), ("epochs", "lr"))
    with pytest.raises(UsageError, match="must divide"):
        resume(str(out), Request(assignments=("accumulate=5",)), Machine(CPU), ("accumulate",))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_an_average_new_to_the_run_starts_from_its_weights(finished: Finished, pictures: Path, tmp_path: Path) -> None:
    finished["accumulate"]
    tensors, state = checkpoint.load(finished.root / "accumulate" / LAST)
    recipe = dataclasses.replace(spec.from_dict(spec.Recipe, state["recipe"]), ema=0.9)
    training = Training(create_model(state["network"]["name"], **state["network"]["overrides"]), recipe, CPU)
    training.restore(tensors, state)
    assert training.average is not None
    for name, value in training.average.values.items():
        assert torch.equal(value, tensors[f"model.{name}"])


def test_best_weights_of_an_abandoned_course_are_set_aside(finished: Finished, tmp_path: Path) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    tensors, state = checkpoint.load(out / "best.safetensors")
    checkpoint.save(out / "best.safetensors", tensors, {**state, "best": {"epoch": 9, "error": 0.0, "loss": 0.0}})
    resume(str(out), Request(epochs=4), Machine(CPU), ("epochs",))
    assert (out / "best-abandoned.safetensors").exists()
    assert checkpoint.load(out / "best.safetensors")[1]["best"] == checkpoint.load(out / LAST)[1]["best"]


def test_a_finished_run_with_a_damaged_end_is_not_finished(finished: Finished, tmp_path: Path) -> None:
    finished["resnet"]
    out = tmp_path / "run"
    shutil.copytree(finished.root / "resnet", out)
    assert RunFolder(out).is_finished()
    (out / LAST).write_bytes((out / LAST).read_bytes()[:5000])
    assert not RunFolder(out).is_finished()
    resume(str(out), Request(), Machine(CPU))
    assert fingerprint(out) == finished["resnet"]


def test_a_run_that_went_back_stays_back(finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After --resume FILE the abandoned later checkpoint is not what the next --resume finds."""
    finished["resnet"]
    out, steps = tmp_path / "run", steps_in_epoch(finished.root / "resnet")
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(Interrupted):
            run.start(RUNS["resnet"], Machine(CPU), str(out))
    early = tmp_path / "early.safetensors"
    shutil.copy(out / LAST, early)
    resume(str(out), Request(), Machine(CPU))
    shutil.copy(early, out / "early.safetensors")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "train", killed)
        with pytest.raises(KeyboardInterrupt):  # before its first step
            resume(str(out / "early.safetensors"), Request(), Machine(CPU))
    newest = RunFolder(out).newest()
    assert newest is not None and newest[2]["progress"]["step"] == steps
    with monkeypatch.context() as patch:
        stop_after(patch, steps + 2)
        with pytest.raises(Interrupted):
            resume(str(out / "early.safetensors"), Request(), Machine(CPU))
    newest = RunFolder(out).newest()
    assert newest is not None and newest[2]["progress"]["step"] == steps + 2
    resume(str(out), Request(), Machine(CPU))
    assert fingerprint(out) == finished["resnet"]


def test_a_run_killed_before_its_first_save_starts_again(finished: Finished, tmp_path: Path) -> None:
    expected, out = finished["resnet"], tmp_path / "run"
    out.mkdir()
    shutil.copy(finished.root / "resnet" / "run.json", out)
    resume(str(out), Request(), Machine(CPU))
    assert fingerprint(out) == expected


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.kills200)])
def test_r04_killed_at_random_times(tmp_path: Path, kills: int, finished: Finished) -> None:
    """SIGKILL, again and again, each time resumed; the result is that of the run that was left alone."""
    request = Request("resnet20", "digits", epochs=kills, assignments=("ema=0.9", "augment.flip=true"))
    whole, out, chance = tmp_path / "whole", tmp_path / "run", random.Random(kills)
    run.start(request, Machine(CPU), str(whole))
    for left in range(kills, -1, -1):
        pid = os.fork()
        if pid == 0:
            silence()
            machine = Machine(CPU, save_steps=1)
            if (out / "run.json").exists():
                resume(str(out), Request(), machine)
            else:
                shutil.rmtree(out, ignore_errors=True)
                run.start(request, machine, str(out))
            os._exit(0)
        if left:
            time.sleep(chance.uniform(0.0, 0.8))
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert fingerprint(out) == fingerprint(whole)


def silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def wait_for(condition: object, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_k12_a_signal_ends_the_step_saves_and_exits(number: int, code: int, tmp_path: Path) -> None:
    """The real command, started and stopped as a user would."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "convnets", "train", "resnet20", "--data", "digits", "--epochs", "500"]
    command += ["--no-compile"]  # which a slow machine would begin with
    process = subprocess.Popen([*command, "--out", str(out), "--save-every", "1"], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    wait_for(lambda: (out / LAST).exists() or process.poll() is not None)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert "continue with convnets train --resume" in errors and "Traceback" not in errors
    newest = RunFolder(out).newest()
    assert newest is not None and newest[2]["progress"]["step"] > 0


@pytest.mark.slow
def test_k12_a_signal_to_the_whole_group_saves_too(pictures: Path, tmp_path: Path) -> None:
    """As a service manager sends it: the workers for data are ended by it before the run has finished its step."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "convnets", "train", "resnet20", "--data", str(pictures), "--epochs", "500"]
    command += ["--set", "preprocess.size=32", "--set", "batch_size=8", "--set", "augment.area=0.2,1", "-j", "2"]
    command += ["--no-compile"]
    process = subprocess.Popen([*command, "--out", str(out), "--save-every", "1"], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    wait_for(lambda: (out / LAST).exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143 and "continue with convnets train --resume" in errors, errors
    assert "Traceback" not in errors and RunFolder(out).newest() is not None


@pytest.mark.slow
def test_k12_a_signal_before_the_first_step_exits_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convnets", "train", "resnet20", "--data", "digits"]
    command += ["--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # of what is said before the first step
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143 and "SIGTERM" in errors
