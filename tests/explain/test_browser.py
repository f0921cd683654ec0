"""A report in a browser: no errors, cells that lead to their pictures, a filter, and room on a narrow screen."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from convnets.explain.compare import compare
from convnets.explain.report import Report, report

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
                 if (found := shutil.which(name))), None)  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")

ACTIONS = """
const visible = () => [...document.querySelectorAll('#cells [data-cell]')].filter(part => !part.hidden);
const field = document.querySelector('[data-filter=cells]');
const found = {clicks: {}, filters: {}};
document.querySelectorAll('svg a').forEach(link => {
  const cell = link.getAttribute('href').split(':')[1];
  link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
  found.clicks[cell] = [visible().map(part => part.dataset.cell), document.getElementById('cells-count').textContent];
});
document.querySelector('a[href="#cells:"]').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
found.all = visible().length;
for (const words of WORDS) {
  field.value = words;
  field.dispatchEvent(new Event('input'));
  found.filters[words] = visible().map(part => part.dataset.words);
}
found.broken = [...document.images].filter(image => !image.complete || !image.naturalWidth).length;
"""
NARROW = """
const frame = document.createElement('iframe');
frame.style = 'width:390px;height:800px;border:0';
frame.onload = () => {
  const root = frame.contentDocument.documentElement;
  say({room: root.clientWidth, needed: Math.max(root.scrollWidth, frame.contentDocument.body.scrollWidth)});
};
frame.srcdoc = new TextDecoder().decode(Uint8Array.from(atob('PAGE'), letter => letter.charCodeAt(0)));
document.body.append(frame);
"""
SAY = "const say = found => { const out = document.createElement('pre'); out.id = 'said'; " \
      "out.textContent = JSON.stringify(found); document.body.append(out); };"  # fmt: skip


@pytest.fixture(scope="module")
def made(one_run: Path) -> Report:
    return report(one_run)


def browsed(path: Path, text: str) -> Any:
    """What a page says of itself once its scripts have run; nothing may have gone wrong in it."""
    path.write_text(text, encoding="utf-8")
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
               f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=4000", "--dump-dom",
               path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, "the script did not come to its end"
    return json.loads(html.unescape(said[1]))


def test_cells_lead_to_exactly_their_pictures_and_the_filter_works(made: Report, tmp_path: Path) -> None:
    words = ["猫", "قطة", "TEST3.PNG", 'a <b> & "c"', "nowhere"]
    actions = ACTIONS.replace("WORDS", json.dumps(words))
    script = f"<script>{SAY} window.addEventListener('load', () => {{ {actions} say(found); }});</script>"
    text = made.page().replace('loading="lazy"', "")
    found = browsed(tmp_path / "page.html", text.replace("</body>", f"{script}</body>"))
    cells = {f"{t}-{p}": len(some) for (t, p), some in made.outcome.cells().items()}
    assert set(found["clicks"]) == set(cells)
    for cell, (shown, count) in found["clicks"].items():
        assert shown == [cell] * cells[cell]  # there are few enough for all to be on the page
        assert int(count) == cells[cell]
    assert found["all"] == sum(cells.values())
    assert found["broken"] == 0
    for asked, shown in found["filters"].items():
        assert all(asked.lower() in one.lower() for one in shown)
    assert not found["filters"]["nowhere"]
    assert len(found["filters"]["TEST3.PNG"]) == 4


@pytest.mark.parametrize("kind", ["report", "compare"])
def test_a_narrow_screen_needs_no_scrolling_to_the_side(
    kind: str, made: Report, one_run: Path, other_run: Path, tmp_path: Path
) -> None:
    text = made.page() if kind == "report" else compare([one_run, other_run]).page()
    coded = base64.b64encode(text.encode()).decode()
    wrapper = f'<!doctype html><html><body><script>{SAY}{NARROW.replace("PAGE", coded)}</script></body></html>'
    found = browsed(tmp_path / "narrow.html", wrapper)
    assert found["room"] >= 370
    assert found["needed"] <= 390
