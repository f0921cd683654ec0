"""Files of weights as named tensors in order: .safetensors, torch's .pth, .pt and .th, NumPy's .npz, Keras's.

What a file is, its content decides. Nothing in it is executed, and no more memory is taken than the file is long: what
a header promises beyond that is refused before anything is allocated.
"""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError, UsageError
from . import keras_files, pickles, safe_header
from .safe_header import MOST_TENSORS

ARCHIVE, PICKLE = b"PK\3\4", (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5")  # how such files begin
OTHERS = (ARCHIVE, *PICKLE, keras_files.HDF5)  # and of these none is ours
KERAS = "model.weights.h5"  # what an archive of Keras has its weights in


def read(path: Path, *, allow_nonfinite: bool = False) -> dict[str, Tensor]:
    """The tensors of the file at `path`. Raises as `parse` does, and UsageError where there is no such regular file."""
    return parse(regular_file(path), path, allow_nonfinite=allow_nonfinite)


def parse(data: bytes, path: Path, *, allow_nonfinite: bool = False) -> dict[str, Tensor]:
    """The tensors of a file's bytes; `path` is for messages.

    Raises CheckpointError where the file is damaged, holds more than tensors, or numbers that are not finite (unless
    allowed).
    """
    if data.startswith(ARCHIVE):
        tensors = _archive(data, path)
    elif data.startswith(PICKLE):
        tensors = pickles.read_stream(data, path)
    elif data.startswith(keras_files.HDF5):
        tensors = keras_files.read_hdf5(data, path)
    else:
        tensors = safe_header.tensors(data, path)
    if len(tensors) > MOST_TENSORS:
        raise CheckpointError(f"{path}: {len(tensors):,} tensors, which no network has")
    if path_like := next((name for name in tensors if ".." in name.split("/") or name.startswith("/")), None):
        raise CheckpointError(f"{path}: a tensor called {path_like[:80]!r}, which is a path and no name")
    if not allow_nonfinite:
        refuse_nonfinite(tensors, path)
    return tensors


def regular_file(path: Path) -> bytes:
    """The bytes of a regular file; UsageError for anything else."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path}: not a regular file; name a file of weights or a run folder")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a file of weights or a run folder") from None


def refuse_nonfinite(tensors: dict[str, Tensor], path: Path) -> None:
    """Raise CheckpointError naming the tensors that hold NaN or infinity."""
    wrong = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(
            f"{path}: NaN or infinity in {', '.join(wrong[:3])}{more}; --allow-nonfinite takes them all the same"
        )


def _archive(data: bytes, path: Path) -> dict[str, Tensor]:
    """A zip file of torch's, NumPy's or Keras's. Its records are stored as they are, for a compressed one can grow."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: damaged archive ({error})") from None
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise CheckpointError(f"{path}: two records of the archive have one name")
    packed = next((entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed or sum(entry.file_size for entry in entries) > len(data):
        raise CheckpointError(f"{path}: the archive's records are compressed; those of torch, savez and Keras are not")
    if len(entries) > 2 * MOST_TENSORS:
        raise CheckpointError(f"{path}: {len(entries):,} records, which no network has")
    try:
        if pickled := next((name for name in names if name.endswith("/data.pkl")), None):
            return pickles.read_archive(archive, pickled.removesuffix("data.pkl"), path)
        if KERAS in names:
            return keras_files.read_hdf5(archive.read(KERAS), path)
        if all(name.endswith(".npy") for name in names):
            return {name.removesuffix(".npy"): _array(archive.read(name), name, path) for name in names}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise CheckpointError(f"{path}: damaged archive ({error})") from None
    raise CheckpointError(f"{path}: an archive that is neither torch's, NumPy's nor Keras's")


def _array(data: bytes, name: str, path: Path) -> Tensor:
    """One .npy record; one of objects is a pickle, which is not opened."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, kind = header(stream)
        if kind.hasobject:
            raise ValueError("objects, which are pickled")
        array = np.frombuffer(bytearray(data[stream.tell() :]), kind)
        return torch.from_numpy(array.reshape(shape, order="F" if is_fortran else "C").copy())
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: record {name} is not an array of numbers ({error})") from None
