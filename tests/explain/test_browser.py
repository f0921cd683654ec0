"""Pages in a browser: no errors, cells that lead to their pictures, a filter, both colours, and a narrow screen.

They are skipped where there is no Chromium, and fail there where the environment says CONVNETS_BROWSER=required.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from convnets import cli
from convnets.explain.report import Report, report

CHROMIUM = "chromium", "chromium-browser", "google-chrome", "chrome"
SCHEMES = {"light": 1, "dark": 0}  # as Chromium numbers them
KINDS = "explain", "look", "report", "compare"

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
TABS = """
const shown = () => [...document.querySelectorAll('.tabs > section')].filter(part => part.offsetHeight)
  .map(part => part.querySelector('h2').textContent);
const press = link => link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
const bar = [...document.querySelectorAll('.tab-bar a')];
const found = {names: bar.map(link => link.textContent), first: shown(), bar: [], nav: []};
bar.forEach(link => { press(link); found.bar.push([link.textContent,
  bar.find(one => one.getAttribute('aria-current') === 'true').textContent, ...shown()]); });
['confusion', 'likely-mislabelled', 'data'].forEach(id => {
  press(document.querySelector(`nav a[href="#${id}"]`)); found.nav.push(...shown()); });
press(document.querySelector('svg a'));
found.cell = shown();
"""
NARROW = """
const frame = document.createElement('iframe');
frame.style = 'width:390px;height:800px;border:0';
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  say({
    room: root.clientWidth,
    needed: Math.max(root.scrollWidth, page.body.scrollWidth),
    broken: [...page.images].filter(image => !image.complete || !image.naturalWidth).length,
    images: page.images.length,
    letters: [...page.querySelectorAll('svg.chart text')].map(
      text => parseFloat(frame.contentWindow.getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a),
    drawings: [...page.querySelectorAll('img.drawing')].map(image => [image.width, image.naturalWidth]),
    ground: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
  });
};
frame.srcdoc = new TextDecoder().decode(Uint8Array.from(atob('PAGE'), letter => letter.charCodeAt(0)));
document.body.append(frame);
"""
SAY = "const say = found => { const out = document.createElement('pre'); out.id = 'said'; " \
      "out.textContent = JSON.stringify(found); document.body.append(out); };"  # fmt: skip


def browser() -> str:
    """Chromium's path. Without it the test is skipped, or fails where a browser is required."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CONVNETS_BROWSER") == "required":
        pytest.fail("CONVNETS_BROWSER=required, but there is no Chromium on the path")
    return found or pytest.skip("needs Chromium on the path")


@pytest.fixture(scope="module")
def pages(one_run: Path, other_run: Path, named_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page of each kind and a drawing, as the commands write them."""
    browser()
    out = tmp_path_factory.mktemp("pages")
    picture = named_pictures / "test" / "猫" / "test0.png"
    for words in (
        ("explain", one_run, picture, "--out", out / "explained"),
        ("look", one_run, "--out", out / "look.html"),
        ("report", one_run, "--out", out / "report.html"),
        ("compare", one_run, other_run, "--out", out / "compare.html"),
        ("draw", "resnet20", "--out", out / "drawing.svg"),
    ):
        assert cli.run([str(word) for word in words]) == 0
    (out / "explained" / "index.html").rename(out / "explain.html")
    return out


@pytest.fixture(scope="module")
def made(one_run: Path) -> Report:
    return report(one_run)


def browsed(path: Path, text: str, scheme: str = "light") -> Any:
    """What a page says of itself once its scripts have run; nothing may have gone wrong in it."""
    path.write_text(text, encoding="utf-8")
    command = [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
               f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=4000",
               f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--dump-dom", path.as_uri()]  # fmt: skip
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


@pytest.mark.parametrize("where", ["", "#uncertain", "#cells:"])
def test_galleries_are_tabs_that_any_link_opens(where: str, made: Report, tmp_path: Path) -> None:
    goes = f"history.replaceState(null, '', '{where}');" if where else ""
    text = made.page().replace('loading="lazy"', "").replace("<script>", f"<script>{goes}")
    script = f"<script>{SAY} window.addEventListener('load', () => {{ {TABS} say(found); }});</script>"
    found = browsed(tmp_path / "page.html", text.replace("</body>", f"{script}</body>"))
    names = ["Confusion", "Mistakes", "Uncertain", "Likely mislabelled"]
    assert found["names"] == names
    assert found["first"] == ["Uncertain" if where == "#uncertain" else "Confusion"]
    assert found["bar"] == [[name] * 3 for name in names]
    assert found["nav"] == ["Confusion", "Likely mislabelled", "Likely mislabelled"]
    assert found["cell"] == ["Confusion"]


def test_without_scripts_all_is_there(made: Report, tmp_path: Path) -> None:
    assert "@media screen { .tabs > .away { display: none; } }" in made.page()  # so all of them are printed
    text = re.sub(r"<script>.*?</script>", "", made.page().replace('loading="lazy"', ""), flags=re.DOTALL)
    count = "document.querySelectorAll('.tabs > section')"
    script = f"<script>{SAY} say([...{count}].map(part => part.offsetHeight));</script>"
    heights = browsed(tmp_path / "page.html", text.replace("</body>", f"{script}</body>"))
    assert len(heights) == 4
    assert min(heights) > 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_in_both_colours_and_on_a_narrow_screen(
    kind: str, scheme: str, pages: Path, tmp_path: Path
) -> None:
    text = (pages / f"{kind}.html").read_text(encoding="utf-8").replace('loading="lazy"', "")
    coded = base64.b64encode(text.encode()).decode()
    wrapper = f'<!doctype html><html><body><script>{SAY}{NARROW.replace("PAGE", coded)}</script></body></html>'
    found = browsed(tmp_path / "narrow.html", wrapper, scheme)
    assert found["room"] >= 370
    assert found["needed"] <= 390
    assert found["broken"] == 0
    assert min(found["letters"], default=10) > 9.9
    assert all(width == natural for width, natural in found["drawings"])
    assert bool(found["letters"]) == (kind != "explain")
    assert bool(found["drawings"]) == (kind == "report")
    assert found["images"] > 0 or kind == "compare"
    assert found["ground"] == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]


def test_a_drawing_is_a_picture(pages: Path, tmp_path: Path) -> None:
    drawing = (pages / "drawing.svg").as_uri()
    load = "document.images[0].onload = event => say([event.target.naturalWidth, event.target.naturalHeight]);"
    image = f'<img alt="" src="{drawing}" onerror="console.error(1)">'
    wide, high = browsed(tmp_path / "page.html", f"<!doctype html><body>{image}<script>{SAY}{load}</script></body>")
    assert min(wide, high) > 100


def test_a_browser_that_is_required_is_not_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("CONVNETS_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        browser()
    monkeypatch.setenv("CONVNETS_BROWSER", "")
    with pytest.raises(pytest.skip.Exception):
        browser()
