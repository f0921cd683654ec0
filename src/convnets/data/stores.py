"""Where files lie: a folder, or an archive that is read without being unpacked. Both look the same from outside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from ..errors import DataError
from .decode import printable

MAX_UNPACKED = 2 * 1024**3
TAR_ENDINGS: dict[str, Callable[..., Any] | None] = {
    ".tar": None,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
}
ARCHIVE_ENDINGS = (*TAR_ENDINGS, ".zip")


class Reader(Protocol):
    """Reads one file of a store by its path there; what worker processes carry. Raises DataError."""

    root: str

    def read(self, path: str) -> bytes: ...


@dataclass
class Store:
    """Everything in a folder or archive but hidden files: sizes in bytes by path, and the folders (empty ones too)."""

    reader: Reader
    files: dict[str, int]
    folders: set[str]

    @property
    def root(self) -> str:
        return self.reader.root

    def text(self, path: str) -> str:
        return self.reader.read(path).decode("utf-8-sig", "replace")


def open_store(path: Path) -> Store:
    """The folder or archive at `path`. Raises DataError where it cannot be read."""
    if path.is_dir():
        store = Store(FolderReader(str(path)), {}, set())
        _walk(store, "", ())
        return store
    try:
        return _open_zip(path) if path.name.lower().endswith(".zip") else _open_tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: not a readable archive ({' '.join(str(error).split())})") from None


@dataclass
class FolderReader:
    """Files of a folder, by their path in it."""

    root: str

    def read(self, path: str) -> bytes:
        try:
            return (Path(self.root) / path).read_bytes()
        except OSError as error:
            name = printable(str(Path(self.root) / path))
            raise DataError(f"{name}: cannot be read ({error.strerror})") from None


def _walk(store: Store, folder: str, parents: tuple[tuple[int, int], ...]) -> None:
    """Adds what lies in `folder` and below it; links are followed unless they lead back to a parent."""
    here = os.path.join(store.root, folder)  # noqa: PTH118 (Path would triple the time for a million files)
    try:
        status = os.stat(here)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in parents:
            return
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{printable(here)}: cannot be read ({error.strerror})") from None
    for entry in entries:
        if _hidden(entry.name):
            continue
        path = posixpath.join(folder, entry.name)
        try:
            is_folder, size = entry.is_dir(), entry.stat().st_size
        except OSError:  # a link that leads nowhere stays listed, so that decoding names it
            is_folder, size = False, 0
        if is_folder:
            store.folders.add(path)
            _walk(store, path, (*parents, (status.st_dev, status.st_ino)))
        else:
            store.files[path] = size


@dataclass
class ArchiveReader:
    """Files by (offset, stored bytes, bytes once inflated or 0 where nothing is packed).

    Offsets count in the archive file, or in `buffer` where that had to be unpacked as a whole.
    """

    root: str
    places: dict[str, tuple[int, int, int]]
    buffer: bytes | None = None
    zipped: bool = False

    def read(self, path: str) -> bytes:
        offset, stored, inflated = self.places[path]
        if self.buffer is not None:
            return self.buffer[offset : offset + stored]
        try:
            with Path(self.root).open("rb") as file:
                if self.zipped:  # the local header's own name and extra field stand before the data
                    file.seek(offset + 26)
                    offset += 30 + sum(int.from_bytes(file.read(2), "little") for _ in range(2))
                file.seek(offset)
                data = file.read(stored)
            return zlib.decompressobj(-15).decompress(data, inflated) if inflated else data
        except (OSError, zlib.error) as error:
            raise DataError(f"{printable(self.root)}/{printable(path)}: cannot be read ({error})") from None


def _open_tar(path: Path) -> Store:
    opener = TAR_ENDINGS[next(end for end in TAR_ENDINGS if path.name.lower().endswith(end))]
    buffer, file = None, None
    if opener is not None:
        with opener(path) as packed:
            buffer = packed.read(MAX_UNPACKED + 1)
        if len(buffer) > MAX_UNPACKED:
            raise DataError(f"{path}: holds more than 2 GB unpacked; unpack it and give the folder to --data")
        file = io.BytesIO(buffer)
    reader = ArchiveReader(str(path), {}, buffer)
    store = Store(reader, {}, set())
    with _plain_tar(path, file) as archive:
        for member in archive:
            name = posixpath.normpath(member.name)
            if any(map(_hidden, name.split("/"))):
                continue
            if member.isdir():
                _add_folders(store, name)
            elif member.islnk() and (target := posixpath.normpath(member.linkname)) in store.files:
                _add_file(store, name, store.files[target], reader.places[target])
            else:  # other links have no bytes here; as empty files they are named when they are decoded
                size = member.size if member.isreg() and not member.issparse() else 0
                _add_file(store, name, size, (member.offset_data, size, 0))
    return store


def _plain_tar(path: Path, file: IO[bytes] | None) -> tarfile.TarFile:
    return tarfile.open(path, "r:") if file is None else tarfile.open(fileobj=file, mode="r:")


def _open_zip(path: Path) -> Store:
    store = Store(ArchiveReader(str(path), {}, zipped=True), {}, set())
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = posixpath.normpath(member.filename.replace("\\", "/"))
            if any(map(_hidden, name.split("/"))):
                continue
            if member.is_dir():
                _add_folders(store, name)
                continue
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{path}: {printable(name)} is encrypted or packed in a rare way; unpack it first")
            inflated = 0 if member.compress_type == zipfile.ZIP_STORED else max(1, member.file_size)
            _add_file(store, name, member.file_size, (member.header_offset, member.compress_size, inflated))
    return store


def _add_file(store: Store, name: str, size: int, place: tuple[int, int, int]) -> None:
    assert isinstance(store.reader, ArchiveReader)
    store.files[name] = size
    store.reader.places[name] = place
    _add_folders(store, posixpath.dirname(name))


def _add_folders(store: Store, folder: str) -> None:
    while folder and folder != "." and folder not in store.folders:
        store.folders.add(folder)
        folder = posixpath.dirname(folder)


def _hidden(name: str) -> bool:
    return (name.startswith(".") and name != ".") or name == "__MACOSX"
