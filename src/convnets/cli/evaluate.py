"""`convnets evaluate`: the errors of a trained network on a split of a data set."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CheckpointError, UsageError
from .common import device_option, load_run, pick_device, table, weights_options

if TYPE_CHECKING:
    from ..data import Source
    from ..evaluate import Evaluation
    from ..runs import Loaded


@click.command(short_help="Test errors of a trained network.")
@click.argument("run", required=False)
@weights_options
@click.option("--data", "--data-dir", metavar="SRC", help="Pictures, named as for train  [default: the run's own].")
@click.option("--split", type=click.Choice(["test", "val", "train"]), help="Default: test if there is one, else val.")
@click.option("--batch-size", "-b", type=click.IntRange(1), default=128, show_default=True)
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@device_option
@click.option("--out", metavar="DIR", help="Folder for the confusion picture; else the run folder.")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    run: str | None,
    model: str | None,
    weights: str | None,
    data: str | None,
    split: str | None,
    batch_size: int,
    workers: int,
    device: str,
    out: str | None,
    bad_images: str,
    as_json: bool,
) -> None:
    """Evaluate RUN, a run folder or checkpoint file: errors in percent with 95 % intervals, class by class.

    Data without splits is evaluated whole, unless the run was trained on it: then on the part set aside to validate.
    """
    from ..data import Loader
    from ..evaluate import evaluate_network

    loaded = load_run(run, model, weights)
    source, split = _open(loaded, data, split, bad_images)
    if not loaded.state:  # weights that bring no names take the data's
        loaded = dataclasses.replace(loaded, classes=source.classes)
    chosen = pick_device(device)
    loader = Loader(source.splits[split], loaded.preprocess, batch_size=batch_size, workers=workers)
    network = loaded.network.to(chosen)
    result = evaluate_network(network, loader, loaded.preprocess, device=chosen, progress=True)
    picture = _draw(loaded, source, split, result, out)
    if as_json:
        about = {"run": str(loaded.path), "data": source.name, "split": split}
        click.echo(json.dumps({**about, **result.to_json(loaded.classes), "picture": picture and str(picture)}))
    else:
        _print(loaded, source, split, result)
        click.echo(f"\nconfusion matrix: {picture or 'not drawn; --out DIR says where to'}")


def _open(loaded: Loaded, data: str | None, split: str | None, bad_images: str) -> tuple[Source, str]:
    """The data with the one split to evaluate, every picture of it checked, and that split's name.

    Pictures that the run never saw, and that come without splits, are evaluated one and all: split `all`.
    """
    from ..data import check, open_source

    trained_on = loaded.state.get("source", {})
    spec = data or trained_on.get("spec")
    if spec is None:
        raise UsageError("these weights do not say what they were trained on; give --data SRC, such as --data digits")
    recipe = loaded.state.get("recipe", {})
    fraction, seed = recipe.get("val_fraction", 0.1), recipe.get("seed", 0)
    source = open_source(spec, val_fraction=fraction, seed=seed, allow_empty=True)
    if split is None and source.fingerprint["sha256"] != trained_on.get("fingerprint", {}).get("sha256"):
        whole = open_source(spec, val_fraction=0, allow_empty=True)
        if set(whole.splits) == {"train"}:
            source, split = dataclasses.replace(whole, splits={"all": whole.splits["train"]}), "all"
    split = split or next((name for name in ("test", "val", "train") if name in source.splits), "test")
    if split not in source.splits:
        raise UsageError(f"{spec}: has no {split} split; it has {', '.join(source.splits)}; choose one with --split")
    check_classes(loaded.classes, source.classes, spec, named=bool(loaded.state))
    return check(dataclasses.replace(source, splits={split: source.splits[split]}), bad=bad_images), split


def check_classes(own: Sequence[str], given: Sequence[str], spec: str, named: bool = True) -> None:
    """Raise CheckpointError unless the data has the network's classes in the same order, or if not `named` as many."""
    if len(own) != len(given):
        raise CheckpointError(
            f"{spec}: the network has other classes than the data: {len(own)} vs {len(given)} "
            f"({_few(own)} against {_few(given)}); evaluate on data of the same classes"
        )
    differing = [f"{i}: {a!r} vs {b!r}" for i, (a, b) in enumerate(zip(own, given, strict=True)) if a != b]
    if differing and named:
        raise CheckpointError(
            f"{spec}: {len(differing)} of the {len(own)} class names differ between network and data, "
            f"at position {_few(differing, 10)}; rename the data's class folders"
        )


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _draw(loaded: Loaded, source: Source, split: str, result: Evaluation, out: str | None) -> Path | None:
    """The confusion picture, in --out or the run folder; weights that are in no run folder get none unasked."""
    from ..evaluate.pictures import draw_confusion

    folder = Path(out) if out is not None else loaded.path.parent
    if out is None and not (folder / "run.json").is_file():
        return None
    title = f"{loaded.network.name} on {source.name}, {split} split"
    try:
        return draw_confusion(result, loaded.classes, folder / f"confusion-{split}.png", title)
    except OSError as error:
        click.echo(f"convnets: {folder}: cannot write the confusion picture ({error.strerror}); use --out", err=True)
        return None


def _print(loaded: Loaded, source: Source, split: str, result: Evaluation) -> None:
    low1, high1 = result.top1_interval
    low5, high5 = result.top5_interval
    rows = [
        ("top-1 error", f"{result.top1_error:.2f} %", f"{low1:.2f} to {high1:.2f} %"),
        ("top-5 error", f"{result.top5_error:.2f} %", f"{low5:.2f} to {high5:.2f} %"),
        ("loss", f"{result.loss:.4f}", ""),
        ("calibration error", f"{result.calibration_error:.2f} %", ""),
        ("n", f"{result.n:,}", ""),
    ]
    click.echo(table([f"{loaded.network.name} on {source.name}, {split} split", "", "95 % interval"], rows, right={1}))
    click.echo()
    per_class = [
        (row.name, row.n, row.correct, "" if row.error is None else f"{row.error:.2f} %", row.most_confused_with or "")
        for row in result.per_class(loaded.classes)
    ]
    click.echo(table(["class", "n", "correct", "error", "most confused with"], per_class, right={1, 2, 3}))
    sys.stdout.flush()
