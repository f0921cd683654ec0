"""How long drawings take, and how much a class activation map adds to an answer: `python benchmarks/explain.py`.

Ratios are medians of rounds in which both are measured one after the other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from convnets import create_model, papers
from convnets.draw.drawing import drawing, picture
from convnets.explain.maps import explain

ROUNDS = 7


def seconds(work: Callable[[], object]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def answers(name: str, pictures: int) -> float:
    """Seconds of an answer with its map over those of the answer alone."""
    network, images = create_model(name).eval(), torch.randn(pictures, *papers.find(name).input)

    def plain() -> torch.Tensor:
        with torch.inference_mode():
            likely: torch.Tensor = network(images).softmax(1)
        return likely

    plain(), explain(network, images, method="cam")
    rounds = [(seconds(plain), seconds(lambda: explain(network, images, method="cam"))) for _ in range(ROUNDS)]
    return statistics.median(mapped / alone for alone, mapped in rounds)


def main() -> None:
    """Print both tables."""
    drawing("alexnet")  # what is loaded once
    taken = {name: seconds(lambda name=name: picture(drawing(name))) for name in papers.names()}  # type: ignore[misc]
    slowest = sorted(taken, key=lambda name: taken[name], reverse=True)[:3]
    print(f"drawings of {len(taken)} networks: median {statistics.median(taken.values()):.2f} s, slowest "
          + ", ".join(f"{name} {taken[name]:.2f} s" for name in slowest))  # fmt: skip
    for name in ("googlenet", "resnet50", "densenet121"):
        print(f"{name}: an answer with its map takes {answers(name, 4):.2f} times the answer alone")


if __name__ == "__main__":
    main()
