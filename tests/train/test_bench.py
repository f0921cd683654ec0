"""What `convnets bench` counts; how fast anything is, no test says."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from convnets import cli, papers
from convnets.train import bench as module
from convnets.train.bench import Bench, Contestant, Measured, bench, measure, peak_mebibytes, peer_builder
from convnets.train.machine import Machine

from ..parity.peers import library

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN", 0.0)
    monkeypatch.setattr(module, "MATRIX", 64)


def test_rates_and_shares_follow_from_the_time_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"limit": 0.5e-3, "slow": 0.2, "fast": 0.1}
    order: list[str] = []

    def seconds(step: object, times_: int, device: torch.device) -> float:
        name = {0: "slow", 1: "fast"}.get(getattr(step, "number", 2), "limit")
        order.append(name)
        return times[name]

    def step(number: int) -> object:
        class Step:
            def __call__(self) -> None:
                pass

        made = Step()
        made.number = number  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(module, "seconds", seconds)
    monkeypatch.setattr(module, "peak_mebibytes", lambda *_: 3.0)
    work = 10**6
    contestants = [Contestant("train", name, 8, work, step(number)) for number, name in enumerate(("slow", "fast"))]  # type: ignore[arg-type]
    gflops, (slow, fast) = measure(contestants, CPU)
    assert gflops == pytest.approx(2 * 64**3 / 0.5e-3 / 1e9)
    assert (slow.images_per_second, fast.images_per_second) == pytest.approx((40.0, 80.0))
    assert fast.share == pytest.approx(2 * work * 80 / 1e9 / gflops) and fast.memory == 3.0
    assert order[3:] == ["limit", "slow", "fast"] * module.ROUNDS  # in turns


def test_the_peak_of_tensors() -> None:
    """Two maps of 4 MiB at a time; the picture was there before."""
    x = torch.zeros(1, 1, 1024, 1024)
    assert peak_mebibytes(lambda: ((x + 1) * 2).sum(), CPU) == pytest.approx(8.0, abs=0.1)
    twice = nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Sigmoid())
    with torch.no_grad():
        assert peak_mebibytes(lambda: twice(x), CPU) == pytest.approx(8.0, abs=0.1)


def test_training_and_prediction_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "seconds", lambda *_: 0.1)
    monkeypatch.setattr("convnets.engines.fastest", lambda *_: "onnxruntime")
    result = bench("resnet20", Machine(CPU), batch_size=2, size=8, peers=())
    assert [(one.task, one.who, one.engine, one.pictures) for one in result.measured] == [
        ("predict", "convnets", "onnxruntime", 2), ("train", "convnets", "torch", 2)
    ]  # fmt: skip
    train = result.measured[1]
    work = train.share * result.gflops / (2e-9 * train.images_per_second)
    assert work == pytest.approx(3 * papers.find("resnet20").multiply_adds / 16, rel=1e-3)  # a quarter of the side
    assert train.memory is not None and train.memory > 1
    assert result.measured[0].memory is None  # another engine's is not torch's to tell


def test_the_command_prints_a_table_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("convnets.engines.fastest", lambda *_: "torch")
    options = ["--img-size", "8", "-b", "2", "--device", "cpu", "--peer", "none"]
    assert cli.run(["bench", "resnet20", *options]) == 0
    text = capsys.readouterr().out
    assert text.startswith("resnet20 at 8x8, ") and "images/s" in text and "\ntrain" in text
    assert cli.run(["bench", "resnet20", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["network"] == "resnet20" and {one["task"] for one in told["measured"]} == {"train", "predict"}
    assert cli.run(["bench", "resnet20", "--peer", "none", "--peer", "timm"]) == 2
    assert cli.run(["bench", "vgg16", "--img-size", "8", *options[2:]]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(("memory", "cell"), [(None, ""), (0.0, "0"), (1234.5, "1,234")])
def test_memory_that_is_not_known_is_left_empty(
    memory: float | None, cell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Measured("predict", "convnets", "onnxruntime", 1, 10.0, 0.5, memory)
    monkeypatch.setattr(module, "bench", lambda *_, **__: Bench("resnet20", 32, "a machine", 100.0, [one]))
    assert cli.run(["bench", "resnet20", "--device", "cpu"]) == 0
    header, _, row = capsys.readouterr().out.splitlines()[-3:]
    assert row[header.index("product") + len("product") : header.index("ours")].strip() == cell
    assert cli.run(["bench", "resnet20", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measured"][0]["memory"] == memory


@pytest.mark.parametrize(
    ("peer", "known", "unknown"), [("torchvision", "resnet18", "zfnet"), ("timm", "resnet18", "zfnet")]
)
def test_peers_are_found_by_name(peer: str, known: str, unknown: str) -> None:
    library(peer)
    build = peer_builder(peer, known)
    assert build is not None and isinstance(build(), nn.Module)
    assert peer_builder(peer, unknown) is None
