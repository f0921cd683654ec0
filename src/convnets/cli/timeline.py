"""`convnets timeline`: the family tree of the networks as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import picture_path


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("timeline.svg"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the tree and the points as JSON, and write no file.")
def command(out: Path, as_json: bool) -> None:
    """Draw the family tree of the networks, and their published errors against cost, as SVG."""
    from ..draw import timeline

    if as_json:
        click.echo(json.dumps(timeline.as_json(), ensure_ascii=False))
        return
    picture_path(str(out), ".svg").write_text(timeline.timeline(), encoding="utf-8")
    click.echo(f"written: {out}")
