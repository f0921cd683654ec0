"""Engines: a trained network as fast code, in torch or another runtime.

Nothing here imports torch, nor any other runtime, before it is needed.
"""

from __future__ import annotations

from .about import About
from .choose import ENGINES, available, fastest, measure, open_engine, open_fastest
from .exported import KINDS, open_exported
from .program import Program, recalled
from .runtimes import Engine

__all__ = [
    "ENGINES",
    "KINDS",
    "About",
    "Engine",
    "Program",
    "available",
    "fastest",
    "measure",
    "open_engine",
    "open_exported",
    "open_fastest",
    "recalled",
]
