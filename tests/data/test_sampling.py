"""Label shuffling: every class as often as the most frequent one, in an order that repeats with the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convnets.data import Loader, Split
from convnets.data.pictures import MemoryPictures, Names, array_split
from convnets.data.sampling import Order
from convnets.spec import Augment, Preprocess

LABELS = np.array([0] * 50 + [1] * 7 + [2] * 20)


def test_every_class_comes_as_often_as_the_most_frequent_one() -> None:
    order = Order(LABELS, True, "balanced", 3)
    shown = order.of(0)
    assert len(order) == len(shown) == 150
    assert np.bincount(LABELS[shown % len(LABELS)]).tolist() == [50, 50, 50]
    times = np.bincount(shown % len(LABELS), minlength=len(LABELS))
    assert set(times[:50]) == {1} and set(times[50:57]) == {7, 8} and set(times[57:]) == {2, 3}
    assert len(set(shown.tolist())) == 150  # each time under a number of its own
    assert np.array_equal(shown, Order(LABELS, True, "balanced", 3).of(0))
    assert not np.array_equal(shown, order.of(1))
    assert not np.array_equal(shown, Order(LABELS, True, "balanced", 4).of(0))


def test_otherwise_every_sample_comes_once() -> None:
    assert sorted(Order(LABELS, True, "shuffled", 0).of(5)) == list(range(77))
    assert Order(LABELS, False, "balanced", 0).of(5).tolist() == list(range(77))


def test_fixed_sampling_has_the_same_order_in_every_epoch() -> None:
    order = Order(LABELS, True, "fixed", 3)
    assert sorted(order.of(0)) == list(range(77)) and np.array_equal(order.of(0), order.of(5))
    assert np.array_equal(order.of(5), Order(LABELS, True, "shuffled", 3).of(0))
    assert not np.array_equal(order.of(0), Order(LABELS, True, "fixed", 4).of(0))


@pytest.mark.parametrize("sampling", ["shuffled", "balanced"])
def test_a_short_epoch_shows_others_each_time(sampling: str) -> None:
    order = Order(LABELS, True, sampling, 3, epoch_size=9)
    assert len(order) == len(order.of(0)) == 9 and not np.array_equal(order.of(0), order.of(1))
    assert {int(sample) for epoch in range(99) for sample in order.of(epoch) % len(LABELS)} == set(range(len(LABELS)))
    assert len(Order(LABELS, False, sampling, 3, epoch_size=4)) == len(LABELS)
    longest = len(Order(LABELS, True, sampling, 3))
    assert len(Order(LABELS, True, sampling, 3, epoch_size=10_000)) == longest


def test_a_sample_that_comes_again_is_changed_in_another_way() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (77, 12, 12, 3)).astype(np.uint8)
    split, augment = array_split(pictures, LABELS, "train"), Augment(pad=4)
    loader = Loader(split, Preprocess(12, None), batch_size=30, augment=augment, shuffle=True, sampling="balanced")
    assert len(loader) == 5
    batches = list(loader.epoch(0))
    assert torch.cat([batch.labels for batch in batches]).bincount().tolist() == [50, 50, 50]
    images, index = torch.cat([batch.images for batch in batches]), np.concatenate([batch.index for batch in batches])
    again = images[torch.from_numpy(index % 77 == 50)]
    assert len(again) >= 7 and len({image.numpy().tobytes() for image in again}) > 4
    assert all(torch.equal(a.images, b.images) for a, b in zip(batches[2:], loader.epoch(0, start=2), strict=True))


def test_without_changes_the_same_pictures_come_again() -> None:
    """Also of a set that is read picture by picture."""
    pictures = np.random.default_rng(0).integers(0, 256, (77, 6, 6, 3)).astype(np.uint8)
    memory = array_split(pictures, LABELS, "train")
    streamed = Split(MemoryPictures(list(pictures), Names("train", np.arange(77))), LABELS)
    for split in (memory, streamed):
        loader = Loader(split, Preprocess(6, None), batch_size=50, shuffle=True, sampling="balanced")
        for batch in loader.epoch(2):
            own = pictures[batch.index % 77].transpose(0, 3, 1, 2)
            assert np.array_equal(batch.images, own) and np.array_equal(batch.labels, LABELS[batch.index % 77])
