"""`convnets fit`: a classifier for a folder of pictures, everything chosen for the data, the machine and the time."""

from __future__ import annotations

import contextlib
import json
import sys

import click

from .common import device_option, pick_device


@click.command(short_help="The best classifier for a folder of pictures that a few minutes allow.")
@click.argument("data", metavar="DIR")
@click.option("--minutes", type=float, default=10.0, show_default=True, metavar="M", help="How long it may take.")
@click.option("--weights", metavar="W", help="Start from these  [default: published ones, if they can be had].")
@click.option("--model", metavar="NAME", help="Network that the --weights belong to, where they do not say it.")
@click.option("--scratch", is_flag=True, help="Start from no weights at all.")
@click.option("--out", "--output", metavar="RUN", help="The run folder  [default: runs/NETWORK-fit, ...].")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Weights, order, what is set aside.")
@click.option("--workers", "-j", type=click.IntRange(0), help="Processes that load  [default: as many as help].")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; what happens goes to standard error.")
@click.option("--no-report", is_flag=True, help="Write no page about the run (RUN/report.html) at its end.")
@device_option
def command(
    data: str, minutes: float, weights: str | None, model: str | None, scratch: bool, out: str | None, seed: int,
    workers: int | None, bad_images: str, as_json: bool, no_report: bool, device: str,
) -> None:  # fmt: skip
    """Look at the pictures of DIR, choose network, size and recipe for them, this machine and the time, train or probe,
    and test the result on pictures that had no part in it. DIR is whatever --data takes elsewhere."""
    from ..train.fit import fit
    from ..train.machine import Machine

    machine = Machine(pick_device(device), workers, report=not no_report)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        fitted = fit(
            data, minutes=minutes, weights=weights, model=model, scratch=scratch, out=out, seed=seed,
            machine=machine, bad_images=bad_images,
        )  # fmt: skip
    result = fitted.evaluation
    if as_json:
        click.echo(json.dumps(fitted.to_json()))
        return
    low, high = result.top1_interval
    click.echo(
        f"{fitted.split} error {result.top1_error:.2f} % ({low:.2f} to {high:.2f} %) of {result.n:,} pictures, "
        f"after {fitted.seconds / 60:.1f} minutes"
    )
    click.echo(f"next: convnets predict {fitted.path} PICTURE   or   convnets evaluate {fitted.path}")
