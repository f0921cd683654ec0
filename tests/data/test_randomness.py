"""The generator's statistics, and that a sample's numbers are its own."""

from __future__ import annotations

import numpy as np

from convnets.data.randomness import permutation, uniform

GOLDEN_NUMBERS = [0.1296456182997474, 0.049920065672091285, 0.6703283700586791]
GOLDEN_ORDER = [2, 6, 1, 7, 4, 3, 0, 5]
N = 20_000
SAMPLES = np.arange(N)


def test_numbers_are_uniform() -> None:
    for seed, epoch, draw in ((0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 199, 7), (2**63, 10**6, 40)):
        numbers = uniform(seed, epoch, SAMPLES, draw)
        assert numbers.dtype == np.float64 and numbers.min() >= 0 and numbers.max() < 1
        counts = np.histogram(numbers, 100, (0, 1))[0]
        assert ((counts - N / 100) ** 2 / (N / 100)).sum() < 160  # chi square of 99 degrees: p = 1e-4


def test_draws_samples_epochs_and_seeds_are_independent() -> None:
    base = uniform(0, 0, SAMPLES, 0)
    others = {
        "draw": uniform(0, 0, SAMPLES, 1),
        "epoch": uniform(0, 1, SAMPLES, 0),
        "seed": uniform(1, 0, SAMPLES, 0),
        "next sample": uniform(0, 0, SAMPLES + 1, 0),
        "far sample": uniform(0, 0, SAMPLES + 2**32, 0),
        "swapped counters": uniform(0, 1, SAMPLES, 1),
    }
    for name, numbers in others.items():
        assert abs(np.corrcoef(base, numbers)[0, 1]) < 4 / np.sqrt(N), name
        cells = np.histogram2d(base, numbers, 10, ((0, 1), (0, 1)))[0]
        assert ((cells - N / 100) ** 2 / (N / 100)).sum() < 160, name
    runs = np.array([uniform(0, epoch, np.array([17]), 0)[0] for epoch in range(2000)])
    assert abs(np.corrcoef(runs[1:], runs[:-1])[0, 1]) < 4 / np.sqrt(2000) and len(np.unique(runs)) == 2000


def test_a_samples_numbers_do_not_depend_on_the_batch() -> None:
    whole = uniform(3, 5, SAMPLES, 2)
    assert np.array_equal(uniform(3, 5, np.array([7, 19_999, 7]), 2), whole[[7, 19_999, 7]])
    together = uniform(3, 5, np.array([7]), np.arange(4))
    assert np.array_equal(together, [uniform(3, 5, np.array([7]), draw)[0] for draw in range(4)])


def test_the_numbers_stay_the_same_for_ever() -> None:
    """A run that is resumed by a later version must see the same numbers."""
    assert uniform(0, 0, np.arange(3), 0).tolist() == GOLDEN_NUMBERS
    assert permutation(0, 0, 8).tolist() == GOLDEN_ORDER


def test_permutations_are_fair_and_differ_by_epoch() -> None:
    assert np.array_equal(np.sort(permutation(0, 0, 1000)), np.arange(1000)) and not len(permutation(0, 0, 0))
    orders = np.stack([permutation(0, epoch, 5) for epoch in range(4000)])
    for place in range(5):
        counts = np.bincount(orders[:, place], minlength=5)
        assert ((counts - 800) ** 2 / 800).sum() < 24  # chi square of 4 degrees: p = 1e-4
    assert len(np.unique(orders, axis=0)) == 120
