"""What is going to be run: an experiment, on which pictures, how long, how wide and with how many seeds."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from ..errors import UsageError
from ..experiments import Experiment, Setting

VERSION = 4  # raised where small networks, probes or measures change what they do
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
    state: str = ""  # of the data
    device: str = "cpu"
    scale: str = "small"
    budget: float = 10.0  # minutes
    asked_epochs: int = 0  # in place of those that the budget allows
    more: int = 0  # so many further seeds where the first leave the claim undecided
    epochs: int = 1
    width: float = 1.0
    pace: float = 0.0  # seconds of an epoch of all arms and seeds, where the budget decided
    said: tuple[str, ...] = ()


SIZES = {"preprocess.size", "preprocess.resize", "augment.scale", "augment.pad"}  # in pixels
SIDE = re.compile(r"(?<=[@+/])[0-9]+")  # in a test protocol
EPOCHS = ("schedule.milestones", "schedule.every")


def at_scale(experiment: Experiment, scale: str) -> tuple[Experiment, Setting]:
    """The experiment and its setting at a scale; what the recipe says of pixels goes with them.

    At the paper's scale the arms have the values of `full` in place of their own, and pictures move by an eighth.
    """
    own, setting = experiment.setting, setting_of(experiment, scale)
    pixels, arms = setting.size / own.size, dict(experiment.arms)
    paper = scale == "paper"

    def scaled(recipe: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(times(text, dict.fromkeys(SIZES, pixels)) for text in recipe)

    for name, arm in arms.items():
        values = {key: experiment.full.get(key, value) if paper else value for key, value in arm.values.items()}
        arms[name] = dataclasses.replace(arm, values=values, recipe=scaled(arm.recipe))
    recipe = (*((f"augment.pad={setting.size // 8}",) if paper else ()), *scaled(experiment.recipe))
    options = dict(experiment.options)
    if "protocols" in options and pixels != 1:
        options["protocols"] = {name: SIDE.sub(lambda side: f"{int(side[0]) * pixels:.0f}", text)
                                for name, text in options["protocols"].items()}  # fmt: skip
    return dataclasses.replace(experiment, arms=arms, recipe=recipe, options=options), setting


def times(text: str, factors: dict[str, float]) -> str:
    """An override, its numbers times the factor of its key."""
    key, _, numbers = text.partition("=")
    factor = factors.get(key, 1.0)
    return text if factor == 1 else f"{key}={','.join(f'{float(one) * factor:.0f}' for one in numbers.split(','))}"


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
