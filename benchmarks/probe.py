"""A probe of 1,000 pictures beside the bare forward passes that it needs, in one process.

    python benchmarks/probe.py [--pictures 1000] [--rounds 3]

The pictures are JPEG files of 224 pixels in ten classes, the network is resnet18 with random weights, which do not
matter for time. The forward passes are those of the fastest way that the project has to run the network: the quickest
of several batch sizes and both memory layouts, on tensors that are ready. The probe is all that `convnets probe` does:
every picture opened and checked, decoded, seen, and a logistic regression fitted in cross-validation. Prints seconds of
both, and their ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from convnets import create_model
from convnets.network import Network
from convnets.train.machine import Machine
from convnets.train.plan import Request
from convnets.train.probe import probe

SIDE, CLASSES = 224, 10


def photographs(folder: Path, count: int) -> None:
    """JPEG files in class folders, smooth enough to decode as quickly as photographs; their colour tells the class."""
    noise = np.random.default_rng(0)
    for index in range(count):
        label = index % CLASSES
        coarse = noise.integers(0, 150, (14, 14, 3)) + np.array([10 * label, 100 - 10 * label, 50])
        place = folder / f"class{label}"
        place.mkdir(exist_ok=True)
        picture = Image.fromarray(coarse.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(place / f"{index}.jpg", quality=90)


def forward(network: Network, count: int, batch: int, layout: torch.memory_format) -> float:
    """Seconds for `count` pictures."""
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    pictures = torch.randn(batch, 3, SIDE, SIDE).contiguous(memory_format=layout)
    with torch.inference_mode():
        network(pictures)
        began = time.perf_counter()
        for _ in range(count // batch):
            network(pictures)
    return (time.perf_counter() - began) * count / (count // batch * batch)


def probed(weights: Path, data: Path, cache: Path, out: Path) -> float:
    """Seconds of a probe that remembers nothing."""
    os.environ["CONVNETS_CACHE"] = str(cache)
    request = Request("resnet18", str(data), weights=str(weights), assignments=(f"preprocess.resize={SIDE}",))
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        probe(request, Machine(torch.device("cpu")), str(out))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    network = create_model("resnet18").eval()
    layouts = torch.channels_last, torch.contiguous_format
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        torch.save(network.state_dict(), root / "resnet18.pth")
        (root / "pictures").mkdir()
        photographs(root / "pictures", given.pictures)
        ways = {(batch, layout): forward(network, 4 * batch, batch, layout) / batch
                for batch, layout in itertools.product((1, 8, 32), layouts)}  # fmt: skip
        batch, layout = min(ways, key=ways.__getitem__)
        print(f"fastest: {batch} at a time, {layout}", flush=True)
        ratios = []
        for number in range(given.rounds):
            bare = forward(network, given.pictures, batch, layout)
            whole = probed(root / "resnet18.pth", root / "pictures", root / f"c{number}", root / f"run{number}")
            ratios.append(whole / bare)
            print(f"forward {bare:.1f} s, probe {whole:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
