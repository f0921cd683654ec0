"""Training crops from photographs: ours beside ImageFolder with torchvision's v1 transforms.

    python benchmarks/crops.py --data imagenet-samples --json crops.json

Random crops of 224 pixels by area and aspect, flips, and normalisation to a float batch of 64, which is what a network
on a CPU is given. Each contender runs as it comes: the peer's DataLoader with as many worker processes as there are
cores, ours with as many threads; then each in a single process. Torch, simplejpeg and Pillow are held to one thread
each. Rounds are interleaved; of each round the processor time of all processes for one crop is taken, which neighbours
on the machine disturb less than the clock, and the median of all rounds. The peer at its best normalises whole batches
and resizes uint8 tensors, as its v2 transforms do.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from convnets.cache import cores, machine
from convnets.cli.common import table
from convnets.data import NO_STATISTICS, Finish, Loader, open_source
from convnets.data.pack import pack
from convnets.spec import Augment, Preprocess

BATCH, EPOCHS = 64, 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AREA, SIZE = (0.08, 1.0), 224


def peers(folder: Path, workers: int) -> dict[str, Callable[[], int]]:
    """The peer's ways; each makes a few epochs of batches and gives the number of crops."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # its binary does not fit this torch; what is used here needs no more than these names
        declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    crop, flip = transforms.RandomResizedCrop(SIZE, AREA), transforms.RandomHorizontalFlip()
    first = [crop, flip, transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    quick = [v2.PILToTensor(), v2.RandomResizedCrop(SIZE, AREA, antialias=True), v2.RandomHorizontalFlip()]
    after = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])

    def run(steps: list[Any], finish: Callable[[Any], Any]) -> int:
        data = ImageFolder(folder, transforms.Compose(steps))
        loader = DataLoader(data, BATCH, True, num_workers=workers, drop_last=True, persistent_workers=workers > 0)
        return counted(finish(pictures) for _ in range(EPOCHS) for pictures, _ in loader)

    return {
        "ImageFolder, v1 transforms": lambda: run(first, lambda batch: batch),
        "ImageFolder, v2 on tensors, normalised in batches": lambda: run(quick, after),
    }


def ours(folder: Path, root: Path, threads: int) -> dict[str, Callable[[], int]]:
    """Our ways: exact and reduced from the folder, and from packs of it."""
    source = open_source(str(folder), val_fraction=0)
    for name, quality in (("jpeg", 95), ("raw", None)):
        if not (root / name).exists():
            pack(source, root / name, 256, quality, progress=False)

    def run(data: Path, decode: str) -> int:
        preprocess = Preprocess(SIZE, mean=MEAN, std=STD)
        augment = Augment(area=AREA, flip=True, decode=decode)  # type: ignore[arg-type]
        split = open_source(str(data), val_fraction=0).splits["train"]
        loader = Loader(split, preprocess, batch_size=BATCH, augment=augment, shuffle=True, threads=threads)
        finish, device = Finish(preprocess, NO_STATISTICS, augment, 0), torch.device("cpu")
        return counted(
            finish(batch, epoch, device).images for epoch in range(EPOCHS) for batch in loader.epoch(epoch)
        )

    return {
        "exact": lambda: run(folder, "exact"),
        "reduced": lambda: run(folder, "reduced"),
        "pack of JPEG": lambda: run(root / "jpeg", "exact"),
        "pack of JPEG, reduced": lambda: run(root / "jpeg", "reduced"),
        "raw pack": lambda: run(root / "raw", "exact"),
        "raw pack, reduced": lambda: run(root / "raw", "reduced"),
    }


def counted(batches: Iterable[Any]) -> int:
    """How many pictures there are."""
    return sum(len(batch) for batch in batches)


def processor_seconds() -> float:
    """Of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def measured(run: Callable[[], int]) -> tuple[float, float]:
    """Milliseconds of processor and of clock for a crop."""
    gc.collect()
    began, spent = time.perf_counter(), processor_seconds()
    crops = run()
    gc.collect()  # ends the workers, whose time counts once they have ended
    return 1000 * (processor_seconds() - spent) / crops, 1000 * (time.perf_counter() - began) / crops


def compare(ways: dict[str, Callable[[], int]], rounds: int) -> list[dict[str, Any]]:
    """All ways in turns; the first is what the others are compared with, round by round."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            times[name].append(measured(run))
    first = times[next(iter(ways))]
    return [
        {
            "what": name,
            "crops_per_core_second": 1000 / statistics.median(processor for processor, _ in found),
            "ratio": statistics.median(a[0] / b[0] for a, b in zip(first, found, strict=True)),
            "ratio_by_clock": statistics.median(a[1] / b[1] for a, b in zip(first, found, strict=True)),
        }
        for name, found in times.items()
    ]


def class_folders(pictures: Path, root: Path) -> Path:
    """The pictures as links in two class folders, which ImageFolder wants."""
    found = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    for number, path in enumerate(found):
        folder = root / "photographs" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).symlink_to(path.resolve())
    return root / "photographs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEG photographs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = class_folders(given.data, Path(temporary))
        for how, helpers in (("as they come", cores()), ("one process", 0)):
            ways = peers(folder, helpers) | ours(folder, Path(temporary), helpers)
            results[how] = compare(ways, given.rounds)
            rows = [[row["what"], *(f"{row[key]:.{places}f}" for key, places in COLUMNS)] for row in results[how]]
            print(f"{how}, {machine()}, median of {given.rounds}\n{table(HEADER, rows, right={1, 2, 3})}\n", flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "torch": torch.__version__, **results}, indent=2))


HEADER = ("training crops of 224 px", "crops/s per core", "ratio", "by the clock")
COLUMNS = (("crops_per_core_second", 0), ("ratio", 2), ("ratio_by_clock", 2))

if __name__ == "__main__":
    main()
