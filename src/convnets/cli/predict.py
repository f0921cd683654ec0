"""`convnets predict`: what a trained network takes pictures for."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError, UsageError
from .common import device_option, load_run, pick_device, split_run, table, weights_options

if TYPE_CHECKING:
    from ..evaluate import Prediction, Predictor

Item = tuple[str, str | bytes | DataError]  # what it is called, and where it is, its bytes, or why it is none

PICTURE_START = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|BM....\0\0|II\*\0|MM\0\*|P[1-6]\s", re.DOTALL
)


@click.command(short_help="Classify pictures.")
@click.argument("paths", metavar="RUN PATH...", nargs=-1)
@weights_options
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Classes shown for each picture.")
@click.option("--batch-size", "-b", type=click.IntRange(1), help="Default: 16, or 64 on an accelerator.")
@click.option("--engine", default="auto", show_default=True, help="auto: the fastest, measured once; or its name.")
@click.option("--img-size", type=click.IntRange(1), help="Another input size than the network was tested with.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture and nothing else.")
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[str, ...],
    model: str | None,
    weights: str | None,
    allow_nonfinite: bool,
    top: int,
    batch_size: int | None,
    engine: str,
    img_size: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Classify the pictures PATH... with RUN, a run folder, a checkpoint, or a file from convnets export.

    A PATH is a picture, a folder of them, a quoted pattern such as 'photos/**/*.jpg', or - for standard input: one
    picture, or a list of paths, one per line. A bad picture is reported and the others are answered (exit 2).
    """
    run, paths = split_run(paths, weights)
    if not paths:
        raise UsageError("no pictures given; name files, folders, patterns in quotes, or - for standard input")
    items = [item for path in paths for item in find_pictures(path)]
    if not items:
        raise UsageError("standard input names no pictures; pipe in a picture, or paths one per line")

    from ..evaluate import Predictor

    source: Any = run if weights is None else weights
    if allow_nonfinite:
        source, model = load_run(run, model, weights, allow_nonfinite=True), None
    where = device if device in ("auto", "cpu") else pick_device(device)
    predictor = Predictor(
        source, engine=engine, input_size=img_size, device=where, batch_size=batch_size, model=model
    )
    failed = False
    for name, answer in _answers(predictor, items):
        failed |= isinstance(answer, DataError)
        _say_json(name, answer, top) if as_json else _say(name, answer, top)
    if failed:
        context.exit(2)


def find_pictures(path: str) -> list[Item]:
    """What PATH stands for: a file; a folder's or pattern's pictures, in natural order; for - what is piped in.

    A folder or pattern without pictures is one DataError.
    """
    from ..data.assemble import natural_key

    if path == "-":
        return _standard_input(sys.stdin.buffer.read())
    if Path(path).is_dir():
        found = sorted(_walk(path), key=natural_key)
        return [(name, name) for name in found] or [(path, DataError(f"{path}: no pictures in this folder"))]
    if not Path(path).exists() and glob.has_magic(path):
        matches = glob.glob(path, recursive=True)  # noqa: PTH207 (the pattern may be absolute)
        found = sorted((name for name in matches if Path(name).is_file()), key=natural_key)
        return [(name, name) for name in found] or [(path, DataError(f"{path}: no file matches this pattern"))]
    return [(path, path)]


def _walk(folder: str) -> Iterator[str]:
    """Paths of the picture files below `folder`, by their endings; what is hidden is left out."""
    from ..data.folders import is_picture

    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and is_picture(name):
                yield str(Path(parent, name))


def _standard_input(data: bytes) -> list[Item]:
    if PICTURE_START.match(data):
        return [("-", data)]
    paths = [os.fsdecode(line) for line in data.splitlines() if line.strip()]
    return [item for path in paths for item in (find_pictures(path) if Path(path).is_dir() else [(path, path)])]


def _answers(predictor: Predictor, items: list[Item]) -> Iterator[tuple[str, Prediction | DataError]]:
    """Each item's name with its prediction or its error, in order."""
    answers = predictor.predict_many(item for _, item in items if not isinstance(item, DataError))
    for name, item in items:
        yield name, item if isinstance(item, DataError) else next(answers)[1]


def _say(name: str, answer: Prediction | DataError, top: int) -> None:
    if isinstance(answer, DataError):
        click.echo(f"convnets: {answer}", err=True)
        return
    rows = [(rank, f"{guess.probability:.2%}", guess.name) for rank, guess in enumerate(answer.top(top), 1)]
    _, _, *lines = table(["", "", ""], rows, right={0, 1}).split("\n")
    click.echo("\n".join([click.format_filename(name), *(f"  {line}" for line in lines)]))


def _say_json(name: str, answer: Prediction | DataError, top: int) -> None:
    if isinstance(answer, DataError):
        click.echo(json.dumps({"path": name, "error": str(answer)}))
        return
    guesses = [
        {"class": guess.name, "index": guess.index, "probability": guess.probability} for guess in answer.top(top)
    ]
    click.echo(json.dumps({"path": name, "top": guesses}))
