"""Training throughput of this project against a plain PyTorch loop, side by side in one process.

Both train ResNet-20 on CIFAR-sized pictures in memory, with the batches and optimizer of the `quick` recipe, cut and
mirrored by the same code, so that only the memory layout and the step differ: the plain loop is eager, NCHW, with SGD
as torch makes it; ours is what `convnets train` and `convnets train --compile` do.

    python benchmarks/train_throughput.py [--compile] [--rounds 7] [--steps 60]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from convnets import create_model
from convnets.data import NO_STATISTICS, Batch, Finish, Loader
from convnets.data.pictures import array_split
from convnets.recipes.quick import quick
from convnets.spec import Preprocess
from convnets.train.loop import take_step
from convnets.train.state import Training

STATISTICS = Preprocess(size=32, resize=None, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
RECIPE = dataclasses.replace(quick(50_000, 32, 32, 3, normalised=True), preprocess=STATISTICS)
PREPROCESS, BATCH = RECIPE.preprocess, RECIPE.batch_size


def batches(seed: int) -> Iterator[Batch]:
    """Batches of random pictures, augmented as in training, without end."""
    noise = np.random.default_rng(0)
    noisy = noise.integers(0, 256, (40 * BATCH, 32, 32, 3), dtype=np.uint8)
    split = array_split(noisy, noise.integers(0, 10, len(noisy)), "noise")
    loader = Loader(split, PREPROCESS, batch_size=BATCH, augment=RECIPE.augment, shuffle=True, seed=seed)
    epoch = 0
    while True:
        yield from loader.epoch(epoch)
        epoch += 1


def plain() -> Callable[[], None]:
    """One step of the loop that everybody writes."""
    torch.manual_seed(0)
    network = create_model("resnet20").train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    source, loss_function = batches(0), nn.CrossEntropyLoss()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PREPROCESS.mean, PREPROCESS.std))

    def step() -> None:
        batch = next(source)
        images = (batch.images.contiguous().float() / 255 - mean) / std
        optimizer.zero_grad()
        loss_function(network(images), batch.labels).backward()
        optimizer.step()

    return step


def ours(compiled: bool) -> Callable[[], None]:
    """One step as `convnets train` takes it."""
    torch.manual_seed(0)
    training = Training(create_model("resnet20"), RECIPE, torch.device("cpu"))
    training.network.train()
    forward = torch.compile(training.network) if compiled else training.network
    source, finish = batches(0), Finish(PREPROCESS, NO_STATISTICS, RECIPE.augment, RECIPE.seed)
    return lambda: take_step(training, forward, finish, [next(source)], 0.1)


def rate(step: Callable[[], None], steps: int) -> float:
    """Pictures a second over this many steps."""
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * BATCH / (time.perf_counter() - began)


def main() -> None:
    """Measure in turns, so that whatever else the machine does hits all alike; print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    contestants = {"plain": plain(), "convnets": ours(False)}
    if options.compile:
        contestants["convnets --compile"] = ours(True)
    for step in contestants.values():
        rate(step, 5)  # warm-up, and compilation
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, step in contestants.items():
            rates[name].append(rate(step, options.steps))
    ratios = {name: [ours / plain for ours, plain in zip(rates[name], rates["plain"], strict=True)] for name in rates}
    for name, values in rates.items():
        low, middle, high = min(ratios[name]), statistics.median(ratios[name]), max(ratios[name])
        spread = f"{middle:.2f} times plain ({low:.2f} to {high:.2f})"
        print(f"{name:20} {statistics.median(values):7.0f} images/s   {spread}")
    machine = {"torch": torch.__version__, "threads": torch.get_num_threads(), "machine": platform.machine()}
    print(json.dumps({"median_ratio": {name: round(statistics.median(r), 3) for name, r in ratios.items()}, **machine}))


if __name__ == "__main__":
    main()
