"""Trained networks for other libraries: their names for our weights, files and folders that they load."""

from __future__ import annotations

from .folder import write_folder
from .peers import save_file, under_their_names

__all__ = ["save_file", "under_their_names", "write_folder"]
