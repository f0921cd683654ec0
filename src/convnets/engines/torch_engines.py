"""torch itself as an engine, as it is and compiled."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .deployed import Deployed
from .files import silent_warnings
from .runtimes import Engine, filled

LOOKS = 3  # runs by which one memory layout is compared with the other


def open_torch(deployed: Deployed, device: torch.device, pictures: np.ndarray, half: bool) -> Engine:
    """Eager mode on a folded network, in the memory layout that is faster for such `pictures`; `half`: on CUDA in half
    precision."""
    deployed = copy.deepcopy(deployed).to(device)  # others have it in a layout of their own
    times = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        run = _engine(deployed.to(memory_format=layout), device, layout, half)  # type: ignore[call-overload]
        run(pictures)
        times[layout] = min(_seconds(run, pictures) for _ in range(LOOKS))
    layout = min(times, key=lambda one: times[one])
    return _engine(deployed.to(memory_format=layout), device, layout, half)  # type: ignore[call-overload]


def open_compile(deployed: Deployed, device: torch.device, pictures: np.ndarray, half: bool) -> Engine:
    """torch.compile for as many `pictures` at a time; fewer are filled up. On a CPU the weights are frozen into the
    code; on CUDA its kernels are recorded as one graph, and it may compute in `half` precision."""
    layout = torch.channels_last
    deployed = copy.deepcopy(deployed).to(device).to(memory_format=layout)  # type: ignore[call-overload]
    options = {"triton.cudagraphs": True} if device.type == "cuda" else {"freezing": True}
    with silent_warnings():
        compiled = torch.compile(deployed, dynamic=False, options=options)  # type: ignore[arg-type]
        run = _engine(compiled, device, layout, half)
        run(pictures)
    return filled(run, len(pictures))


def has_compiler(device: torch.device) -> bool:
    """Whether torch.compile finds what it needs for this device."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        return bool(has_triton())
    try:
        from torch._inductor.cpp_builder import get_cpp_compiler

        return shutil.which(get_cpp_compiler()) is not None
    except (ImportError, RuntimeError):
        return False


def answers(deployed: Deployed, pictures: np.ndarray, exact: bool) -> np.ndarray:
    """Logits on the CPU, as the others' are compared with; `exact` is in double precision."""
    given = torch.from_numpy(pictures)
    if exact:
        deployed = copy.deepcopy(deployed).double()
        given = given.double() if given.is_floating_point() else given
    with torch.inference_mode():
        logits: np.ndarray = deployed(given).numpy()
        return logits


def _engine(
    forward: Callable[[Tensor], Tensor], device: torch.device, layout: torch.memory_format, half: bool
) -> Engine:
    def run(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch.autocast("cuda", torch.float16, enabled=half):
            given = torch.from_numpy(pictures)  # in memory already as channels_last wants it
            if device.type == "cuda":  # from pinned memory the copy is the faster by more than pinning takes
                given = given.pin_memory().to(device, non_blocking=True)
            given = given.to(device)
            if layout == torch.contiguous_format:
                given = given.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
            logits: np.ndarray = forward(given).float().cpu().numpy()
            return logits

    return run


def _seconds(run: Engine, pictures: np.ndarray) -> float:
    began = time.perf_counter()
    run(pictures)
    return time.perf_counter() - began
