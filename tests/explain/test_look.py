"""`convnets look`: every kind of network, the page, its numbers, and what is told when something is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from convnets import create_model, papers
from convnets.cli import run
from convnets.data import NO_STATISTICS
from convnets.data.pictures import array_split
from convnets.evaluate.features import Eye
from convnets.explain.look import Look, as_json, look
from convnets.explain.look_page import look_page
from convnets.explain.page import mosaic
from convnets.runs import default_preprocess
from tests.networks import small

Capture = pytest.CaptureFixture[str]
CLASSES = ("cat", "<dog>", "fish")
# the least work of each family, most of them with few classes
FAMILIES = {
    "alexnet": "cuda_convnet_13", "zfnet": "zf_fast_rcnn", "nin": "nin_mnist", "vgg": "vgg11", "googlenet": "googlenet",
    "bn_inception": "mnist_mlp", "inception_v3": "inception_v3_79", "resnet": "resnet20",
    "inception_v4": "inception_resnet_v1", "preact_resnet": "preact_resnet110", "stochastic_depth": "sd_resnet110",
    "wide_resnet": "wrn_40_1", "densenet": "densenet_bc_100_12", "xception": "xception", "resnext": "resnext50_32x4d",
    "senet": "se_resnet20", "bag_of_tricks": "resnet50_d",
}  # fmt: skip
WITHOUT_NORMS = ("cuda_convnet_13", "zf_fast_rcnn", "nin_mnist", "vgg11", "googlenet")


def looked_at(name: str, count: int = 4, row: str = "") -> Look:
    torch.manual_seed(0)
    network, (channels, side, _) = small(name, num_classes=len(CLASSES))
    pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)
    split = array_split(pictures, np.arange(count) % len(CLASSES), "random")
    eye = Eye(network.eval(), default_preprocess((channels, side, side)), NO_STATISTICS, torch.device("cpu"))
    return look(eye, row, split, CLASSES, channels=2)


def sections(text: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", text)


def charts_of(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(chart) for chart in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_every_family_is_looked_at() -> None:
    assert set(FAMILIES) == set(papers.families())


@pytest.mark.parametrize("name", FAMILIES.values())
def test_any_network_has_a_page(name: str) -> None:
    seen = looked_at(name)
    text, numbers = look_page(seen, "random pictures"), json.loads(json.dumps(as_json(seen)))
    found = sections(text)
    assert found[0] == "First-layer filters" and "Activations" in found and f"What a unit of {seen.row} sees" in found
    assert ("Squeeze and excitation" in found) == ("excitations" in numbers) == (name == "se_resnet20")
    assert ("Dense connections" in found) == ("dense_connections" in numbers) == ("densenet" in name)
    assert ("Batch normalisation" in found) == ("batch_normalisation" in numbers)
    assert ("Batch normalisation" in found) == (name not in WITHOUT_NORMS)
    words = re.sub(r'"data:image[^"]*"', "", text)
    assert charts_of(text) and not re.search(r"\b(nan|inf)\b", words) and "<dog>" not in words
    assert "://" not in words, "a page needs nothing but itself"
    rows = [one["row"] for one in numbers["activations"]]
    assert rows == list(dict.fromkeys(rows)) and seen.row in rows
    for one in numbers["strongest"]:
        outputs = [cut["output"] for cut in one["pictures"]]
        assert len(outputs) == 4 and outputs == sorted(outputs, reverse=True)


def test_names_of_classes_change_no_direction_around_them() -> None:
    text = look_page(looked_at("resnet20"), "")
    assert "of class \u2068cat\u2069" in text


def test_gates_of_the_shown_classes_are_in_the_numbers() -> None:
    seen = looked_at("se_resnet20")
    assert seen.watched is not None
    units = as_json(seen)["excitations"]
    assert len(units) == 9 and [one["unit"] for one in units if "gates" in one] == [
        "stage1.2.body.se", "stage2.2.body.se", "stage3.2.body.se"
    ]  # fmt: skip
    assert list(units[2]["gates"]) == list(CLASSES)
    assert units[2]["gates"]["fish"] == pytest.approx(seen.watched.gates[2].means[2].tolist(), rel=1e-4)


def test_a_network_whose_channels_never_answer_still_has_a_page() -> None:
    torch.manual_seed(0)
    network: Any = create_model("resnet20", num_classes=3).eval()
    torch.nn.init.constant_(network.conv1.bn.bias, -1e3)
    pictures = array_split(np.zeros((3, 32, 32, 3), np.uint8), np.arange(3), "black")
    eye = Eye(network, default_preprocess((3, 32, 32)), NO_STATISTICS, torch.device("cpu"))
    text = look_page(look(eye, "conv1", pictures, CLASSES), "")
    assert "What excites" not in text and "it has no effective one" in text


@pytest.mark.parametrize("name", ["se_resnet20", "densenet_bc_100_12"])
def test_weights_that_are_no_numbers_leave_gaps(name: str) -> None:
    torch.manual_seed(0)
    network: Any = create_model(name, num_classes=3).eval()
    for path, parameter in network.named_parameters():
        if path.startswith(("stage1.1", "stage3", "block1.1", "transition2")):
            parameter.data.fill_(float("nan"))
    pictures = array_split(np.full((3, 32, 32, 3), 99, np.uint8), np.arange(3), "grey")
    eye = Eye(network, default_preprocess((3, 32, 32)), NO_STATISTICS, torch.device("cpu"))
    seen = look(eye, "", pictures, CLASSES)
    text = look_page(seen, "")
    assert charts_of(text) and not re.search(r'="[^"]*\bnan\b', re.sub(r'"data:image[^"]*"', "", text))
    assert json.dumps(as_json(seen), allow_nan=False)


def test_cells_of_a_mosaic_keep_their_pixels_or_are_averaged() -> None:
    cells = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)
    sheet = mosaic(cells, 2, least=4, gap=1)
    assert sheet.shape == (9, 9, 4)
    assert sheet[5:9, 0:4, 0].tolist() == [[8, 8, 9, 9], [8, 8, 9, 9], [10, 10, 11, 11], [10, 10, 11, 11]]
    assert not sheet[:, 4, 3].any() and not sheet[5:, 5:, 3].any() and sheet[:4, :4, 3].all()
    assert mosaic(np.array([[[0, 10], [20, 31]]], np.uint8)[..., None], 1, 1, 1)[..., :3].tolist() == [[[15] * 3]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert run(["train", "mnist_mlp", "--data", "digits", "--epochs", "1", "--out", str(out)]) == 0
    return out


def test_in_a_terminal(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert run(["look", str(trained), "--pictures", "20"]) == 0
    assert capsys.readouterr().out == f"written: {trained / 'look.html'}\n"
    text = (trained / "look.html").read_text(encoding="utf-8")
    assert "looking at 20 pictures of digits, test split" in text and "Batch normalisation" in sections(text)
    picture = tmp_path / "black.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(picture)
    line = ["look", str(trained / "best.safetensors"), "--pictures", "20", "--picture", str(picture), "--row", "fc2"]
    assert run([*line, "--out", str(tmp_path / "new" / "page.html")]) == 0
    assert (tmp_path / "new" / "page.html").is_file()
    capsys.readouterr()
    (trained / "look.html").unlink()
    assert run([*line, "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["row"] == "fc2" and len(numbers["strongest"]) == 8 and not (trained / "look.html").exists()
    assert all(0 <= cut["index"] < 20 for one in numbers["strongest"] for cut in one["pictures"])


def test_weights_without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    save_file(create_model("resnet20").state_dict(), "x.safetensors")
    line = ["look", "--model", "resnet20", "--weights", "x.safetensors"]
    assert run(line) == 0
    assert capsys.readouterr().out == "written: look-resnet20.html\n"
    text = (tmp_path / "look-resnet20.html").read_text(encoding="utf-8")
    assert sections(text) == ["First-layer filters", "Batch normalisation"] and "give --data SRC" in text
    Image.fromarray(np.zeros((40, 32, 3), np.uint8)).save("black.png")
    assert run([*line, "--picture", "black.png"]) == 0
    text = (tmp_path / "look-resnet20.html").read_text(encoding="utf-8")
    assert sections(text)[1:3] == ["What stage1 makes of a picture", "What a unit of stage1 sees"]
    assert run([*line, "--data", "digits", "--pictures", "9", "--row", "stage3"]) == 0
    text = (tmp_path / "look-resnet20.html").read_text(encoding="utf-8")
    assert "What excites the channels of stage3" in sections(text)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "no RUN given"),
        (["RUN", "--row", "conv9"], 2, "mnist_mlp has no row 'conv9'; its rows are fc1, fc2, fc3, fc4"),
        (["RUN", "--picture", "nowhere.png"], 2, "nowhere.png"),
        (["RUN", "--data", "nowhere"], 2, "nowhere"),
        (["RUN", "--out", "FILE/page.html"], 2, "--out"),
        (["nowhere"], 2, "nowhere"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], code: int, message: str, trained: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "file").write_text("")
    places = {"RUN": str(trained), "FILE/page.html": str(tmp_path / "file" / "page.html")}
    capsys.readouterr()
    assert run(["look", *(places.get(word, word) for word in words)]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
