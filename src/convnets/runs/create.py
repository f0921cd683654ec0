"""Networks by name, fresh or with weights that were trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import models, papers
from ..data import Statistics
from ..errors import UsageError
from ..network import Network
from ..papers import weights as published
from ..spec import Preprocess
from . import load, load_weights


@dataclass(frozen=True)
class Trained:
    """What a network's weights mean: `classes` are none where its classifier is a fresh one."""

    classes: tuple[str, ...]
    preprocess: Preprocess
    statistics: Statistics


def create_model(
    name: str | None = None,
    *,
    weights: str | Path | None = None,
    pretrained: bool = False,
    num_classes: int | None = None,
    in_channels: int | None = None,
    **values: Any,
) -> Network:
    """The network of this name, initialised as its paper says, or with `weights`; `values` set what the paper varies.

    `weights` is a run, a file, or published ones (`torchvision:resnet50`), which then pick the network where there is
    no name; `pretrained` takes the first of those published for the network. With another `num_classes` than theirs
    the classifier is a fresh one. `network.trained` keeps what they mean: class names, preprocessing.

    Raises UsageError for what is unknown, CheckpointError where the weights belong to another network.
    """
    if pretrained and weights is None:
        weights = _first_published(name)
    if weights is None:
        if name is None:
            raise UsageError("create_model: give the name of a network, or weights=")
        return models.create_model(name, num_classes=num_classes, in_channels=in_channels, **values)
    loaded = load(weights, model=name)
    given = values if in_channels is None else values | {"in_channels": in_channels}
    network = loaded.network
    if given:
        network = models.create_model(network.name, **network.overrides | given)
        load_weights(network, loaded.network.state_dict(), loaded.path)
    network.trained = Trained(loaded.classes, loaded.preprocess, loaded.statistics)
    if num_classes is not None and num_classes != network.num_classes:
        network.reset_classifier(num_classes)
    return network.train()


def _first_published(name: str | None) -> str:
    if name is None:
        raise UsageError("create_model: pretrained=True needs the name of a network")
    entry = papers.find(name)
    for one in published.everything():
        if one.network == entry.name:
            return one.spec
    raise UsageError(f"{entry.name}: nobody has published weights; give weights= of your own, or train it")
