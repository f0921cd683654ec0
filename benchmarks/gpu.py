"""On one NVIDIA GPU: training and prediction of ResNet-50, and ResNet-18 on CIFAR-10, beside torchvision.

    python benchmarks/gpu.py train|predict [--batch-size N] [--rounds 5] [--seconds 3]
    python benchmarks/gpu.py cifar --data SRC [--epochs 30]

`train`: torchvision's ResNet-50 in the eager loop that everybody writes (channels_last, bfloat16 autocast), the same
compiled, and the step of `convnets train`, eager and compiled, on pictures of 224 pixels that are on the GPU.
`predict`: torchvision's, eager and compiled likewise, and what answers behind `Predictor` there, on uint8 pictures in
the computer's memory. Each has a process of its own; they take turns.
`cifar`: ResNet-18 with a first layer of 3x3 for 32 pixels, whole runs with the test after each epoch: torchvision's
transforms with 8 workers and the eager loop, against `convnets.train` compiled, compilation included; same recipe
(0.1, cosine, decay 5e-4, batch 128), same epochs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from convnets import create_model, engines
from convnets.data import NO_STATISTICS, Batch, Finish, Loader, Source, check, open_source
from convnets.evaluate.subject import describe, program_of
from convnets.layers import conv_bn
from convnets.models import resnet
from convnets.runs import default_preprocess
from convnets.spec import SGD, Augment, Cosine, Preprocess, Recipe
from convnets.train.loop import begin_epoch, take_step, train
from convnets.train.machine import Machine
from convnets.train.state import Training
from convnets.train.tuning import prepared

Step = Callable[[], object]
CUDA, SIZE = torch.device("cuda"), 224
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def peer_resnet50() -> Any:
    """torchvision's, in channels_last on the GPU."""
    from torchvision.models import resnet50

    torch.manual_seed(0)
    return resnet50().to(CUDA, memory_format=torch.channels_last)


def peer_training(compiled: bool, count: int) -> Step:
    """A step of the loop that everybody writes."""
    network = peer_resnet50().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    forward = torch.compile(network) if compiled else network
    images = torch.randn(count, 3, SIZE, SIZE, device=CUDA).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(1000, (count,), device=CUDA)
    return lambda: loop_step(forward, optimizer, images, labels)


def loop_step(forward: Any, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad()
    with torch.autocast("cuda", torch.bfloat16):
        loss = cross_entropy(forward(images), labels)
    loss.backward()
    optimizer.step()


def our_training(compiled: bool, count: int) -> Step:
    """A step of `convnets train`."""
    preprocess = dataclasses.replace(default_preprocess((3, SIZE, SIZE)), resize=None)
    recipe = Recipe(batch_size=count, preprocess=preprocess, optimizer=SGD(lr=0.01), channels_last=True)
    machine = Machine(CUDA, compile=compiled)
    training = Training(create_model("resnet50_v15"), recipe, CUDA)
    forward, finish = prepared(training, machine), Finish(preprocess, NO_STATISTICS, Augment(), 0)
    begin_epoch(training)
    pictures = torch.randint(256, (count, SIZE, SIZE, 3), dtype=torch.uint8, device=CUDA).permute(0, 3, 1, 2)
    batch = Batch(pictures, torch.arange(count) % 1000, np.arange(count))
    return lambda: take_step(training, forward, finish, [batch], 0.01)


def peer_prediction(compiled: bool, count: int) -> Step:
    """Logits of pictures in the computer's memory."""
    network = peer_resnet50().eval()
    forward = torch.compile(network) if compiled else network
    mean, std = (torch.tensor(values, device=CUDA).mul(255).view(1, 3, 1, 1) for values in (MEAN, STD))
    pictures = torch.randint(256, (count, SIZE, SIZE, 3), dtype=torch.uint8)

    def step() -> None:
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            images = pictures.to(CUDA).permute(0, 3, 1, 2).float().sub_(mean).div_(std)
            forward(images).float().cpu()

    return step


def our_prediction(engine: str, count: int) -> Step:
    """What a run's predictor calls, on pictures in the computer's memory."""
    network = create_model("resnet50_v15").eval()
    preprocess = dataclasses.replace(default_preprocess((3, SIZE, SIZE)), resize=None)
    about = describe(network, tuple(map(str, range(1000))), preprocess, NO_STATISTICS)
    program = program_of(network, about, NO_STATISTICS)
    run = engines.open_engine(engine, program, count, CUDA)
    pictures = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return lambda: run(pictures)


CONTESTANTS: dict[str, dict[str, Callable[[int], Step]]] = {
    "train": {
        "torchvision": partial(peer_training, False),
        "torchvision compiled": partial(peer_training, True),
        "convnets": partial(our_training, False),
        "convnets compiled": partial(our_training, True),
    },
    "predict": {
        "torchvision": partial(peer_prediction, False),
        "torchvision compiled": partial(peer_prediction, True),
        "convnets torch": partial(our_prediction, "torch"),
        "convnets compile": partial(our_prediction, "compile"),
    },
}


def seconds(step: Step, steps: int) -> float:
    """What a step takes, the mean of so many."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


class Runner:
    """A contestant in a process of its own, which waits until it is asked for steps."""

    def __init__(self, task: str, who: str, count: int) -> None:
        words = [sys.executable, __file__, task, "--serve", who, "--batch-size", str(count)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, steps: int) -> None:
        """Have it take so many steps; `answer` waits for them."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)

    def answer(self) -> float:
        """Seconds a step."""
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def seconds(self, steps: int) -> float:
        self.ask(steps)
        return self.answer()


def compare(task: str, count: int, rounds: int, spend: float) -> None:
    """Time all contestants in turns, and print what they reach."""
    runners = {name: Runner(task, name, count) for name in CONTESTANTS[task]}
    for runner in runners.values():
        runner.ask(1)  # all of them make themselves ready at the same time
    for runner in runners.values():
        runner.answer()
    pace = {name: [runner.seconds(3), runner.seconds(5)][-1] for name, runner in runners.items()}
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            taken[name].append(runner.seconds(max(1, round(spend / pace[name]))))
    times = {}
    for name, own in taken.items():
        ratios = [one / other for one, other in zip(taken["torchvision"], own, strict=True)]
        times[name] = round(statistics.median(ratios), 3)
        print(f"{task} {count:4}  {name:22} {count / statistics.median(own):8.0f} images/s   {times[name]:.2f} times "
              f"torchvision ({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip
        runners[name].process.communicate()
    print(json.dumps({"task": task, "batch_size": count, "torch": torch.__version__,
                      "gpu": torch.cuda.get_device_name(), "times_torchvision": times}))  # fmt: skip


def small_resnet18() -> Any:
    """ResNet-18's stages behind one layer of 3x3, which leaves 32 pixels as they are."""
    stem: dict[str, nn.Module] = {"conv1": conv_bn(3, 64, 3)}
    block = partial(resnet.basic, shortcut=resnet.projection)
    return resnet.network(stem, block, resnet.stages((2, 2, 2, 2)), 64, 10)


class Silent:
    """A keeper that saves nothing and notes the test error of each epoch."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.ends: list[float] = []

    def watch(self, groups: Iterable[list[Batch]], training: Training) -> Iterator[list[Batch]]:
        return iter(groups)

    def stop_if_asked(self) -> None:
        pass

    def after_step(self, training: Training) -> None:
        pass

    def after_epoch(self, training: Training, row: dict[str, Any]) -> None:
        self.errors.append(row["val_error"])
        self.ends.append(time.perf_counter())


def our_cifar(source: Source, epochs: int) -> dict[str, Any]:
    """A run of `convnets train --compile` without its files."""
    began = time.perf_counter()
    preprocess = Preprocess(size=32, resize=None, mean=MEAN, std=STD)
    recipe = Recipe(epochs=epochs, batch_size=128, optimizer=SGD(lr=0.1, weight_decay=5e-4), schedule=Cosine(),
                    preprocess=preprocess, augment=Augment(pad=4, flip=True), channels_last=True)  # fmt: skip
    torch.manual_seed(0)
    training, keeper = Training(small_resnet18(), recipe, CUDA), Silent()
    common: dict[str, Any] = {"device": CUDA}
    loader = Loader(source.splits["train"], preprocess, batch_size=128, augment=recipe.augment, shuffle=True, **common)
    test = Loader(source.splits["test"], preprocess, batch_size=256, **common)
    train(training, loader, test, keeper, prepared(training, Machine(CUDA, compile=True)))
    return report("convnets compiled", began, keeper.ends, keeper.errors)


class Transformed(Dataset[Any]):
    """The pictures of a split as torchvision's CIFAR10 hands them out."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, transform: Any) -> None:
        self.pictures, self.labels, self.transform = pictures, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        return self.transform(Image.fromarray(self.pictures[index])), int(self.labels[index])


def peer_cifar(source: Source, epochs: int) -> dict[str, Any]:
    """The script that everybody writes."""
    from torchvision import transforms

    began = time.perf_counter()
    plain = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    moved = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *plain]
    loaders = {}
    for name, chain in (("train", moved), ("test", plain)):
        split: Any = source.splits[name]
        shown = Transformed(split.pictures.pictures, split.labels, transforms.Compose(chain))
        loaders[name] = DataLoader(shown, 128, shuffle=name == "train", num_workers=8, persistent_workers=True,
                                   pin_memory=True)  # fmt: skip
    torch.manual_seed(0)
    network = small_resnet18().to(CUDA, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    ends, errors = [], []
    for _ in range(epochs):
        network.train()
        for images, labels in loaders["train"]:
            images = images.to(CUDA, non_blocking=True, memory_format=torch.channels_last)
            loop_step(network, optimizer, images, labels.to(CUDA, non_blocking=True))
        schedule.step()
        network.eval()
        wrong = 0
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
            for images, labels in loaders["test"]:
                images = images.to(CUDA, non_blocking=True, memory_format=torch.channels_last)
                wrong += int((network(images).argmax(1).cpu() != labels).sum())
        errors.append(100 * wrong / len(source.splits["test"]))
        ends.append(time.perf_counter())
    return report("eager loop", began, ends, errors)


def report(who: str, began: float, ends: list[float], errors: list[float]) -> dict[str, Any]:
    """Print and return how long the run and one of its epochs took, and where it ended."""
    epochs = [end - begin for begin, end in zip([began, *ends], ends, strict=False)]
    found = {"who": who, "epochs": len(ends), "seconds": round(ends[-1] - began, 1), "first": round(epochs[0], 1),
             "epoch": round(statistics.median(epochs[1:] or epochs), 3), "error": round(errors[-1], 2)}  # fmt: skip
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["train", "predict", "cifar"])
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn, about")
    parser.add_argument("--data", type=Path, help="CIFAR-10, whatever convnets opens")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--peer-epochs", type=int, help="stop the peer's run short, for its time alone")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        step = CONTESTANTS[options.task][options.serve](options.batch_size)
        for line in sys.stdin:
            print(seconds(step, int(line)), flush=True)
    elif options.task == "cifar":
        source = check(open_source(str(options.data), val_fraction=0))
        ours = our_cifar(source, options.epochs)
        peers = peer_cifar(source, options.peer_epochs or options.epochs)
        print(f"seconds an epoch: {peers['epoch'] / ours['epoch']:.2f} times less")
    else:
        compare(options.task, options.batch_size, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
