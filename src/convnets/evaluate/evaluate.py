"""One pass of a network over a split."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ..data import NO_STATISTICS, Batch, Loader, Statistics, normalise
from ..network import Network
from ..spec import Preprocess
from .metrics import Evaluation, Tally


def evaluate_network(
    network: Network,
    loader: Loader,
    preprocess: Preprocess,
    device: torch.device | str = "cpu",
    progress: bool = False,
    after_batch: Callable[[], None] = lambda: None,
    statistics: Statistics = NO_STATISTICS,
    each: Callable[[Batch, torch.Tensor], object] = lambda batch, logits: None,
) -> Evaluation:
    """Evaluate every sample of `loader`'s split exactly once, in evaluation mode, on the `device` the network is on.

    With `progress` a bar is drawn on stderr where that is a terminal. `after_batch` may raise, to stop early.
    `each` is given every batch with its logits (B, num_classes).
    Raises DivergedError for NaN or infinite outputs, UsageError where the input is too small for the network.
    """
    device = torch.device(device)
    tally = Tally(network.num_classes)
    seen = np.zeros(len(loader.split), dtype=bool)
    shown = progress and sys.stderr.isatty()
    with evaluating(network):
        for batch in tqdm(loader.epoch(0), "evaluate", len(loader), leave=False, disable=not shown, unit="batch"):
            if seen[batch.index].any():
                raise RuntimeError("the loader gave a sample twice")
            seen[batch.index] = True
            images = batch.images.to(device, non_blocking=True)
            logits = network(normalise(images, preprocess, statistics))
            tally.update(logits, batch.labels)
            each(batch, logits)
            after_batch()
    if not seen.all():
        raise RuntimeError(f"the loader left out {np.sum(~seen)} of {len(seen)} samples; evaluate with shuffle=False")
    return tally.result()


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards each module is back in the mode it was in, one by one."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
