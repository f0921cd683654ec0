"""Which engine is the fastest: measured once for each network, batch and machine, and remembered."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..cache import machine, recall, remember, threads
from ..errors import DIVERGED, ConvnetsError, DivergedError, ResourceError, UsageError
from .about import About
from .program import ENDINGS, Program, is_sealed, seal
from .runtimes import Engine, filled, open_mnn, open_ncnn, open_onnxruntime, open_openvino

if TYPE_CHECKING:
    import torch

# engine: the modules it needs, and how far its logits may lie from the exact ones, relative to the largest. Winograd's
# algorithm, by which the last two do 3x3 convolutions, rounds more.
ENGINES: dict[str, tuple[tuple[str, ...], float]] = {
    "torch": (("torch",), 1e-4),
    "compile": (("torch",), 1e-4),
    "onnxruntime": (("onnxruntime",), 1e-4),
    "openvino": (("openvino",), 1e-4),
    "ncnn": (("ncnn", "pnnx"), 1e-3),
    "mnn": (("MNN",), 1e-3),
}
HALF = 1e-2  # the same for torch on CUDA, which computes in half precision unless a network is further off
ROUNDS, SECONDS = 3, 0.4  # each engine is timed so often, for about so long
COMPARED, TIMES_TORCH = 4, 4.0  # pictures, and times torch's own distance from the exact answer
REACH = (3.0, 1.1)  # times the best one's time, of those that are timed again: first most, then what is about equal


class Measured(NamedTuple):
    """Images per second by engine; `final` unless one failed for want of room or memory."""

    rates: dict[str, float]
    final: bool

    @property
    def best(self) -> str:
        return max(self.rates, key=lambda name: self.rates[name])


def available(device: str = "cpu") -> list[str]:
    """The engines that are installed and worth a try on this kind of device.

    Compiling again in each process takes longer than most jobs on an accelerator, so there it is left to who asks.
    """
    if device != "cpu":
        return ["torch"]
    found = [name for name in ENDINGS if is_installed(name)]
    if "onnxruntime" not in found and "openvino" not in found:
        import torch

        from .torch_engines import has_compiler

        found += ["compile"] if has_compiler(torch.device("cpu")) else []
    return ["torch", *found]


def is_installed(engine: str) -> bool:
    """Whether all that it needs is."""
    return all(importlib.util.find_spec(module) for module in ENGINES[engine][0])


def open_fastest(program: Program, batch: int, device: torch.device | None = None) -> tuple[str, Engine]:
    """The fastest engine's name, and the engine; torch where that one does not answer as torch does."""
    name = fastest(program, batch, device)
    try:
        return name, open_engine(name, program, batch, device)
    except UsageError as error:
        print(f"{error}; torch is taken instead", file=sys.stderr)
        return "torch", open_engine("torch", program, batch, device)


def fastest(program: Program, batch: int, device: torch.device | None = None) -> str:
    """The engine with the highest speed for `batch` pictures at a time, measured where nobody has yet.

    `device` is an accelerator, or None for the CPU. The speed is that of the architecture, whatever the weights.
    """
    kind = "cpu" if device is None else device.type
    names = available(kind)
    if len(names) == 1:
        return names[0]
    key = (_signature(program.about), batch, kind, machine(), threads(), _versions(names))
    known = recall("fastest", *key)
    if isinstance(known, dict) and known.get("engine") in names:
        return str(known["engine"])
    print(f"measuring once which engine is fastest for {program.about.network}: {', '.join(names)}", file=sys.stderr)
    measured = measure(program, batch, names, device)
    if measured.best in ENDINGS:
        program.forget(measured.best)
    told = ", ".join(f"{name} {rate:.1f}" for name, rate in sorted(measured.rates.items(), key=lambda item: -item[1]))
    if measured.final:
        remember("fastest", {"engine": measured.best, "images per second": measured.rates}, *key)
        told += f"; {measured.best} is remembered"
    print(f"images per second at batch {batch}: {told}", file=sys.stderr)
    return measured.best


def measure(program: Program, batch: int, names: Iterable[str], device: torch.device | None = None) -> Measured:
    """Images per second of each engine that gives the same answers as torch, those far behind after one look.

    Raises DivergedError where torch's are no numbers.
    """
    pictures, final = program.about.example(batch), True
    engines: dict[str, Engine] = {}
    times: dict[str, list[float]] = {}
    for name in names:
        try:
            engines[name] = open_engine(name, program, batch, device)
            engines[name](pictures)
            times[name] = [_seconds(engines[name], pictures, 0)]
        except DivergedError:
            raise
        except (ConvnetsError, RuntimeError, OSError, ImportError, ValueError, MemoryError) as error:
            final &= not isinstance(error, ResourceError | OSError | MemoryError)
            print(f"{name} is left out ({' '.join(str(error).split())[:200]})", file=sys.stderr)
    for behind in REACH:  # on a shared machine the shortest of several looks says most
        best = min(min(each) for each in times.values())
        in_reach = [name for name, each in times.items() if min(each) <= behind * best]
        for _ in range(ROUNDS if len(in_reach) > 1 else 0):
            for name in in_reach:
                times[name].append(_seconds(engines[name], pictures, SECONDS))
    return Measured({name: batch / min(each) for name, each in times.items()}, final)


def difference(logits: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest logit; infinite where one is no number."""
    largest = float(np.abs(expected).max()) or 1.0
    off = float(np.abs(logits - expected).max()) / largest
    return off if np.isfinite(off) else float("inf")


def open_engine(name: str, program: Program, batch: int, device: torch.device | None = None) -> Engine:
    """The engine of this name on a program, compared with torch unless it was before with the same file.

    Raises UsageError where it is unknown or not installed, cannot run the network, or answers otherwise.
    """
    if name not in ENGINES:
        raise UsageError(f"engine {name!r} is unknown; valid values: auto, {', '.join(ENGINES)}")
    if not is_installed(name):
        raise UsageError(f"engine {name} is not installed: pip install 'convnets[{name}]', or take auto")
    if name in ("torch", "compile"):
        return _open_torch(name, program, batch, device)
    if device is not None:
        raise UsageError(f"engine {name} runs on the CPU; take torch or compile on {device}, or --device cpu")
    path = program.file(name)
    engine = _open_file(name, path, program.about, batch)
    if not is_sealed(path, name):
        _compare(name, engine, program, batch, ENGINES[name][1])
        seal(path, name)
    return engine


def _open_torch(name: str, program: Program, batch: int, device: torch.device | None) -> Engine:
    """On CUDA in half precision, in single where that is too far off."""
    import torch

    from .torch_engines import open_compile, open_torch

    place, pictures = torch.device("cpu") if device is None else device, program.about.example(batch)
    opened = {"torch": open_torch, "compile": open_compile}[name]
    if place.type == "cuda":
        try:
            engine = opened(program.deployed, place, pictures, True)
            _compare(name, engine, program, batch, HALF)
            return engine
        except UsageError:
            return opened(program.deployed, place, pictures, False)
    engine = opened(program.deployed, place, pictures, False)
    if name == "compile":
        _compare(name, engine, program, batch, ENGINES[name][1])
    return engine


def _open_file(name: str, path: Path, about: About, batch: int) -> Engine:
    if name == "ncnn":
        return open_ncnn(path, threads(), planes(about))
    if name == "openvino":
        return filled(open_openvino(path, threads()), batch)
    return {"onnxruntime": open_onnxruntime, "mnn": open_mnn}[name](path, threads())


def _compare(name: str, engine: Engine, program: Program, batch: int, allowed: float) -> None:
    """Raise UsageError where an engine answers otherwise than the network, DivergedError where that gives no numbers.

    What it should answer is what torch does in double precision. A network may make single precision's rounding large;
    then an engine may be some times as far off as torch itself is.
    """
    from .torch_engines import answers

    pictures = program.about.example(COMPARED, seed=1)
    exact, rounded = (answers(program.deployed, pictures, exact) for exact in (True, False))
    if not np.isfinite(rounded).all():
        raise DivergedError(DIVERGED)
    allowed = max(allowed, TIMES_TORCH * difference(rounded, exact))
    found = np.concatenate([engine(pictures[at : at + batch]) for at in range(0, COMPARED, batch)])
    if (off := difference(found, exact)) > allowed:
        raise UsageError(f"engine {name}: its answers are off by {off:.1e} of the largest logit")


def planes(about: About) -> Callable[[np.ndarray], np.ndarray]:
    """From crops (N, H, W, C) to the network's input (N, C, H, W)."""
    mean, std = (np.array(values, np.float32) * 255 for values in (about.preprocess.mean, about.preprocess.std))

    def prepared(pictures: np.ndarray) -> np.ndarray:
        if pictures.dtype == np.uint8:
            pictures = pictures.astype(np.float32)
            pictures = (pictures - mean) / std if mean.size else pictures / 255
        return pictures.transpose(0, 3, 1, 2)

    return prepared


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
    return " ".join(f"{module}={_version(module)}" for name in names for module in ENGINES[name][0])


def _version(module: str) -> str:
    """Of the package; nothing where it goes by another name (onnxruntime-gpu)."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        return ""
