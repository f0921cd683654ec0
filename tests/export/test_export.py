"""Exported weights, loaded by the libraries they are for, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from convnets import Predictor, create_model, runs
from convnets.cli import run
from convnets.export import under_their_names
from convnets.runs import Loaded
from convnets.spec import Preprocess
from tests.parity.peers import build, library, logits
from tests.parity.test_parity import PEERS, TOLERANCE, distance
from tests.parity.transfer import of_torch, randomise

Capture = pytest.CaptureFixture[str]
SAMPLED = (
    "alexnet", "vgg11_bn", "googlenet", "resnet50", "densenet121", "inception_v3", "inception_v4", "legacy_xception",
    "resnetv2_50", "resnet50d", "seresnet50", "legacy_senet154", "resnext50_32x4d",
)  # fmt: skip


@pytest.mark.parametrize(
    "peer",
    [peer for peer in PEERS if peer.name in SAMPLED and peer.source != "keras"],
    ids=lambda peer: f"{peer.source}-{peer.name}",
)
def test_the_library_loads_them_and_gives_our_logits(peer: object) -> None:
    assert isinstance(peer, tuple)
    source, name, ours, size = peer
    library(source)
    generator = torch.Generator().manual_seed(0)
    network = create_model(ours).eval()
    pictures = torch.randn(2, 3, *size, generator=generator)
    randomise(of_torch(network, pictures[:1]), generator)
    theirs = build(source, name, size)
    theirs.load_state_dict(under_their_names(network, source), strict=True)
    with torch.no_grad():
        assert distance(network(pictures), logits(source, theirs, pictures)) < TOLERANCE


@pytest.fixture
def trained(tmp_path: Path) -> Loaded:
    """A network that timm has, for three classes of grey pictures."""
    torch.manual_seed(0)
    network = create_model("resnet18_d", num_classes=3, in_channels=1).eval()
    preprocess = Preprocess(size=96, resize=110, channels=1, mean=(0.4,), std=(0.2,), interpolation="bicubic")
    return Loaded(network, ("蜂", "ant", "bee"), preprocess, {}, tmp_path / "x.safetensors")


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A run of resnet20, which timm does not have, with a mean image."""
    line = ["train", "resnet20", "--data", "digits", "--epochs", "1", "--set", "preprocess.subtract=pixel"]
    assert run([*line, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def test_timm_loads_the_folder_and_it_comes_back(trained: Loaded, tmp_path: Path) -> None:
    from convnets.export import write_folder

    timm = library("timm")
    assert write_folder(trained, tmp_path / "hf", "mit")
    pictures = torch.randn(2, 1, 96, 96)
    with torch.no_grad():
        expected = trained.network(pictures)
        theirs = timm.create_model(f"local-dir:{tmp_path / 'hf'}", pretrained=True).eval()
        assert distance(expected, theirs(pictures)) < TOLERANCE
        again = runs.load(tmp_path / "hf")
        assert torch.equal(again.network(pictures), expected)
    assert (again.classes, again.preprocess, again.named) == (trained.classes, trained.preprocess, True)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["label_names"] == ["蜂", "ant", "bee"] and config["pretrained_cfg"]["mean"] == [0.4]
    assert theirs.pretrained_cfg["input_size"] == (1, 96, 96)
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "license: mit" in card and "蜂, ant, bee" in card and "| paper | He" in card


def test_a_run_comes_back_with_its_statistics(
    digits: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["export", str(digits), "--to", "hf"]) == 0
    assert "for convnets; timm has no such network" in capsys.readouterr().out
    again, own = runs.load(digits / "hf"), runs.load(digits)
    assert again.statistics.mean_image is not None and own.statistics.mean_image is not None
    assert (again.statistics.mean_image == own.statistics.mean_image).all() and again.classes == own.classes
    Image.new("L", (8, 8), 90).save(tmp_path / "x.png")
    answers = [Predictor(path)(tmp_path / "x.png").probabilities for path in (digits, digits / "hf")]
    assert answers[0] == answers[1]
    asked: list[str] = []

    def hub_file(repository: str, name: str, spec: str) -> Path:
        asked.append(name)
        return digits / "hf" / name

    monkeypatch.setattr("convnets.weights.hub.hub_file", hub_file)
    assert Predictor("hf:me/mine")(tmp_path / "x.png").probabilities == answers[0]
    assert asked == ["config.json", "model.safetensors", "statistics.safetensors"]
    card = (digits / "hf" / "README.md").read_text()
    assert "quick (ours), 1 epochs, seed 0" in card and "% on the pictures set aside" in card
    assert again.state["recipe"] == own.state["recipe"] and "spec" not in again.state["source"]
    assert str(tmp_path) not in (digits / "hf" / "config.json").read_text()
    assert run(["evaluate", str(digits / "hf"), "--data", "digits", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["evaluate", str(digits), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top1_error"] == told["top1_error"]


def test_files(digits: Path, trained: Loaded, tmp_path: Path, capsys: Capture) -> None:
    assert run(["export", str(digits), "--to", "safetensors"]) == 0
    again = runs.load(digits / "network.safetensors", model="resnet20")
    assert all(torch.equal(a, b) for a, b in zip(
        again.network.state_dict().values(), runs.load(digits).network.state_dict().values(), strict=True
    ))  # fmt: skip
    torch.save(create_model("resnet18", num_classes=4).state_dict(), tmp_path / "plain.pth")
    library("torchvision")
    words = ["--weights", str(tmp_path / "plain.pth"), "--model", "resnet18", "--to", "torchvision"]
    assert run(["export", *words, "--out", str(tmp_path / "theirs.pth")]) == 0
    assert "layer1.0.conv1.weight" in torch.load(tmp_path / "theirs.pth", weights_only=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN", "--to", "timm"], "timm has no resnet20, nor one that computes the same"),
        (["RUN", "--to", "torchvision"], "torchvision has no resnet20"),
        (["RUN", "--to", "hf", "--out", "RUN"], "not an empty folder"),
        (["RUN", "--to", "safetensors", "--out", "RUN/run.json/x"], "cannot be written"),
        (["--to", "hf"], "no RUN given"),
        (["RUN/best.safetensors", "--to", "hf"], "say where to with --out PATH"),
        (["RUN", "--to", "onyx"], "is not one of"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, digits: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert run(["export", *(word.replace("RUN", str(digits)) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_damaged_folder_is_refused(digits: Path, capsys: Capture) -> None:
    assert run(["export", str(digits), "--to", "hf"]) == 0
    (digits / "hf" / "config.json").write_text('{"convnets": {"network": 3}}')
    assert run(["predict", str(digits / "hf"), "x.png"]) == 3
    assert "config.json: damaged" in capsys.readouterr().err
