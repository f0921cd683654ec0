"""A trained network as a function from pictures to class names."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from .. import papers
from ..cache import cores, threads
from ..data import NO_STATISTICS, prepare
from ..data.augment import uncropped
from ..data.imagenet import class_names
from ..data.statistics import stacked, standardise
from ..engines import ENGINES, KINDS, Engine, open_exported
from ..engines.exported import TORCH
from ..errors import DIVERGED, CheckpointError, DataError, DivergedError, UsageError
from ..spec import Preprocess
from .inputs import Picture, pixels_of
from .subject import Exported, Live, OnDisk, Subject, describe, may_have_accelerator, on_disk, place

if TYPE_CHECKING:
    import torch

    from ..network import Network
    from ..runs import Loaded

P = TypeVar("P", bound=Picture)
ON_A_CPU, ON_AN_ACCELERATOR = 16, 64  # pictures at a time


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

    `run_or_network` is a run folder, a file of weights or their published name, what `runs.load` returned, a file from
    `convnets export`, or a network, whose `classes` are then numbered unless given. `preprocess` overrides the stored
    one, and `input_size` its size; a network without trained weights takes its catalogue's input size and ImageNet's
    channel statistics. `model` names the network of a file that does not.

    `engine="auto"` takes the fastest of what is installed, measured once for each network, batch and machine; other
    values are torch, compile, onnxruntime, openvino, ncnn and mnn (CONVNETS_ENGINE sets what auto means). A network in
    memory stays on torch, where it is, unless told otherwise. `device="auto"` takes an accelerator if there is one.
    Raises UsageError, or CheckpointError for a damaged checkpoint.
    """

    def __init__(
        self,
        run_or_network: str | Path | Loaded | Network | Exported,
        *,
        engine: str = "auto",
        input_size: int | None = None,
        device: str | torch.device = "auto",
        batch_size: int | None = None,
        preprocess: Preprocess | None = None,
        classes: Sequence[str] | None = None,
        model: str | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch_size {batch_size}: must be at least 1")
        where = device if device in ("auto", "cpu") else place(device)
        self.subject = _subject(run_or_network, engine, input_size, where, preprocess, model)
        is_open = isinstance(self.subject, OnDisk) and engine == "auto"
        self.engine = os.environ.get("CONVNETS_ENGINE") or "auto" if is_open else engine
        if self.engine not in ("auto", *ENGINES):
            raise UsageError(f"engine {self.engine!r} is unknown; valid values: auto, {', '.join(ENGINES)}")
        about = self.subject.about
        self.preprocess, self.statistics = about.preprocess, self.subject.statistics
        readable = class_names()  # ImageNet's classes are stored by their WordNet ids
        self.classes = tuple(readable.get(name, name) for name in (about.classes if classes is None else classes))
        if len(self.classes) != len(about.classes):
            raise UsageError(f"{len(self.classes)} class names for a network of {len(about.classes)} classes")
        on_a_cpu = not may_have_accelerator() or self.device.type == "cpu"
        self.batch_size = batch_size or (ON_A_CPU if on_a_cpu else ON_AN_ACCELERATOR)
        # so few are asked for one by one: a CPU takes about as long for each of many, and engines fill a batch up
        one_by_one = on_a_cpu and isinstance(self.subject, OnDisk) and self.engine != "torch"
        self._few = max(1, self.batch_size // 2) if one_by_one else 1
        self._engines: dict[int, Engine] = {}
        self.engines: dict[int, str] = {}  # the engine that answers for so many pictures at a time

    @property
    def network(self) -> Network:
        """The network itself, where torch would run it."""
        return self.subject.network

    @property
    def device(self) -> torch.device:
        """Where torch runs the network."""
        return self.subject.device

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
            return self._classify([self._prepared(pictures)])[0]
        answers: list[Prediction] = []
        for _, answer in self.predict_many(pictures):
            if isinstance(answer, DataError):
                raise answer
            answers.append(answer)
        return answers

    def predict_many(self, pictures: Iterable[P]) -> Iterator[tuple[P, Prediction | DataError]]:
        """Each picture with its prediction, or with the DataError why it cannot be read, in order.

        While some are classified the next ones are decoded, at most two batches of them ahead.
        """
        remaining, ahead = iter(pictures), deque[tuple[P, Future[np.ndarray | DataError]]]()
        pool = ThreadPoolExecutor(cores(), "decode")

        def look_ahead() -> None:
            for picture in islice(remaining, 2 * self.batch_size - len(ahead)):
                ahead.append((picture, pool.submit(self._readable, picture)))

        try:
            look_ahead()
            while ahead:
                chunk = [ahead.popleft() for _ in range(min(self.batch_size, len(ahead)))]
                prepared = [future.result() for _, future in chunk]
                look_ahead()
                answers = iter(self._classify([array for array in prepared if not isinstance(array, DataError)]))
                for (picture, _), array in zip(chunk, prepared, strict=True):
                    yield picture, array if isinstance(array, DataError) else next(answers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def pixels(self, picture: Picture) -> np.ndarray:
        """The picture as uint8 (H, W, C). Raises DataError where it cannot be read."""
        return pixels_of(picture, self.preprocess.channels)

    def prepared(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """The pictures resized and cut as the network sees them (N, C, H, W), not yet normalised. Raises DataError."""
        import torch

        arrays = [prepare(self.pixels(one), self.preprocess, self.statistics) for one in pictures]
        batch = stacked(arrays, self.preprocess, self.statistics)
        return torch.from_numpy(batch).permute(0, 3, 1, 2).to(self.device)

    def logits(self, pictures: Sequence[Picture]) -> np.ndarray:
        """float32 (N, num_classes) before the soft-max, in the network's order of classes. Raises DataError."""
        rows = [self._logits(batch) for batch in self.batches(pictures)]
        return np.concatenate(rows) if rows else np.zeros((0, len(self.classes)), np.float32)

    def batches(self, pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
        """The pictures as the engine takes them, (N, H, W, C). Raises DataError."""
        for at in range(0, len(pictures), self.batch_size):
            yield from self._together([self._prepared(one) for one in pictures[at : at + self.batch_size]])

    def _prepared(self, picture: Picture) -> np.ndarray:
        """The picture as the engine takes it, (H, W, C)."""
        pixels, about = self.pixels(picture), self.subject.about
        if about.form == "pictures":
            return pixels
        if about.form != "whole":
            return prepare(pixels, self.preprocess, self.statistics)
        whole = uncropped(pixels, self.preprocess)
        if whole.shape[:2] != about.side:
            had, takes = ("x".join(map(str, shape)) for shape in (whole.shape[:2], about.side))
            raise DataError(f"a picture of {had}: the exported network takes whole pictures of {takes}; resize it")
        return whole

    def _readable(self, picture: Picture) -> np.ndarray | DataError:
        try:
            return self._prepared(picture)
        except DataError as error:
            return error

    def _classify(self, arrays: list[np.ndarray]) -> list[Prediction]:
        if not arrays:
            return []
        logits = np.concatenate([self._logits(part) for part in self._together(arrays)]).astype(np.float64)
        if not np.isfinite(logits).all():
            raise DivergedError(DIVERGED)
        order = np.argsort(-logits, axis=1, kind="stable")
        likely = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = (likely / likely.sum(1, keepdims=True)).astype(np.float32)
        return [self._prediction(row, ranks) for row, ranks in zip(probabilities, order, strict=True)]

    def _together(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Batches (N, H, W, C) for the engine: one, unless pictures keep sizes of their own."""
        form = self.subject.about.form
        if form == "pictures":
            return [array[None] for array in arrays]
        batch = stacked(arrays, self.preprocess, self.statistics)
        if form == "standardised" and batch.dtype == np.uint8:
            batch = standardise(batch, self.preprocess, self.statistics)
        return [batch]

    def _logits(self, batch: np.ndarray) -> np.ndarray:
        size = self.batch_size
        if size not in self._engines and len(batch) <= self._few:  # not the rest of many, for which one is open
            size = 1
            if len(batch) > 1:
                return np.concatenate([self._logits(batch[at : at + 1]) for at in range(len(batch))])
        if size not in self._engines:
            self.engines[size], self._engines[size] = self.subject.engine(self.engine, size)
        logits = self._engines[size](batch)
        if logits.shape[1:] != (len(self.classes),):
            raise CheckpointError(f"{logits[0].size} logits for {len(self.classes)} classes; export the file again")
        return logits

    def _prediction(self, probabilities: np.ndarray, order: np.ndarray) -> Prediction:
        return Prediction(
            classes=tuple(self.classes[index] for index in order),
            probabilities=tuple(probabilities[order].tolist()),
            indices=tuple(order.tolist()),
            all=probabilities,
        )


def _subject(
    source: str | Path | Loaded | Network | Exported, engine: str, input_size: int | None, device: str | torch.device,
    preprocess: Preprocess | None, model: str | None,
) -> Subject:  # fmt: skip
    """What `source` stands for."""
    if isinstance(source, str | Path):
        if Path(source).suffix == TORCH:
            raise UsageError(
                f"{source}: opening a file of torch.export may run code that is hidden in it; open your own with "
                "torch.export.load, or export to onnx"
            )
        if Path(source).suffix in KINDS:
            if preprocess is not None or input_size is not None or model is not None:
                raise UsageError(f"{source}: network and preprocessing are part of the file; export the run for others")
            return Exported(*open_exported(Path(source), engine, threads()))
        return on_disk(source, model, preprocess, input_size, device)
    from ..network import Network

    if isinstance(source, Exported):
        return source
    if isinstance(source, Network):
        return _of_network(source, input_size, device, preprocess)
    about = describe(source.network, source.classes, preprocess or source.preprocess, source.statistics, input_size)
    return Live(source.network, about, source.statistics, place(device))


def _of_network(
    network: Network, input_size: int | None, device: str | torch.device, preprocess: Preprocess | None
) -> Live:
    trained: Any = network.trained
    stored, statistics, names = None, NO_STATISTICS, ()
    if trained is not None:
        stored, statistics, names = trained.preprocess, trained.statistics, trained.classes
    chosen = preprocess or stored or _catalogue_preprocess(network)
    numbered = tuple(str(index) for index in range(network.num_classes))
    about = describe(network, names or numbered, chosen, statistics, input_size)
    return Live(network, about, statistics, None if device == "auto" else place(device))


def _catalogue_preprocess(network: Network) -> Preprocess:
    if not network.name:
        raise UsageError("the network is not of the catalogue, so its input is unknown; pass preprocess=")
    size = network.input_size or papers.find(network.name).input[1]
    from .. import runs

    return runs.default_preprocess((network.in_channels, size, size))
