"""Batches of an epoch, the same whatever prepares them: this process or workers, from memory or from disk."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import ConvnetsError, ResourceError, UsageError
from ..spec import Augment, Preprocess
from .augment import augment_batch, augment_pictures, centre_crop, prepare, uncropped
from .decode import Reduce, to_channels
from .pictures import MemoryPictures, Pictures, Split, StoredPictures
from .resident import Resident, sent
from .sampling import Order
from .scan import MEMORY_LIMIT
from .statistics import NO_STATISTICS, Statistics, before_crop, stacked, standardise

CPU = torch.device("cpu")
GRACE = 120  # seconds that workers outlive a signal while their parent finishes its step, or waits for one that hangs
Key = tuple[int, np.ndarray]  # an epoch and the samples of one batch


class Batch(NamedTuple):
    """Pictures uint8 (B, C, H, W) in channels_last memory, labels int64 (B,), and the samples' numbers in the split.

    With balanced sampling a number may be higher by a multiple of the split's length: see sampling.Order.
    """

    images: torch.Tensor
    labels: torch.Tensor
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index, which nobody needs on a batch


class Loader:
    """Batches of a split. Order and augmentation depend on (seed, epoch, sample) alone.

    With `shuffle`, for training, an incomplete last batch is dropped unless it is the only one. `workers`: processes
    that decode and augment ahead, or with none of them `threads`, which need no copies between processes but share one
    interpreter. Sets that are augmented in memory in whole batches do not need and do not use either; on a `device`
    other than the CPU they live there, and so do their batches.
    """

    def __init__(
        self,
        split: Split,
        preprocess: Preprocess,
        *,
        batch_size: int,
        augment: Augment | None = None,
        shuffle: bool = False,
        seed: int = 0,
        workers: int = 0,
        threads: int = 0,
        statistics: Statistics = NO_STATISTICS,
        sampling: str = "shuffled",
        epoch_size: int = 0,
        device: torch.device = CPU,
    ) -> None:
        if batch_size < 1 or workers < 0:
            raise UsageError(f"batch size {batch_size} and workers {workers}: at least 1 and 0 are needed")
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.split = split
        self._order = Order(split.labels, shuffle, sampling, seed, epoch_size)
        self._batches = _Batches(split, preprocess, augment, seed, statistics)
        whole = self._batches.whole
        self._resident = None if whole is None else Resident.of(whole, preprocess, augment, seed, statistics, device)
        self._keys: list[Key] = []
        self._workers = None
        if augment is not None and augment.policy != "none":
            # torchvision's policies draw from the one random state of a process, which threads would share
            workers, threads = workers or threads, 0
        self._threads = threads if whole is None else 0
        if workers and whole is None:
            # Its own generator keeps torch's global random state untouched.
            with _any_number_of_workers():
                self._workers = DataLoader(
                    self._batches,
                    batch_size=None,
                    sampler=self._keys,
                    num_workers=workers,
                    collate_fn=_as_it_is,
                    worker_init_fn=_leave_signals_to_parent,
                    persistent_workers=True,
                    generator=torch.Generator(),
                )

    def __len__(self) -> int:
        full, rest = divmod(len(self._order), self.batch_size)
        return full + (rest > 0 and not (self.shuffle and full > 0))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on; those before it are not even decoded.

        Raises DataError naming a picture that can no longer be read, ResourceError when a worker process died.
        """
        order, size = self._order.of(epoch), self.batch_size
        self._keys[:] = [(epoch, order[i * size : (i + 1) * size]) for i in range(start, len(self))]
        if self._resident is not None:
            for _, index in list(self._keys):
                labels = torch.from_numpy(self.split.labels[index % len(self.split)])
                yield Batch(self._resident.batch(epoch, index), labels, index)
            return
        for item in self._prepared():
            if isinstance(item, ConvnetsError):
                raise item
            images, labels, index = item
            yield Batch(images.permute(0, 3, 1, 2), labels, index)

    def _prepared(self) -> Iterator[Any]:
        if self._workers is None:
            yield from self._ahead() if self._threads else map(self._batches.__getitem__, list(self._keys))
            return
        batches: Any = None
        try:
            with _any_number_of_workers():
                batches = iter(self._workers)
            yield from batches
        except (RuntimeError, OSError, EOFError) as error:  # which of them depends on the moment a worker dies
            if "Caught" in str(error):  # a worker's own exception, told with its traceback
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            if batches is not None:  # until it is shut down, torch's signal handler may raise again, and anywhere
                with contextlib.suppress(RuntimeError):
                    batches._shutdown_workers()
            raise ResourceError(
                f"a worker process for data died ({reason}); try fewer --workers, or a smaller batch if memory ran out"
            ) from None

    def _ahead(self) -> Iterator[Any]:
        """The batches in order, made by threads: one for each, and one more that is ready."""
        pending: deque[Future[Any]] = deque()
        pool = ThreadPoolExecutor(self._threads, "convnets-data")
        try:
            for key in list(self._keys):
                pending.append(pool.submit(self._batches.__getitem__, key))
                if len(pending) > self._threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # whoever leaves an epoch does not wait for what was begun
            pool.shutdown(wait=False, cancel_futures=True)


class _Batches(Dataset[Any]):
    """Batches by key, prepared in whichever process asks; errors are values, to cross processes in one line."""

    def __init__(
        self, split: Split, preprocess: Preprocess, augment: Augment | None, seed: int, statistics: Statistics
    ) -> None:
        self.split, self.preprocess, self.augment, self.seed = split, preprocess, augment, seed
        self.statistics = statistics
        one_by_one = augment is not None and (augment.area or augment.scale or augment.policy != "none")
        self.whole = None if one_by_one else _resized_whole(split.pictures, preprocess)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor, np.ndarray] | ConvnetsError:
        epoch, index = key
        try:
            whole = self.whole
            batch = self._one_by_one(epoch, index) if whole is None else self._together(epoch, index, whole)
        except ConvnetsError as error:
            return error
        labels = self.split.labels[index % len(self.split)]
        return torch.from_numpy(np.ascontiguousarray(batch)), torch.from_numpy(labels), index

    def _together(self, epoch: int, index: np.ndarray, whole: np.ndarray) -> np.ndarray:
        batch = whole[index % len(whole)]
        if before_crop(self.preprocess, self.statistics, batch.shape[1:], self.augment):
            batch = standardise(batch, self.preprocess, self.statistics)
        if self.augment is None:
            return centre_crop(batch, self.preprocess.size)
        return augment_batch(batch, self.preprocess, self.augment, self.seed, epoch, index)

    def _one_by_one(self, epoch: int, index: np.ndarray) -> np.ndarray:
        preprocess, augment, statistics = self.preprocess, self.augment, self.statistics
        if augment is None:
            loaded = (self.split.pictures.load(i % len(self.split)) for i in index.tolist())
            ready = [prepare(picture, preprocess, statistics) for picture in loaded]
        else:
            ready = augment_pictures(self._load, preprocess, augment, self.seed, epoch, index, statistics)
        return stacked(ready, preprocess, statistics)

    def _load(self, sample: int, reduce: Reduce) -> np.ndarray:
        pictures, index = self.split.pictures, sample % len(self.split)
        if isinstance(pictures, StoredPictures) and self.augment is not None and self.augment.decode == "reduced":
            return pictures.load_reduced(index, reduce)
        return pictures.load(index)


def normalise(
    images: torch.Tensor,
    preprocess: Preprocess,
    statistics: Statistics = NO_STATISTICS,
    standardised: bool | None = None,
) -> torch.Tensor:
    """Grey levels (B, C, H, W) as float32 in the same memory format: scaled to 0..1, less the mean, over the deviation.

    What the loader gave as float32 is `standardised` already and stays, unless that says otherwise. A mean image is
    taken off pictures of its size; of others, its mean colour. An empty mean and std leave it at 0..1. Raises
    UsageError where they do not fit.
    """
    if images.is_floating_point() if standardised is None else standardised:
        return images
    channels = images.shape[1]
    mean, std = preprocess.mean or (0.0,) * channels, preprocess.std or (1.0,) * channels
    if not len(mean) == len(std) == channels:
        raise UsageError(f"preprocess.mean {mean} and std {std} do not fit pictures of {channels} channels")
    shift = torch.tensor(mean).mul_(255).view(-1, 1, 1)
    if statistics.mean_image is not None:
        image = torch.from_numpy(statistics.mean_image).permute(2, 0, 1)
        shift = image if image.shape == images.shape[1:] else image.mean((1, 2), keepdim=True)
    scale = torch.tensor(std).mul_(255).reciprocal_().view(-1, 1, 1)
    if images.device.type == "cpu":
        return _normalised_one_by_one(images, shift, scale)
    shift, scale = sent(shift, images.device), sent(scale, images.device)
    return images.to(torch.float32, copy=True).sub_(shift).mul_(scale)


def _normalised_one_by_one(images: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The same numbers, a picture at a time, so that each stays in the processor's cache until it is ready."""
    shape, result = images.shape[1:], torch.empty_like(images, dtype=torch.float32)
    # all values of a picture in one row, in the order in which they lie in memory
    order = (1, 2, 0) if images.is_contiguous(memory_format=torch.channels_last) else (0, 1, 2)
    shift, scale = (values.expand(shape).permute(order).reshape(-1) for values in (shift, scale))
    for picture, ready in zip(images, result, strict=True):
        ready.copy_(picture)
        ready.permute(order).view(-1).sub_(shift).mul_(scale)
    return result


def _resized_whole(pictures: Pictures, preprocess: Preprocess) -> np.ndarray | None:
    """In-memory pictures of one size, resized; None where there are none or they would outgrow the memory limit."""
    if not isinstance(pictures, MemoryPictures) or not isinstance(pictures.pictures, np.ndarray):
        return None
    array = to_channels(pictures.pictures, preprocess.channels)
    if not len(array):
        return array
    first = uncropped(array[0], preprocess)
    if first.shape == array[0].shape:
        return array
    if first.nbytes * len(array) > MEMORY_LIMIT:
        return None
    return np.stack([uncropped(picture, preprocess) for picture in array])


@contextlib.contextmanager
def _any_number_of_workers() -> Iterator[None]:
    """More workers than cores are the user's choice; torch warns of them at every turn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")
        yield


def _as_it_is(item: Any) -> Any:
    return item


def _leave_signals_to_parent(worker: int) -> None:
    # A signal may reach the whole process group, but it is the parent that finishes its step and then ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))
