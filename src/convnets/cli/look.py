"""`convnets look`: what is inside a trained network, as a page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .common import PAGES, device_option, load_run, pick_device, picture_path, trained_on, weights_options

if TYPE_CHECKING:
    from ..data import Source
    from ..runs import Loaded


@click.command(short_help="What is inside a trained network, as a page.")
@click.argument("run", required=False)
@weights_options
@click.option("--data", "--data-dir", metavar="SRC", help="Pictures to look at  [default: the run's own].")
@click.option("--pictures", type=click.IntRange(1), default=1000, show_default=True, help="At most so many of them.")
@click.option("--picture", metavar="FILE", help="Whose maps are shown  [default: the first of the pictures].")
@click.option("--row", default="", metavar="ROW", help="Whose maps and channels are shown  [default: an early one].")
@click.option("--channels", type=click.IntRange(1), default=8, show_default=True, help="Shown with what excites them.")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@device_option
@click.option("--out", metavar="FILE", help="The page  [default: look.html in the run folder, else look-NAME.html].")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers behind the page as JSON, and write no file.")
def command(
    run: str | None, model: str | None, weights: str | None, allow_nonfinite: bool, data: str | None, pictures: int,
    picture: str | None, row: str, channels: int, workers: int, device: str, out: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Look inside RUN: filters, maps, what excites channels, dead units, normalisations, gates, receptive fields.

    Writes one page that needs nothing but itself. Pictures are the run's test split, else its validation split, or
    evenly spread ones where there are more than --pictures. Weights that know no data are shown without them.
    """
    where, loaded = pick_device(device), load_run(run, model, weights, allow_nonfinite=allow_nonfinite)
    folder = loaded.path.parent
    usual = folder / "look.html" if (folder / "run.json").is_file() else Path(f"look-{loaded.network.name}.html")
    page = Path() if as_json else picture_path(out or str(usual), *PAGES)

    from ..data.imagenet import class_names
    from ..evaluate.features import Eye
    from ..evaluate.inputs import pixels_of
    from ..explain.inside import check_row
    from ..explain.look import as_json as plain
    from ..explain.look import look
    from ..explain.look_page import look_page
    from ..explain.page import write

    network = loaded.network.to(where)
    if row:
        check_row(network, row)
    eye = Eye(network, loaded.preprocess, loaded.statistics, where, workers)
    pixels = None if picture is None else pixels_of(picture, loaded.preprocess.channels)
    is_known = data is not None or bool(loaded.state.get("source"))
    source, name = _pictures(loaded, data, pictures) if is_known else (None, "")
    if source is None:
        found = look(eye, row, picture=pixels, channels=channels)
        about = f"{loaded.path}, without pictures: give --data SRC for all that is measured on some"
    else:
        split = source.splits[name]
        readable = class_names()  # ImageNet's classes are stored by their WordNet ids
        classes = [readable.get(one, one) for one in source.classes]
        found = look(eye, row, split, classes, pixels, channels)
        about = f"{loaded.path}, looking at {len(split):,} pictures of {source.name}, {name} split"
    if as_json:
        click.echo(json.dumps({"run": str(loaded.path), **plain(found)}, ensure_ascii=False))
        return
    click.echo(f"written: {write(page, look_page(found, about))}")


def _pictures(loaded: Loaded, data: str | None, most: int) -> tuple[Source, str]:
    """Evenly spread pictures of the test split, else of another, and that split's name; all of them can be read."""
    import numpy as np

    from ..data import check, open_source
    from ..spec import division

    spec = data or trained_on(loaded)
    source = open_source(spec, **division(loaded.state.get("recipe", {})), allow_empty=True)
    name = next((name for name in ("test", "val", "train") if len(source.splits.get(name, ()))), None)
    if name is None:
        raise UsageError(f"{spec}: holds no pictures to look at; give others with --data")
    split = source.splits[name]
    spread = np.unique(np.linspace(0, len(split) - 1, min(most, len(split))).round().astype(int))
    bad = loaded.state.get("source", {}).get("bad_images", "error")
    return check(replace(source, splits={name: split.take(spread)}), bad=bad), name
