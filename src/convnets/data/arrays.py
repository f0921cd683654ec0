"""Data sets that are arrays: scikit-learn's digits, IDX files (MNIST), CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import posixpath
import re
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..errors import DataError
from .assemble import array_source, natural_key, stratified
from .folders import data_set_name
from .pictures import Source
from .stores import Store

IDX_IMAGES = re.compile(r"(train|t10k|test|val)-images([-.])idx3-ubyte(\.gz)?")
IDX_LIMIT = 4 * 1024**3
# Fashion-MNIST and others share MNIST's file names, so MNIST is known by its training labels.
MNIST_LABELS = "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"


def digits() -> Source:
    """scikit-learn's 1,797 handwritten digits, 8 x 8, grey; the same fifth of every class is always the test split."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)[..., None]
    test = stratified(data.target, 0.2, seed=0)
    splits = {"train": (images[~test], data.target[~test]), "test": (images[test], data.target[test])}
    return array_source("digits", [str(digit) for digit in range(10)], splits)


def idx(store: Store) -> Source | None:
    """IDX files under MNIST's names, gzipped or not; None where there are none."""
    found = {}
    for path in sorted(store.files):
        if match := IDX_IMAGES.fullmatch(posixpath.basename(path)):
            found[{"t10k": "test"}.get(match[1], match[1])] = path
    if not found:
        return None
    arrays = {}
    for split, path in sorted(found.items(), reverse=True):
        folder, file = posixpath.split(path)
        stem = posixpath.join(folder, file.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1"))
        labels_path = next((name for name in (stem, stem + ".gz") if name in store.files), None)
        if labels_path is None:
            raise DataError(f"{store.root}/{path}: its labels are missing ({stem})")
        images, labels = _read_idx(store, path, 3), _read_idx(store, labels_path, 1)
        if len(images) != len(labels):
            raise DataError(f"{store.root}/{labels_path}: {len(labels)} labels for {len(images)} pictures")
        arrays[split] = (images[..., None], labels)
    if "train" in arrays and hashlib.sha256(arrays["train"][1].tobytes()).hexdigest() == MNIST_LABELS:
        name = "mnist"
    else:
        name = data_set_name(store)
    values = np.unique(np.concatenate([labels for _, labels in arrays.values()]))
    numbered = {split: (images, np.searchsorted(values, labels)) for split, (images, labels) in arrays.items()}
    return array_source(name, [str(value) for value in values], numbered)


def _read_idx(store: Store, path: str, dimensions: int) -> np.ndarray:
    """The unsigned bytes of an IDX file, read no further than its header says."""
    where = f"{store.root}/{path}"
    data = store.reader.read(path)
    try:
        file = gzip.GzipFile(fileobj=io.BytesIO(data)) if path.endswith(".gz") else io.BytesIO(data)
        header = np.frombuffer(file.read(4 + 4 * dimensions), ">u4")
        if len(header) != 1 + dimensions or header[0] != 0x800 + dimensions:
            raise DataError(f"{where}: not an IDX file of unsigned bytes in {dimensions} dimensions")
        shape = tuple(int(size) for size in header[1:])
        count = int(np.prod(shape, dtype=object))
        body = file.read(count + 1) if 0 < count <= IDX_LIMIT else b""
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{where}: cannot be unpacked ({error})") from None
    if len(body) != count or not count:
        raise DataError(f"{where}: its length does not fit its header, which says {' x '.join(map(str, shape))}")
    return np.frombuffer(body, np.uint8).reshape(shape)


def cifar(store: Store) -> Source | None:
    """CIFAR-10 or CIFAR-100 in its python or binary form; None where the store holds neither."""
    found: dict[str, Callable[[], Source]] = {}
    for folder in sorted({posixpath.dirname(path) for path in store.files}):
        names = {posixpath.basename(path) for path in store.files if posixpath.dirname(path) == folder}
        python, binary = partial(_cifar_python, store, folder, names), partial(_cifar_binary, store, folder, names)
        if "batches.meta" in names:
            found[folder] = partial(python, "cifar10", r"data_batch_\d+", "test_batch")
        elif {"meta", "train", "test"} <= names:
            found[folder] = partial(python, "cifar100", "train", "test")
        elif "batches.meta.txt" in names:
            found[folder] = partial(binary, "cifar10", r"data_batch_\d+\.bin", "test_batch.bin")
        elif {"fine_label_names.txt", "train.bin", "test.bin"} <= names:
            found[folder] = partial(binary, "cifar100", r"train\.bin", "test.bin")
    if len(found) > 1:
        raise DataError(f"{store.root}: holds several data sets ({', '.join(found)}); name one of these folders")
    return next(iter(found.values()))() if found else None


def _cifar_python(store: Store, folder: str, names: set[str], name: str, train: str, test: str) -> Source:
    meta = _unpickle(store, posixpath.join(folder, "batches.meta" if name == "cifar10" else "meta"))
    label_key, classes_key = (b"labels", b"label_names") if name == "cifar10" else (b"fine_labels", b"fine_label_names")

    def batch(path: str) -> tuple[np.ndarray, np.ndarray]:
        content = _unpickle(store, path)
        pixels = np.asarray(content[b"data"])
        if pixels.dtype != np.uint8:
            raise ValueError("pixels that are not unsigned bytes")
        return pixels.reshape(-1, 3072), np.array(content[label_key], np.int64)

    try:
        classes = [label.decode() if isinstance(label, bytes) else str(label) for label in meta[classes_key]]
        return _cifar(store, folder, names, name, classes, (train, test), batch)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{store.root}/{folder}: not CIFAR's python form ({type(error).__name__}: {error})") from None


def _cifar_binary(store: Store, folder: str, names: set[str], name: str, train: str, test: str) -> Source:
    meta = "batches.meta.txt" if name == "cifar10" else "fine_label_names.txt"
    classes = store.text(posixpath.join(folder, meta)).split()
    skip = 1 if name == "cifar10" else 2  # CIFAR-100 has the coarse label before the fine one

    def batch(path: str) -> tuple[np.ndarray, np.ndarray]:
        data = store.reader.read(path)
        if not data or len(data) % (3072 + skip):
            raise DataError(f"{store.root}/{path}: {len(data)} bytes are no whole number of CIFAR records")
        rows = np.frombuffer(data, np.uint8).reshape(-1, 3072 + skip)
        return rows[:, skip:], rows[:, skip - 1].astype(np.int64)

    return _cifar(store, folder, names, name, classes, (train, test), batch)


def _cifar(
    store: Store, folder: str, names: set[str], name: str, classes: list[str], patterns: tuple[str, str], batch: Any
) -> Source:
    """The source from `batch`, which reads one file as rows (N, 3072) of planes and labels (N,)."""
    arrays = {}
    for split, pattern in zip(("train", "test"), patterns, strict=True):
        parts = []
        for file in sorted((file for file in names if re.fullmatch(pattern, file)), key=natural_key):
            path = posixpath.join(folder, file)
            rows, labels = batch(path)
            if len(rows) != len(labels):
                raise DataError(f"{store.root}/{path}: {len(labels)} labels for {len(rows)} pictures")
            wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
            if len(wrong):
                raise DataError(f"{store.root}/{path}: record {wrong[0]}: label {labels[wrong[0]]} is out of range")
            parts.append((rows, labels))
        if parts:
            images = np.concatenate([rows for rows, _ in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            arrays[split] = (images, np.concatenate([labels for _, labels in parts]))
    if not arrays:
        raise DataError(f"{store.root}/{folder}: class names but no batches of pictures")
    return array_source(name, classes, arrays)


class _Recorded:
    """What stands in for every class and function a pickle names: it keeps its arguments and does nothing."""

    named = ""

    def __new__(cls, *arguments: Any) -> _Recorded:
        self = super().__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __init__(self, *_: Any) -> None:
        self.arguments: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def plain(self) -> Any:
        """The bytes, number or array that was written down; itself where it is anything else."""
        arguments = tuple(map(_plain, self.arguments))
        match self.named:
            case "encode":  # bytes, as Python 3 writes them in old protocols
                return arguments[0].encode("latin1")
            case "bytes":
                return b"".join(arguments)
            case "dtype":
                kind = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
                order: Any = _plain(self.state[1]) if self.state else "|"
                order = order.decode() if isinstance(order, bytes) else order
                return np.dtype(kind).newbyteorder(order)
            case "scalar":
                return np.frombuffer(arguments[1], arguments[0])[0]
            case "_reconstruct":
                _, shape, kind, is_fortran, data = _plain(self.state)
                return np.frombuffer(data, kind).reshape(shape, order="F" if is_fortran else "C")
            case "_frombuffer":  # protocol 5
                data, kind, shape, order = arguments
                return np.frombuffer(data, kind).reshape(shape, order=order)
        return self


def _plain(value: Any) -> Any:
    """`value` with everything recorded in it as what it stands for, and dictionaries keyed by bytes."""
    if isinstance(value, dict):
        keys = (_plain(key) for key in value)
        encoded = (key.encode() if isinstance(key, str) else key for key in keys)
        return dict(zip(encoded, map(_plain, value.values()), strict=True))
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value.plain() if isinstance(value, _Recorded) else value


class _InertUnpickler(pickle.Unpickler):
    """Reads a pickle's plain values and runs nothing that it names."""

    def find_class(self, module: str, name: str) -> Any:
        return type("_Recorded", (_Recorded,), {"named": name})


def _unpickle(store: Store, path: str) -> dict[bytes, Any]:
    try:
        content = _plain(_InertUnpickler(io.BytesIO(store.reader.read(path)), encoding="bytes").load())
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(f"{store.root}/{path}: not a readable pickle ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{store.root}/{path}: not CIFAR's python form")
    return content
