"""`convnets report`: a run as one page that opens from disk."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import PAGES, device_option, pick_device, picture_path


@click.command(short_help="A run as one page: curves, test, mistakes, calibration, speed, data.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", help="The HTML file  [default: RUN/report.html].")
@click.option("--data", "--data-dir", metavar="SRC", help="Where its pictures are  [default: where they were].")
@click.option("--split", type=click.Choice(["test", "val", "train"]), help="Default: test if there is one, else val.")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers of each picture as JSON; write no file.")
@device_option
def command(
    run: Path, out: str | None, data: str | None, split: str | None, workers: int, as_json: bool, device: str
) -> None:
    """Write one HTML file about RUN, a run folder. It holds all it shows and needs no network: recipe with sources,
    curves, test results, classes, a confusion matrix that leads to its pictures, the most confident mistakes, doubts,
    labels that may be wrong, calibration, speed and size, the network's drawing, and what the data holds."""
    from ..explain.report import REPORT, report, write
    from ..runs import RunFolder

    RunFolder.open(run)
    path = None if as_json else picture_path(out or str(run / REPORT), *PAGES)
    found = report(run, data=data, split=split, device=pick_device(device), workers=workers, progress=True,
                   note=path is not None)  # fmt: skip
    if path is None:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    one = found.outcome.evaluation
    low, high = one.top1_interval
    click.echo(f"{found.outcome.title}: {one.top1_error:.2f} % error ({low:.2f} to {high:.2f} %) of {one.n:,} pictures")
    if origin := found.outcome.origin():
        click.echo(origin)
    if found.noted is not None:
        click.echo(f"written: {found.noted}")
    click.echo(f"written: {write(found, path)}")
