"""Eight bits beside our fastest engine in single precision, one picture at a time, in one process.

    python benchmarks/int8.py [--networks resnet50 inception_v3] [--rounds 5]

Weights are random and calibration pictures made up, so this is about speed only; what eight bits cost in accuracy is
measured by `convnets export --int8` on trained networks (docs/benchmarks.md).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import timeit
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch

import convnets
from convnets import engines, papers
from convnets.cache import cores, machine
from convnets.data import NO_STATISTICS
from convnets.engines.convert import write_onnx
from convnets.engines.deployed import Deployed
from convnets.engines.runtimes import open_onnxruntime, open_openvino
from convnets.evaluate.subject import describe, program_of
from convnets.export.int8 import multiplies_bytes, quantise
from convnets.runs import default_preprocess
from convnets.runs.folder import revision

RUNS = 20  # in each round


def measure(name: str, rounds: int, bits: int) -> None:
    """One network: the engine that `auto` chooses, and both engines that run eight bits."""
    torch.manual_seed(0)
    network, side = convnets.create_model(name).eval(), papers.find(name).input[1]
    about = describe(network, tuple(map(str, range(1000))), default_preprocess((3, side, side)), NO_STATISTICS)
    program = program_of(network, about, NO_STATISTICS)
    chosen = engines.fastest(program, 1)
    run, crop = engines.open_engine(chosen, program, 1), about.example(1)
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder, "int8.onnx")
        write_onnx(Deployed(network, about.preprocess, NO_STATISTICS, about.form), about, onnx)
        quantise(onnx, list(np.concatenate([about.example(8, seed) for seed in range(4)])), bits)
        eight = {
            "onnxruntime": open_onnxruntime(onnx, cores()),
            "openvino": open_openvino(onnx, cores()),
        }
        runs = {f"float32 {chosen}": run, **{f"int8 {key}": engine for key, engine in eight.items()}}
        times: dict[str, list[float]] = {key: [] for key in runs}
        for each in runs.values():
            each(crop)
        for _ in range(rounds):
            for key, each in runs.items():
                times[key].append(statistics.median(timeit.repeat(partial(each, crop), number=1, repeat=RUNS)))
    medians = {key: statistics.median(each) for key, each in times.items()}
    base = medians[f"float32 {chosen}"]
    for key, middle in medians.items():
        print(f"{name} | {key} | {1 / middle:.1f} images/s | {base / middle:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["resnet50", "inception_v3"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    bits = 8 if multiplies_bytes() else 7
    print(f"{machine()}; {bits}-bit weights; revision {revision()}; median of {options.rounds} rounds")
    for name in options.networks:
        measure(name, options.rounds, bits)


if __name__ == "__main__":
    main()
