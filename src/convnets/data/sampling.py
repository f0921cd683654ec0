"""The order in which an epoch shows the samples of a split."""

from __future__ import annotations

import numpy as np

from .randomness import permutation


class Order:
    """Sample numbers of each epoch: as they are, shuffled, or with `sampling` "balanced" by label shuffling.

    With "fixed" every epoch has the shuffled order of the first, and so the same samples in each batch.

    Balanced, every class is shown as often as the most frequent one: its samples in a random order, begun again in
    another one when they are used up (Shen et al. 2016, to which SENet refers). The number of a sample that comes again
    is higher by the number of samples, so that it is changed in another way. With an `epoch_size` an epoch is the first
    so many of a shuffled order.
    """

    def __init__(self, labels: np.ndarray, shuffle: bool, sampling: str, seed: int, epoch_size: int = 0) -> None:
        self.labels, self.shuffle, self.seed, self.fixed = labels, shuffle, seed, sampling == "fixed"
        self.members = None
        if shuffle and sampling == "balanced":
            self.members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.most = max(map(len, self.members)) if self.members else 0
        there_are = len(self.members) * self.most if self.members else len(labels)
        self.length = min(there_are, epoch_size) if shuffle and epoch_size else there_are

    def __len__(self) -> int:
        return self.length

    def of(self, epoch: int) -> np.ndarray:
        """The samples of an epoch in order, int64."""
        if not self.shuffle:
            return np.arange(len(self.labels))
        if self.members is None:
            return permutation(self.seed, 0 if self.fixed else epoch, len(self.labels))[: self.length]
        shown = np.concatenate([self._class(epoch, label, own) for label, own in enumerate(self.members)])
        order: np.ndarray = shown[permutation(self.seed, epoch, len(shown))[: self.length]]
        return order

    def _class(self, epoch: int, label: int, own: np.ndarray) -> np.ndarray:
        rounds = range(-(-self.most // len(own)))
        # a seed of its own for each class and round
        seeds = [self.seed ^ (label + 1) << 40 ^ (turn + 1) << 20 for turn in rounds]
        orders = [own[permutation(seeds[turn], epoch, len(own))] + turn * len(self.labels) for turn in rounds]
        shown: np.ndarray = np.concatenate(orders)[: self.most]
        return shown
