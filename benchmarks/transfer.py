"""Three ways to use trained weights, each given the same minutes: fine-tuning, a probe, and training without them.

    python benchmarks/transfer.py --weights resnet56.th --data mnist --pictures 1000 --minutes 2 --seeds 3
    python benchmarks/transfer.py --weights resnet56.th --data ants-bees.tar --minutes 2 --seeds 3

The network is that of the weights. `--pictures` takes so many of an idx data set's training pictures, other ones for
each seed; its test pictures are all used. The data's own `val` is the test where it has no other. A probe takes what it
takes. Each run is a process of its own: `convnets train`, `convnets probe`, then `convnets evaluate`.
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

import numpy as np

from convnets.data import open_source


def convnets(*words: str) -> str:
    """What a command prints."""
    done = subprocess.run([sys.executable, "-m", "convnets", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"convnets {' '.join(words)}: {done.stderr}")
    return done.stdout


def some_of(data: str, count: int, seed: int, folder: Path) -> str:
    """An idx data set with `count` of the training pictures of another one."""
    source = open_source(data, val_fraction=0)
    folder.mkdir()
    for split, prefix in (("train", "train"), ("test", "t10k")):
        part = source.splits[split]
        chosen = np.arange(len(part))
        if split == "train":
            chosen = np.random.default_rng(seed).permutation(len(part))[:count]
        pictures = np.stack([part.pictures.load(int(index))[..., 0] for index in chosen])
        for kind, array in (("images-idx3", pictures), ("labels-idx1", part.labels[chosen].astype(np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(header + array.tobytes())
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pictures", type=int, help="of the training pictures  [default: all]")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="for all three, as `convnets train` takes it")
    given = parser.parse_args()
    shared = ["--workers", "0", *(word for one in ["val_is_test=true", *given.set] for word in ("--set", one))]
    network = json.loads(convnets("train", "--weights", given.weights, "--data", "digits", "--dry-run", "--json"))
    minutes = ["--minutes", str(given.minutes)]
    arms = {
        "fine-tuned": ["train", "--weights", given.weights, *minutes],
        "probe": ["probe", "--weights", given.weights],
        "from scratch": ["train", network["network"], "--recipe", "quick", *minutes],
    }
    results: dict[str, list[tuple[float, float]]] = {arm: [] for arm in arms}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(given.seeds):
            root = Path(temporary)
            data = some_of(given.data, given.pictures, seed, root / f"data{seed}") if given.pictures else given.data
            for arm, words in arms.items():
                out, began = root / f"{arm.replace(' ', '-')}-{seed}", time.monotonic()
                convnets(*words, "--data", data, "--seed", str(seed), "--out", str(out), *shared)
                seconds = time.monotonic() - began
                answer = json.loads(convnets("evaluate", str(out), "--data", data, "--split", "test", "--json"))
                results[arm].append((100 - answer["top1_error"], seconds))
                print(f"seed {seed}: {arm:12} {results[arm][-1][0]:6.2f} %, {seconds:4.0f} s", flush=True)
    for arm, values in results.items():
        right = [accuracy for accuracy, _ in values]
        print(f"{arm:12} mean {statistics.fmean(right):.2f} %, {min(right):.2f} to {max(right):.2f} of {len(right)} "
              f"seeds; {statistics.fmean(seconds for _, seconds in values):.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
