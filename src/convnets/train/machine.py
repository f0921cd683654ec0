"""How a run is carried out: the device, and the processes that load its pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from ..cache import cores
from ..data import Loader, Source, Split, Statistics
from ..data.pictures import MemoryPictures
from ..spec import Recipe


@dataclass(frozen=True)
class Machine:
    """How a run is carried out, which its result does not depend on (but for the device and `compile`)."""

    device: torch.device
    workers: int | None = None  # None: where pictures are streamed, or prepared for an accelerator
    compile: bool = False
    save_steps: int = 0
    save_seconds: float = 300.0
    tensorboard: bool = False

    def loaders(self, split: Split) -> int:
        """How many processes load the pictures of a split, where nobody says: none for those in memory on a CPU."""
        if self.workers is not None:
            return self.workers
        is_streamed = not isinstance(split.pictures, MemoryPictures)
        return min(8, os.cpu_count() or 1) if is_streamed or self.device.type != "cpu" else 0

    def threads(self) -> int:
        """How many threads prepare pictures while the network trains, where nobody says: on a CPU, which computes
        without the interpreter most of the time, as many as it has cores, in place of processes; else none."""
        return cores() if self.workers is None and self.device.type == "cpu" else 0


def make_loaders(
    source: Source, recipe: Recipe, statistics: Statistics, machine: Machine
) -> tuple[Loader, Loader | None]:
    """Batches to train on, and to validate on where there is a validation split."""
    train_split, val_split = source.splits["train"], source.splits.get("val")
    threads = machine.threads()
    workers = 0 if threads else machine.loaders(train_split)
    train_loader = Loader(
        train_split,
        recipe.preprocess,
        batch_size=recipe.batch_size // recipe.accumulate,
        augment=recipe.augment,
        shuffle=True,
        seed=recipe.seed,
        workers=workers,
        threads=threads,
        statistics=statistics,
        sampling=recipe.sampling,
        epoch_size=recipe.epoch_size,
        device=machine.device,
    )
    if val_split is None or not len(val_split.labels):
        return train_loader, None
    val_loader = Loader(
        val_split, recipe.preprocess, batch_size=256, workers=workers, threads=threads, statistics=statistics,
        device=machine.device,
    )  # fmt: skip
    return train_loader, val_loader
