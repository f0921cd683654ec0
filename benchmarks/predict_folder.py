"""A folder of photographs classified, whole processes from start to last answer, beside a plain torchvision script.

    python benchmarks/predict_folder.py --data ../shared/data/imagenet-samples [--rounds 5]

The script is what torchvision's documentation leads to: ImageFolder, DataLoader (32 at a time, without workers and with
two), an eager ResNet-18, soft-max, top 5. Ours is `convnets predict RUN FOLDER --json`; its first
call (which measures the engines) timed by itself, in a cache that begins empty. Both are run in turn; medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import convnets
from convnets import runs, spec
from convnets.cache import machine
from convnets.runs.folder import BEST, RunFolder, revision

IMPORTS = """
import sys, torch
try:
    import torchvision
except RuntimeError:  # a binary for another torch: what is used here needs no more than these names
    declared = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
SCRIPT = """
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

folder, weights, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), normalise]
pictures = datasets.ImageFolder(folder, transforms.Compose(steps))
network = models.resnet18()
network.load_state_dict(torch.load(weights))
network.eval()
with torch.no_grad():
    for batch, _ in DataLoader(pictures, 32, num_workers=workers):
        for row in network(batch).softmax(1).topk(5):
            print(row.tolist())
"""


def make(folder: Path, data: Path) -> None:
    """The pictures as ImageFolder wants them, a run of ours, and weights of torchvision's network of the same size."""
    shutil.copytree(data, folder / "pictures" / "all")
    torch.manual_seed(0)
    network = convnets.create_model("resnet18").eval()
    about = {
        "network": {"name": network.name, "overrides": network.overrides},
        "classes": [f"class {index}" for index in range(1000)],
        "preprocess": spec.to_dict(runs.default_preprocess((3, 224, 224))),
    }
    run = RunFolder.create("run", str(folder / "run"))
    run.write_run(about)
    run.save(BEST, {f"model.{name}": tensor for name, tensor in network.state_dict().items()}, about)
    save = "from torchvision import models\ntorch.save(models.resnet18().state_dict(), sys.argv[1])"
    subprocess.run([sys.executable, "-c", IMPORTS + save, str(folder / "weights.pth")], check=True)
    (folder / "script.py").write_text(IMPORTS + SCRIPT)


def seconds(command: list[str], cache: Path) -> float:
    """How long the process takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "CONVNETS_CACHE": str(cache)})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder, options.data)
        pictures = str(folder / "pictures")
        commands = {
            "ours": [sys.executable, "-m", "convnets", "predict", str(folder / "run"), pictures, "--json"],
            **{
                f"torchvision, {workers} workers": [
                    sys.executable, str(folder / "script.py"), pictures, str(folder / "weights.pth"), str(workers)
                ]
                for workers in (0, 2)
            },
        }  # fmt: skip
        first = seconds(commands["ours"], folder / "cache")
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, folder / "cache"))
    print(f"{machine()}; revision {revision()}; median of {options.rounds} rounds")
    mine = statistics.median(times["ours"])
    print(f"first call {first:.1f} s")
    for name, each in times.items():
        middle = statistics.median(each)
        print(f"{name}: {middle:.2f} s, {middle / mine:.2f} times ours")


if __name__ == "__main__":
    main()
