"""`convnets neighbours`: the training pictures that a trained network finds most like a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from ..errors import UsageError
from .common import device_option, load_run, pick_device, picture_path, split_run, table, trained_on, weights_options
from .evaluate import check_classes


@click.command(short_help="Training pictures most like a picture.")
@click.argument("paths", metavar="RUN PICTURE...", nargs=-1)
@weights_options
@click.option("--data", "--data-dir", metavar="SRC", help="Pictures to search  [default: the run's own].")
@click.option("--split", default="train", show_default=True, help="Which of them.")
@click.option("--top", "-k", type=click.IntRange(1), default=5, show_default=True, help="How many for each picture.")
@click.option("--row", default="", metavar="ROW", help="Compare this row's maps instead of what the classifier sees.")
@click.option("--out", "--output", metavar="FILE.png", help="Draw them beside the first PICTURE.")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per PICTURE and nothing else.")
@device_option
def command(
    paths: tuple[str, ...], model: str | None, weights: str | None, allow_nonfinite: bool, data: str | None,
    split: str, top: int, row: str, out: str | None, workers: int, as_json: bool, device: str,
) -> None:  # fmt: skip
    """Show the training pictures most like each PICTURE: those in which RUN sees the most similar things.

    What it sees in the training pictures is remembered, so that the next question takes no time.
    """
    run, pictures = split_run(paths, weights)
    if not pictures:
        raise UsageError("no pictures given; name the files whose neighbours to look for")
    drawn = picture_path(out) if out is not None else None
    loaded = load_run(run, model, weights, allow_nonfinite=allow_nonfinite)
    spec = data or trained_on(loaded)

    from ..data import check, open_source
    from ..evaluate import Predictor
    from ..evaluate.neighbours import draw_neighbours, neighbours
    from ..spec import division

    source = open_source(spec, **division(loaded.state.get("recipe", {})), allow_empty=True)
    if split not in source.splits:
        raise UsageError(f"{spec}: has no {split} split; it has {', '.join(source.splits)}; choose one with --split")
    predictor = Predictor(loaded, device=pick_device(device), classes=source.classes if not loaded.named else None)
    check_classes(loaded.classes, source.classes, spec, named=loaded.named)
    bad = loaded.state.get("source", {}).get("bad_images", "error")
    searched = check(replace(source, splits={split: source.splits[split]}), bad=bad).splits[split]
    found = neighbours(predictor, searched, pictures, k=top, row=row, workers=workers)
    for picture, nearest in zip(pictures, found, strict=True):
        if as_json:
            rows = [{"path": one.name, "class": one.label, "similarity": one.similarity} for one in nearest]
            click.echo(json.dumps({"path": picture, "neighbours": rows}, ensure_ascii=False))
            continue
        lines = [(f"{one.similarity:.3f}", one.label, one.name) for one in nearest]
        click.echo(f"{picture}\n{table(['similarity', 'class', 'picture'], lines, right={0})}\n")
    if drawn is not None:
        click.echo(f"drawn: {draw_neighbours(predictor, searched, Path(pictures[0]), found[0], drawn)}", err=as_json)
