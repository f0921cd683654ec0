"""How long drawings and reports take, and how much a class activation map adds to an answer.

`python benchmarks/explain.py`, and with a run folder for its report, which is made once. Other times and ratios are
medians of rounds; what is compared is measured in turn. Drawings are timed as a user waits for them, in a process of
their own, which spends most of it loading PyTorch.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


def started(*words: str) -> float:
    """Seconds of a Python process."""
    return seconds(lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True))


def drawn(name: str) -> tuple[float, float]:
    """Seconds of `convnets draw NAME`, and of loading PyTorch alone."""
    with tempfile.TemporaryDirectory() as folder:
        words = "-m", "convnets", "draw", name, "--out", str(Path(folder) / "x.svg")
        rounds = [(started(*words), started("-c", "import torch")) for _ in range(ROUNDS)]
    both, alone = zip(*rounds, strict=True)
    return statistics.median(both), statistics.median(alone)


def main() -> None:
    """Print all of them."""
    drawing("alexnet")  # what is loaded once
    taken = {name: seconds(lambda name=name: picture(drawing(name))) for name in papers.names()}  # type: ignore[misc]
    slowest = sorted(taken, key=lambda name: taken[name], reverse=True)[:3]
    print(f"drawings of {len(taken)} networks: median {statistics.median(taken.values()):.2f} s, slowest "
          + ", ".join(f"{name} {taken[name]:.2f} s" for name in slowest))  # fmt: skip
    for name in (slowest[0], "resnet152"):
        print("convnets draw {}: {:.2f} s, of which PyTorch takes {:.2f} s to load".format(name, *drawn(name)))
    for run in sys.argv[1:]:
        print(f"{run}: a report, with the evaluation in it, takes {started('-m', 'convnets', 'report', run):.1f} s")
    for name in ("googlenet", "resnet50", "densenet121"):
        print(f"{name}: an answer with its map takes {answers(name, 4):.2f} times the answer alone")


if __name__ == "__main__":
    main()
