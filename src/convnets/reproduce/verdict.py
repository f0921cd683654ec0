"""What the results say of a claim, by a rule that is stated: paired differences over seeds, and an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from ..experiments import Expectation, Experiment

HOLDS, FAILS, OPEN = "holds", "does not hold at this scale", "undecided"
LEAST_SEEDS, CONFIDENCE = 3, 0.95
FEW = 3.0  # epochs: what comes sooner came too soon to tell between two epochs
ABOVE = 0.97  # of the error of chance: above it nothing was learned
LEARNING = "test_error", "train_error", "clean_train_error", "train_loss", "epochs_to"  # how well, or fast, arms learn
RULE = (
    "For each expected relation the differences of the two arms are paired by seed, and a 95 % confidence interval of "
    "their mean is taken (Student's t). Below: holds where the whole interval is on that side of 0 and the mean no "
    "smaller than the least difference that counts, and does not hold at this scale where the interval lies wholly "
    "short of that difference. Within, about the same: holds where the interval lies within the difference on both "
    "sides, and does not where it lies outside. No worse: holds where the interval lies on the better side of the "
    "difference, and does not where it lies on the other. A claim holds where all its relations do, and does not "
    "where one of them does not. Fewer than three seeds decide nothing, nor do arms of which neither learned more "
    "than chance with most of its seeds, nor, where more than how well they learn is compared, an arm that did not, "
    "nor differences that are all exactly 0, nor what most runs reach within three epochs. Where six seeds were run "
    "because three left a claim undecided, the 95 % are nominal."
)


@dataclass(frozen=True)
class Finding:
    """One relation: the mean difference high - low, its interval, what follows, and the least that counts."""

    relation: str
    mean: float
    low: float
    high: float
    verdict: str
    least: float
    bound: str = ""  # what the mean is, where what was waited for did not come in every run

    @property
    def is_exact(self) -> bool:
        """Whether all seeds say the same."""
        return self.high - self.low <= 1e-9 * abs(self.mean)


@dataclass(frozen=True)
class Verdict:
    """What follows for the claim, and from what."""

    verdict: str
    findings: list[Finding]


def judge(experiment: Experiment, results: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Verdict:
    """The verdict on results by arm and seed."""
    results = compared(experiment, results)
    found = [_finding(pair, experiment, results) for pair in experiment.expectations()]
    verdicts = [finding.verdict for finding in found]
    if FAILS in verdicts:
        return Verdict(FAILS, found)
    return Verdict(HOLDS if found and set(verdicts) == {HOLDS} else OPEN, found)


def compared(
    experiment: Experiment, results: Mapping[str, Mapping[int, Mapping[str, Any]]]
) -> Mapping[str, Mapping[int, Mapping[str, Any]]]:
    """The results by what is compared: the arms, or values of one arm against each other, where it learned."""
    if not experiment.contrasts:
        return results
    return {name: {seed: {experiment.metric: at(values, key)} for seed, values in results.get(arm, {}).items()
                   if learned(values)} for name, (arm, key) in experiment.contrasts.items()}  # fmt: skip


def at(values: Any, path: str) -> Any:
    """The value at a dotted path, in a list by number or so many percent of the way; None where it leads nowhere."""
    for key in path.split("."):
        try:
            values = values[_place(key, len(values))] if isinstance(values, list) else values[key]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _place(key: str, count: int) -> int:
    return max(0, round(float(key[:-1]) / 100 * count) - 1) if key.endswith("%") else int(key)


def _finding(pair: Expectation, experiment: Experiment, results: Any) -> Finding:
    low, high = results.get(pair.low, {}), results.get(pair.high, {})
    seeds, metric = sorted(set(low) & set(high)), pair.metric or experiment.metric
    differences = np.array([_difference(low[seed], high[seed], metric) for seed in seeds])
    relation = f"{pair.metric}: " * bool(pair.metric) + f"{pair.low} {pair.sign} {pair.high}"
    mean, bottom, top = interval(differences)
    least = pair.least or experiment.least
    said = _verdict(pair, len(seeds), (mean, bottom, top), least)
    if experiment.measure == "train" and _says_nothing(experiment, metric, low, high, differences):
        said = OPEN
    return Finding(relation, mean, bottom, top, said, least, _bound(mean, low, high) if metric == "epochs_to" else "")


def _bound(mean: float, low: Mapping[int, Mapping[str, Any]], high: Mapping[int, Mapping[str, Any]]) -> str:
    """Where one of the arms came later than what was counted, to which side the mean is wrong."""
    sooner, later = (any(not one.get("reached", True) for one in by_seed.values()) for by_seed in (low, high))
    if sooner and later:
        return ", roughly"
    return "" if not sooner and not later else " at least" if later == (mean > 0) else " at most"


def _says_nothing(experiment: Experiment, metric: str, low: Any, high: Any, differences: np.ndarray) -> bool:
    """Whether neither arm learned, or one did not where more than how well it learned is compared; or all is equal."""
    if experiment.contrasts:
        return len(differences) > 0 and not differences.any()
    arms = [2 * sum(map(learned, by_seed.values())) > len(by_seed) for by_seed in (low, high)]
    enough = any(arms) if metric in LEARNING or not experiment.learning else all(arms)
    soon = metric == "epochs_to" and too_soon([*low.values(), *high.values()])
    return not enough or soon or (len(differences) > 0 and not differences.any())


def too_soon(runs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most came to what was waited for within so few epochs that they do not tell which was first."""
    known = [one for one in runs if one.get("epochs_to") is not None]
    soon = [one for one in known if one.get("reached", True) and one["epochs_to"] < FEW]
    return 2 * len(soon) > len(known)


def learned(values: Mapping[str, Any]) -> bool:
    """Whether a network that was trained does better than chance."""
    chance = values.get("chance", 90.0)
    return float(values.get("test_error") or 0.0) < ABOVE * float(chance)


def _difference(low: Mapping[str, Any], high: Mapping[str, Any], metric: str) -> float:
    """high - low; no number where one is missing, or what was waited for came in neither."""
    values = [at(one, metric) for one in (low, high)]
    if None in values or not (low.get("reached", True) or high.get("reached", True)):
        return math.nan
    return float(values[1]) - float(values[0])


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean and the ends of its confidence interval; without end where there are fewer than two, or one is no number."""
    if not len(differences) or not np.isfinite(differences).all():
        return math.nan, -math.inf, math.inf
    mean = float(differences.mean())
    if len(differences) < 2:
        return mean, -math.inf, math.inf
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * differences.std(ddof=1) / len(differences) ** 0.5)
    return mean, mean - reach, mean + reach


def _verdict(pair: Expectation, seeds: int, found: tuple[float, float, float], least: float) -> str:
    mean, low, high = found
    if seeds < LEAST_SEEDS:
        return OPEN
    if pair.sign == "<~":
        if low > -least:
            return HOLDS
        return FAILS if high < -least else OPEN
    if pair.sign == "~":
        if -least <= low and high <= least:
            return HOLDS
        return FAILS if low > least or high < -least else OPEN
    if low > 0 and mean >= least:
        return HOLDS
    return FAILS if high < least else OPEN
