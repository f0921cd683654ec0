"""Training speed beside the peers' networks in the loop that everybody writes, in turns.

    python benchmarks/train_speed.py resnet20|resnet50|densenet121 [--rounds 7] [--seconds 2] [--no-compiled]

The peer's network is torchvision's; for CIFAR, ResNet-20 with option A as it is written everywhere. `plain` is its loop
at PyTorch's defaults: eager, contiguous, SGD, on pictures that are ready. `plain at its best` has channels_last, fused
SGD and torch.compile. `convnets` is the step of `convnets train`, with normalisation, counting and the check of the
loss, on uint8 pictures; `convnets compiled` that of `convnets train --compile`, which long runs have by themselves. The
first call, which compiles, is not counted but told. Each has a process of its own, since convnets sets something for
the whole of it (it keeps freed memory); they take turns, one at a time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu

from convnets import cache, create_model
from convnets.data import NO_STATISTICS, Batch, Finish
from convnets.spec import SGD, Augment, Preprocess, Recipe
from convnets.train.loop import begin_epoch, take_step
from convnets.train.machine import Machine
from convnets.train.state import Training
from convnets.train.tuning import layout_of, prepared

CASES = {"resnet20": (32, 128), "resnet50": (224, 8), "densenet121": (224, 8)}  # side of the pictures, batch size
Step = Callable[[], None]


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut that takes every second pixel and adds channels of zeros."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.missing = stride, width - before

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        side = self.missing // 2
        shortcut = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, side, side)) if self.stride > 1 else x
        return relu(y + shortcut)


def peer(name: str) -> nn.Module:
    """The network that others train under this name."""
    if name == "resnet20":
        widths = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
        stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        return nn.Sequential(*stem, *(Block(*each) for each in widths), *head)
    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # its binary does not fit this torch; what is used here needs no more than these names
        declared = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision import models

    made: nn.Module = getattr(models, name)()
    return made


def plain(name: str, best: bool) -> Step:
    """One step of the loop that everybody writes, at PyTorch's defaults or at its best."""
    size, count = CASES[name]
    torch.manual_seed(0)
    network = peer(name).train()
    layout = torch.channels_last if best else torch.contiguous_format
    network.to(memory_format=layout)  # type: ignore[call-overload]
    settings = {"fused": True} if best else {}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, **settings)
    forward = torch.compile(network) if best else network
    images = torch.randn(count, 3, size, size).contiguous(memory_format=layout)
    labels = torch.randint(10, (count,))

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(forward(images), labels).backward()
        optimizer.step()

    return step


def ours(name: str, compiled: bool) -> Step:
    """One step as `convnets train` takes it."""
    size, count = CASES[name]
    preprocess = Preprocess(size=size, resize=None, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
    recipe = Recipe(batch_size=count, preprocess=preprocess, optimizer=SGD(lr=0.01))
    machine = Machine(torch.device("cpu"), compile=compiled)
    layout = layout_of(name, {}, recipe, machine.device)
    torch.manual_seed(0)
    training = Training(create_model(name), dataclasses.replace(recipe, channels_last=layout), machine.device)
    forward, finish = prepared(training, machine), Finish(preprocess, NO_STATISTICS, Augment(), 0)
    begin_epoch(training)
    noise = np.random.default_rng(0)
    pictures = torch.from_numpy(noise.integers(0, 256, (count, size, size, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    batch = Batch(pictures, torch.from_numpy(noise.integers(0, 10, count)), np.arange(count))
    return lambda: take_step(training, forward, finish, [batch], 0.01)


CONTESTANTS: dict[str, Callable[[str], Step]] = {
    "plain": lambda name: plain(name, False),
    "convnets": lambda name: ours(name, False),
    "plain at its best": lambda name: plain(name, True),
    "convnets compiled": lambda name: ours(name, True),
}


def seconds(step: Step, steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - began) / steps


class Runner:
    """A contestant in a process of its own, which waits until it is asked for steps."""

    def __init__(self, network: str, who: str) -> None:
        words = [sys.executable, __file__, network, "--serve", who]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, steps: int) -> float:
        """What a step takes, the mean of so many."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(steps, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def serve(network: str, who: str) -> None:
    """Answer each number of steps on standard input with the seconds that one of them takes."""
    step = CONTESTANTS[who](network)
    for line in sys.stdin:
        print(seconds(step, int(line)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=CASES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn, about")
    parser.add_argument("--no-compiled", action="store_true")
    parser.add_argument("--serve", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.network, options.serve)
        return
    count = CASES[options.network][1]
    names = list(CONTESTANTS)[: 2 if options.no_compiled else 4]
    runners, first = {name: Runner(options.network, name) for name in names}, {}
    for name, runner in runners.items():
        first[name] = runner.seconds(1)
        runner.seconds(1)
    steps = max(1, round(options.seconds / runners["plain"].seconds(1)))
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(options.rounds):
        for name, runner in runners.items():
            taken[name].append(runner.seconds(steps))
    for runner in runners.values():
        runner.process.communicate()
    ratios = {name: [one / own for one, own in zip(taken["plain"], taken[name], strict=True)] for name in taken}
    for name, values in taken.items():
        low, middle, high = min(ratios[name]), statistics.median(ratios[name]), max(ratios[name])
        print(f"{name:18} {count / statistics.median(values):7.1f} images/s   {middle:.2f} times plain "
              f"({low:.2f} to {high:.2f}), first step {first[name]:.0f} s")  # fmt: skip
    medians = {name: round(statistics.median(values), 3) for name, values in ratios.items()}
    about = {"network": options.network, "batch_size": count, "torch": torch.__version__}
    print(json.dumps({**about, "threads": torch.get_num_threads(), "machine": cache.machine(), "times_plain": medians}))


if __name__ == "__main__":
    main()
