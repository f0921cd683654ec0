"""`convnets draw`: networks as pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import papers
from ..errors import ResourceError
from .common import assignments


@click.command()
@click.argument("name")
@click.option("--compare", "others", multiple=True, metavar="NAME", help="Another network, drawn beside it.")
@click.option("--detail", type=click.Choice(["stage", "block", "layer"]), default="block", show_default=True)
@click.option("--set", "texts", multiple=True, metavar="AXIS=VALUE", help="Something the paper varies.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The SVG file  [default: NAME.svg].")
@click.option("--json", "as_json", is_flag=True, help="Print what is drawn as JSON, and write no file.")
def command(
    name: str, others: tuple[str, ...], detail: str, texts: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    """Draw a network as SVG, from the picture to the logits: rows with sizes, branches, shortcuts, folded blocks."""
    names = [papers.find(one).name for one in (name, *others)]
    values = assignments(texts)

    from ..draw.drawing import as_json as plain
    from ..draw.drawing import drawing, picture

    drawings = [drawing(one, detail, **(values if one == names[0] else {})) for one in names]
    if as_json:
        click.echo(json.dumps([plain(one) for one in drawings], ensure_ascii=False))
        return
    write(out or Path(f"{'_and_'.join(names)}.svg"), picture(*drawings))


def write(path: Path, text: str) -> None:
    """A picture into a file, which is named. Raises ResourceError where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; give another file with --out") from None
    click.echo(f"written: {path}")
