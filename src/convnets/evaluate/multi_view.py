"""Test protocols over a split: each picture is decoded once, whatever the protocols and networks."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..data import NO_STATISTICS, Split, Statistics
from ..errors import CheckpointError
from ..network import Network
from ..runs import Loaded
from ..spec import Preprocess
from .evaluate import evaluating
from .metrics import Evaluation, Tally
from .micro_batch import Member, MicroBatches
from .protocols import Protocol, View, parse, views
from .views import cut

COUNTED = 256  # pictures that are counted together


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """The errors by one protocol, the views of each picture, and the pictures a second had it been the only one."""

    protocol: Protocol
    evaluation: Evaluation
    views: int
    pictures_per_second: float

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """As plain JSON values."""
        about = {"protocol": str(self.protocol), "views": self.views, "pictures_per_second": self.pictures_per_second}
        return {**about, **self.evaluation.to_json(classes)}


def evaluate_protocols(
    network: Network,
    split: Split,
    protocols: Sequence[str | Protocol],
    preprocess: Preprocess,
    statistics: Statistics = NO_STATISTICS,
    device: torch.device | str = "cpu",
    *,
    batch_size: int | None = None,
    workers: int = 0,
    progress: bool = False,
) -> list[ProtocolResult]:
    """The errors of a network, which is on `device`, by several protocols in their order: see evaluate_ensemble."""
    members = [Member(network, preprocess, statistics)]
    return evaluate_ensemble(
        members, split, protocols, device, batch_size=batch_size, workers=workers, progress=progress
    )


def evaluate_ensemble(
    members: Sequence[Member],
    split: Split,
    protocols: Sequence[str | Protocol],
    device: torch.device | str = "cpu",
    *,
    batch_size: int | None = None,
    workers: int = 0,
    progress: bool = False,
) -> list[ProtocolResult]:
    """The errors of several networks, whose probabilities are averaged, by each protocol on each picture of a split.

    Every network is given the views of its own preprocessing. Views are averaged over a picture first, as the protocol
    says, then the networks. As many views as go quickest are run together, which is measured on the way, unless
    `batch_size` says how many; `workers` threads decode and cut ahead. With `progress` a bar is drawn on stderr.

    Raises UsageError for a protocol that does not fit a network, DataError for a picture that cannot be read,
    DivergedError for NaN or infinite outputs, ResourceError where memory gives out.
    """
    asked = [parse(protocol) if isinstance(protocol, str) else protocol for protocol in protocols]
    run = _Pass(members, asked, torch.device(device), batch_size)
    shown = progress and sys.stderr.isatty()
    with contextlib.ExitStack() as stack:
        for member in members:
            stack.enter_context(evaluating(member.network))
        cuts = stack.enter_context(contextlib.closing(_cuts(split, members, run.wanted, workers)))
        bar = tqdm(cuts, "evaluate", len(split), leave=False, disable=not shown, unit="picture")
        for picture, waited in _waited(bar):
            run.take(picture, waited, int(split.labels[picture.sample]))
        return run.results()


def ensemble(loaded: Sequence[Loaded]) -> list[Member]:
    """Trained networks as members of an ensemble. Raises CheckpointError unless all have the same classes in order."""
    first = loaded[0]
    for other in loaded[1:]:
        if other.classes != first.classes:
            counts = f"{len(first.classes)} and {len(other.classes)} classes"
            pairs = zip(first.classes, other.classes, strict=False)
            differing = next((f"{i} is {a!r} and {b!r}" for i, (a, b) in enumerate(pairs) if a != b), counts)
            raise CheckpointError(
                f"{other.path}: has other classes than {first.path} ({differing}); an ensemble needs runs of the same"
            )
    return [Member(one.network, one.preprocess, one.statistics) for one in loaded]


class _Cut(NamedTuple):
    """The views of one picture, not mirrored, for each network, and the seconds that decoding and cutting took."""

    sample: int
    views: list[list[tuple[View, np.ndarray]]]
    decoding: float
    cutting: float


def _cuts(split: Split, members: Sequence[Member], wanted: Sequence[Iterable[View]], workers: int) -> Generator[_Cut]:
    """The pictures of a split in order, decoded and cut by so many threads, a few ahead of who asks."""

    def one(index: int) -> _Cut:
        began = time.perf_counter()
        picture = split.pictures.load(index)
        decoded = time.perf_counter()
        pairs = zip(members, wanted, strict=True)
        found = [list(cut(picture, own, member.preprocess, member.statistics)) for member, own in pairs]
        return _Cut(index, found, decoded - began, time.perf_counter() - decoded)

    if not workers:
        yield from map(one, range(len(split)))
        return
    pool, ahead = ThreadPoolExecutor(workers), deque[Future[_Cut]]()
    try:
        for index in range(len(split)):
            ahead.append(pool.submit(one, index))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _waited(cuts: Iterable[_Cut]) -> Iterator[tuple[_Cut, float]]:
    """Each picture with the seconds that it kept the networks waiting."""
    remaining = iter(cuts)
    while True:
        began = time.perf_counter()
        picture = next(remaining, None)
        if picture is None:
            return
        yield picture, time.perf_counter() - began


@dataclass
class _Open:
    """A picture that has views to come: how many, and the scores so far (networks, protocols, classes)."""

    left: int
    scores: Tensor


class _Pass:
    """What is known while the pictures go by."""

    def __init__(
        self, members: Sequence[Member], protocols: Sequence[Protocol], device: torch.device, batch_size: int | None
    ) -> None:
        self.protocols, self.classes = protocols, members[0].network.num_classes
        self.of_logits = torch.tensor([protocol.average == "logits" for protocol in protocols])[:, None]
        # For each network the views to cut, and for each orientation of a view its share in every protocol.
        self.wanted: list[dict[View, list[tuple[bool, Tensor]]]] = []
        for member in members:
            shares = [views(protocol, member.preprocess) for protocol in protocols]
            wanted: dict[View, list[tuple[bool, Tensor]]] = {}
            for view in dict.fromkeys(chain.from_iterable(shares)):
                share = torch.tensor([[own.get(view, 0.0)] for own in shares], dtype=torch.float64)
                wanted.setdefault(replace(view, mirrored=False), []).append((view.mirrored, share))
            self.wanted.append(wanted)
        self.counts = torch.tensor([len(own) for own in shares])
        self.total = sum(len(orientations) for wanted in self.wanted for orientations in wanted.values())
        dense = [any(view.size is None for view in wanted) for wanted in self.wanted]
        self.batches = [
            MicroBatches(member, device, self._done, dense=is_dense, batch_size=batch_size)
            for member, is_dense in zip(members, dense, strict=True)
        ]
        self.tallies = [Tally(self.classes) for _ in protocols]
        self.seconds = torch.zeros(len(protocols), dtype=torch.float64)
        self.open: dict[int, _Open] = {}
        self.through: list[tuple[int, Tensor]] = []

    def take(self, picture: _Cut, waited: float, label: int) -> None:
        """Puts the views of one picture in line, which may run them and others."""
        share = (self.counts * len(self.wanted) / self.total).clamp(max=1)  # of the cutting, which is done for all
        spent = picture.decoding + picture.cutting
        self.seconds += waited * (picture.decoding + picture.cutting * share) / spent
        shape = len(self.wanted), len(self.protocols), self.classes
        self.open[picture.sample] = _Open(self.total, torch.zeros(shape, dtype=torch.float64))
        for number, found in enumerate(picture.views):
            for view, array in found:
                for mirrored, shares in self.wanted[number][view]:
                    ticket = picture.sample, label, number, shares
                    self.batches[number].add(array, mirrored, view.size is None, ticket)

    def _done(self, tickets: list[Any], logits: Tensor, seconds: float) -> None:
        for (index, label, number, shares), *scores in zip(tickets, logits, logits.softmax(1), strict=True):
            self.seconds += seconds / len(tickets) * (shares[:, 0] > 0)
            picture = self.open[index]
            picture.scores[number] += shares * torch.where(self.of_logits, *scores)
            picture.left -= 1
            if not picture.left:
                del self.open[index]
                probabilities = torch.where(self.of_logits, picture.scores.softmax(2), picture.scores).mean(0)
                self.through.append((label, probabilities))
        if len(self.through) >= COUNTED:
            self._count()

    def _count(self) -> None:
        if not self.through:
            return
        labels = torch.tensor([label for label, _ in self.through])
        probabilities = torch.stack([found for _, found in self.through], 1)
        for tally, own in zip(self.tallies, probabilities, strict=True):
            tally.update(own.clamp(min=torch.finfo(own.dtype).tiny).log(), labels)
        self.through.clear()

    def results(self) -> list[ProtocolResult]:
        """Runs what still waits, and gives the result of each protocol."""
        for batches in self.batches:
            batches.finish()
        self._count()
        rows = zip(self.protocols, self.tallies, self.counts.tolist(), self.seconds.tolist(), strict=True)
        return [
            ProtocolResult(protocol, tally.result(), count, tally.n / max(seconds, 1e-9))
            for protocol, tally, count, seconds in rows
        ]
