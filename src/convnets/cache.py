"""What is worth keeping between two calls: a folder of the user's, and what was measured once on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """CONVNETS_CACHE, else `convnets` in the user's own folder for such things. It may be emptied at any time."""
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONVNETS_CACHE") or users / "convnets")


@cache
def machine() -> str:
    """The processor and how many of its cores this process may use: what a speed that was measured holds for."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = dict(line.split(":", 1) for line in information.read_text().splitlines() if ":" in line)
        keys = {key.strip(): value.strip() for key, value in lines.items()}
        name = f"{keys.get('model name', name)} {keys.get('cpu family', '')}.{keys.get('model', '')}".strip(" .")
    return f"{name}, {cores()} cores"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Threads that a computation may take: OMP_NUM_THREADS, which most runtimes keep to, else one a core."""
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(given) if given.isdigit() and int(given) else cores()


def recall(kind: str, *key: object) -> Any:
    """What was remembered under this key; None where nothing was, or where it is damaged."""
    try:
        return json.loads(_path(kind, key).read_text(encoding="utf-8"))["value"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(kind: str, value: Any, *key: object) -> None:
    """Keep `value`, all JSON, for the next call; where nothing can be kept, it is found out again then."""
    path = _path(kind, key)
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"key": list(map(str, key)), "value": value}), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _path(kind: str, key: tuple[object, ...]) -> Path:
    name = hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()[:24]
    return cache_folder() / kind / f"{name}.json"
