"""The little SVG that drawings need: shapes as text, and a style sheet for light and dark pages."""

from __future__ import annotations

import html
from typing import NamedTuple

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif"
INK, MUTED, LINE, PAGE, BAND = "ink", "muted", "line", "page", "band"


class Tone(NamedTuple):
    """A colour on a light page and on a dark one."""

    light: str
    dark: str


PLAIN = {
    INK: Tone("#1b1f24", "#e6edf3"), MUTED: Tone("#57606a", "#9aa4af"), LINE: Tone("#57606a", "#9aa4af"),
    PAGE: Tone("#ffffff", "#0d1117"), BAND: Tone("#f4f6f8", "#161b22"),
}  # fmt: skip
# kinds of boxes: the hues of Okabe and Ito, which colour-blind people tell apart, made pale or dark behind text
FILLS = {
    "conv": Tone("#a9d3f0", "#1d4e73"), "conv1": Tone("#dcedf9", "#16324a"), "depthwise": Tone("#a5dcc8", "#14503f"),
    "pool": Tone("#f7d59a", "#6b4a0b"), "norm": Tone("#f6efa3", "#57520f"), "fc": Tone("#e8c6da", "#5f2f4c"),
    "bn": Tone("#e4e8ec", "#2a313a"), "act": Tone("#e4e8ec", "#2a313a"), "drop": Tone("#ffffff", "#0d1117"),
    "gate": Tone("#f3b994", "#71350a"), "other": Tone("#ffffff", "#0d1117"),
    "kept": Tone("#ffffff", "#0d1117"), "block": Tone("#d3d9f5", "#2d3566"),
}  # fmt: skip


def style() -> str:
    """The classes of all shapes: each colour twice, since few programs know variables in SVG."""

    def rules(dark: bool) -> str:
        found = [f".{name}{{fill:{tone[dark]}}}" for name, tone in (PLAIN | FILLS).items()]
        found.append(f".stroke{{stroke:{PLAIN[LINE][dark]};fill:none;stroke-width:1.2}}")
        found.append(f".edge{{stroke:{PLAIN[MUTED][dark]};stroke-width:.8}}")
        return "".join(found)

    return (
        f"<style>text{{font-family:{FONT};font-size:12px}}.small{{font-size:10px}}.title{{font-size:20px;"
        f"font-weight:600}}.bold{{font-weight:600}}.dash{{stroke-dasharray:4 3}}{rules(False)}"
        f"@media (prefers-color-scheme:dark){{{rules(True)}}}</style>"
    )


def text(x: float, y: float, words: str, classes: str = INK, anchor: str = "start") -> str:
    """Words whose base line is at y."""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" class="{classes}"{place}>{html.escape(words)}</text>'


def label(x: float, y: float, words: str, small: str) -> str:
    """Words around x with small ones behind them, or before them where those end in an arrow."""
    first, second = (f'<tspan class="{MUTED} small">{html.escape(small)}</tspan>' if small else "", html.escape(words))
    if small and not small.endswith("→"):
        first, second = second, first
    gap = f'<tspan dx="5">{second}</tspan>' if small else second
    gap = second.replace("<tspan", '<tspan dx="5"', 1) if second.startswith("<tspan") else gap
    return f'<text x="{x:g}" y="{y:g}" class="{INK}" text-anchor="middle">{first}{gap}</text>'


def box(x: float, y: float, width: float, height: float, classes: str, radius: float = 4) -> str:
    """A rectangle with round corners."""
    return (f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
            f'class="{classes}"/>')  # fmt: skip


def line(path: str, arrow: bool = False, classes: str = "") -> str:
    """A path, perhaps with an arrow at its end."""
    end = ' marker-end="url(#arrow)"' if arrow else ""
    return f'<path d="{path}" class="stroke{" " * bool(classes)}{classes}"{end}/>'


def circle(x: float, y: float, radius: float, classes: str) -> str:
    """A circle around (x, y)."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="{classes}"/>'


def document(width: float, height: float, title: str, shapes: list[str]) -> str:
    """A whole picture; it shrinks to the page's width, and has a ground of its own."""
    arrow = ('<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
             f'<path d="M0 0L8 4L0 8z" class="{LINE}"/></marker>')  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'style="max-width:100%;height:auto" role="img"><title>{html.escape(title)}</title><defs>{arrow}</defs>'
        f'{style()}{box(0, 0, width, height, PAGE, 0)}{"".join(shapes)}</svg>\n'
    )


def wide(words: str, size: float = 12) -> float:
    """About how wide these words are, in pixels: letters of other scripts count as squares."""
    return sum(size if ord(letter) > 0x2E80 else 0.58 * size for letter in words)
