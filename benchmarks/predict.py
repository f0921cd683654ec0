"""Prediction of pictures in memory: ours as it comes, beside the peers' networks in every engine, in one process.

    python benchmarks/predict.py [--networks alexnet_owt ...] [--batches 1 16] [--rounds 5] [--json FILE] [--chart FILE]

The peer's network is torchvision's (SE-ResNet-50: timm's) with random weights, which do not matter for time, in eager
mode as it comes, in channels_last, compiled with frozen weights, and converted for each engine that is installed; it is
handed float tensors that are ready. Ours is our network of the same name with `engine="auto"`; it is handed uint8
crops and normalises them. Every round times each of them for about half a second, in turn; medians over the rounds. The
matrix product of 2048 x 2048 is timed in the same rounds. The choice of `auto` is made before, and printed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convnets
from convnets import engines, models
from convnets.cache import cores, machine
from convnets.data import NO_STATISTICS
from convnets.engines.files import quiet
from convnets.evaluate.subject import describe, program_of
from convnets.runs import default_preprocess
from convnets.runs.folder import revision
from convnets.train.bench import peer_builder

PEERS = {  # ours: the peer's library, its name there, the side of its pictures
    "alexnet_owt": ("torchvision", "alexnet", 224),
    "vgg16": ("torchvision", "vgg16", 224),
    "googlenet_bn": ("torchvision", "googlenet", 224),
    "inception_v3": ("torchvision", "inception_v3", 299),
    "resnet50_v15": ("torchvision", "resnet50", 224),
    "densenet121": ("torchvision", "densenet121", 224),
    "se_resnet50": ("timm", "legacy_seresnet50", 224),
}
Run = Callable[[], object]
SECONDS = 0.5


def peer(library: str, name: str) -> torch.nn.Module:
    """The library's network with random weights."""
    build = peer_builder(library, name)
    if build is None:
        raise SystemExit(f"{library} is not installed, or has no {name}")
    torch.manual_seed(0)
    return build().eval()


def peer_runs(network: torch.nn.Module, side: int, batch: int, folder: Path) -> dict[str, Run]:
    """The peer's network in every way it can be run here."""
    x = torch.randn(batch, 3, side, side)
    last = x.contiguous(memory_format=torch.channels_last)
    nhwc: Any = torch.channels_last
    found: dict[str, Run] = {"eager": lambda: _inferred(network, x)}
    second = _copy(network).to(memory_format=nhwc)  # type: ignore[call-overload]
    found["channels_last"] = lambda: _inferred(second, last)
    compiled = torch.compile(second, dynamic=False, options={"freezing": True})
    found["compile"] = lambda: _inferred(compiled, last)
    onnx = folder / "peer.onnx"
    if not onnx.exists():
        with quiet():
            program: Any = torch.onnx.export(
                network, (torch.randn(2, 3, side, side),), dynamo=True, input_names=["x"], output_names=["y"],
                dynamic_shapes=({0: torch.export.Dim("N", min=1, max=4096)},), verbose=False,
            )  # fmt: skip
        program.save(onnx, external_data=False)
    for name, opened in (("onnxruntime", _onnxruntime), ("openvino", _openvino), ("mnn", _mnn), ("ncnn", _ncnn)):
        try:
            found[name] = opened(network, onnx, x.numpy())
            found[name]()
        except Exception as error:
            print(f"{name}: {str(error)[:200]}", file=sys.stderr)
            found.pop(name, None)
    return found


def _copy(network: torch.nn.Module) -> torch.nn.Module:
    import copy

    return copy.deepcopy(network)


def _inferred(network: Callable[..., Any], x: torch.Tensor) -> object:
    with torch.inference_mode():
        return network(x)


def _onnxruntime(network: torch.nn.Module, onnx: Path, x: np.ndarray) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})


def _openvino(network: torch.nn.Module, onnx: Path, x: np.ndarray) -> Run:
    import openvino

    model = openvino.Core().read_model(onnx)
    model.reshape(list(x.shape))
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    return lambda: compiled(x)


def _mnn(network: torch.nn.Module, onnx: Path, x: np.ndarray) -> Run:
    from convnets.engines.convert import write_mnn

    path = onnx.with_suffix(".mnn")
    if not path.exists():
        write_mnn(onnx, path)
    with quiet():
        from MNN import expr, nn

        manager = nn.create_runtime_manager(({"precision": "high", "numThread": cores(), "backend": 0},))
        module = nn.load_module_from_file(str(path), ["x"], ["y"], runtime_manager=manager)

    def run() -> object:
        given = expr.placeholder(list(x.shape), expr.NCHW, expr.float)
        given.write(x)
        return np.array(module.forward([given])[0].read())

    return run


def _ncnn(network: torch.nn.Module, onnx: Path, x: np.ndarray) -> Run:
    import subprocess

    import ncnn

    folder = onnx.parent
    if not (folder / "peer.ncnn.bin").exists():
        torch.jit.trace(network, torch.from_numpy(x[:1])).save(str(folder / "peer.pt"))
        shape = ",".join(map(str, x[:1].shape))
        command = [str(Path(sys.executable).parent / "pnnx"), "peer.pt", f"inputshape=[{shape}]", "fp16=0"]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
    net = ncnn.Net()
    net.opt.num_threads = cores()
    for less in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{less}", False)
    with quiet():
        if net.load_param(str(folder / "peer.ncnn.param")) or net.load_model(str(folder / "peer.ncnn.bin")):
            raise RuntimeError("cannot load this network")

    def run() -> object:
        answers = []
        for picture in x:
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(picture))
            answers.append(np.array(extractor.extract("out0")[1]))
        return answers

    return run


def ours(name: str, side: int, batch: int, only: list[str] | None) -> tuple[str, Run]:
    """Our network with the engine that `auto` chooses, or the fastest of some, on uint8 crops."""
    torch.manual_seed(0)
    network = convnets.create_model(name).eval()
    classes = tuple(map(str, range(1000)))
    about = describe(network, classes, default_preprocess((3, side, side)), NO_STATISTICS)
    program = program_of(network, about, NO_STATISTICS)
    chosen = engines.fastest(program, batch) if only is None else engines.measure(program, batch, only).best
    engine, pictures = engines.open_engine(chosen, program, batch), about.example(batch)
    return chosen, lambda: engine(pictures)


def seconds(run: Run) -> float:
    """The median of the runs in about SECONDS."""
    times, until = list[float](), time.perf_counter() + SECONDS
    while not times or time.perf_counter() < until:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure(name: str, batch: int, rounds: int, folder: Path, only: list[str] | None) -> dict[str, Any]:
    """One row: images per second of the peer in every engine and of ours, and the matrix product's GFLOP/s."""
    library, theirs, side = PEERS[name]
    chosen, our_run = ours(name, side, batch, only)
    runs = {**peer_runs(peer(library, theirs), side, batch, folder), "ours": our_run}
    matrix = torch.randn(2048, 2048)
    runs["product"] = lambda: matrix @ matrix
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            times[key].append(seconds(run))
    product = 2 * 2048**3 / statistics.median(times.pop("product")) / 1e9
    rates = {key: batch / statistics.median(each) for key, each in times.items()}
    mine = rates.pop("ours")
    best = max(rates, key=lambda key: rates[key])
    macs: int = models.describe(name)["multiply_adds"]
    return {
        "network": name, "batch": batch, "ours": mine, "engine": chosen, "peer": rates, "best": best,
        "to eager": mine / rates["eager"], "to best": mine / rates[best],
        "gflops": 2 * macs * mine / 1e9, "product": product,
    }  # fmt: skip


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of images per second relative to the peer in eager mode."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    batches = sorted({row["batch"] for row in rows})
    figure, axes = plt.subplots(len(batches), 1, figsize=(10, 3.2 * len(batches)), squeeze=False)
    for axis, batch in zip(axes[:, 0], batches, strict=True):
        mine = [row for row in rows if row["batch"] == batch]
        kinds = [*mine[0]["peer"], "ours"]
        for index, kind in enumerate(kinds):
            heights = [
                (row["ours"] if kind == "ours" else row["peer"].get(kind, 0)) / row["peer"]["eager"] for row in mine
            ]
            places = [place + index / (len(kinds) + 2) for place in range(len(mine))]
            axis.bar(places, heights, 1 / (len(kinds) + 2), label=kind, color="black" if kind == "ours" else None)
        axis.set_xticks([place + 0.4 for place in range(len(mine))], [row["network"] for row in mine])
        axis.set_title(f"batch {batch}: images per second, the peer's network in eager mode = 1")
        axis.set_ylim(top=1.2 * axis.get_ylim()[1])
        axis.legend(fontsize=7, ncols=len(kinds), loc="upper center")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="our engines to choose from, such as: torch compile")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(cores())
    versions = {name: metadata.version(name) for name in ("torch", "onnxruntime", "openvino", "ncnn", "MNN")}
    print(f"{machine()}; {versions}; revision {revision()}; median of {options.rounds} rounds\n")
    heads = ["network", "batch", "eager", "best engine on the peer's", "ours", "to eager", "to best", "of product"]
    print(" | ".join(heads))
    rows = []
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            for batch in options.batches:
                row = measure(name, batch, options.rounds, Path(folder), options.only)
                rows.append(row)
                print(
                    f"{name} | {batch} | {row['peer']['eager']:.1f} | {row['best']} {row['peer'][row['best']]:.1f} | "
                    f"{row['engine']} {row['ours']:.1f} | {row['to eager']:.2f} | {row['to best']:.2f} | "
                    f"{100 * row['gflops'] / row['product']:.0f} %",
                    flush=True,
                )
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=1) + "\n")
    for batch in options.batches:
        ratios = {key: [row[key] for row in rows if row["batch"] == batch] for key in ("to eager", "to best")}
        means = {key: math.exp(statistics.fmean(map(math.log, each))) for key, each in ratios.items()}
        print(f"batch {batch}: geometric means {means['to eager']:.2f} to eager, {means['to best']:.2f} to best")
    if options.chart:
        draw(rows, options.chart)


if __name__ == "__main__":
    main()
