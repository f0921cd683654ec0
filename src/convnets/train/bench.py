"""How fast a network trains and predicts on this machine, beside other libraries and the machine's own limit."""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .. import engines, models, papers
from ..cache import machine as processor
from ..data import NO_STATISTICS, Batch, Finish
from ..evaluate import Predictor, evaluating
from ..evaluate.subject import describe, program_of
from ..models.table import layer_table
from ..runs import default_preprocess
from ..spec import SGD, Augment, Recipe
from .loop import begin_epoch, take_step
from .machine import Machine
from .state import Training
from .tuning import layout_of, prepared

MATRIX = 2048  # rows and columns of the product that shows what the machine can do
ROUNDS, TURN = 5, 0.3  # turns, and seconds of each at least
BACKWARD = 3  # a training step is about three times the work of a prediction
PEERS = "torchvision", "timm"
OF_TORCH = "torch", "compile"  # engines whose memory torch knows of
LARGE = 128  # pixels: from here on 16 pictures are a batch to train on, below 128
Step = Callable[[], object]


@dataclass(frozen=True)
class Contestant:
    """Something that is measured: `step` takes `pictures` pictures through `work` multiply-adds each."""

    task: str
    who: str
    pictures: int
    work: int
    step: Step
    engine: str = "torch"


@dataclass(frozen=True)
class Measured:
    """Images a second, GFLOP/s as a share of a matrix product's, and MiB of torch's tensors at the peak of one step.

    `memory` is None where torch cannot tell: with another engine, which keeps its tensors for itself.
    """

    task: str
    who: str
    engine: str
    pictures: int
    images_per_second: float
    share: float
    memory: float | None


@dataclass(frozen=True)
class Bench:
    """All that was measured, and on what."""

    network: str
    size: int
    machine: str
    gflops: float
    measured: list[Measured]


def bench(name: str, machine: Machine, *, batch_size: int | None = None, size: int | None = None,
          peers: tuple[str, ...] = PEERS) -> Bench:  # fmt: skip
    """Training, and predictions for 1 and 16 pictures or for `batch_size`, of squares of `size` pixels.

    All are measured in turns, with a product of matrices in each turn; figures are medians. They share a process, and
    with it the memory settings of a run. A peer that is not installed, or has no network of this name, is left out.
    Raises UsageError where the size does not fit.
    """
    entry = papers.find(name)
    size = size or entry.input[1]
    given = {"input_size": size} if "input_size" in models.axes(name) else {}
    train_batch = batch_size or (16 if size >= LARGE else 128)
    predict_batches = [batch_size] if batch_size else [1, 16]
    network = models.create_model(name, **given)
    work = sum(row.multiply_adds for row in layer_table(network, (network.in_channels, size, size)))
    contestants = [Contestant("train", "convnets", train_batch, BACKWARD * work,
                              training_step(network, machine, given, train_batch, size))]  # fmt: skip
    for count in predict_batches:
        engine, step = predict_step(models.create_model(name, **given), machine.device, count, size)
        contestants.append(Contestant("predict", "convnets", count, work, step, engine))
    for peer in peers:
        build = peer_builder(peer, entry.name) if network.in_channels == 3 else None
        if build is not None:
            step = peer_training(build(), machine.device, train_batch, size)
            contestants.append(Contestant("train", peer, train_batch, BACKWARD * work, step))
            contestants += [Contestant("predict", peer, count, work, peer_predict(build(), machine.device, count, size))
                            for count in predict_batches]  # fmt: skip
    gflops, measured = measure(sorted(contestants, key=lambda one: (one.task, one.pictures)), machine.device)
    hardware = torch.cuda.get_device_name(machine.device) if machine.device.type == "cuda" else processor()
    return Bench(entry.name, size, hardware, gflops, measured)


def training_step(network: Any, machine: Machine, overrides: dict[str, Any], count: int, size: int) -> Step:
    """A step of `convnets train` on uint8 pictures in memory."""
    preprocess = dataclasses.replace(default_preprocess((network.in_channels, size, size)), resize=None)
    recipe = Recipe(batch_size=count, preprocess=preprocess, optimizer=SGD(lr=1e-3))
    recipe = dataclasses.replace(recipe, channels_last=layout_of(network.name, overrides, recipe, machine.device))
    training = Training(network, recipe, machine.device)
    forward, finish = prepared(training, machine), Finish(preprocess, NO_STATISTICS, Augment(), 0)
    begin_epoch(training)
    pictures = torch.from_numpy(_pictures(count, size, network.in_channels)).permute(0, 3, 1, 2)
    batch = Batch(pictures, torch.arange(count) % network.num_classes, np.arange(count))
    return lambda: take_step(training, forward, finish, [batch], 1e-3)


def predict_step(network: Any, device: torch.device, count: int, size: int) -> tuple[str, Step]:
    """The engine that answers for a run of this network, and what a user of it waits for: uint8 pictures in, classes
    out."""
    preprocess = dataclasses.replace(default_preprocess((network.in_channels, size, size)), resize=None)
    on = None if device.type == "cpu" else device
    classes = tuple(map(str, range(network.num_classes)))
    about = describe(network.eval().to(device), classes, preprocess, NO_STATISTICS)
    engine = engines.fastest(program_of(network, about, NO_STATISTICS), count, on)
    predictor = Predictor(network, preprocess=preprocess, device=device, batch_size=count, engine=engine)
    pictures = list(_pictures(count, size, network.in_channels))
    return engine, lambda: predictor(pictures)


def peer_training(network: nn.Module, device: torch.device, count: int, size: int) -> Step:
    """A step of the loop that everybody writes, at PyTorch's defaults, on pictures that are ready."""
    network = network.to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    images = torch.rand(count, 3, size, size, device=device)
    labels = torch.arange(count, device=device)

    def step() -> None:
        cross_entropy(network(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def peer_predict(network: nn.Module, device: torch.device, count: int, size: int) -> Step:
    """Logits of pictures that are ready, at PyTorch's defaults."""
    network, images = network.to(device).eval(), torch.rand(count, 3, size, size, device=device)

    def step() -> Tensor:
        with evaluating(network):
            logits: Tensor = network(images).cpu()
        return logits

    return step


def peer_builder(library: str, name: str) -> Callable[[], nn.Module] | None:
    """What builds another library's network of this name; None where it is not installed or has none."""
    torchvision = _torchvision()
    if torchvision is None:  # timm needs it too
        return None
    if library == "torchvision":
        if name not in torchvision.models.list_models(module=torchvision.models):
            return None
        plain = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return lambda: torchvision.models.get_model(name, **plain)
    try:
        import timm
    except ImportError:
        return None
    return (lambda: timm.create_model(name)) if timm.is_model(name) else None


@cache
def _torchvision() -> Any:
    try:
        import torchvision
    except ImportError:
        return None
    except RuntimeError:  # its binary does not fit this torch: networks need no more than the names of its operators
        for operator in ("nms", "qnms"):
            _DECLARED.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision


_DECLARED = torch.library.Library("torchvision", "FRAGMENT")  # lives as long as what it is kept in


def measure(contestants: list[Contestant], device: torch.device) -> tuple[float, list[Measured]]:
    """GFLOP/s of a product of matrices, and each contestant's figures: medians of rounds in which all take turns."""
    one, two = (torch.rand(MATRIX, MATRIX, device=device) for _ in range(2))
    limit = Contestant("limit", "", 1, MATRIX**3, lambda: torch.mm(one, two))
    everyone, repeats = [limit, *contestants], {}
    memory: dict[int, float | None] = {}
    for each in everyone:
        each.step()  # prepares, compiles, measures
        memory[id(each)] = peak_mebibytes(each.step, device) if each.engine in OF_TORCH else None
        repeats[id(each)] = max(1, round(TURN / max(1e-6, seconds(each.step, 1, device))))
    taken: dict[int, list[float]] = {id(each): [] for each in everyone}
    for _ in range(ROUNDS):
        for each in everyone:
            taken[id(each)].append(seconds(each.step, repeats[id(each)], device))
    gflops = [2e-9 * limit.work / own for own in taken[id(limit)]]
    found = []
    for each in contestants:
        rates = [each.pictures / own for own in taken[id(each)]]
        shares = [2e-9 * each.work * rate / most for rate, most in zip(rates, gflops, strict=True)]
        figures = statistics.median(rates), statistics.median(shares), memory[id(each)]
        found.append(Measured(each.task, each.who, each.engine, each.pictures, *figures))
    return statistics.median(gflops), found


def seconds(step: Step, times: int, device: torch.device) -> float:
    """What a step takes, the mean of so many."""
    began = time.perf_counter()
    for _ in range(times):
        step()
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return (time.perf_counter() - began) / times


def peak_mebibytes(step: Step, device: torch.device) -> float | None:
    """The most that torch's tensors take during a step, over what was there before; None where nobody can tell."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    if device.type != "cpu":
        return None
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # before its first use: it has messages of its own
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    kept = most = 0
    for _, change in sorted(_changes(seen)):
        kept += change
        most = max(most, kept)
    return most / 2**20


def _changes(seen: Any) -> Iterator[tuple[int, int]]:
    """When how many bytes were taken (or given back)."""
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            yield event.start_ns(), event.nbytes()


def _pictures(count: int, size: int, channels: int) -> np.ndarray:
    noise = np.random.default_rng(0)
    return noise.integers(0, 256, (count, size, size, channels), dtype=np.uint8)
