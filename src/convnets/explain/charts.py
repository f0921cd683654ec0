"""Charts as SVG inside a page: titles, units, legends, and colours that colour-blind people tell apart.

They take their ink and ground from the page (`page.STYLE`), so they are right in light and dark. Every mark says its
numbers when it is pointed at.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c6bb1", "#999999")  # Okabe and Ito
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 560.0, 280.0, 64.0, 14.0, 52.0, 44.0
Series = Mapping[str, Sequence[tuple[float, float]]]


class Axis(NamedTuple):
    """A stretch of numbers and the pixels that it stands for."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a number."""
        low, high, value = (math.log10(one) for one in (*self[:2], value)) if self.log else (*self[:2], value)
        return self.start + (value - low) / ((high - low) or 1) * (self.end - self.start)

    def ticks(self, whole: bool = False) -> list[float]:
        """Round numbers within it, about five; or `whole` ones, at most six."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1,) if len(powers) > 3 else (1, 2, 5)
            return [t * 10.0**p for p in powers for t in steps if self.low <= t * 10.0**p <= self.high * 1.0001]
        raw = (self.high - self.low) / 5 or 1
        raw = max(1.0, raw) if whole else raw
        power = 10.0 ** math.floor(math.log10(raw))
        round_ones = (power * times for times in (1, 2, 2.5, 5, 10))
        step = next(step for step in round_ones if step >= raw and not (whole and step % 1))
        first = math.ceil(self.low / step - 1e-9)
        return [round(n * step, 12) for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def lines(
    title: str, x_title: str, y_title: str, series: Series, *, log: bool = False, marks: bool | None = None,
    low: float | None = None, diagonal: bool = False, whole: bool = False,
) -> str:  # fmt: skip
    """One line for each name; `low` is where the y axis begins, `diagonal` a dashed line of x = y.

    With `whole` the x axis has whole numbers.
    """
    points = [point for line in series.values() for point in line if all(map(math.isfinite, point))]
    points = [point for point in points if point[1] > 0 or not log]
    if not points:
        return nothing(title)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    ends = (min(xs), max(xs)) if len(set(xs)) > 1 else (xs[0] - 0.5, xs[0] + 0.5)  # or the only place would be an end
    x_axis = Axis(*ends, LEFT, WIDE - RIGHT)
    bottom = min(ys) if low is None else low
    y_axis = Axis(bottom, max(ys) * (1 if log else 1.04) or 1, HIGH - BOTTOM, TOP, log)
    shapes = _frame(title, x_title, y_title, x_axis, y_axis, whole)
    if diagonal:
        ends = max(x_axis.low, y_axis.low), min(x_axis.high, y_axis.high)
        path = "L".join(f"{x_axis.at(one):.1f} {y_axis.at(one):.1f}" for one in ends)
        shapes.append(f'<path d="M{path}" class="dashed"/>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x_axis.at(x), y_axis.at(y), x, y) for x, y in line if math.isfinite(y) and (y > 0 or not log)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, *_ in places)
        shapes.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>' if places else "")
        radius = 3 if marks or (marks is None and len(places) <= 40) else 2
        for x, y, own_x, own_y in places:
            said = f"<title>{html.escape(f'{name}: {own_y:.4g} at {own_x:g}')}</title>"
            shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}">{said}</circle>')
    return _svg(title, [*shapes, *_legend(series)])


def bars(
    title: str, x_title: str, names: Sequence[str], values: Sequence[float], *,
    reaches: Sequence[tuple[float, float]] = (), most: int = 40,
) -> str:  # fmt: skip
    """A bar for each name, one below the other, perhaps with an interval; of many names only the first `most`."""
    if not values:
        return nothing(title)
    shown = list(zip(names, values, strict=True))[:most]
    gutter = min(200.0, 12 + max(_wide(name) for name, _ in shown))
    ends = [end for pair in reaches for end in pair]
    low, largest = min(0.0, *values, *ends), max(0.0, *values, *ends)
    axis = Axis(low, largest if largest > low else 1.0, gutter, WIDE - RIGHT - 56)
    high = TOP + 20.0 * len(shown)
    shapes = [_title(title), _word(gutter, high + 32, x_title, "muted")]
    for tick in axis.ticks():
        shapes += [f'<path d="M{axis.at(tick):.1f} {TOP - 8}V{high}" class="grid"/>',
                   _word(axis.at(tick), high + 14, f"{tick:g}", "muted", "middle")]  # fmt: skip
    for row, (name, value) in enumerate(shown):
        y, x = TOP + 20.0 * row, axis.at(min(0.0, value))
        wide = abs(axis.at(value) - axis.at(0.0))
        said = html.escape(f"{name}: {value:.4g}")
        shapes.append(f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="14" rx="2" fill="{COLOURS[0]}">'
                      f"<title>{said}</title></rect>")  # fmt: skip
        shapes.append(_word(gutter - 6, y + 11, _short(name, gutter - 10), "", "end", name))
        end = axis.at(max(value, 0.0))
        if reaches:
            ends = [axis.at(one) for one in reaches[row]]
            shapes.append(f'<path d="M{ends[0]:.1f} {y + 7}H{ends[1]:.1f}" class="reach"/>')
            end = max(end, ends[1])
        shapes.append(_word(end + 5, y + 11, f"{value:.3g}", "muted"))
    return _svg(title, shapes, high + 42)


def histogram(title: str, x_title: str, series: Mapping[str, Iterable[float]], bins: int = 30) -> str:
    """How often values are about so large: a line of steps for each name, as shares in per cent."""
    arrays = {name: np.asarray(list(values), float) for name, values in series.items()}
    arrays = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    kept = [values for values in arrays.values() if len(values)]
    if not kept:
        return nothing(title)
    together = np.concatenate(kept)
    edges = np.histogram_bin_edges(together, bins)
    shares = {name: 100 * np.histogram(values, edges)[0] / max(1, len(values)) for name, values in arrays.items()}
    x_axis = Axis(float(edges[0]), float(edges[-1]), LEFT, WIDE - RIGHT)
    y_axis = Axis(0.0, 1.04 * max(float(share.max()) for share in shares.values()) or 1, HIGH - BOTTOM, TOP)
    shapes = _frame(title, x_title, "per cent", x_axis, y_axis)
    for number, share in enumerate(shares.values()):
        colour, floor = COLOURS[number % len(COLOURS)], y_axis.at(0.0)
        corners = zip(share, edges[1:], strict=True)
        steps = "".join(f"V{y_axis.at(one):.1f}H{x_axis.at(edge):.1f}" for one, edge in corners)
        shapes.append(f'<path d="M{x_axis.start} {floor}{steps}V{floor}" fill="{colour}" fill-opacity=".25" '
                      f'stroke="{colour}" stroke-width="1.5"/>')  # fmt: skip
    return _svg(title, [*shapes, *_legend(series)])


def heat(
    title: str, grid: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, high: float | None = None,
    x_title: str = "", y_title: str = "", numbers: bool = False, links: Mapping[tuple[int, int], str] | None = None,
    shares: np.ndarray | None = None,
) -> str:  # fmt: skip
    """A grid of values as cells from pale to dark; NaN is left out. `links` make cells lead somewhere on the page.

    With `shares`, from 0 to 1, these are the shades, and the diagonal has a colour of its own.
    """
    finite = grid[np.isfinite(grid)]
    top = (float(finite.max()) if len(finite) else 1.0) if high is None else high
    strengths = np.clip(grid / (top or 1) if shares is None else shares, 0, 1)
    gutter = 24 + max((min(120.0, _wide(name)) for name in rows), default=0.0)
    cell = max(3.0, min(30.0, (WIDE - gutter - RIGHT) / max(1, grid.shape[1])))
    named = cell >= 10
    down = TOP + (min(100.0, 8 + max((_wide(name) for name in columns), default=0.0)) if named else 0)
    shapes = [_title(title)]
    for (row, column), value in np.ndenumerate(grid):
        if not math.isfinite(value):
            continue
        strength = float(strengths[row, column])
        x, y = gutter + column * cell, down + row * cell
        said = html.escape(f"{_name(rows, row)}, {_name(columns, column)}: {value:.4g}")
        said += "" if shares is None else f" ({strength:.1%} of the row)"
        colour = COLOURS[2] if shares is not None and row == column else COLOURS[0]
        mark = (f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell - 0.5:.1f}" height="{cell - 0.5:.1f}" fill="{colour}" '
                f'fill-opacity="{0.04 + 0.96 * strength**0.6:.3f}"><title>{said}</title></rect>')  # fmt: skip
        if numbers and value and cell >= 18:
            ink = "white" if strength > 0.5 else ""
            mark += _word(x + cell / 2, y + cell / 2 + 4, f"{value:g}", f"cell {ink}".strip(), "middle")
        target = (links or {}).get((row, column))
        shapes.append(f'<a href="{html.escape(target)}">{mark}</a>' if target else mark)
    bottom = down + grid.shape[0] * cell
    shapes += _names(rows, columns, gutter, down, cell) if named else []
    shapes += [_word(gutter, bottom + 16, x_title, "muted"),
               _word(12, down, y_title, "muted", "end", "", f' transform="rotate(-90 12 {down:.1f})"')]  # fmt: skip
    return _svg(title, shapes, bottom + 26, max(24 + 1.1 * _wide(title), gutter + grid.shape[1] * cell + RIGHT),
                letters=10 if numbers else 12)  # fmt: skip


def _names(rows: Sequence[str], columns: Sequence[str], gutter: float, down: float, cell: float) -> list[str]:
    """The names of a grid's rows and columns."""
    shapes = []
    for row, name in enumerate(rows):
        y = down + row * cell + cell / 2 + 4
        shapes.append(_word(gutter - 5, y, _short(name, gutter - 20), "", "end", name))
    for column, name in enumerate(columns):
        x = gutter + column * cell + cell / 2 + 3
        turned = f' transform="rotate(-90 {x:.1f} {down - 5:.1f})"'
        shapes.append(_word(x, down - 5, _short(name, 92), "", "start", name, turned))
    return shapes


def nothing(title: str) -> str:
    """In place of a chart without numbers."""
    return f'<p class="muted">{html.escape(title)}: nothing to show</p>'


def _frame(title: str, x_title: str, y_title: str, x_axis: Axis, y_axis: Axis, whole: bool = False) -> list[str]:
    """Title, grid, ticks and the axes' titles."""
    shapes = [_title(title)]
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        shapes += [f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" class="grid"/>',
                   _word(LEFT - 6, y + 4, _number(tick), "muted", "end")]  # fmt: skip
    for tick in x_axis.ticks(whole):
        shapes.append(_word(x_axis.at(tick), HIGH - BOTTOM + 16, f"{tick:g}", "muted", "middle"))
    middle = (TOP + HIGH - BOTTOM) / 2
    return [*shapes, f'<path d="M{LEFT} {HIGH - BOTTOM}H{WIDE - RIGHT}" class="line"/>',
            _word((LEFT + WIDE - RIGHT) / 2, HIGH - 8, x_title, "muted", "middle"),
            _word(14, middle, y_title, "muted", "middle", "", f' transform="rotate(-90 14 {middle:.1f})"')]  # fmt: skip


def _number(value: float) -> str:
    """A number in few letters: 0.01, 7.5e-4."""
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    return min(f"{value:g}", f"{float(mantissa):g}e{int(exponent)}", key=len)


def _legend(series: Mapping[str, object]) -> list[str]:
    """The names with their colours, below the title, shortened to fit; none where there is one without a name."""
    shapes, x = [], LEFT
    fits = sum(30 + _wide(name) for name in series) <= WIDE - LEFT
    room = WIDE if fits else (WIDE - LEFT) / len(series) - 30
    for number, name in enumerate(series):
        if name:
            colour = COLOURS[number % len(COLOURS)]
            shapes += [f'<rect x="{x:.1f}" y="30" width="12" height="4" rx="2" fill="{colour}"/>',
                       _word(x + 16, 36, _short(name, room), "", "start", name)]  # fmt: skip
            x += 30 + min(_wide(name), room)
    return shapes


def _title(words: str) -> str:
    return _word(12, 18, words, "head")


def _word(x: float, y: float, words: str, classes: str, anchor: str = "start", said: str = "", more: str = "") -> str:
    tip = f"<title>{html.escape(said)}</title>" if said and said != words else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}"{more}>{html.escape(words)}{tip}'
            "</text>")  # fmt: skip


def _svg(title: str, shapes: list[str], height: float = HIGH, width: float = WIDE, letters: float = 12) -> str:
    """The chart; where it would be so narrow that its `letters` are under 10 pixels, it scrolls to the side."""
    least = f"min-width:{math.ceil(10 / letters * width)}px"
    most = "" if width >= WIDE else f";max-width:{1.3 * width:.0f}px"  # of few cells
    return (f'<div class="wide"><svg class="chart" style="{least}{most}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'role="img" aria-label="{html.escape(title)}">'
            f"{''.join(shapes)}</svg></div>")  # fmt: skip


def _wide(words: str) -> float:
    """About how wide words of 12 pixels are."""
    return sum(12.0 if ord(letter) > 0x2E80 else 6.8 for letter in words)


def _short(words: str, room: float) -> str:
    """As many letters as there is room for."""
    if _wide(words) <= room:
        return words
    kept = words
    while kept and _wide(kept) + 7 > room:
        kept = kept[:-1]
    return f"{kept}…"


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index < len(names) else str(index)
