"""The page of a look inside a network: filters, maps, activations, normalisations, gates, and what its units see."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

import numpy as np

from . import charts
from .activity import Cut, Gates
from .inside import Box, stretched
from .look import FILTERS, MAPS, Look, quartiles
from .overlays import projection
from .page import beside, cards, encoded, isolated, mosaic, page, paragraph, picture, sheets, table

CHANNELS = 64  # gates in a chart: of more, as many evenly spread
THEORETICAL, EFFECTIVE = charts.COLOURS[1], charts.COLOURS[5]


def look_page(seen: Look, about: str) -> str:
    """The whole page, with a line that says what was looked at; a section for each thing that the network has."""
    sections = [("First-layer filters", _filters(seen))]
    if seen.maps is not None:
        sections.append((f"What {seen.row} makes of a picture", _maps(seen)))
    if seen.strongest:
        sections.append((f"What excites the channels of {seen.row}", _strongest(seen)))
    if seen.view is not None:
        sections.append((f"What a unit of {seen.row} sees", _view(seen)))
    if seen.watched is not None:
        sections.append(("Activations", _activations(seen)))
    if seen.norms:
        sections.append(("Batch normalisation", _norms(seen)))
    if seen.watched is not None and seen.watched.gates:
        sections.append(("Squeeze and excitation", _gates(seen, seen.watched.gates)))
    if seen.reuse:
        sections.append(("Dense connections", _reuse(seen)))
    return page(f"Inside {seen.network}", sections, about)


def _filters(seen: Look) -> str:
    weights = seen.filters.weights
    count, height, width, channels = weights.shape
    colours = "in red, green and blue" if channels == 3 else "in grey"
    words = f"{seen.filters.layer}: {count} filters of {height}x{width} {colours}, each from least to largest weight"
    sheet = mosaic(stretched(weights[:FILTERS]), 16 if count > 32 else 8)
    return paragraph(f"{words}{_first(FILTERS, count)}.") + sheets([_sheet(sheet, "the filters")])


def _maps(seen: Look) -> str:
    assert seen.maps is not None and seen.picture is not None
    count, height, width = seen.maps.shape
    if height * width == 1:  # numbers, not maps: they are compared with each other
        cells = stretched(seen.maps[None, :MAPS])[0][..., None]
        words = f"{count} outputs, each a square: black the least, white the largest"
    else:
        cells = stretched(seen.maps[:MAPS])[..., None]
        words = f"{count} channels of {height}x{width}, each from its least value, black, to its largest, white"
    sheet = mosaic(cells, 16 if height * width == 1 else 8, 16 if height * width == 1 else 64)
    own = mosaic(seen.picture[None], 1, 128, 256)
    figures = [_sheet(own, "the picture", "the picture as the network sees it"), _sheet(sheet, "the maps")]
    return paragraph(f"{words}{_first(MAPS, count)}.") + sheets(figures)


def _strongest(seen: Look) -> str:
    assert seen.watched is not None
    how = "as a deconvolutional network projects it back to the pixels (Zeiler and Fergus 2013, Fig. 2)"
    if not any(one.units for one in seen.watched.activities):
        how = "by the gradients of its output: without ReLUs a deconvolutional network gives the same"
    words = (
        f"For some channels of {seen.row} the nine pictures, of {len(seen.watched.peaks.values):,}, with the largest "
        "outputs, each cut to what the unit with that output sees, and on the right what of it that unit answers to, "
        f"{how}."
    )
    figures = []
    for channel, cuts in seen.strongest.items():
        own = mosaic(np.stack([cut.pixels for cut in cuts]), 3, 64)
        sheet = beside(own, mosaic(np.stack([projection(cut.back) for cut in cuts]), 3, 64))
        reach = f"{cuts[0].value:.3g} to {cuts[-1].value:.3g}"
        figures.append(_sheet(sheet, f"channel {channel}", f"channel {channel}: {reach}; {_classes(seen, cuts)}"))
    return paragraph(words) + sheets(figures, halves=True)


def _classes(seen: Look, cuts: Sequence[Cut]) -> str:
    """The classes that several of the pictures are of."""
    counted = Counter(seen.classes[cut.label] for cut in cuts).most_common()
    named = [f"{count} of class {isolated(name)}" for name, count in counted if count > 1][:3]
    return ", ".join(named) or "all of different classes"


def _view(seen: Look) -> str:
    assert seen.view is not None and seen.picture is not None
    (_, _, height, width), side = seen.view.field, seen.view.side
    words = [f"By the layer table the unit in the middle of {seen.row} sees {height}x{width} pixels."]
    boxes = [(seen.view.field, THEORETICAL, f"theoretical, {height}x{width} pixels")]
    if side:
        words.append(f"95 % of its gradient lies within {side}x{side}: its effective receptive field (Luo 2016).")
        boxes.append((seen.view.effective, EFFECTIVE, f"effective, {side}x{side} pixels"))
    else:
        words.append("No pixel changes it on these pictures, so it has no effective one.")
    if seen.watched is not None and seen.watched.gates:
        words.append("Squeeze-and-excitation units see the whole picture, which the layer table leaves out.")
    key = " &nbsp; ".join(f'<span style="color:{colour}">■</span> {name}' for _, colour, name in boxes)
    glow = stretched(np.sqrt(seen.view.gradient)[None])[0][..., None]  # the root, or only the middle would be seen
    frames = [(box, colour) for box, colour, _ in boxes]
    figures = _framed(seen.picture, frames, "on the picture"), _framed(glow, frames, "on the root of the gradient")
    return f"{paragraph(' '.join(words))}<p>{key}</p>{sheets(figures)}"


def _activations(seen: Look) -> str:
    assert seen.watched is not None
    rows, names = seen.watched.activities, [one.row for one in seen.watched.activities]
    relus = [one for one in rows if one.units]
    dead = [100 * (one.dead_share or 0.0) for one in relus]
    words = "Mean and deviation of all outputs of a row, and the share of them that is zero."
    if relus:
        words += " Of its units, the channels behind its ReLUs: the share that is never above zero, on any picture."
    lines = [
        (one.row, f"{one.mean:.4g}", f"{one.deviation:.4g}", f"{one.zeros:.1%}", one.units or "",
         "" if one.dead_share is None else f"{one.dead_share:.1%}")
        for one in rows
    ]  # fmt: skip
    drawn = [
        _bars("Deviation of the outputs", "deviation", names, [one.deviation for one in rows]),
        _bars("Outputs that are zero", "per cent", names, [100 * one.zeros for one in rows]),
    ]
    if relus:
        drawn.append(_bars("Units that are never active", "per cent", [one.row for one in relus], dead))
    header = ["row", "mean", "deviation", "zeros", "units", "never active"]
    return paragraph(words) + cards(drawn) + table(header, lines, right={1, 2, 3, 4, 5})


def _norms(seen: Look) -> str:
    words = "The learned scales (gamma) and shifts (beta) of all batch normalisations of a row."
    drawn, lines = [], []
    for one in seen.norms:
        series = {"gamma": one.gamma, "beta": one.beta}
        drawn.append(charts.histogram(one.row, "value", {name: some for name, some in series.items() if len(some)}))
        lines += [(one.row, name, len(some), *(f"{value:.3g}" for value in quartiles(some)))
                  for name, some in series.items() if len(some)]  # fmt: skip
    header = ["row", "", "channels", "least", "25 %", "median", "75 %", "largest"]
    return paragraph(words) + cards(drawn) + table(header, lines, right=range(2, 8))


def _gates(seen: Look, gates: Sequence[Gates]) -> str:
    words = (
        "The mean gate of each channel by class, at the last unit of each row (SENet, Figs. 6 to 8), and for every "
        "unit how far the classes' means are apart: their deviation, mean over channels."
    )
    units, spreads = [gate.unit for gate in gates], [gate.spread for gate in gates]
    drawn = [_bars("Deviation between classes", "deviation of the mean gates", units, spreads)]
    for gate in seen.shown_gates:
        count = gate.means.shape[1]
        places = np.unique(np.linspace(0, count - 1, CHANNELS).round().astype(int)).tolist()
        means = {seen.classes[one]: gate.means[one] for one in seen.shown_classes} | {"all": gate.mean}
        series = {name: [(float(at), float(some[at])) for at in places] for name, some in means.items()}
        title = f"{gate.unit}: {count} channels"
        drawn.append(charts.lines(title, "channel", "mean gate", series, low=0.0, marks=False, whole=True))
    return paragraph(words) + cards(drawn)


def _reuse(seen: Look) -> str:
    words = (
        "How much each layer of a block, and what comes behind it, reads of each earlier one: the mean absolute weight "
        "on its features, each column over its largest (DenseNet, Fig. 5)."
    )
    drawn = []
    for one in seen.reuse:
        grid = (one.weights / np.fmax.reduce(one.weights, 1, keepdims=True, initial=1e-12)).T
        read = charts.heat(one.block, grid, one.sources, one.readers, high=1.0, x_title="read by", y_title="from")
        drawn.append(read)
    return paragraph(words) + cards(drawn)


def _bars(title: str, unit: str, names: Sequence[str], values: Sequence[float]) -> str:
    """A bar for each name whose value is a number."""
    finite = [(name, value) for name, value in zip(names, values, strict=True) if np.isfinite(value)]
    return charts.bars(title, unit, [name for name, _ in finite], [value for _, value in finite], most=len(finite))


def _first(most: int, count: int) -> str:
    return f"; the first {most}" if count > most else ""


def _sheet(sheet: np.ndarray, alt: str, caption: str = "") -> str:
    """A mosaic as wide as it is, with words under it."""
    said = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="width:{sheet.shape[1]}px">{picture(sheet, alt=alt, exact=True)}{said}</figure>'


def _framed(pixels: np.ndarray, boxes: Sequence[tuple[Box, str]], caption: str) -> str:
    """A picture with frames on it, which may reach beyond it."""
    height, width = pixels.shape[:2]
    tops, lefts, bottoms, rights = zip(*((top, left, top + high, left + wide) for (top, left, high, wide), _ in boxes),
                                       strict=True)  # fmt: skip
    low, high = (min(0, *tops), min(0, *lefts)), (max(height, *bottoms), max(width, *rights))
    margin = 0.02 * max(high)
    source, _ = encoded(pixels, 512, exact=max(pixels.shape) <= 128)
    frames = "".join(
        f'<rect x="{left}" y="{top}" width="{wide}" height="{tall}" fill="none" stroke="{colour}" '
        f'stroke-width="{5 - 3 * number}" vector-effect="non-scaling-stroke"/>'  # one is seen around the other
        for number, ((top, left, tall, wide), colour) in enumerate(boxes)
    )
    box = f"{low[1] - margin:g} {low[0] - margin:g} {high[1] - low[1] + 2 * margin:g} {high[0] - low[0] + 2 * margin:g}"
    return (
        f'<figure style="width:22rem"><svg viewBox="{box}" role="img" aria-label="{html.escape(caption)}" width="100%">'
        f'<image href="{source}" width="{width}" height="{height}" style="image-rendering:pixelated"/>{frames}</svg>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
