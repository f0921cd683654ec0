"""A network's weights as a file that Keras's own network of this kind loads.

Keras writes the file of an untrained network, and our numbers take the places of its own. Where each belongs is found
by reading the file as any other one (`weights.keras_files`), but with the numbers of places instead of weights.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..network import Network
from ..runs.checkpoint import write_durably
from ..weights.keras_files import Reader, in_torchs_form, stored_layers
from ..weights.match import layers, paired

ONE, FIRST = 1, 2  # the number in the place of a gamma that Keras does not keep, since it is 1; that of the first place


class _Numbering(Reader):
    """Reads the numbers of the places of an array instead of what is in them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 0)
        self.arrays: list[tuple[Any, int]] = []  # with the number of their first place
        self.next = FIRST

    def tensor(self, group: Any, name: str) -> Tensor:
        array, first = self.child(group, name), self.next
        self.arrays.append((array, first))
        self.next += array.size
        return torch.arange(first, self.next, dtype=torch.int32).reshape(array.shape)


def write_keras(network: Network, name: str, path: Path) -> None:
    """Write `path` for `keras.applications.NAME(weights=path, classes=...)`.

    Raises UsageError where Keras is missing, or has no place for some of the weights.
    """
    h5py, keras = map(_library, ("h5py", "keras"))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "keras.weights.h5"
        _untrained(network, name, keras).save_weights(made)
        with h5py.File(made, "r+") as file:
            numbering = _Numbering(made)
            places = in_torchs_form(list(stored_layers(file, numbering)), made)
            values = _in_places(network, name, places, numbering.next)
            for array, first in numbering.arrays:
                array[...] = values[first : first + array.size].reshape(array.shape).numpy()
        write_durably(path, made.read_bytes())


def _in_places(network: Network, name: str, places: dict[str, Tensor], count: int) -> Tensor:
    """The weights of the network, each under the number of its place."""
    refused = f"{network.name} does not fit Keras's {name}"
    pairs, left = paired(layers(places), layers(dict(network.state_dict())), refused)
    if left:
        raise UsageError(f"{refused}: left over are {', '.join(map(str, left[:3]))}")
    values = torch.empty(count)
    for theirs, ours in pairs:
        for word, numbers in theirs.tensors.items():
            own = ours.tensors[word].cpu().float().flatten()
            if (numbers == ONE).all() and not (own == 1).all():
                raise UsageError(f"{refused}: it keeps no {word} for {ours.name}, and that is not 1")
            values[numbers.flatten().long()] = own
    return values


def _library(name: str) -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(f"--to keras: needs {name}, for its names; pip install keras h5py") from None


def _untrained(network: Network, name: str, keras: Any) -> Any:
    """Keras's network, as it is made."""
    if network.in_channels != 3:
        raise UsageError(f"Keras's {name} takes three channels, and this network {network.in_channels}")
    size = {"input_shape": (network.input_size, network.input_size, 3)} if network.input_size else {}
    return getattr(keras.applications, name)(weights=None, classes=network.num_classes, **size)
