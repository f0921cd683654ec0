"""`convnets fit` beside the script that people write for a folder of pictures: torchvision's ResNet-18 from scratch.

    python benchmarks/fit.py --data ants-bees.tar --minutes 10 --seeds 3

Both get the same minutes on the same machine, one after the other, seed by seed; the folder's own `val` is the test of
both. The script is SGD (0.01, momentum 0.9) on batches of 32 random crops of 224 pixels with flips, until its time is
up. Prints the accuracy of each run, and the mean and spread of both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn


def script(folder: Path, minutes: float, seed: int) -> float:
    """The accuracy in percent of the plain script on `folder`, which has train/ and val/."""
    from torch.utils.data import DataLoader

    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # its binary does not fit this torch; what is used here needs no more than these names
        declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision import datasets, models, transforms

    began = time.monotonic()
    torch.manual_seed(seed)
    normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    crop = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
    centre = [transforms.Resize(256), transforms.CenterCrop(224)]
    train, val = (
        datasets.ImageFolder(folder / name, transforms.Compose([*steps, transforms.ToTensor(), normalise]))
        for name, steps in (("train", crop), ("val", centre))
    )
    network = models.resnet18(num_classes=len(train.classes))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loader = DataLoader(train, 32, shuffle=True, num_workers=2, persistent_workers=True)
    while time.monotonic() - began < 60 * minutes:
        network.train()
        for pictures, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(pictures), labels).backward()
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        right = sum(int((network(pictures).argmax(1) == labels).sum()) for pictures, labels in DataLoader(val, 32))
    return 100 * right / len(val)


def ours(data: Path, minutes: float, seed: int, out: Path) -> dict[str, Any]:
    """What `convnets fit` says."""
    words = [sys.executable, "-m", "convnets", "fit", str(data), "--minutes", str(minutes), "--seed", str(seed)]
    done = subprocess.run([*words, "--scratch", "--out", str(out), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="an archive or folder with train/ and val/")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # a run of the script, in a process of its own
    given = parser.parse_args()
    if given.one is not None:
        print(script(given.data, given.minutes, given.one))
        return
    accuracies: dict[str, list[float]] = {"convnets fit": [], "the script": []}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder = unpacked(given.data, root)
        for seed in range(given.seeds):
            answer = ours(given.data, given.minutes, seed, root / f"fit-{seed}")
            accuracies["convnets fit"].append(100 - answer["error"])
            print(f"seed {seed}: convnets fit {100 - answer['error']:.2f} %, {answer['seconds']} s", flush=True)
            if not seed:
                print("\n".join(f"    {line}" for line in answer["said"]), flush=True)
            words = ["--data", str(folder), "--minutes", str(given.minutes), "--one", str(seed)]
            done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
            accuracies["the script"].append(float(done.stdout))
            print(f"seed {seed}: the script {accuracies['the script'][-1]:.2f} %", flush=True)
    for name, values in accuracies.items():
        spread = f", {min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
        print(f"{name}: mean {statistics.fmean(values):.2f} %{spread} of {len(values)} seeds")


def unpacked(data: Path, root: Path) -> Path:
    """The folder that holds train/ and val/."""
    if data.is_dir():
        return data
    subprocess.run(["tar", "-xf", str(data), "-C", str(root)], check=True)
    return next(root.glob("**/train")).parent


if __name__ == "__main__":
    main()
