"""The file of a result: everything that a report says, and what it was made of. Read without torch."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UsageError
from ..experiments import Experiment, find
from .plan import at_scale
from .verdict import Verdict, judge

RESULT = "result.json"
NEEDED = {"id", "paper", "data", "setting", "scale", "said", "arms", "cost_seconds", "machine", "revision", "versions",
          "command", "ended", "made_of", "version", "verdict", "seeds"}  # of a result file
MAKES = "network", "recipe", "arms", "measure", "options", "probes", "rates"  # fields of what the values come of
Values = dict[str, Any]
Results = dict[str, dict[int, Values]]


class Result(NamedTuple):
    """A result file, the experiment at the scale it ran at, the values by arm and seed, and the verdict by today's
    rule."""

    content: Values
    experiment: Experiment
    results: Results
    verdict: Verdict


def read_result(path: Path) -> Result:
    """Raises UsageError where there is none, a damaged one, or one that other arms than today's have made."""
    anew = f"convnets reproduce run {path.parent.name}"
    if not path.exists():
        raise UsageError(f"{path}: no result there; {anew} makes one")
    content = read(path)
    if content is None or not set(content) >= NEEDED:
        raise UsageError(f"{path}: damaged, or no result; {anew} writes it anew, from the jobs that are kept")
    try:
        experiment, _ = at_scale(find(content["id"]), content["scale"])
        if content["made_of"] != made_of(experiment) or set(content["arms"]) != set(experiment.arms):
            raise UsageError(f"{path}: made of other arms than {experiment.id} has today; {content['command']} "
                             "--overwrite makes it anew")  # fmt: skip
        results = {arm: {int(seed): one for seed, one in by_seed.items()} for arm, by_seed in content["arms"].items()}
        return Result(content, experiment, results, judge(experiment, results))
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: damaged, {error}; {anew} writes it anew, from the jobs that are kept") from None


def made_of(experiment: Experiment) -> Values:
    """What the values of an experiment come of, as JSON has it."""
    whole = plain(experiment)
    return {key: whole[key] for key in MAKES}


def plain(value: Any) -> Values:
    """Dataclasses as JSON has them, which knows no infinity."""
    found = json.loads(json.dumps(dataclasses.asdict(value), default=dict))
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in found.items()}


def read(path: Path) -> Values | None:
    """The JSON object of a file; None where there is none, or not a whole one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
