"""Exported files, which say themselves what they take and mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, UsageError
from .about import About
from .files import ABOUT
from .runtimes import Engine, onnxruntime_session, open_openvino, session_engine

KINDS = {".onnx": "onnxruntime", ".xml": "openvino"}  # by ending, and who runs it
TORCH = ".pt2"  # opening one may run code that is hidden in it, so only those just written are opened


def open_exported(path: Path, engine: str, threads: int) -> tuple[About, Engine]:
    """The file's own description, and the function in it. Raises UsageError, or CheckpointError where it is damaged."""
    kind = KINDS[path.suffix]
    if engine not in ("auto", kind):
        raise UsageError(f"{path}: runs on {kind}, not on {engine}; leave --engine out")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        return {".onnx": _onnx, ".xml": _openvino}[path.suffix](path, threads)
    except ImportError as error:
        raise UsageError(f"{path}: {kind} is not installed ({error}); pip install 'convnets[{kind}]'") from None
    except CheckpointError:
        raise
    except Exception as error:  # each runtime has exceptions of its own
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: cannot be opened ({reason}); export it again") from None


def _onnx(path: Path, threads: int) -> tuple[About, Engine]:
    session = onnxruntime_session(path, threads)
    about = session.get_modelmeta().custom_metadata_map.get(ABOUT)
    return About.of_json(about, str(path)), session_engine(session)


def _openvino(path: Path, threads: int) -> tuple[About, Engine]:
    import openvino

    model = openvino.Core().read_model(path)
    about = model.get_rt_info([ABOUT]).astype(str) if model.has_rt_info([ABOUT]) else None
    return About.of_json(about, str(path)), open_openvino(path, threads)


def open_own_torch(path: Path) -> tuple[About, Engine]:
    """A file that this process has just written, as torch reads it. Never one that comes from elsewhere."""
    import torch

    said: dict[str, Any] = {ABOUT: ""}
    forward = torch.export.load(path, extra_files=said).module()

    def run(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits: np.ndarray = forward(torch.from_numpy(np.require(pictures, requirements="W"))).numpy()
            return logits

    return About.of_json(said[ABOUT], str(path)), run
