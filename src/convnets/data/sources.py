"""What `--data` takes, and which module opens it."""

from __future__ import annotations

import difflib
from pathlib import Path

from ..errors import DataError
from .arrays import cifar, digits, idx
from .assemble import finish
from .folders import class_folders, csv_listing
from .imagenet import imagenet
from .packed import is_pack, open_pack
from .pictures import Source
from .stores import ARCHIVE_ENDINGS, open_store
from .torchvision_sets import SETS, torchvision_set


def open_source(
    spec: str,
    *,
    val_fraction: float = 0.1,
    test_fraction: float = 0.0,
    val_is_test: bool = False,
    seed: int = 0,
    allow_empty: bool = False,
) -> Source:
    """The data set that `spec` names, nothing decoded yet (see docs/data.md for what it can be).

    Where there are training but no validation pictures, `val_fraction` of each class is set aside for validation,
    picked by `seed` (0: none is); before that, `test_fraction` for the test where there are pictures of neither kind.
    With `val_is_test` the data's own validation pictures are the test, where it has no other. `digits` is always the
    built-in set; other names give way to a path that exists. Raises DataError in one line, naming class, split, file or
    line.
    """
    return finish(
        _open(spec),
        spec,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        val_is_test=val_is_test,
        seed=seed,
        allow_empty=allow_empty,
    )


def _open(spec: str) -> Source:
    path = Path(spec).expanduser()
    if spec == "digits":
        return digits()
    if path.is_dir() or (path.is_file() and path.name.lower().endswith(ARCHIVE_ENDINGS)):
        store = open_store(path)
        return cifar(store) or idx(store) or imagenet(store) or class_folders(store)
    if path.is_file() and path.suffix.lower() == ".csv":
        return csv_listing(path)
    if is_pack(path):
        return open_pack(path)
    if spec.lower() in SETS and not path.exists():
        return torchvision_set(spec.lower())
    reason = "is neither a folder, a CSV file, an archive nor a pack" if path.exists() else "does not exist"
    beside = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(spec, ["digits", *SETS, *beside], n=3)
    raise DataError(
        f"--data {spec}: {reason}{'; did you mean ' + ' or '.join(near) + '?' if near else '.'} It takes digits, a "
        f"folder or archive ({', '.join(ARCHIVE_ENDINGS)}) of class folders, MNIST's, CIFAR's or ImageNet's own files, "
        f"a CSV file (path,label), a pack (convnets pack), or a name to download: {', '.join(SETS)}"
    )
