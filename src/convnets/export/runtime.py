"""A trained network as one file for a runtime: pictures in, logits out, class names and protocol inside.

No file is kept that does not answer as the network does: both are asked about sample pictures, which stay beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.statistics import Statistics, standardised_whole
from ..engines import About
from ..engines.about import Form
from ..engines.convert import exported, write_onnx
from ..engines.deployed import Deployed, about_of
from ..engines.exported import TORCH, open_own_torch
from ..engines.files import ABOUT
from ..errors import ConvnetsError, ResourceError, UsageError
from ..evaluate import Predictor
from ..evaluate.subject import Exported
from ..runs import Loaded
from .folder import shareable

ENDINGS = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
TOLERANCE = 1e-4  # of the largest logit of a picture
SAMPLES = 8


@dataclass(frozen=True)
class Checked:
    """How far the file's logits lie from the network's, as a share of the largest of each picture, at the most."""

    path: Path
    about: About
    off: float
    pictures: int


def write_file(
    loaded: Loaded, path: Path, to: str, pictures: Sequence[np.ndarray] | None = None,
    change: Callable[[Path, About], About] | None = None, accept: Callable[[Path], None] | None = None,
) -> Checked:  # fmt: skip
    """Write the file (for OpenVINO two) at `path`, checked on `pictures`, uint8 (H, W, C), else on made-up ones.

    `change` may make another of the ONNX file first, whose answers are recorded but may differ; `accept` then has the
    last word. Raises ConvnetsError where the file answers otherwise than the network, UsageError where it cannot be
    made.
    """
    if path.suffix != ENDINGS[to]:
        raise UsageError(f"--out {path}: a file for {to} ends in {ENDINGS[to]}")
    about = about_of(loaded.network, loaded.classes, loaded.preprocess, loaded.statistics, form_for(loaded, to))
    about = replace(about, more=shareable(loaded.state))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            made = Path(folder, path.name)
            about = _write(loaded, about, made, to, change)
            checked = _check(loaded, about, made, pictures, TOLERANCE if change is None else float("inf"))
            if accept is not None:
                accept(made)
            for part in sorted(Path(folder).iterdir()):
                if part.suffix in (".bin", ".npz", path.suffix):
                    part.replace(path.parent / part.name)
    except OSError as error:
        raise ResourceError(f"--out {path}: cannot be written ({error.strerror or error})") from None
    return replace(checked, path=path)


def form_for(loaded: Loaded, to: str) -> Form:
    """As much of the preprocessing as the runtime computes exactly: OpenVINO, in single precision, cannot resize so."""
    preprocess, image = loaded.preprocess, loaded.statistics.mean_image
    # a mean image of the crop's size, or of the square that the crop is the middle of, can be taken off the crop
    of_crops = image is None or image.shape[:2] in [(side, side) for side in (preprocess.size, preprocess.centre)]
    if standardised_whole(preprocess) or not of_crops:
        return "whole"
    largest = preprocess.centre or preprocess.resize
    if to == "openvino" or largest is None or largest < preprocess.size or (preprocess.resize or 0) < largest:
        return "crops"
    return "pictures"


def made_up(about: About, statistics: Statistics, seed: int = 0) -> list[np.ndarray]:
    """Smooth coloured pictures (H, W, C) of several sizes, or of the one that the file takes."""
    from PIL import Image

    random, pictures = np.random.default_rng(seed), []
    for index in range(SAMPLES):
        sides = [int(side or random.integers(160, 640)) for side in (about.side if about.form == "whole" else (0, 0))]
        coarse = random.integers(0, 256, (3 + index, 4 + index, 3), np.uint8)
        image = Image.fromarray(coarse).resize((sides[1], sides[0]), Image.Resampling.BICUBIC)
        noisy = np.asarray(image).astype(np.int16) + random.integers(-20, 21, (*sides, 3))
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
        pictures.append(picture if about.preprocess.channels == 3 else picture[..., :1].copy())
    return pictures


def _write(loaded: Loaded, about: About, path: Path, to: str, change: Any) -> About:
    """The file as it will be; what it says of itself."""
    deployed = Deployed(loaded.network, loaded.preprocess, loaded.statistics, about.form)
    if to == "torch":
        import torch

        torch.export.save(exported(deployed, about), path, extra_files={ABOUT: about.to_json()})
        return about
    onnx = path.with_suffix(".onnx") if to == "onnx" else path.with_name("from.onnx")
    write_onnx(deployed, about, onnx)
    if change is not None:
        about = change(onnx, about)
    if to == "openvino":
        _write_openvino(onnx, about, path)
    return about


def _write_openvino(onnx: Path, about: About, path: Path) -> None:
    try:
        import openvino
    except ImportError:
        raise UsageError("--to openvino: needs openvino; pip install 'convnets[openvino]'") from None
    model = openvino.Core().read_model(onnx)
    model.set_rt_info(about.to_json(), [ABOUT])
    openvino.save_model(model, path, compress_to_fp16=False)


def _check(
    loaded: Loaded, about: About, path: Path, given: Sequence[np.ndarray] | None, tolerance: float
) -> Checked:
    """Ask both sides; keep what was asked and answered beside the file."""
    pictures = list(given) if given else made_up(about, loaded.statistics)
    file = Exported(*open_own_torch(path)) if path.suffix == TORCH else path
    expected, answered = Predictor(loaded).logits(pictures), Predictor(file).logits(pictures)
    largest = np.abs(expected).max(1)
    off = np.abs(answered - expected).max(1) / np.where(largest > 0, largest, 1)
    first, second = (np.sort(expected, 1)[:, -place] for place in (1, min(2, expected.shape[1])))
    clear = first - second > tolerance * largest
    wrong = ~(off <= tolerance) | (clear & (expected.argmax(1) != answered.argmax(1)) & np.isfinite(tolerance))
    if wrong.any():
        raise ConvnetsError(
            f"{path.name}: answers otherwise than the network: logits off by {off.max():.1e} of the largest, allowed "
            f"is {tolerance:.0e}; nothing was written. Please report network, runtime and versions"
        )
    arrays: dict[str, Any] = {f"picture_{index}": picture for index, picture in enumerate(pictures)}
    arrays |= {"expected": expected.astype(np.float32), "answered": answered.astype(np.float32)}
    np.savez_compressed(path.with_suffix(".samples.npz"), **arrays)
    return Checked(path, about, float(off.max()), len(pictures))
