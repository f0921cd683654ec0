"""`convnets train`: train a network, or continue a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import papers
from ..errors import CheckpointError, UsageError
from .common import device_option, pick_device

if TYPE_CHECKING:
    from ..train.machine import Machine
    from ..train.plan import Request

SHORTCUTS = {  # option -> the field of the recipe that it sets
    "batch_size": "batch_size", "lr": "optimizer.lr", "weight_decay": "optimizer.weight_decay",
    "img_size": "preprocess.size", "val_fraction": "val_fraction", "freeze": "freeze", "unfreeze": "unfreeze",
    "layer_decay": "optimizer.layer_decay", "patience": "patience",
}  # fmt: skip
MINUTES = "--minutes decides the epochs of a new run; it goes with neither --epochs nor --resume"
JSON = "--json prints the plan of --dry-run; a run's figures are in its run.json and metrics.csv"
DRY_RUN = "--dry-run plans a new run; what is left of an old one is told when it is resumed"


@click.command()
@click.argument("name", required=False)
@click.option("--data", "--data-dir", metavar="SRC", help="digits, a folder, CSV or archive of pictures, cifar10 ...")
@click.option("--recipe", metavar="R", help="quick, finetune, or a paper's  [default: the network's own].")
@click.option("--epochs", type=int, metavar="N", help="Train N epochs; every milestone is rescaled in proportion.")
@click.option("--minutes", type=float, metavar="M", help="As many epochs as fit in M minutes on this machine.")
@click.option("--out", "--output", metavar="DIR", help="The run folder itself [default: runs/NAME, runs/NAME-2, ...].")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A field of the recipe, or model.AXIS.")
@click.option("--batch-size", "-b", type=int, metavar="N", help="Same as --set batch_size=N.")
@click.option("--lr", type=float, help="Same as --set optimizer.lr=LR.")
@click.option("--weight-decay", "--wd", type=float, help="Same as --set optimizer.weight_decay=WD.")
@click.option("--img-size", "--imgsz", type=int, metavar="PX", help="Same as --set preprocess.size=PX.")
@click.option("--val-fraction", type=float, help="Share to validate on, where there is no split  [default: 0.1].")
@click.option("--seed", type=int, metavar="N", help="Initial weights, order and augmentation  [default: 0].")
@click.option("--grow-from", metavar="RUN", help="Start from the rows of a trained network that fit.")
@click.option("--weights", metavar="W", help="Start from trained weights: a RUN, a file, torchvision:resnet18 ...")
@click.option("--keep-head", is_flag=True, help="Refuse --weights whose classes are not the data's.")
@click.option("--freeze", metavar="ROWS", help="Same as --set freeze=ROWS: backbone, or until:ROW.")
@click.option("--unfreeze", type=float, metavar="EPOCHS", help="Head first; one more row learns after each EPOCHS.")
@click.option("--layer-decay", type=float, metavar="X", help="Each row learns at X times the rate of the next one.")
@click.option("--patience", type=int, metavar="N", help="Stop when validation has not improved for N epochs.")
@click.option("--resume", metavar="RUN|FILE|auto", help="Continue a run; auto: --out, else the newest unfinished run.")
@click.option("--allow-change", multiple=True, metavar="KEY", help="Let --resume change KEY.")
@click.option("--save-every", metavar="STEPS|5m", help="Save this often as well as after every epoch  [default: 5m].")
@click.option("--workers", "-j", type=click.IntRange(0), help="Processes that load  [default: as many as help].")
@click.option("--compile/--no-compile", "compile_", default=None, help="[default: from half an hour on].")
@click.option("--checkpoint-activations", is_flag=True, help="Less memory: compute activations twice. Same result.")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--allow-empty", is_flag=True, help="Allow class folders without pictures.")
@click.option("--dry-run", is_flag=True, help="Print the whole plan, with time and memory from a few real steps.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: the plan as one JSON object.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs too (extra: convnets[tensorboard]).")
@click.option("--no-report", is_flag=True, help="Write no page about the run (RUN/report.html) at its end.")
@device_option
def command(
    name: str | None, data: str | None, recipe: str | None, epochs: int | None, minutes: float | None,
    out: str | None, assignments: tuple[str, ...], batch_size: int | None, lr: float | None,
    weight_decay: float | None, img_size: int | None, val_fraction: float | None, seed: int | None,
    grow_from: str | None, weights: str | None, keep_head: bool, freeze: str | None, unfreeze: float | None,
    layer_decay: float | None, patience: int | None, resume: str | None, allow_change: tuple[str, ...],
    save_every: str | None, workers: int | None, compile_: bool | None, checkpoint_activations: bool, bad_images: str,
    allow_empty: bool, dry_run: bool, as_json: bool, tensorboard: bool, no_report: bool, device: str,
) -> None:  # fmt: skip
    """Train NAME on the pictures of --data; without either, a small network on the built-in digits."""
    for is_wrong, why in (
        (minutes is not None and (epochs, resume) != (None, None), MINUTES),
        (keep_head and weights is None, "--keep-head is about the classifier of --weights; give some"),
        (as_json and not dry_run, JSON),
        (dry_run and resume is not None, DRY_RUN),
    ):
        if is_wrong:
            raise UsageError(why)
    steps, seconds = read_save_every(save_every)
    options = click.get_current_context().params
    given = [f"{key}={options[name]}" for name, key in SHORTCUTS.items() if options[name] is not None]

    from ..train import run
    from ..train.machine import Machine
    from ..train.plan import Request
    from ..train.resume import resume as go_on

    request = Request(
        name, data, recipe, epochs, seed, [*given, *assignments], bad_images, allow_empty, grow_from, weights,
        keep_head, minutes,
    )  # fmt: skip
    machine = Machine(
        pick_device(device), workers, compile_, steps, seconds, tensorboard, checkpoint_activations, not no_report
    )
    if dry_run:
        _dry_run(request, machine, as_json)
        return
    path = find_run(resume, name, out) if resume else None
    folder = go_on(path, request, machine, allow_change) if path else run.start(request, machine, out)
    print(f"next: convnets evaluate {folder.path}   or   convnets predict {folder.path} PICTURE")


def _dry_run(request: Request, machine: Machine, as_json: bool) -> None:
    from ..train.dry_run import forecast, report
    from ..train.run import planned

    plan, machine = planned(request, machine)
    values = forecast(plan, machine)
    if as_json:
        click.echo(json.dumps(values))
        return
    click.echo("\n".join([*plan.said, report(plan, values)]))


def read_save_every(text: str | None) -> tuple[int, float]:
    """--save-every as (steps, seconds): `200` is steps, `90s`, `5m` and `1h` are times."""
    if text is None:
        return 0, 300.0
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--save-every {text}: give a number of steps such as 200, or a time such as 90s, 5m or 1h")
    number, unit = int(match[1]), match[2]
    if not unit:
        return number, 300.0
    return 0, min(300.0, float(number * {"s": 1, "m": 60, "h": 3600}[unit]))


def find_run(resume: str, name: str | None, out: str | None, root: str = "runs") -> str | None:
    """The run that --resume means; None where `auto` finds none and a new one is to be started."""
    if resume != "auto":
        if out is not None:
            raise UsageError("--out and --resume exclude each other; a resumed run stays in its folder")
        return resume
    if out is not None:
        return out if (Path(out) / "run.json").is_file() else None

    from ..runs.folder import RunFolder

    wanted, unfinished = name and papers.find(name).name, []
    for path in sorted(Path(root).glob("*/run.json")):
        folder = RunFolder(path.parent)
        try:
            run = folder.read_run()
        except CheckpointError as error:
            click.echo(f"warning: passed over: {error}", err=True)
            continue
        if wanted in (None, run["network"]["name"]) and not folder.is_finished():
            unfinished.append((run["started"], str(path.parent)))
    return max(unfinished)[1] if unfinished else None
