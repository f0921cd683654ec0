"""Writing packs: see packed.py for what they are.

Pictures are appended to OUT.part in record batches, each of them on the disk before the next, so that whatever stops a
pack costs one batch at most. Only when all of it was read back does it take its own name.
"""

from __future__ import annotations

import io
import json
import os
import sys
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from PIL import Image
from tqdm import tqdm

from ..cache import cores
from ..errors import DataError, Interrupted, ResourceError, UsageError
from ..spec import Preprocess
from .augment import resize_shorter
from .decode import decode
from .packed import ABOUT, END, FEATURES, FORMAT, open_pack, pyarrow
from .pictures import Pictures, Source, StoredPictures
from .scan import decode_all, refuse

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BATCH_BYTES = 64 * 1024**2  # of pictures in a record batch: what is lost at most, and held in memory
KEPT = (b"\xff\xd8\xff", b"\x89PNG")  # JPEG and PNG


class Row(NamedTuple):
    """A picture as it is packed. `row`: its place among all pictures of the source."""

    row: int
    split: str
    label: int
    path: str
    content: bytes


@dataclass(frozen=True)
class Packed:
    """What a pack holds, and the pictures that were left out."""

    samples: dict[str, int]
    bytes: int
    skipped: int


def pack(
    source: Source, out: Path, short_side: int = 256, quality: int | None = 95, *, bad: str = "error",
    progress: bool = True,
) -> Packed:  # fmt: skip
    """Write all pictures of the source to the one file `out`; go on where an earlier call was stopped.

    Pictures whose shorter side is above `short_side` are resized to it and become JPEG of this quality; smaller ones
    keep their bytes where they are JPEG or PNG and become PNG where not. With `quality` None all become plain pixels
    (PPM, grey ones PGM). Raises DataError naming every picture that cannot be used, with bad="skip" prints them
    instead; UsageError where `out` is taken, or another process packs to it; ResourceError where the disk gives out,
    and Interrupted by a signal, both of which leave what was done.
    """
    part = out.with_name(out.name + ".part")
    schema = _schema(pyarrow(), source, short_side, quality)
    try:
        with _held(part, out):
            with _Part(part, schema, sum(map(len, source.splits.values()))) as file:
                skipped = _write(file, source, short_side, quality, bad, progress)
            counts = {name: len(split) - skipped[name] for name, split in source.splits.items()}
            samples = {name: count for name, count in counts.items() if count}
            packed = Packed(samples, part.stat().st_size, skipped.total())
            _verify(part, samples, progress)
            part.replace(out)
    except OSError as error:
        raise ResourceError(
            f"cannot write {part}: {error.strerror}; what was packed is kept, the same command goes on from there"
        ) from None
    except KeyboardInterrupt as stop:
        kept = f"{part} is kept, the same command goes on from there" if part.exists() else ""
        raise Interrupted(stop, kept) from stop
    return packed


@contextmanager
def _held(part: Path, out: Path) -> Iterator[None]:
    """No other process packs to `out` meanwhile, where the system has locks. Raises UsageError where it is taken."""
    _refuse_taken(out)
    try:
        lock = part.open("ab")
    except OSError as error:
        raise UsageError(f"{part}: {error.strerror}; name a file in a folder that can be written to") from None
    with lock:
        try:
            if fcntl is None:
                lock.close()  # Windows renames no file that is open
            else:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{part}: another process is packing it; wait for that, or name another file") from None
        except OSError:  # a file system without locks
            pass
        _refuse_taken(out)  # by one that was just done
        yield


def _refuse_taken(out: Path) -> None:
    if out.exists():
        raise UsageError(f"{out}: is there already; remove it, or name another file")


class _Part:
    """The file that is being written. `done`: of each picture of the source, whether it is in the file."""

    def __init__(self, path: Path, schema: Any, count: int) -> None:
        self.arrow, self.path, self.schema = pyarrow(), path, schema
        self.done = np.zeros(count, np.bool_)
        self.length = self._whole()
        self.file = path.open("r+b", buffering=0)
        self.file.truncate(self.length)
        self.file.seek(self.length)
        if not self.length:
            self._append(self.schema.serialize())

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._append(END)
        finally:
            self.file.close()

    def add(self, rows: list[Row]) -> None:
        """Append a record batch, and wait until it is on the disk."""
        arrow = self.arrow
        numbers, splits, labels, paths, contents = zip(*rows, strict=True)
        files = [arrow.array(contents, arrow.binary()), arrow.array(paths, arrow.string())]
        image = arrow.StructArray.from_arrays(files, ["bytes", "path"])
        checks = arrow.array(map(zlib.crc32, contents), arrow.uint32())
        places = arrow.array(numbers, arrow.int64())
        columns = [image, arrow.array(labels, arrow.int64()), arrow.array(splits, arrow.string()), checks, places]
        self._append(arrow.record_batch(columns, schema=self.schema).serialize())

    def _append(self, message: Any) -> None:
        left = memoryview(message).cast("B")
        try:
            while left:
                left = left[self.file.write(left) :]
            os.fsync(self.file.fileno())
        except OSError:
            self.file.truncate(self.length)
            raise
        self.length += len(message)

    def _whole(self) -> int:
        """How much of the file is whole messages of the same pack; what is in them is noted."""
        length = 0
        try:
            with self.arrow.OSFile(str(self.path)) as file:
                reader = self.arrow.ipc.MessageReader.open_stream(file)
                if not self.arrow.ipc.read_schema(reader.read_next_message()).equals(self.schema, check_metadata=True):
                    print(f"{self.path}: of other pictures or another form; begun anew", file=sys.stderr)
                    return 0
                while True:
                    length = file.tell()
                    batch = self.arrow.ipc.read_record_batch(reader.read_next_message(), self.schema)
                    batch.validate()
                    self.done[batch.column("row").to_numpy()] = True
        except (StopIteration, OSError, IndexError, self.arrow.ArrowException):  # the end, or half a message
            return length


def _schema(arrow: Any, source: Source, short_side: int, quality: int | None) -> Any:
    features = {
        "image": {"_type": "Image"}, "label": {"names": list(source.classes), "_type": "ClassLabel"},
        "split": {"dtype": "string", "_type": "Value"}, "crc32": {"dtype": "uint32", "_type": "Value"},
        "row": {"dtype": "int64", "_type": "Value"},
    }  # fmt: skip
    about = {
        "format": FORMAT, "name": source.name, "channels": source.channels, "short_side": short_side,
        "quality": quality, "packed": source.fingerprint,
    }  # fmt: skip
    image = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    columns = [
        ("image", image), ("label", arrow.int64()), ("split", arrow.string()), ("crc32", arrow.uint32()),
        ("row", arrow.int64()),
    ]  # fmt: skip
    metadata = {ABOUT: json.dumps(about), FEATURES: json.dumps({"info": {"features": features}})}
    return arrow.schema(columns, metadata=metadata)


def _write(
    file: _Part, source: Source, short_side: int, quality: int | None, bad: str, progress: bool
) -> Counter[str]:  # fmt: skip
    """Append what is not in the file yet; how many pictures of each split were left out.

    A picture that an earlier call left out is looked at again, so all of those are named and counted.
    """
    order = [(name, index) for name, split in source.splits.items() for index in range(len(split))]
    missing = np.flatnonzero(~file.done).tolist()
    rows: list[Row] = []
    failures: list[str] = []
    skipped = Counter[str]()
    held = 0
    hidden = None if progress else True  # None: no bar unless standard error is a terminal
    with tqdm(total=len(order), initial=len(order) - len(missing), desc="Packing", leave=False, disable=hidden) as bar:
        made = _in_order(lambda place: _row(source, place, order[place], short_side, quality), missing)
        for place, row in zip(missing, made, strict=True):
            bar.update()
            if isinstance(row, DataError):
                failures.append(str(row))
                skipped[order[place][0]] += 1
            elif bad == "skip" or not failures:  # in error, the rest is only looked at
                rows.append(row)
                held += len(row.content)
            if held >= BATCH_BYTES:
                file.add(rows)
                rows, held = [], 0
        if rows:
            file.add(rows)
    if failures:
        refuse(failures, len(order), bad)
    return skipped


def _path(pictures: Any, index: int) -> str:
    """The picture's path in its store, as text that Arrow can hold."""
    path: str = pictures.names.path(index)
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _row(source: Source, place: int, key: tuple[str, int], short_side: int, quality: int | None) -> Row | DataError:
    name, index = key
    split = source.splits[name]
    try:
        content = _content(split.pictures, index, short_side, quality)
    except DataError as error:
        return error
    return Row(place, name, int(split.labels[index]), _path(split.pictures, index), content)


def _content(pictures: Pictures, index: int, short_side: int, quality: int | None) -> bytes:
    """The picture's file as it is packed."""
    own: bytes | memoryview = b""
    if isinstance(pictures, StoredPictures):
        own = pictures.read(index)
        picture = decode(own, name=pictures.name(index))
    else:
        picture = pictures.load(index)
    is_large = min(picture.shape[:2]) > short_side
    if is_large:
        picture = resize_shorter(picture, Preprocess(resize=short_side))
    elif quality is not None and bytes(own[:4]).startswith(KEPT):
        return bytes(own)
    if (picture == picture[..., :1]).all():
        picture = picture[..., :1]
    picture, is_grey = np.ascontiguousarray(picture), picture.shape[-1] == 1
    if quality is None:
        height, width = picture.shape[:2]
        return f"P{5 if is_grey else 6}\n{width} {height}\n255\n".encode() + picture.tobytes()
    if is_large:
        colours, subsampling = ("GRAY", "Gray") if is_grey else ("RGB", "420")
        jpeg: bytes = simplejpeg.encode_jpeg(picture, quality, colours, subsampling)
        return jpeg
    png = io.BytesIO()
    Image.fromarray(picture[..., 0] if is_grey else picture).save(png, "PNG")
    return png.getvalue()


def _in_order(make: Callable[[Any], Any], keys: Iterable[Any]) -> Iterator[Any]:
    """What `make` gives for each key, in order, made by several threads that run a little ahead."""
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for key in keys:
            pending.append(pool.submit(make, key))
            if len(pending) > 4 * cores():
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _verify(part: Path, samples: dict[str, int], progress: bool) -> None:
    """Read all of it back. Raises ResourceError where it is not what was written."""
    try:
        source = open_pack(part)
        found = {name: len(split) for name, split in source.splits.items()}
        if found != samples:
            raise DataError(f"{part}: holds {found}, not {samples}")
        hidden = None if progress else True
        with tqdm(total=sum(found.values()), desc="Verifying", leave=False, disable=hidden) as bar:
            for split in source.splits.values():
                assert isinstance(split.pictures, StoredPictures)
                for result in decode_all(split.pictures):
                    bar.update()
                    if isinstance(result, DataError):
                        raise result
    except DataError as error:
        raise ResourceError(f"{error}; it was damaged on its way to the disk: remove {part} and pack again") from None
