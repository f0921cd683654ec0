"""Keras's files of weights (.h5, .weights.h5, .keras) as tensors in torch's layout, under Keras's names.

Keras has (height, width, in, out) where torch has (out, in, height, width), and flattens maps with the channels last.
A layer is known by the shapes of its tensors, whatever the age of the file calls them. Layers with numbers for names
are ordered by these: the file's own order mixes parallel branches.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError, UsageError
from .order import in_order
from .safe_header import MOST_TENSORS

HDF5, HEAP, FREE = b"\x89HDF\r\n\x1a\n", b"GCOL\1\0\0\0", b"\0\0"
SAID = ("model_config", "training_config")  # long texts that Keras writes, one of each
MOST_TEXT = 64 * 2**20  # bytes that the names in an attribute may come to
MOST_STEPS = 20_000  # from a group or array to another; the largest networks take a third of them
NUMBERED = re.compile(r"(conv2d|separable_conv2d|batch_normalization|dense)(?:_(\d{1,6}))?")
SHORTCUT = re.compile(r"(.+)_0_(?:conv|bn)")


class Stored(NamedTuple):
    """A layer of a file: its name, and its tensors in Keras's order and layout."""

    name: str
    tensors: list[Tensor]

    @property
    def is_norm(self) -> bool:
        return all(tensor.dim() == 1 for tensor in self.tensors)

    @property
    def is_separable(self) -> bool:
        return [tensor.dim() for tensor in self.tensors[:2]] == [4, 4]


def read_hdf5(data: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors of an HDF5 file of Keras.

    Raises CheckpointError where it is damaged or is something else, UsageError where h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise UsageError(f"{path}: a file of Keras, read with h5py; pip install 'convnets[keras]'") from None
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            stored = list(stored_layers(file, Reader(path, len(data), _longest_text(file, data))))
        if not stored:
            raise CheckpointError(f"{path}: an HDF5 file without layers of Keras")
        return in_torchs_form(stored, path)
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError) as error:
        raise CheckpointError(f"{path}: damaged, or no file of Keras ({' '.join(str(error).split())[:120]})") from None


def _longest_text(file: Any, data: bytes) -> int:
    """Bytes of the longest text in the file's heaps, which many names may share, but those that say what it is of."""
    known = {len(_text(file.attrs[name]).encode()) for name in SAID if name in file.attrs}
    longest, place = 0, data.find(HEAP)
    while place >= 0:
        end = min(len(data), place + int.from_bytes(data[place + 8 : place + 16], "little"))
        item = place + 16
        while item + 16 <= end and (size := int.from_bytes(data[item + 8 : item + 16], "little")):
            if data[item : item + 2] != FREE and size not in known and size - 1 not in known:
                longest = max(longest, min(size, len(data)))
            item += 16 + -(-size // 8) * 8
        place = data.find(HEAP, place + 8)
    return longest


def in_torchs_form(stored: list[Stored], path: Path) -> dict[str, Tensor]:
    """The layers' tensors as torch has them, in the order in which the network runs, each block's shortcut last."""
    names = {layer.name for layer in stored}
    if len(names) < len(stored):
        raise CheckpointError(f"{path}: two layers have one name")
    norms = _in_order([layer for layer in stored if layer.is_norm], names)
    others = _in_order([layer for layer in stored if not layer.is_norm], names)
    # separable ones first, as in a block before its shortcut: a file may keep the order among layers of a kind alone
    others.sort(key=lambda layer: not layer.is_separable)
    state: dict[str, Tensor] = {}
    last_norm, channels = (len(norms[-1].tensors[0]) if norms else None), 0
    for layer in others:
        weights = _weights(layer, path)
        weight = weights[0][1]
        if weight.dim() == 2 and channels and last_norm in (None, channels):
            weights[0] = weights[0][0], _flattened(weight, channels)
        channels = len(weights[-1][1])
        state |= {f"{layer.name}.{word}": tensor for word, tensor in weights}
    for layer in norms:
        state |= {f"{layer.name}.{word}": tensor for word, tensor in _norm(layer, path)}
    return state


def _weights(layer: Stored, path: Path) -> list[tuple[str, Tensor]]:
    """Those of a convolution, a fully connected layer, or a separable convolution, which is two of torch's."""
    kernels = [tensor for tensor in layer.tensors if tensor.dim() > 1]
    biases = layer.tensors[len(kernels) :]
    match [tensor.dim() for tensor in kernels], len(biases):
        case [4], 0 | 1:
            found = [("weight", kernels[0].permute(3, 2, 0, 1))]
        case [2], 0 | 1:
            found = [("weight", kernels[0].T)]
        case [4, 4], 0:
            return [("depthwise.weight", kernels[0].permute(2, 3, 0, 1)),
                    ("pointwise.weight", kernels[1].permute(3, 2, 0, 1))]  # fmt: skip
        case _:
            raise _unknown(layer, path)
    return found + [("bias", bias) for bias in biases]


def _norm(layer: Stored, path: Path) -> Iterator[tuple[str, Tensor]]:
    """Gamma, beta, mean and variance; without a scale the gammas are 1."""
    if len(layer.tensors) not in (3, 4):
        raise _unknown(layer, path)
    *scale, bias, mean, variance = layer.tensors
    yield "weight", scale[0] if scale else torch.ones_like(bias)
    yield from (("bias", bias), ("running_mean", mean), ("running_var", variance))


def _flattened(weight: Tensor, channels: int) -> Tensor:
    """A fully connected layer's weights for a map flattened as torch does it, where what it sees is one."""
    places, rest = divmod(weight.shape[1], channels)
    if rest or places == 1:
        return weight
    return weight.reshape(-1, places, channels).transpose(1, 2).flatten(1)


def _unknown(layer: Stored, path: Path) -> CheckpointError:
    shapes = ", ".join("x".join(map(str, tensor.shape)) for tensor in layer.tensors)
    return CheckpointError(f"{path}: {layer.name}: no layer known here has tensors of {shapes}")


def _in_order(stored: list[Stored], names: set[str]) -> list[Stored]:
    """Numbered layers by their numbers, in the places that they have; each block's shortcut behind the block."""
    ordered = list(stored)
    numbered: dict[str, list[tuple[int, int]]] = {}
    for place, layer in enumerate(stored):
        if found := NUMBERED.fullmatch(layer.name):
            numbered.setdefault(found[1], []).append((int(found[2] or 0), place))
    for members in numbered.values():
        for place, (_, origin) in zip(sorted(place for _, place in members), sorted(members), strict=True):
            ordered[place] = stored[origin]
    blocks = {layer.name: f"{found[1]}_" for layer in ordered
              if (found := SHORTCUT.fullmatch(layer.name)) and f"{found[1]}_0_conv" in names}  # fmt: skip
    last = {block: max(i for i, layer in enumerate(ordered) if layer.name.startswith(block))
            for block in blocks.values()}  # fmt: skip
    places = {layer.name: (last[blocks[layer.name]], 1) if layer.name in blocks else (i, 0)
              for i, layer in enumerate(ordered)}  # fmt: skip
    return sorted(ordered, key=lambda layer: places[layer.name])


def stored_layers(file: Any, read: Reader) -> Iterator[Stored]:
    """The layers of any of Keras's forms, in the order that the file has them in."""
    root = read.child(file, "model_weights") if "model_weights" in file else file
    if "layer_names" not in root.attrs:
        yield from _of_groups(root, read)
        return
    for name in read.names(root, "layer_names"):
        group, found = read.child(root, name), dict[str, list[Tensor]]()
        for weight in read.names(group, "weight_names"):
            layer = weight.rpartition("/")[0] or name  # of a network within a network, its own layers'
            found.setdefault(layer, []).append(read.tensor(group, weight))
        yield from (Stored(layer.rpartition("/")[2], tensors) for layer, tensors in found.items())


def _of_groups(group: Any, read: Reader) -> Iterator[Stored]:
    """Keras 3's own form: `layers/KIND_3/vars/0`, in which `vars` may say what the layer is called."""
    layers = read.child(group, "layers") if "layers" in group else {}
    for name in in_order(layers):
        layer = read.child(layers, name)
        variables = read.child(layer, "vars") if "vars" in layer else None
        tensors = [read.tensor(variables, number) for number in sorted(variables or (), key=int)]
        if variables is not None and tensors:
            yield Stored(read.names(variables, "name")[0] if "name" in variables.attrs else name, tensors)
        yield from _of_groups(layer, read)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class Reader:
    """Takes what lies in the file itself, as it is, and no more of it than the file is long."""

    def __init__(self, path: Path, limit: int, longest_text: int = 0) -> None:
        self.path, self.left, self.longest_text = path, limit, longest_text
        self.steps = MOST_STEPS

    def child(self, group: Any, name: str) -> Any:
        """What lies in a group under this name, and not behind a link to elsewhere."""
        import h5py

        for part in name.split("/"):
            self.steps -= 1
            if self.steps < 0:
                raise CheckpointError(f"{self.path}: has more groups and arrays than any network")
            if not isinstance(group.get(part, getlink=True), h5py.HardLink):
                raise CheckpointError(f"{self.path}: {name[:80]!r} is a link, or is missing")
            group = group[part]
        return group

    def names(self, group: Any, attribute: str) -> list[str]:
        """The texts of an attribute, one or several, where they cannot come to more than a network's names."""
        count = int(np.prod(group.attrs.get_id(attribute).shape))
        if count > MOST_TENSORS or count * self.longest_text > MOST_TEXT:
            raise CheckpointError(f"{self.path}: its {attribute} are longer than any network's")
        return [_text(value) for value in np.ravel(group.attrs[attribute])]

    def tensor(self, group: Any, name: str) -> Tensor:
        """An array of numbers that is stored as it is: a compressed or virtual one can promise anything."""
        import h5py

        stored = self.child(group, name)
        if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "fiu" or not stored.size:
            raise CheckpointError(f"{self.path}: {name[:80]!r} is no array of numbers, or an empty one")
        if stored.chunks is not None or stored.is_virtual or stored.external:
            raise CheckpointError(f"{self.path}: {name[:80]!r} is compressed, virtual or elsewhere, unlike Keras's")
        self.left -= stored.nbytes
        if self.left < 0:
            raise CheckpointError(f"{self.path}: its arrays promise more than the file holds")
        return torch.from_numpy(np.ascontiguousarray(stored[()]))
