"""How a run is carried out: the device, and the processes that load its pictures."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass

import torch

from ..cache import cores
from ..data import Loader, Source, Split, Statistics
from ..data.pictures import MemoryPictures
from ..errors import UsageError
from ..spec import Recipe

EXCLUSIVE = "--checkpoint-activations and --compile exclude each other; a compiled network recomputes what is cheap"

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


@dataclass(frozen=True)
class Machine:
    """How a run is carried out, which its result does not depend on (but for the device and `compile`)."""

    device: torch.device
    workers: int | None = None  # None: where pictures are streamed, or prepared for an accelerator
    compile: bool | None = False  # None: where it pays
    save_steps: int = 0
    save_seconds: float = 300.0
    tensorboard: bool = False
    checkpoint_activations: bool = False
    report: bool = False  # whether a page about the run is written at its end

    def __post_init__(self) -> None:
        if self.compile and self.checkpoint_activations:
            raise UsageError(EXCLUSIVE)

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


def mixed_dtype(precision: str, device: torch.device) -> torch.dtype:
    """What the forward pass computes in. `auto` is mixed precision on CUDA, single precision elsewhere."""
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    dtype: torch.dtype = getattr(torch, precision)
    return dtype


def settle(device: torch.device) -> None:
    """Set what makes steps of one shape fast, for the whole process.

    On a CPU the C library gives large tensors back to the system as soon as they are free, and each next one costs a
    page fault every 4 KiB: here it keeps them. On CUDA the kernels of convolutions are chosen by trying them.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        _ = set_option(MMAP_THRESHOLD, 2**30) or set_option(MMAP_THRESHOLD, 2**25)  # older ones take no more
        set_option(TRIM_THRESHOLD, 2**31 - 1)


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
