"""`convnets export`: a trained network as other libraries and runtimes load it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..spec import division
from .common import load_run, table, weights_options

if TYPE_CHECKING:
    from ..runs import Loaded

FORMS = {
    "safetensors": "network.safetensors", "torchvision": "torchvision.pth", "timm": "timm.safetensors",
    "keras": "keras.weights.h5", "hf": "hf", "onnx": "network.onnx", "openvino": "network.xml", "torch": "network.pt2",
}  # fmt: skip
RUNTIMES = ("onnx", "openvino", "torch")


@click.command(short_help="A trained network for other libraries and runtimes.")
@click.argument("run", required=False)
@weights_options
@click.option("--to", "--format", "form", type=click.Choice(list(FORMS)), required=True, help="What it is for.")
@click.option("--out", "--output", metavar="PATH", help="The file or folder  [default: in the run folder].")
@click.option("--int8", is_flag=True, help="In eight bits (onnx, openvino); needs --calibrate.")
@click.option("--calibrate", metavar="SRC", help="Pictures for --int8, named as for --data: to calibrate and to test.")
@click.option("--split", type=click.Choice(["val", "test"]), help="Where --int8 is tested  [default: val, else test].")
@click.option("--max-loss", type=click.FloatRange(0, 100), help="Points that --int8 may lose  [default: 1].")
@click.option("--licence", "--license", default="other", show_default=True, help="For the folder's card.")
def command(
    run: str | None, model: str | None, weights: str | None, allow_nonfinite: bool, form: str, out: str | None,
    int8: bool, calibrate: str | None, split: str | None, max_loss: float | None, licence: str,
) -> None:  # fmt: skip
    """Write RUN's weights under the names that torchvision, timm or Keras has for them, as a folder for the hub, or as
    a file that a runtime answers with by itself: for ONNX Runtime, OpenVINO or torch.export.

    `timm.create_model("local-dir:PATH")` loads such a folder. --weights reads weights back. A file for a runtime holds
    preprocessing and class names too, is compared with the network before it is kept, and predict answers with it.
    """
    if int8 and (form not in ("onnx", "openvino") or calibrate is None):
        raise UsageError("--int8 goes with --to onnx or openvino, and needs pictures: --calibrate SRC")
    if not int8 and (calibrate or split or max_loss is not None):
        raise UsageError("--calibrate, --split and --max-loss are for --int8")
    if max_loss is not None and max_loss != max_loss:
        raise UsageError("--max-loss nan: give points of accuracy, such as 0.5")
    loaded = load_run(run, model, weights, allow_nonfinite=allow_nonfinite)
    in_run = run is not None and Path(run).is_dir()
    if out is None and not in_run:
        raise UsageError("these weights are in no run folder; say where to with --out PATH")
    name = FORMS[form].replace("network.", "network-int8.") if int8 else FORMS[form]
    path = Path(out) if out is not None else Path(str(run)) / name

    from ..export import save_file, write_folder

    if int8:
        _write_int8(loaded, path, form, str(calibrate), split, 1.0 if max_loss is None else max_loss)
    elif form in RUNTIMES:
        _write_runtime(loaded, path, form)
    elif form == "hf":
        by = "timm and convnets" if write_folder(loaded, path, licence) else "convnets; timm has no such network"
        click.echo(f"{path}: for {by}")
    else:
        save_file(loaded, path, form)
        click.echo(f"{path}: {loaded.network.name} for {form}, {_size(path)}")


def _write_runtime(loaded: Loaded, path: Path, form: str) -> None:
    from ..export import write_file

    checked = write_file(loaded, path, form)
    sizes = {
        "pictures": "uint8 pictures of any size",
        "whole": f"uint8 pictures of {_sides(checked.about.side)}",
        "crops": f"uint8 crops of {_sides(checked.about.side)}",
    }
    click.echo(f"{path}: {loaded.network.name} for {form}, {_size(path)}; takes {sizes[checked.about.form]}")
    click.echo(
        f"compared with the network on {checked.pictures} pictures, kept in {path.with_suffix('.samples.npz').name}: "
        f"logits within {checked.off:.1e} of the largest"
    )


def _write_int8(loaded: Loaded, path: Path, form: str, spec: str, split: str | None, max_loss: float) -> None:
    from ..data import check, open_source
    from ..export import write_int8

    source = check(open_source(spec, **division(loaded.state.get("recipe", {})), allow_empty=True))
    if tuple(source.classes) != tuple(loaded.classes) and loaded.named:
        raise UsageError(f"--calibrate {spec}: its classes are not the network's")
    cost = write_int8(loaded, path, form, source, max_loss, split)
    rows = [
        (name, f"{right:,}", f"{100 * right / cost.n:.2f} %")
        for name, right in (("float32", cost.before), ("int8", cost.after))
    ]
    click.echo(table(["", f"right of {cost.n:,}", f"{source.name} {cost.split}"], rows, right={1, 2}))
    click.echo(
        f"{path}: {loaded.network.name} for {form} with {cost.bits}-bit weights, {_size(path)}; calibrated on "
        f"{cost.calibrated_on} pictures; {abs(cost.loss):.2f} points {'lost' if cost.loss >= 0 else 'gained'}"
    )


def _sides(side: tuple[int | None, int | None]) -> str:
    return f"{side[0]} x {side[1]}"


def _size(path: Path) -> str:
    parts = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    total = sum(part.stat().st_size for part in parts)
    return f"{total / 2**20:.1f} MiB"
