"""Checkpoint files: one safetensors file each, written so that a crash never costs what was already saved.

The tensors and, in the header, the JSON state travel in one file, so one rename commits both. The header also holds a
SHA-256 of the whole file (taken with the digest's own 64 characters as zeros) and a CRC-32 of each tensor, which tells
where damage lies. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ..errors import CheckpointError, ResourceError
from ..weights import files, safe_header

FORMAT = 1
_STATE, _DIGEST, _BLANK = "convnets", "sha256", "0" * 64


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any], previous: Path | None = None) -> str:
    """Write `tensors` and `state` to `path`; return the file's SHA-256.

    The file is complete on the disk under a temporary name beside `path` before it takes that name. What `path` held
    until then is kept as `previous`. Raises ResourceError (path, bytes needed and free) when the disk gives out;
    `path` is then as it was.
    """
    data = encode(tensors, state)
    temporary = path.with_name(path.name + ".tmp")
    try:
        write_durably(temporary, data)
        if previous is not None and path.exists():
            _keep(path, previous)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free
        raise ResourceError(
            f"cannot save {path}: {error.strerror}; {len(data):,} bytes needed, {free:,} free; "
            "the previous state is untouched, free some space and resume"
        ) from None
    return hashlib.sha256(data).hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Write `data` to `path` and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step: a reader sees the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    write_durably(temporary, text.encode())
    temporary.replace(path)


def _keep(path: Path, previous: Path) -> None:
    """Give the file at `path` a second name, so that it outlives the rename over it."""
    previous.unlink(missing_ok=True)
    try:
        os.link(path, previous)
    except OSError:  # no hard links on this file system
        shutil.copyfile(path, previous)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a directory cannot be opened there, and renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def encode(tensors: dict[str, Tensor], state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint file."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    checks = {name: zlib.crc32(_bytes(tensor)) for name, tensor in plain.items()}
    text = json.dumps({**state, "format": FORMAT, "tensors": checks}, allow_nan=False)
    data = bytearray(safetensors.torch.save(plain, {_STATE: text, _DIGEST: _BLANK}))
    start = _digest_start(data)
    data[start : start + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and state of a checkpoint file, each bit of it checked.

    Raises UsageError where there is no such file, CheckpointError (naming the damaged tensor or section) where it is
    not what was saved.
    """
    tensors, state = load_any(path)
    if state is None:
        raise CheckpointError(f"{path}: no convnets checkpoint but plain weights, which need --model NAME")
    return tensors, state


def load_any(path: Path, *, allow_nonfinite: bool = False) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """The tensors of a file of weights, and the state where it is a checkpoint of ours. Raises as `load` does."""
    data = files.regular_file(path)
    if data.startswith(files.OTHERS):
        return files.parse(data, path, allow_nonfinite=allow_nonfinite), None
    header = safe_header.header(data, path)
    metadata = header.get("__metadata__", {})
    if not (_STATE in metadata or _DIGEST in metadata or any(name.startswith("model.") for name in header)):
        return files.parse(data, path, allow_nonfinite=allow_nonfinite), None
    if _STATE not in metadata or _DIGEST not in metadata:
        raise CheckpointError(f"{path}: damaged in section header; use the previous checkpoint beside it")
    _verify(data, header, path)
    state = json.loads(metadata[_STATE])
    if state["format"] > FORMAT:
        raise CheckpointError(
            f"{path}: has format {state['format']}, this version reads up to {FORMAT}; upgrade convnets"
        )
    return safetensors.torch.load(data), state


def _bytes(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def _digest_start(data: bytes | bytearray) -> int:
    """Where the digest's 64 characters start; inside the state's own text a quote would follow a backslash."""
    length = int.from_bytes(data[:8], "little")
    key = f'"{_DIGEST}":"'.encode()
    found = data.find(key, 8, 8 + length)
    return found + len(key) if found >= 0 else -1


def _verify(data: bytes, header: dict[str, Any], path: Path) -> None:
    start = _digest_start(data)
    blank = bytearray(data)
    if start >= 0:
        blank[start : start + 64] = _BLANK.encode()
        if hashlib.sha256(blank).hexdigest().encode() == data[start : start + 64]:
            return
    raise CheckpointError(f"{path}: damaged in {_damaged_part(data, header)}; use the previous checkpoint beside it")


def _damaged_part(data: bytes, header: dict[str, Any]) -> str:
    """The first tensor or section of a damaged file that is not as it was saved."""
    base = 8 + int.from_bytes(data[:8], "little")
    try:
        checks = json.loads(header["__metadata__"][_STATE])["tensors"]
        spans = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
        end = base + max((stop for _, stop in spans.values()), default=0)
        if len(data) < end:
            return f"section data: cut off at {len(data):,} of {end:,} bytes"
        if len(data) > end:
            return f"section data: {len(data) - end:,} bytes too many at the end"
        for name, (first, stop) in spans.items():
            if zlib.crc32(data[base + first : base + stop]) != checks.get(name):
                return f"tensor {name}"
    except (KeyError, TypeError, ValueError):
        pass
    return "section header"
