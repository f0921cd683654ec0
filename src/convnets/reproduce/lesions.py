"""What a trained network loses with some of its blocks, or with blocks in another order (Veit et al. 2016)."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..evaluate import evaluating
from ..layers import Residual
from ..train.state import Training
from .probes import Quiet, Values, test_images

if TYPE_CHECKING:
    from .pictures import Pictures


class Lesions(Quiet):
    """Test error with one block left out, each in turn, with several left out at random, and with random pairs of
    blocks of a stage in each other's place."""

    def __init__(self, several: tuple[int, ...] = (1, 2, 3, 4, 6), draws: int = 5, pictures: int = 1000) -> None:
        self.several, self.draws, self.pictures = several, draws, pictures

    def end(self, training: Training, data: Pictures) -> Values:
        network = training.network
        images, labels = test_images(training, data, self.pictures)
        parts, nothing = removable(network)

        def error(without: list[int]) -> float:
            hooks = [parts[index].register_forward_hook(nothing) for index in without]
            with evaluating(network):
                wrong = float((network(images).argmax(1) != labels).float().mean())
            for hook in hooks:
                hook.remove()
            return round(100 * wrong, 2)

        draw = np.random.default_rng(training.recipe.seed)
        counts = [count for count in self.several if count <= len(parts)]
        whole, singles = error([]), [error([index]) for index in range(len(parts))]
        many = {count: float(np.mean([error(list(draw.choice(len(parts), count, replace=False)))
                                      for _ in range(self.draws)])) for count in counts}  # fmt: skip
        swapped, alike = {}, exchangeable(network)
        for count in self.several if alike else ():
            errors = []
            for _ in range(self.draws):
                pairs = [alike[n] for n in draw.choice(len(alike), count, replace=count > len(alike))]
                swap(pairs)
                errors.append(error([]))
                swap(pairs[::-1])
            swapped[f"swapped_{count}"] = round(float(np.mean(errors)), 2)
        return {"whole": whole, "without_one": singles, "lesion": round(float(np.mean(singles)) - whole, 3),
                **{f"without_{count}": round(value, 2) for count, value in many.items()}, **swapped}  # fmt: skip


def removable(network: nn.Module) -> tuple[list[nn.Module], Any]:
    """The bodies of residual blocks, in whose place comes zero; of a network without any, the rows that keep the shape
    of the map, in whose place comes their own input. And the hook that does it."""
    blocks: list[nn.Module] = [block.body for block in network.modules() if isinstance(block, Residual)]
    if blocks:
        return blocks, lambda module, given, output: torch.zeros_like(output)
    rows = []
    for row in network.children():
        convs = [part for part in row.modules() if isinstance(part, nn.Conv2d)]
        if convs and all(conv.in_channels == conv.out_channels and conv.stride == (1, 1) for conv in convs):
            rows.append(row)
    return rows, lambda module, given, output: given[0]


def exchangeable(network: nn.Module) -> list[tuple[Residual, Residual]]:
    """The pairs of residual blocks of a row that keep the shape of the map."""
    found = []
    for row in network.children():
        blocks = [block for block in row.children() if isinstance(block, Residual)]
        found += list(combinations(blocks[1:], 2))
    return found


def swap(pairs: list[tuple[Residual, Residual]]) -> None:
    """Let the blocks of each pair change their bodies, one pair after the other."""
    for one, other in pairs:
        one.body, other.body = other.body, one.body
