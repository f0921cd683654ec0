"""Files of Keras into our networks and ours into Keras's, for every network of the parity list, through the disk."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from convnets import create_model, runs
from convnets.cli import run
from convnets.errors import CheckpointError, UsageError
from convnets.export.keras_file import write_keras
from convnets.papers import weights as catalogue
from convnets.weights import Origin, carried, files, keras_files, read
from tests.parity.peers import build, library, logits
from tests.parity.test_parity import FLATTENED, KERAS, OPTIONS, TOLERANCE, answer, distance
from tests.parity.transfer import of_keras, of_torch, randomise

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's own, when it saves
h5py = pytest.importorskip("h5py")
SAVED: dict[str, Callable[[Any, Path], None]] = {
    "x.weights.h5": lambda network, path: network.save_weights(path),
    "x.keras": lambda network, path: network.save(path),
    "x.h5": lambda network, path: network.save(path),
}
IN_ALL_FORMS = ("Xception", "ResNet50", "DenseNet121")
PAIRS = [(*line, file) for line in KERAS for file in SAVED if file == "x.weights.h5" or line[0] in IN_ALL_FORMS]


def ours_of(name: str, ours: str) -> Any:
    network = create_model(ours, **OPTIONS.get(name, {})).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    return network


@pytest.mark.parametrize(("name", "ours", "size", "file"), PAIRS, ids=[f"{line[0]}-{line[3]}" for line in PAIRS])
def test_a_file_gives_kerass_logits(name: str, ours: str, size: tuple[int, int], file: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, *size, generator=generator)
    theirs = build("keras", name, size)
    randomise(of_keras(theirs, FLATTENED.get(name, {})), generator)
    SAVED[file](theirs, tmp_path / file)
    network = ours_of(name, ours)
    network.load_state_dict(carried(read(tmp_path / file), network, file))
    assert distance(answer(network, pictures), logits("keras", theirs, pictures)) < TOLERANCE


@pytest.mark.parametrize(("name", "ours", "size"), KERAS, ids=[line[0] for line in KERAS])
def test_keras_loads_what_we_write(name: str, ours: str, size: tuple[int, int], tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, *size, generator=generator)
    network = ours_of(name, ours)
    randomise(of_torch(network, pictures[:1]), generator)
    if name in ("InceptionV3", "InceptionResNetV2"):  # which Keras makes without gammas
        with pytest.raises(UsageError, match=r"keeps no weight for .*, and that is not 1"):
            write_keras(network, name, tmp_path / "x.weights.h5")
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
    write_keras(network, name, tmp_path / "x.weights.h5")
    theirs = build("keras", name, size)
    theirs.load_weights(tmp_path / "x.weights.h5")
    assert distance(logits("keras", theirs, pictures), answer(network, pictures)) < TOLERANCE


def of_keras_2(path: Path, rename: str = "{layer}/{layer}/{word}:0") -> None:
    """A network of a convolution, a normalisation and a classifier of a flattened map, in the form of old files."""
    numbers = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        layers: dict[str, dict[str, tuple[int, ...]]] = {
            "conv2d_2": {"kernel": (1, 1, 4, 5)},
            "input_1": {},
            "conv2d_1": {"kernel": (3, 3, 3, 4), "bias": (4,)},
            "predictions": {"kernel": (20, 2), "bias": (2,)},
        }
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, tensors in layers.items():
            group, names = file.create_group(layer), [rename.format(layer=layer, word=word) for word in tensors]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, shape in zip(names, tensors.values(), strict=True):
                group[name] = numbers.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("rename", ["{layer}/{word}:0", "{layer}_{word}_1:0"])
def test_files_of_older_kerases(rename: str, tmp_path: Path) -> None:
    of_keras_2(tmp_path / "x.h5", rename)
    state = read(tmp_path / "x.h5")
    assert list(state) == ["conv2d_1.weight", "conv2d_1.bias", "conv2d_2.weight", "predictions.weight",
                           "predictions.bias"]  # fmt: skip
    with h5py.File(tmp_path / "x.h5") as file:
        kernel = file["predictions"][rename.format(layer="predictions", word="kernel")][()]
    # Keras flattens 2x2 maps of 5 channels as (place, channel), torch as (channel, place)
    expected = kernel.reshape(4, 5, 2).transpose(2, 1, 0).reshape(2, 20)
    assert np.array_equal(state["predictions.weight"].numpy(), expected)


@pytest.mark.parametrize("file", SAVED)
def test_in_a_terminal(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = build("keras", "ResNet50", (96, 97))
    SAVED[file](theirs, tmp_path / file)
    Image.new("RGB", (40, 50), (90, 10, 200)).save(tmp_path / "x.png")
    line = ["predict", "--weights", str(tmp_path / file), str(tmp_path / "x.png"), "--model"]
    assert run([*line, "resnet50_keras"]) == 0
    assert "x.png" in capsys.readouterr().out
    assert run([*line, "resnet101_keras"]) == 3
    assert "does not fit resnet101_keras" in capsys.readouterr().err


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(create_model("resnet50_keras", num_classes=3).state_dict(), tmp_path / "x.pth")
    line = ["export", "--model", "resnet50_keras", "--weights", str(tmp_path / "x.pth"), "--to", "keras"]
    out = tmp_path / "new" / "x.weights.h5"
    assert run([*line, "--out", str(out)]) == 0 and "resnet50_keras for keras" in capsys.readouterr().out
    again = runs.load(out, model="resnet50_keras").network.state_dict()
    own = runs.load(tmp_path / "x.pth", model="resnet50_keras").network.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in own.items() if not name.endswith("tracked"))
    torch.save(create_model("resnet20", num_classes=3).state_dict(), tmp_path / "y.pth")
    other = ["export", "--model", "resnet20", "--weights", str(tmp_path / "y.pth"), "--to", "keras", "--out", "z"]
    assert run(other) == 2 and "keras has no resnet20" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert run([*line, "--out", str(tmp_path / "z.weights.h5")]) == 2
    assert "needs h5py" in capsys.readouterr().err
    assert run(["predict", "--model", "resnet50_keras", "--weights", str(out), "x.png"]) == 2
    assert "pip install 'convnets[keras]'" in capsys.readouterr().err


def hostile(change: Callable[[Any], None]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"w"]
        change(file["dense"])
    return stream.getvalue()


def link(group: Any) -> None:
    group["w"] = h5py.ExternalLink("/etc/passwd", "x")


def packed(group: Any) -> None:
    group.create_dataset("w", data=np.zeros((5000, 5000), np.float32), compression="gzip")


def promised(group: Any) -> None:
    group.create_dataset("w", (1 << 20, 1 << 12), np.float32)  # 16 GB of nothing


def strange(group: Any) -> None:
    group["w"] = np.zeros((2, 2, 2), np.float32)


def text(group: Any) -> None:
    group["w"] = "no numbers"


def shared_text(group: Any) -> None:
    """Many names that are one long text."""
    kind = h5py.string_dtype()
    group["long"] = np.array(["x" * 200_000], kind)
    group.attrs.create("weight_names", np.array(["x" * 200_000] * 3000, object), dtype=kind)


def again_and_again(group: Any) -> None:
    """Groups that share their groups, so that each level doubles the way."""
    del group.file.attrs["layer_names"]
    inner = group.create_group("inner")
    for _ in range(40):
        outer = group.file.create_group(f"x{_}")
        outer["layers/a"] = inner
        outer["layers/b"] = inner
        inner = outer
    group.file["layers"] = inner["layers"]


def many(group: Any) -> None:
    group.file.attrs["layer_names"] = [b"dense"] * 3000
    group.attrs["weight_names"] = [b"w"] * 3000
    group["w"] = np.zeros((1,), np.float32)


def nothing_wide(group: Any) -> None:
    group.file.attrs["layer_names"] = [b"conv", b"dense"]
    group.file.create_group("conv").attrs["weight_names"] = [b"w"]
    group.file["conv/w"] = np.zeros((1, 1, 3, 4), np.float32)
    group["w"] = np.zeros((8, 0), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [(link, "is a link"), (packed, "compressed, virtual or elsewhere"), (promised, "promise more than the file holds"),
     (strange, "no layer known here has tensors of 2x2x2"), (text, "is no array of numbers"),
     (lambda group: None, "is a link, or is missing"), (shared_text, "longer than any network's"),
     (again_and_again, "more groups and arrays than any network"), (many, "more groups and arrays than any network"),
     (nothing_wide, "or an empty one")],
)  # fmt: skip
def test_what_no_file_of_keras_has_is_refused(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        files.parse(hostile(change), tmp_path / "x.h5")


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    of_keras_2(tmp_path / "x.h5")
    whole = (tmp_path / "x.h5").read_bytes()
    for data in (whole[:700], keras_files.HDF5 + b"x" * 900, hostile(link)[:200]):
        with pytest.raises(CheckpointError):
            files.parse(data, tmp_path / "x.h5")
    with zipfile.ZipFile(tmp_path / "x.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "x.h5", "model.weights.h5")
    with pytest.raises(CheckpointError, match="records are compressed"):
        read(tmp_path / "x.keras")


def test_the_table_is_kerass_own() -> None:
    """Addresses and hashes as Keras has them."""
    import importlib
    import inspect

    library("keras")
    stems = {"vgg16", "vgg19", "inception_v3", "inception_resnet_v2", "xception", "resnet", "densenet"}
    modules = [importlib.import_module(f"keras.src.applications.{stem}") for stem in stems]
    text = " ".join(map(inspect.getsource, modules))
    listed = [one for one in catalogue.everything() if one.library == "keras"]
    assert {one.name: one.network for one in listed} == {name: ours for name, ours, _ in KERAS}
    for one in listed:
        assert one.md5 in text and len(one.md5) == 32
        stem = one.file.rpartition("/")[2].partition("_weights_tf")[0]
        assert f'"{stem}": (\n        "{one.md5}"' in text or f"{stem}_weights_tf_dim_ordering_tf_kernels.h5" in text


def test_weights_that_see_blue_first_see_red_first_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """keras:ResNet50 is fed BGR less a mean; ours RGB less the same mean, and says the same."""
    theirs = build("keras", "ResNet50", (96, 97))
    generator = torch.Generator().manual_seed(0)
    randomise(of_keras(theirs, {}), generator)
    theirs.save_weights(tmp_path / "x.weights.h5")
    published = catalogue.find("keras:ResNet50")
    origin = Origin("resnet50_keras", published.preprocess, (), published.spec, bgr=True)
    monkeypatch.setattr(runs, "fetch", lambda spec: (tmp_path / "x.weights.h5", origin))
    loaded = runs.load("keras:ResNet50")
    colours = torch.rand(2, 3, 96, 97, generator=generator) * 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (loaded.preprocess.mean, loaded.preprocess.std))
    given = answer(loaded.network, (colours / 255 - mean) / std)
    bgr = colours.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    assert distance(given, logits("keras", theirs, bgr)) < TOLERANCE
