"""Files for runtimes answer as the network does, by themselves, and are not kept where they do not."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import convnets
from convnets import spec
from convnets.cli import run
from convnets.data import Statistics
from convnets.engines import open_exported
from convnets.engines.deployed import Deployed
from convnets.engines.exported import open_own_torch
from convnets.errors import ConvnetsError
from convnets.evaluate import Predictor
from convnets.evaluate.subject import Exported
from convnets.export import runtime, write_file
from convnets.runs import Loaded

CLASSES = ("ant", "bee", "cat", "dog", "eel")
PREPROCESS = spec.Preprocess(size=32, resize=36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
RANDOM = np.random.default_rng(5)
ENDINGS = {"onnx": "x.onnx", "openvino": "x.xml", "torch": "x.pt2"}
DOCS = Path(__file__).resolve().parents[2] / "docs"
Capture = pytest.CaptureFixture[str]


def loaded(preprocess: spec.Preprocess = PREPROCESS, name: str = "resnet20", **more: Any) -> Loaded:
    torch.manual_seed(0)
    network = convnets.create_model(name, num_classes=5, in_channels=preprocess.channels).eval()
    return Loaded(network, CLASSES, preprocess, {}, Path("made"), **more)


def pictures() -> list[np.ndarray]:
    return [RANDOM.integers(0, 256, (*side, 3), np.uint8) for side in ((36, 36), (50, 80), (90, 40), (20, 31))]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "digits"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "2", "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("to", ["onnx", "openvino", "torch"])
def test_files_answer_as_the_network(tmp_path: Path, to: str) -> None:
    subject = loaded()
    checked = write_file(subject, tmp_path / ENDINGS[to], to)
    assert checked.off < runtime.TOLERANCE and checked.about.classes == CLASSES
    assert checked.about.form == ("crops" if to == "openvino" else "pictures")
    given = [*pictures(), RANDOM.integers(0, 256, (2, 300, 3), np.uint8)]
    file = Exported(*open_own_torch(checked.path)) if to == "torch" else checked.path
    expected, found = Predictor(subject), Predictor(file)
    assert found.classes == CLASSES and found.preprocess == PREPROCESS
    assert np.allclose(found.logits(given), expected.logits(given), atol=1e-4)
    assert [one.classes for one in found(given)] == [one.classes for one in expected(given)]
    with np.load(tmp_path / "x.samples.npz") as kept:
        again = found.logits([kept[f"picture_{index}"] for index in range(8)])
        assert np.allclose(again, kept["answered"], atol=1e-5) and np.allclose(again, kept["expected"], atol=1e-4)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {ENDINGS[to], "x.samples.npz", *(["x.bin"] if to == "openvino" else [])}


@pytest.mark.parametrize("centre", [None, 34])
def test_mean_images_of_crops_are_taken_off_inside(tmp_path: Path, centre: int | None) -> None:
    """As ResNet's ImageNet recipe has them where pictures come in several sizes, and of a centre square."""
    preprocess = dataclasses.replace(PREPROCESS, subtract="pixel", centre=centre)
    side = centre or 32
    image = (255 * RANDOM.random((side, side, 3))).astype(np.float32)
    checked = write_file(loaded(preprocess, statistics=Statistics(mean_image=image)), tmp_path / "x.onnx", "onnx")
    assert checked.about.form == "pictures" and checked.off < runtime.TOLERANCE


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["mean image", "contrast", "unsized"])
def test_every_preprocessing(tmp_path: Path, kind: str, channels: int) -> None:
    values: dict[str, Any] = {"mean": (0.5,) * channels, "std": (0.2,) * channels, "channels": channels}
    preprocess, statistics = spec.Preprocess(size=32, resize=None, **values), Statistics()
    if kind == "mean image":
        statistics = Statistics(mean_image=(255 * RANDOM.random((40, 40, channels))).astype(np.float32))
    elif kind == "contrast":
        preprocess = spec.Preprocess(size=32, resize=32, channels=channels, contrast=55.0)
    checked = write_file(loaded(preprocess, statistics=statistics), tmp_path / "x.onnx", "onnx")
    assert checked.about.form == ("crops" if kind == "unsized" else "whole")
    assert checked.about.side == ((40, 40) if kind == "mean image" else (32, 32))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "googlenet", "densenet_40_12", "se_resnet50"])
def test_networks_of_every_kind(tmp_path: Path, name: str) -> None:
    size = {"alexnet": 227, "densenet_40_12": 32}.get(name, 224)
    preprocess = spec.Preprocess(size=size, resize=size + 32, mean=(0.5,) * 3, std=(0.25,) * 3)
    assert write_file(loaded(preprocess, name), tmp_path / "x.onnx", "onnx").off < runtime.TOLERANCE


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(*given: Any) -> torch.nn.Module:
        made = Deployed(*given)
        torch.nn.init.constant_(made.network[-1].get_parameter("bias"), 0.01)
        return made

    monkeypatch.setattr(runtime, "Deployed", off)
    with pytest.raises(ConvnetsError, match=r"x.onnx: answers otherwise than the network: logits off by .*; nothing"):
        write_file(loaded(), tmp_path / "x.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_ten_lines_without_this_package(digits: Path, tmp_path: Path, capsys: Capture) -> None:
    """The example of the docs, on the file that the command writes: the same five best as predict's."""
    subject = tmp_path / "run.onnx"
    rgb = loaded()
    write_file(rgb, subject, "onnx")
    Image.fromarray(pictures()[1]).save(tmp_path / "photo.png")
    (code,) = re.findall(r"```python\n(import json.*?onnxruntime.*?)```", (DOCS / "export.md").read_text(), re.DOTALL)
    assert len(list(filter(None, code.splitlines()))) <= 10 and not re.search(r"convnets\.|import convnets", code)
    code = code.replace('"network.onnx"', repr(str(subject))).replace('"photo.jpg"', repr(str(tmp_path / "photo.png")))
    printed: list[str] = []
    exec(code, {"print": lambda *words: printed.append(" ".join(map(str, words)))})
    best = Predictor(rgb)(str(tmp_path / "photo.png"))
    assert [line.split()[0] for line in printed] == list(best.classes[:5])
    shares = [float(line.split()[1]) for line in printed]
    assert shares == pytest.approx(best.probabilities[:5], abs=1e-3)


def test_the_command_and_its_refusals(digits: Path, tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "x.png"
    Image.fromarray(RANDOM.integers(0, 256, (8, 8), np.uint8)).save(picture)
    assert run(["export", str(digits), "--to", "onnx"]) == 0
    out = capsys.readouterr().out
    assert "network.onnx: resnet20 for onnx" in out and "logits within" in out
    answers = []
    for source in (digits, digits / "network.onnx"):
        assert run(["predict", str(source), str(picture), "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["top"])
    assert [one["class"] for one in answers[0]] == [one["class"] for one in answers[1]]
    for arguments, code, message in (
        (["export", str(digits), "--to", "onnx", "--out", "x.xml"], 2, "a file for onnx ends in .onnx"),
        (["export", str(digits), "--to", "torch", "--int8", "--calibrate", "digits"], 2, "--int8 goes with --to onnx"),
        (["export", str(digits), "--to", "onnx", "--int8"], 2, "needs pictures: --calibrate SRC"),
        (["export", str(digits), "--to", "onnx", "--calibrate", "digits"], 2, "are for --int8"),
        (["predict", str(digits / "network.onnx"), str(picture), "--engine", "mnn"], 2, "runs on onnxruntime, not on"),
        (["predict", str(digits / "network.onnx"), str(picture), "--img-size", "64"], 2, "part of the file"),
        (["predict", str(digits / "network.onnx"), str(picture), "--model", "vgg16"], 2, "part of the file"),
        (["export", str(digits), "--to", "hf", "--max-loss", "2"], 2, "are for --int8"),
        (["predict", str(tmp_path / "absent.onnx"), str(picture)], 2, "no such file"),
    ):
        assert run(arguments) == code, arguments
        said = capsys.readouterr()
        assert message in said.err and said.out == "" and len(said.err.splitlines()) == 1, arguments


def test_files_that_may_run_code_are_not_opened(tmp_path: Path, capsys: Capture) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    write_file(loaded(), tmp_path / "x.pt2", "torch")
    assert run(["predict", str(tmp_path / "x.pt2"), str(tmp_path / "x.png")]) == 2
    assert "may run code that is hidden in it" in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path / "x.pt2"), "--data", "digits"]) == 2
    assert "an exported file, which predict answers with" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".onnx", ".xml"])
def test_damaged_and_foreign_files(tmp_path: Path, ending: str, capsys: Capture) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / f"bad{ending}").write_bytes(b"nothing of the kind" * 10)
    assert run(["predict", str(tmp_path / f"bad{ending}"), str(tmp_path / "x.png")]) == 3
    assert "cannot be opened" in capsys.readouterr().err
    if ending == ".onnx":
        value = partial(onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT, shape=[1, 3])
        graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value("x")], [value("y")])
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9),
                  tmp_path / "foreign.onnx")
        assert run(["predict", str(tmp_path / "foreign.onnx"), str(tmp_path / "x.png")]) == 3
        assert "does not say what it takes" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_eight_bits(digits: Path, tmp_path: Path, capsys: Capture, to: str) -> None:
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "8", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    out = tmp_path / ENDINGS[to]
    arguments = ["export", str(tmp_path / "run"), "--to", to, "--int8", "--calibrate", "digits", "--out", str(out)]
    assert run([*arguments, "--split", "test", "--max-loss", "2"]) == 0
    said = capsys.readouterr().out
    right = [int(line.split()[1]) for line in said.splitlines() if line.startswith(("float32", "int8"))]
    assert right[0] > 300 and right[0] - right[1] <= 0.02 * 357, said
    source = convnets.data.open_source("digits")
    test = source.splits["test"]
    answers = Predictor(out)([test.pictures.load(index) for index in range(len(test))])
    bits = Exported(*open_exported(out, "auto", 1)).about.more["int8"]
    assert bits["calibrated on"] == "256 pictures of digits train" and bits["bits"] in (7, 8)
    assert sum(one.indices[0] == label for one, label in zip(answers, test.labels.tolist(), strict=True)) == right[1]
    assert (out.with_suffix(".bin") if to == "openvino" else out).stat().st_size < 0.5 * 1.1e6, "not in eight bits"


def test_eight_bits_that_lose_too_much_are_refused(
    digits: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convnets.export import int8

    counts = iter([100, 90])
    monkeypatch.setattr(int8, "_right", lambda predictor, split: next(counts))
    out = tmp_path / "x.onnx"
    arguments = ["export", str(digits), "--to", "onnx", "--int8", "--calibrate", "digits", "--out", str(out)]
    assert run(arguments) == 1
    assert re.search(r"int8 loses \d\.\d\d points .* more than --max-loss 1; nothing", capsys.readouterr().err)
    assert not out.exists()


