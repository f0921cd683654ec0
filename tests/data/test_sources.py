"""Every form that --data takes, built small; and what is wrong with a data set is named."""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
import shutil
import struct
import sys
import tarfile
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convnets.data import Source, check, open_source
from convnets.data.pictures import MemoryPictures
from convnets.errors import DataError, UsageError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")


def save(path: Path, value: int = 0, size: tuple[int, int] = (6, 5)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path, "PNG")


def tree(root: Path, counts: dict[str, int]) -> Path:
    """A folder of class folders: counts by folder; the red of a picture is its number."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for i in range(count):
            save(root / folder / f"{i}.png", i)
    return root


def counts(source: Source) -> dict[str, list[int]]:
    n = len(source.classes)
    return {split: np.bincount(part.labels, minlength=n).tolist() for split, part in source.splits.items()}


def names(source: Source, split: str) -> set[str]:
    pictures = source.splits[split].pictures
    return {pictures.name(i) for i in range(len(pictures))}


def test_digits() -> None:
    source = open_source("digits", seed=0)
    assert (source.name, source.channels, source.size, len(source.classes)) == ("digits", 1, (8, 8), 10)
    assert {split: len(part) for split, part in source.splits.items()} == source.fingerprint["samples"]
    assert sum(source.fingerprint["samples"].values()) == 1797
    first = source.splits["train"].pictures.load(0)
    assert first.dtype == np.uint8 and first.shape == (8, 8, 1) and 200 < first.max() <= 255
    other = open_source("digits", seed=1)
    assert np.array_equal(other.splits["test"].labels, source.splits["test"].labels)
    assert names(other, "val") != names(source, "val") and other.fingerprint == source.fingerprint
    assert check(source) is source


def test_split_folders(tmp_path: Path) -> None:
    layout = {"train/class10": 4, "train/class2": 3, "Validation/class10": 1, "Validation/class2": 2, ".git/x": 1}
    root = tree(tmp_path / "mine", layout | {"test/class2/deep/er": 2, "test/class10": 1, "train/.hidden": 1})
    (root / "train" / "class2" / "notes.txt").write_text("no picture")
    save(root / "train" / "class2" / ".hidden.png")
    shutil.move(root / "train" / "class2" / "0.png", root / "train" / "class2" / "0.JPG")
    source = open_source(str(root))
    assert source.name == "mine" and source.classes == ("class2", "class10")
    assert counts(source) == {"train": [3, 4], "val": [2, 1], "test": [2, 1]}
    assert str(root / "train/class2/0.JPG") in names(source, "train")
    assert source.splits["train"].pictures.load(3).shape == (5, 6, 3)


def test_one_folder_is_split_by_class(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine", {"a": 2, "b": 20, "c": 1})
    source = open_source(str(root), val_fraction=0.25, seed=3)
    assert counts(source) == {"train": [1, 15, 1], "val": [1, 5, 0]}
    assert names(source, "train").isdisjoint(names(source, "val"))
    assert names(open_source(str(root), val_fraction=0.25, seed=3), "val") == names(source, "val")
    assert names(open_source(str(root), val_fraction=0.25, seed=4), "val") != names(source, "val")
    assert counts(open_source(str(root), val_fraction=0)) == {"train": [2, 20, 1]}
    with pytest.raises(UsageError, match="val-fraction"):
        open_source(str(root), val_fraction=1.0)


def test_train_and_test_without_val_leave_test_alone(tmp_path: Path) -> None:
    root = tree(tmp_path, {"train/a": 10, "train/b": 10, "test/a": 3, "test/b": 3})
    assert counts(open_source(str(root))) == {"train": [9, 9], "val": [1, 1], "test": [3, 3]}


def test_pictures_are_set_aside_for_the_test_before_those_to_validate(tmp_path: Path) -> None:
    root = tree(tmp_path / "one", {"a": 20, "b": 40})
    source = open_source(str(root), test_fraction=0.2)
    assert counts(source) == {"train": [14, 29], "val": [2, 3], "test": [4, 8]}
    assert len(names(source, "train") | names(source, "val") | names(source, "test")) == 60
    assert not names(source, "test") <= names(open_source(str(root), val_fraction=0.2), "val")  # picked otherwise
    with pytest.raises(UsageError, match="test_fraction"):
        open_source(str(root), test_fraction=-0.1)
    both = tree(tmp_path / "both", {"train/a": 10, "train/b": 10, "val/a": 3, "val/b": 4})
    assert counts(open_source(str(both), test_fraction=0.5)) == {"train": [10, 10], "val": [3, 4]}
    assert counts(open_source(str(both), val_is_test=True)) == {"train": [9, 9], "val": [1, 1], "test": [3, 4]}
    every = tree(tmp_path / "every", {f"{split}/{name}": 3 for split in ("train", "val", "test") for name in "ab"})
    assert counts(open_source(str(every), val_is_test=True)) == {key: [3, 3] for key in ("train", "val", "test")}


def test_folders_of_cifar_names_are_cifar10(tmp_path: Path) -> None:
    labels = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    assert open_source(str(tree(tmp_path, dict.fromkeys(labels, 2)))).name == "cifar10"


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert open_source(str(tree(tmp_path, {"train": 2, "bus": 2}))).classes == ("bus", "train")


@pytest.mark.parametrize(
    "layout,message",
    [
        ({"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 0}, "class 'b' has no pictures in split 'val'"),  # D01
        ({"train/a": 2, "train/b": 2, "train/c": 1, "val/a": 1, "val/b": 1}, "class 'c' .*split 'val'"),  # D02
        ({"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 1, "val/c": 1}, "class 'c' .*split 'train'"),
        ({"a": 2, "b": 0, "c": 1}, "class 'b' has no pictures"),
        ({"a": 2}, "only one class, 'a'"),
        ({"train/a": 2, "train/b": 2, "val/a": 0, "val/b": 0}, "val: holds no pictures"),
        ({"train/a": 2, "train/b": 2, "extra/a": 1}, "extra beside train"),
        ({"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 1, "valid/a": 1, "valid/b": 1}, "more than one folder"),
        ({"a": 0, "b": 0}, "no pictures found"),
        ({".": 3}, "lies in no class folder"),
        ({"train/a": 2, "train/b": 2, "val": 2}, "lies in no class folder"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path, layout: dict[str, int], message: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        for folder, count in layout.items():
            (tmp_path / "x" / folder).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                save(tmp_path / "x" / folder / f"{i}.png")
        open_source(str(tmp_path / "x"))
    assert "\n" not in str(caught.value)


def test_allow_empty_keeps_indices(tmp_path: Path) -> None:
    source = open_source(str(tree(tmp_path, {"a": 2, "b": 0, "c": 2})), allow_empty=True)
    assert source.classes == ("a", "b", "c") and source.splits["train"].labels.tolist() == [0, 2]


def test_loops_of_links_and_dead_links_end_the_scan(tmp_path: Path) -> None:
    """I18: the loop is left out, the dead link and the folder with a picture's name are met and named."""
    root = tree(tmp_path, {"a": 2, "b": 2, "b/x.jpg": 1})
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "dead.png").symlink_to(root / "nothing")
    (root / "a" / "self.png").symlink_to(root / "a" / "self.png")
    source = open_source(str(root), val_fraction=0)
    assert counts(source) == {"train": [4, 3]}
    with pytest.raises(DataError, match=r"(?s)2 of 7.*dead\.png.*self\.png"):
        check(source)


def test_fingerprint_sees_content_and_not_the_split_or_the_place(tmp_path: Path) -> None:
    root = tree(tmp_path / "a", {"x": 5, "y": 5})
    digest = open_source(str(root), seed=0).fingerprint["sha256"]
    assert open_source(str(root), seed=1, val_fraction=0.4).fingerprint["sha256"] == digest
    shutil.copytree(root, tmp_path / "other" / "a")
    assert open_source(str(tmp_path / "other" / "a")).fingerprint["sha256"] == digest
    (root / "x" / "0.png").rename(root / "x" / "new.png")
    assert open_source(str(root)).fingerprint["sha256"] != digest


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.xz", ".tgz", ".zip", "stored.zip"])
def test_archives_read_like_their_folder(tmp_path: Path, ending: str) -> None:
    layout = {
        "mine/train/a": 3,
        "mine/train/b": 2,
        "mine/val/a": 1,
        "mine/val/b": 1,
        "mine/val/c": 1,
        "mine/train/c": 2,
    }
    tree(tmp_path, layout | {"__MACOSX/mine": 1})
    path = tmp_path / f"pack{ending}"
    if ending.endswith("zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if "stored" in ending else zipfile.ZIP_DEFLATED) as archive:
            for file in sorted((*(tmp_path / "mine").rglob("*"), *(tmp_path / "__MACOSX").rglob("*"))):
                archive.write(file, file.relative_to(tmp_path))
    else:
        opener: Any = {".tar": open, ".tar.xz": lzma.open}.get(ending, gzip.open)
        with opener(path, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(tmp_path / "mine", "./mine")
    source, folder = open_source(str(path)), open_source(str(tmp_path / "mine"))
    assert source.fingerprint["sha256"] == folder.fingerprint["sha256"] and counts(source) == counts(folder)
    assert source.name == path.name.removesuffix(".zip").split(".tar")[0].removesuffix(".tgz")
    pictures = source.splits["train"].pictures
    assert [pictures.load(i)[0, 0, 0] for i in range(7)] == [0, 1, 2, 0, 1, 0, 1]
    assert pictures.name(0).endswith(f"{path.name}/mine/train/a/0.png")
    copied = pickle.loads(pickle.dumps(pictures))  # as it goes to worker processes
    assert np.array_equal(copied.load(1), pictures.load(1))


def test_broken_archives_are_one_line_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ending in (".tar", ".tar.gz", ".tar.xz", ".zip"):
        path = tmp_path / f"broken{ending}"
        path.write_bytes(b"not an archive at all" * 100)
        with pytest.raises(DataError, match="not a readable archive"):
            open_source(str(path))
    tree(tmp_path / "mine", {"a": 2, "b": 2})
    with tarfile.open(tmp_path / "big.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "mine", "mine")
    monkeypatch.setattr("convnets.data.stores.MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match="unpack it"):
        open_source(str(tmp_path / "big.tar.gz"))


def test_csv(tmp_path: Path) -> None:
    tree(tmp_path, {"x": 4})
    listing = tmp_path / "list.csv"
    listing.write_text(
        "\ufeffpath,label,split\nx/0.png,cat,train\nx/1.png,dog,train\nx/2.png,cat,Test\nx/3.png,dog,test\n"
    )
    source = open_source(str(listing), val_fraction=0)
    assert source.name == "list" and source.classes == ("cat", "dog")
    assert counts(source) == {"train": [1, 1], "test": [1, 1]}
    assert source.splits["test"].pictures.load(1)[0, 0, 0] == 3
    for text, message in {
        "file,label\n": "line 1 must be the header",
        "path,label\nx/0.png,cat\nx/0.png,dog\n": "line 3: x/0.png is listed twice",
        "path,label\nx/0.png,\n": "line 2: label is empty",
        "path,label\nx/9.png,a\n": "line 2: no such file",
        "path,label,split\nx/0.png,a,later\n": "line 2: split is 'later'",
        "path,label\n": "lists no pictures",
    }.items():
        listing.write_text(text)
        with pytest.raises(DataError, match=message):
            open_source(str(listing))


def idx_bytes(array: np.ndarray) -> bytes:
    return np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes() + array.astype(np.uint8).tobytes()


def test_idx(tmp_path: Path) -> None:
    images, labels = np.arange(6 * 4 * 3).reshape(6, 4, 3), np.array([1, 1, 1, 7, 7, 7])
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    source = open_source(str(tmp_path), val_fraction=0.3)
    assert source.classes == ("1", "7") and source.channels == 1 and source.size == (4, 3)
    assert counts(source) == {"train": [2, 2], "val": [1, 1], "test": [3, 3]}
    assert np.array_equal(source.splits["test"].pictures.load(5)[..., 0], images[5])
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:5]))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: 5 labels for 6 pictures"):
        open_source(str(tmp_path))
    for damaged in (idx_bytes(labels)[:-1], b"", idx_bytes(images), b"\0\0\x08\x01\xff\xff\xff\xff"):
        (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(damaged)
        with pytest.raises(DataError, match="t10k-labels"):
            open_source(str(tmp_path))


def cifar_files(classes: list[str], n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).integers(0, 256, (n, 3072), dtype=np.uint8)
    return rows, np.arange(n) % len(classes)


def pickled(content: object) -> bytes:
    """Pickled with bytes written as Python 2 wrote its strings, which is how CIFAR was pickled."""
    file = io.BytesIO()
    pickler: Any = pickle._Pickler(file, protocol=2)

    def save_string(pickler: Any, text: bytes) -> None:
        pickler.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)
        pickler.memoize(text)

    pickler.dispatch = pickler.dispatch | {bytes: save_string}
    pickler.dump(content)
    return file.getvalue()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("text", [bytes, str])
@pytest.mark.parametrize("array_labels", [False, True])
def test_cifar_pickled_by_any_python(tmp_path: Path, protocol: int, text: type, array_labels: bool) -> None:
    """Written again by today's Python, in every protocol, with keys as bytes or text."""
    rows, labels = cifar_files(["cat", "dog"])

    def write(file: str, content: dict[str, Any]) -> None:
        keyed = {key if text is str else key.encode(): value for key, value in content.items()}
        (tmp_path / file).write_bytes(pickle.dumps(keyed, protocol=protocol))

    names = ["cat", "dog"] if text is str else [b"cat", b"dog"]
    write("batches.meta", {"label_names": names})
    for file in ("data_batch_1", "test_batch"):
        write(file, {"data": rows, "labels": labels if array_labels else labels.tolist(), "empty": b""})
    source = open_source(str(tmp_path), val_fraction=0)
    assert source.classes == ("cat", "dog") and source.splits["test"].labels.tolist() == labels.tolist()
    planes = rows[3].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(source.splits["train"].pictures.load(3), planes)


@pytest.mark.parametrize("form", ["python", "binary"])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_forms(tmp_path: Path, form: str, name: str) -> None:
    classes = ["cat", "dog"]
    rows, labels = cifar_files(classes)
    folder = tmp_path / "cifar"
    folder.mkdir()
    hundred = name == "cifar100"
    train, test = ("train", "test") if hundred else ("data_batch_{}", "test_batch")
    for file in {train.format(1), train.format(2), test}:
        if form == "python":
            content = {
                b"data": rows,
                b"fine_labels" if hundred else b"labels": labels.tolist(),
                b"filenames": [b"x"] * 8,
            }
            (folder / file).write_bytes(pickled(content))
        else:
            records = [np.zeros((8, int(hundred)), np.uint8), labels[:, None].astype(np.uint8), rows]
            (folder / f"{file}.bin").write_bytes(np.concatenate(records, 1).tobytes())
    if form == "python":
        meta = {b"fine_label_names" if hundred else b"label_names": [c.encode() for c in classes]}
        (folder / ("meta" if hundred else "batches.meta")).write_bytes(pickled(meta))
    else:
        (folder / ("fine_label_names.txt" if hundred else "batches.meta.txt")).write_text("\n".join(classes) + "\n")
    with tarfile.open(tmp_path / "pack.tar.gz", "w:gz") as tar:
        tar.add(folder, "cifar-batches")
    for spec in (folder, tmp_path / "pack.tar.gz"):
        source = open_source(str(spec), val_fraction=0)
        assert source.name == name and source.classes == ("cat", "dog") and source.size == (32, 32)
        assert {split: len(part) for split, part in source.splits.items()} == {"train": 8 if hundred else 16, "test": 8}
        planes = rows[3].reshape(3, 32, 32).transpose(1, 2, 0)
        assert np.array_equal(source.splits["test"].pictures.load(3), planes)
        assert np.array_equal(source.splits["test"].labels, labels)


class Canary:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.path}",)


def test_cifar_pickles_run_nothing(tmp_path: Path) -> None:
    canary, folder = tmp_path / "canary", tmp_path / "cifar"
    folder.mkdir()
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a", b"b"]}))
    for content in (Canary(canary), {b"data": Canary(canary), b"labels": [0]}, {b"labels": [0]}):
        (folder / "test_batch").write_bytes(pickle.dumps(content))
        with pytest.raises(DataError):
            open_source(str(folder))
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 5]}))
    with pytest.raises(DataError, match="record 1: label 5 is out of range"):
        open_source(str(folder))
    assert not canary.exists()


WNIDS = ("n01440764", "n01443537", "n01484850")
VAL = ("ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002", "ILSVRC2012_val_00000003")
ANSWERS = ("n01484850", "n01440764", "n01443537")


def imagenet(root: Path, folder: str = "") -> Path:
    for wnid in WNIDS:
        for i in range(2):
            save(root / folder / "train" / wnid / f"{wnid}_{i}.JPEG")
    for name in VAL:
        save(root / folder / "val" / f"{name}.JPEG")
        save(root / folder / "test" / f"{name}.JPEG")
    return root


def imagenet_meta() -> bytes:
    from scipy.io import savemat

    synsets = np.zeros(3, [("ILSVRC2012_ID", "O"), ("WNID", "O")])
    for row, (number, wnid) in zip(synsets, zip((1, 2, 3), reversed(WNIDS), strict=True), strict=True):
        row["ILSVRC2012_ID"], row["WNID"] = number, wnid
    file = io.BytesIO()
    savemat(file, {"synsets": synsets})
    return file.getvalue()


LISTS = {
    "LOC_val_solution.csv": "ImageId,PredictionString\n"
    + "".join(
        f"{name},{wnid} 1 2 3 4 {wnid} 5 6 7 8 \n" for name, wnid in reversed(list(zip(VAL, ANSWERS, strict=True)))
    ),
    "val.txt": "".join(f"{n}.JPEG {WNIDS.index(wnid)}\n" for n, wnid in zip(VAL, ANSWERS, strict=True)),
    "val/val.txt": "".join(f"{n}.JPEG {wnid}\n" for n, wnid in zip(VAL, ANSWERS, strict=True)),
    "imagenet_2012_validation_synset_labels.txt": "\n".join(ANSWERS) + "\n",
    "kit/data/ILSVRC2012_validation_ground_truth.txt": "1\n3\n2\n",
}


@pytest.mark.parametrize("listing", LISTS)
@pytest.mark.parametrize("folder", ["", "ILSVRC/Data/CLS-LOC"])
def test_imagenet_layouts(tmp_path: Path, listing: str, folder: str) -> None:
    root = imagenet(tmp_path / "somewhere", folder)
    (root / listing).parent.mkdir(parents=True, exist_ok=True)
    (root / listing).write_text(LISTS[listing])
    if "kit" in listing:
        (root / "kit" / "data" / "meta.mat").write_bytes(imagenet_meta())
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "val.txt").write_text("ILSVRC2012_val_00000001 1\n")
    source = open_source(str(root))
    assert source.name == "imagenet" and source.classes == WNIDS and set(source.splits) == {"train", "val"}
    held_out = source.splits["val"]
    found = {Path(held_out.pictures.name(i)).stem: source.classes[held_out.labels[i]] for i in range(3)}
    assert found == dict(zip(VAL, ANSWERS, strict=True))


@pytest.mark.parametrize(
    "text,message",
    [
        (None, "needs a list of labels"),
        (f"{VAL[0]}.JPEG 0\n{VAL[0]}.JPEG 1\n", "line 2: .*listed twice"),
        (f"{VAL[0]}.JPEG 0\n{VAL[1]}.JPEG 3\n", r"val\.txt: line 2: '3' is none of the 3"),
        (f"{VAL[0]}.JPEG 0\n", "no label for 2 pictures"),
        (f"{VAL[0]}.JPEG\n", "line 1: ''"),
        ("other.JPEG 1\n", "line 1: other.JPEG"),
    ],
)
def test_imagenet_lists_that_do_not_fit_are_named(tmp_path: Path, text: str | None, message: str) -> None:
    """D09."""
    imagenet(tmp_path)
    if text is not None:
        (tmp_path / "val.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        open_source(str(tmp_path))


def test_tiny_imagenet(tmp_path: Path) -> None:
    for wnid in WNIDS:
        save(tmp_path / "train" / wnid / "images" / f"{wnid}_0.JPEG")
        (tmp_path / "train" / wnid / f"{wnid}_boxes.txt").write_text("x\t0\t0\t1\t1\n")
    for i in range(3):
        save(tmp_path / "val" / "images" / f"val_{i}.JPEG")
    annotations = "".join(f"val_{i}.JPEG\t{wnid}\t0\t0\t1\t1\n" for i, wnid in enumerate(WNIDS))
    (tmp_path / "val" / "val_annotations.txt").write_text(annotations)
    (tmp_path / "words.txt").write_text("n01440764\ttench\n")
    save(tmp_path / "test" / "images" / "test_0.JPEG")
    source = open_source(str(tmp_path))
    assert source.name == "tiny_imagenet" and counts(source) == {"train": [1, 1, 1], "val": [1, 1, 1]}


def test_torchvision_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for torchvision: arrays as its classes keep them; not installed; offline."""
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "convnets"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match=r"convnets\[torchvision\]"):
        open_source("mnist")

    class Svhn:
        def __init__(self, root: str, split: str, download: bool) -> None:
            assert download and Path(root) == tmp_path / "convnets" / "data" / "svhn"
            self.data = np.arange(20 * 3 * 4 * 5).reshape(20, 3, 4, 5).astype(np.uint8)
            self.labels = np.arange(20) % 2

    def offline(root: str, train: bool, download: bool) -> None:
        raise OSError("<urlopen error\nno route>")

    module = types.ModuleType("torchvision")
    module.datasets = types.SimpleNamespace(SVHN=Svhn, KMNIST=offline)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", module)
    source = open_source("SVHN")
    assert source.name == "svhn" and source.size == (4, 5) and source.classes == ("0", "1")
    assert source.splits["test"].pictures.load(0)[0, 0].tolist() == [0, 20, 40]
    with pytest.raises(DataError, match="offline") as caught:
        open_source("kmnist")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec,near", [("cifar1", "cifar10"), ("digit", "digits"), ("zzz/none", "a name to download")])
def test_unknown_specs_list_what_there_is(spec: str, near: str) -> None:
    with pytest.raises(DataError, match=near) as caught:
        open_source(spec)
    assert "\n" not in str(caught.value) and "class folders" in str(caught.value)


def test_check_decodes_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    equal = open_source(str(tree(tmp_path / "equal", {"a": 4, "b": 4})))
    checked = check(equal)
    pictures = checked.splits["train"].pictures
    assert isinstance(pictures, MemoryPictures) and isinstance(pictures.pictures, np.ndarray)
    assert checked.size == (5, 6) and pictures.name(0) == equal.splits["train"].pictures.name(0)
    save(tmp_path / "equal" / "a" / "large.png", 200, (300, 300))
    unequal = check(open_source(str(tmp_path / "equal")))
    ragged = unequal.splits["train"].pictures
    assert isinstance(ragged, MemoryPictures) and isinstance(ragged.pictures, list) and unequal.size is None
    monkeypatch.setattr("convnets.data.scan.MEMORY_LIMIT", 100)
    streamed = check(equal)
    assert not isinstance(streamed.splits["train"].pictures, MemoryPictures) and streamed.size == (5, 6)


@pytest.mark.parametrize("size", [(6, 5), (300, 300)])  # the larger are decoded in threads
def test_check_names_every_bad_picture_or_drops_it(
    tmp_path: Path, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """I01: never another sample in its place."""
    for label in "ab":
        for i in range(30):
            save(tmp_path / label / f"{i:02}.png", i, size)
    bad = [tmp_path / "a" / f"{i:02}.png" for i in range(5, 27)]
    for path in bad:
        path.write_bytes(path.read_bytes()[:60])
    source = open_source(str(tmp_path), val_fraction=0)
    with pytest.raises(DataError) as caught:
        check(source)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("22 of 60 pictures") and sum(".png: " in line for line in lines) == 22
    assert [line.split(": ")[0].strip() for line in lines[1:21]] == [str(path) for path in bad[:20]]
    kept = check(source, bad="skip")
    split = kept.splits["train"]
    assert "22 of 60" in capsys.readouterr().err and counts(kept) == {"train": [8, 30]}
    reds = [int(split.pictures.load(i)[0, 0, 0]) for i in range(38)]
    assert reds == [*range(5), *range(27, 30), *range(30)] and split.labels.tolist() == [0] * 8 + [1] * 30
    assert split.pictures.name(5).endswith("a/27.png") and kept.fingerprint["samples"] == {"train": 38}
    for path in (tmp_path / "a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no picture of class 'a'"):
        check(source, bad="skip")


@needs_shared
def test_real_mnist() -> None:
    source = open_source(str(SHARED / "mnist"))
    assert source.name == "mnist" and source.fingerprint["samples"] == {"train": 54001, "val": 5999, "test": 10000}
    assert np.bincount(source.splits["test"].labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@needs_shared
def test_real_photographs_in_a_tar() -> None:
    source = check(open_source(str(SHARED / "ants-bees.tar")))
    assert source.name == "ants-bees" and source.classes == ("ants", "bees")
    assert counts(source) == {"train": [123, 121], "val": [70, 83]}


@needs_shared
def test_real_cifar10_in_a_tar() -> None:
    source = check(open_source(str(SHARED / "cifar10-jpeg.tar.xz"), val_fraction=0))
    assert source.name == "cifar10" and counts(source) == {"train": [5000] * 10, "test": [1000] * 10}
    assert source.size == (32, 32) and source.classes[0] == "airplane"


def test_an_unlabelled_test_folder_is_left_out(tmp_path: Path) -> None:
    """As competitions give it out: pictures without class folders beside the labelled ones."""
    for split in ("train", "val"):
        for label in "ab":
            save(tmp_path / split / label / "1.png", 1, (8, 8))
    save(tmp_path / "test" / "0001.png", 1, (8, 8))
    assert set(open_source(str(tmp_path)).splits) == {"train", "val"}
    save(tmp_path / "test" / "a" / "0002.png", 1, (8, 8))
    with pytest.raises(DataError, match="lies in no class folder"):
        open_source(str(tmp_path))
