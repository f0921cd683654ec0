"""What people hand to a predictor as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..data.decode import decode, read_picture, to_channels
from ..errors import DataError, UsageError

Picture = str | Path | bytes | Image.Image | np.ndarray


def pixels_of(picture: Picture, channels: int) -> np.ndarray:
    """`picture` as uint8 (H, W, channels), by the same rules whatever it came as."""
    if isinstance(picture, str | Path):
        return read_picture(picture, channels=channels)
    if isinstance(picture, bytes):
        return decode(picture, channels=channels)
    if isinstance(picture, Image.Image):
        return _pil_pixels(picture, channels)
    expected = "expected a path, a PIL image, or a uint8 array (H, W, 3), (H, W, 1) or (H, W) with values 0..255"
    if not isinstance(picture, np.ndarray):
        raise UsageError(f"{type(picture).__name__} is not a picture; {expected}")
    array = picture[..., None] if picture.ndim == 2 else picture
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise UsageError(f"{picture.dtype} array of shape {picture.shape} is not a picture; {expected}")
    return to_channels(array, channels)


def _pil_pixels(image: Image.Image, channels: int) -> np.ndarray:
    """A PIL image as its file would be read: upright, other modes than grey and RGB by the rules for files."""
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("L", "RGB") and "transparency" not in image.info:
            return pixels_of(np.asarray(image), channels)
        buffer = io.BytesIO()
        is_png = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") or image.format in ("PNG", "PPM")
        image.save(buffer, **({"format": "PNG", "compress_level": 0} if is_png else {"format": "TIFF"}))
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"PIL image of mode {image.mode}: {' '.join(str(error).split())}") from None
    return decode(buffer.getvalue(), channels=channels, name=f"PIL image of mode {image.mode}")
