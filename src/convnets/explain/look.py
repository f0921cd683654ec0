"""A look inside a trained network: everything that is measured for the page, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch.nn.functional import adaptive_avg_pool2d

from ..data import Split
from ..errors import UsageError
from ..evaluate.features import Eye
from ..models.table import fields
from .activity import Cut, Gates, Watched, strongest, watch
from .inside import (
    Filters,
    Norms,
    Reuse,
    View,
    check_row,
    early_row,
    feature_maps,
    finite,
    first_filters,
    norms,
    plain,
    ready,
    reuse,
    view,
    visible,
)

FILTERS, MAPS, CLASSES = 128, 64, 4  # at most so many are shown
VIEWED = 16  # pictures whose gradients make an effective receptive field
COARSE = 32  # pixels a side of a projection in JSON, at most
QUARTILES = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Look:
    """What there is to see in a network. What needs pictures is None or empty where there are none."""

    network: str
    row: str
    filters: Filters
    norms: list[Norms]
    reuse: list[Reuse]
    picture: np.ndarray | None = None  # uint8 (H, W, C), as the network sees it
    maps: np.ndarray | None = None  # (channels, height, width) of the row
    view: View | None = None
    watched: Watched | None = None
    strongest: dict[int, list[Cut]] = field(default_factory=dict)  # by channel of the row
    classes: tuple[str, ...] = ()  # of the pictures

    @property
    def shown_classes(self) -> list[int]:
        """The first few classes that there are pictures of."""
        if self.watched is None or not self.watched.gates:
            return []
        found: list[int] = self.watched.gates[0].seen[:CLASSES].tolist()
        return found

    @property
    def shown_gates(self) -> list[Gates]:
        """The last squeeze-and-excitation unit of each row."""
        return list({gate.stage: gate for gate in self.watched.gates}.values()) if self.watched else []


def look(
    eye: Eye, row: str = "", split: Split | None = None, classes: Sequence[str] = (), picture: np.ndarray | None = None,
    channels: int = 8,
) -> Look:  # fmt: skip
    """Looks inside the network, at pictures of a split with these classes, and at one picture, uint8 (H, W, C).

    `row` is whose maps, strongest pictures (for so many `channels`) and receptive field are shown; unless given an
    early one. Without a picture it is the split's first. Raises UsageError for an unknown row or a split without
    pictures, DataError for a picture that cannot be read.
    """
    network, side = eye.network, eye.preprocess.size
    row = row or early_row(network, side)
    check_row(network, row)
    if split is not None and not len(split):
        raise UsageError("there are no pictures to look at; give others with --data")
    found: dict[str, Any] = {"filters": first_filters(network), "norms": norms(network), "reuse": reuse(network)}
    if picture is None and split is not None:
        picture = split.pictures.load(0)
    if picture is not None:
        images = ready(eye, [picture])
        found |= {"picture": visible(images)[0], "maps": feature_maps(eye, images, row)}
        if split is not None:
            some = np.unique(np.linspace(0, len(split) - 1, VIEWED).round().astype(int)).tolist()
            images = ready(eye, [split.pictures.load(index) for index in some])
        found["view"] = view(eye, images, row)
    if split is not None:
        found["watched"] = watched = watch(eye, split, row, len(classes))
        seen, peaks = fields(network, (network.in_channels, side, side))[row], watched.peaks
        found["strongest"] = {channel: strongest(eye, split, peaks, seen, channel)
                              for channel in peaks.channels(channels)}  # fmt: skip
    return Look(network.name, row, **found, classes=tuple(classes))


def as_json(seen: Look) -> dict[str, Any]:
    """The numbers behind each picture of the page, as JSON values."""
    parts: dict[str, Any] = {
        "filters": {"layer": seen.filters.layer, "weights": plain(seen.filters.weights[:FILTERS])},
        "batch_normalisation": [{"row": one.row, "gamma": plain(one.gamma), "beta": plain(one.beta)}
                                for one in seen.norms],
        "dense_connections": [_of_reuse(one) for one in seen.reuse],
    }  # fmt: skip
    if seen.maps is not None:
        parts["maps"] = plain(seen.maps[:MAPS])
    if seen.view is not None:
        where = {"theoretical": list(seen.view.field[2:]), "effective": seen.view.side, "box": list(seen.view.field)}
        parts["receptive_field"] = {**where, "gradient": plain(seen.view.gradient)}
    if seen.watched is not None:
        parts["activations"] = [
            {"row": one.row, "mean": one.mean, "deviation": one.deviation, "zeros": one.zeros, "units": one.units,
             "never_active": one.dead_share, "dead": {relu: some for relu, some in one.dead.items() if some}}
            for one in seen.watched.activities
        ]  # fmt: skip
        parts["strongest"] = [{"channel": channel, "pictures": [_of_cut(seen, cut) for cut in cuts]}
                              for channel, cuts in seen.strongest.items()]  # fmt: skip
        parts["excitations"] = [_of_gates(seen, gate) for gate in seen.watched.gates]
    found = {name: finite(part) for name, part in parts.items() if part != []}
    return {"network": seen.network, "row": seen.row, **found}


def quartiles(values: np.ndarray) -> list[float]:
    """Least, quartiles and largest."""
    numbers: list[float] = np.percentile(values, QUARTILES).tolist() if len(values) else []
    return numbers


def _of_reuse(one: Reuse) -> dict[str, Any]:
    rows = [plain(row[np.isfinite(row)]) for row in one.weights]
    return {"block": one.block, "sources": list(one.sources), "readers": dict(zip(one.readers, rows, strict=True))}


def _of_cut(seen: Look, cut: Cut) -> dict[str, Any]:
    high, wide = cut.back.shape[1:]
    coarse = adaptive_avg_pool2d(cut.back, (min(high, COARSE), min(wide, COARSE)))
    return {"index": cut.index, "path": cut.name, "class": seen.classes[cut.label], "output": cut.value,
            "place": list(cut.place), "box": list(cut.field), "projection": plain(coarse)}  # fmt: skip


def _of_gates(seen: Look, gate: Gates) -> dict[str, Any]:
    """The gates of the classes shown where the unit is shown, else only their mean and deviation."""
    about = {"unit": gate.unit, "mean": float(gate.mean.mean()), "deviation_between_classes": gate.spread}
    shown = seen.shown_classes if gate in seen.shown_gates else []
    return about | ({"gates": {seen.classes[one]: plain(gate.means[one]) for one in shown}} if shown else {})
