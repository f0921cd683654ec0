"""Networks for tests: made once without numbers, and at the smallest size with numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn

from convnets import create_model, models, papers
from convnets.errors import UsageError
from convnets.network import Network


def on_meta(name: str, **values: Any) -> Any:
    """The network on the meta device in eval mode, made once for these values: a test must not change it."""
    return _on_meta(name, tuple(sorted(values.items())))


@cache
def _on_meta(name: str, values: tuple[tuple[str, Any], ...]) -> Network:
    with torch.device("meta"):
        return create_model(name, **dict(values)).eval()


@contextmanager
def quick_norms(network: nn.Module) -> Iterator[None]:
    """Batch normalisations do nothing: they keep the shape, and take most of the time of a pass without numbers."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.forward = nn.Identity.forward.__get__(norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


@cache
def smallest_input(name: str) -> tuple[int, str]:
    """The smallest side of a picture that a network takes, and the row for which a smaller one is too small."""
    network = on_meta(name)
    try:
        with quick_norms(network):
            network.check_input(1, 1)
    except UsageError as error:
        refused = re.search(r"too small for row (\w+); the minimum is (\d+)x\2\b", str(error))
        if refused:
            return int(refused[2]), refused[1]
        assert str(error).endswith("create the network with input_size=SIDE (at least 1)"), str(error)
    return 1, ""


def takes(network: Network, side: int) -> bool:
    with quick_norms(network):
        try:
            network.check_input(side, side)
        except UsageError:
            return False
    return True


def small(name: str, **values: Any) -> tuple[Any, tuple[int, int, int]]:
    """The network with numbers, and a small picture that it takes: a quarter of its own side, or more if it needs it.

    Then most networks still end in maps of 2x2 places, which batch normalisation can tell apart.
    """
    side = max(smallest_input(name)[0], papers.find(name).input[1] // 4)
    if "input_size" in models.axes(name):
        values["input_size"] = side
    else:
        side = next(larger for larger in range(side, side + 64) if takes(on_meta(name), larger))
    network = create_model(name, **values)
    return network, (network.in_channels, side, side)
