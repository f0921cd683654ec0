"""Files as runtimes need them: whole or not there at all, and made without a word on standard output."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..errors import ResourceError

INPUT, OUTPUT, ABOUT = "pictures", "logits", "convnets"  # names in the file


@contextlib.contextmanager
def written(path: Path) -> Iterator[str]:
    """A temporary name beside `path`, moved there at the end. Raises ResourceError where there is no room."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield str(temporary)
        temporary.replace(path)
    except OSError as error:
        hint = "free some space" if error.errno == errno.ENOSPC else "see who may write there"
        raise ResourceError(f"{path}: cannot be written ({error.strerror or error}); {hint}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed, by any thread: runtimes talk from C++, where only descriptors reach the two streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere, kept = os.open(os.devnull, os.O_WRONLY), dict[int, int]()
    with contextlib.suppress(OSError):  # a process may have been started without them
        kept = {stream: os.dup(stream) for stream in (1, 2)}
    try:
        for stream in kept:
            os.dup2(nowhere, stream)
        with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):  # noqa: PTH123
            yield
    finally:
        for stream, copy in kept.items():
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nowhere)


@contextlib.contextmanager
def silent_warnings() -> Iterator[None]:
    """Compilers and exporters warn of their own internals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
