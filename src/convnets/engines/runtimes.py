"""Runtimes beside torch, each as a function from pictures to logits. None is imported before it is opened.

All compute in single precision, whatever the processor has for less.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from .files import INPUT, OUTPUT, quiet, signal_stack_kept

# How long a thread of ONNX Runtime asks for more work before it sleeps. By default it is a millisecond, which on a busy
# machine takes the time of what it waits for; with none, small networks lose a tenth on an idle one.
ASKING = 20
Engine = Callable[[np.ndarray], np.ndarray]  # pictures (N, H, W, C) to logits (N, num_classes) float32


def onnxruntime_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(ASKING))
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def open_onnxruntime(path: Path, threads: int) -> Engine:
    """ONNX Runtime on an ONNX file."""
    return session_engine(onnxruntime_session(path, threads))


def session_engine(session: Any) -> Engine:
    """The function that an ONNX Runtime session is."""

    def run(pictures: np.ndarray) -> np.ndarray:
        logits: np.ndarray = session.run(None, {INPUT: pictures})[0]
        return logits

    return run


def filled(run: Engine, batch: int) -> Engine:
    """`run` for `batch` pictures at a time, filled up where there are fewer: it is made anew for each other number."""

    def whole(pictures: np.ndarray) -> np.ndarray:
        missing = max(0, batch - len(pictures))
        if not missing:
            return run(pictures)
        return run(np.concatenate([pictures, np.repeat(pictures[:1], missing, 0)]))[: len(pictures)]

    return whole


def open_openvino(path: Path, threads: int) -> Engine:
    """OpenVINO on an ONNX file or its own; compiled anew for each shape, which it is faster with."""
    import openvino

    core, compiled = openvino.Core(), dict[tuple[int, ...], Any]()
    model = core.read_model(path)
    options = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }  # fmt: skip

    def run(pictures: np.ndarray) -> np.ndarray:
        if pictures.shape not in compiled:
            own = model.clone()
            own.reshape(list(pictures.shape))
            with signal_stack_kept():
                compiled[pictures.shape] = core.compile_model(own, "CPU", options)
        logits: np.ndarray = compiled[pictures.shape](pictures)[0]
        return logits

    return run


def open_mnn(path: Path, threads: int) -> Engine:
    """MNN on its own file."""
    with quiet():
        from MNN import expr, nn

        settings = {"precision": "high", "numThread": threads, "backend": 0}
        manager = nn.create_runtime_manager((settings,))
        network = nn.load_module_from_file(str(path), [INPUT], [OUTPUT], runtime_manager=manager)

    def run(pictures: np.ndarray) -> np.ndarray:
        kind = expr.uint8 if pictures.dtype == np.uint8 else expr.float
        given = expr.placeholder(list(pictures.shape), expr.NCHW, kind)
        given.write(pictures)
        (logits,) = network.forward([given])
        return np.array(logits.read())

    return run


def open_ncnn(path: Path, threads: int, prepared: Callable[[np.ndarray], np.ndarray]) -> Engine:
    """ncnn on its two files; `prepared` gives the network's input (N, C, H, W) in float32."""
    import ncnn

    network = ncnn.Net()
    network.opt.num_threads = threads
    for less in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(network.opt, f"use_{less}", False)
    table, numbers = (str(path.with_suffix(ending)) for ending in (".param", ".bin"))
    with quiet():
        failed = network.load_param(table) or network.load_model(numbers)
    if failed:  # asked nevertheless, it would end the process
        raise UsageError("ncnn has no operation for a part of this network")

    def one(picture: np.ndarray) -> np.ndarray:
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(picture))
        return np.array(extractor.extract("out0")[1]).reshape(-1)

    def run(pictures: np.ndarray) -> np.ndarray:
        return np.stack([one(np.ascontiguousarray(picture)) for picture in prepared(pictures)])

    return run
