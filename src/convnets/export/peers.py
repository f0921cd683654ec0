"""A network's weights under the names that torchvision or timm has for them.

The names and shapes are read off the library's own network, made without numbers; our layers go into them as theirs
come into ours (`weights.match`), so that what is exported is what would be imported.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ..errors import UsageError
from ..network import Network
from ..papers import weights as catalogue
from ..runs import Loaded
from ..weights.match import IGNORED, Layer, layers, paired
from .keras_file import write_keras

WITH_AUXILIARY = ("googlenet", "inception_v3")  # which torchvision makes with classifiers for training


def their_name(network: Network, library: str) -> str:
    """What the library calls this network. Raises UsageError where it has none like it."""
    for theirs, ours in catalogue.counterparts(library).items():
        if ours == network.name:
            return theirs
    raise UsageError(f"{library} has no {network.name}, nor one that computes the same; export to safetensors or hf")


def under_their_names(network: Network, library: str) -> dict[str, Tensor]:
    """The weights as the library's own network of this kind would load them, every one of its names filled."""
    blank = _blank(library, their_name(network, library), network.num_classes, network.in_channels)
    own = network.state_dict()
    made = {name: torch.tensor(0) for name in blank if name.endswith(IGNORED)}
    refused = f"{network.name} does not fit {library}'s {their_name(network, library)}"
    pairs, left = paired(layers(blank), layers(own), refused)
    if left:
        raise UsageError(f"{refused}: left over are {', '.join(map(str, left[:3]))}")
    for theirs, ours in pairs:
        made |= _named(theirs, ours)
    return {name: made[name] for name in blank}


def save_file(loaded: Loaded, path: Path, form: str) -> None:
    """The weights alone in one file: under our own names, or torchvision's, timm's or Keras's. Raises UsageError."""
    network = loaded.network
    theirs = "" if form == "safetensors" else their_name(network, form)
    state = network.state_dict() if form in ("safetensors", "keras") else under_their_names(network, form)
    plain = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "keras":
            write_keras(network, theirs, path)
        elif path.suffix in (".pth", ".pt"):
            torch.save(plain, path)
        else:
            safetensors.torch.save_file(plain, path, {"format": "pt"})
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise UsageError(f"--out {path}: cannot be written ({error})") from None


def _named(theirs: Layer, ours: Layer) -> dict[str, Tensor]:
    return {
        f"{theirs.name}.{word}": ours.tensors[word].reshape(blank.shape).to(blank.dtype).contiguous()
        for word, blank in theirs.tensors.items()
    }


def _blank(library: str, name: str, classes: int, channels: int) -> dict[str, Tensor]:
    """The names and shapes of the library's network."""
    try:
        module = importlib.import_module("torchvision.models" if library == "torchvision" else library)
    except (ImportError, RuntimeError) as error:  # RuntimeError: one built for another torch
        there = ", and the one installed is not for this torch" if isinstance(error, RuntimeError) else ""
        raise UsageError(f"--to {library}: needs {library} for its names{there}; pip install {library}") from None
    with torch.device("meta"):
        if library == "timm":
            return dict(module.create_model(name, num_classes=classes, in_chans=channels).state_dict())
        if channels != 3:
            raise UsageError(f"torchvision's {name} takes three channels, and this network {channels}; export to timm")
        options: dict[str, Any] = {"init_weights": False, "aux_logits": False} if name in WITH_AUXILIARY else {}
        return dict(getattr(module, name)(num_classes=classes, **options).state_dict())
