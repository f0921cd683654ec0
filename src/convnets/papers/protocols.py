"""How a network is tested on a picture, as a text such as `10crop@256/224` and as an object, and as papers word it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..errors import UsageError

Kind = Literal["1crop", "10crop", "12crop", "144crop", "multi-crop-5x5", "dense"]
SEVERAL_SCALES: tuple[Kind, ...] = ("multi-crop-5x5", "dense")  # the others are at one scale, or have their own
RESNET_SCALES = (224, 256, 384, 480, 640)
LARGEST = 4096  # the longest side that is read

FORM = re.compile(rf"({'|'.join(get_args(Kind))})(?:@(\d+(?:\+\d+)*))?(?:/(\d+))?")
FORMS = (
    "1crop, 10crop, 12crop, 144crop, multi-crop-5x5 or dense, with @SHORTER_SIDE (10crop@256; dense and multi-crop-5x5 "
    "at several: dense@256+384+512), crops with /SIZE (10crop@256/224), two joined by : (both averaged), ~logits at "
    "the end (logits averaged), or paper"
)


@dataclass(frozen=True)
class Part:
    """One set of views. `scales` are shorter sides, none: the run's own; `size` is the crop's side, None: the run's."""

    kind: Kind
    scales: tuple[int, ...] = ()
    size: int | None = None

    def __str__(self) -> str:
        scales = "@" + "+".join(map(str, self.scales)) if self.scales else ""
        return f"{self.kind}{scales}{'' if self.size is None else f'/{self.size}'}"


@dataclass(frozen=True)
class Protocol:
    """A test protocol: the sets of views whose scores are averaged, and what is averaged. `str` gives its text."""

    parts: tuple[Part, ...]
    average: Literal["probabilities", "logits"] = "probabilities"

    def __str__(self) -> str:
        return ":".join(map(str, self.parts)) + ("~logits" if self.average == "logits" else "")

    def filled(self, resize: int | None, size: int) -> Protocol:
        """With the run's own resize and size where it has none: `10crop` becomes `10crop@256/224`."""
        own = () if resize is None else (resize,)
        return replace(self, parts=tuple(_filled(part, own, size) for part in self.parts))

    def agrees(self, asked: Protocol, size: int) -> bool:
        """Whether `asked`, filled in, is this one as a paper words it, for a network whose pictures have side `size`.

        Where the paper does not say the shorter side, any from the crop's to a fifth more is taken for its own.
        """
        same = (self.average, [part.kind for part in self.parts]) == (asked.average, [p.kind for p in asked.parts])
        return same and all(_agree(*pair, size) for pair in zip(self.parts, asked.parts, strict=True))


def parse(text: str) -> Protocol:
    """The protocol that a text means. Raises UsageError listing the valid forms."""
    joined, tilde, average = text.strip().partition("~")
    parts = tuple(_part(part) for part in joined.split(":"))
    if None in parts or (tilde and average != "logits"):
        raise UsageError(f"no protocol is called {text!r}; valid are {FORMS}")
    return Protocol(tuple(part for part in parts if part), "logits" if tilde else "probabilities")


def parse_all(text: str, paper: Iterable[str] = ()) -> list[Protocol]:
    """The protocols of a text such as `1crop,10crop`, each once; `paper` in it stands for those of `paper`.

    Raises UsageError, also where `paper` is asked for and there are none.
    """
    protocols: list[Protocol] = []
    for word in text.split(","):
        own = list(paper) if word.strip() == "paper" else [word]
        if not own:
            raise UsageError("protocol 'paper': no protocols are known for this network and data; name some: " + FORMS)
        protocols += map(parse, own)
    return list(dict.fromkeys(protocols))


def printed(text: str) -> Protocol | None:
    """The protocol that a paper's wording means, as the records have it; None for ensembles and what is not said."""
    if re.search(r"networks|with (vgg16|five)|pictures|not stated", text):
        return None
    if crop := re.match(r"(one|1|10|12|144) (?:crop|view)s?(?:(?: of|,) (\d+))?(?: (?:out of|from) (\d+))?", text):
        number, size, resize = crop.groups()
        scale = "" if resize is None else f"@{resize}"
        crops = f"{'1' if number == 'one' else number}crop{scale}{'' if size is None else f'/{size}'}"
        return parse(crops + ("~logits" if "outputs averaged" in text else ""))
    if dense := re.match(r"(multi-crop and dense|multi-crop|dense), .*?(Q=|sides |multi-scale)([\d, ]*)", text):
        kinds: list[Kind] = [kind for kind in SEVERAL_SCALES if kind.removesuffix("-5x5") in dense[1]]
        scales = tuple(map(int, re.findall(r"\d+", dense[3]))) or RESNET_SCALES
        return Protocol(tuple(Part(kind, scales) for kind in kinds))
    return None


def _part(text: str) -> Part | None:
    match = FORM.fullmatch(text.strip())
    if match is None:
        return None
    kind, scales, size = match[1], tuple(map(int, match[2].split("+"))) if match[2] else (), match[3]
    most = {"144crop": 0} | dict.fromkeys(SEVERAL_SCALES, LARGEST)
    sides = [*scales, int(size or 1)]
    if len(scales) > most.get(kind, 1) or (size and kind == "dense") or not 1 <= min(sides) <= max(sides) <= LARGEST:
        return None
    return Part(kind, scales, None if size is None else int(size))  # type: ignore[arg-type]  # the pattern has no other


def _agree(own: Part, asked: Part, size: int) -> bool:
    side = own.size or size
    scales = own.scales == asked.scales if own.scales else all(side <= scale <= 1.2 * side for scale in asked.scales)
    return scales and side == (asked.size or size)


def _filled(part: Part, resize: tuple[int, ...], size: int) -> Part:
    scales = () if part.kind == "144crop" else part.scales or resize
    return Part(part.kind, scales, None if part.kind == "dense" else part.size or size)
