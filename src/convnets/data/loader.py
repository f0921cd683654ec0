"""Batches of an epoch, the same whatever prepares them: this process or workers, from memory or from disk."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import ConvnetsError, ResourceError, UsageError
from ..spec import Augment, Preprocess
from .augment import augment_batch, augment_picture, centre_crop, prepare, uncropped
from .decode import to_channels
from .pictures import MemoryPictures, Pictures, Split
from .sampling import Order
from .scan import MEMORY_LIMIT
from .statistics import NO_STATISTICS, Statistics, before_crop, stacked, standardise

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
    that decode and augment ahead; sets that are augmented in memory in whole batches do not need and do not use them.
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
        statistics: Statistics = NO_STATISTICS,
        sampling: str = "shuffled",
        epoch_size: int = 0,
    ) -> None:
        if batch_size < 1 or workers < 0:
            raise UsageError(f"batch size {batch_size} and workers {workers}: at least 1 and 0 are needed")
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.split = split
        self._order = Order(split.labels, shuffle, sampling, seed, epoch_size)
        self._batches = _Batches(split, preprocess, augment, seed, statistics)
        self._keys: list[Key] = []
        self._workers = None
        if workers and self._batches.whole is None:
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
        for item in self._prepared():
            if isinstance(item, ConvnetsError):
                raise item
            images, labels, index = item
            yield Batch(images.permute(0, 3, 1, 2), labels, index)

    def _prepared(self) -> Iterator[Any]:
        if self._workers is None:
            yield from map(self._batches.__getitem__, list(self._keys))
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
        return stacked([self._one(epoch, i) for i in index.tolist()], self.preprocess, self.statistics)

    def _one(self, epoch: int, index: int) -> np.ndarray:
        picture = self.split.pictures.load(index % len(self.split))
        if self.augment is None:
            return prepare(picture, self.preprocess, self.statistics)
        return augment_picture(picture, self.preprocess, self.augment, self.seed, epoch, index, self.statistics)


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
    shift = torch.tensor(mean, device=images.device).mul_(255).view(-1, 1, 1)
    if statistics.mean_image is not None:
        image = torch.from_numpy(statistics.mean_image).to(images.device).permute(2, 0, 1)
        shift = image if image.shape == images.shape[1:] else image.mean((1, 2), keepdim=True)
    scale = torch.tensor(std, device=images.device).mul_(255).reciprocal_().view(-1, 1, 1)
    return images.to(torch.float32, copy=True).sub_(shift).mul_(scale)


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
    # Ctrl-C reaches the whole process group, but it is the parent that finishes its step and then ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
