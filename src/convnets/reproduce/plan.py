"""What is going to be run: an experiment, on which pictures, how long, how wide and with how many seeds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..errors import UsageError
from ..experiments import Experiment, Setting

SCALES = ("tiny", "small", "paper")
TINY = Setting("digits", 16, 96, 60, epochs=1, least_epochs=1, widths=(0.5,), batch_size=32)
PAPER_EPOCHS = 160


@dataclass(frozen=True)
class Plan:
    """An experiment before its first job. All plain values, so that it can cross processes."""

    experiment: Experiment
    setting: Setting
    data: str
    seeds: tuple[int, ...]
    device: str = "cpu"
    scale: str = "small"
    budget: float = 10.0  # minutes
    epochs: int = 1
    width: float = 1.0
    said: tuple[str, ...] = ()


def setting_of(experiment: Experiment, scale: str) -> Setting:
    """The experiment's setting at a scale: its own for "small". Raises UsageError."""
    own = experiment.setting
    if scale == "small":
        return own
    if scale == "tiny":
        size = own.size if own.data == "mnist" else min(own.size, max(TINY.size, own.least_size))
        return dataclasses.replace(TINY, size=size)
    if scale == "paper":
        size = 28 if own.data == "mnist" else 32
        return dataclasses.replace(own, size=size, pictures=0, tests=0, epochs=PAPER_EPOCHS, widths=(1.0,))
    raise UsageError(f"--scale {scale}: must be one of {', '.join(SCALES)}")
