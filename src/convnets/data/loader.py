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
from .augment import augment_batch, augment_picture, centre_crop, prepare, resize_shorter
from .decode import to_channels
from .pictures import MemoryPictures, Pictures, Split
from .randomness import permutation
from .scan import MEMORY_LIMIT

STATISTICS_SAMPLES = 2000

Key = tuple[int, np.ndarray]  # an epoch and the samples of one batch


class Batch(NamedTuple):
    """Pictures uint8 (B, C, H, W) in channels_last memory, labels int64 (B,), and the samples' numbers in the split."""

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
    ) -> None:
        if batch_size < 1 or workers < 0:
            raise UsageError(f"batch size {batch_size} and workers {workers}: at least 1 and 0 are needed")
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.samples = len(split)
        self._batches = _Batches(split, preprocess, augment, seed)
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
        full, rest = divmod(self.samples, self.batch_size)
        return full + (rest > 0 and not (self.shuffle and full > 0))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on; those before it are not even decoded.

        Raises DataError naming a picture that can no longer be read, ResourceError when a worker process died.
        """
        order = permutation(self.seed, epoch, self.samples) if self.shuffle else np.arange(self.samples)
        size = self.batch_size
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

    def __init__(self, split: Split, preprocess: Preprocess, augment: Augment | None, seed: int) -> None:
        self.split, self.preprocess, self.augment, self.seed = split, preprocess, augment, seed
        self.whole = None if augment and augment.area else _resized_whole(split.pictures, preprocess)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor, np.ndarray] | ConvnetsError:
        epoch, index = key
        try:
            batch = self._one_by_one(epoch, index) if self.whole is None else self._together(epoch, index, self.whole)
        except ConvnetsError as error:
            return error
        return torch.from_numpy(np.ascontiguousarray(batch)), torch.from_numpy(self.split.labels[index]), index

    def _together(self, epoch: int, index: np.ndarray, whole: np.ndarray) -> np.ndarray:
        if self.augment is None:
            return centre_crop(whole[index], self.preprocess.size)
        return augment_batch(whole[index], self.preprocess, self.augment, self.seed, epoch, index)

    def _one_by_one(self, epoch: int, index: np.ndarray) -> np.ndarray:
        load = self.split.pictures.load
        if self.augment is None:
            return np.stack([prepare(load(i), self.preprocess) for i in index.tolist()])
        recipe = (self.preprocess, self.augment, self.seed, epoch)
        return np.stack([augment_picture(load(i), *recipe, i) for i in index.tolist()])


def normalise(images: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """uint8 (B, C, H, W) as float32 in the same memory format: scaled to 0..1, less the mean, over the deviation.

    An empty mean and std leave it at 0..1. Raises UsageError where they do not fit the channels.
    """
    channels = images.shape[1]
    mean, std = preprocess.mean or (0.0,) * channels, preprocess.std or (1.0,) * channels
    if not len(mean) == len(std) == channels:
        raise UsageError(f"preprocess.mean {mean} and std {std} do not fit pictures of {channels} channels")
    shift = torch.tensor(mean, device=images.device).mul_(255).view(-1, 1, 1)
    scale = torch.tensor(std, device=images.device).mul_(255).reciprocal_().view(-1, 1, 1)
    return images.to(torch.float32).sub_(shift).mul_(scale)


def channel_statistics(split: Split, preprocess: Preprocess) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, 0..1, over the prepared pictures of a (training) split.

    Exact sums over all pictures in memory; over the same 2,000 at most of a set that is streamed. A channel that never
    changes is given deviation 1.
    """
    index = np.arange(len(split))
    if not isinstance(split.pictures, MemoryPictures):
        index = np.sort(permutation(0, 0, len(split))[:STATISTICS_SAMPLES])
    loader = Loader(split.take(index), preprocess, batch_size=256)
    count, total, squares = 0, np.zeros(preprocess.channels), np.zeros(preprocess.channels)
    for images, _, _ in loader.epoch(0):
        values = images.permute(0, 2, 3, 1).reshape(-1, preprocess.channels)
        histogram = np.stack([np.bincount(channel, minlength=256) for channel in values.numpy().T])
        count += len(values)
        total += histogram @ np.arange(256)
        squares += histogram @ np.arange(256) ** 2
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    std[std == 0] = 255
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def _resized_whole(pictures: Pictures, preprocess: Preprocess) -> np.ndarray | None:
    """In-memory pictures of one size, resized; None where there are none or they would outgrow the memory limit."""
    if not isinstance(pictures, MemoryPictures) or not isinstance(pictures.pictures, np.ndarray):
        return None
    array = to_channels(pictures.pictures, preprocess.channels)
    if not len(array):
        return array
    first = resize_shorter(array[0], preprocess)
    if first.shape == array[0].shape:
        return array
    if first.nbytes * len(array) > MEMORY_LIMIT:
        return None
    return np.stack([resize_shorter(picture, preprocess) for picture in array])


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
