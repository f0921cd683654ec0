"""What the results say of a claim, by a rule that is stated: paired differences over seeds, and an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from ..experiments import Expectation, Experiment

HOLDS, FAILS, OPEN = "holds", "does not hold at this scale", "undecided"
LEAST_SEEDS, CONFIDENCE = 3, 0.95
RULE = (
    "For each expected relation the differences of the two arms are paired by seed, and a 95 % confidence interval of "
    "their mean is taken (Student's t). a < b holds where the whole interval is above 0, and does not hold at this "
    "scale where it lies wholly below the least difference that counts; a ~ b holds where the interval lies within "
    "that difference on both sides, and does not where it lies outside. A claim holds where all its relations do, and "
    "does not where one of them does not. Fewer than three seeds decide nothing."
)


@dataclass(frozen=True)
class Finding:
    """One relation: the mean difference high - low, its interval, and what follows."""

    relation: str
    mean: float
    low: float
    high: float
    verdict: str


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
    """The results by what is compared: the arms, or values of one arm against each other."""
    if not experiment.contrasts:
        return results
    return {name: {seed: {experiment.metric: _at(values, key)} for seed, values in results.get(arm, {}).items()}
            for name, (arm, key) in experiment.contrasts.items()}  # fmt: skip


def _at(values: Any, path: str) -> Any:
    """The value at a dotted path; None where it leads nowhere."""
    for key in path.split("."):
        try:
            values = values[int(key)] if isinstance(values, list) else values[key]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _finding(pair: Expectation, experiment: Experiment, results: Any) -> Finding:
    low, high = results.get(pair.low, {}), results.get(pair.high, {})
    seeds = sorted(set(low) & set(high))
    differences = np.array([_difference(low[seed], high[seed], experiment.metric) for seed in seeds])
    relation = f"{pair.low} {'~' if pair.equal else '<'} {pair.high}"
    mean, bottom, top = interval(differences)
    return Finding(relation, mean, bottom, top, _verdict(pair, len(seeds), bottom, top, experiment.least))


def _difference(low: Mapping[str, Any], high: Mapping[str, Any], metric: str) -> float:
    """high - low; no number where one is missing, or what was waited for came in neither."""
    if None in (low.get(metric), high.get(metric)) or not (low.get("reached", True) or high.get("reached", True)):
        return math.nan
    return float(high[metric]) - float(low[metric])


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean and the ends of its confidence interval; without end where there are fewer than two, or one is no number."""
    if not len(differences) or not np.isfinite(differences).all():
        return math.nan, -math.inf, math.inf
    mean = float(differences.mean())
    if len(differences) < 2:
        return mean, -math.inf, math.inf
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * differences.std(ddof=1) / len(differences) ** 0.5)
    return mean, mean - reach, mean + reach


def _verdict(pair: Expectation, seeds: int, low: float, high: float, least: float) -> str:
    if seeds < LEAST_SEEDS:
        return OPEN
    if pair.equal:
        if -least <= low and high <= least:
            return HOLDS
        return FAILS if low > least or high < -least else OPEN
    if low > 0:
        return HOLDS
    return FAILS if high < least else OPEN
