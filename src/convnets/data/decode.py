"""Picture files to uint8 arrays: one result whatever decodes it, and an error rather than a guess.

JPEG goes through simplejpeg in its strict form (what libjpeg only warns about is damage), everything else through
Pillow. A picture's content decides its format, never its name.
"""

from __future__ import annotations

import io
import logging
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from ..errors import DataError

MAX_PIXELS = 100_000_000
MAX_SCANS = 500  # a progressive JPEG of many thousand scans decodes for minutes
PILLOW_FORMATS = ("PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
ORIENTATION_TAG = 0x0112
TURNED = (5, 6, 7, 8)  # orientations whose width is the upright picture's height
SEQUENTIAL = (0xC0, 0xC1)  # frames that are not progressive
PLAIN = re.compile(rb"P([56])\s(\d{1,9})\s(\d{1,9})\s255\s")
Reduce = Callable[[int, int], int]

# What Pillow logs of a bad TIFF would reach standard error where nobody set logging up.
logging.getLogger("PIL").addHandler(logging.NullHandler())
# Silencing warnings changes the state of the whole process, so only one thread at a time may be inside Pillow.
_pillow_lock = threading.Lock()


def read_picture(path: str | os.PathLike[str], *, channels: int = 3) -> np.ndarray:
    """The picture file at `path` as uint8 (H, W, channels). Raises DataError naming the file."""
    name = printable(os.fspath(path))
    if not Path(path).is_file():
        raise DataError(f"{name}: {'not a picture file' if Path(path).exists() else 'no such file'}")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
    return decode(data, channels=channels, name=name)


def decode(
    data: bytes | memoryview, *, channels: int = 3, name: str = "picture", reduce: Reduce | None = None
) -> np.ndarray:
    """A picture file's bytes as uint8 (H, W, channels), upright, with channels 1 (grey) or 3 (RGB).

    Of an animation the first frame; transparent parts are shown on white; of 16 bits the upper 8 are kept. A JPEG file
    is reduced by the factor (1, 2, 4 or 8) that `reduce` gives for its height and width. Raises DataError, in one line
    that starts with `name`, for what is damaged, too large, or in no format read here.
    """
    try:
        picture = _decode(data, reduce)
    except Exception as error:  # decoders raise whatever they please on hostile bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: {reason}") from None
    return np.ascontiguousarray(to_channels(picture, channels))


def to_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """A picture (..., C), or whole batch, with C in {1, 3} in the other of the two; grey is Rec. 601 luma."""
    if picture.shape[-1] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=-1)
    # Pillow's own 16-bit fixed-point luma, so that a batch, a picture and Image.convert("L") agree.
    red, green, blue = np.moveaxis(picture, -1, 0).astype(np.uint32)
    luma: np.ndarray = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return luma.astype(np.uint8)[..., None]


def printable(name: str) -> str:
    """A file name for messages: bytes that are no text become escapes, line breaks too."""
    if name.isprintable():
        return name
    # joiners are invisible, but Persian, Hindi and emoji are spelled with them
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else ascii(c)[1:-1] for c in name)


def _decode(data: bytes | memoryview, reduce: Reduce | None) -> np.ndarray:
    if (picture := _plain_pixels(data)) is not None:
        return picture
    content = bytes(data)
    return _decode_jpeg(content, reduce) if content[:3] == b"\xff\xd8\xff" else _decode_other(content)


def _plain_pixels(data: bytes | memoryview) -> np.ndarray | None:
    """The pixels of a binary PPM or PGM where they lie; None for any other file, and for what Pillow knows better."""
    header = PLAIN.match(data)
    if header is None:
        return None
    width, height, channels = int(header[2]), int(header[3]), 3 if header[1] == b"6" else 1
    _check_size(width, height)
    if len(data) != header.end() + width * height * channels:
        return None
    return np.frombuffer(data, np.uint8, offset=header.end()).reshape(height, width, channels)


def _decode_jpeg(data: bytes, reduce: Reduce | None) -> np.ndarray:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        if "subsampling" in str(error):  # a layout that TurboJPEG has no name for
            return _decode_other(data, ("JPEG",))
        raise
    _check_size(width, height)
    exif, in_one_scan = _jpeg_segments(data)
    if not in_one_scan and data.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"more than {MAX_SCANS} scans in one JPEG")
    orientation = _orientation(exif)
    if colours in ("CMYK", "YCCK"):
        # All CMYK JPEGs are stored inverted by convention; libjpeg hands them out as stored.
        ink = 255 - simplejpeg.decode_jpeg(data, "CMYK", strict=True)
        return _upright(np.asarray(Image.fromarray(ink, "CMYK").convert("RGB")), orientation)
    factor = 1
    if reduce is not None:
        factor = reduce(width, height) if orientation in TURNED else reduce(height, width)
    smallest = {} if factor == 1 else {"min_height": height // factor, "min_width": width // factor}
    colours = "GRAY" if colours == "Gray" else "RGB"
    picture = simplejpeg.decode_jpeg(data, colours, strict=True, min_factor=factor, **smallest)
    return _upright(picture, orientation)


def _decode_other(data: bytes, formats: tuple[str, ...] = PILLOW_FORMATS) -> np.ndarray:
    if not data:
        raise ValueError("the file is empty")
    if data[:4] == b"\x89PNG" and b"IEND" not in data:  # Pillow does without
        raise ValueError("the end of the PNG file is missing")
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except UnidentifiedImageError:
            raise ValueError("not a readable JPEG, PNG, BMP, GIF, WebP, TIFF or PPM picture") from None
        _check_size(*image.size)
        # Pillow turns TIFF pictures itself, and leaves no EXIF block in their info.
        return _upright(_pixels(image), _orientation(image.info.get("exif", b"")))


def _pixels(image: Image.Image) -> np.ndarray:
    """A Pillow image of any mode as uint8 (H, W, 1 or 3)."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG")):
        return (np.asarray(image) >> 8).astype(np.uint8)[..., None]
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "floating-point"
        raise ValueError(f"{kind} pixels have no fixed black and white; convert the picture to 8 or 16 bits")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    elif image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels is more than the {MAX_PIXELS // 10**6} megapixels read here")
    if not width * height:
        raise ValueError("the picture has no pixels")


def _jpeg_segments(data: bytes) -> tuple[bytes, bool]:
    """The EXIF block among a JPEG's segments, empty if there is none, and whether all of the picture is in one scan."""
    position, exif, components = 2, b"", 0
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        kind, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if kind == 0xE1 and not exif and data[position + 4 : position + 10] == b"Exif\0\0":
            exif = data[position + 4 : position + 2 + length]
        if kind in SEQUENTIAL:
            components = int.from_bytes(data[position + 9 : position + 10], "big")
        position += 2 + length
    return exif, components > 0 and data[position + 4 : position + 5] == bytes([components])


def _orientation(exif: bytes) -> int:
    """The EXIF orientation 1..8; 1 where the block is absent or broken."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == ORIENTATION_TAG:
                return int(value)
    except struct.error:
        pass
    return 1


def _upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    """The picture turned as its EXIF orientation asks; what is not 1..8 counts as 1."""
    if orientation in TURNED:
        picture = picture.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return picture
