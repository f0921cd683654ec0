"""What `fit` was asked for: the data as it is divided, the time that is left, and how fast networks go here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ..data import Source, check, open_source
from ..data.pictures import MemoryPictures
from ..evaluate import evaluating
from ..models import axes, create_model
from .choose import LOOKED_AT
from .machine import Machine
from .plan import Request

MOST_FOR_THE_TEST = 0.25  # of the time is kept for the test; where that needs more, all of it takes longer


@dataclass
class Task:
    """What is asked for, what was said so far, and the time that is left."""

    data: str
    division: dict[str, Any]
    machine: Machine
    minutes: float
    model: str | None
    out: str | None
    bad_images: str
    tell: Callable[[str], object]
    began: float = field(default_factory=time.monotonic)
    reserved: float = 0.0  # minutes for the test at the end
    said: list[str] = field(default_factory=list)

    @cached_property
    def source(self) -> Source:
        """The data, divided, every picture decoded once."""
        return check(open_source(self.data, **self.division), bad=self.bad_images)

    @cached_property
    def decoding(self) -> float:
        """Seconds that a picture takes before a network sees it, shared by the processors."""
        pictures, began = self.source.splits["train"].pictures, time.perf_counter()
        if isinstance(pictures, MemoryPictures):
            return 0.0
        looked_at = min(len(pictures), LOOKED_AT)
        for index in range(looked_at):
            pictures.load(index)
        return (time.perf_counter() - began) / looked_at / (os.cpu_count() or 1)

    def speed(self, name: str, side: int, *, training: bool) -> float:
        """Pictures a second through this network at this side."""
        rate = pictures_per_second(name, side, self.machine.device, training=training)
        return 1 / (1 / rate + self.decoding)

    def say(self, line: str) -> None:
        """Tell what was chosen, and keep it for the run."""
        self.said.append(line)
        self.tell(line)

    @property
    def pictures(self) -> int:
        """How many there are to train on."""
        return len(self.source.splits["train"])

    @property
    def split(self) -> str:
        """The split of the final test."""
        return next(name for name in ("test", "val", "train") if name in self.source.splits)

    def reserve(self, rate: float) -> None:
        """Keep the time that the test takes at `rate` pictures a second."""
        needed = len(self.source.splits[self.split]) / rate / 60
        self.reserved = min(needed, MOST_FOR_THE_TEST * self.minutes)
        if needed > self.reserved:
            self.say(f"test: of so many pictures, it takes about {needed - self.reserved:.1f} minutes more")

    def left(self) -> float:
        """Minutes before the test; hardly any where the time is over."""
        return max(1e-3, self.minutes - self.reserved - (time.monotonic() - self.began) / 60)

    def request(self, **options: Any) -> Request:
        """The options of a training command on this data."""
        given = [*(f"{key}={value}" for key, value in self.division.items()), *options.pop("assignments", ())]
        about: dict[str, Any] = {"data": self.data, "source": self.source, "bad_images": self.bad_images}
        return Request(assignments=given, **about, **options)


def pictures_per_second(name: str, side: int, device: torch.device, *, training: bool) -> float:
    """How fast a network goes at a side in pixels, measured on a few batches; without decoding."""
    given = {"input_size": side} if "input_size" in axes(name) else {}
    network = create_model(name, **given).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pictures = torch.randn(16, network.in_channels, side, side, device=device)
    pictures = pictures.contiguous(memory_format=torch.channels_last)

    def once() -> None:
        if training:
            network.train()(pictures).sum().backward()
        else:
            with evaluating(network):
                network(pictures)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)

    once()
    began = time.perf_counter()
    once()
    once()
    return 2 * len(pictures) / (time.perf_counter() - began)
