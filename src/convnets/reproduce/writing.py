"""Writes the file of a result, with all that tells how it came about."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import torch

from ..cache import machine
from ..errors import ResourceError
from ..experiments import find, paper_of
from ..runs import checkpoint
from ..runs.folder import now, revision, versions
from .plan import Plan
from .results import RESULT, Results, Values, made_of, plain, read
from .verdict import judge

OF_A_RUN = "made_of", "setting", "data", "scale", "epochs", "width"  # what does not change from call to call


def write_result(plan: Plan, folder: Path, results: Results, seconds: float, left: int = 0) -> Path:
    """The result file, unless one that says the same is there. `seconds` is what its jobs took, `left` how many there
    are still to be done."""
    path = folder / RESULT
    content, before = _content(plan, results, seconds, left), read(path) or {}
    if all(before.get(key) == content[key] for key in OF_A_RUN):
        if json.dumps(before["arms"]) == json.dumps(content["arms"]) and before.get("left") == left:
            return path  # nothing was computed since, and that by which it was is the truth
        for key in ("revision", "machine"):
            content[key] = "; ".join(dict.fromkeys([*before[key].split("; "), content[key]]))
    write(path, json.dumps(content, separators=(",", ":")))
    return path


def _content(plan: Plan, results: Results, seconds: float, left: int) -> Values:
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
        "versions": versions(), "command": command(plan), "ended": now(), "left": left, "scale": plan.scale,
        "made_of": made_of(experiment),
    }  # fmt: skip
    if plan.pace:
        content["budget"] = {"minutes": plan.budget, "seconds_an_epoch": round(plan.pace, 2)}
    return content


def command(plan: Plan) -> str:
    """What does it again, on any machine."""
    wanted, trains = find(plan.experiment.id).setting.data, plan.experiment.measure == "train"
    is_wanted = plan.data == wanted or not trains
    source = "" if is_wanted else f" --data {wanted}={shlex.quote(Path(plan.data).name)}"
    is_wide = plan.width == plan.setting.widths[0]
    epochs = (f" --epochs {plan.epochs}" if is_wide else f" --budget {plan.budget:g}m") if trains else ""
    return f"convnets reproduce run {plan.experiment.id}{source} --scale {plan.scale} --seeds {len(plan.seeds)}{epochs}"


def write(path: Path, text: str) -> None:
    """Replace the file in one step. Raises ResourceError where it cannot be written."""
    try:
        checkpoint.write_text(path, text)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; give another place with --out or --to") from None
