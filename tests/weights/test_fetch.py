"""Published weights by name: from a server on this machine, its files under their hashes in the table in use."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from convnets import Predictor, create_model, models, papers, runs
from convnets.cli import run
from convnets.data.imagenet import class_names
from convnets.errors import CheckpointError, UsageError
from convnets.papers import weights as catalogue
from convnets.weights import fetch as fetched
from tests.parity.peers import build, library, logits
from tests.parity.test_parity import PEERS, TIMM

Capture = pytest.CaptureFixture[str]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of the folder `served`; torch keeps what it fetches in the folder `hub`."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        before = torch.hub.get_dir()
        torch.hub.set_dir(str(tmp_path / "hub"))
        yield f"http://127.0.0.1:{running.server_port}/"
        torch.hub.set_dir(before)
        running.shutdown()


def publish(folder: Path, server: str, monkeypatch: pytest.MonkeyPatch, digest: str | None = None) -> torch.nn.Module:
    """torchvision's resnet50 with random weights on the server, and in the table under its own hash or another."""
    torch.manual_seed(0)
    peer = next(peer for peer in PEERS if (peer.source, peer.name) == ("torchvision", "resnet50"))
    network: torch.nn.Module = build("torchvision", "resnet50", peer.size)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.01, 0.05)
    temporary = folder / "served" / "new.pth"
    torch.save(network.state_dict(), temporary)
    digest = digest or hashlib.sha256(temporary.read_bytes()).hexdigest()[:8]
    temporary.rename(folder / "served" / f"resnet50-{digest}.pth")
    published = dataclasses.replace(catalogue.find("torchvision:resnet50"), file=f"{server}resnet50-{digest}.pth")
    others = tuple(one for one in catalogue.everything() if one.spec != published.spec)
    monkeypatch.setattr(catalogue, "everything", lambda: (published, *others))
    return network


def test_a_name_alone_picks_network_preprocessing_and_classes(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    theirs = publish(tmp_path, server, monkeypatch)
    loaded = runs.load("torchvision:resnet50")
    assert loaded.network.name == "resnet50_v15" and loaded.named and len(loaded.classes) == 1000
    assert (loaded.preprocess.resize, loaded.preprocess.size) == (232, 224)
    pictures = torch.randn(2, 3, 96, 97)
    with torch.no_grad():
        assert torch.allclose(loaded.network(pictures), logits("torchvision", theirs, pictures), rtol=1e-4)
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(tmp_path / "x.png")
    best = Predictor("torchvision:resnet50")(tmp_path / "x.png").classes[0]
    assert best in class_names().values()
    capsys.readouterr()
    line = ["predict", "--weights", "torchvision:resnet50.IMAGENET1K_V2", str(tmp_path / "x.png"), "--json"]
    assert run(line) == 0 and best in capsys.readouterr().out
    line = ["predict", "--weights", "torchvision:resnet50", "--model", "resnet50", "x.png"]
    assert run(line) == 3
    error = capsys.readouterr().err
    assert "is our resnet50_v15, not resnet50; use --model resnet50_v15" in error and error.count("\n") == 1


def test_h11_another_hash_is_refused_before_the_file_is_opened(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, server, monkeypatch, digest="11ad3fa6")  # the published one
    monkeypatch.setattr(runs.checkpoint, "load_any", lambda *_, **__: pytest.fail("was opened"))
    with pytest.raises(CheckpointError, match="refused"):
        runs.load("torchvision:resnet50")
    assert not list((tmp_path / "hub").rglob("*.pth"))


def test_a_file_that_changed_in_the_cache_is_refused(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, server, monkeypatch)
    path, _ = fetched("torchvision:resnet50")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"has the sha256 .*delete "):
        runs.load("torchvision:resnet50")


def test_offline_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        publish_nowhere = dataclasses.replace(
            catalogue.find("torchvision:resnet18"), file="http://127.0.0.1:9/resnet18-f37072fd.pth"
        )
        patch.setattr(catalogue, "everything", lambda: (publish_nowhere,))
        assert run(["predict", "--weights", "torchvision:resnet18", "x.png"]) == 2
    error = capsys.readouterr().err
    assert "cannot be downloaded from http://127.0.0.1:9" in error and error.count("\n") == 1


def test_a_hub_folder_in_timms_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = create_model("se_resnet50_v15", num_classes=3)
    config = {
        "architecture": "seresnet50", "num_classes": 3, "label_names": ["a", "b", "c"],
        "pretrained_cfg": {
            "input_size": [3, 160, 160], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5]
        },
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    state = build("timm", "seresnet50", (96, 97)).state_dict()
    state = {name: torch.full_like(tensor, 0.01) for name, tensor in state.items()}
    state |= {"fc.weight": torch.zeros(3, 2048), "fc.bias": torch.zeros(3)}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors")
    monkeypatch.setattr("convnets.weights.hub.hub_file", lambda repository, name, spec: tmp_path / name)
    loaded = runs.load("hf:me/mine")
    assert loaded.network.name == network.name and loaded.classes == ("a", "b", "c")
    assert (loaded.preprocess.size, loaded.preprocess.resize, loaded.preprocess.interpolation) == (160, 168, "bicubic")
    assert loaded.preprocess.mean == (0.5, 0.5, 0.5) and loaded.preprocess.std == (0.229, 0.224, 0.225)
    config["architecture"] = "vit_base"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="is a vit_base, which has no counterpart here"):
        runs.load("hf:me/mine")
    with pytest.raises(UsageError, match="give hf:OWNER/NAME"):
        runs.load("hf:me")


def test_the_table_names_the_networks_of_the_parity_list() -> None:
    for source in ("torchvision", "timm"):
        listed = {peer.name: peer.ours for peer in PEERS if peer.source == source}
        shared = {name: ours for name, ours in catalogue.counterparts(source).items() if name in listed}
        assert shared == listed
    for one in catalogue.everything():
        assert papers.find(one.network).name == one.network and one.preprocess.size == one.size


def test_the_table_is_the_libraries_own() -> None:
    """Accuracies, sizes and addresses of torchvision as it states them today; timm's defaults."""
    library("torchvision")
    import torchvision.models

    half = {"googlenet", "inception_v3"}  # whose networks change the colours once more
    for one in catalogue.everything():
        if one.library != "torchvision":
            continue
        theirs = torchvision.models.get_model_weights(one.name)[one.tag]
        metrics, transforms = theirs.meta["_metrics"]["ImageNet-1K"], theirs.transforms()
        assert (one.file, one.top1, one.top5) == (theirs.url, metrics["acc@1"], metrics["acc@5"])
        assert ([one.resize], [one.size]) == (transforms.resize_size, transforms.crop_size)
        assert one.name in half or list(one.preprocess.mean) == transforms.mean
        default = torchvision.models.get_model_weights(one.name).DEFAULT
        assert catalogue.find(f"torchvision:{one.name}").tag == default.name
    timm = library("timm")
    for name, ours, _ in TIMM:
        if name not in catalogue.UNTRAINED:
            found, config = catalogue.find(f"timm:{name}"), timm.get_pretrained_cfg(name)
            assert (found.tag, found.network, found.size) == (config.tag, ours, config.input_size[1])
            assert (found.preprocess.mean, found.preprocess.std) == (tuple(config.mean), tuple(config.std))


def test_list(capsys: Capture) -> None:
    assert run(["weights", "list", "resnet50_v15"]) == 0
    assert "torchvision:resnet50.IMAGENET1K_V1  76.13 %" in capsys.readouterr().out
    assert run(["weights", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(catalogue.everything()) and {row["network"] for row in rows} <= set(models.list_models())
    assert run(["weights", "list", "resnet20"]) == 2
    assert run(["predict", "--weights", "torchvision:resnet5", "x.png"]) == 2
    assert "did you mean torchvision:resnet50" in capsys.readouterr().err


@pytest.mark.slow
def test_fit_starts_from_published_weights(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """From the name in fit's own list to a tested run: downloaded, probed, fine-tuned. Under another hash: refused."""
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 150)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(15):
            pixels = noise.integers(low, low + 100, (230, 240 + index, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    publish(tmp_path, server, monkeypatch)
    monkeypatch.setattr("convnets.train.fit.TRAINED", ("torchvision:resnet50",))
    line = ["fit", str(tmp_path / "data"), "--minutes", "1", "--workers", "0"]
    assert run([*line, "--out", str(tmp_path / "run"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["n"] == 6 and answer["said"][1].startswith("weights: torchvision:resnet50; one pass of all pictures")
    assert answer["said"][2].startswith("probe: a logistic regression on 2048 features")
    assert runs.load(tmp_path / "run").network.name == "resnet50_v15"
    for path in (tmp_path / "hub" / "checkpoints").glob("*.pth"):
        path.unlink()
    publish(tmp_path, server, monkeypatch, digest="11ad3fa6")
    assert run([*line, "--out", str(tmp_path / "other")]) == 3
    assert "is refused" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_a_published_file_is_known_wherever_it_lies(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, server, monkeypatch)
    (path,) = (tmp_path / "served").glob("*.pth")
    path.rename(tmp_path / "mine.bin")
    loaded = runs.load(tmp_path / "mine.bin")
    assert loaded.network.name == "resnet50_v15" and loaded.named and loaded.preprocess.resize == 232
    with pytest.raises(CheckpointError, match="is our resnet50_v15, not resnet50; use --model resnet50_v15"):
        runs.load(tmp_path / "mine.bin", model="resnet50")
