"""Packs: what goes in comes out, whatever stops the writing, and damage is refused in one line."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from convnets.cli import run
from convnets.data import Loader, Source, check, open_source, prepare
from convnets.data import pack as writing
from convnets.data.augment import resize_shorter
from convnets.data.pack import pack
from convnets.data.packed import END, PackPictures, _is_compressed
from convnets.errors import DataError, Interrupted, ResourceError, UsageError
from convnets.spec import Augment, Preprocess

COUNT = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs in two classes: JPEG larger than 64 pixels, a small PNG, a grey one, and a small BMP."""
    root, rng = tmp_path_factory.mktemp("data") / "pets", np.random.default_rng(0)
    for split, count in (("train", COUNT), ("val", 4)):
        for number in range(count):
            path = root / split / "ab"[number % 2]
            path.mkdir(parents=True, exist_ok=True)
            smooth = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(smooth).resize((90 + number, 120)).save(path / f"{number}.jpg")
    small = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    small.save(root / "train/a/small.png")
    small.save(root / "train/b/small.bmp")
    small.resize((100, 100)).convert("L").save(root / "train/b/grey.jpg")
    return root


def packed(folder: Path, out: Path, **options: Any) -> Source:
    pack(open_source(str(folder), val_fraction=0), out, 64, progress=False, **options)
    return open_source(str(out), val_fraction=0)


def files(source: Source, split: str = "train") -> dict[str, bytes]:
    pictures = source.splits[split].pictures
    assert isinstance(pictures, PackPictures)
    return {pictures.names.path(index): bytes(pictures.read(index)) for index in range(len(pictures))}


def test_a_pack_is_the_same_data_set(folder: Path, tmp_path: Path) -> None:
    before, after = open_source(str(folder), val_fraction=0), packed(folder, tmp_path / "pets.arrow")
    assert (after.name, after.classes, after.channels) == ("pets", ("a", "b"), 3)
    assert list(after.splits) == ["train", "val"]
    for name, split in after.splits.items():
        assert np.array_equal(split.labels, before.splits[name].labels)
        for index in range(len(split)):
            picture, original = split.pictures.load(index), before.splits[name].pictures.load(index)
            assert picture.shape == resize_shorter(original, Preprocess(resize=min(64, *original.shape[:2]))).shape
    found = files(after)
    assert found["train/a/small.png"] == (folder / "train/a/small.png").read_bytes()
    assert found["train/b/small.bmp"].startswith(b"\x89PNG")
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(found["train/b/small.bmp"]))),
        np.asarray(Image.open(folder / "train/b/small.bmp")),
    )
    assert Image.open(io.BytesIO(found["train/b/grey.jpg"])).mode == "L"
    assert Image.open(io.BytesIO(found["train/a/0.jpg"])).size == (64, 85)
    assert after.splits["train"].pictures.name(0).endswith("pets.arrow/train/a/0.jpg")


def test_plain_pixels_are_those_of_the_folder(folder: Path, tmp_path: Path) -> None:
    before, after = open_source(str(folder)), packed(folder, tmp_path / "raw", quality=None)
    preprocess = Preprocess(size=56, resize=64)
    assert {content[:2] for content in files(after).values()} == {b"P5", b"P6"}
    for index in range(len(before.splits["train"])):
        picture = after.splits["train"].pictures.load(index)
        original = before.splits["train"].pictures.load(index)
        assert np.array_equal(prepare(picture, preprocess), prepare(original, preprocess))
    assert not after.splits["train"].pictures.load(0).flags.writeable  # a view of the mapped file


def test_validation_is_set_aside_as_in_a_folder(folder: Path, tmp_path: Path) -> None:
    packed(folder / "train", tmp_path / "p.arrow")
    sources = [open_source(str(path), val_fraction=0.3, seed=4) for path in (folder / "train", tmp_path / "p.arrow")]
    assert len(sources[1].splits["val"]) == 8
    for split in ("train", "val"):
        parts = [source.splits[split] for source in sources]
        names = [[Path(part.pictures.name(index)).name for index in range(len(part))] for part in parts]
        assert names[0] == names[1]


def test_pictures_without_files_are_kept_exactly(tmp_path: Path) -> None:
    digits = open_source("digits", val_fraction=0)
    for quality in (95, None):
        pack(digits, tmp_path / f"{quality}.arrow", quality=quality, progress=False)
        again = open_source(str(tmp_path / f"{quality}.arrow"), val_fraction=0)
        assert (again.name, again.channels, again.classes) == ("digits", 1, digits.classes)
        for index in (0, 100, -1):
            there = again.splits["train"].pictures.load(range(len(digits.splits["train"]))[index])
            assert np.array_equal(there[..., :1], digits.splits["train"].pictures.load(index))


def test_the_fingerprint_is_of_content_and_order(folder: Path, tmp_path: Path) -> None:
    one, two = packed(folder, tmp_path / "1.arrow"), packed(folder, tmp_path / "2.arrow")
    worse = packed(folder, tmp_path / "3.arrow", quality=60)
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint["samples"] == {"train": COUNT + 3, "val": 4}
    assert one.fingerprint["sha256"] != worse.fingerprint["sha256"]


def test_hugging_face_opens_it(folder: Path, tmp_path: Path) -> None:
    packed(folder, tmp_path / "p.arrow")
    schema = pa.ipc.open_stream(tmp_path / "p.arrow").schema
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": ["a", "b"], "_type": "ClassLabel"}
    assert schema.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert schema.field("label").type == pa.int64()
    assert list(features) == schema.names
    datasets = pytest.importorskip("datasets")
    opened = datasets.Dataset.from_file(str(tmp_path / "p.arrow"))
    assert opened.num_rows == COUNT + 7
    assert opened[0]["image"].size == (64, 85)
    assert opened.features["label"].int2str(opened[-1]["label"]) == "b"


def test_theirs_open_here(tmp_path: Path) -> None:
    """A file of the `datasets` library: other columns, no splits, no checksums, no paths."""
    picture = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(picture, "PNG")
    features = {"img": {"_type": "Image"}, "fine": {"_type": "ClassLabel", "names": ["x", "y"]}}
    write(tmp_path / "hub.arrow", features, {
        "img": pa.array([{"bytes": picture.getvalue(), "path": None}] * 4), "fine": pa.array([0, 1, 0, 1]),
    })  # fmt: skip
    source = check(open_source(str(tmp_path / "hub.arrow"), val_fraction=0), progress=False)
    assert source.splits["train"].pictures.load(3)[0, 0].tolist() == [255, 0, 0]
    assert source.splits["train"].labels.tolist() == [0, 1, 0, 1]


def write(path: Path, features: dict[str, Any], columns: dict[str, pa.Array], **options: Any) -> None:
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    batch = pa.record_batch(list(columns.values()), list(columns)).replace_schema_metadata(metadata)
    with pa.ipc.new_stream(path, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as file:
        file.write_batch(batch)


@pytest.mark.parametrize("rows", [1, 9, 20])
def test_it_goes_on_where_it_was(
    folder: Path, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writing, "BATCH_BYTES", 6000)
    packed(folder, tmp_path / "whole.arrow")
    make, made = writing._content, list[int]()

    def stopping(pictures: Any, index: int, *rest: Any) -> bytes:
        made.append(index)
        if len(made) > rows:
            raise KeyboardInterrupt
        return make(pictures, index, *rest)

    monkeypatch.setattr(writing, "_content", stopping)
    with pytest.raises(Interrupted, match="goes on from there"):
        packed(folder, tmp_path / "out.arrow")
    assert not (tmp_path / "out.arrow").exists()
    part = tmp_path / "out.arrow.part"
    with part.open("ab") as file:
        file.write((tmp_path / "whole.arrow").read_bytes()[-3000:-1500])  # half a message, as a kill leaves it
    monkeypatch.setattr(writing, "_content", make)
    packed(folder, tmp_path / "out.arrow")
    assert (tmp_path / "out.arrow").read_bytes() == (tmp_path / "whole.arrow").read_bytes()
    assert not part.exists()
    assert "begun anew" not in capsys.readouterr().err


def interrupted(monkeypatch: pytest.MonkeyPatch, rows: int, source: Source, out: Path, **options: Any) -> None:
    """A pack that is stopped at the picture behind this many, all of which are on the disk."""
    make, made = writing._content, list[int]()
    with monkeypatch.context() as patch:
        patch.setattr(writing, "BATCH_BYTES", 1)
        patch.setattr(writing, "cores", lambda: 1)

        def stopping(pictures: Any, index: int, *rest: Any) -> bytes:
            made.append(index)
            if len(made) > rows:
                raise KeyboardInterrupt
            return make(pictures, index, *rest)

        patch.setattr(writing, "_content", stopping)
        with pytest.raises(Interrupted):
            pack(source, out, 64, progress=False, **options)


@pytest.mark.parametrize("rows", [1, 6, 9])
def test_equal_paths_are_packed_once(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [{"bytes": b"P6\n1 1\n255\n" + bytes([0, 1, number]), "path": "image.ppm"} for number in range(10)]
    write(tmp_path / "hub.arrow", KINDS, {"image": pa.array(pictures), "label": pa.array([0, 1] * 5)})
    source = open_source(str(tmp_path / "hub.arrow"), val_fraction=0)
    interrupted(monkeypatch, rows, source, tmp_path / "p.arrow")
    assert pack(source, tmp_path / "p.arrow", 64, progress=False).samples == {"train": 10}
    split = open_source(str(tmp_path / "p.arrow"), val_fraction=0).splits["train"]
    assert [split.pictures.load(index)[0, 0, 2] for index in range(10)] == list(range(10))


def test_what_was_left_out_before_is_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = [b"P6\n1 1\n255\n12" + b"3" * (number != 2) for number in range(10)]
    pictures = [{"bytes": content, "path": f"{number}.ppm"} for number, content in enumerate(contents)]
    write(tmp_path / "hub.arrow", KINDS, {"image": pa.array(pictures), "label": pa.array([0, 1] * 5)})
    source = open_source(str(tmp_path / "hub.arrow"), val_fraction=0)
    interrupted(monkeypatch, 6, source, tmp_path / "p.arrow", bad="skip")
    with pytest.raises(DataError, match="1 of 10 pictures cannot be used"):
        pack(source, tmp_path / "p.arrow", 64, progress=False)
    packed = pack(source, tmp_path / "p.arrow", 64, bad="skip", progress=False)
    assert (packed.samples, packed.skipped) == ({"train": 9}, 1)
    assert "2.ppm" in capsys.readouterr().err


def test_a_pack_without_some_pictures_of_the_source_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = writing._Part.add
    monkeypatch.setattr(writing._Part, "add", lambda part, rows: add(part, rows[1:]))
    with pytest.raises(ResourceError, match=r"holds {'train': 26, 'val': 4}, not {'train': 27, 'val': 4}"):
        packed(folder, tmp_path / "p.arrow")


def test_any_cut_of_the_part_file_is_made_good(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BATCH_BYTES", 6000)
    packed(folder, tmp_path / "whole.arrow")
    whole = (tmp_path / "whole.arrow").read_bytes()
    for length in [*np.random.default_rng(0).integers(0, len(whole), 12).tolist(), len(whole)]:
        out = tmp_path / f"{length}.arrow"
        out.with_name(out.name + ".part").write_bytes(whole[:length])
        packed(folder, out)
        assert out.read_bytes() == whole


def test_other_settings_begin_anew(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = packed(folder, tmp_path / "one.arrow")
    (tmp_path / "one.arrow").rename(tmp_path / "two.arrow.part")
    other = packed(folder, tmp_path / "two.arrow", quality=50)
    assert "begun anew" in capsys.readouterr().err
    assert other.fingerprint["samples"] == whole.fingerprint["samples"]
    with pytest.raises(UsageError, match="is there already"):
        packed(folder, tmp_path / "two.arrow")


def test_bad_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "pets"
    for path in folder.rglob("*.jpg"):
        (copy / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    for name in ("train/a/4.jpg", "train/b/7.jpg"):
        (copy / name).write_bytes((folder / name).read_bytes()[:-40])
    with pytest.raises(DataError, match="2 of 29 pictures cannot be used") as error:
        packed(copy, tmp_path / "p.arrow")
    assert "4.jpg" in str(error.value)
    assert "7.jpg" in str(error.value)
    assert not (tmp_path / "p.arrow").exists()
    source = packed(copy, tmp_path / "p.arrow", bad="skip")
    assert "7.jpg" in capsys.readouterr().err
    assert source.fingerprint["samples"] == {"train": COUNT - 1, "val": 4}


def test_one_process_packs_at_a_time(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fcntl = pytest.importorskip("fcntl")
    out, part = tmp_path / "p.arrow", tmp_path / "p.arrow.part"
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"the other's")
        other.flush()
        assert run(["pack", str(folder), str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "p.arrow.part: another process is packing it" in error
    assert part.read_bytes() == b"the other's"
    packed(folder, out)


def test_the_file_is_held_until_it_has_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    pytest.importorskip("fcntl")
    verify = writing._verify

    def meanwhile(*arguments: Any) -> None:
        with pytest.raises(UsageError, match="another process is packing it"):
            packed(folder, tmp_path / "p.arrow")
        verify(*arguments)

    monkeypatch.setattr(writing, "_verify", meanwhile)
    packed(folder, tmp_path / "p.arrow")


def test_who_waited_for_a_finished_pack_leaves_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The other is done between the look for OUT and the lock, which is then OUT's own."""
    fcntl = pytest.importorskip("fcntl")
    out, part = tmp_path / "p.arrow", tmp_path / "p.arrow.part"
    part.write_bytes(b"the other's")
    monkeypatch.setattr(fcntl, "flock", lambda *_: part.replace(out))
    with pytest.raises(UsageError, match="is there already"):
        packed(folder, out)
    assert out.read_bytes() == b"the other's"


def test_a_file_system_without_locks_does(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def unable(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", unable)
    packed(folder, tmp_path / "p.arrow")


def test_a_system_without_locks_does(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "fcntl", None)
    packed(folder, tmp_path / "p.arrow")


def test_a_folder_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a file in a folder that can be written to"):
        packed(folder, tmp_path / "none" / "p.arrow")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE")
def test_a_full_disk_is_one_line_and_loses_nothing(folder: Path, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from convnets.cli import main\n"
        "from convnets.data import pack\n"
        "pack.BATCH_BYTES = 6000\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "if sys.argv[1] == 'full': resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "main(['pack', sys.argv[2], sys.argv[3], '--short-side', '64'])"
    )
    out = tmp_path / "p.arrow"
    full, enough = (
        subprocess.run([sys.executable, "-c", code, how, str(folder), str(out)], capture_output=True, text=True)
        for how in ("full", "enough")
    )
    assert full.returncode == 5
    assert full.stderr.count("\n") == 1
    assert "goes on from there" in full.stderr
    assert enough.returncode == 0, enough.stderr
    assert f"{COUNT + 3} train, 4 val" in enough.stdout
    assert len(open_source(str(out)).splits["train"]) == COUNT + 3


def test_what_came_to_harm_on_its_way_is_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verify = writing._verify

    def harmed(part: Path, *rest: Any) -> None:
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        verify(part, *rest)

    monkeypatch.setattr(writing, "_verify", harmed)
    with pytest.raises(ResourceError, match="pack again"):
        packed(folder, tmp_path / "p.arrow", quality=None)
    assert not (tmp_path / "p.arrow").exists()


def test_every_flipped_bit_and_cut_is_refused_or_harmless(folder: Path, tmp_path: Path) -> None:
    """Damage of the outline is refused when it is opened, of a picture when all are looked at; nothing crashes."""
    packed(folder, tmp_path / "p.arrow", quality=None)
    whole, rng, refused = (tmp_path / "p.arrow").read_bytes(), np.random.default_rng(1), 0
    first = whole.index(b"P6\n")
    places = [*rng.integers(0, first, 150).tolist(), *rng.integers(first, len(whole), 100).tolist()]
    cuts = [whole[:length] for length in (0, 1, 7, 8, 100, first, len(whole) // 2, len(whole) - 8, len(whole) - 1)]
    flips = []
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        flips.append(bytes(flipped))
    for number, data in enumerate([*cuts, whole + b"more", *flips]):
        path = tmp_path / f"{number}.arrow"
        path.write_bytes(data)
        try:
            check(open_source(str(path)), progress=False)
        except DataError as error:
            refused += 1
            assert "Traceback" not in str(error)
        else:
            assert number > len(cuts)  # padding, a class name, a path: what no checksum covers
        path.unlink()
    assert refused > 120


COLUMNS = {
    "image": pa.array([{"bytes": b"P6\n1 1\n255\n123", "path": f"{number}.ppm"} for number in (1, 2)]),
    "label": pa.array([0, 1]),
}
KINDS = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["x", "y"]}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": pa.array([0, 2])}, "row 1 has label 2, and there are 2 classes"),
        ({"label": pa.array([0, -1])}, "row 1 has label -1"),
        ({"label": pa.array([0, None])}, "without picture or label"),
        ({"label": pa.array(["x", "y"])}, "not a readable pack"),
        ({"image": pa.array([b"1", b"2"])}, "not a readable pack"),
        ({"image": pa.array([{"bytes": None, "path": "1.ppm"}] * 2)}, "without picture or label"),
        ({"split": pa.array(["train", "dev"])}, "split is dev"),
    ],
)
def test_columns_that_are_no_pack(tmp_path: Path, change: dict[str, pa.Array], reason: str) -> None:
    write(tmp_path / "p.arrow", KINDS, COLUMNS | change)
    with pytest.raises(DataError, match=reason):
        open_source(str(tmp_path / "p.arrow"))


def test_files_that_are_no_pack(tmp_path: Path) -> None:
    path = tmp_path / "p.arrow"
    write(path, {}, COLUMNS)
    with pytest.raises(DataError, match="no column of Hugging Face's kind Image"):
        open_source(str(path))
    write(path, KINDS, COLUMNS, compression="zstd")
    with pytest.raises(DataError, match="compressed"):
        open_source(str(path))
    path.write_bytes(b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 100)  # a header of 2 GB
    with pytest.raises(DataError, match="not a readable pack"):
        open_source(str(path))
    path.write_text("what is this?")
    with pytest.raises(DataError, match="not a readable pack"):
        open_source(str(path))


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_compressed_messages_are_told_apart(tmp_path: Path, compression: str | None) -> None:
    splits = pa.array(["train", "val"]).dictionary_encode()
    write(tmp_path / "p.arrow", KINDS, COLUMNS | {"split": splits}, compression=compression)
    messages = list(pa.ipc.MessageReader.open_stream((tmp_path / "p.arrow").read_bytes()))
    assert [message.type for message in messages] == ["schema", "dictionary", "record batch"]
    assert list(map(_is_compressed, messages)) == [False, compression is not None, compression is not None]


def test_compression_said_in_the_early_way_is_seen() -> None:
    batch, stream = pa.record_batch(COLUMNS), pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4)
    with pa.ipc.new_stream(stream, batch.schema, options=options) as file:
        file.write_batch(batch)
        file.write_batch(batch, custom_metadata={"ARROW:experimental_compression": "zstd"})
    messages = pa.ipc.MessageReader.open_stream(stream.getvalue())
    assert list(map(_is_compressed, messages)) == [False, False, True]


def test_compressed_columns_are_refused_unopened(tmp_path: Path) -> None:
    """A few kilobytes that would be 64 MiB: Arrow's memory never holds them."""
    picture = {"bytes": b"P6\n1 1\n255\n123" + bytes(2**26), "path": "1.ppm"}
    write(tmp_path / "p.arrow", KINDS, COLUMNS | {"image": pa.array([picture] * 2)}, compression="zstd")
    assert (tmp_path / "p.arrow").stat().st_size < 2**16
    code = (
        "import pyarrow, sys\n"
        "from convnets.cli import run\n"
        "assert run(['pack', *sys.argv[1:]]) == 2\n"
        "print(pyarrow.default_memory_pool().max_memory())"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "p.arrow"), str(tmp_path / "q.arrow")]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "columns are compressed" in ended.stderr
    assert int(ended.stdout) < 2**20


def test_offsets_beyond_the_values_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "p.arrow", KINDS, COLUMNS)
    data = (tmp_path / "p.arrow").read_bytes()
    offsets = np.array([0, 14, 28], np.int32).tobytes()
    assert data.count(offsets) == 1
    for wrong in ([0, 14, 9000], [0, 40, 28], [-5, 14, 28]):
        (tmp_path / "p.arrow").write_bytes(data.replace(offsets, np.array(wrong, np.int32).tobytes()))
        with pytest.raises(DataError, match="not a readable pack"):
            open_source(str(tmp_path / "p.arrow"))


def test_without_pyarrow_it_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(folder, tmp_path / "p.arrow")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'convnets\[pack\]'"):
        open_source(str(tmp_path / "p.arrow"))


def test_a_pack_that_grew_worse_is_named(folder: Path, tmp_path: Path) -> None:
    source = packed(folder, tmp_path / "p.arrow", quality=None)
    pictures = source.splits["train"].pictures
    assert isinstance(pictures, PackPictures)
    data = bytearray((tmp_path / "p.arrow").read_bytes())
    assert data.endswith(END)
    data[pictures.places[5, 1] - 1] ^= 4
    (tmp_path / "q.arrow").write_bytes(data)
    with pytest.raises(DataError, match=r"1 of 31(.|\n)*checksum"):
        check(open_source(str(tmp_path / "q.arrow"), val_fraction=0), progress=False)


def private_kilobytes(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs /proc")
def test_workers_share_the_pack_and_do_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 MB of pixels, read in full every epoch, none becomes a worker's own."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 256, 256, 3), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        path = tmp_path / "data" / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path / f"{number}.bmp")
    source = open_source(str(tmp_path / "data"), val_fraction=0)
    pack(source, tmp_path / "p.arrow", 256, None, progress=False)
    split = open_source(str(tmp_path / "p.arrow"), val_fraction=0).splits["train"]
    loader = Loader(
        split, Preprocess(size=32), batch_size=8, augment=Augment(area=(0.1, 1.0)), shuffle=True, workers=2
    )
    used = []
    for epoch in range(6):
        assert len(list(loader.epoch(epoch))) == 15
        assert loader._workers is not None
        workers: Any = loader._workers._iterator._workers  # type: ignore[union-attr]
        used.append(max(private_kilobytes(worker.pid) for worker in workers))
    assert used[-1] - used[1] < 8192  # KiB; a third of what they read
    assert os.path.getsize(tmp_path / "p.arrow") > 23_000_000  # noqa: PTH202
