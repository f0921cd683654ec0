"""The file of a result: everything that a report says, and what it was made of."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from pathlib import Path
from typing import Any

import torch

from ..cache import machine
from ..errors import ResourceError, UsageError
from ..experiments import Experiment, find, paper_of
from ..runs import checkpoint
from ..runs.folder import now, revision, versions
from .plan import Plan, at_scale
from .verdict import Verdict, judge

RESULT = "result.json"
NEEDED = {"id", "paper", "data", "setting", "said", "arms", "cost_seconds", "machine", "revision", "versions",
          "command", "ended"}  # of a result file
MAKES = "network", "recipe", "arms", "measure", "options", "probes", "rates"  # fields of what the values come of
Values = dict[str, Any]
Results = dict[str, dict[int, Values]]


def write_result(plan: Plan, folder: Path, results: Results, seconds: float, left: int = 0) -> Path:
    """The result file. `seconds` is what its jobs took, `left` how many there are still to be done."""
    experiment, verdict = plan.experiment, judge(plan.experiment, results)
    by_arm = {arm: {str(seed): values for seed, values in sorted(one.items())} for arm, one in results.items()}
    device = torch.device(plan.device if experiment.measure == "train" else "cpu")
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    content = {
        "id": experiment.id, "paper": paper_of(experiment), "data": Path(plan.data).name,
        "setting": plain(plan.setting), "epochs": plan.epochs, "width": plan.width, "seeds": list(plan.seeds),
        "said": list(plan.said),
        "verdict": verdict.verdict, "findings": [plain(finding) for finding in verdict.findings],
        "arms": by_arm, "cost_seconds": round(seconds, 1), "machine": hardware, "revision": revision(),
        "versions": versions(), "command": _command(plan), "ended": now(), "left": left, "scale": plan.scale,
        "made_of": made_of(experiment),
    }  # fmt: skip
    if plan.pace:
        content["budget"] = {"minutes": plan.budget, "seconds_an_epoch": round(plan.pace, 2)}
    path = folder / RESULT
    write(path, json.dumps(content, separators=(",", ":")))
    return path


def made_of(experiment: Experiment) -> Values:
    """What the values of an experiment come of, as JSON has it."""
    whole = plain(experiment)
    return {key: whole[key] for key in MAKES}


def _command(plan: Plan) -> str:
    """What does it again, on any machine."""
    data, trains = plan.setting.data, plan.experiment.measure == "train"
    source = "" if plan.data == data or not trains else f" --data {data}={shlex.quote(Path(plan.data).name)}"
    is_wide = plan.width == plan.setting.widths[0]
    epochs = (f" --epochs {plan.epochs}" if is_wide else f" --budget {plan.budget:g}m") if trains else ""
    return f"convnets reproduce run {plan.experiment.id}{source} --scale {plan.scale} --seeds {len(plan.seeds)}{epochs}"


def read_result(path: Path) -> tuple[Values, Results, Verdict]:
    """A result file, its values by arm and seed, and the verdict by today's rule.

    Raises UsageError where there is none, a damaged one, or one that other arms than today's have made.
    """
    content = read(path)
    if content is None or not set(content) >= NEEDED:
        raise UsageError(f"{path}: no result there, or a damaged one; convnets reproduce run ID makes one")
    experiment = find(content["id"])
    today = made_of(at_scale(experiment, content.get("scale", "small"))[0])
    if content.get("made_of", today) != today or set(content["arms"]) != set(experiment.arms):
        raise UsageError(f"{path}: made of other arms than {experiment.id} has today; {content['command']} --overwrite "
                         "makes it anew")  # fmt: skip
    results = {arm: {int(seed): values for seed, values in by_seed.items()} for arm, by_seed in content["arms"].items()}
    return content, results, judge(experiment, results)


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


def write(path: Path, text: str) -> None:
    """Replace the file in one step. Raises ResourceError where it cannot be written."""
    try:
        checkpoint.write_text(path, text)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; give another place with --out or --to") from None
