"""Which pictures an experiment gets: what the user has, what can be downloaded, or the built-in digits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..errors import ConvnetsError, UsageError
from ..experiments import Experiment, every
from .pictures import state_of
from .plan import Plan, at_scale

SIZE = 16  # of digits, which have 8 pixels, unless a network needs more


def plan_of(
    experiment: Experiment, scale: str, sources: dict[str, str], seeds: int, device: str, epochs: int = 0,
    more: int = 0,
) -> Plan:  # fmt: skip
    """The plan of an experiment before its time is known, with so many `epochs` if that is no matter of time, and so
    many `more` seeds where the first leave it undecided.

    `sources`: what to take for a data set's name. Raises UsageError for a name that no experiment asks for, DataError
    for pictures that are not there.
    """
    known = {one.setting.data for one in every().values()} | {"digits", ""}
    if unknown := sorted(set(sources) - known):
        raise UsageError(f"--data {unknown[0]}=...: no experiment asks for {unknown[0]}; data: "
                         f"{', '.join(sorted(known - {''}))}")  # fmt: skip
    wanted = experiment.setting.data
    experiment, setting = at_scale(experiment, scale)
    asked = sources.get(wanted, sources.get("", setting.data))
    said: tuple[str, ...] = ()
    state = ""
    if experiment.measure == "train":
        try:
            state = state_of(asked)
        except ConvnetsError as error:
            if asked != setting.data or Path(asked).expanduser().exists():
                raise
            said = (f"pictures: the built-in digits in place of {asked} ({error}); --data SRC takes others",)
            setting = dataclasses.replace(setting, data="digits", size=min(setting.size, max(SIZE, setting.least_size)))
            asked, state = "digits", state_of("digits")
    return Plan(experiment, setting, asked, tuple(range(seeds)), state, device, scale, asked_epochs=epochs,
                said=said, more=more)  # fmt: skip
