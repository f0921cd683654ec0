"""The run folder: where one training run keeps its recipe, metrics, pictures and checkpoints."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, ResourceError, UsageError
from ..spec import Recipe, from_dict
from . import checkpoint

RUN, LAST, PREVIOUS, BEST = "run.json", "last.safetensors", "previous.safetensors", "best.safetensors"
PROBE = ".probe"


class RunFolder:
    """One run's folder. `run.json` says how the run was started, `last.safetensors` where it stands."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, name: str, out: str | None = None, root: str = "runs") -> RunFolder:
        """A new, empty folder: `out` itself, else `root/name`, `root/name-2`, ... An existing run is never touched.

        Raises UsageError where `out` is not empty or cannot be written to.
        """
        cls.check_out(out)
        if out is None:
            return cls(_next_free(Path(root), name))
        path = Path(out)
        try:
            path.mkdir(parents=True, exist_ok=True)
            _probe(path)
        except OSError as error:
            raise UsageError(f"--out {path}: {error.strerror}; name a folder that can be written to") from None
        return cls(path)

    @staticmethod
    def check_out(out: str | None) -> None:
        """Raise UsageError where `out` is taken; what a run that never began left there does not count."""
        path = Path(out or "")
        if out is None or not path.exists():
            return
        if not path.is_dir():
            raise UsageError(f"--out {path}: is a file; name a folder")
        if any(item.suffix != ".tmp" and item.name != PROBE for item in path.iterdir()):
            raise UsageError(f"--out {path}: not empty; name a new folder, or continue it with --resume {path}")

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder. Raises UsageError for anything else."""
        folder = cls(Path(path))
        if not (folder.path / RUN).is_file():
            raise UsageError(f"{path}: not a run folder (no {RUN} in it); runs are made by convnets train")
        return folder

    def write_run(self, run: dict[str, Any]) -> None:
        """Store how the run was started, before its first step."""
        try:
            checkpoint.write_text(self.path / RUN, json.dumps(run, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise ResourceError(f"cannot write {self.path / RUN}: {error.strerror}; free some space") from None

    def read_run(self) -> dict[str, Any]:
        """How the run was started. Raises CheckpointError where the file is damaged."""
        try:
            run: dict[str, Any] = json.loads((self.path / RUN).read_text(encoding="utf-8"))
            if not isinstance(run, dict):
                raise ValueError("no JSON object")
            return run
        except ValueError as error:
            raise CheckpointError(f"{self.path / RUN}: damaged ({error}); restore it or start a new run") from None

    def save(self, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Save a checkpoint (`last.safetensors` or `best.safetensors`) and the readable copy of its state beside it."""
        previous = self.path / PREVIOUS if name == LAST else None
        digest = checkpoint.save(self.path / name, tensors, state, previous)
        beside = {"file": name, "sha256": digest, **{key: value for key, value in state.items() if key != "log"}}
        text = json.dumps(beside, indent=2, ensure_ascii=False) + "\n"
        try:
            checkpoint.write_text((self.path / name).with_suffix(".json"), text)
        except OSError as error:  # a copy for people; the checkpoint itself is safe
            print(f"warning: cannot write the JSON beside {name} ({error})", file=sys.stderr)

    def is_finished(self) -> bool:
        """Whether the run reached its end, by the readable copy of its state, and its checkpoint is whole.

        A probe is never anything else.
        """
        if "probe" in self.read_run():
            return True
        try:
            state = json.loads((self.path / LAST).with_suffix(".json").read_text(encoding="utf-8"))
            whole = hashlib.sha256((self.path / LAST).read_bytes()).hexdigest() == state["sha256"]
            epoch, best = state["progress"]["epoch"], state["best"]
            return whole and from_dict(Recipe, state["recipe"]).is_over(epoch, best["epoch"] if best else epoch)
        except (OSError, ValueError, KeyError, UsageError):
            return False

    def set_best_aside(self, best: dict[str, Any] | None) -> bool:
        """Rename the best checkpoint where it is not the `best` of the checkpoint gone on from; whether it was."""
        path = self.path / BEST
        if not path.exists() or checkpoint.load(path)[1]["best"] == best:
            return False
        for old in (path, path.with_suffix(".json")):
            if old.exists():
                old.replace(old.with_stem("best-abandoned"))
        return True

    def newest(self) -> tuple[Path, dict[str, Tensor], dict[str, Any]] | None:
        """The valid checkpoint that is furthest among `last` and `previous`; None where neither was ever saved.

        Furthest is the one with the most steps, of the latest branch where a run went back to an earlier checkpoint.

        A damaged one is passed over with a warning that names both. Raises CheckpointError where all are damaged.
        """
        self.remove_stale()
        found, damaged = [], []
        for path in (self.path / LAST, self.path / PREVIOUS):
            if path.exists():
                try:
                    found.append((path, *checkpoint.load(path)))
                except CheckpointError as error:
                    damaged.append(error)
        if not found:
            if damaged:
                raise damaged[0]
            return None
        newest = max(found, key=lambda item: (item[2].get("branch", 0), item[2]["progress"]["step"]))
        for damage in damaged:
            print(f"warning: {damage}; continuing from {newest[0]}", file=sys.stderr)
        return newest

    def remove_stale(self) -> None:
        """Remove what a crash in the middle of a save left behind."""
        for path in self.path.glob("*.tmp"):
            path.unlink(missing_ok=True)

    def write_metrics(self, log: list[dict[str, Any]]) -> None:
        """Write metrics.csv and metrics.jsonl: one line an epoch, the same bytes for the same run."""
        if not log:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(log[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(log)
        checkpoint.write_text(self.path / "metrics.csv", text.getvalue())
        checkpoint.write_text(self.path / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in log))

    def trim_timing(self, epochs: int) -> None:
        """Forget the times of epochs that a resumed run will do again."""
        path = self.path / "timing.csv"
        if path.exists():
            header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            checkpoint.write_text(path, header + "".join(row for row in rows if int(row.split(",")[0]) <= epochs))


def versions() -> dict[str, str]:
    """The versions a run depends on."""
    names = ("convnets", "torch", "numpy", "pillow", "simplejpeg", "scikit-learn", "safetensors")
    found = {name: _version(name) for name in names}
    return {"python": platform.python_version(), **found, "machine": f"{platform.system()} {platform.machine()}"}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def revision() -> str | None:
    """The git revision of this package's own source, with `-dirty` where it was changed; None where it is installed."""
    package = Path(__file__).resolve().parents[1]
    git = ("git", "-C", str(package))
    try:
        top = subprocess.run([*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True, timeout=10)
        if top.returncode or Path(top.stdout.strip()) / "src" / "convnets" != package:
            return None
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=10,
        )  # fmt: skip
        return described.stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def now() -> str:
    """The time as text, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _next_free(root: Path, name: str) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, 100_000):
            path = root / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise UsageError(f"{root}: {error.strerror}; name a folder that can be written to with --out") from None
    raise UsageError(f"{root}: too many runs called {name}; name a folder with --out")


def _probe(path: Path) -> None:
    """Fail now, not after the first epoch, where the folder is read-only."""
    probe = path / PROBE
    probe.touch()
    probe.unlink()
