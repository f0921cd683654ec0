"""Pictures: where they come from, how they are decoded and augmented, and how they become batches.

What needs torch is loaded when it is first used: to prepare a picture takes none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .augment import prepare
from .decode import decode, read_picture
from .measuring import channel_statistics, measure
from .pictures import Pictures, Source, Split
from .scan import check
from .sources import open_source
from .statistics import NO_STATISTICS, Statistics

if TYPE_CHECKING:
    from .finish import Finish, Mixed
    from .loader import Batch, Loader, normalise

_HOME = {"Finish": "finish", "Mixed": "finish", "Batch": "loader", "Loader": "loader", "normalise": "loader"}
__all__ = [
    "NO_STATISTICS",
    "Batch",
    "Finish",
    "Loader",
    "Mixed",
    "Pictures",
    "Source",
    "Split",
    "Statistics",
    "channel_statistics",
    "check",
    "decode",
    "measure",
    "normalise",
    "open_source",
    "prepare",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'convnets.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
