"""ImageNet and Tiny-ImageNet as they are given out: training folders by WordNet id, one flat validation folder."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from ..errors import DataError
from .assemble import WNID, Sample, stored_source
from .decode import printable
from .folders import is_picture
from .pictures import Source
from .stores import Store

TRAIN_FOLDER = re.compile(r"((?:.*/)?)train/" + WNID.pattern)
# In this order: the lists that name each file, then those that rely on the order of the files.
LISTS = (
    r"LOC_val_solution\.csv",
    r"val_annotations\.txt",
    r"val\.txt",
    r".*synset_labels\.txt",
    r"ILSVRC2012_validation_ground_truth\.txt",
)


@cache
def class_names() -> dict[str, str]:
    """ImageNet's thousand classes in order: WordNet id -> name."""
    text = (resources.files(__package__) / "imagenet_classes.txt").read_text(encoding="utf-8")
    return dict(line.split(" ", 1) for line in text.splitlines())


def imagenet(store: Store) -> Source | None:
    """The source, or None where the store is laid out otherwise. The unlabelled test pictures are left out."""
    base = next((match[1] for folder in sorted(store.folders) if (match := TRAIN_FOLDER.fullmatch(folder))), None)
    if base is None:
        return None
    flat = re.compile(re.escape(base) + r"val/(images/)?[^/]+")
    held_out = sorted(path for path in store.files if flat.fullmatch(path) and is_picture(path))
    if not held_out:
        return None
    wnids = sorted(match[0][-9:] for folder in store.folders if (match := TRAIN_FOLDER.fullmatch(folder)))
    train, samples = base + "train/", []
    for path in filter(is_picture, store.files):
        if path.startswith(train):
            samples.append(Sample("train", path[len(train) :].split("/")[0], path))
    listing = _find_list(store, base)
    samples += _validation(store, held_out, listing, wnids)
    name = "tiny_imagenet" if listing.endswith("val_annotations.txt") else "imagenet"
    return stored_source(store, samples, wnids, name, base)


def _find_list(store: Store, base: str) -> str:
    # ImageSets/CLS-LOC/val.txt numbers the files and holds no labels.
    texts = sorted(path for path in store.files if not is_picture(path) and "ImageSets" not in path)
    for pattern in LISTS:
        for path in texts:
            if re.fullmatch(pattern, posixpath.basename(path)):
                return path
    raise DataError(
        f"{printable(store.root)}/{base}val: a flat folder needs a list of labels beside it: LOC_val_solution.csv, "
        "val.txt, *synset_labels.txt, val_annotations.txt, or ILSVRC2012_validation_ground_truth.txt with meta.mat"
    )


def _validation(store: Store, held_out: list[str], listing: str, wnids: list[str]) -> list[Sample]:
    """The validation pictures with the labels of the list. Raises DataError naming file and line."""
    where = f"{printable(store.root)}/{listing}"
    unlabelled = {posixpath.splitext(posixpath.basename(path))[0]: path for path in held_out}
    known, samples = set(wnids), []
    for line, name, label in _entries(store, held_out, listing, wnids):
        path = unlabelled.pop(posixpath.splitext(posixpath.basename(name))[0], None)
        if path is None:
            raise DataError(f"{where}: line {line}: {name} is listed twice, or is not in the validation folder")
        if label not in known:
            raise DataError(f"{where}: line {line}: {label!r} is none of the {len(wnids)} training classes")
        samples.append(Sample("val", label, path))
    if unlabelled:
        raise DataError(f"{where}: has no label for {len(unlabelled)} pictures, the first is {min(unlabelled)}")
    return samples


def _entries(store: Store, held_out: list[str], listing: str, wnids: list[str]) -> Iterator[tuple[int, str, str]]:
    """(line, file name, WordNet id) of each entry, whatever form the list has."""
    rows = [(i, re.split(r"[\s,]+", row.strip())) for i, row in enumerate(store.text(listing).splitlines(), 1)]
    rows = [(i, tokens) for i, tokens in rows if tokens[0] not in ("", "ImageId")]
    if listing.endswith(("synset_labels.txt", "ground_truth.txt")):
        if len(rows) != len(held_out):
            where = f"{printable(store.root)}/{listing}"
            raise DataError(f"{where}: {len(rows)} labels for {len(held_out)} pictures in the validation folder")
        by_number = _devkit_numbers(store) if listing.endswith("ground_truth.txt") else {}
        for (line, tokens), path in zip(rows, held_out, strict=True):
            yield line, path, by_number.get(tokens[0], tokens[0])
        return
    for line, tokens in rows:
        label = tokens[1] if len(tokens) > 1 else ""
        yield line, tokens[0], wnids[int(label)] if label.isdecimal() and int(label) < len(wnids) else label


def _devkit_numbers(store: Store) -> dict[str, str]:
    """WordNet id by the development kit's own class number, which is not the alphabetical one."""
    path = next((p for p in store.files if posixpath.basename(p) == "meta.mat"), None)
    if path is None:
        raise DataError(f"{printable(store.root)}: ILSVRC2012_validation_ground_truth.txt needs meta.mat of its kit")
    from scipy.io import loadmat

    try:
        synsets = loadmat(io.BytesIO(store.reader.read(path)), squeeze_me=True)["synsets"]
        return {str(int(row["ILSVRC2012_ID"])): str(row["WNID"]) for row in synsets}
    except Exception as error:  # scipy raises whatever it meets
        raise DataError(f"{printable(store.root)}/{path}: cannot be read ({error})") from None
