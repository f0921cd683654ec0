"""Weights that others publish for our networks, by library and name: where they are, what they expect and reach.

The table is published_weights.csv: the first of several weights of one name is the library's own default. `top1` and
`top5` are accuracies in percent as the library states them, for one centre crop of ImageNet's validation pictures.
"""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..errors import UsageError
from ..spec import Preprocess

LIBRARIES = ("torchvision", "timm", "keras", "hf")
COLOURS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5,) * 3, (0.5,) * 3),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3),  # from 0..255, for weights that see BGR
}
UNTRAINED = {  # timm's networks of which it publishes no weights
    "resnetv2_152": "preact_resnet152_timm", "seresnet101": "se_resnet101_v15", "seresnet152": "se_resnet152_v15",
}  # fmt: skip
INTERPOLATIONS = {"bilinear": "bilinear", "bicubic": "bicubic"}


@dataclass(frozen=True)
class Published:
    """One set of weights. `file` is an address, or `hf:OWNER/NAME`. `md5` is the file's, where its name has no hash
    (Keras). Accuracies in percent, None where nobody says."""

    library: str
    name: str
    tag: str
    network: str
    file: str
    top1: float | None
    top5: float | None
    resize: int
    size: int
    interpolation: str
    colours: str
    licence: str
    md5: str

    @property
    def spec(self) -> str:
        """What --weights takes."""
        return f"{self.library}:{self.name}.{self.tag}"

    @property
    def preprocess(self) -> Preprocess:
        """How the library prepares pictures for these weights."""
        mean, std = COLOURS[self.colours]
        interpolation = INTERPOLATIONS[self.interpolation]
        return Preprocess(size=self.size, resize=self.resize, mean=mean, std=std, interpolation=interpolation)  # type: ignore[arg-type]


@cache
def everything() -> tuple[Published, ...]:
    """All published weights, the default of each name first."""
    text = (resources.files(__package__) / "published_weights.csv").read_text(encoding="utf-8")
    return tuple(_published(row) for row in csv.DictReader(text.splitlines()))


def _published(row: dict[str, str]) -> Published:
    numbers = {key: float(row[key]) if row[key] else None for key in ("top1", "top5")}
    sides = {key: int(row[key]) for key in ("resize", "size")}
    return Published(**(row | numbers | sides))  # type: ignore[arg-type]


def counterparts(library: str) -> dict[str, str]:
    """A library's name of each network that has a counterpart here -> ours."""
    own = {one.name: one.network for one in everything() if one.library == library}
    return own | UNTRAINED if library == "timm" else own


def is_spec(text: str) -> bool:
    """Whether a text names weights of a library (`torchvision:resnet50`) and not a file."""
    return text.partition(":")[0] in LIBRARIES and ":" in text


def find(spec: str) -> Published:
    """The weights of a text such as torchvision:resnet50 or timm:resnet50d.ra2_in1k.

    Raises UsageError with those that come close.
    """
    for one in everything():
        if spec in (one.spec, f"{one.library}:{one.name}"):
            return one
    known = [text for one in everything() for text in (f"{one.library}:{one.name}", one.spec)]
    close = list(dict.fromkeys(difflib.get_close_matches(spec, known, 4, 0.6)))
    hint = f"did you mean {' or '.join(close)}?" if close else "`convnets weights list` names them all"
    raise UsageError(f"no weights are called {spec!r}; {hint}")
