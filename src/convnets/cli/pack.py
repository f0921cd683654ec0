"""`convnets pack`: a data set as one file that is read at random."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..errors import UsageError


@click.command(short_help="A data set as one file, smaller and quicker to read.")
@click.argument("data", metavar="SRC")
@click.argument("out", metavar="OUT")
@click.option("--short-side", type=click.IntRange(1), default=256, show_default=True, metavar="PX",
              help="Resize what is larger to this shorter side.")  # fmt: skip
@click.option("--quality", type=click.IntRange(1, 100), help="JPEG quality of what is resized  [default: 95].")
@click.option("--raw", is_flag=True, help="Plain pixels instead of JPEG: several times larger and quicker.")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--allow-empty", is_flag=True, help="Allow class folders without pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    data: str, out: str, short_side: int, quality: int | None, raw: bool, bad_images: str, allow_empty: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Write the pictures of SRC, which is anything that --data takes, to the file OUT, which --data then takes too.

    Smaller JPEG and PNG files stay as they are. Stopped at any moment, the same command goes on where it was. Hugging
    Face's datasets.Dataset.from_file opens OUT as well.
    """
    if raw and quality is not None:
        raise UsageError("--raw stores plain pixels, which have no --quality; leave one of them out")

    from ..data import open_source
    from ..data.pack import pack

    source = open_source(data, val_fraction=0, allow_empty=allow_empty)
    packed = pack(source, Path(out), short_side, None if raw else quality or 95, bad=bad_images, progress=not as_json)
    if as_json:
        click.echo(json.dumps({"pack": out, **vars(packed)}))
        return
    counts = ", ".join(f"{count:,} {split}" for split, count in packed.samples.items())
    left_out = f"; {packed.skipped} left out" if packed.skipped else ""
    click.echo(f"{out}: {counts}, {packed.bytes / 2**20:.1f} MiB, read back and verified{left_out}")
    click.echo(f"next: convnets train NAME --data {out}")
