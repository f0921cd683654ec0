"""Random numbers that depend on (seed, epoch, sample, draw) and on nothing else.

A counter-based generator: the four counters are hashed with SplitMix64's finaliser (Steele, Lea, Flood 2014), whole
arrays at a time. No state is kept, so worker count, batch size, restarts and other libraries' draws cannot matter.
"""

from __future__ import annotations

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, SplitMix64's increment


def uniform(seed: int, epoch: int, samples: np.ndarray, draw: int | np.ndarray) -> np.ndarray:
    """Float64 numbers in [0, 1), one for each of `samples` (broadcast with `draw`)."""
    numbers: np.ndarray = (_bits(seed, epoch, samples, draw) >> np.uint64(11)) * 2.0**-53
    return numbers


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """A random order of 0..n-1 as int64; draw number -1 of every sample is kept for it."""
    return np.argsort(_bits(seed, epoch, np.arange(n), -1), kind="stable")


def _bits(seed: int, epoch: int, samples: np.ndarray, draw: int | np.ndarray) -> np.ndarray:
    bits = np.zeros(1, np.uint64)
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is meant
        for counter in (seed, epoch, draw, samples):
            value = np.asarray(counter & (2**64 - 1) if isinstance(counter, int) else counter).astype(np.uint64)
            bits = _finalise(bits + (value + np.uint64(1)) * np.uint64(GOLDEN))
    return bits


def _finalise(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits
