"""Weights that others trained: their files read without running anything, and carried into our networks."""

from __future__ import annotations

from .files import read, refuse_nonfinite
from .hub import fetch, of_config
from .known import Origin, recognised
from .match import carried, ends

__all__ = ["Origin", "carried", "ends", "fetch", "of_config", "read", "recognised", "refuse_nonfinite"]
