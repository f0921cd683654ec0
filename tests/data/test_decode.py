"""Decoding: one result whatever the decoder, odd pictures right, hostile ones refused (reliability rows I01-I17)."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from convnets.data import decode, prepare, read_picture
from convnets.data.decode import to_channels
from convnets.errors import DataError
from convnets.spec import Preprocess

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "imagenet-samples"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(height: int = 40, width: int = 60) -> Image.Image:
    """A smooth picture without symmetry."""
    y, x = np.mgrid[:height, :width]
    planes = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 9 + y / 5)]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows)) if rows else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def jpeg_header(width: int, height: int) -> bytes:
    """A whole small JPEG that claims another size."""
    data = bytearray(encoded(picture(8, 8), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared ImageNet samples are not here")
def test_both_decoders_agree_on_real_jpegs() -> None:
    for path in sorted(SAMPLES.iterdir()):
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        assert np.array_equal(read_picture(path), expected), path.name


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"keep_rgb": True}]
)
def test_both_decoders_agree_on_every_kind_of_jpeg(options: dict[str, Any]) -> None:
    for image in (picture(), picture().convert("L")):
        data = encoded(image, "JPEG", **options)
        expected = Image.open(io.BytesIO(data))
        assert np.array_equal(decode(data), np.asarray(expected.convert("RGB")))
        assert np.array_equal(decode(data, channels=1)[..., 0], np.asarray(expected.convert("RGB").convert("L")))


@pytest.mark.parametrize("transform", [None, 0, 2])
def test_cmyk_and_ycck_jpegs(transform: int | None) -> None:
    """I10: `transform` is Adobe's byte: None leaves the marker out, 0 is CMYK, 2 is YCCK."""
    data = bytearray(encoded(picture().convert("CMYK"), "JPEG", quality=95))
    marker = data.index(b"Adobe")
    if transform is None:
        del data[marker - 4 : marker + 12]
    else:
        data[marker + 11] = transform
    golden = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(decode(bytes(data)) - golden).max() <= 2
    if transform != 2:
        assert np.abs(decode(bytes(data)) - np.asarray(picture()).astype(int)).mean() < 2


@pytest.mark.parametrize("cut", ["half", "two bytes", "scan", "header"])
@pytest.mark.parametrize("kind", ["RGB", "L", "CMYK"])
def test_damaged_jpegs_are_errors(cut: str, kind: str) -> None:
    """I01-I03, in one rule: whatever is missing, and even where an end marker hides it, the picture is refused."""
    data = encoded(picture().convert(kind), "JPEG")
    start = data.index(b"\xff\xda") + 40
    damaged = {
        "half": data[: len(data) // 2],
        "two bytes": data[:-2],
        "scan": data[:start] + b"\xff\xd9",
        "header": data[:30],
    }
    with pytest.raises(DataError, match=r"^cat\.jpg: .+") as caught:
        decode(damaged[cut], name="cat.jpg")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [jpeg_header(65000, 65000), png(30000, 30000, 8, 2, b""), png(9500, 9500, 8, 0, b"")])
def test_header_bombs_are_refused_from_the_header(data: bytes) -> None:
    """I04, I05: no memory for the pixels is asked for, so this takes no time either; 90 megapixels warn in Pillow."""
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(DataError):
        decode(data)
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1 and peak < 20e6


def test_png_damage_and_bombs_are_plain_errors() -> None:
    """I06, I07."""
    rows = b"".join(b"\0" + bytes(range(8)) for _ in range(8))
    assert decode(png(8, 8, 8, 0, rows)).shape == (8, 8, 3)
    for damaged in (png(8, 8, 8, 0, rows[:-1]), png(8, 8, 8, 0, rows)[:-12]):
        with pytest.raises(DataError):
            decode(damaged)
    text = b"k\0\0" + zlib.compress(bytes(100_000_000))
    bomb = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    tracemalloc.start()
    with contextlib.suppress(DataError):
        decode(png(8, 8, 8, 0, rows, bomb))
    assert tracemalloc.get_traced_memory()[1] < 64e6
    tracemalloc.stop()


@pytest.mark.parametrize("colour", [0, 2])
def test_sixteen_bit_pngs_are_scaled(colour: int) -> None:
    """I08."""
    ramp = np.linspace(0, 65535, 256 * 256).astype(">u2").reshape(256, 256)
    values = ramp if colour == 0 else np.repeat(ramp, 3, 1)
    result = decode(png(256, 256, 16, colour, b"".join(b"\0" + row.tobytes() for row in values)))
    assert (
        result.shape == (256, 256, 3) and abs(result.mean() - 127.5) <= 1 and result.min() == 0 and result.max() == 255
    )


def test_sixteen_bit_pgm_and_tiff_are_scaled() -> None:
    ramp = np.arange(65536).astype(np.uint16).reshape(256, 256)
    for data in (encoded(Image.fromarray(ramp), "TIFF"), b"P5 256 256 65535\n" + ramp.astype(">u2").tobytes()):
        assert np.array_equal(decode(data, channels=1)[..., 0], ramp >> 8)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_black_and_white_are_named_errors(dtype: type) -> None:
    """I09."""
    with pytest.raises(DataError, match="pixels have no fixed black and white"):
        decode(encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF"))


def test_grey_alpha_palette_and_one_bit_pictures() -> None:
    """I11: transparency shows white, exactly."""
    grey = np.array([[0, 100, 200]], np.uint8)
    assert np.array_equal(decode(encoded(Image.fromarray(grey), "PNG"))[0, :, 2], grey[0])
    alpha = np.array([[[0, 255], [100, 0], [0, 51]]], np.uint8)
    assert decode(encoded(Image.fromarray(alpha, "LA"), "PNG"))[0, :, 0].tolist() == [0, 255, 204]
    rgba = np.array([[[255, 0, 0, 255], [9, 9, 9, 0]]], np.uint8)
    assert decode(encoded(Image.fromarray(rgba), "PNG"))[0].tolist() == [[255, 0, 0], [255, 255, 255]]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert decode(encoded(palette, "PNG"))[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert decode(encoded(palette, "PNG", transparency=1))[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    shaded = encoded(palette, "PNG", transparency=bytes([255, 0, 255]))
    assert decode(shaded)[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    bits = Image.fromarray(np.array([[True, False]]))
    assert decode(encoded(bits, "PNG"), channels=1)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_makes_pictures_upright(orientation: int, kind: str) -> None:
    """I12."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}
    data = encoded(picture(), kind, exif=exif, **options.get(kind, {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(decode(data), expected)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12", b"junk"]
)
def test_broken_exif_is_ignored(exif: bytes) -> None:
    for kind in ("JPEG", "PNG"):
        data = encoded(picture(), kind, exif=exif)
        assert np.array_equal(decode(data), decode(encoded(picture(), kind)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_give_their_first_frame(kind: str) -> None:
    """I13."""
    red, blue = Image.new("RGB", (5, 4), (255, 0, 0)), Image.new("RGB", (5, 4), (0, 0, 255))
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    result = decode(encoded(red, kind, save_all=True, append_images=[blue], **options))
    assert result.shape == (4, 5, 3) and (result == [255, 0, 0]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 10000), (10000, 1), (3, 500)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "area"])
def test_extreme_shapes_can_be_prepared(shape: tuple[int, int], interpolation: Any) -> None:
    """I14."""
    ready = prepare(np.full((*shape, 3), 77, np.uint8), Preprocess(size=64, resize=72, interpolation=interpolation))
    assert ready.shape == (64, 64, 3) and (ready == 77).all()


@pytest.mark.parametrize("data", [b"", b"<html><body>404</body></html>", b"just text", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_a_named_error(data: bytes) -> None:
    """I15."""
    with pytest.raises(DataError, match=r"^dog\.jpg: "):
        decode(data, name="dog.jpg")


def test_content_decides_the_format(tmp_path: Path) -> None:
    picture().save(tmp_path / "picture.jpg", "PNG")
    assert np.array_equal(read_picture(tmp_path / "picture.jpg"), np.asarray(picture()))


@pytest.mark.parametrize("kind", ["EPS", "PSD", "ICO", "TGA", "SVG"])
def test_other_formats_are_refused(kind: str) -> None:
    """I16."""
    fixed = {"SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PSD": b"8BPS\0\1" + bytes(40)}
    with pytest.raises(DataError, match="not a readable JPEG, PNG"):
        decode(fixed.get(kind) or encoded(picture(), kind))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    """I17."""
    data = encoded(picture(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(DataError, match="scans"):
        decode(data[:-2] + data[scan:-2] * 2000 + data[-2:])


def test_missing_files_folders_and_odd_names_are_one_line_errors(tmp_path: Path) -> None:
    for name in ("absent.jpg", "odd\nname.jpg", b"\xff.jpg".decode("utf-8", "surrogateescape")):
        with pytest.raises(DataError, match="no such file") as caught:
            read_picture(tmp_path / name)
        assert str(caught.value).isprintable()
    with pytest.raises(DataError, match="not a picture file"):
        read_picture(tmp_path)


def test_decoding_never_warns() -> None:
    """Warnings are errors here; EXIF that Pillow warns about, and a size it warns about, must not reach the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(encoded(picture(), "TIFF", tiffinfo={270: "text"})[:-1] + b"\0")
        assert decode(encoded(Image.new("1", (9490, 9490)), "PNG"), channels=1).shape == (9490, 9490, 1)


def test_grey_is_pillows_luma() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    assert np.array_equal(to_channels(colours, 1)[..., 0], np.asarray(Image.fromarray(colours).convert("L")))
