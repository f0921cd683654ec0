"""Every engine gives torch's answers; the fastest is found once and remembered; nothing of torch is needed then."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import convnets
from convnets import engines, runs, spec
from convnets.cache import cache_folder
from convnets.data import NO_STATISTICS
from convnets.engines import choose
from convnets.engines.program import make_room
from convnets.engines.runtimes import open_onnxruntime
from convnets.engines.torch_engines import has_compiler
from convnets.errors import CheckpointError, DivergedError, ResourceError, UsageError
from convnets.evaluate import Predictor
from convnets.runs.folder import BEST, RunFolder

PREPROCESS = spec.Preprocess(size=32, resize=36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
RANDOM = np.random.default_rng(3)
Capture = pytest.CaptureFixture[str]


def make_run(path: Path, name: str = "resnet20_b", *, seed: int = 0, scale: float = 1.0) -> Path:
    """A run of a network with random weights, saved as training saves it."""
    torch.manual_seed(seed)
    network = convnets.create_model(name, num_classes=5)
    network.get_classifier().weight.data *= scale
    folder = RunFolder.create("made", str(path))
    about = {
        "network": {"name": network.name, "overrides": network.overrides},
        "classes": ["ant", "bee", "cat", "dog", "eel"],
        "preprocess": spec.to_dict(PREPROCESS),
    }
    folder.write_run(about)
    folder.save(BEST, {f"model.{key}": tensor for key, tensor in network.state_dict().items()}, about)
    return folder.path


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVNETS_ENGINE", "auto")
    return tmp_path / "cache"


def pictures(count: int = 5) -> list[np.ndarray]:
    return [RANDOM.integers(0, 256, (40 + index, 60, 3), np.uint8) for index in range(count)]


def open_wrong(path: Path, threads: int) -> engines.Engine:
    """An engine whose answers are off."""
    return lambda array: open_onnxruntime(path, threads)(array) + 0.1


def needs(engine: str) -> None:
    """Skips where the engine is not installed, but for CI, where all are."""
    if not choose.is_installed(engine):
        if os.environ.get("CI"):
            pytest.fail(f"{engine} is not installed")
        pytest.skip(f"needs {engine}")


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino", "ncnn", "mnn"])
def test_every_engine_gives_the_same_answers(run_folder: Path, engine: str, capfd: Capture) -> None:
    needs(engine)
    given = pictures()
    expected = Predictor(runs.load(run_folder)).logits(given)
    predictor = Predictor(run_folder, engine=engine, batch_size=2)  # the last batch is not full
    found = predictor.logits(given)
    assert choose.difference(found, expected) < engines.ENGINES[engine][1]
    assert np.allclose(predictor.logits(given[:1]), found[:1], atol=1e-3 * np.abs(expected).max())
    assert predictor.engines == {2: engine}
    assert np.allclose(Predictor(run_folder, engine=engine)(given[0]).all, predictor(given[0]).all, atol=1e-4)
    assert capfd.readouterr().out == ""


def test_a_signal_after_openvino_is_gone(run_folder: Path) -> None:
    """OpenVINO sets a stack for signals of its own and frees it: the next signal must not end the process."""
    needs("openvino")
    code = f"""
import gc, os, signal
from convnets import Predictor
import numpy as np
picture = np.zeros((40, 40, 3), np.uint8)
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
first, second = (Predictor({str(run_folder)!r}, engine="openvino") for _ in range(2))
first(picture), second(picture)
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_a_few_are_asked_for_one_by_one(run_folder: Path) -> None:
    """An engine that fills its batch up would take as long for two pictures as for sixteen."""
    needs("openvino")
    given = pictures(9)
    predictor = Predictor(run_folder, engine="openvino")
    few = predictor.logits(given[:2])
    assert set(predictor.engines) == {1}
    assert np.allclose(predictor.logits(given)[:2], few, atol=1e-4)
    assert set(predictor.engines) == {1, 16}


def test_a_network_that_an_engine_cannot_run(tmp_path: Path, own_cache: Path) -> None:
    """Option A takes every second pixel by slicing, which ncnn has no operation for."""
    needs("ncnn")
    with pytest.raises(UsageError, match="ncnn"):
        Predictor(make_run(tmp_path / "run", "resnet20"), engine="ncnn")(pictures(1)[0])


@pytest.mark.slow
def test_compile_gives_the_same_answers(run_folder: Path) -> None:
    if not has_compiler(torch.device("cpu")):
        pytest.skip("needs a C++ compiler")
    given = pictures()
    expected = Predictor(runs.load(run_folder)).logits(given)
    found = Predictor(run_folder, engine="compile", batch_size=4).logits(given)
    assert choose.difference(found, expected) < 1e-4


def test_refusals(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="valid values: auto, torch, compile, onnxruntime"):
        Predictor(run_folder, engine="tensorflow")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"not installed: pip install 'convnets\[mnn\]'"):
        Predictor(run_folder, engine="mnn")(pictures(1)[0])


def test_the_fastest_is_measured_once(
    run_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    needs("onnxruntime")
    monkeypatch.setattr(choose, "available", lambda device="cpu": ["torch", "onnxruntime"])
    monkeypatch.setattr(choose, "SECONDS", 0.01)
    asked: list[int] = []
    measure = choose.measure

    def counted(program: engines.Program, batch: int, *given: Any) -> choose.Measured:
        asked.append(batch)
        return measure(program, batch, *given)

    monkeypatch.setattr(choose, "measure", counted)
    given = pictures(3)
    expected = Predictor(runs.load(run_folder), engine="torch").logits(given)
    for _ in range(2):
        predictor = Predictor(run_folder, batch_size=3)
        assert np.allclose(predictor.logits(given), expected, atol=1e-3)
        assert set(predictor.engines) == {3}
    assert asked == [3], "measured for each predictor"
    Predictor(run_folder)(given[0])
    assert asked == [3, 1], "one picture is another batch"
    said = capsys.readouterr()
    assert said.out == "" and "is remembered" in said.err


def test_engines_that_answer_otherwise_are_left_out(
    run_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    needs("onnxruntime")

    monkeypatch.setattr("convnets.engines.choose.open_onnxruntime", open_wrong)
    monkeypatch.setattr(choose, "SECONDS", 0.01)
    monkeypatch.setattr(choose, "available", lambda device="cpu": ["torch", "onnxruntime"])
    predictor = Predictor(run_folder)
    predictor(pictures(1)[0])
    assert predictor.engines == {1: "torch"}
    assert "onnxruntime is left out (engine onnxruntime: its answers are off by" in capsys.readouterr().err


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "ncnn", "mnn"])
def test_a_remembered_network_needs_no_torch(run_folder: Path, own_cache: Path, tmp_path: Path, engine: str) -> None:
    needs(engine)
    picture = pictures(1)[0]
    expected = Predictor(run_folder, engine=engine)(picture)
    Image.fromarray(picture).save(tmp_path / "x.png")
    code = (
        "import sys; from convnets.evaluate import Predictor\n"
        f"answer = Predictor({str(run_folder)!r}, engine={engine!r})({str(tmp_path / 'x.png')!r})\n"
        "print(answer.classes[0], answer.probabilities[0], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, probability, has_torch = done.stdout.split()
    assert (name, has_torch) == (expected.classes[0], "False")
    assert float(probability) == pytest.approx(expected.probabilities[0], abs=1e-5)


def test_other_weights_are_not_taken_for_those_remembered(tmp_path: Path, own_cache: Path) -> None:
    needs("onnxruntime")
    run, picture = make_run(tmp_path / "run"), pictures(1)[0]
    first = Predictor(run, engine="onnxruntime")(picture)
    network = runs.load(run).network
    torch.nn.init.normal_(network.get_classifier().weight)
    state = {f"model.{key}": tensor for key, tensor in network.state_dict().items()}
    about = RunFolder.open(run).read_run()
    RunFolder.open(run).save(BEST, state, about)
    assert not np.allclose(Predictor(run, engine="onnxruntime")(picture).all, first.all)
    other = spec.Preprocess(size=32, resize=48, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    again = Predictor(run, engine="onnxruntime", preprocess=other)
    assert np.allclose(again(picture).all, Predictor(runs.load(run), preprocess=other)(picture).all, atol=1e-5)


def test_the_answers_of_other_weights_are_compared_too(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The speed is that of the architecture, the answers are those of the weights."""
    needs("onnxruntime")
    monkeypatch.setattr(choose, "SECONDS", 0.01)
    monkeypatch.setattr(choose, "available", lambda device="cpu": ["torch", "onnxruntime"])
    first = make_run(tmp_path / "first")
    assert Predictor(first).logits(pictures(1)).shape == (1, 5)
    known = list((own_cache / "fastest").glob("*.json"))
    for path in known:
        path.write_text(path.read_text().replace('"engine": "torch"', '"engine": "onnxruntime"'))
    second = make_run(tmp_path / "second", seed=1)
    monkeypatch.setattr("convnets.engines.choose.open_onnxruntime", open_wrong)
    capsys.readouterr()
    predictor = Predictor(second)
    assert np.allclose(predictor.logits(pictures(1)).shape, (1, 5)) and predictor.engines == {1: "torch"}
    assert "torch is taken instead" in capsys.readouterr().err
    assert list((own_cache / "fastest").glob("*.json")) == known


def test_the_same_weights_are_the_same_program() -> None:
    from convnets.evaluate.subject import describe, program_of

    network = convnets.create_model("resnet20", num_classes=5)
    about = describe(network, tuple("abcde"), PREPROCESS, NO_STATISTICS)
    keys = {program_of(network, about, NO_STATISTICS).key for _ in range(5)}
    assert len(keys) == 1
    torch.nn.init.normal_(network.get_classifier().weight)
    assert program_of(network, about, NO_STATISTICS).key not in keys


def test_another_version_makes_its_own_files(
    run_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convnets.evaluate import subject

    keys = []
    for version in ("1.0", "1.1", "1.1"):
        monkeypatch.setattr(subject, "__version__", version)
        predictor = Predictor(run_folder, engine="onnxruntime")
        predictor(pictures(1)[0])
        keys.append(predictor.subject.program.key)  # type: ignore[attr-defined]
    assert keys[0] != keys[1] == keys[2]


def test_a_checkpoint_that_changes_while_it_is_read(tmp_path: Path, own_cache: Path) -> None:
    run = make_run(tmp_path / "run")
    Predictor(run, engine="onnxruntime")(pictures(1)[0])
    predictor = Predictor(run, engine="torch")  # known by its hash, loaded when it is needed
    network = runs.load(make_run(tmp_path / "other", seed=1)).network
    state = {f"model.{key}": tensor for key, tensor in network.state_dict().items()}
    RunFolder.open(run).save(BEST, state, RunFolder.open(run).read_run())
    with pytest.raises(CheckpointError, match="was written to while it was read"):
        predictor(pictures(1)[0])


@pytest.mark.parametrize("kind", ["a file in its place", "not to be written to"])
def test_without_a_cache_it_works_all_the_same(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "file" / "x"))
    if kind != "a file in its place":
        monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("convnets.engines.program.os.access", lambda *_: False)
    expected = Predictor(runs.load(run_folder))(pictures(1)[0])
    assert Predictor(run_folder, engine="onnxruntime")(pictures(1)[0]).all.shape == expected.all.shape


def test_a_failure_that_will_pass_is_not_remembered(
    run_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "SECONDS", 0.01)
    monkeypatch.setattr(choose, "available", lambda device="cpu": ["torch", "onnxruntime"])

    def full(*_: Any) -> None:
        raise ResourceError("no space left")

    monkeypatch.setattr("convnets.engines.convert.write_onnx", full)
    assert Predictor(run_folder)(pictures(1)[0]).all.shape == (5,)
    assert not (own_cache / "fastest").exists()


def test_a_network_that_diverged_is_told_as_such(tmp_path: Path, own_cache: Path) -> None:
    run = make_run(tmp_path / "run", scale=1e38)
    for engine in ("auto", "torch", "onnxruntime"):
        with pytest.raises(DivergedError):
            Predictor(run, engine=engine)(pictures(1)[0])


def test_the_variable_is_for_runs_alone(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVNETS_ENGINE", "onnxruntime")
    assert Predictor(run_folder).engine == "onnxruntime"
    assert Predictor(convnets.create_model("resnet20", num_classes=2)).engine == "auto"
    monkeypatch.setenv("CONVNETS_ENGINE", "")
    assert Predictor(run_folder).engine == "auto"


def test_a_damaged_cache_is_made_again(run_folder: Path, own_cache: Path) -> None:
    needs("onnxruntime")
    picture = pictures(1)[0]
    expected = Predictor(run_folder, engine="onnxruntime")(picture)
    for path in own_cache.rglob("about.json"):
        path.write_text("{")
    assert np.array_equal(Predictor(run_folder, engine="onnxruntime")(picture).all, expected.all)
    for path in own_cache.rglob("statistics.npz"):
        path.write_bytes(b"")
    assert np.array_equal(Predictor(run_folder, engine="onnxruntime")(picture).all, expected.all)
    for path in own_cache.rglob("network.onnx"):
        path.write_bytes(path.read_bytes()[:1000])
    assert np.array_equal(Predictor(run_folder, engine="onnxruntime")(picture).all, expected.all)


def test_the_cache_stays_small(own_cache: Path) -> None:
    for index, name in enumerate("abc"):
        folder = cache_folder() / "engines" / name
        folder.mkdir(parents=True)
        (folder / "network.onnx").write_bytes(bytes(100))
        os.utime(folder / "network.onnx", (index, index))
    make_room(250)
    assert sorted(path.name for path in (cache_folder() / "engines").iterdir()) == ["b", "c"]


def test_a_network_in_memory_is_asked_as_it_is(own_cache: Path) -> None:
    network, picture = convnets.create_model("resnet20", num_classes=3), pictures(1)[0]
    predictor = Predictor(network)
    before = predictor(picture)
    torch.nn.init.normal_(network.get_classifier().weight)
    assert not np.allclose(predictor(picture).all, before.all), "the answer of weights that are gone"


def test_another_input_size(run_folder: Path) -> None:
    predictor = Predictor(run_folder, input_size=64)
    assert (predictor.preprocess.size, predictor.preprocess.resize) == (64, 72)
    by_hand = spec.Preprocess(size=64, resize=72, mean=PREPROCESS.mean, std=PREPROCESS.std)
    picture = pictures(1)[0]
    assert np.allclose(predictor(picture).all, Predictor(run_folder, preprocess=by_hand)(picture).all)
    with pytest.raises(UsageError, match="input_size 0"):
        Predictor(run_folder, input_size=0)


def test_pictures_are_read_at_most_two_batches_ahead(run_folder: Path) -> None:
    taken: list[int] = []

    def endless() -> Any:
        index = 0
        while True:
            taken.append(index)
            yield pictures(1)[0]
            index += 1

    answers = Predictor(run_folder, batch_size=2).predict_many(endless())
    for _ in range(3):
        next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert len(taken) <= 3 + 3 * 2
