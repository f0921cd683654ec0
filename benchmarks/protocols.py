"""Time of test protocols against the obvious way, side by side in one process, from picture files on disk.

Ten crops against ten single predictions (AlexNet, ResNet-18) in two forms: a prediction from the file each time, and
the crops of one decoding asked for one at a time. Dense VGG-16 against the crops that its map stands for, one at every
place, which are run in the quickest batches too. The weights are random; they do not matter for time.

    python benchmarks/protocols.py [--pictures DIR] [--rounds 5] [--count 24]
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from convnets import Predictor, create_model
from convnets.data import NO_STATISTICS, open_source, read_picture
from convnets.evaluate import Member, evaluate_protocols, evaluating
from convnets.evaluate.micro_batch import MicroBatches
from convnets.evaluate.protocols import parse, views
from convnets.evaluate.views import cut
from convnets.spec import Preprocess

PREPROCESS = Preprocess(size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
CPU, STRIDE = torch.device("cpu"), 32


def photographs(folder: Path, count: int) -> None:
    """JPEG files the size of ImageNet's, smooth enough to decode as quickly as photographs."""
    noise = np.random.default_rng(0)
    for index in range(count):
        coarse = noise.integers(0, 256, (12, 16, 3)).astype(np.uint8)
        place = folder / f"class{index % 2}"
        place.mkdir(exist_ok=True)
        Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC).save(place / f"{index}.jpg", quality=90)


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ten_crops(name: str, files: list[Path], folder: Path) -> dict[str, Callable[[], Any]]:
    """What is compared for one network: all ten crops of each file, by three ways."""
    network = create_model(name).eval()
    split = open_source(str(folder), val_fraction=0).splits["train"]
    predictor = Predictor(network, preprocess=PREPROCESS, device="cpu")
    wanted = list(views(parse("10crop"), PREPROCESS))
    member = Member(network, PREPROCESS, NO_STATISTICS)

    def single() -> None:
        for path in files:
            for _ in range(10):
                predictor(path)

    def one_at_a_time() -> None:
        batches = MicroBatches(member, CPU, lambda *_: None, batch_size=1)
        with evaluating(network):
            for path in files:
                for view, crop in cut(read_picture(path), wanted, PREPROCESS, NO_STATISTICS):
                    batches.add(crop, view.mirrored, False, None)

    return {
        "ten single predictions": single,
        "ten crops, one at a time": one_at_a_time,
        "10crop": lambda: evaluate_protocols(network, split, ["10crop"], PREPROCESS),
    }


def dense(files: list[Path]) -> dict[str, Callable[[], Any]]:
    """VGG-16 slid over each file at shorter side 256, and its crops at every place of the map, mirrored too."""
    network = create_model("vgg16").eval()
    member = Member(network, PREPROCESS, NO_STATISTICS)
    wanted = list(views(parse("dense@256"), PREPROCESS))

    def run(is_dense: bool) -> None:
        batches = MicroBatches(member, CPU, lambda *_: None, dense=is_dense)
        with evaluating(network):
            for path in files:
                for view, picture in cut(read_picture(path), wanted, PREPROCESS, NO_STATISTICS):
                    pieces = [picture] if is_dense else places(picture)
                    for piece in pieces:
                        batches.add(piece, view.mirrored, is_dense, None)
            batches.finish()

    return {"crops at every place": lambda: run(False), "dense@256": lambda: run(True)}


def places(picture: np.ndarray) -> list[np.ndarray]:
    """The crops that the places of the map stand for."""
    tops, lefts = (range(0, side // STRIDE * STRIDE - 224 + 1, STRIDE) for side in picture.shape[:2])
    return [picture[top : top + 224, left : left + 224] for top, left in itertools.product(tops, lefts)]


def compare(title: str, ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Times all ways in turns, the last one against each of the others; median ratios with their spread."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, work in ways.items():
            spent = timed(work)
            if turn:  # the first round warms up
                seconds[way].append(spent)
    *others, ours = ways
    medians = {}
    for other in others:
        ratios = [one / two for one, two in zip(seconds[ours], seconds[other], strict=True)]
        medians[f"{title}: {ours} / {other}"] = round(statistics.median(ratios), 3)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{title:10} {ours} takes {spread} of {other}", flush=True)
    return medians


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", metavar="DIR", help="JPEG photographs  [default: made for it].")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=24, help="Pictures for the ten crops; a quarter of them is dense.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.pictures:
            for index, path in enumerate(sorted(Path(options.pictures).glob("*.JP*G"))[: options.count]):
                (folder / f"class{index % 2}").mkdir(exist_ok=True)
                (folder / f"class{index % 2}" / f"{index}.jpg").write_bytes(path.read_bytes())
        else:
            photographs(folder, options.count)
        files = sorted(folder.glob("*/*.jpg"))
        found: dict[str, float] = {}
        for name in ("alexnet", "resnet18"):
            found |= compare(name, ten_crops(name, files, folder), options.rounds)
        found |= compare("vgg16", dense(files[: max(1, len(files) // 4)]), options.rounds)
    machine = {"torch": torch.__version__, "threads": torch.get_num_threads(), "machine": platform.machine()}
    print(json.dumps({"median_ratio": found, "pictures": len(files), **machine}))


if __name__ == "__main__":
    main()
