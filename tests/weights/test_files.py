"""Files of weights: what is read, and rows H01 to H10 of the fault table: what is refused, at once and for nothing."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import tarfile
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from convnets.errors import CheckpointError, UsageError
from convnets.weights import read

MIB = 1 << 20


def some() -> dict[str, torch.Tensor]:
    """Tensors of several kinds, one of them a view."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(6, 4, generator=generator)
    return {"b.weight": base[1:3, ::2], "a.bias": torch.arange(3), "c.half": base.half(), "d.scalar": torch.tensor(2.5)}


FORMS: dict[str, Callable[[Path], None]] = {
    "new.pth": lambda path: torch.save(OrderedDict(some()), path),
    "old.th": lambda path: torch.save({"state_dict": some(), "best": 0.5}, path, _use_new_zipfile_serialization=False),
    "parallel.pt": lambda path: torch.save({"module." + name: one for name, one in some().items()}, path),
    "parameters.pt": lambda path: torch.save(torch.nn.ParameterDict({"x": torch.zeros(2)}).state_dict() | some(), path),
    "plain.safetensors": lambda path: safetensors.torch.save_file(
        {name: one.contiguous() for name, one in some().items()}, path
    ),
    "plain.npz": lambda path: np.savez(path, allow_pickle=True, **{name: one.numpy() for name, one in some().items()}),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_was_saved_is_read(name: str, tmp_path: Path) -> None:
    FORMS[name](tmp_path / name)
    found = read(tmp_path / name)
    for key, tensor in some().items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor)
    if not name.endswith(".safetensors"):  # which sorts by kind
        assert [key for key in found if key in some()] == list(some())


class Runs:
    """What a pickle that runs something is made of."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def archive(path: Path, content: Any, numbers: bytes = b"", pack: int = zipfile.ZIP_STORED) -> None:
    """A file as torch saves it, with anything for its pickle."""
    with zipfile.ZipFile(path, "w", pack) as file:
        file.writestr("archive/data.pkl", content if isinstance(content, bytes) else pickle.dumps(content, 2))
        file.writestr("archive/data/0", numbers)


def safe(path: Path, header: dict[str, Any] | bytes, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(shape: list[int], *offsets: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": list(offsets)}


def os_system(path: Path) -> None:
    archive(path, {"x": Runs(os.system, f"touch {path.parent / 'canary'}")})


def os_system_legacy(path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, path, _use_new_zipfile_serialization=False)
    evil = pickle.dumps(Runs(os.system, f"touch {path.parent / 'canary'}"), 2)
    path.write_bytes(evil + path.read_bytes())


def os_system_tar(path: Path) -> None:
    evil = pickle.dumps(Runs(os.system, f"touch {path.parent / 'canary'}"), 2)
    with tarfile.open(path, "w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(evil)
            file.addfile(member, io.BytesIO(evil))


def changes_a_function(path: Path) -> None:
    """BUILD on what the reader itself put in the place of a name."""
    code = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x04\x00\x00\x00callK\x01sb."
    archive(path, code)


def bytearray_by_opcode(path: Path) -> None:
    archive(path, b"\x80\x05\x96" + struct.pack("<Q", 300_000_000) + b".")


def memo_far_out(path: Path) -> None:
    """A place in the memo that an unpickler in C would set memory aside for."""
    archive(path, b"\x80\x02K\x01r" + struct.pack("<I", 2**31) + b".")


def packed(megabytes: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            with file.open("archive/data/0", "w", force_zip64=True) as record:
                for _ in range(megabytes):
                    record.write(bytes(MIB))
            file.writestr("archive/data.pkl", pickle.dumps({}, 2))

    return make


def two_records_of_one_name(path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("archive/data.pkl", b"\x80\x02}.")


def twice_in_a_pickle(path: Path) -> None:
    archive(path, b"\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u.")


def shares_its_numbers(path: Path) -> None:
    base = torch.zeros(1000)
    torch.save({str(index): base[:] for index in range(1000)}, path)


def cut_off(path: Path) -> None:
    path.write_bytes(b"PK\3\4" + bytes(20))


def npz_of_objects(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, x=np.array([{}], object))


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "H01 os.system": (os_system, r"holds (posix|nt|os)\.system, which is no tensor"),
    "H01 os.system, old": (os_system_legacy, r"holds (posix|nt|os)\.system, which is no tensor"),
    "H01 os.system, tar": (os_system_tar, "damaged in section header"),
    "H01 changes a function": (changes_a_function, "a pickle of more than tensors"),
    "H01 a whole network": (lambda path: torch.save(torch.nn.Linear(2, 2), path), "no tensor and is not run"),
    "H02 stride 0": (lambda path: torch.save({"x": torch.zeros(1).expand(10**12)}, path), "beyond the 1 number"),
    "H02 one storage, many tensors": (shares_its_numbers, "many tensors of the same numbers"),
    "H03 80 MB from 79 KB": (packed(80), "records are compressed"),
    "H03 1 GB from 1 MB": (packed(1000), "records are compressed"),
    "H04 bytearray": (lambda path: archive(path, {"x": Runs(bytearray, 300_000_000)}), r"holds \w+\.bytearray"),
    "H04 bytearray, its own instruction": (bytearray_by_opcode, "a pickle of more than tensors"),
    "H04 memo": (memo_far_out, "holds no named tensors"),
    "H05 header of 2^63": (lambda path: safe(path, b"{}", length=2**63), "damaged in section header length"),
    "H05 header of 99 MB claimed": (lambda path: safe(path, b"{}", length=99_000_000), "cut off at 10 bytes"),
    "H05 header of 90 MB": (lambda path: safe(path, b"{" + b" " * 90_000_000 + b"}"), "more than any network's"),
    "H06 overlap": (lambda path: safe(path, {"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)), "not a valid"),
    "H06 hole": (lambda path: safe(path, {"a": entry([2], 0, 8), "b": entry([2], 12, 20)}, bytes(20)), "not a valid"),
    "H06 out of range": (lambda path: safe(path, {"a": entry([2], 0, 8)}, bytes(4)), "not a valid"),
    "H06 overflow": (lambda path: safe(path, {"a": entry([2**33, 2**33], 0, 8)}, bytes(8)), "not a valid"),
    "H06 cut off": (cut_off, "damaged archive"),
    "H07 header": (lambda path: safe(path, b'{"a":{},"a":{}}'), "two entries of the header are called 'a'"),
    "H07 archive": (two_records_of_one_name, "two records of the archive have one name"),
    "H07 pickle": (twice_in_a_pickle, "two entries called 'a'"),
    "H08 many tensors": (lambda path: safe(path, {str(i): entry([0], 0, 0) for i in range(60_000)}), "60,000 tensors"),
    "H08 a million tensors": (
        lambda path: safe(path, {str(i): entry([0], 0, 0) for i in range(1_000_000)}), "more than any network's"
    ),
    "H08 long name": (lambda path: safe(path, {"x" * 5_000_000: entry([0], 0, 0)}), "names of more than 1,000"),
    "H08 path": (lambda path: safe(path, {"../x": entry([1], 0, 4)}, bytes(4)), "which is a path and no name"),
    "H09 NaN": (lambda path: torch.save({"a.b": torch.tensor([1, torch.nan])}, path), "NaN or infinity in a.b;"),
    "npz of objects": (npz_of_objects, "not an array of numbers"),
}  # fmt: skip


def outcome(path: Path) -> tuple[str, str, float, int]:
    """What reading a file ends in, in a process of its own: error, message, seconds, and bytes of memory it took."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
            kind, text = "", ""
            try:
                read(path)
            except Exception as error:
                kind, text = type(error).__name__, str(error)
            took = time.perf_counter() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            os.write(writer, json.dumps([kind, text, took, grown]).encode()[:60_000])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        kind, text, took, grown = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return kind, text, took, grown


@pytest.mark.parametrize("row", HOSTILE)
def test_hostile_files_are_refused(row: str, tmp_path: Path) -> None:
    make, message = HOSTILE[row]
    path = tmp_path / "weights"
    make(path)
    kind, text, took, grown = outcome(path)
    assert kind == "CheckpointError" and len(text) < 600 and "\n" not in text
    with pytest.raises(CheckpointError, match=message):
        raise CheckpointError(text)
    assert took < 5
    assert grown < max(50 * MIB, 2 * path.stat().st_size)
    assert [file.name for file in tmp_path.iterdir()] == ["weights"], "a file was made"


def test_h09_nonfinite_weights_are_taken_where_they_are_asked_for(tmp_path: Path) -> None:
    torch.save({"a.b": torch.tensor([1, torch.nan])}, tmp_path / "x.pth")
    assert read(tmp_path / "x.pth", allow_nonfinite=True)["a.b"].isnan().any()


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "dangling", "nothing"])
def test_h10_what_is_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    began = time.perf_counter()
    with pytest.raises(UsageError, match=r"not a regular file|No such file"):
        read(path)
    assert time.perf_counter() - began < 1
