"""Which engine is the fastest: measured once for each network, batch and machine, and remembered."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from ..cache import machine, recall, remember, threads
from ..errors import ConvnetsError, UsageError
from .about import About
from .program import ENDINGS, Program
from .runtimes import Engine, filled, open_mnn, open_ncnn, open_onnxruntime, open_openvino

if TYPE_CHECKING:
    import torch

# engine: the module it needs, and how far its logits may lie from torch's, relative to the largest. Winograd's
# algorithm, by which the last two do 3x3 convolutions, rounds more.
ENGINES: dict[str, tuple[str, float]] = {
    "torch": ("torch", 1e-4),
    "compile": ("torch", 1e-4),
    "onnxruntime": ("onnxruntime", 1e-4),
    "openvino": ("openvino", 1e-4),
    "ncnn": ("ncnn", 1e-3),
    "mnn": ("MNN", 1e-3),
}
ROUNDS, SECONDS = 3, 0.4  # each engine is timed so often, for about so long
BEHIND = 3.0  # times the best one's time, of those that are not timed again


def available(device: str = "cpu") -> list[str]:
    """The engines that are installed and worth a try on this kind of device."""
    if device != "cpu":
        return ["torch", "compile"]
    found = [name for name in ENDINGS if importlib.util.find_spec(ENGINES[name][0])]
    if "onnxruntime" not in found and "openvino" not in found and _has_compiler():
        found.append("compile")
    return ["torch", *found]


def fastest(program: Program, batch: int, device: torch.device | None = None) -> str:
    """The engine with the highest speed for `batch` pictures at a time, measured where nobody has yet.

    `device` is an accelerator, or None for the CPU. An engine whose answers differ from torch's is left out, and said.
    """
    kind = "cpu" if device is None else device.type
    names = available(kind)
    key = (_signature(program.about), batch, kind, machine(), threads(), _versions(names))
    known = recall("fastest", *key)
    if known is not None:
        return str(known["engine"])
    print(f"measuring once which engine is fastest for {program.about.network}: {', '.join(names)}", file=sys.stderr)
    rates = measure(program, batch, names, device)
    best = max(rates, key=lambda name: rates[name])
    if best in ENDINGS:
        program.forget(best)
    remember("fastest", {"engine": best, "images per second": rates}, *key)
    told = ", ".join(f"{name} {rate:.1f}" for name, rate in sorted(rates.items(), key=lambda item: -item[1]))
    print(f"images per second at batch {batch}: {told}; {best} is remembered", file=sys.stderr)
    return best


def measure(program: Program, batch: int, names: Iterable[str], device: torch.device | None = None) -> dict[str, float]:
    """Images per second of each engine that gives the same answers as torch, those that are far behind left out."""
    pictures = program.about.example(batch)
    engines: dict[str, Engine] = {}
    times: dict[str, list[float]] = {}
    expected = None
    for name in names:
        try:
            engine = open_engine(name, program, batch, device)
            logits = engine(pictures)
        except (ConvnetsError, RuntimeError, OSError, ImportError, ValueError) as error:
            print(f"{name} cannot run this network ({' '.join(str(error).split())[:200]})", file=sys.stderr)
            continue
        expected = logits if expected is None else expected
        if (off := difference(logits, expected)) > ENGINES[name][1]:
            print(f"{name} is left out: its answers are off by {off:.1e} of the largest logit", file=sys.stderr)
            continue
        engines[name], times[name] = engine, [_seconds(engine, pictures, 0)]
    best = min(min(each) for each in times.values())
    in_reach = [name for name, each in times.items() if min(each) < BEHIND * best]
    for _ in range(ROUNDS):
        for name in in_reach:
            times[name].append(_seconds(engines[name], pictures, SECONDS))
    return {name: batch / statistics.median(times[name]) for name in in_reach}


def difference(logits: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest logit; infinite where one is no number."""
    largest = float(np.abs(expected).max()) or 1.0
    off = float(np.abs(logits - expected).max()) / largest
    return off if np.isfinite(off) else float("inf")


def open_engine(name: str, program: Program, batch: int, device: torch.device | None = None) -> Engine:
    """The engine of this name on a program. Raises UsageError where it is unknown or not installed."""
    if name not in ENGINES:
        raise UsageError(f"engine {name!r} is unknown; valid values: auto, {', '.join(ENGINES)}")
    if importlib.util.find_spec(ENGINES[name][0]) is None:
        raise UsageError(f"engine {name} is not installed: pip install 'convnets[{name}]', or take auto")
    if name in ("torch", "compile"):
        import torch

        from .torch_engines import open_compile, open_torch

        place, pictures = torch.device("cpu") if device is None else device, program.about.example(batch)
        return {"torch": open_torch, "compile": open_compile}[name](program.deployed, place, pictures)
    if device is not None:
        raise UsageError(f"engine {name} runs on the CPU; take torch or compile on {device}, or --device cpu")
    path, count = program.file(name), threads()
    if name == "ncnn":
        return open_ncnn(path, count, prepared(program.about))
    if name == "openvino":
        return filled(open_openvino(path, count), batch)
    return {"onnxruntime": open_onnxruntime, "mnn": open_mnn}[name](path, count)


def prepared(about: About):  # type: ignore[no-untyped-def]
    """From crops (N, H, W, C) to the network's input (N, C, H, W)."""
    mean, std = (np.array(values, np.float32) * 255 for values in (about.preprocess.mean, about.preprocess.std))

    def planes(pictures: np.ndarray) -> np.ndarray:
        if pictures.dtype == np.uint8:
            pictures = pictures.astype(np.float32)
            pictures = (pictures - mean) / std if mean.size else pictures / 255
        return pictures.transpose(0, 3, 1, 2)

    return planes


def _seconds(engine: Engine, pictures: np.ndarray, spend: float) -> float:
    """The median over about `spend` seconds."""
    times, until = list[float](), time.perf_counter() + spend
    while not times or time.perf_counter() < until:
        began = time.perf_counter()
        engine(pictures)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _signature(about: About) -> str:
    """What the speed depends on: the network and the size of its input, not its weights."""
    return json.dumps([about.network, about.overrides, about.form, about.side, about.preprocess.channels])


def _versions(names: Iterable[str]) -> str:
    return " ".join(f"{name}={metadata.version(ENGINES[name][0])}" for name in names)


def _has_compiler() -> bool:
    import shutil

    return any(shutil.which(name) for name in ("g++", "c++", "clang++"))
