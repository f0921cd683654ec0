"""What a file for an engine says of itself beside its numbers; nothing here needs torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import spec
from ..errors import CheckpointError
from ..spec import Preprocess

# What is fed to it, (N, H, W, C): uint8 `pictures` of any size, resized and cut inside; uint8 `crops` of the input
# size; uint8 `whole` pictures of one size, standardised and then cut inside; or float32 crops that are `standardised`.
Form = Literal["pictures", "crops", "whole", "standardised"]
FORMAT = 1


@dataclass(frozen=True)
class About:
    """Network, class names, preprocessing, the form of the input and its (height, width), None for any."""

    network: str
    overrides: dict[str, Any]
    classes: tuple[str, ...]
    preprocess: Preprocess
    form: Form
    side: tuple[int | None, int | None]
    more: dict[str, Any] = field(default_factory=dict)  # how it was trained, and how it was changed since

    def to_json(self) -> str:
        """One line of JSON."""
        preprocess = spec.to_dict(self.preprocess)
        return json.dumps(
            {"format": FORMAT, **vars(self), "preprocess": preprocess, "classes": list(self.classes)},
            ensure_ascii=False,
        )

    @classmethod
    def of_json(cls, text: str | None, where: str) -> About:
        """From what `to_json` gave. Raises CheckpointError, naming `where`, for anything else."""
        try:
            values = json.loads(text or "")
            if values.pop("format") != FORMAT:
                raise ValueError("a newer form")
            return cls(
                **{
                    **values,
                    "classes": tuple(values["classes"]),
                    "side": tuple(values["side"]),
                    "preprocess": spec.from_dict(Preprocess, values["preprocess"]),
                }
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{where}: does not say what it takes and means ({error}); make it with convnets export"
            ) from None

    def example(self, batch: int = 2, seed: int = 0) -> np.ndarray:
        """Random pictures (batch, H, W, C) as the function takes them."""
        height, width = (side or 48 + 16 * index for index, side in enumerate(self.side))
        shape = (batch, height, width, self.preprocess.channels)
        random = np.random.default_rng(seed)
        if self.form == "standardised":
            return random.standard_normal(shape, np.float32)
        return random.integers(0, 256, shape, np.uint8)
