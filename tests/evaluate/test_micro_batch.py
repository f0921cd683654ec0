"""How many views go through a network at once: what the measurements settle on, by a made-up clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from convnets import create_model
from convnets.data import NO_STATISTICS
from convnets.errors import ResourceError
from convnets.evaluate import Member, micro_batch
from convnets.evaluate.micro_batch import ROUNDS, MicroBatches, Size
from convnets.spec import Preprocess

PREPROCESS = Preprocess(size=8, resize=None, channels=1, mean=(0.5,), std=(0.25,))


def settled(seconds: Callable[[int], float], limit: int) -> tuple[int, list[int]]:
    """The size that is kept, and those that were tried, where so many views take so long."""
    size, tried = Size(limit), []
    while not size.settled:
        tried.append(size.now)
        size.took(size.now, seconds(size.now))
    return size.now, tried


def test_the_quickest_size_is_kept() -> None:
    costs = {1: 1.0, 2: 1.2, 4: 1.6, 8: 3.6, 16: 8.0, 32: 16.0}  # of a view: 1, 0.6, 0.4, 0.45, 0.5
    kept, tried = settled(costs.__getitem__, 64)
    assert kept == 4
    assert tried == [one for one in (1, 2, 4, 8, 16) for _ in range(ROUNDS)]


def test_a_single_slow_batch_decides_nothing() -> None:
    turns = iter(range(1000))
    assert settled(lambda count: count * (10.0 if next(turns) % ROUNDS == 0 else 1 / count), 8)[0] == 8


def test_the_limit_is_kept() -> None:
    assert settled(lambda count: 1.0, 16)[0] == 16
    assert settled(lambda count: 1.0, 1)[0] == 1


def test_rests_and_splits_are_not_measured() -> None:
    size = Size(8, now=4)
    for _ in range(10):
        size.took(3, 1e-9)
    assert not size.times and size.now == 4


@pytest.fixture
def member() -> Member:
    torch.manual_seed(0)
    network = create_model("resnet20", in_channels=1).eval()
    return Member(network, PREPROCESS, NO_STATISTICS)


def run(member: Member, count: int, batch_size: int | None = None) -> tuple[dict[int, torch.Tensor], list[int]]:
    found, sizes = dict[int, torch.Tensor](), list[int]()

    def done(tickets: list[int], logits: torch.Tensor, seconds: float) -> None:
        assert seconds > 0
        sizes.append(len(tickets))
        found.update(zip(tickets, logits, strict=True))

    batches = MicroBatches(member, torch.device("cpu"), done, batch_size=batch_size)
    pictures = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    with torch.inference_mode():
        for ticket, picture in enumerate(pictures):
            batches.add(picture, ticket % 2 == 1, False, ticket)
        batches.finish()
    return found, sizes


def test_each_view_comes_back_once_whatever_the_sizes(member: Member) -> None:
    alone, sizes = run(member, 21, batch_size=1)
    assert sizes == [1] * 21
    fixed, sizes = run(member, 21, batch_size=8)
    assert sizes == [8, 8, 5]
    measured, sizes = run(member, 21)
    assert sum(sizes) == 21 and sizes[:ROUNDS] == [1] * ROUNDS
    for found in (fixed, measured):
        assert found.keys() == alone.keys()
        assert all(torch.allclose(found[ticket], alone[ticket], atol=1e-5) for ticket in alone)


def test_where_memory_gives_out_batches_are_halved(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, _ = run(member, 8, batch_size=1)
    forward = MicroBatches._forward

    def small(self: MicroBatches, views: list[micro_batch._Waiting]) -> torch.Tensor:
        if len(views) > most:
            raise torch.OutOfMemoryError
        return forward(self, views)

    monkeypatch.setattr(MicroBatches, "_forward", small)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: None)
    most = 3
    halved, sizes = run(member, 8, batch_size=8)
    assert sizes == [8] and all(torch.allclose(halved[ticket], alone[ticket], atol=1e-5) for ticket in alone)
    most = 0
    with pytest.raises(ResourceError, match="cpu: a single view of 8x8x1 does not fit in its memory"):
        run(member, 1)
