"""Trained networks for other libraries and runtimes: their names for our weights, files and folders that they load."""

from __future__ import annotations

from .folder import write_folder
from .int8 import write_int8
from .peers import save_file, under_their_names
from .runtime import write_file

__all__ = ["save_file", "under_their_names", "write_file", "write_folder", "write_int8"]
