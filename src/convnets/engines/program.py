"""A trained network as engines need it: known by a key, with files that are made once and kept in the cache.

Nothing here imports torch until a file has to be made, so that what was made before starts at once.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cache import cache_folder
from ..data.statistics import Statistics
from ..errors import ResourceError
from .about import About
from .files import written

if TYPE_CHECKING:
    from ..network import Network
    from .deployed import Deployed

ENDINGS = {"onnxruntime": "onnx", "openvino": "onnx", "mnn": "mnn", "ncnn": "param"}  # the file that each engine reads
ABOUT, STATISTICS = "about.json", "statistics.npz"
ROOM = 4 * 2**30  # bytes that the files of all networks may take


@dataclass
class Program:
    """What is known of one trained network; `network` loads it. `key` names its weights and preprocessing."""

    key: str
    about: About
    statistics: Statistics
    network: Callable[[], Network]

    @cached_property
    def folder(self) -> Path:
        """In the cache; where that cannot be written to, a temporary one for as long as this process lives."""
        folder = cache_folder() / "engines" / self.key
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="convnets-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def deployed(self) -> Deployed:
        """The function itself, as torch runs it."""
        from .deployed import Deployed

        return Deployed(self.network(), self.about.preprocess, self.statistics, self.about.form)

    def file(self, engine: str) -> Path:
        """The file that `engine` reads, made where it is not there yet. Raises UsageError where it cannot be.

        It is to be sealed once the engine was seen to answer as torch does.
        """
        path = self.folder / f"network.{ENDINGS[engine]}"
        if not is_sealed(path, engine):
            from . import convert

            make_room()
            self.keep()
            if ENDINGS[engine] == "onnx":
                convert.write_onnx(self.deployed, self.about, path)
            elif engine == "mnn":
                with tempfile.TemporaryDirectory() as folder:
                    convert.write_onnx(self.deployed, self.about, Path(folder, "network.onnx"))
                    convert.write_mnn(Path(folder, "network.onnx"), path)
            else:
                convert.write_ncnn(self.deployed, self.about, path)
        with contextlib.suppress(OSError):
            path.touch()  # it was of use today
        return path

    def keep(self) -> None:
        """Remember what the network means, for the next call that finds it by its key alone."""
        with contextlib.suppress(OSError, ResourceError):
            with written(self.folder / STATISTICS) as temporary, Path(temporary).open("wb") as file:
                np.savez(file, **self.statistics.arrays())  # type: ignore[arg-type]
            with written(self.folder / ABOUT) as temporary:
                Path(temporary).write_text(self.about.to_json(), encoding="utf-8")

    def forget(self, but: str) -> None:
        """Delete the files that the engine `but` does not need."""
        for path in self.folder.glob("network.*"):
            if not path.name.startswith(f"network.{ENDINGS.get(but)}") and (but, path.suffix) != ("ncnn", ".bin"):
                path.unlink(missing_ok=True)


def is_sealed(path: Path, engine: str) -> bool:
    """Whether the file is as it was when this engine's answers were compared with torch's. Some runtimes end the
    process over a damaged one."""
    try:
        return Path(f"{path}.{engine}").read_text() == _digest(path)
    except OSError:
        return False


def seal(path: Path, engine: str) -> None:
    """Write down that the engine answers rightly with this file."""
    with contextlib.suppress(OSError):
        Path(f"{path}.{engine}").write_text(_digest(path))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for part in (path, path.with_suffix(".bin")) if path.suffix == ".param" else (path,):
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def recalled(key: str, network: Callable[[], Network]) -> Program | None:
    """The program of this key from the cache; None where it is not there, or not whole."""
    folder = cache_folder() / "engines" / key
    try:
        about = About.of_json((folder / ABOUT).read_text(encoding="utf-8"), str(folder))
        with np.load(folder / STATISTICS) as arrays:
            statistics = Statistics(**dict(arrays))
    except Exception:  # whatever a file that was damaged or is of another version can raise
        return None
    return Program(key, about, statistics, network)


def make_room(most: int = ROOM) -> None:
    """Delete the files of the networks that were not of use for longest, until the rest takes at most `most` bytes."""
    folders: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for folder in (cache_folder() / "engines").iterdir():
            files: list[Any] = [path.stat() for path in folder.iterdir()] if folder.is_dir() else []
            if files:
                folders.append((max(f.st_mtime for f in files), sum(f.st_size for f in files), folder))
    total = sum(size for _, size, _ in folders)
    for _, size, folder in sorted(folders):
        if total <= most:
            return
        shutil.rmtree(folder, ignore_errors=True)
        total -= size
