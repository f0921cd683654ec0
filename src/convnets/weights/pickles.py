"""torch's own files, which are pickles beside raw numbers, read without running what the pickle names.

A pickle is a program for a small machine. Ours knows the instructions that plain values need and, of all functions that
a pickle can name, the few that stand for tensors; it makes notes of these, which are held to the numbers that are
really there before any tensor is made.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..errors import CheckpointError

MOST_BYTES = 20_000_000  # of the pickle itself, without numbers
MOST_LINE = 1000
MAGIC = 0x1950A86A20F9469CFC6C  # which a file before torch 1.6 begins with
HOLDERS = ("state_dict", "model_state_dict", "model", "net", "network", "params")  # what people keep weights under
DTYPES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
REFUSED = {  # instructions that make objects or set memory aside, and no weights need
    getattr(pickle, name)[0]
    for name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BYTEARRAY8", "NEXT_BUFFER", "PERSID")
}


@dataclass(frozen=True)
class _Storage:
    """Raw numbers: what they are called in the file, their kind, and how many it says they are."""

    key: str
    dtype: torch.dtype
    count: int


@dataclass(frozen=True)
class _Noted:
    """A tensor as the pickle describes it."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dictionary(dict[Any, Any]):
    """A dictionary that takes no key twice, and no attributes."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self:
            raise ValueError(f"two entries called {str(key)[:80]!r}")
        super().__setitem__(key, value)

    def __setstate__(self, state: Any) -> None:
        """A state_dict's metadata are not needed."""


class _Named:
    """What stands for a function of torch's: it can be called, and nothing in it can be changed."""

    __slots__ = ("call",)
    call: Callable[..., Any]

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "call", call)

    def __call__(self, *arguments: Any) -> Any:
        return self.call(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise ValueError("changes what it names")


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Noted:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or not all(type(one) is int and one >= 0 for one in numbers):
        raise ValueError("a tensor that is none")
    return _Noted(storage, offset, tuple(size), tuple(stride))


NAMES: dict[str, _Named] = {
    "collections.OrderedDict": _Named(lambda *_: _Dictionary()),
    "torch._utils._rebuild_tensor": _Named(_tensor),  # of 2017
    "torch._utils._rebuild_tensor_v2": _Named(_tensor),
    "torch._utils._rebuild_parameter": _Named(lambda noted, *_: noted),
    "torch.Size": _Named(lambda sides: tuple(sides)),
    **{f"torch.{name}Storage": _Named(lambda dtype=dtype: dtype) for name, dtype in DTYPES.items()},
}


class _Machine(pickle._Unpickler):  # the one in Python: that in C sets memory aside as a pickle likes
    dispatch: ClassVar[dict[int, Any]] = {
        code: run for code, run in pickle._Unpickler.dispatch.items() if code not in REFUSED
    }

    def find_class(self, module: str, name: str) -> Any:
        named = f"{module}.{name}"
        if named not in NAMES:
            raise CheckpointError(f"holds {named[:80]}, which is no tensor and is not run; save its state_dict() alone")
        return NAMES[named]

    def persistent_load(self, identity: Any) -> _Storage:
        kind, named, key, _, count, *view = identity
        if kind != "storage" or not isinstance(named, _Named) or any(view) or type(count) is not int or count < 0:
            raise ValueError("numbers of an unknown kind")
        dtype = named()
        if not isinstance(dtype, torch.dtype):
            raise ValueError("numbers of an unknown kind")
        return _Storage(str(key), dtype, count)

    def load_empty_dictionary(self) -> None:
        self.append(_Dictionary())  # type: ignore[attr-defined]

    dispatch[pickle.EMPTY_DICT[0]] = load_empty_dictionary


def read_archive(archive: zipfile.ZipFile, folder: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a file as torch has saved them since 1.6."""
    if f"{folder}constants.pkl" in archive.namelist():
        raise CheckpointError(f"{path}: a TorchScript program, not weights; save its state_dict() with torch.save")
    content = _run(io.BytesIO(archive.read(f"{folder}data.pkl")), path)
    return _tensors(content, path, lambda storage: archive.read(f"{folder}data/{storage.key}"))


def read_stream(data: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors of a file from before torch 1.6: five pickles, then the numbers one after another."""
    stream = io.BytesIO(data)
    if _run(stream, path) != MAGIC:
        raise CheckpointError(f"{path}: a pickle that is not torch's, and is not opened")
    _, _, content, keys = (_run(stream, path) for _ in range(4))
    kinds = {noted.storage.key: noted.storage for _, noted in _noted(content, path)}
    if not isinstance(keys, list) or len(set(map(str, keys))) < len(keys):
        raise CheckpointError(f"{path}: damaged: a list of storages that is none")
    numbers: dict[str, bytes] = {}
    for key in map(str, keys):
        if key not in kinds:
            raise CheckpointError(f"{path}: storage {key[:80]} belongs to no tensor of the weights; save them alone")
        count = int.from_bytes(stream.read(8), "little")
        numbers[key] = stream.read(count * kinds[key].dtype.itemsize if count == kinds[key].count else 0)
    return _tensors(content, path, lambda storage: numbers[storage.key])


class _Program:
    """A pickle's bytes, as far as one of a network's reaches: each costs time, even where it does nothing."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.stream, self.end = stream, stream.tell() + MOST_BYTES

    def read(self, count: int) -> bytes:
        if self.stream.tell() + count > self.end:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        return self.stream.read(count)

    def readline(self) -> bytes:
        return self.stream.readline(MOST_LINE)


def _run(stream: io.BytesIO, path: Path) -> Any:
    """What a pickle's program leaves."""
    try:
        return _Machine(_Program(stream), encoding="utf-8").load()
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except Exception as error:  # a program that is damaged, or not meant to be run, can end in any way
        why = f"{type(error).__name__}: {str(error)[:120]}"
        raise CheckpointError(f"{path}: a pickle of more than tensors, or damaged ({why})") from None


def _noted(content: Any, path: Path) -> Iterator[tuple[str, _Noted]]:
    """The described tensors by their names, wherever people keep them."""
    if isinstance(content, dict):
        for holder in HOLDERS:
            if isinstance(content.get(holder), dict):
                content = content[holder]
                break
    entries = content.items() if isinstance(content, dict) else ()
    found = [(name, one) for name, one in entries if isinstance(one, _Noted)]
    if not found or not all(isinstance(name, str) for name, _ in found):
        raise CheckpointError(f"{path}: holds no named tensors; save a network's state_dict()")
    shared = "module."  # which DataParallel puts before all names
    bare = all(name.startswith(shared) for name, _ in found)
    yield from ((name.removeprefix(shared) if bare else name, one) for name, one in found)


def _tensors(content: Any, path: Path, numbers: Callable[[_Storage], bytes]) -> dict[str, Tensor]:
    """The tensors, as views of the numbers that are there. Raises CheckpointError where they reach beyond them."""
    storages: dict[str, Tensor] = {}
    made: dict[str, Tensor] = {}
    for name, noted in _noted(content, path):
        key = noted.storage.key
        if key not in storages:
            try:
                raw = bytearray(numbers(noted.storage))
            except KeyError:
                raise CheckpointError(f"{path}: tensor {name[:80]}: its numbers are missing") from None
            if len(raw) != noted.storage.count * noted.storage.dtype.itemsize:
                raise CheckpointError(f"{path}: tensor {name[:80]}: cut off, or of another length than it says")
            storages[key] = torch.frombuffer(raw, dtype=noted.storage.dtype) if raw else torch.empty(0)
        made[name] = _view(storages[key], noted, f"{path}: tensor {name[:80]}")
    if sum(tensor.numel() for tensor in made.values()) > 2 * sum(map(len, storages.values())):
        raise CheckpointError(f"{path}: many tensors of the same numbers, which no network has")
    return made


def _view(storage: Tensor, noted: _Noted, where: str) -> Tensor:
    """The tensor as it is described; every number of it must be another one of the storage's."""
    elements, reach = 1, noted.offset
    for side, step in zip(noted.size, noted.stride, strict=False):
        elements *= side
        reach += (side - 1) * step
    if len(noted.size) != len(noted.stride) or elements > len(storage) or (elements and reach >= len(storage)):
        raise CheckpointError(f"{where}: reaches beyond the {len(storage):,} numbers that are there")
    return storage.as_strided(noted.size, noted.stride, noted.offset)
