"""`convnets compare`: trained runs beside each other, with a paired test for each two."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import PAGES, device_option, pick_device, picture_path, table


@click.command(short_help="Runs beside each other, with a paired test for each two.")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", default="compare.html", show_default=True, help="The HTML file.")
@click.option("--data", "--data-dir", metavar="SRC", help="Where their pictures are  [default: where they were].")
@click.option("--split", type=click.Choice(["test", "val", "train"]), help="Default: test if there is one, else val.")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers of each picture as JSON; write no file.")
@device_option
def command(
    runs: tuple[Path, ...], out: str, data: str | None, split: str | None, workers: int, as_json: bool, device: str
) -> None:
    """Compare run folders that were trained on the same data: their results on the same pictures, McNemar's test of
    each two, the settings that differ, and their curves in one picture."""
    from ..explain import page
    from ..explain.compare import about_tests, compare
    from ..explain.sections import value_text

    path = None if as_json else picture_path(out, *PAGES)
    found = compare(runs, data=data, split=split, device=pick_device(device), workers=workers, progress=True)
    if path is None:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    header, rows = found.results()
    click.echo(f"{found.contenders[0].outcome.title}, {found.contenders[0].outcome.evaluation.n:,} pictures\n")
    if origin := found.contenders[0].outcome.origin():
        click.echo(f"{origin}\n")
    click.echo(table(header, rows, right=range(2, 9)))
    header, rows = found.tests()
    click.echo(f"\n{table(header, rows, right=range(2, 7))}\n\n{about_tests(found)}\n")
    differing = [[key, *map(value_text, values)] for key, values in found.settings()]
    names = [one.name for one in found.contenders]
    click.echo(table(["setting", *names], differing) if differing else "no setting differs")
    click.echo(f"\nwritten: {page.write(path, found.page())}")
