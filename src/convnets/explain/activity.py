"""What goes on in a trained network while it looks at many pictures, measured in one pass over them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..data import Loader, Split
from ..errors import UsageError
from ..evaluate import evaluating
from ..evaluate.features import BATCH, ON_A_CPU, Eye, given
from ..models.senet import SqueezeExcitation
from ..models.table import Field
from .inside import Box, box_of, check_row, ready, visible
from .maps import projected


@dataclass(frozen=True)
class Activity:
    """The outputs of a row over all pictures: their mean, deviation and share of zeros; and of its `units`, which are
    the channels behind its ReLUs, those that are never above zero: by ReLU, their numbers."""

    row: str
    mean: float
    deviation: float
    zeros: float
    units: int
    dead: dict[str, list[int]]

    @property
    def dead_share(self) -> float | None:
        """The share of units that are never active; None where the row has no ReLU."""
        return sum(map(len, self.dead.values())) / self.units if self.units else None


@dataclass(frozen=True)
class Peaks:
    """The largest output of each channel of a row in each picture, (pictures, channels), and its place in the map,
    (pictures, channels, 2) as row and column."""

    row: str
    values: np.ndarray
    places: np.ndarray

    def channels(self, count: int) -> list[int]:
        """At most so many channels, evenly spread over those that answer pictures differently."""
        answering = np.flatnonzero(np.ptp(self.values, axis=0) > 0)
        chosen = np.linspace(0, len(answering) - 1, min(count, len(answering))).round().astype(int)
        numbers: list[int] = answering[chosen].tolist()
        return numbers


@dataclass(frozen=True)
class Gates:
    """The gates of a squeeze-and-excitation unit, mean over the pictures of each class, (classes, channels); NaN for
    classes without pictures."""

    unit: str
    means: np.ndarray

    @property
    def stage(self) -> str:
        """The row that the unit is in."""
        return self.unit.partition(".")[0]

    @property
    def seen(self) -> np.ndarray:
        """The classes with pictures."""
        classes: np.ndarray = np.flatnonzero(~np.isnan(self.means).all(1))
        return classes

    @property
    def mean(self) -> np.ndarray:
        """The mean gate of each channel over the classes with pictures."""
        gates: np.ndarray = self.means[self.seen].sum(0) / max(1, len(self.seen))
        return gates

    @property
    def spread(self) -> float:
        """The deviation between classes, mean over channels."""
        return float(self.means[self.seen].std(0).mean()) if len(self.seen) else float("nan")


@dataclass(frozen=True)
class Watched:
    """What one pass over pictures found."""

    activities: list[Activity]
    peaks: Peaks
    gates: list[Gates]


@dataclass(frozen=True)
class Cut:
    """A picture of the split cut to what a unit sees of it: its number, file and class, the unit's output, and where
    the unit is in its map and its receptive field in the picture. `pixels` uint8 (H, W, C), and of the same place what
    the unit projects `back` to them, float32 (C, H, W)."""

    index: int
    name: str
    label: int
    value: float
    place: tuple[int, int]
    field: Box
    pixels: np.ndarray
    back: Tensor


def watch(eye: Eye, split: Split, row: str, classes: int) -> Watched:
    """One pass over all pictures of the split, whose labels are below `classes`.

    Raises UsageError for an unknown row or a split without pictures, DataError for a picture that cannot be read.
    """
    network = eye.network
    check_row(network, row)
    if not len(split):
        raise UsageError("there are no pictures to look at; give others with --data")
    size = ON_A_CPU if eye.device.type == "cpu" else BATCH
    loader = Loader(split, eye.preprocess, batch_size=size, workers=eye.workers, statistics=eye.statistics)
    rows = {name: _Outputs(part) for name, part in network.named_children()}
    relus = {name: _Units(part) for name, part in network.named_modules() if isinstance(part, nn.ReLU)}
    gates = {name: _Gate(part.gate, classes) for name, part in network.named_modules()
             if isinstance(part, SqueezeExcitation)}  # fmt: skip
    largest = _Largest(network.get_submodule(row))
    hooks: list[_Hook] = [*rows.values(), *relus.values(), *gates.values(), largest]
    shown = sys.stderr.isatty()
    try:
        with evaluating(network):
            for batch in tqdm(loader.epoch(0), "look", len(loader), leave=False, disable=not shown, unit="batch"):
                for gate in gates.values():
                    gate.labels = batch.labels.numpy()
                network(given(eye, batch.images))
    finally:
        for hook in hooks:
            hook.handle.remove()
    activities = [one.result(name, {relu: unit for relu, unit in relus.items() if relu.partition(".")[0] == name})
                  for name, one in rows.items()]  # fmt: skip
    return Watched(activities, largest.result(row), [Gates(name, gate.result()) for name, gate in gates.items()])


def strongest(eye: Eye, split: Split, peaks: Peaks, field: Field, channel: int, count: int = 9) -> list[Cut]:
    """The pictures of the split that excite a channel most, the strongest first, as in Fig. 2 of Zeiler and Fergus
    (arXiv:1311.2901), each cut to the receptive field of the unit with the largest output, and what a deconvolutional
    network projects of that output back to the pixels.

    Where a field reaches beyond the picture, the cut is moved inside it, so that all are of one size and show all that
    the unit sees of the picture.
    """
    chosen = np.argsort(-peaks.values[:, channel], kind="stable")[:count].tolist()
    images = ready(eye, [split.pictures.load(index) for index in chosen])
    places = peaks.places[chosen, channel].tolist()
    backs = projected(eye.network, given(eye, images), peaks.row, channel, places)
    found = []
    for index, (row, column), picture, back in zip(chosen, places, visible(images), backs, strict=True):
        box = box_of(field, (row, column))
        down, across = inside(box, picture.shape[:2])
        name, value = split.pictures.name(index), float(peaks.values[index, channel])
        found.append(Cut(index, name, int(split.labels[index]), value, (row, column), box, picture[down, across],
                         back[:, down, across].float().cpu()))  # fmt: skip
    return found


def inside(box: Box, picture: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a box, moved into a picture (H, W) and no larger than it."""
    slices = []
    for start, side, whole in zip(box[:2], box[2:], picture, strict=True):
        side = min(side, whole)
        first = min(max(start, 0), whole - side)
        slices.append(slice(first, first + side))
    return slices[0], slices[1]


class _Hook:
    """Sees every output of a module until its handle is removed."""

    def __init__(self, module: nn.Module) -> None:
        self.handle = module.register_forward_hook(lambda module, given, output: self.see(output))

    def see(self, output: Tensor) -> None:
        """Takes note of the output for one batch."""
        raise NotImplementedError


class _Outputs(_Hook):
    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.sums, self.count = np.zeros(3), 0

    def see(self, output: Tensor) -> None:
        # what is summed up is large for what it differs in, so the sums are of wide numbers; MPS has none
        wide = torch.float32 if output.device.type == "mps" else torch.float64
        squares = torch.linalg.vector_norm(output, dtype=wide) ** 2
        self.sums += [float(output.sum(dtype=wide)), float(squares), float((output == 0).sum())]
        self.count += output.numel()

    def result(self, row: str, relus: dict[str, _Units]) -> Activity:
        mean, square, zeros = self.sums / self.count
        alive = {name: unit.alive for name, unit in relus.items() if unit.alive is not None}
        dead = {name: (~mask).nonzero().flatten().tolist() for name, mask in alive.items()}
        units = sum(mask.numel() for mask in alive.values())
        deviation = max(float(square - mean**2), 0.0) ** 0.5
        return Activity(row, float(mean), deviation, float(zeros), units, dead)


class _Units(_Hook):
    alive: Tensor | None = None

    def see(self, output: Tensor) -> None:
        active = (output > 0).transpose(0, 1).flatten(1).any(1)
        self.alive = active if self.alive is None else self.alive | active


class _Gate(_Hook):
    labels: np.ndarray

    def __init__(self, module: nn.Module, classes: int) -> None:
        super().__init__(module)
        self.sums: Any = None
        self.counts = np.zeros(classes)

    def see(self, output: Tensor) -> None:
        gates = output.flatten(2).mean(2).double().cpu().numpy()
        self.sums = np.zeros((len(self.counts), gates.shape[1])) if self.sums is None else self.sums
        np.add.at(self.sums, self.labels, gates)
        np.add.at(self.counts, self.labels, 1)

    def result(self) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            means: np.ndarray = self.sums / self.counts[:, None]
        return means


class _Largest(_Hook):
    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.values: list[Tensor] = []
        self.places: list[Tensor] = []

    def see(self, output: Tensor) -> None:
        maps = output if output.dim() == 4 else output[..., None, None]
        values, places = maps.flatten(2).max(2)
        self.values.append(values.float().cpu())
        self.places.append(torch.stack((places // maps.shape[3], places % maps.shape[3]), 2).cpu())

    def result(self, row: str) -> Peaks:
        return Peaks(row, torch.cat(self.values).numpy(), torch.cat(self.places).numpy())
