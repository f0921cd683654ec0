"""`create_model` with weights: a run's, a file's, published ones, and a new head over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from convnets import Predictor, create_model
from convnets.cli import run
from convnets.errors import CheckpointError, UsageError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(out)]) == 0
    return out


def test_a_runs_weights_bring_what_they_mean(trained: Path) -> None:
    network = create_model(weights=trained)
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 1)).astype(np.uint8)
    assert network.name == "resnet20" and network.training and network.trained.classes == tuple(map(str, range(10)))
    one, other = Predictor(network, device="cpu")(picture), Predictor(trained, device="cpu")(picture)
    assert np.allclose(one.all, other.all, atol=1e-6)  # the run's has its batch normalisation folded


def test_other_classes_get_a_fresh_head(trained: Path) -> None:
    whole, network = create_model("resnet20", weights=trained), create_model(weights=trained, num_classes=3)
    state, own = whole.state_dict(), network.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in state if not name.startswith("fc."))
    assert network.num_classes == 3 and network.overrides["num_classes"] == 3
    assert Predictor(network, device="cpu").classes == ("0", "1", "2")
    kept = create_model(weights=trained, num_classes=10).state_dict()
    assert torch.equal(kept["fc.weight"], state["fc.weight"])


def test_what_the_paper_varies_can_still_be_set(tmp_path: Path) -> None:
    torch.save(create_model("alexnet_half", num_classes=5).state_dict(), tmp_path / "x.pth")
    network = create_model("alexnet_half", weights=tmp_path / "x.pth", dropout=0.25)
    assert network.overrides == {"num_classes": 5, "dropout": 0.25}
    with pytest.raises(CheckpointError, match="does not fit the network"):
        create_model("alexnet_half", weights=tmp_path / "x.pth", in_channels=1)
    with pytest.raises(UsageError, match="has no axis 'depth'"):
        create_model("alexnet_half", weights=tmp_path / "x.pth", depth=3)


def test_mistakes(trained: Path) -> None:
    with pytest.raises(CheckpointError, match="holds the weights of resnet20, not of resnet32"):
        create_model("resnet32", weights=trained)
    with pytest.raises(UsageError, match="give the name of a network, or weights="):
        create_model()
    with pytest.raises(UsageError, match="pretrained=True needs the name"):
        create_model(pretrained=True)
    with pytest.raises(UsageError, match="nobody has published weights"):
        create_model("resnet20", pretrained=True)


def test_pretrained_are_the_first_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(weights: str, model: str) -> None:
        raise UsageError(f"{model} from {weights}")

    monkeypatch.setattr("convnets.runs.create.load", load)
    with pytest.raises(UsageError, match=r"resnet50_v15 from torchvision:resnet50\.IMAGENET1K_V2"):
        create_model("resnet50_v15", pretrained=True)
