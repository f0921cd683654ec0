"""A classifier for a folder of pictures in a given time: which network, which size, which weights, and how.

Whatever is chosen is said, with the reason, and kept in the run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import runs
from ..data import Loader, Source, open_source
from ..errors import DivergedError, ResourceError, UsageError
from ..evaluate import Evaluation, evaluate_network
from ..evaluate.kept import keep
from ..evaluate.pictures import draw_confusion
from ..papers import weights as published
from ..recipes.quick import SMALL
from ..runs.folder import RUN, RunFolder
from ..weights import fetch
from .choose import common_size
from .machine import Machine
from .page import write_report
from .probe import can_be_probed, probe
from .run import start
from .task import Task


class Candidate(NamedTuple):
    """A network to train from scratch, at a side in pixels (0: the pictures' own), and from how many pictures on."""

    network: str
    side: int
    pictures: int


# From the largest down. A small network does better on few pictures, and sees each of them more often in the time.
FOR_PHOTOGRAPHS = Candidate("resnet50", 224, 50_000), Candidate("resnet18", 128, 5_000), Candidate("resnet20", 64, 0)
FOR_SMALL = Candidate("wrn_28_10", 0, 20_000), Candidate("resnet56", 0, 5_000), Candidate("resnet20", 0, 0)
FORWARD = 2.5  # times as many pictures a second in testing as in training, at least
EPOCHS = 12  # a network is not taken where the time is too short to show it all pictures so often
TRAINED = ("torchvision:resnet50", "torchvision:resnet18")  # weights for photographs, the better ones first
SHORT_PASS, LONGEST_PASS = 0.2, 0.5  # shares of the time that a pass of all pictures may take: to prefer, and to probe
LEFT = 0.25  # share of the time that has to be left after a probe, so that fine-tuning is worth a try
# Pictures that are set aside: some to validate on, and where the data has no others, some for the test.
DIVIDED: dict[str, Any] = {"val_is_test": True, "test_fraction": 0.2}
VAL_FRACTION, MOST_TO_VALIDATE, MOST_TO_TEST = 0.1, 2_000, 5_000
FEW = 2_000  # pictures, up to which a network sees each so often that it has to be kept from learning them by heart
FOR_FEW = ("augment.mixup=0.2", "label_smoothing=0.1", "ema=0.99", "optimizer.lr=0.05")
LEAST_TO_SELECT = 200  # validation pictures; of fewer, chance decides which epoch is best


@dataclass(frozen=True)
class Fitted:
    """What came of it: the run folder, the errors on pictures that had no part in it, and what was chosen and why."""

    path: Path
    evaluation: Evaluation
    split: str
    seconds: float
    said: list[str]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        low, high = self.evaluation.top1_interval
        tested = {"error": self.evaluation.top1_error, "low": low, "high": high, "n": self.evaluation.n}
        seconds = round(self.seconds, 1)
        return {"run": str(self.path), "split": self.split, **tested, "seconds": seconds, "said": self.said}


def fit(
    data: str,
    *,
    minutes: float = 10.0,
    weights: str | None = None,
    model: str | None = None,
    scratch: bool = False,
    out: str | None = None,
    seed: int = 0,
    machine: Machine | None = None,
    bad_images: str = "error",
    tell: Callable[[str], object] = print,
) -> Fitted:
    """Train the best classifier for the pictures of `data` that `minutes` on this machine allow, and test it.

    It starts from `weights`, else for photographs from published ones that are at hand or can be downloaded, else, or
    where `scratch` is asked for, from no weights. `model` names the network of weights that do not say it. `data` is
    what --data takes; its validation pictures are the test where it has no other, and where it has neither, some are
    set aside. Raises UsageError and DataError as training does.
    """
    RunFolder.check_out(out)
    if not 0 < minutes < math.inf:
        raise UsageError(f"--minutes {minutes:g}: must be above 0")
    if scratch and weights is not None:
        raise UsageError("--scratch starts from no weights; leave --weights away")
    machine = machine or Machine(torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu"))
    task = Task(data, _division(data, seed), machine, minutes, model, out, bad_images, tell)
    task.say(_described(task.source))
    chosen = weights if weights is not None or scratch else _weights_at_hand(task)
    folder = _from_scratch(task) if chosen is None else _from_weights(task, chosen)
    return _tested(task, folder)


def _division(data: str, seed: int) -> dict[str, Any]:
    """How the pictures are divided; of many, a smaller share validates. Raises UsageError where there are none."""
    splits = open_source(data, val_fraction=0, seed=seed, **DIVIDED).splits
    if "train" not in splits:
        raise UsageError(f"{data}: has no pictures to train on; give class folders, or train/CLASS/*")
    count = len(splits["train"])
    fractions = {
        "val_fraction": round(min(VAL_FRACTION, MOST_TO_VALIDATE / count), 4),
        "test_fraction": round(min(DIVIDED["test_fraction"], MOST_TO_TEST / count), 4),
    }
    return {**DIVIDED, **fractions, "seed": seed}


def _described(source: Source) -> str:
    counts = ", ".join(f"{len(split):,} to {verb}" for verb, name in
                       (("train on", "train"), ("validate on", "val"), ("test on", "test"))
                       if (split := source.splits.get(name)))  # fmt: skip
    size = common_size(source)
    sides = "of all sizes" if size is None else f"of {size} pixels"
    return f"data {source.name}: pictures {sides}, {len(source.classes)} classes; {counts}"


def _weights_at_hand(task: Task) -> str | None:
    """Published weights that suit the pictures and the time; None, saying why, where there are none."""
    size = common_size(task.source)
    if task.source.channels != 3 or (size is not None and size <= SMALL):
        task.say("weights: none; published ones are for photographs, and these pictures are small or grey")
        return None
    passes = {}
    for chosen in TRAINED:
        about = published.find(chosen)
        passes[chosen] = _passes(task, task.speed(about.network, about.size, training=False))
    quick = [chosen for chosen in TRAINED if passes[chosen] <= SHORT_PASS]
    reason = ""
    for chosen in [*quick, *sorted(set(TRAINED) - set(quick), key=passes.__getitem__)]:
        try:
            fetch(chosen)
        except UsageError as error:
            reason = reason or str(error)
            continue
        task.say(f"weights: {chosen}; one pass of all pictures takes {passes[chosen]:.0%} of the time")
        return chosen
    task.say(f"weights: none at hand ({reason}); trained from scratch")
    return None


def _passes(task: Task, rate: float) -> float:
    """The share of the time that a network takes which sees so many pictures a second to see all of them once."""
    return task.pictures / rate / (60 * task.minutes)


def _from_weights(task: Task, chosen: str) -> RunFolder:
    """A probe, and where time is left a fine-tuned network that starts from it: the better one in validation."""
    loaded = runs.load(chosen, model=task.model)
    network = loaded.network
    rate = task.speed(network.name, loaded.preprocess.size, training=False)
    task.reserve(rate)
    folder = RunFolder.create(f"{network.name}-fit", task.out)
    too_long = _passes(task, rate) > LONGEST_PASS
    if too_long or not can_be_probed(network):
        why = "a pass over all pictures takes too long" if too_long else "its classifier is no logistic regression"
        task.say(f"recipe finetune, without a probe: {why}")
        return _moved_up(_tuned(task, chosen, folder), folder)
    request = task.request(weights=chosen, model=task.model)
    probed, result, checked = probe(request, task.machine, str(folder.path / "probe"))
    known = "" if checked is None else f"; {checked.top1_error:.2f} % validation error"
    task.say(f"probe: a logistic regression on {result.length} features, C = {result.strength:g}{known}")
    if checked is None or task.left() < LEFT * task.minutes:
        task.say(f"recipe: the probe; {'no time is left' if checked else 'nothing validates'} to fine-tune")
        return _moved_up(probed, folder)
    try:
        tuned = _tuned(task, str(probed.path), folder)
    except (DivergedError, UsageError, ResourceError) as error:  # it diverges, takes too long, or too much memory
        task.say(f"recipe: the probe; fine-tuning failed ({error})")
        return _moved_up(probed, folder)
    best = runs.load(tuned.path).state["best"]
    is_better = (best["error"], best["loss"]) < (checked.top1_error, checked.loss)
    task.say(
        f"recipe: {'the fine-tuned network' if is_better else 'the probe'}, for it has the lower validation error: "
        f"{checked.top1_error:.2f} % probed, {best['error']:.2f} % fine-tuned"
    )
    return _moved_up(tuned if is_better else probed, folder)


def _tuned(task: Task, chosen: str, folder: RunFolder) -> RunFolder:
    given = _selection(task)
    options: dict[str, Any] = {"weights": chosen, "model": task.model, "recipe": "finetune"}
    request = task.request(assignments=given, minutes=task.left(), **options)
    return start(request, _silent(task.machine), str(folder.path / "finetuned"))


def _moved_up(run: RunFolder, folder: RunFolder) -> RunFolder:
    """Make a run that lies inside `folder` that folder's own."""
    for path in sorted(run.path.iterdir(), key=lambda path: path.name == RUN):  # a folder with a run.json is a run
        path.replace(folder.path / path.name)
    run.path.rmdir()
    return folder


def _from_scratch(task: Task) -> RunFolder:
    """The largest network that suits the number of pictures and has time to see them often."""
    size = common_size(task.source)
    small = size is not None and size <= SMALL
    side = size if small and size is not None else 0
    candidates = [one for one in (FOR_SMALL if small else FOR_PHOTOGRAPHS) if one.pictures <= task.pictures]
    for one in candidates:
        rate = task.speed(one.network, one.side or side, training=True)
        epochs = 60 * task.left() * rate / task.pictures
        if epochs >= EPOCHS or one is candidates[-1]:
            break
    task.reserve(FORWARD * rate)
    task.say(
        f"network {one.network} at {one.side or side} pixels: the largest for {task.pictures:,} pictures that the time "
        f"allows; at {rate:,.0f} pictures/s about {max(1, round(epochs)):,} times each"
    )
    given, why = [f"preprocess.size={one.side}"] if one.side else [], ""
    if task.pictures <= FEW:
        given, why = [*given, *FOR_FEW], ", with mixed pictures, soft labels and averaged weights for so few"
    task.say(f"recipe quick: one cycle{why}")
    given += _selection(task)
    request = task.request(model=one.network, recipe="quick", assignments=given, minutes=task.left())
    return start(request, _silent(task.machine), task.out, f"{one.network}-fit")


def _silent(machine: Machine) -> Machine:
    """The same without a page at the end of the training, which comes after the test."""
    return replace(machine, report=False)


def _selection(task: Task) -> list[str]:
    """The last epoch's weights where there are too few pictures to tell which epoch's are the best."""
    validating = len(task.source.splits.get("val", ()))
    if validating >= LEAST_TO_SELECT:
        return []
    task.say(f"weights of the last epoch: {validating} pictures are too few to tell which epoch's are the best")
    return ["select=last"]


def _tested(task: Task, folder: RunFolder) -> Fitted:
    """The errors of a run on its test pictures, else on those that it was validated on; all is noted in run.json."""
    loaded, source, split = runs.load(folder.path), task.source, task.split
    workers = task.machine.loaders(source.splits[split])
    loader = Loader(source.splits[split], loaded.preprocess, batch_size=128, workers=workers,
                    statistics=loaded.statistics)  # fmt: skip
    device = task.machine.device
    evaluation = evaluate_network(loaded.network.to(device), loader, loaded.preprocess, device, True,
                                  statistics=loaded.statistics)  # fmt: skip
    draw_confusion(evaluation, loaded.classes, folder.path / f"confusion-{split}.png",
                   f"{loaded.network.name} on {source.name}, {split} split")  # fmt: skip
    keep(loaded, source, split, {"1crop": evaluation})
    fitted = Fitted(folder.path, evaluation, split, time.monotonic() - task.began, task.said)
    folder.write_run(folder.read_run() | {"fit": {"minutes": task.minutes, **fitted.to_json()}})
    write_report(folder, source, task.machine)
    return fitted
