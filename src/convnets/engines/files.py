"""Files as runtimes need them: whole or not there at all, and made without a word on standard output."""

from __future__ import annotations

import contextlib
import ctypes
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


class _SignalStack(ctypes.Structure):
    """`stack_t` of signal.h."""

    _fields_ = (("place", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def signal_stack_kept() -> Iterator[None]:
    """The stack on which this thread handles signals is the same afterwards.

    OpenVINO's plugin sets one of its own. When several are unloaded in the order in which they were made, it leaves one
    set that it has freed, and the next signal that Python handles ends the process.
    """
    if sys.platform != "linux":
        yield
        return
    system, before = ctypes.CDLL(None), _SignalStack()
    system.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        system.sigaltstack(ctypes.byref(before), None)


@contextlib.contextmanager
def silent_warnings() -> Iterator[None]:
    """Compilers and exporters warn of their own internals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
