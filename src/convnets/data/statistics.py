"""What is computed from the training pictures, stored with the run, and needed again whenever its network is used.

The mean image, whitening (ZCA, as Network in Network and Wide ResNet took it over from maxout networks) and the colour
statistics of AlexNet's lighting noise. measuring.py computes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..spec import Augment, Colour, Preprocess

if TYPE_CHECKING:
    from torch import Tensor

FLAT = 0.5  # one grey level in one pixel is a norm of 0.7 and more, so what has less is flat but for rounding


@dataclass(frozen=True, eq=False)
class Statistics:
    """Arrays of float32, None where the recipe does not ask for them.

    `mean_image` (H, W, C) in 0..255. `whitening_mean` (D,) and `whitening` (D, D) of flattened pictures (H, W, C).
    `lighting` (C, C): its product with random coefficients is a shift of the channels in 0..1.
    """

    mean_image: np.ndarray | None = None
    whitening_mean: np.ndarray | None = None
    whitening: np.ndarray | None = None
    lighting: np.ndarray | None = None

    def tensors(self) -> dict[str, Tensor]:
        """What is there, by name."""
        import torch

        return {name: torch.from_numpy(value) for name, value in self.arrays().items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Statistics:
        """From what `tensors` gave."""
        return cls(**{name: tensor.cpu().numpy() for name, tensor in tensors.items()})


NO_STATISTICS = Statistics()


def standardised_whole(preprocess: Preprocess) -> bool:
    """Whether contrast normalisation or whitening takes the place of mean and deviation."""
    return bool(preprocess.contrast or preprocess.whiten)


def mean_of_crops(augment: Augment) -> bool:
    """Whether the mean image is that of crops, and taken off them: whole pictures that come in several scales have
    none, and colours are changed in grey levels, which are not there any more once it is off."""
    return augment.scale is not None or augment.area is not None or augment.colour != Colour()


def before_crop(
    preprocess: Preprocess, statistics: Statistics, shape: tuple[int, ...], augment: Augment | None = None
) -> bool:
    """Whether pictures of this shape (H, W, C) are standardised before a crop is cut out of them."""
    if standardised_whole(preprocess):
        return True
    image = statistics.mean_image
    return image is not None and image.shape == shape and not (augment and mean_of_crops(augment))


def standardise(batch: np.ndarray, preprocess: Preprocess, statistics: Statistics) -> np.ndarray:
    """Pictures (N, H, W, C) uint8 as float32: without the mean image (where it has another size, its mean colour) and
    over the deviation, or contrast-normalised and whitened. Zero is then the mean."""
    if statistics.mean_image is not None and not standardised_whole(preprocess):
        image, scale = statistics.mean_image, (1 / (255 * np.asarray(preprocess.std or (1.0,)))).astype(np.float32)
        centred: np.ndarray = (batch - (image if image.shape == batch.shape[1:] else image.mean((0, 1)))) * scale
        return centred
    mean = statistics.whitening_mean
    if mean is not None and len(mean) != batch[0].size:
        raise UsageError(
            f"pictures of {'x'.join(map(str, batch.shape[1:]))} cannot be whitened for a network whose pictures had "
            f"{len(mean)} values; resize them to that"
        )
    flat = batch.reshape(len(batch), -1).astype(np.float32)
    if preprocess.contrast:
        flat = normalise_contrast(flat, preprocess.contrast)
    if mean is not None and statistics.whitening is not None:
        flat = (flat - mean) @ statistics.whitening
    return flat.reshape(batch.shape)


def standardised(picture: np.ndarray, preprocess: Preprocess, statistics: Statistics) -> np.ndarray:
    """A picture (H, W, C) as float32 where it is standardised before a crop, else as it is."""
    if not before_crop(preprocess, statistics, picture.shape):
        return picture
    alone: np.ndarray = standardise(picture[None], preprocess, statistics)[0]
    return alone


def stacked(pictures: list[np.ndarray], preprocess: Preprocess, statistics: Statistics) -> np.ndarray:
    """Prepared pictures as one batch (N, H, W, C): where some were standardised before their crop, so are the others
    now."""
    if len({picture.dtype for picture in pictures}) > 1:
        levels = [picture.dtype == np.uint8 for picture in pictures]
        pictures = [
            standardise(picture[None], preprocess, statistics)[0] if is_levels else picture
            for picture, is_levels in zip(pictures, levels, strict=True)
        ]
    return np.stack(pictures)


def normalise_contrast(flat: np.ndarray, norm: float) -> np.ndarray:
    """Each picture (N, D) less its own mean, scaled to this Euclidean norm."""
    centred = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    normalised: np.ndarray = centred * np.where(length > FLAT, norm / np.maximum(length, FLAT), 1.0).astype(np.float32)
    return normalised
