"""Drawings of a run: its curves, its confusion matrix, and pictures with what they were taken for.

Each is a matplotlib figure of its own (no pyplot, no global state) saved as a PNG below 300 KB. The colours are told
apart by colour-blind readers too (Okabe and Ito; cividis).
"""

from __future__ import annotations

import contextlib
import io
import math
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .metrics import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#B2182B", "#333333", "#888888"
NUMBERED = 20  # classes up to which each cell shows its count
CELLS = 250  # drawn along an axis, at the most
NAMED = 40  # names along an axis, at the most
LONGEST_NAME = 22
THUMBNAIL = 144
MOST_BYTES = 300_000
FONTS = ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC", "Hiragino Sans", "SimHei",
         "WenQuanYi Micro Hei", "Noto Sans", "Arial Unicode MS"]  # fmt: skip

Row = dict[str, Any]


def draw_confusion(evaluation: Evaluation, classes: Sequence[str], path: str | Path, title: str = "") -> Path:
    """The confusion matrix, each row in percent of its class; counts are written in up to 20 classes.

    Above 250 classes one cell stands for several: it shows the largest of them. Classes whose names no font here can
    write stand by their numbers.
    """
    from matplotlib.colors import PowerNorm

    matrix, n = evaluation.confusion, len(classes)
    if not all(map(is_writable, classes)):
        title += f"{' ' * bool(title)}(classes by number: no font here writes all their names)"
        classes = list(map(str, range(n)))
    totals = matrix.sum(axis=1, keepdims=True)
    shares = 100 * matrix / np.maximum(totals, 1)
    block = math.ceil(n / CELLS)
    side = 4.2 + (0.42 * n if n <= NUMBERED else 5.0)
    with _figure(path, (side + 0.9, side)) as figure:
        axes = figure.add_subplot()
        norm = PowerNorm(1.0 if n <= NUMBERED else 0.5, 0, 100)  # the rare confusions among many classes stay visible
        cells = _largest_of_blocks(shares, block)
        image = axes.imshow(cells, cmap="cividis", norm=norm, extent=(-0.5, n - 0.5, n - 0.5, -0.5))
        label = "percent of the true class" + (f" (largest of {block} x {block} cells)" if block > 1 else "")
        figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, label=label).outline.set_visible(False)
        _name_axes(axes, classes)
        axes.set(xlabel="taken for", ylabel="true class")
        low, high = evaluation.top1_interval
        summary = f"top-1 error {evaluation.top1_error:.2f} %  (95 %: {low:.2f} to {high:.2f}),  n = {evaluation.n:,}"
        axes.set_title(f"{title}\n{summary}" if title else summary, fontsize=11, pad=12)
        if n <= NUMBERED:
            _write_counts(axes, matrix, shares)
    return Path(path)


def draw_curves(rows: Sequence[Row], path: str | Path, title: str = "") -> Path:
    """Loss, error in percent and learning rate against the epoch.

    A row has the keys epoch, lr, train_loss, train_error and, where they were measured, val_loss and val_error.
    """
    with _figure(path, (12, 3.9)) as figure:
        panels = figure.subplots(1, 3)
        for axes, what, unit in zip(panels[:2], ("loss", "error"), ("loss (nats)", "error (percent)"), strict=True):
            _curve(axes, rows, f"train_{what}", "training", BLUE)
            _curve(axes, rows, f"val_{what}", "validation", ORANGE)
            _curve(axes, rows, f"ema_val_{what}", "validation, averaged weights", GREEN)
            axes.set(ylabel=unit)
            if axes.lines:
                axes.legend(frameon=False)
        _mark_best(panels[1], rows)
        _curve(panels[2], rows, "lr", "learning rate", GREEN)
        panels[2].set(ylabel="learning rate")
        for axes in panels:
            axes.set(xlabel="epoch", ylim=(0, 1.04 * axes.get_ylim()[1]))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.25, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title, fontsize=12)
    return Path(path)


def draw_rates(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestion: float, path: str | Path,
    title: str = "",
) -> Path:  # fmt: skip
    """The loss of a range test (nats) against the learning rate, as it was and smoothed, with the suggested rate."""
    with _figure(path, (7.5, 4.2)) as figure:
        axes = figure.add_subplot()
        axes.plot(rates, losses, color=PALE, linewidth=0.8, label="each step")
        axes.plot(rates, smoothed, color=BLUE, linewidth=1.8, label="smoothed")
        axes.axvline(suggestion, color=ORANGE, linewidth=1.2, linestyle="--", label=f"suggestion {suggestion:.2g}")
        top = max(smoothed[0], max(smoothed[: smoothed.index(min(smoothed)) + 1]))
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss (nats)", ylim=(0.9 * min(smoothed), 1.3 * top))
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        axes.set_title(title, fontsize=11)
    return Path(path)


def draw_predictions(
    items: Sequence[tuple[np.ndarray, str, bool | None]], path: str | Path, title: str = "", one_line: bool = False
) -> Path:
    """A contact sheet: uint8 pictures (H, W, C) over their titles, framed by whether correct (None: unknown).

    With `one_line` up to eight stand side by side.
    """
    columns = max(1, min(8, len(items) if one_line else math.ceil(math.sqrt(len(items) * 1.6))))
    lines = max(1, math.ceil(len(items) / columns))
    most = max((text.count("\n") + 1 for _, text, _ in items), default=1)
    with _figure(path, (1.55 * columns + 0.3, (1.5 + 0.19 * most) * lines + 0.45)) as figure:
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid:
            axes.axis("off")
        for axes, (array, text, correct) in zip(grid, items, strict=False):
            colour = {True: GREEN, False: RED, None: PALE}[correct]
            axes.axis("on")
            axes.imshow(_thumbnail(array), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=colour, linewidth=1 if correct is None else 2.5)
            mark = {True: "✓ ", False: "✗ ", None: ""}[correct]
            shown = "\n".join(_shorten(line) for line in text.split("\n"))
            axes.set_title(mark + shown, fontsize=8, pad=4, color=INK if correct is None else colour)
        figure.suptitle(title, fontsize=11)
    return Path(path)


def is_writable(text: str) -> bool:
    """Whether a font that is installed has all its letters, in an order in which matplotlib sets them."""
    rightward = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)
    return not rightward and all(ord(letter) in _letters() for letter in text if not letter.isspace())


@cache
def _letters() -> frozenset[int]:
    """Of all fonts that drawings take."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    installed = set(font_manager.fontManager.get_font_names())
    fonts = [font_manager.findfont(name) for name in FONTS if name in installed]
    return frozenset(letter for path in fonts for letter in FT2Font(path).get_charmap())


@contextlib.contextmanager
def _figure(path: str | Path, inches: tuple[float, float]) -> Iterator[Figure]:
    """A figure that is saved when the block ends. Names may be of any script, and `$` in them is no formula."""
    import matplotlib as mpl
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    installed = set(font_manager.fontManager.get_font_names())
    settings: Any = {"font.family": [name for name in FONTS if name in installed], "text.parse_math": False,
                "font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": PALE,
                "xtick.color": INK, "ytick.color": INK}  # fmt: skip
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=inches, dpi=110, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        yield figure
        canvas.draw()
        _save(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]), Path(path))


def _save(image: Image.Image, path: Path) -> None:
    """Save as PNG, with a palette, and smaller if even that is too large."""
    data = _png(image)
    while len(data) > MOST_BYTES:
        data = _png(image.quantize(256))
        image = image.resize((image.width * 4 // 5, image.height * 4 // 5), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _largest_of_blocks(values: np.ndarray, block: int) -> np.ndarray:
    """Each `block` x `block` cells as the largest of them; the last ones may be of fewer cells."""
    starts = np.arange(0, len(values), block)
    largest: np.ndarray = np.maximum.reduceat(np.maximum.reduceat(values, starts, axis=0), starts, axis=1)
    return largest


def _name_axes(axes: Axes, classes: Sequence[str]) -> None:
    step = math.ceil(len(classes) / NAMED)
    ticks = range(0, len(classes), step)
    names = [_shorten(classes[index]) for index in ticks]
    upright = max(map(len, names)) > 3
    size = 9 if len(classes) <= NUMBERED else 7
    axes.set_xticks(ticks, names, fontsize=size, rotation=90 if upright else 0)
    axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0 if step == 1 else 2)
    axes.spines[:].set_visible(False)


def _write_counts(axes: Axes, matrix: np.ndarray, shares: np.ndarray) -> None:
    size = max(5.5, 9 - 1.1 * max(0, len(str(matrix.max())) - 2))
    for (true, guess), count in np.ndenumerate(matrix):
        if count:
            colour = "black" if shares[true, guess] > 55 else "white"
            axes.text(guess, true, str(count), ha="center", va="center", fontsize=size, color=colour)


def _curve(axes: Axes, rows: Sequence[Row], key: str, label: str, colour: str) -> None:
    points = _points(rows, key)
    if points:
        marker = "o" if len(points) <= 30 else None
        axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=marker, markersize=3, linewidth=1.6)


def _points(rows: Sequence[Row], key: str) -> list[tuple[float, float]]:
    points = [(row["epoch"], float(row[key])) for row in rows if row.get(key) not in (None, "")]
    return [(epoch, value) for epoch, value in points if math.isfinite(value)]


def _mark_best(axes: Axes, rows: Sequence[Row]) -> None:
    points = _points(rows, "val_error")
    if points:
        epoch, error = min(points, key=lambda point: point[1])
        axes.set_title(f"lowest validation error {error:.2f} % in epoch {epoch:g}", fontsize=9, color=INK)


def _thumbnail(array: np.ndarray) -> np.ndarray:
    """The picture's centre square as RGB, at most THUMBNAIL pixels wide; small ones keep their pixels."""
    image = Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array).convert("RGB")
    side, middle = min(image.size) / 2, (image.width / 2, image.height / 2)
    image = image.crop((int(middle[0] - side), int(middle[1] - side), int(middle[0] + side), int(middle[1] + side)))
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _shorten(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
