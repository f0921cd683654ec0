"""Pictures in class folders, with or without split folders above them, and pictures listed in a CSV file."""

from __future__ import annotations

import csv
import posixpath
from pathlib import Path

from ..errors import DataError
from .assemble import SPLITS, Sample, stored_source
from .decode import printable
from .pictures import Source
from .stores import ARCHIVE_ENDINGS, FolderReader, Store

# Kinds that decoding refuses are listed too: a folder of photographs with a few HEIC files must not lose them silently.
READ = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
REFUSED = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".eps", ".wmf", ".ico", ".tga")


def is_picture(path: str) -> bool:
    """Whether the name is a picture's, of a kind that is read here or that must not be passed over silently."""
    return path.lower().endswith(READ + REFUSED)


def data_set_name(store: Store) -> str:
    """The folder's name, or the archive's without its ending."""
    name = Path(store.root).resolve().name
    ending = next((end for end in sorted(ARCHIVE_ENDINGS, key=len, reverse=True) if name.lower().endswith(end)), "")
    return printable(name.removesuffix(name[len(name) - len(ending) :]) if ending else name) or "pictures"


def class_folders(store: Store) -> Source:
    """Any of: SPLIT/CLASS/pictures, CLASS/pictures (all of it training), below at most a few single folders."""
    pictures = list(filter(is_picture, store.files))
    if not pictures:
        raise DataError(f"{store.root}: no pictures found (looked for {', '.join(READ)})")
    base = _top(store, pictures)
    split_of = _split_folders(store, base, pictures)
    depth = 2 if split_of else 1
    samples = []
    for path in pictures:
        parts = path[len(base) :].split("/")
        if split_of and parts[0] not in split_of:
            continue
        if len(parts) <= depth:
            raise DataError(
                f"{printable(store.root)}/{printable(path)}: lies in no class folder; pictures belong in one folder "
                "for each class (CLASS/picture.jpg or train/CLASS/picture.jpg)"
            )
        samples.append(Sample(split_of[parts[0]] if split_of else "train", parts[depth - 1], path))
    for folder, split in split_of.items():
        if not any(sample.split == split for sample in samples):
            raise DataError(f"{printable(store.root)}/{base}{folder}: holds no pictures; add some or remove the folder")
    below = (folder[len(base) :].split("/") for folder in store.folders if folder.startswith(base))
    classes = {parts[-1] for parts in below if len(parts) == depth and (not split_of or parts[0] in split_of)}
    return stored_source(store, samples, classes, data_set_name(store), base)


def _children(store: Store, base: str) -> list[str]:
    """Names of the folders directly in `base` ("" or "some/folder/")."""
    return sorted(f[len(base) :] for f in store.folders if f.startswith(base) and "/" not in f[len(base) :])


def _top(store: Store, pictures: list[str]) -> str:
    """The folder that the layout starts in: a single folder is looked through, unless it can be a class or split."""
    base = ""
    while True:
        children = _children(store, base)
        if len(children) != 1 or children[0].lower() in SPLITS:
            return base
        inner = f"{base}{children[0]}/"
        if not all(path.startswith(inner) and "/" in path[len(inner) :] for path in pictures):
            return base
        base = inner


def _split_folders(store: Store, base: str, pictures: list[str]) -> dict[str, str]:
    """Split by folder name, empty where the folders are classes."""
    children = _children(store, base)
    found = {child: SPLITS[child.lower()] for child in children if child.lower() in SPLITS}
    if not found:
        return {}
    used = {path[len(base) :].split("/")[0] for path in pictures if "/" in path[len(base) :]}
    others = sorted(used - set(found))
    flat = any(path[len(base) :].count("/") == 1 and path[len(base) :].split("/")[0] in found for path in pictures)
    if others and flat:
        return {}  # "train" may be a class beside "bus"
    where = printable(posixpath.join(store.root, base))
    if others:
        raise DataError(f"{where}: {', '.join(map(printable, others))} beside {', '.join(found)}; move it elsewhere")
    if len(set(found.values())) < len(found):
        raise DataError(f"{where}: more than one folder for a split ({', '.join(found)}); keep one of them")
    return {child: split for child, split in found.items() if split != "test" or not _is_flat(base + child, pictures)}


def _is_flat(folder: str, pictures: list[str]) -> bool:
    """Whether all pictures lie directly in the folder: a test split without labels, as competitions give it out."""
    inside = [path for path in pictures if path.startswith(folder + "/")]
    return bool(inside) and all("/" not in path[len(folder) + 1 :] for path in inside)


def csv_listing(path: Path) -> Source:
    """Pictures listed in a CSV file with the header `path,label` or `path,label,split`; paths count from its folder."""
    store = Store(FolderReader(str(path.parent)), {}, set())
    samples: list[Sample] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise DataError(f"{path}: line 1 must be the header path,label or path,label,split")
            for row in rows:
                samples.append(_csv_sample(row, store, f"{path}: line {rows.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from None
    if not samples:
        raise DataError(f"{path}: lists no pictures")
    return stored_source(store, samples, {sample.label for sample in samples}, printable(path.stem))


def _csv_sample(row: dict[str, str], store: Store, where: str) -> Sample:
    picture, label, split = ((row.get(key) or "").strip() for key in ("path", "label", "split"))
    if not picture or not label:
        raise DataError(f"{where}: {'path' if not picture else 'label'} is empty")
    if "split" in row and split.lower() not in SPLITS:
        raise DataError(f"{where}: split is {split!r}; it must be train, val or test")
    if picture in store.files:
        raise DataError(f"{where}: {picture} is listed twice")
    file = Path(store.root) / picture
    if not file.is_file():
        raise DataError(f"{where}: no such file: {file}")
    store.files[picture] = file.stat().st_size
    return Sample(SPLITS[split.lower()] if split else "train", label, picture)
