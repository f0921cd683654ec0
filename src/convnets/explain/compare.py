"""Trained runs beside each other: what differs in them, their curves, and whether one is better than another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats

from .. import runs
from ..data import Source, Split
from ..errors import CheckpointError, UsageError
from ..runs import Loaded, RunFolder
from ..spec import division, flatten
from . import charts, page
from .inside import finite
from .outcome import Outcome, ask, check_classes, pick_split
from .report import checked, open_data, read_log, read_run
from .sections import curve, points, value_text

EXACT_BELOW = 25  # discordant pictures, below which McNemar's test is the exact binomial one
LEVEL = 0.05


class McNemar(NamedTuple):
    """A paired test of two networks on the same pictures; `exact` says which form of it.

    Counts are of pictures: both right, only the first right, only the second right, both wrong.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    exact: bool


@dataclass(frozen=True, eq=False)
class Contender:
    """A run with its answers; `name` tells it from the others."""

    name: str
    run: dict[str, Any]
    log: list[dict[str, Any]]
    loaded: Loaded
    outcome: Outcome


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs on one split."""

    contenders: list[Contender]

    @property
    def split(self) -> str:
        """The name of the split."""
        return self.contenders[0].outcome.name

    def settings(self) -> list[tuple[str, list[Any]]]:
        """The settings that differ, each with the value of every run, "" where it has none."""
        flat = [_settings(one.run) for one in self.contenders]
        keys = dict.fromkeys(key for values in flat for key in values)
        rows = [(key, [values.get(key, "") for values in flat]) for key in keys]
        return [(key, values) for key, values in rows if any(value != values[0] for value in values)]

    def pairs(self) -> Iterator[tuple[str, str, McNemar]]:
        """The paired test of each two runs."""
        for first, second in combinations(self.contenders, 2):
            yield first.name, second.name, mcnemar(first.outcome.right, second.outcome.right)

    def results(self) -> tuple[list[str], list[list[str]]]:
        """A table of results: its header and a row for each run."""
        header = ["run", "network", "parameters", "epoch", "top-1 error", "95 % interval", "top-5 error", "loss",
                  "calibration error"]  # fmt: skip
        rows = []
        for one in self.contenders:
            found, best = one.outcome.evaluation, one.loaded.state.get("best") or {}
            parameters = sum(parameter.numel() for parameter in one.loaded.network.parameters())
            errors = f"{found.top1_error:.2f} %", "{:.2f} to {:.2f} %".format(*found.top1_interval)
            rows.append([one.name, one.loaded.network.name, f"{parameters:,}", str(best.get("epoch", "")), *errors,
                         f"{found.top5_error:.2f} %", f"{found.loss:.4f}", f"{found.calibration_error:.2f} %"])
        return header, rows

    def tests(self) -> tuple[list[str], list[list[str]]]:
        """A table of the paired tests: its header and a row for each two runs."""
        header = ["first", "second", "both right", "only first", "only second", "both wrong", "p", "test", "better"]
        return header, [[first, second, *(f"{count:,}" for count in test[:4]), f"{test.p_value:.3g}",
                         "exact binomial" if test.exact else "chi-square", _better(first, second, test)]
                        for first, second, test in self.pairs()]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The numbers behind the page, as plain values."""
        found = self.contenders[0].outcome
        plain: dict[str, Any] = finite({
            "data": found.data,
            "fingerprint": found.fingerprint,
            "trained_on": found.trained_on or found.data,
            "split": self.split,
            "runs": [{"name": one.name, "run": str(one.loaded.path.parent), "network": one.loaded.network.name,
                      "curves": one.log, **one.outcome.evaluation.to_json(one.outcome.classes)}
                     for one in self.contenders],
            "settings": [{"field": key, "values": values} for key, values in self.settings()],
            "pairs": [{"first": first, "second": second, **test._asdict()} for first, second, test in self.pairs()],
        })  # fmt: skip
        return plain

    def page(self) -> str:
        """The page, HTML."""
        names, outcome = [one.name for one in self.contenders], self.contenders[0].outcome
        differing = [[key, *map(value_text, values)] for key, values in self.settings()]
        settings = page.table(["setting", *names], differing) if differing else page.paragraph("None differs.")
        header, rows = self.results()
        tests, pairs = self.tests()
        under = (f"{len(names)} runs on {page.isolated(outcome.data)}, looked at on the {outcome.title}, "
                 f"{outcome.evaluation.n:,} pictures. {outcome.origin(page.isolated)}")  # fmt: skip
        return page.page(" and ".join(map(page.isolated, names)), [
            ("Results", page.table(header, rows, range(2, 9)) + _intervals(self.contenders)),
            ("Paired tests", page.paragraph(about_tests(self)) + page.table(tests, pairs, range(2, 7))),
            ("Settings that differ", settings),
            ("Curves", _curves(self.contenders)),
        ], under.strip(), page.made_now())  # fmt: skip


def compare(
    paths: Sequence[str | Path], *, data: str | None = None, split: str | None = None,
    device: torch.device | str = "cpu", workers: int = 0, progress: bool = False,
) -> Comparison:  # fmt: skip
    """Ask several runs about the same pictures: of the test split if there is one, unless `split` says which.

    `data` is where those are, else they are looked for where the first run found them. Raises UsageError for fewer than
    two runs or one given twice, CheckpointError where they were trained on other data, classes or divisions of it.
    """
    folders = [RunFolder.open(path) for path in paths]
    if len(folders) < 2:
        raise UsageError(f"{len(folders) or 'no'} run given; name two or more run folders")
    there = [folder.path.resolve() for folder in folders]
    if twice := next((folder for folder in folders if there.count(folder.path.resolve()) > 1), None):
        raise UsageError(f"{twice.path}: given twice; name two or more different run folders")
    abouts, loaded = [read_run(folder) for folder in folders], [runs.load(folder.path) for folder in folders]
    for folder, about in zip(folders, abouts, strict=True):
        _check_same(folder, about, folders[0], abouts[0])
    spec = data or str(abouts[0]["source"]["spec"])
    source = open_data(loaded[0], spec)
    check_classes(loaded[0], source, spec)
    name = pick_split(source, split, spec)
    for folder, one in zip(folders[1:], loaded[1:], strict=True):
        _check_divided(folder, one, folders[0], loaded[0], spec, name, source)
    source = checked(source, name, abouts[0])
    names = page.names_of([folder.path for folder in folders])
    return Comparison([
        Contender(called, about, read_log(folder), one, ask(one, source, name, device, workers, progress))
        for called, folder, about, one in zip(names, folders, abouts, loaded, strict=True)
    ])  # fmt: skip


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """McNemar's test of whether two networks err equally often, from which pictures (N,) each is right about.

    Only pictures that one of them is right about tell: of few, the exact two-sided binomial test; else chi-square with
    a correction for continuity (Edwards).
    """
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return McNemar(both, only_first, only_second, neither, *_p_value(only_first, only_second))


def _p_value(b: int, c: int) -> tuple[float, bool]:
    """The p-value of these discordant counts, and whether it is the exact one."""
    if b + c < EXACT_BELOW:
        return (float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0), True
    return float(stats.chi2.sf(max(0, abs(b - c) - 1) ** 2 / (b + c), 1)), False


def about_tests(found: Comparison) -> str:
    """How the tests are to be read."""
    count = len(found.contenders) * (len(found.contenders) - 1) // 2
    several = f" There are {count} pairs, and the p-values are not corrected for that." if count > 1 else ""
    return (f"McNemar's test on the {found.contenders[0].outcome.title}: only pictures that one of two runs gets right "
            f"tell them apart. Below p = {LEVEL:g} one is called better. It speaks of these weights and pictures, not "
            f"of what another seed would give.{several}")  # fmt: skip


def _better(first: str, second: str, test: McNemar) -> str:
    if test.p_value >= LEVEL:
        return "neither"
    return first if test.only_first > test.only_second else second


def _check_same(folder: RunFolder, about: dict[str, Any], first: RunFolder, other: dict[str, Any]) -> None:
    """Raise CheckpointError where two runs were trained on other classes or data."""
    for what, here, there in (
        ("classes", about["classes"], other["classes"]),
        ("data", about["source"]["fingerprint"]["sha256"], other["source"]["fingerprint"]["sha256"]),
    ):
        if here != there:
            names = f"{about['source']['name']} against {other['source']['name']}"
            raise CheckpointError(
                f"{folder.path}: trained on other {what} than {first.path} ({names}); compare runs on the same data"
            )


def _check_divided(
    folder: RunFolder, one: Loaded, first_folder: RunFolder, first: Loaded, spec: str, name: str, source: Source
) -> None:
    """Raise CheckpointError where this run has other pictures in the split, which it may then have trained on."""
    if division(one.state["recipe"]) == division(first.state["recipe"]):
        return
    own = open_data(one, spec).splits.get(name)
    if own is None or not _same(own, source.splits[name]):
        raise CheckpointError(
            f"{folder.path}: divided the data otherwise than {first_folder.path}, so its {name} split has other "
            "pictures; compare runs of one --seed and --val-fraction, or on a test split"
        )


def _same(a: Split, b: Split) -> bool:
    """Whether two splits of one data set hold the same pictures in the same order."""
    return np.array_equal(a.labels, b.labels) and all(a.pictures.name(i) == b.pictures.name(i) for i in range(len(a)))


def _settings(about: dict[str, Any]) -> dict[str, Any]:
    """All that a run was told, by dotted name; the data is the same anyway."""
    network = {"network": about["network"]["name"], "model": about["network"]["overrides"]}
    start = {key: about.get(key) for key in ("weights", "grow_from")}
    recipe = {key: value for key, value in about["recipe"].items() if key not in ("name", "source", "model")}
    return flatten({**network, **start, "recipe": about["recipe"]["name"], **recipe})


def _intervals(contenders: Sequence[Contender]) -> str:
    errors = [one.outcome.evaluation.top1_error for one in contenders]
    reaches = [one.outcome.evaluation.top1_interval for one in contenders]
    return charts.bars("Top-1 error with 95 % interval", "per cent", [one.name for one in contenders], errors,
                       reaches=reaches)  # fmt: skip


def _curves(contenders: Sequence[Contender]) -> str:
    panels = []
    for key, title, unit in (("val_error", "Validation error", "per cent"), ("val_loss", "Validation loss", "nats"),
                             ("train_error", "Training error", "per cent"), ("train_loss", "Training loss", "nats"),
                             ("lr", "Learning rate", "rate")):  # fmt: skip
        series = {one.name: found for one in contenders if (found := points(one.log, key))}
        panels.append(curve(title, unit, series, may_be_log=key.endswith("loss")))
    return page.cards(panels)
