"""Weights that are known by their names: those of akamaster/pytorch_resnet_cifar10, against the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from convnets import create_model, runs
from convnets.cli import run
from convnets.weights import recognised
from tests.oracles import SHARED, oracle

FILES = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}
pytestmark = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs ../shared/data")


def path_of(name: str) -> Path:
    return SHARED / "data" / "weights" / FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_real_weights_give_the_oracles_logits(name: str) -> None:
    loaded = runs.load(path_of(name))
    assert loaded.network.name == f"{name}_split" and loaded.named and loaded.classes[5] == "dog"
    expected = oracle("resnet")["public_weights"]["numeric_oracle"]["logits"][name]
    inputs = {"zeros": torch.zeros(1, 3, 32, 32), "linspace": torch.linspace(-1, 1, 3072).reshape(1, 3, 32, 32)}
    with torch.no_grad():
        for kind, pictures in inputs.items():
            assert loaded.network(pictures)[0].tolist() == pytest.approx(expected[kind], abs=1e-3)


def test_the_papers_own_network_is_refused_though_all_shapes_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """Shapes alone cannot tell: the zero channels lie elsewhere."""
    shapes = [
        [tuple(tensor.shape) for tensor in create_model(name).state_dict().values()]
        for name in ("resnet20", "resnet20_split")
    ]
    assert shapes[0] == shapes[1]
    line = ["evaluate", "--weights", str(path_of("resnet20")), "--model", "resnet20", "--data", "digits"]
    assert run(line) == 3
    error = capsys.readouterr().err
    assert "--model resnet20_split" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110, 1202])
def test_other_depths_are_known_too(depth: int) -> None:
    state = {"conv1.weight": torch.empty(16, 3, 3, 3), "linear.weight": torch.empty(10, 64)}
    for stage in (1, 2, 3):
        for block in range((depth - 2) // 6):
            state[f"layer{stage}.{block}.conv1.weight"] = torch.empty(16, 16, 3, 3)
    origin = recognised(state)
    assert origin is not None and origin.network == f"resnet{depth}_split"
    assert recognised(state | {"layer2.0.shortcut.0.weight": torch.empty(32, 16, 1, 1)}) is None
    assert recognised({"conv1.weight": state["conv1.weight"]}) is None


@pytest.mark.slow
def test_they_count_what_the_oracle_counted(capsys: pytest.CaptureFixture[str]) -> None:
    data = str(SHARED / "data" / "cifar10-jpeg.tar.xz")
    assert run(["evaluate", "--weights", str(path_of("resnet20")), "--data", data, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = oracle("resnet")["public_weights"]["on_the_jpeg_copy"]["correct"]
    assert (found["n"], found["correct_top1"]) == (10_000, expected)
