"""The predictor: one answer for one picture, whatever the picture comes as and whatever it comes with."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convnets
from convnets import runs, spec
from convnets.data import prepare, read_picture
from convnets.errors import CheckpointError, DataError, DivergedError, UsageError
from convnets.evaluate import Prediction, Predictor
from convnets.runs.folder import BEST, RunFolder

NAMES = ["ant", "bee", "猫", "dog", "eel", "fox", "gnu"]
PREPROCESS = spec.Preprocess(size=32, resize=36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
RANDOM = np.random.default_rng(7)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network with random weights, saved as training saves it."""
    torch.manual_seed(0)
    network = convnets.create_model("resnet20", num_classes=7)
    folder = RunFolder.create("made", str(tmp_path_factory.mktemp("runs") / "made"))
    about = {
        "network": {"name": network.name, "overrides": network.overrides},
        "classes": NAMES,
        "preprocess": spec.to_dict(PREPROCESS),
    }
    folder.write_run(about)
    folder.save(BEST, {f"model.{name}": tensor for name, tensor in network.state_dict().items()}, about)
    return folder.path


@pytest.fixture(scope="module")
def predictor(run_folder: Path) -> Predictor:
    return Predictor(run_folder, device="cpu", batch_size=4)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    small = RANDOM.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((70, 50), Image.Resampling.BICUBIC))


def same(one: Prediction, other: Prediction, tolerance: float = 0.0) -> bool:
    return one.classes == other.classes and bool(np.abs(one.all - other.all).max() <= tolerance)


def test_a_prediction_is_ordered_and_complete(predictor: Predictor, picture: np.ndarray) -> None:
    answer = predictor(picture)
    assert answer.all.shape == (7,)
    assert answer.all.dtype == np.float32
    assert answer.all.sum() == pytest.approx(1, abs=1e-5)
    assert sorted(answer.classes) == sorted(NAMES)
    assert list(answer.probabilities) == sorted(answer.probabilities, reverse=True)
    assert [NAMES[index] for index in answer.indices] == list(answer.classes)
    assert [float(answer.all[index]) for index in answer.indices] == list(answer.probabilities)
    assert [(top.name, top.index, top.probability) for top in answer.top(2)] == list(
        zip(answer.classes, answer.indices, answer.probabilities, strict=True)
    )[:2]
    assert len(answer.top(100)) == 7
    assert answer.classes[0] in repr(answer)


def test_is_the_network_on_the_stored_preprocessing(predictor: Predictor, picture: np.ndarray) -> None:
    """By hand: resize the shorter side to 36, cut 32 x 32 from the centre, normalise, soft-max."""
    pixels = prepare(picture, PREPROCESS)
    assert pixels.shape == (32, 32, 3)
    x = (torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255 - torch.tensor(PREPROCESS.mean).view(3, 1, 1)) / (
        torch.tensor(PREPROCESS.std).view(3, 1, 1)
    )
    with torch.no_grad():
        expected = predictor.network.eval()(x).softmax(1)[0].numpy()
    assert predictor(picture).all == pytest.approx(expected, abs=1e-5)


def test_the_same_picture_in_every_form(predictor: Predictor, picture: np.ndarray, tmp_path: Path) -> None:
    image, path = Image.fromarray(picture), tmp_path / "a picture 猫.png"
    image.save(path)
    expected = predictor(picture)
    for form in (str(path), path, path.read_bytes(), image, Image.open(path), picture[:, ::-1][:, ::-1]):
        assert same(predictor(form), expected), type(form)


def test_the_same_numbers_alone_and_in_a_batch(predictor: Predictor, picture: np.ndarray) -> None:
    pictures = [np.roll(picture, 5 * shift, axis=1)[: 50 - shift] for shift in range(6)]
    together = predictor(pictures)
    assert len({answer.probabilities for answer in together}) == 6
    assert all(same(predictor(alone), answer, 1e-5) for alone, answer in zip(pictures, together, strict=True))
    assert predictor([]) == []


def test_grey_arrays_are_read_as_grey_pictures(predictor: Predictor, picture: np.ndarray) -> None:
    grey = picture[..., 0]
    expected = predictor(np.repeat(grey[..., None], 3, axis=2))
    for form in (grey, grey[..., None], Image.fromarray(grey)):
        assert same(predictor(form), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_pil_images_of_any_mode_as_their_files(
    predictor: Predictor, picture: np.ndarray, tmp_path: Path, mode: str
) -> None:
    if mode == "I;16":
        image = Image.fromarray(picture[..., 0].astype(np.uint16) * 256)
    else:
        image = Image.fromarray(picture).convert("RGBA" if mode in ("LA", "RGBA") else mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray(picture[..., 1]))
            image = image.convert(mode)
    assert image.mode == mode
    image.save(tmp_path / "picture.png")
    assert same(predictor(image), predictor(tmp_path / "picture.png"))


def test_pil_images_are_turned_upright(predictor: Predictor, picture: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    answer = predictor(tmp_path / "turned.jpg")
    assert read_picture(tmp_path / "turned.jpg").shape == (70, 50, 3)
    assert same(predictor(Image.open(tmp_path / "turned.jpg")), answer, 1e-3)


def test_cmyk_and_unusable_pil_images(predictor: Predictor, picture: np.ndarray) -> None:
    assert predictor(Image.fromarray(picture).convert("CMYK")).all.shape == (7,)
    with pytest.raises(DataError, match=r"mode F.*floating-point"):
        predictor(Image.fromarray(picture[..., 0].astype(np.float32)))
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    with pytest.raises(DataError, match="PIL image"):
        predictor(Image.open(io.BytesIO(buffer.getvalue()[:-2000])))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        torch.zeros(3, 8, 8),
        None,
    ],
    ids=["float", "four channels", "channels first", "batch", "empty", "tensor", "none"],
)
def test_what_is_no_picture_is_refused_with_what_is_expected(predictor: Predictor, bad: object) -> None:
    with pytest.raises(UsageError, match=r"expected a path, a PIL image, or a uint8 array \(H, W, 3\)"):
        predictor(bad)  # type: ignore[call-overload]


def test_bad_files_are_named_and_the_others_answered(
    predictor: Predictor, picture: np.ndarray, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(9)]
    for path in paths:
        Image.fromarray(picture).save(path)
    paths[0].write_bytes(b"")
    paths[5].write_bytes(paths[1].read_bytes()[:200])
    paths[8].unlink()
    answers = list(predictor.predict_many(paths))
    assert [path for path, _ in answers] == paths
    assert [i for i, (_, answer) in enumerate(answers) if isinstance(answer, DataError)] == [0, 5, 8]
    assert all(str(path) in str(answer) for path, answer in answers if isinstance(answer, DataError))
    with pytest.raises(DataError, match="no such file"):
        predictor(paths[8])
    with pytest.raises(DataError, match=r"5\.png"):
        predictor(paths[1:])


def test_a_network_alone(picture: np.ndarray) -> None:
    network = convnets.create_model("resnet20", num_classes=3, in_channels=1).train()
    predictor = Predictor(network)
    assert predictor.preprocess.channels == 1
    assert predictor.preprocess.size == 32
    assert set(predictor(picture).classes) == {"0", "1", "2"}
    assert network.training
    trained_mode = predictor(picture)
    assert same(Predictor(network.eval())(picture), trained_mode), "predicted in training mode"
    assert Predictor(network, classes=["a", "b", "c"])(picture).classes[0] in "abc"
    with pytest.raises(UsageError, match="2 class names for a network of 3 classes"):
        Predictor(network, classes=["a", "b"])
    imagenet = Predictor(convnets.create_model("resnet18", num_classes=2)).preprocess
    assert (imagenet.size, imagenet.resize, imagenet.mean) == (224, 256, (0.485, 0.456, 0.406))


def test_a_network_that_diverged(picture: np.ndarray) -> None:
    network = convnets.create_model("resnet20", num_classes=3)
    torch.nn.init.constant_(network.get_classifier().weight, float("nan"))
    with pytest.raises(DivergedError):
        Predictor(network)(picture)


def test_what_a_predictor_is_made_from(run_folder: Path, predictor: Predictor, picture: np.ndarray) -> None:
    expected = predictor(picture)
    for source in (str(run_folder), run_folder / BEST, runs.load(run_folder)):
        assert same(convnets.load(source)(picture), expected, 1e-6)  # folded or not
    with pytest.raises(UsageError):
        Predictor(run_folder.parent)
    (run_folder.parent / "bad.safetensors").write_bytes((run_folder / BEST).read_bytes()[:-10])
    with pytest.raises(CheckpointError):
        Predictor(run_folder.parent / "bad.safetensors")
    for wrong in ({"batch_size": 0}, {"device": "abacus"}):
        with pytest.raises(UsageError):
            Predictor(run_folder, **wrong)
