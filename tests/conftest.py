"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

# One thread a process: the suite runs one process a core, and results do not depend on how many there are.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a user's machine remembers is neither read nor written.
_cache = tempfile.TemporaryDirectory(prefix="convnets-tests-")
os.environ["CONVNETS_CACHE"] = _cache.name
os.environ["CONVNETS_ENGINE"] = "torch"  # what is tested is the same on every engine; tests/engines has them all


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of oracles and real data; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (the papers' oracles and real data)")
    return SHARED
