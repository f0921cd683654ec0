"""Batch normalisation's statistics as a plain average over training pictures, taken once training is over.

So the batch normalisation paper (Alg. 2) and He et al.'s released networks have it; a moving average lags behind the
weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..evaluate import evaluating


def average_statistics(network: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replace running means and variances by their mean over `batches` (N, C, H, W); the number of pictures seen.

    Everything else is in evaluation mode and stays as it is.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta, seen = [layer.momentum for layer in layers], 0
    with evaluating(network), torch.no_grad():
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the mean of all batches, each with the same weight
            layer.train()
        for images in batches:
            network(images)
            seen += len(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    return seen
