"""The order in which layers run, from their names alone: files that sort their tensors have lost it."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Names whose alphabetical place is not that in the network, and what to sort them as instead.
SORTED_AS = tuple((re.compile(pattern), name) for pattern, name in (
    (r"^features\.(conv|norm)0\b", r"features.0\1"),  # torchvision's DenseNet
    (r"^features\.denseblock(\d+)", r"features.block\1a"),
    (r"^features\.transition(\d+)", r"features.block\1b"),
    (r"^features\.norm5\b", "features.z"),
    (r"branch3x3dbl", "branch5x5x"),  # torchvision's Inception v3
    (r"^mixed_5b\b", "conv2d_8"),  # timm's Inception-ResNet v2
    (r"^mixed_6a\b", "repeat_0a"),
    (r"^mixed_7a\b", "repeat_1a"),
    (r"^repeat\.", "repeat_0."),
    (r"^block8\.(?=branch|conv2d)", "repeat_3."),
    (r"^conv2d_7b\b", "repeat_4"),
    (r"^norm\.", "z."),  # timm's pre-activation ResNets
))  # fmt: skip


def in_order(names: Iterable[str]) -> list[str]:
    """The names with numbers in them by their size, and the exceptions of the table in their places."""
    return sorted(names, key=_key)


def _key(name: str) -> list[str | int]:
    for pattern, other in SORTED_AS:
        name = pattern.sub(other, name)
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name))]
