"""Views of many pictures through one network, as many at a time as go through it quickest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import Statistics, normalise
from ..errors import ResourceError
from ..network import Network
from ..spec import Preprocess
from .dense import FullyConvolutional, fully_convolutional
from .metrics import check_finite

ROUNDS = 3  # batches of each size that are timed, of which the quickest counts: the first has to warm up
PATIENCE = 2  # larger sizes tried in vain before the best so far is settled on
GAIN = 0.97  # what a larger size must get down to, in time for a view
PIXELS = {"cpu": 1 << 21}  # in one batch, that is 32 pictures of 224x224; elsewhere ACCELERATOR
ACCELERATOR = 1 << 24
WAITING = 256 << 20  # bytes of views that may wait for others of their size


class Member(NamedTuple):
    """A network with what its pictures are prepared by."""

    network: Network
    preprocess: Preprocess
    statistics: Statistics


@dataclass
class Size:
    """How many views go at once: 1, 2, 4 ... are tried on the work itself, and the quickest up to `limit` is kept."""

    limit: int
    now: int = 1
    settled: bool = False
    best: int = 1
    quickest: float = math.inf  # seconds for a view
    worse: int = 0
    times: list[float] = field(default_factory=list)

    def took(self, count: int, seconds: float) -> None:
        """What a batch of so many views took."""
        if self.settled or count != self.now:
            return
        self.times.append(seconds / count)
        if len(self.times) < ROUNDS:
            return
        if min(self.times) < GAIN * self.quickest:
            self.best, self.quickest, self.worse = self.now, min(self.times), 0
        else:
            self.worse += 1
        self.times.clear()
        self.settled = self.worse == PATIENCE or 2 * self.now > self.limit
        self.now = self.best if self.settled else 2 * self.now


class _Waiting(NamedTuple):
    view: np.ndarray
    mirrored: bool
    dense: bool
    ticket: Any


class MicroBatches:
    """Collects views by their size, and runs as many of one size as its own measurements say is best.

    `done` is called with the tickets of the views of a batch, their logits (B, num_classes) float64 on the CPU, and the
    seconds it took. A dense view's logits are the mean over its map. `batch_size` fixes how many views go at once.
    """

    def __init__(
        self,
        member: Member,
        device: torch.device,
        done: Callable[[list[Any], Tensor, float], None],
        *,
        dense: bool = False,
        batch_size: int | None = None,
    ) -> None:
        self.member, self.device, self.done, self.batch_size = member, device, done, batch_size
        self.dense: FullyConvolutional | None = fully_convolutional(member.network) if dense else None
        self.sizes: dict[Any, Size] = {}
        self.waiting: dict[Any, list[_Waiting]] = {}
        self.bytes = 0

    def add(self, view: np.ndarray, mirrored: bool, dense: bool, ticket: Any) -> None:
        """One more view (H, W, C), uint8 or standardised float32; with it, some may be run."""
        key = (dense, view.shape, view.dtype)
        queue = self.waiting.setdefault(key, [])
        queue.append(_Waiting(view, mirrored, dense, ticket))
        self.bytes += view.nbytes
        if len(queue) >= self._size(key).now:
            self._run(key)
        while self.bytes > WAITING:
            self._run(max(self.waiting, key=lambda key: len(self.waiting[key])))

    def finish(self) -> None:
        """Runs what still waits."""
        for key in list(self.waiting):
            self._run(key)

    def _size(self, key: Any) -> Size:
        """The sizes of views are told apart by powers of two of their pixels, since dense ones differ by a little."""
        dense, (height, width, _), _ = key
        octave = (height * width).bit_length()
        if (dense, octave) not in self.sizes:
            limit = max(1, PIXELS.get(self.device.type, ACCELERATOR) >> octave)
            fixed = Size(limit, now=self.batch_size, settled=True) if self.batch_size else None
            self.sizes[dense, octave] = fixed or Size(limit)
        return self.sizes[dense, octave]

    def _run(self, key: Any) -> None:
        views = self.waiting.pop(key)
        self.bytes -= sum(waiting.view.nbytes for waiting in views)
        began = time.perf_counter()
        logits = self._logits(views)
        seconds = time.perf_counter() - began
        self._size(key).took(len(views), seconds)
        check_finite(logits)
        self.done([waiting.ticket for waiting in views], logits, seconds)

    def _logits(self, views: list[_Waiting]) -> Tensor:
        """(len(views), num_classes); where the device's memory does not hold them all, in two halves."""
        try:
            return self._forward(views)
        except torch.OutOfMemoryError:
            if len(views) == 1:
                shape = "x".join(map(str, views[0].view.shape))
                raise ResourceError(f"{self.device}: a single view of {shape} does not fit in its memory") from None
        torch.accelerator.empty_cache()
        half = len(views) // 2
        return torch.cat([self._logits(views[:half]), self._logits(views[half:])])

    def _forward(self, views: list[_Waiting]) -> Tensor:
        batch = torch.from_numpy(np.stack([waiting.view for waiting in views])).permute(0, 3, 1, 2).to(self.device)
        mirrored = torch.tensor([waiting.mirrored for waiting in views], device=self.device)
        batch = torch.where(mirrored.view(-1, 1, 1, 1), batch.flip(3), batch)
        images = normalise(batch, self.member.preprocess, self.member.statistics)
        if views[0].dense and self.dense is not None:
            scores = self.dense(images).mean((2, 3))
        else:
            scores = self.member.network(images)
        logits: Tensor = scores.cpu().double()  # which waits for the device, so that the time is the true one
        return logits
