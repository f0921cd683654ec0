"""Weights that others trained: their files read without running anything, and carried into our networks."""

from __future__ import annotations

from .files import read, refuse_nonfinite
from .hub import CONFIG, fetch, fetch_folder, published_as, read_config
from .known import Origin, recognised
from .match import carried, ends

__all__ = [
    "CONFIG", "Origin", "carried", "ends", "fetch", "fetch_folder", "published_as", "read", "read_config",
    "recognised", "refuse_nonfinite",
]  # fmt: skip
