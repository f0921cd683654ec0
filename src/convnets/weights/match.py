"""Weights under other names, carried into one of our networks: layer by layer in order, checked by shape.

Tensors that share all of their name but the last word are a layer: a convolution or fully connected layer with its
weight and bias, or a normalisation with its statistics. Each layer of ours takes the first unused one of the same kind
and shape; of a block, the shortcut comes last, whichever side runs it first. Nothing may be left on either side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor

from ..errors import CheckpointError
from ..network import Network

State = dict[str, Tensor]
WORDS = ("weight", "bias", "running_mean", "running_var")
IGNORED = "num_batches_tracked"
AUXILIARY = re.compile(r"(aux\d?|AuxLogits|aux_logits)\.")  # classifiers for training, which ours have beside them
# what other libraries call the layers beside a block's body: torchvision and timm `downsample`, its Xception `skip`
SHORTCUT = re.compile(r"(.+)\.(?:downsample|shortcut|skip|skipbn)\b")


@dataclass(frozen=True)
class Layer:
    """Tensors that belong together, by the last word of their names."""

    name: str
    tensors: State

    @property
    def signature(self) -> tuple[object, ...]:
        """What two layers must share; a 1x1 convolution is a fully connected layer, so sides of 1 do not count."""
        shape = tuple(side for side in self.tensors["weight"].shape if side != 1) if "weight" in self.tensors else None
        return shape, *(word in self.tensors for word in WORDS[1:])

    def __str__(self) -> str:
        shape = "x".join(map(str, next(iter(self.tensors.values())).shape))
        return f"{self.name} ({shape})"


def layers(state: State) -> list[Layer]:
    """The layers of a state, in its order, each block's shortcut behind the rest of the block."""
    grouped: dict[str, State] = {}
    for name, tensor in state.items():
        layer, _, word = name.rpartition(".")
        if word != IGNORED:
            grouped.setdefault(layer, {})[word] = tensor
    return _shortcuts_last([Layer(name, tensors) for name, tensors in grouped.items()])


def _shortcuts_last(found: list[Layer]) -> list[Layer]:
    blocks = {layer.name: match[1] + "." for layer in found if (match := SHORTCUT.match(layer.name))}
    last = {block: max(i for i, layer in enumerate(found) if layer.name.startswith(block)) for block in blocks.values()}
    places = {layer.name: (last[blocks[layer.name]], 1, i) if layer.name in blocks else (i, 0, 0)
              for i, layer in enumerate(found)}  # fmt: skip
    return sorted(found, key=lambda layer: places[layer.name])


def carried(state: State, network: Network, source: str) -> State:
    """`state` under the names and in the shapes of `network`.

    Classifiers for training are left out. Raises CheckpointError naming the first rows that differ.
    """
    own = network.state_dict()
    made = {name: tensor for name, tensor in own.items() if name.endswith(IGNORED)}
    pairs, left = paired(layers(own), _usable(state, own), f"{source}: does not fit {network.name}")
    if left:
        raise CheckpointError(f"{source}: does not fit {network.name}: left over are {', '.join(map(str, left[:3]))}")
    for layer, found in pairs:
        for word, blank in layer.tensors.items():
            made[f"{layer.name}.{word}"] = found.tensors[word].reshape(blank.shape).to(blank.dtype)
    return {name: made[name] for name in own}


def ends(state: State, network: Network, source: str) -> tuple[int, int]:
    """Classes and channels of `state`, weights of `network` but for these: what is left when all between is paired.

    Raises CheckpointError naming the first rows that differ.
    """
    own = network.state_dict()
    first, *middle, last = layers(own)
    _, left = paired(middle, _usable(state, own), f"{source}: does not fit {network.name}")
    left = [layer for layer in left if "weight" in layer.tensors and layer.tensors["weight"].dim() > 1]
    starts = [layer for layer in left if layer.tensors["weight"].shape[2:] == first.tensors["weight"].shape[2:]]
    heads = [layer for layer in left if layer not in starts]
    if len(starts) != 1 or len(heads) != 1:
        raise CheckpointError(
            f"{source}: does not fit {network.name}: {first} and {last} have no counterparts of their own in "
            f"{', '.join(map(str, left[:3])) or 'what is left, which is nothing'}"
        )
    return len(heads[0].tensors["weight"]), starts[0].tensors["weight"].shape[1]


def _usable(state: State, own: State) -> list[Layer]:
    """The layers of `state` that a network with `own` can have."""
    if any(AUXILIARY.match(name) for name in own):
        return layers(state)
    return layers({name: tensor for name, tensor in state.items() if not AUXILIARY.match(name)})


def paired(ours: list[Layer], left: list[Layer], refused: str) -> tuple[list[tuple[Layer, Layer]], list[Layer]]:
    """Each of ours with the first layer of the same kind and shape, and those that are left."""
    pairs = []
    for layer in ours:
        found = next((other for other in left if other.signature == layer.signature), None)
        if found is None:
            beside = ", ".join(map(str, left[:3])) or "nothing"
            raise CheckpointError(f"{refused}: {layer} finds no counterpart in {beside}")
        left.remove(found)
        pairs.append((layer, found))
    return pairs, left
