"""`convnets demo`: the whole way on built-in data, from training to predictions on pictures."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import device_option, pick_device

if TYPE_CHECKING:
    from ..data import Split

PICTURES = 15


@click.command()
@click.option("--out", metavar="DIR", help="The run folder itself [default: runs/demo, runs/demo-2, ...].")
@click.option("--epochs", type=int, metavar="N", help="Train N epochs instead of the recipe's.")
@device_option
def command(out: str | None, epochs: int | None, device: str) -> None:
    """Train a small network on handwritten digits, test it, and predict on pictures."""
    from .. import runs
    from ..data import Loader, open_source
    from ..evaluate import Predictor, evaluate_network
    from ..evaluate.pictures import draw_confusion, draw_predictions
    from ..train import run
    from ..train.machine import Machine
    from ..train.plan import Request

    chosen = pick_device(device)
    print("1. train ResNet-20 of He et al. on scikit-learn's handwritten digits", flush=True)
    folder = run.start(Request(epochs=epochs), Machine(chosen), out, name="demo").path

    print("\n2. evaluate on the test split, which training never saw", flush=True)
    loaded = runs.load(folder)
    test = open_source("digits").splits["test"]
    network = loaded.network.to(chosen)
    result = evaluate_network(network, Loader(test, loaded.preprocess, batch_size=256), loaded.preprocess, chosen)
    draw_confusion(result, loaded.classes, folder / "confusion-test.png", "resnet20 on digits, test split")
    low, high = result.top1_interval
    print(f"test accuracy {100 - result.top1_error:.2f} %: error {result.top1_error:.2f} % "
          f"(95 % interval {low:.2f} to {high:.2f}) on {result.n} pictures")

    print("\n3. predict on picture files", flush=True)
    paths = save_pictures(test, folder / "pictures")
    predictions = Predictor(folder, device=str(chosen))([str(path) for path in paths])
    shown = []
    for index, (path, prediction) in enumerate(zip(paths, predictions, strict=True)):
        truth = loaded.classes[test.labels[index]]
        best = f"{prediction.classes[0]}  {prediction.probabilities[0]:.1%}"
        shown.append((test.pictures.load(index), best, prediction.classes[0] == truth))
        print(f"{path}  ->  {best}")
    draw_predictions(shown, folder / "predictions.png")

    print(f"\npictures to look at, all in {folder}:")
    for name, what in (("curves.png", "loss and error while training"), ("confusion.png", "validation"),
                       ("confusion-test.png", "who was taken for whom"), ("predictions.png", "the pictures above")):
        print(f"  {folder / name}  {what}")
    program = "convnets" if shutil.which("convnets") else sys.argv[0]
    print("what to type next:")
    print(f"  {program} predict {folder} {paths[0]}")
    print(f"  {program} evaluate {folder} --data digits")
    print(f"  {program} show resnet20")
    print(f"  {program} train resnet18 --data YOUR/FOLDER     (YOUR/FOLDER/CLASS/*.jpg)")


def save_pictures(test: Split, folder: Path) -> list[Path]:
    """The first test pictures as PNG files."""
    from PIL import Image

    folder.mkdir()
    paths = []
    for index in range(PICTURES):
        path = folder / f"digit-{index:02}.png"
        Image.fromarray(test.pictures.load(index)[:, :, 0]).save(path)
        paths.append(path)
    return paths
