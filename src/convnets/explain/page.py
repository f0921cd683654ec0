"""Pages of HTML that need nothing but themselves: a style for light and dark, tables, pictures, tabs and filters."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from .. import __version__
from ..errors import ResourceError
from ..runs import checkpoint
from ..runs.folder import now

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --muted: #57606a; --line: #d0d7de; --page: #fff; --card: #f6f8fa;
--mark: #0072B2; --good: #009E73; --bad: #D55E00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --muted: #9aa4af; --line: #30363d; --page: #0d1117;
--card: #161b22; --mark: #56B4E9; --good: #35c496; --bad: #f08a4b; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC",
"Noto Sans Arabic", sans-serif; color: var(--ink); background: var(--page); max-width: 76rem; margin: 0 auto;
padding: 1rem; }
h1 { font-size: 1.8rem; margin: .5rem 0; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.3rem; }
h2, h3 { scroll-margin-top: 3.5rem; } h1, h2, h3, p { overflow-wrap: anywhere; }
.muted, small, footer { color: var(--muted); } a { color: var(--mark); } code { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .6rem 0; }
td, th { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top;
font-variant-numeric: tabular-nums; } td.right, th.right { text-align: end; } td.right { white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; } .tile { width: 8.5rem; font-size: .8rem; line-height: 1.3;
overflow-wrap: anywhere; }
.tiles[id] { max-height: 36rem; overflow-y: auto; }
.tile img { width: 100%; display: block; border-radius: 4px; } figure { margin: 0; } figcaption { font-size: .85rem; }
.sheets { display: flex; flex-wrap: wrap; gap: 1rem; } .sheets > * { max-width: 100%; }
.sheets.halves > * { max-width: calc(50% - .5rem); }
img { max-width: 100%; height: auto; } img.drawing { max-width: none; } img.pixels { image-rendering: pixelated; }
.right-one { border-inline-start: 4px solid var(--good); padding-inline-start: .4rem; }
.wrong-one { border-inline-start: 4px solid var(--bad); padding-inline-start: .4rem; }
svg.chart { width: 100%; max-width: 46rem; height: auto; background: var(--card); border-radius: 8px; }
svg.chart text { font-size: 12px; fill: var(--ink); } svg.chart text.muted { fill: var(--muted); }
svg.chart text.head { font-weight: 600; font-size: 13px; } svg.chart text.cell { font-size: 10px; }
svg.chart text.white { fill: #fff; } svg.chart .grid { stroke: var(--line); }
svg.chart a rect:hover { stroke: var(--bad); stroke-width: 2; } svg.chart .line { stroke: var(--muted); fill: none; }
svg.chart .reach { stroke: var(--ink); stroke-width: 1.5; }
svg.chart .dashed { stroke: var(--muted); stroke-dasharray: 4 4; fill: none; }
nav { position: sticky; top: 0; background: var(--page); padding: .5rem 0; display: flex; flex-wrap: wrap;
gap: .2rem 1rem; border-bottom: 1px solid var(--line); z-index: 1; } nav a { text-decoration: none; }
details { margin: .5rem 0; } summary { cursor: pointer; } input { font: inherit; color: inherit;
background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .3rem .6rem; max-width: 100%; }
@media (max-width: 40rem) { table { font-size: .85rem; } td:first-child { min-width: 6.5rem; }
td:last-child { min-width: 5rem; } td:not(.right) { overflow-wrap: anywhere; }
.tiles > .tile { width: calc(33.3% - .4rem); }
nav { flex-wrap: nowrap; overflow-x: auto; white-space: nowrap; } }
[hidden] { display: none !important; }
.tab-bar { display: flex; flex-wrap: wrap; gap: .2rem .4rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
.tab-bar a { padding: .3rem .8rem; text-decoration: none; border-bottom: 3px solid transparent; }
.tab-bar a[aria-current] { color: var(--ink); border-color: var(--mark); font-weight: 600; }
.tabs h2 { margin-top: 1rem; scroll-margin-top: 7rem; }
@media (max-width: 40rem) { .tabs h2 { scroll-margin-top: 9.5rem; } }
@media screen { .tabs > .away { display: none; } }
@media print { .tab-bar, nav { display: none; } .tiles[id] { max-height: none; } }
"""
# Sections in .tabs are shown one at a time, by the bar above them or any link to something in them; without scripts and
# on paper all are there. Of the parts of the element #ID those are shown whose data-words have what stands in the field
# with data-filter="ID". A link to #ID:CELL shows exactly those with that data-cell, and one to #ID: all of them.
SCRIPT = """
document.querySelectorAll('.tabs').forEach(group => {
  const panels = [...group.children], bar = document.createElement('div');
  bar.className = 'tab-bar';
  bar.append(...panels.map(panel => {
    const link = document.createElement('a'), heading = panel.querySelector('h2');
    link.href = '#' + heading.id;
    link.textContent = heading.textContent;
    return link;
  }));
  group.before(bar);
  const show = shown => panels.forEach((panel, at) => {
    panel.classList.toggle('away', panel !== shown);
    bar.children[at].ariaCurrent = panel === shown ? 'true' : null;
  });
  const follow = hash => {
    const target = document.getElementById(decodeURIComponent(hash.slice(1).split(':')[0]));
    const panel = target && panels.find(panel => panel.contains(target));
    if (!panel) return;
    show(panel);
    if (!hash.includes(':')) target.scrollIntoView();
  };
  document.addEventListener('click', event => {
    const link = event.target.closest('a[href^="#"]');
    if (link) follow(link.getAttribute('href'));
  });
  window.addEventListener('hashchange', () => follow(location.hash));
  show(panels[0]);
  follow(location.hash);
});
document.querySelectorAll('[data-filter]').forEach(field => {
  const id = field.dataset.filter, parts = document.getElementById(id).querySelectorAll('[data-words]');
  const count = document.getElementById(id + '-count');
  const show = wanted => {
    let shown = 0;
    parts.forEach(part => { part.hidden = !wanted(part); shown += !part.hidden; });
    if (count) count.textContent = shown;
  };
  const sift = () => show(part => part.dataset.words.toLowerCase().includes(field.value.toLowerCase()));
  const follow = hash => {
    const [name, cell] = hash.slice(1).split(':');
    if (name !== id || cell === undefined) return;
    field.value = '';
    show(part => !cell || part.dataset.cell === cell);
    field.scrollIntoView({block: 'center'});
  };
  field.addEventListener('input', sift);
  document.querySelectorAll(`a[href^="#${id}:"]`).forEach(link =>
    link.addEventListener('click', () => follow(link.getAttribute('href'))));
  window.addEventListener('hashchange', () => follow(location.hash));
  follow(location.hash);
});
"""


def page(
    title: str, sections: Sequence[tuple[str, str]], under: str = "", footer: str = "", tabs: Collection[str] = ()
) -> str:  # fmt: skip
    """A whole page: a title with a line under it, sections (heading, HTML) with links to them, and a footer.

    Sections one after another whose headings are in `tabs` are shown one at a time.
    """
    links = "".join(f'<a href="#{anchor(name)}">{html.escape(name)}</a>' for name, _ in sections)
    body = "".join(_group(some, is_tabs) for is_tabs, some in groupby(sections, lambda section: section[0] in tabs))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n'
        f'<p class="muted">{html.escape(under)}</p>\n{f"<nav>{links}</nav>" if len(sections) > 1 else ""}\n{body}'
        f"<footer><p>{html.escape(footer)}</p></footer><script>{SCRIPT}</script></body></html>\n"
    )


def _group(sections: Iterable[tuple[str, str]], tabs: bool) -> str:
    """Sections one below the other, or as tabs."""
    parts = [f'<h2 id="{anchor(name)}">{html.escape(name)}</h2>\n{content}\n' for name, content in sections]
    if not tabs:
        return "".join(parts)
    return f'<div class="tabs">{"".join(f"<section>{part}</section>" for part in parts)}</div>'


def made_now() -> str:
    """The footer that says who made a page, and when."""
    return f"Made by convnets {__version__}, {now()}. All that it shows is in this one file."


def write(path: Path, text: str) -> Path:
    """The page into its file, in one move. Raises ResourceError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(path, text)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; give another file with --out") from None
    return path


def names_of(paths: Sequence[str | Path]) -> list[str]:
    """What files or folders are called: by their own names where these differ, else by their paths."""
    own = [Path(path).resolve().name for path in paths]
    return own if len(set(own)) == len(own) else [str(path) for path in paths]


def anchor(name: str) -> str:
    """What a link to a heading ends in."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def isolated(name: str) -> str:
    """A name from outside within words of ours, so that its direction changes nothing around it."""
    return f"\u2068{name}\u2069"


def paragraph(words: str) -> str:
    """Plain words."""
    return f"<p>{html.escape(words)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: Collection[int] = ()) -> str:
    """A table; the columns in `right` are numbers. Cells are escaped."""
    sides = [' class="right"' if column in right else "" for column in range(len(header))]
    head = "".join(f"<th{side}>{html.escape(str(cell))}</th>" for side, cell in zip(sides, header, strict=True))
    lines = []
    for row in rows:
        cells = zip(sides, row, strict=True)
        lines.append("".join(f'<td{side} dir="auto">{html.escape(str(cell))}</td>' for side, cell in cells))
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def picture(array: np.ndarray, most: int = 256, alt: str = "", quality: int = 82, exact: bool = False) -> str:
    """A uint8 picture (H, W), (H, W, 1), (H, W, 3), or with transparency (H, W, 4), within the page.

    Small ones and those that must be `exact` keep their pixels, others are JPEG, at most `most` pixels wide and high.
    """
    source, keeps = encoded(array, most, quality, exact)
    pixels = ' class="pixels"' if keeps else ""
    return f'<img{pixels} loading="lazy" alt="{html.escape(alt)}" src="{source}">'


def encoded(array: np.ndarray, most: int = 256, quality: int = 82, exact: bool = False) -> tuple[str, bool]:
    """A picture as `picture` takes it as the address of its own content, and whether it keeps its pixels."""
    image = Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    keeps = exact or max(image.size) <= min(64, most)
    if not keeps:
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if keeps else "JPEG", **({"optimize": True} if keeps else {"quality": quality}))
    text = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{'png' if keeps else 'jpeg'};base64,{text}", keeps


def mosaic(cells: np.ndarray, columns: int, least: int = 48, most: int = 96, gap: int = 4) -> np.ndarray:
    """Uint8 pictures (N, h, w, 1 or 3) side by side as one (H, W, 4), `columns` in a row with clear gaps between them.

    Pixels of small ones are repeated until a cell is `least` pixels long, those of large ones averaged until it is
    shorter than twice `most`.
    """
    longest = max(cells.shape[1:3])
    times, apart = max(1, -(-least // longest)), max(1, longest // most)
    cells = cells.repeat(times, 1).repeat(times, 2)
    count, high, wide, channels = cells.shape
    if apart > 1:
        high, wide = max(1, high // apart), max(1, wide // apart)
        whole = cells[:, : high * apart, : wide * apart]
        cells = whole.reshape(count, high, min(apart, whole.shape[1]), wide, -1, channels).mean((2, 4)).round()
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet: np.ndarray = np.zeros((rows * (high + gap) - gap, columns * (wide + gap) - gap, 4), np.uint8)
    for index, cell in enumerate(cells):
        top, left = index // columns * (high + gap), index % columns * (wide + gap)
        sheet[top : top + high, left : left + wide, :3] = cell
        sheet[top : top + high, left : left + wide, 3] = 255
    return sheet


def beside(left: np.ndarray, right: np.ndarray, gap: int = 16) -> np.ndarray:
    """Two mosaics of one height as one, with a clear gap between them."""
    return np.concatenate([left, np.zeros((len(left), gap, 4), np.uint8), right], 1)


def tile(
    array: np.ndarray, lines: Sequence[str], right: bool | None = None, words: str = "", cell: str = "",
    most: int = 160,
) -> str:  # fmt: skip
    """A picture with lines under it, marked as right or wrong; `words` and `cell` are what filters look for."""
    side = {True: " right-one", False: " wrong-one", None: ""}[right]
    said = "<br>".join(f'<bdi>{html.escape(line)}</bdi>' for line in lines)
    found = f' data-words="{html.escape(words)}" data-cell="{html.escape(cell)}"' if words else ""
    return f'<div class="tile{side}"{found}>{picture(array, most, lines[0] if lines else "")}{said}</div>'


def tiles(parts: Sequence[str], name: str = "") -> str:
    """Tiles side by side; with a `name` a field above filters them."""
    inner = f'<div class="tiles"{f" id={name}" if name else ""}>{"".join(parts)}</div>'
    if not name:
        return inner
    field = f'<input type="search" dir="auto" data-filter="{name}" placeholder="class or file" aria-label="filter">'
    return f'<p>{field} <span id="{name}-count">{len(parts)}</span> pictures · <a href="#{name}:">all</a></p>{inner}'


def sheets(parts: Sequence[str], halves: bool = False) -> str:
    """Figures with widths of their own side by side, none wider than the page, or with `halves` than half of it."""
    return f'<div class="sheets{" halves" if halves else ""}">{"".join(parts)}</div>'


def cards(parts: Sequence[str]) -> str:
    """Charts and the like, as many side by side as there is room for."""
    return f'<div class="cards">{"".join(f"<div>{part}</div>" for part in parts)}</div>'
