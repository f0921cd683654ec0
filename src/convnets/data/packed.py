"""Reading packs: all pictures of a data set in one file, an Arrow IPC stream with Hugging Face's features.

Columns: `image` (a file's bytes and its path), `label`, and where they are there `split` and the `crc32` of the bytes.
Arrow is only asked where each picture lies. Its bytes are then taken out of the mapped file, so that nothing is copied
and all processes share what is in memory.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, few
from .assemble import SPLITS, known_name
from .decode import printable
from .pictures import Names, Source, Split, StoredPictures

ENDING = ".arrow"
MESSAGE = b"\xff\xff\xff\xff"  # begins every message of a stream
END = MESSAGE + bytes(4)
ABOUT, FEATURES = b"convnets", b"huggingface"  # the schema's metadata: on the pack, and on its columns
FORMAT = 1
DICTIONARY, BATCH = 2, 3  # Message.fbs: kinds of message
EARLY_COMPRESSION = b"ARROW:experimental_compression"  # where Arrow 0.17 said so, which is still heeded


def pyarrow() -> Any:
    """The module. Raises DataError where the extra is not installed."""
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise DataError("packs need pyarrow; pip install 'convnets[pack]'") from None
    return pyarrow


def is_pack(path: Path) -> bool:
    """Whether the file is one, by its ending or how it begins."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ENDING:
        return True
    with path.open("rb") as file:
        return file.read(4) == MESSAGE


class PackPictures(StoredPictures):
    """Picture files in a pack. `places` int64 (N, 2): where each begins and ends; `checks` their CRC-32, or None."""

    def __init__(self, path: str, places: np.ndarray, checks: np.ndarray | None, names: Names) -> None:
        self.path, self.places, self.checks, self.names = path, places, checks, names
        self._mapped: memoryview | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_mapped": None}  # each process maps the file itself

    def read(self, index: int) -> memoryview:
        if self._mapped is None:
            self._mapped = _map(self.path)
        start, stop = self.places[index].tolist()
        return self._mapped[start:stop]

    def verified(self, index: int) -> np.ndarray:
        if self.checks is not None and zlib.crc32(self.read(index)) != self.checks[index]:
            raise DataError(f"{self.name(index)}: not what was packed (its checksum differs)")
        return self.load(index)

    def take(self, indices: np.ndarray) -> PackPictures:
        checks = None if self.checks is None else self.checks[indices]
        return PackPictures(self.path, self.places[indices], checks, self.names.take(indices))


class Rows(NamedTuple):
    """Columns of a pack: places, labels and checksums (None where there are none) by row, names and splits."""

    places: np.ndarray
    labels: np.ndarray
    checks: np.ndarray | None
    paths: list[str]
    splits: np.ndarray


def open_pack(path: Path) -> Source:
    """The pack at `path`, no picture decoded yet. Raises DataError in one line for what is damaged or no such pack."""
    arrow = pyarrow()
    try:
        with arrow.memory_map(str(path)) as file:
            return _source(path, *_read(arrow, file))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # Arrow raises whatever it pleases on hostile bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable pack, or one that is cut off ({reason[:200]})") from None


def _map(path: str) -> memoryview:
    try:
        with Path(path).open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def _read(arrow: Any, file: Any) -> tuple[tuple[str, ...], dict[str, Any], Rows]:
    """Class names, what the pack says of itself, and its rows."""
    size = file.size()
    whole = file.read_buffer(size)
    file.seek(0)
    reader = arrow.ipc.open_stream(file)
    metadata = reader.schema.metadata or {}
    about, features = (json.loads(metadata.get(key, b"{}")) for key in (ABOUT, FEATURES))
    features = features.get("info", {}).get("features", {})
    image, label = (_column(features, kind) for kind in ("Image", "ClassLabel"))
    if about.get("format", FORMAT) > FORMAT:
        raise DataError(f"has format {about['format']}, this version reads up to {FORMAT}; upgrade convnets")
    file.seek(0)
    if any(map(_is_compressed, arrow.ipc.MessageReader.open_stream(file))):
        raise DataError("its columns are compressed; write them plain")
    file.seek(0)
    reader = arrow.ipc.open_stream(file)
    batches = [_rows(batch, image, label, whole.address) for batch in reader]
    if not batches:
        raise DataError("holds no pictures")
    if file.tell() != size or bytes(whole[-len(END) :]) != END:
        raise DataError("is cut off, or goes on after its end; pack it again")
    places, labels, checks, paths, splits = zip(*batches, strict=True)
    rows = Rows(
        np.concatenate(places),
        np.concatenate(labels),
        None if any(check is None for check in checks) else np.concatenate(checks),
        [path for some in paths for path in some],
        np.concatenate(splits),
    )
    return tuple(features[label]["names"]), about, _checked(rows, size, len(features[label]["names"]))


def _is_compressed(message: Any) -> bool:
    """Whether Arrow would unpack the message's buffers, to any size. Read off its flatbuffer; pyarrow does not tell."""
    data = memoryview(message.metadata)

    def number(form: str, place: int) -> int:
        value: int = struct.unpack_from(f"<{form}", data, place)[0]
        return value

    def field(table: int, slot: int) -> int:
        """Where the field of the table is stored; 0 where it is left out."""
        about = table - number("i", table)
        offset = number("H", about + 4 + 2 * slot) if 4 + 2 * slot < number("H", about) else 0
        return table + offset if offset else 0

    def child(table: int, slot: int) -> int:
        place = field(table, slot)
        return place + number("I", place)

    root = number("I", 0)
    kind = field(root, 1)  # the second of Message; its third, the header, is a table of this kind
    if not kind or data[kind] not in (DICTIONARY, BATCH):
        return False
    batch = child(root, 2) if data[kind] == BATCH else child(child(root, 2), 1)
    return bool(field(batch, 3)) or EARLY_COMPRESSION in bytes(data)


def _column(features: dict[str, Any], kind: str) -> str:
    found = [name for name, feature in features.items() if isinstance(feature, dict) and feature.get("_type") == kind]
    if not found:
        raise DataError(f"no pack of pictures: has no column of Hugging Face's kind {kind}")
    return found[0]


def _rows(batch: Any, image: str, label: str, base: int) -> Rows:
    """One record batch. `base`: the address that the file is mapped to."""
    batch.validate(full=True)  # offsets lie within their buffers, and buffers within the file
    pictures, labels = batch.column(image), batch.column(label)
    content = pictures.field("bytes")
    if pictures.null_count or content.null_count or labels.null_count:
        raise DataError("has rows without picture or label")
    _, offsets, values = content.buffers()
    kind = np.int64 if str(content.type) == "large_binary" else np.int32
    bounds = np.frombuffer(offsets, kind)[content.offset :][: len(batch) + 1].astype(np.int64)
    bounds += (values.address if values is not None else base) - base
    column = {name: batch.column(name) for name in ("split", "crc32") if name in batch.schema.names}
    checks = column["crc32"].to_numpy() if "crc32" in column else None
    splits = np.array(column["split"].to_pylist() if "split" in column else ["train"] * len(batch), dtype=np.str_)
    paths = [path or "" for path in pictures.field("path").to_pylist()]
    return Rows(np.stack([bounds[:-1], bounds[1:]], 1), labels.to_numpy().astype(np.int64), checks, paths, splits)


def _checked(rows: Rows, size: int, classes: int) -> Rows:
    """The rows. Raises DataError where they are not all of this file and these classes."""
    if rows.places.min() < 0 or rows.places.max() > size:
        raise DataError("has pictures that do not lie in the file as they are")
    wrong = np.flatnonzero((rows.labels < 0) | (rows.labels >= classes))
    if len(wrong):
        raise DataError(f"row {wrong[0]} has label {rows.labels[wrong[0]]}, and there are {classes} classes")
    unknown = sorted({split for split in np.unique(rows.splits).tolist() if split.lower() not in SPLITS})
    if unknown:
        raise DataError(f"split is {few(unknown)}; it must be train, val or test")
    return rows


def _source(path: Path, classes: tuple[str, ...], about: dict[str, Any], rows: Rows) -> Source:
    paths = np.array([name or str(row) for row, name in enumerate(rows.paths)])
    digest = hashlib.sha256()
    lengths = (rows.places[:, 1] - rows.places[:, 0]).tolist()
    checks = [""] * len(paths) if rows.checks is None else rows.checks.tolist()
    for split, name, length, label, check in zip(rows.splits, paths, lengths, rows.labels, checks, strict=True):
        line = f"{split}\t{name}\t{length}\t{classes[label]}\t{check}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    kinds = np.array([SPLITS[split.lower()] for split in rows.splits.tolist()])
    splits = {}
    for split in dict.fromkeys(SPLITS.values()):
        own = np.flatnonzero(kinds == split)
        if len(own):
            own_checks = None if rows.checks is None else rows.checks[own]
            names = Names.of_paths(str(path), paths[own].tolist())
            splits[split] = Split(PackPictures(str(path), rows.places[own], own_checks, names), rows.labels[own])
    name = known_name(classes) or printable(str(about.get("name") or path.stem))
    channels = 1 if about.get("channels") == 1 else 3
    fingerprint = {"name": name, "sha256": digest.hexdigest()}
    return Source(name, tuple(map(printable, classes)), splits, channels, None, fingerprint)
