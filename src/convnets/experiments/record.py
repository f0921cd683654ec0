"""What an experiment is: a claim of a paper as arms that override one recipe, and what the claim expects of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RELATION = re.compile(r"\s*(<~|<|~)\s*")
EXPECTED = re.compile(r"(?:(?P<metric>[a-z_.0-9]+): )?(?P<relation>.+?)(?: by (?P<least>[0-9.]+))?")


class Expectation(NamedTuple):
    """That the metric of `low` is below that of `high` (`sign` <), about the same (~) or at least no higher (<~).

    The metric and the least difference that counts are the experiment's, unless they stand here.
    """

    low: str
    high: str
    sign: str
    metric: str = ""
    least: float = 0.0


@dataclass(frozen=True)
class Arm:
    """One of the things compared: what it sets of the network and of the recipe, over what the experiment sets.

    `network` is a name of the catalogue or of `reproduce.networks`, `values` are its axes. `start` are those of a
    network that is trained before, and whose rows this one begins with.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    recipe: tuple[str, ...] = ()
    network: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The values, and what it begins as."""
        values, start = (", ".join(f"{key} = {value}" for key, value in one.items())
                         for one in (self.values, self.start))  # fmt: skip
        return f"{values}; begins as {start} ended" if start else values


@dataclass(frozen=True)
class Setting:
    """On what and for how long: the data set, pixels a side, pictures of each split (0: all), and epochs at most.

    `widths` are the shares of the network's channels that may be taken, the first for which the budget lasts.
    `least_size` is what the network needs.
    """

    data: str = "cifar10"
    size: int = 16
    pictures: int = 10_000
    tests: int = 5_000
    epochs: int = 15
    least_epochs: int = 4
    widths: tuple[float, ...] = (1.0,)
    batch_size: int = 64
    least_size: int = 1


@dataclass(frozen=True)
class Experiment:
    """A claim and how it is tried.

    `expect` are relations of the arms by `metric`: "relu < tanh", "a < b < c", "a ~ b" for about the same, or
    "a <~ b" for no worse. A difference below `least` does not count, and "about the same" is within it. A relation of
    something else, or with another least difference, says so: "train_loss: a < b by 0.02". `measure` names what is done
    with each arm and seed: "train", or another procedure of `reproduce.measures`; `probes` what is looked at while
    training.
    `contrasts` are further arms for a claim about one and the same network: each is a value (arm, key) of another arm's
    result (a dotted path leads into lists). `rates` are tried for each arm by itself before, where the claim says that
    it was so. `covers` are the entries of the paper's oracle. `published` holds the paper's own numbers by arm, `unit`
    says of what. `full` are values that take the place of the arms' own where an experiment runs at the paper's scale.
    """

    id: str
    title: str
    question: str  # what a reader would like to know
    claim: str
    where: str
    covers: tuple[str, ...]
    arms: Mapping[str, Arm]
    expect: tuple[str, ...]
    metric: str = "test_error"
    unit: str = "% test error"
    least: float = 0.5
    network: str = ""
    recipe: tuple[str, ...] = ()
    setting: Setting = Setting()
    seeds: int = 3
    rates: tuple[float, ...] = ()
    contrasts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    measure: str = "train"
    options: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[str, ...] = ()
    published: Mapping[str, float | str] = field(default_factory=dict)
    figure: str = "curves"
    full: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""  # whose claim it is where it is not the paper's
    differs: str = ""  # from the paper, beyond data, size and time
    learning: bool = True  # a network that learned nothing says nothing, whatever is measured

    def expectations(self) -> list[Expectation]:
        """The relations pair by pair."""
        return [pair for text in self.expect for pair in pairs(text)]


def pairs(text: str) -> list[Expectation]:
    """The pairs of neighbours in a relation such as "a < b ~ c"."""
    found = EXPECTED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a relation: {text!r}")
    metric, least, parts = found["metric"] or "", float(found["least"] or 0), RELATION.split(found["relation"])
    neighbours = zip(parts[::2], parts[1::2], parts[2::2], strict=False)
    return [Expectation(low, high, sign, metric, least) for low, sign, high in neighbours]
