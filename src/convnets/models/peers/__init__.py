"""Other libraries' readings of the papers' networks, one file per paper, so that their weights can be used.

None of these is the paper's network; each file numbers what differs. The papers' own files do not know them. Where the
rows are the paper's and only a detail differs, the network is the paper's with a `changed` detail.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...network import Network

Change = Callable[[Network], None]


def changed(build: Callable[..., Network], *changes: Change) -> Callable[..., Network]:
    """The builder of a network, with the same axes, that applies the changes to what `build` makes."""

    @functools.wraps(build)
    def builder(**values: Any) -> Network:
        network = build(**values)
        for change in changes:
            change(network)
        return network

    return builder


def epsilon(value: float) -> Change:
    """Another epsilon in every batch normalisation."""

    def change(network: Network) -> None:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = value

    return change


def with_biases(network: Network) -> None:
    """A bias, 0 at first, in every convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            weight = module.weight
            module.bias = nn.Parameter(torch.zeros(module.out_channels, device=weight.device, dtype=weight.dtype))


def counting_padding(network: Network) -> None:
    """Average poolings that count the zeros around a map."""
    for module in network.modules():
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = True
