"""`convnets export`: a trained network as other libraries load it."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import UsageError
from .common import load_run, weights_options

FORMS = {
    "safetensors": "network.safetensors", "torchvision": "torchvision.pth", "timm": "timm.safetensors",
    "keras": "keras.weights.h5", "hf": "hf",
}  # fmt: skip


@click.command(short_help="A trained network for other libraries.")
@click.argument("run", required=False)
@weights_options
@click.option("--to", "form", type=click.Choice(list(FORMS)), required=True, help="Our names, theirs, or a hub folder.")
@click.option("--out", "--output", metavar="PATH", help="The file or folder  [default: in the run folder].")
@click.option("--licence", "--license", default="other", show_default=True, help="For the folder's card.")
def command(
    run: str | None, model: str | None, weights: str | None, allow_nonfinite: bool, form: str, out: str | None,
    licence: str,
) -> None:  # fmt: skip
    """Write RUN's weights under the names that torchvision, timm or Keras has for them, or as a folder for the hub.

    `timm.create_model("local-dir:PATH")` loads such a folder. All of them are read back by --weights.
    """
    loaded = load_run(run, model, weights, allow_nonfinite=allow_nonfinite)
    in_run = run is not None and Path(run).is_dir()
    if out is None and not in_run:
        raise UsageError("these weights are in no run folder; say where to with --out PATH")
    path = Path(out) if out is not None else Path(str(run)) / FORMS[form]

    from ..export import save_file, write_folder

    if form == "hf":
        by = "timm and convnets" if write_folder(loaded, path, licence) else "convnets; timm has no such network"
        click.echo(f"{path}: for {by}")
        return
    save_file(loaded, path, form)
    click.echo(f"{path}: {loaded.network.name} for {form}, {path.stat().st_size / 2**20:.1f} MiB")
