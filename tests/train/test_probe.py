"""`convnets probe`: a linear classifier on a trained network's features, as a run like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from convnets import Predictor, create_model, runs
from convnets.cli import run
from convnets.data import NO_STATISTICS, open_source
from convnets.errors import UsageError
from convnets.evaluate import features
from convnets.spec import Preprocess
from convnets.train import probe as probing
from convnets.train.machine import Machine
from convnets.train.plan import Request

Capture = pytest.CaptureFixture[str]
CPU = Machine(torch.device("cpu"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of resnet20 with random weights for five classes of colour pictures."""
    torch.manual_seed(3)
    torch.save(create_model("resnet20", num_classes=5).state_dict(), tmp_path / "plain.pth")
    return tmp_path / "plain.pth"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes, one darker than the other, without splits."""
    noise = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for index in range(12):
            pixels = noise.integers(0, 128, (40, 36, 3)) + 100 * label
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pictures" / name / f"{index}.png")
    return tmp_path / "pictures"


@pytest.mark.parametrize("classes", [2, 3])
def test_the_regression_is_scikit_learns(classes: int) -> None:
    noise = np.random.default_rng(0)
    labels = np.arange(90) % classes
    features = noise.normal(5, 3, (90, 4)) + labels[:, None] * [2, 0, 1, 0]
    features[:, 3] = 7  # which never changes
    linear, strength, score = probing.fit(features, labels, classes + 1)
    scaler = StandardScaler().fit(features[:, :3])
    reference = LogisticRegression(C=strength, max_iter=1000).fit(scaler.transform(features[:, :3]), labels)
    logits = features @ linear.weight.T + linear.bias
    found = np.exp(logits - logits.max(1, keepdims=True))
    found /= found.sum(1, keepdims=True)
    expected = reference.predict_proba(scaler.transform(features[:, :3]))
    assert np.allclose(found[:, :classes], expected, atol=1e-6)
    assert (found[:, classes] == 0).all()  # a class without pictures
    assert strength in probing.STRENGTHS and score is not None and 100 / classes < score < 100
    right = 100 - linear.evaluation(features, labels).top1_error
    assert right == pytest.approx(100 * reference.score(scaler.transform(features[:, :3]), labels))


def test_a_class_with_one_picture_leaves_nothing_to_choose_by() -> None:
    features = np.random.default_rng(0).normal(size=(5, 2))
    _, strength, score = probing.fit(features, np.array([0, 0, 1, 1, 2]), 3)
    assert (strength, score) == (1.0, None)
    with pytest.raises(UsageError, match="two classes at least"):
        probing.fit(features, np.zeros(5, int), 3)


def test_the_result_is_a_run(plain: Path, pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run"
    line = ["probe", "resnet20", "--weights", str(plain), "--data", str(pictures), "--out", str(out)]
    assert run(line) == 0
    said = capsys.readouterr().out
    assert "logistic regression on 64 features, C = " in said and "validation error 0.00 %" in said
    loaded, donor = runs.load(out), runs.load(plain, model="resnet20")
    for name, tensor in donor.network.state_dict().items():
        assert name.startswith("fc.") or torch.equal(tensor, loaded.network.state_dict()[name])
    assert loaded.classes == ("dark", "light")
    assert Predictor(out)(pictures / "light" / "3.png").classes[0] == "light"
    assert run(["evaluate", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top1_error"] == 0
    assert run(["train", "--resume", str(out)]) == 2
    assert "a probe, which is finished" in capsys.readouterr().err
    assert run(["train", "--weights", str(out), "--data", str(pictures), "--dry-run"]) == 0
    assert "the classifier is kept" in capsys.readouterr().out


def test_features_are_computed_once(
    plain: Path, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request("resnet20", str(pictures), weights=str(plain))
    first = probing.compare_rows(request, CPU, ["stage1", "stage3"])
    assert [one.length for one in first] == [16, 64] and len(list(cache.glob("*-stage?.safetensors"))) == 4
    calls: list[object] = []
    compute = features.compute

    def counted(*arguments: Any) -> dict[str, torch.Tensor]:
        calls.append(arguments[-1])
        return compute(*arguments)

    monkeypatch.setattr(features, "compute", counted)
    assert probing.compare_rows(request, CPU, ["stage1", "stage3"]) == first and calls == []
    probing.compare_rows(request, CPU, ["stage1", "stage2"])
    assert calls == [["stage2"], ["stage2"]]  # only what is new, of either split
    calls.clear()
    Image.fromarray(np.full((40, 36, 3), 9, np.uint8)).save(pictures / "dark" / "0.png")
    probing.compare_rows(request, CPU, ["stage1"])
    assert len(calls) == 1  # the split whose picture changed
    calls.clear()
    other = Request("resnet20", str(pictures), weights=str(plain), assignments=("preprocess.resize=40",))
    probing.compare_rows(other, CPU, ["stage1"])
    assert len(calls) == 2
    calls.clear()
    for path in cache.glob("*.safetensors"):
        path.write_bytes(b"damaged")
    assert len(probing.compare_rows(request, CPU, ["stage1"])) == 1 and len(calls) == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--rows", "stage9"], 2, "has no row 'stage9'; its rows are conv1"),
        (["--rows", "stage1", "--out", "x"], 2, "--rows saves nothing"),
        (["--set", "model.depth=3"], 2, "depth"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], code: int, message: str, plain: Path, pictures: Path, capsys: Capture
) -> None:
    assert run(["probe", "resnet20", "--weights", str(plain), "--data", str(pictures), *words]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_classifier_with_a_relu_behind_it_is_refused(pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    torch.save(create_model("nin_cifar").state_dict(), tmp_path / "nin.pth")
    line = ["probe", "nin_cifar", "--weights", str(tmp_path / "nin.pth"), "--data", str(pictures)]
    assert run([*line, "--out", str(tmp_path / "run")]) == 2
    assert "no logistic regression; fine-tune it instead" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_axes_without_weights_are_part_of_what_is_remembered(pictures: Path) -> None:
    """The same tensors, another function."""
    split = open_source(str(pictures)).splits["train"]
    keys = set[str]()
    for lrn in (True, False):
        torch.manual_seed(0)
        network = create_model("alexnet_half", num_classes=2, input_size=67, lrn=lrn)
        keys.add(features._key(features.Eye(network, Preprocess(), NO_STATISTICS, torch.device("cpu")), split))
    assert len(keys) == 2


def test_without_a_place_to_remember_it_goes_on(
    plain: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "file"))
    found = probing.compare_rows(Request("resnet20", str(pictures), weights=str(plain)), CPU, ["stage1"])
    assert found[0].length == 16 and "cannot be remembered" in capsys.readouterr().err


def test_auto_does_not_resume_a_probe(plain: Path, pictures: Path, tmp_path: Path) -> None:
    folder, _, _ = probing.probe(Request("resnet20", str(pictures), weights=str(plain)), CPU, str(tmp_path / "run"))
    assert folder.is_finished()
