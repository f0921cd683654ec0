"""Test results that a run folder keeps: `results.json`, one entry for each data set, split and protocol."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data import Source
from ..runs import Loaded
from ..runs.checkpoint import write_text
from ..runs.folder import RUN, now
from .metrics import Evaluation

RESULTS = "results.json"


def keep(loaded: Loaded, source: Source, split: str, results: Mapping[str, Evaluation]) -> Path | None:
    """Note in the run's folder what was measured, by protocol, as `together` has it; the file that was written.

    Weights that are in no run folder leave nothing; nor do those in a folder that cannot be written to, with a warning.
    """
    path = loaded.path.parent / RESULTS
    if not path.with_name(RUN).is_file():
        return None
    known = together(loaded, source, split, results)
    try:
        write_text(path, json.dumps(known, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        print(f"warning: {path}: cannot be written ({error.strerror})", file=sys.stderr)
        return None
    return path


def together(loaded: Loaded, source: Source, split: str, results: Mapping[str, Evaluation]) -> list[dict[str, Any]]:
    """What is known of exactly these weights and what was measured now; an older result of the same gives way."""
    about = {"weights": _weights(loaded), "data": source.name, "fingerprint": source.fingerprint["sha256"],
             "split": split}  # fmt: skip
    new = [{**about, "protocol": protocol, "when": now(), **_plain(result)} for protocol, result in results.items()]
    return list({_key(one): one for one in [*kept(loaded), *new]}.values())


def kept(loaded: Loaded) -> list[dict[str, Any]]:
    """What is known of exactly these weights; nothing where they are in no run folder, or the file is damaged."""
    own = _weights(loaded)
    return [one for one in _read(loaded.path.parent) if one["weights"] == own]


def _read(folder: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        return [one for one in found if "weights" in one]
    except (OSError, ValueError, TypeError):
        return []


def _plain(result: Evaluation) -> dict[str, Any]:
    values = result.to_json([str(index) for index in range(len(result.confusion))])
    return {key: value for key, value in values.items() if key not in ("classes", "unit")}


def _key(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one[key]) for key in ("fingerprint", "split", "protocol"))


def _weights(loaded: Loaded) -> str:
    """A name of the weights: the hash of the checksums that their checkpoint holds."""
    text = json.dumps(loaded.state.get("tensors", {}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
