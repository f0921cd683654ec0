"""From a network to the files that other runtimes read. Each is written whole or not at all."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch

from ..errors import UsageError
from .about import About
from .deployed import Deployed
from .files import ABOUT, INPUT, OUTPUT, quiet, silent_warnings, written

MOST_PICTURES, LONGEST = 1 << 16, 1 << 16


def exported(deployed: Deployed, about: About) -> torch.export.ExportedProgram:
    """torch.export's form, for any number of pictures, and of any size where it resizes them itself."""
    dim = torch.export.Dim
    dynamic: dict[int, Any] = {0: dim("N", min=1, max=MOST_PICTURES)}
    if about.form == "pictures":
        dynamic |= {1: dim("H", min=2, max=LONGEST), 2: dim("W", min=2, max=LONGEST)}
    pictures = torch.from_numpy(about.example())
    with torch.no_grad(), silent_warnings():
        return torch.export.export(deployed, (pictures,), dynamic_shapes=(dynamic,))


def write_onnx(deployed: Deployed, about: About, path: Path) -> None:
    """An ONNX file with what it means inside, `about` under the key `convnets`."""
    require("onnxscript", "onnx")
    with silent_warnings(), quiet():
        program = torch.onnx.export(
            exported(deployed, about), (), dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False
        )
        assert program is not None
        program.model.metadata_props[ABOUT] = about.to_json()
        program.model.producer_name = ABOUT
        with written(path) as temporary:
            program.save(temporary, external_data=False)


def say_of_itself(path: Path, about: About) -> None:
    """Write anew what an ONNX file says of itself."""
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {ABOUT: about.to_json()})
    onnx.save(model, str(path))


def write_mnn(onnx: Path, path: Path) -> None:
    """MNN's form of an ONNX file.

    Its converter is called below its Python wrapper, which installs a package and reports each use over the network.
    """
    with written(path) as temporary, quiet():
        import _tools

        _tools.mnnconvert(
            ["mnnconvert", "-f", "ONNX", "--modelFile", str(onnx), "--MNNModel", temporary, "--bizCode", ABOUT]
        )
        if not Path(temporary).exists():
            raise UsageError("MNN cannot convert this network")


def write_ncnn(deployed: Deployed, about: About, path: Path) -> None:
    """ncnn's two files, PATH.param and PATH.bin, of the network alone: (C, H, W) in float32 to logits."""
    import pnnx

    side, channels = about.side, about.preprocess.channels
    with tempfile.TemporaryDirectory() as folder, silent_warnings():
        traced = torch.jit.trace(deployed.network, torch.zeros(1, channels, side[0] or 1, side[1] or 1))
        traced.save(f"{folder}/network.pt")
        shape = f"inputshape=[1,{channels},{side[0]},{side[1]}]"
        done = subprocess.run(
            [pnnx.EXEC_PATH, "network.pt", shape, "fp16=0"], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode or not Path(folder, "network.ncnn.bin").exists():
            raise UsageError(f"ncnn cannot convert this network ({(done.stderr or done.stdout).strip()[-200:]})")
        for ending in ("bin", "param"):
            with written(path.with_suffix(f".{ending}")) as temporary:
                Path(temporary).write_bytes(Path(folder, f"network.ncnn.{ending}").read_bytes())


def require(*modules: str) -> None:
    """Raise UsageError where what writes ONNX files is not installed."""
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            raise UsageError(f"ONNX files need {module}, which is not installed: pip install {module}") from None
