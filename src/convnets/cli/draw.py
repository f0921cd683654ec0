"""`convnets draw`: networks as pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import papers
from .common import assignments, no_garbage, picture_path


@click.command()
@click.argument("name")
@click.option("--compare", "others", multiple=True, metavar="NAME", help="Another network, drawn beside it.")
@click.option("--detail", type=click.Choice(["stage", "block", "layer"]), default="block", show_default=True)
@click.option("--set", "texts", multiple=True, metavar="AXIS=VALUE", help="Something the paper varies, of NAME.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The SVG file  [default: NAME.svg].")
@click.option("--json", "as_json", is_flag=True, help="Print what is drawn as JSON, and write no file.")
def command(
    name: str, others: tuple[str, ...], detail: str, texts: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    """Draw a network as SVG, from the picture to the logits: rows with sizes, branches, shortcuts, folded blocks."""
    names, values = [papers.find(one).name for one in (name, *others)], assignments(texts)

    path = out or Path(f"{'_and_'.join(names)}.svg")
    if not as_json:
        picture_path(str(path), ".svg")

    with no_garbage():
        from ..draw.drawing import as_json as plain
        from ..draw.drawing import drawing, picture

        drawings = [drawing(names[0], detail, **values), *(drawing(one, detail) for one in names[1:])]
    if as_json:
        click.echo(json.dumps([plain(one) for one in drawings], ensure_ascii=False))
        return
    path.write_text(picture(*drawings), encoding="utf-8")
    click.echo(f"written: {path}")
