"""The form in which every paper's numbers are kept. Plain data, read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from .protocols import Protocol, printed


@dataclass(frozen=True)
class Paper:
    """Where the networks of a family were published."""

    title: str
    authors: str
    year: int
    venue: str
    arxiv: str | None = None

    @property
    def cited(self) -> str:
        """Who, what and where, in one line."""
        where = f"{self.venue}, arXiv:{self.arxiv}" if self.arxiv else self.venue
        return f"{self.authors}: {self.title}, {where}"


@dataclass(frozen=True)
class Published:
    """A total as the paper prints it: `value`, whose last printed digit stands for `unit`."""

    quantity: str  # "parameters" or "multiply_adds"
    value: float
    unit: float
    where: str

    def agrees(self, ours: int) -> bool:
        """Within one unit of the last digit, since printed figures are cut off as often as they are rounded."""
        return abs(ours - self.value) < self.unit


@dataclass(frozen=True)
class Printed:
    """What the paper prints about one row.

    Its "output" as "64x112x112", its "map" as "112x112", its "channels", or its number of "neurons".
    """

    kind: str
    value: int | str
    where: str

    def agrees(self, output: tuple[int, ...]) -> bool:
        """Whether a row with this output, (C, H, W) or (features,), is as printed."""
        return self._measure(output) == self.value

    def of(self, output: tuple[int, ...]) -> str:
        """The same figure of a row with this output, worded as the paper's."""
        return str(Printed(self.kind, self._measure(output), self.where))

    def _measure(self, output: tuple[int, ...]) -> int | str:
        sides = list(map(str, output))
        ours: dict[str, int | str] = {"output": "x".join(sides), "map": "x".join(sides[1:])}
        ours |= {"channels": output[0], "neurons": prod(output)}
        return ours[self.kind]

    def __str__(self) -> str:
        return str(self.value) if self.kind in ("map", "output") else f"{self.value:,} {self.kind}"


@dataclass(frozen=True)
class Result:
    """A published test error in per cent."""

    dataset: str
    protocol: str
    top1: float | None
    top5: float | None
    where: str
    note: str = ""
    source: str = ""  # stem of the paper that reports it, where that is another one

    @property
    def place(self) -> str:
        """Where it stands, with the paper where it is another one."""
        return f"{self.where} of {self.source}" if self.source else self.where

    @property
    def key(self) -> Protocol | None:
        """The protocol as an object; None where several networks were averaged, or the paper does not say enough."""
        return printed(self.protocol)


@dataclass(frozen=True)
class Entry:
    """One network of the catalogue. `family` is the stem of its files; `departures` are numbers in its model file."""

    name: str
    family: str
    paper: Paper
    input: tuple[int, int, int]
    classes: int
    dataset: str
    parameters: int
    multiply_adds: int
    published: tuple[Published, ...] = ()
    rows: dict[str, Printed] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    departures: tuple[int, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""
    peer: bool = False  # not a paper's network but another library's reading of it, kept in models/peers
