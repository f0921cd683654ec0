"""Small sets that live on the training device: the crops and flips of a whole batch are one gather there."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..spec import Augment, Preprocess
from .augment import FLIP, centre_crop, padded, places
from .randomness import uniform
from .scan import MEMORY_LIMIT
from .statistics import Statistics, before_crop, standardise, standardised_whole

SHARE = 4  # of an accelerator's free memory, one part in so many may be pictures


class Resident:
    """Pictures (N, H, W, C) on a device, cut by the same draws as `augment_batch` cuts them."""

    def __init__(
        self, whole: np.ndarray, preprocess: Preprocess, augment: Augment | None, seed: int, device: torch.device
    ) -> None:
        self.preprocess, self.augment, self.seed, self.device = preprocess, augment, seed, device
        size = preprocess.size
        # padded once, not in every batch
        whole = centre_crop(whole, size) if augment is None else padded(whole, augment.pad, size, augment.pad_mode)
        self.pixels = torch.from_numpy(np.array(whole)).to(device)

    @classmethod
    def of(
        cls, whole: np.ndarray, preprocess: Preprocess, augment: Augment | None, seed: int, statistics: Statistics,
        device: torch.device,
    ) -> Resident | None:  # fmt: skip
        """The set on the device; None where it has to stay behind: on a CPU, which is there already and quicker with
        runs of bytes, where its whitening is one product for each batch, and where there is no room."""
        if device.type == "cpu" or standardised_whole(preprocess) or not len(whole):
            return None
        if before_crop(preprocess, statistics, whole.shape[1:], augment):
            whole = standardise(whole, preprocess, statistics)
        free = torch.cuda.mem_get_info(device)[0] // SHARE if device.type == "cuda" else MEMORY_LIMIT
        sides = [max(side + 2 * (augment.pad if augment else 0), preprocess.size) for side in whole.shape[1:3]]
        if len(whole) * sides[0] * sides[1] * whole.shape[3] * whole.itemsize > free:
            return None
        return cls(whole, preprocess, augment, seed, device)

    def batch(self, epoch: int, index: np.ndarray) -> Tensor:
        """The pictures of these samples in an epoch, (B, C, size, size) in channels_last memory."""
        count, *sides, _ = self.pixels.shape
        rows = index % count
        if self.augment is None:
            return self.pixels[self._there(rows)].permute(0, 3, 1, 2)
        tops, lefts = places(tuple(sides), self.preprocess, self.augment, self.seed, epoch, index)
        along = np.arange(self.preprocess.size)
        columns = lefts[:, None] + along
        if self.augment.flip:
            mirrored = uniform(self.seed, epoch, index, FLIP) < 0.5
            columns[mirrored] = columns[mirrored, ::-1]
        where = rows[:, None, None], (tops[:, None] + along)[:, :, None], columns[:, None, :]
        return self.pixels[tuple(map(self._there, where))].permute(0, 3, 1, 2)

    def _there(self, numbers: np.ndarray) -> Tensor:
        return sent(torch.from_numpy(np.ascontiguousarray(numbers)), self.device)


def sent(values: Tensor, device: torch.device) -> Tensor:
    """The same on the device. CUDA takes a copy of them before this returns, and nobody has to wait for the rest."""
    return values.to(device, non_blocking=device.type == "cuda")
