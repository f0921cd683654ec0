"""What a predictor asks: a network in memory, a run or weights on disk, or an exported file.

All answer the same questions. What was asked of before from disk is known by the hash of its file, and answers from the
files that its engine keeps, without torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import __version__, engines, spec
from ..cache import recall, remember
from ..data.statistics import NO_STATISTICS, Statistics, standardised_whole
from ..engines import About, Engine, Program
from ..engines.about import FORMAT
from ..errors import CheckpointError, UsageError
from ..spec import Preprocess

if TYPE_CHECKING:
    import torch

    from ..network import Network
    from ..runs import Loaded

ON_DISK = ("best.safetensors", "last.safetensors")  # of a run folder; the first that is there


class Subject(Protocol):
    """A trained network with what its answers mean."""

    @property
    def about(self) -> About: ...

    @property
    def statistics(self) -> Statistics: ...

    def engine(self, name: str, batch: int) -> tuple[str, Engine]:
        """The engine of this name for `batch` pictures at a time, or with "auto" the fastest, and what it is called."""

    @property
    def network(self) -> Network: ...

    @property
    def device(self) -> torch.device: ...


class Live:
    """A network in memory. It stays where it is and as it is: its weights may go on changing between two answers."""

    def __init__(
        self, network: Network, about: About, statistics: Statistics, device: torch.device | None = None
    ) -> None:
        self.about, self.statistics = about, statistics
        self.device = next(network.parameters()).device if device is None else device
        self.network = network.to(self.device)

    def engine(self, name: str, batch: int) -> tuple[str, Engine]:
        if name != "auto":
            return name, engines.open_engine(name, self._program(), batch, accelerator(self.device))
        from ..data.loader import normalise
        from .evaluate import evaluating

        def run(pictures: np.ndarray) -> np.ndarray:
            import torch

            images = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(self.device)
            with evaluating(self.network):
                logits: np.ndarray = self.network(normalise(images, self.about.preprocess)).float().cpu().numpy()
                return logits

        return "torch", run

    def _program(self) -> Program:
        return program_of(self.network, self.about, self.statistics)


@dataclass
class OnDisk:
    """A run or weights, which are loaded only where they are needed."""

    program: Program
    where: str | torch.device  # the device asked for
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> About:
        return self.program.about

    @property
    def statistics(self) -> Statistics:
        return self.program.statistics

    @property
    def network(self) -> Network:
        if "network" not in self.kept:
            self.kept["network"] = self.program.network().to(self.device)
        network: Network = self.kept["network"]
        return network

    @property
    def device(self) -> torch.device:
        return place(self.where)

    def engine(self, name: str, batch: int) -> tuple[str, Engine]:
        on_a_cpu = self.where == "cpu" or (self.where == "auto" and not may_have_accelerator())
        on = None if on_a_cpu else accelerator(self.device)
        if name == "auto":
            return engines.open_fastest(self.program, batch, on)
        return name, engines.open_engine(name, self.program, batch, on)


@dataclass
class Exported:
    """A file from `convnets export`, which holds the preprocessing and brings its engine with it."""

    about: About
    run: Engine
    statistics: Statistics = NO_STATISTICS

    def engine(self, name: str, batch: int) -> tuple[str, Engine]:
        return name, self.run

    @property
    def network(self) -> Network:
        raise UsageError("an exported file answers, but its network cannot be looked into; give the run it came from")

    @property
    def device(self) -> torch.device:
        import torch

        return torch.device("cpu")


def on_disk(
    where: str | Path, model: str | None, preprocess: Preprocess | None, input_size: int | None,
    device: str | torch.device,
) -> OnDisk:  # fmt: skip
    """The subject of a run folder, checkpoint, file or name of weights. Raises what `runs.load` raises."""
    path = _file(where)
    digest = "" if path is None else _digest(path)

    def load() -> Loaded:
        from .. import runs

        loaded = runs.load(where, model)
        if path is not None and _digest(path) != digest:
            raise CheckpointError(f"{path}: was written to while it was read; ask again")
        return loaded

    made = json.dumps([__version__, FORMAT, model, preprocess and spec.to_dict(preprocess), input_size])
    if path is not None:
        key = recall("programs", digest, made)
        known = engines.recalled(key, lambda: load().network) if key is not None else None
        if known is not None:
            return OnDisk(known, device)
    loaded = load()
    about = describe(loaded.network, loaded.classes, preprocess or loaded.preprocess, loaded.statistics, input_size)
    program = program_of(loaded.network, about, loaded.statistics)
    if path is not None:
        remember("programs", program.key, digest, made)
    return OnDisk(program, device)


def describe(
    network: Network, classes: tuple[str, ...], preprocess: Preprocess, statistics: Statistics,
    input_size: int | None = None,
) -> About:  # fmt: skip
    """What the network takes and means, for pictures of `input_size` where that is given."""
    from ..engines.deployed import about_of

    if input_size is not None:
        preprocess = resized(preprocess, input_size)
    early = standardised_whole(preprocess) or statistics.mean_image is not None
    return about_of(network, classes, preprocess, statistics, "standardised" if early else "crops")


def resized(preprocess: Preprocess, size: int) -> Preprocess:
    """The same for another size of the input, sizes around the crop in proportion. Raises UsageError below 1."""
    if size < 1:
        raise UsageError(f"input_size {size}: must be at least 1")
    ratio = size / preprocess.size
    resize, centre = (side and round(side * ratio) for side in (preprocess.resize, preprocess.centre))
    return dataclasses.replace(preprocess, size=size, resize=resize, centre=centre)


def program_of(network: Network, about: About, statistics: Statistics) -> Program:
    """The program of a network as it is now, under a key made of all that its answers depend on."""
    import torch

    digest = hashlib.sha256(f"{__version__}\n{about.to_json()}".encode())
    for name, tensor in (*network.state_dict().items(), *statistics.tensors().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return Program(digest.hexdigest()[:32], about, statistics, lambda: network)


def place(device: str | torch.device) -> torch.device:
    """The device of this name; `auto` is an accelerator if there is one. Raises UsageError."""
    import torch

    if device == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.device(device)
    except RuntimeError:
        raise UsageError(f"device {device!r}: no such device; try auto, cpu or cuda") from None


def accelerator(device: torch.device) -> torch.device | None:
    """The device where it is not the CPU."""
    return None if device.type == "cpu" else device


def may_have_accelerator() -> bool:
    """Whether it is worth asking torch for one, whose import takes longer than many an answer."""
    return sys.platform == "darwin" or any(Path(f"/dev/{name}").exists() for name in ("nvidiactl", "dxg", "kfd", "dri"))


def _file(where: str | Path) -> Path | None:
    """The one file that says everything about a run or weights; None where there is none."""
    path = Path(where)
    if path.is_dir():
        path = next((path / name for name in ON_DISK if (path / name).is_file()), path)
    return path if path.is_file() else None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
