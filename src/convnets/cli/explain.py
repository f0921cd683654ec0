"""`convnets explain`: where in a picture a network sees its classes."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DataError, UsageError
from .common import device_option, load_run, pick_device, picture_path, split_run, table, weights_options
from .predict import find_pictures

if TYPE_CHECKING:
    from ..explain.answers import Answer, Files

METHODS = ["auto", "cam", "gradcam", "occlusion", "guided", "deconv", "integrated"]


@click.command(short_help="Where in a picture a network sees its classes.")
@click.argument("paths", metavar="RUN PICTURE...", nargs=-1)
@weights_options
@click.option("--method", type=click.Choice(METHODS), default="auto", show_default=True,
              help="auto: class activation maps where they are exact, else Grad-CAM.")  # fmt: skip
@click.option("--row", default="", help="The row whose maps Grad-CAM shows  [default: the last before the head].")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Classes shown for each picture.")
@click.option("--compare", "others", multiple=True, metavar="RUN", help="Another network, explained beside it.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("explained"), show_default=True)
@click.option("--img-size", type=click.IntRange(1), help="Another input size than the network was tested with.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the maps as JSON, a line for each picture; no files.")
@click.pass_context
def command(
    context: click.Context, paths: tuple[str, ...], model: str | None, weights: str | None, allow_nonfinite: bool,
    method: str, row: str, top: int, others: tuple[str, ...], out: Path, img_size: int | None, device: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Show where RUN sees its best classes in each PICTURE: a PNG for each and one page, in the folder --out.

    A PICTURE is a file, a folder of them, or a quoted pattern. A bad picture is reported and the others are explained
    (exit 2).
    """
    run, paths = split_run(paths, weights)
    items = [item for path in paths for _, item in find_pictures(path)]
    if not items:
        raise UsageError("no pictures given; name files, folders, or patterns in quotes")
    names = [item for item in items if isinstance(item, str) and (item in paths or not is_ours(Path(item), out))]
    bad = [item for item in items if isinstance(item, DataError)]

    from ..evaluate import Predictor
    from ..explain.answers import Files, answers, said

    loaded = load_run(run, model, weights, allow_nonfinite=allow_nonfinite)
    asked = [(run or weights or "", loaded), *((other, load_run(other, None, None)) for other in others)]
    is_new = not as_json and not out.exists()
    if not as_json:
        picture_path(str(out / "index.html"))
    files, told = Files(out, names, [name for name, _ in asked]), set[str]()
    for error in bad:
        tell(error, told)
    try:
        for name, source in asked:
            predictor = Predictor(source, input_size=img_size, device=pick_device(device))
            for answer in answers(name, predictor, names, method=method, row=row, top=top):
                if isinstance(answer, DataError):
                    tell(answer, told)
                elif as_json:
                    click.echo(json.dumps(said(answer), ensure_ascii=False))
                else:
                    say(answer, len(asked) > 1)
                    files.add(answer)
    finally:  # also of what was done before Ctrl-C
        finish(files, is_new)
    if told:
        context.exit(2)


def finish(files: Files, is_new: bool) -> None:
    """The page, and the names of all files; a folder that was made for nothing goes."""
    for path in [*files.written, files.page()] if files.written else []:
        click.echo(f"written: {path}")
    if is_new and not files.written:
        with suppress(OSError):
            files.folder.rmdir()


def tell(error: DataError, told: set[str]) -> None:
    """Report a picture that cannot be read, once."""
    if str(error) not in told:
        told.add(str(error))
        click.echo(f"convnets: {error}", err=True)


def is_ours(path: Path, out: Path) -> bool:
    """Whether an earlier call wrote this file: it is no picture to explain, unless it is named."""
    return path.resolve().parent == out.resolve() and re.search(rf"\.({'|'.join(METHODS)})(-|$)", path.stem) is not None


def say(answer: Answer, several: bool) -> None:
    """The best classes of a picture, as `predict` says them."""
    guesses = zip(answer.names, answer.probabilities, strict=True)
    rows = [(rank, f"{probability:.2%}", name) for rank, (name, probability) in enumerate(guesses, 1)]
    _, _, *lines = table(["", "", ""], rows, right={0, 1}).split("\n")
    head = click.format_filename(answer.path) + (f" ({answer.run})" if several else "")
    click.echo("\n".join([head, *(f"  {line}" for line in lines)]))
