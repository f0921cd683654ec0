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
from .plan import VERSION, Plan
from .results import RESULT, Results, Values, made_of, plain
from .verdict import judge


def write_result(plan: Plan, folder: Path, results: Results, seconds: float, left: int = 0) -> Path:
    """The result file. `seconds` is what its jobs took, `left` how many there are still to be done."""
    experiment, verdict = plan.experiment, judge(plan.experiment, results)
    makers, by_arm = [], dict[str, dict[str, Values]]()
    for arm, by_seed in results.items():
        by_arm[arm] = {}
        for seed, values in sorted(by_seed.items()):
            makers.append(values.get("made_by") or made_by(plan))
            by_arm[arm][str(seed)] = {key: value for key, value in values.items() if key != "made_by"}
    makers.sort(key=lambda one: one["ended"])
    content = {
        "id": experiment.id, "paper": paper_of(experiment), "data": Path(plan.data).name,
        "setting": plain(plan.setting), "epochs": plan.epochs, "width": plan.width, "seeds": list(plan.seeds),
        "said": list(plan.said),
        "verdict": verdict.verdict, "findings": [plain(finding) for finding in verdict.findings],
        "arms": by_arm, "cost_seconds": round(seconds, 1), **makers[-1],
        **{key: "; ".join(dict.fromkeys(one[key] for one in makers)) for key in ("machine", "revision")},
        "command": command(plan), "left": left, "scale": plan.scale, "made_of": made_of(experiment), "version": VERSION,
    }  # fmt: skip
    if plan.pace:
        content["budget"] = {"minutes": plan.budget, "seconds_an_epoch": round(plan.pace, 2)}
    path = folder / RESULT
    write(path, json.dumps(content, separators=(",", ":")))
    return path


def made_by(plan: Plan) -> Values:
    """By what a job is done, and when."""
    device = torch.device(plan.device if plan.experiment.measure == "train" else "cpu")
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    return {"machine": hardware, "revision": revision() or "unknown", "versions": versions(), "ended": now()}


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
