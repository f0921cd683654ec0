"""The header of a .safetensors file, held to its format before the file is opened by anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ..errors import CheckpointError
from .order import in_order

MOST_BYTES = 8_000_000  # sixty thousand tensors; ResNet-1202 has seven thousand
MOST_TENSORS = 50_000
LONGEST_NAME = 1000


def header(data: bytes, path: Path) -> dict[str, Any]:
    """The header as it stands. Raises CheckpointError where it is damaged, or larger than a network's can be."""
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else -1
    if length < 2 or length > len(data) - 8:
        raise CheckpointError(f"{path}: damaged in section header length, or cut off at {len(data)} bytes")
    if length > MOST_BYTES:
        raise CheckpointError(f"{path}: a header of {length:,} bytes, more than any network's")
    try:
        found = json.loads(data[8 : 8 + length], object_pairs_hook=_once)
    except _DuplicateError as error:
        raise CheckpointError(f"{path}: two entries of the header are called {str(error)[:80]!r}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: damaged in section header") from None
    if not isinstance(found, dict) or not isinstance(found.get("__metadata__", {}), dict):
        raise CheckpointError(f"{path}: damaged in section header")
    if len(found) > MOST_TENSORS or max(map(len, found), default=0) > LONGEST_NAME:
        raise CheckpointError(f"{path}: {len(found):,} tensors, or names of more than {LONGEST_NAME:,} characters")
    return found


def tensors(data: bytes, path: Path) -> dict[str, Tensor]:
    """All tensors, in the order of their layers: the file has them by their names. Raises CheckpointError."""
    header(data, path)
    try:
        loaded = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise CheckpointError(f"{path}: not a valid safetensors file ({error})") from None
    return {name: loaded[name] for name in in_order(loaded)}


class _DuplicateError(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _DuplicateError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found
