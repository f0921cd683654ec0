"""A trained network as a function from pictures to class names."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from PIL import Image, ImageOps

from .. import papers, runs
from ..data import NO_STATISTICS, normalise, prepare
from ..data.decode import decode, read_picture, to_channels
from ..data.imagenet import class_names
from ..data.statistics import stacked
from ..errors import DataError, UsageError
from ..network import Network
from ..spec import Preprocess
from .evaluate import evaluating
from .metrics import check_finite

Picture = str | Path | bytes | Image.Image | np.ndarray
P = TypeVar("P", bound=Picture)


@dataclass(frozen=True)
class Ranked:
    """One class of a prediction."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network takes one picture for. All but `all` are ordered best first; of equal ones the lower index."""

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    indices: tuple[int, ...]
    all: np.ndarray  # float32 (num_classes,), in class order

    def top(self, k: int) -> list[Ranked]:
        """The best `k` classes; all of them where there are fewer."""
        return [Ranked(*row) for row in zip(self.classes[:k], self.indices[:k], self.probabilities[:k], strict=True)]

    def __repr__(self) -> str:
        best = ", ".join(f"{guess.name} {guess.probability:.1%}" for guess in self.top(3))
        return f"Prediction({best}{', ...' if len(self.classes) > 3 else ''})"


class Predictor:
    """Classifies pictures with a trained network, prepared exactly as the network was tested.

    `run_or_network` is a run folder, a checkpoint file, what `runs.load` returned, or a network, whose `classes` are
    then numbered unless given. `preprocess` overrides the stored one; a network without trained weights takes its
    catalogue's input size and ImageNet's channel statistics. `device="auto"` takes an accelerator if there is one; a
    network stays where it is. Raises UsageError, or CheckpointError for a damaged checkpoint.
    """

    def __init__(
        self,
        run_or_network: str | Path | runs.Loaded | Network,
        *,
        device: str | torch.device = "auto",
        batch_size: int = 32,
        preprocess: Preprocess | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size {batch_size}: must be at least 1")
        self.batch_size = batch_size
        is_network = isinstance(run_or_network, Network)
        trained: Any
        if isinstance(run_or_network, Network):
            network, trained = run_or_network, run_or_network.trained
        else:
            trained = run_or_network if isinstance(run_or_network, runs.Loaded) else runs.load(run_or_network)
            network = trained.network
        names: Sequence[str] = [str(index) for index in range(network.num_classes)]
        stored, statistics = None, NO_STATISTICS
        if trained is not None:
            stored, statistics, names = trained.preprocess, trained.statistics, trained.classes or names
        self.preprocess = preprocess or stored or _catalogue_preprocess(network)
        self.statistics = statistics
        readable = class_names()  # ImageNet's classes are stored by their WordNet ids
        self.classes = tuple(readable.get(name, name) for name in (names if classes is None else classes))
        if len(self.classes) != network.num_classes:
            raise UsageError(f"{len(self.classes)} class names for a network of {network.num_classes} classes")
        self.device = _device(device, network, stays=is_network)
        self.network = network.to(self.device)

    @overload
    def __call__(self, pictures: Picture) -> Prediction: ...

    @overload
    def __call__(self, pictures: list[Any] | tuple[Any, ...]) -> list[Prediction]: ...

    def __call__(self, pictures: Picture | list[Any] | tuple[Any, ...]) -> Prediction | list[Prediction]:
        """The prediction for one picture, or a list of them for a list of pictures.

        A picture is a path, the bytes of a picture file, a PIL image, or a uint8 array (H, W, 3), (H, W, 1) or (H, W).
        Raises DataError for the first picture that cannot be read, UsageError for anything that is no picture.
        """
        if not isinstance(pictures, list | tuple):
            return self([pictures])[0]
        answers: list[Prediction] = []
        for _, answer in self.predict_many(pictures):
            if isinstance(answer, DataError):
                raise answer
            answers.append(answer)
        return answers

    def predict_many(self, pictures: Iterable[P]) -> Iterator[tuple[P, Prediction | DataError]]:
        """Each picture with its prediction, or with the DataError why it cannot be read, in order, batch by batch."""
        remaining = iter(pictures)
        while chunk := list(islice(remaining, self.batch_size)):
            prepared = [self._prepare(picture) for picture in chunk]
            answers = iter(self._classify([array for array in prepared if not isinstance(array, DataError)]))
            for picture, array in zip(chunk, prepared, strict=True):
                yield picture, array if isinstance(array, DataError) else next(answers)

    def pixels(self, picture: Picture) -> np.ndarray:
        """The picture as uint8 (H, W, C). Raises DataError where it cannot be read."""
        return _pixels(picture, self.preprocess.channels)

    def prepared(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """The pictures resized and cut as the network sees them (N, C, H, W), not yet normalised. Raises DataError."""
        return self._stacked([prepare(self.pixels(one), self.preprocess, self.statistics) for one in pictures])

    def _prepare(self, picture: Picture) -> np.ndarray | DataError:
        try:
            return prepare(self.pixels(picture), self.preprocess, self.statistics)
        except DataError as error:
            return error

    def _stacked(self, arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(stacked(arrays, self.preprocess, self.statistics)).permute(0, 3, 1, 2).to(self.device)

    def _classify(self, arrays: list[np.ndarray]) -> list[Prediction]:
        if not arrays:
            return []
        images = self._stacked(arrays)
        with evaluating(self.network):
            logits = self.network(normalise(images, self.preprocess, self.statistics)).cpu().double()
        check_finite(logits)
        order = torch.sort(logits, dim=1, descending=True, stable=True).indices.numpy()
        probabilities = logits.softmax(1).float().numpy()
        return [self._prediction(row, ranks) for row, ranks in zip(probabilities, order, strict=True)]

    def _prediction(self, probabilities: np.ndarray, order: np.ndarray) -> Prediction:
        return Prediction(
            classes=tuple(self.classes[index] for index in order),
            probabilities=tuple(probabilities[order].tolist()),
            indices=tuple(order.tolist()),
            all=probabilities,
        )


def _pixels(picture: Picture, channels: int) -> np.ndarray:
    """`picture` as uint8 (H, W, channels), by the same rules whatever it came as."""
    if isinstance(picture, str | Path):
        return read_picture(picture, channels=channels)
    if isinstance(picture, bytes):
        return decode(picture, channels=channels)
    if isinstance(picture, Image.Image):
        return _pil_pixels(picture, channels)
    expected = "expected a path, a PIL image, or a uint8 array (H, W, 3), (H, W, 1) or (H, W) with values 0..255"
    if not isinstance(picture, np.ndarray):
        raise UsageError(f"{type(picture).__name__} is not a picture; {expected}")
    array = picture[..., None] if picture.ndim == 2 else picture
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise UsageError(f"{picture.dtype} array of shape {picture.shape} is not a picture; {expected}")
    return to_channels(array, channels)


def _pil_pixels(image: Image.Image, channels: int) -> np.ndarray:
    """A PIL image as its file would be read: upright, other modes than grey and RGB by the rules for files."""
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("L", "RGB") and "transparency" not in image.info:
            return _pixels(np.asarray(image), channels)
        buffer = io.BytesIO()
        is_png = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") or image.format in ("PNG", "PPM")
        image.save(buffer, **({"format": "PNG", "compress_level": 0} if is_png else {"format": "TIFF"}))
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"PIL image of mode {image.mode}: {' '.join(str(error).split())}") from None
    return decode(buffer.getvalue(), channels=channels, name=f"PIL image of mode {image.mode}")


def _catalogue_preprocess(network: Network) -> Preprocess:
    if not network.name:
        raise UsageError("the network is not of the catalogue, so its input is unknown; pass preprocess=")
    size = network.input_size or papers.find(network.name).input[1]
    return runs.default_preprocess((network.in_channels, size, size))


def _device(name: str | torch.device, network: Network, stays: bool) -> torch.device:
    if name != "auto":
        try:
            return torch.device(name)
        except RuntimeError:
            raise UsageError(f"device {name!r}: no such device; try auto, cpu or cuda") from None
    if stays:
        return next(network.parameters()).device
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
