"""The sections of a report, as HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import papers
from ..draw.drawing import drawing, picture
from . import charts, galleries, page, samples
from .data_card import MOST, NAMED
from .outcome import Outcome

if TYPE_CHECKING:
    from .report import Report

LARGE = 50  # times the smallest value, from which on an axis is logarithmic
LONG = 40  # rows of a table, from which on it is folded away
TABS = "Confusion", "Mistakes", "Uncertain", "Likely mislabelled"  # sections that are shown one at a time
UNTOUCHED = "The training never looked at the test split: which epoch's weights are kept was decided without it."


def whole(found: Report) -> str:
    """The page of a report."""
    outcome = found.outcome
    parts = [
        ("Summary", summary(found)),
        ("Recipe", recipe(found)),
        ("Curves", curves(found.log)),
        ("Results", results(found)),
        ("Classes", classes(outcome)),
        ("Confusion", galleries.confusion(outcome)),
        ("Mistakes", galleries.mistakes(outcome)),
        ("Uncertain", galleries.uncertain(outcome)),
        ("Likely mislabelled", galleries.suspects(outcome)),
        ("Calibration", calibration(outcome)),
        ("Explanations", samples.section(found.sample, outcome)),
        ("Speed and size", cost(found.cost)),
        ("Network", network(found)),
        ("Data", data(found)),
    ]
    title = f"{found.loaded.network.name} on {page.isolated(outcome.data)}"
    run = page.isolated(found.loaded.path.resolve().parent.name)
    under = f"Run {run}, looked at on the {outcome.title}. {outcome.origin(page.isolated)}"
    return page.page(title, [part for part in parts if part[1]], under.strip(), page.made_now(), TABS)


def summary(found: Report) -> str:
    """What was trained, on what, and how good it is."""
    outcome, state, run = found.outcome, found.loaded.state, found.run
    one, best = outcome.evaluation, state.get("best") or {}
    low, high = one.top1_interval
    headline = (f"{one.top1_error:.2f} % of the {one.n:,} pictures of the {outcome.title} are taken for another class "
                f"(95 % interval {low:.2f} to {high:.2f} %).")  # fmt: skip
    entry = papers.find(found.loaded.network.name)
    kept = f"of epoch {best['epoch']}, {best['error']:.2f} % error when it was chosen" if "epoch" in best else ""
    rows = [
        ("network", f"{entry.name}, {found.cost['parameters']:,} parameters"),
        ("paper", f"{entry.paper.authors}: {entry.paper.title}, {entry.paper.year}"),
        ("data", f"{page.isolated(outcome.data)}, {len(outcome.classes)} classes"),
        ("", outcome.origin(page.isolated)),
        ("input", f"{found.loaded.preprocess.channels} channels, {found.loaded.preprocess.size} pixels square"),
        ("recipe", f"{run['recipe']['name']}, epochs: {len(found.log) or run['recipe']['epochs']}"),
        ("weights", kept),
        ("started", run.get("started", "")),
        ("command", run.get("command", "")),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.get("versions", {}).items())),
    ]
    return f"<p><b>{html.escape(headline)}</b></p>" + page.table(("", ""), [row for row in rows if row[1]])


def recipe(found: Report) -> str:
    """Each value of the recipe and where it comes from; those that do nothing special are folded away."""
    header = "field", "value", "where it comes from"
    telling = [(key, value_text(value), where) for key, value, where, usual in found.recipe if not usual]
    usual = [(key, value_text(value), where) for key, value, where, is_usual in found.recipe if is_usual]
    source = str(found.run["recipe"].get("source") or "ours")
    folded = f"<details><summary>{len(usual)} more, as by default</summary>{page.table(header, usual)}</details>"
    return page.paragraph(f"Recipe {found.run['recipe']['name']}: {source}.") + page.table(header, telling) + folded


def curves(log: Sequence[dict[str, Any]]) -> str:
    """Loss, error and learning rate over the epochs; nothing where none were logged."""
    if not log:
        return ""
    names = {"train": "training", "val": "validation", "ema_val": "validation, averaged weights"}
    panels = []
    for what, unit in (("loss", "loss (nats)"), ("error", "error (per cent)")):
        series = {name: points(log, f"{key}_{what}") for key, name in names.items()}
        panels.append(curve(what.capitalize(), unit, {name: line for name, line in series.items() if line},
                            may_be_log=what == "loss"))  # fmt: skip
    panels.append(curve("Learning rate", "rate", {"": points(log, "lr")}))
    return page.cards(panels)


def curve(title: str, unit: str, series: dict[str, list[tuple[float, float]]], may_be_log: bool = False) -> str:
    """Something over the epochs; on a logarithmic axis where it spans much, as a loss that begins huge."""
    values = [y for line in series.values() for _, y in line if y > 0]
    is_log = may_be_log and bool(values) and max(values) > LARGE * min(values)
    return charts.lines(title, "epoch", unit, series, log=is_log, low=None if is_log else 0, whole=True)


def points(log: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    """A column of the log against the epoch, where it was measured."""
    return [(float(row["epoch"]), float(row[key])) for row in log if row.get(key) not in (None, "")]


def results(found: Report) -> str:
    """What is known of these weights by split and protocol."""
    tops = ("top1", "top5") if len(found.outcome.classes) > 5 else ("top1",)
    rows = []
    for one in found.results:
        errors = ["{:.2f} % ({:.2f} to {:.2f})".format(one[f"{top}_error"], *one[f"{top}_interval"]) for top in tops]
        rows.append([one["data"], one["split"], one["protocol"], f"{one['n']:,}", *errors, f"{one['loss']:.4f}",
                     f"{one['calibration_error']:.2f} %", one["when"][:10]])  # fmt: skip
    header = ["data", "split", "protocol", "pictures", *(f"top-{top[3]} error" for top in tops), "loss", "calibration",
              "on"]  # fmt: skip
    tested = any(one["split"] == "test" for one in found.results)
    about = UNTOUCHED if tested else "The test split, if there is one, was not touched: convnets report tests on it."
    if found.outcome.is_known:
        about = "It was trained on these pictures, so nothing on this page says how good it is on others."
    if found.outcome.trained_on:
        about = f"{found.outcome.origin(page.isolated)} {about}"
    about += " In brackets the 95 % intervals (Wilson)."
    return page.paragraph(about) + (page.table(header, rows, range(3, len(header))) if rows else "")


def classes(outcome: Outcome) -> str:
    """Each class with its error and the interval of that."""
    rows = []
    for one in outcome.per_class():
        interval = "{:.1f} to {:.1f} %".format(*one["interval"]) if one["interval"] else ""
        error = "" if one["error"] is None else f"{one['error']:.2f} %"
        rows.append([one["name"], one["n"], one["correct"], error, interval, one["most_confused_with"] or ""])
    header = ["class", "pictures", "right", "error", "95 % interval", "most confused with"]
    return _folded("classes", len(rows), page.table(header, rows, range(1, 5)))


def calibration(outcome: Outcome) -> str:
    """How often answers of a confidence are right, and how confident they are."""
    bins, error = outcome.bins(), outcome.evaluation.calibration_error
    series = {"share that is right": [(one.confidence, one.accuracy) for one in bins]}
    reliability = charts.lines("Reliability", "mean confidence of a bin (per cent)", "right (per cent)", series,
                               marks=True, low=0, diagonal=True)  # fmt: skip
    confidences = 100 * outcome.confidences
    groups = {"right": confidences[outcome.right], "wrong": confidences[~outcome.right]}
    spread = charts.histogram("Confidence of right and wrong answers", "confidence (per cent)", groups, 20)
    about = (f"Expected calibration error {error:.2f} %: by so much confidence and accuracy differ on average, over "
             f"{len(outcome.evaluation.bins.T)} bins of equal width. On the dashed line they are equal; below it the "
             "network is too sure.")  # fmt: skip
    rows = [(f"{one.confidence:.1f} %", f"{one.accuracy:.1f} %", one.n) for one in bins]
    table = page.table(("confidence", "right", "pictures"), rows, range(3))
    folded = f"<details><summary>The numbers</summary>{table}</details>"
    return page.paragraph(about) + page.cards([reliability, spread]) + folded


def cost(values: dict[str, Any]) -> str:
    """How large and how fast it is."""
    rows = [
        ("parameters", f"{values['parameters']:,}"),
        ("multiply-adds of a picture", f"{values['multiply_adds']:,}"),
        ("file of the weights", f"{values['file_bytes'] / 2**20:,.2f} MiB"),
        ("pictures a second", f"{values['pictures_per_second']:,.0f}"),
    ]
    about = f"Speed is one short measurement: {values['measured_on']}. convnets bench compares engines."
    return page.table(("", ""), rows, {1}) + page.paragraph(about)


def network(found: Report) -> str:
    """The drawing, as a picture of its own: its style rules stay inside, and it follows light and dark by itself."""
    own = found.loaded.network
    drawn = picture(drawing(own.name, **own.overrides))
    coded = base64.b64encode(drawn.encode()).decode()
    size = found.loaded.preprocess.size
    other = "" if own.input_size or papers.find(own.name).input[1:] == (size, size) else page.paragraph(
        f"Drawn with the input of its paper; this run's pictures have {size} pixels.")  # fmt: skip
    return (f'{other}<div class="wide"><img loading="lazy" class="drawing" alt="{html.escape(own.name)}, row by row" '
            f'src="data:image/svg+xml;base64,{coded}"></div>')  # fmt: skip


def data(found: Report) -> str:
    """Pictures by split and class, their sizes, and which are the same."""
    card = found.card
    values = card.to_json()
    names = list(card.counts)
    totals = ["all", *(f"{int(card.counts[name].sum()):,}" for name in names)]
    each = zip(card.source.classes, *(card.counts[name].tolist() for name in names), strict=True)
    counts = page.table(["class", *names], [totals, *each], range(1, len(names) + 1))
    counts = _folded("classes", len(card.source.classes), counts)
    sizes = [[name, *(" × ".join(map(str, reversed(size[key]))) for key in ("smallest", "median", "largest"))]
             for name, size in values["sizes"].items()]  # fmt: skip
    measured = page.table(["split", "smallest", "median", "largest (width × height, each by itself)"], sizes)
    return counts + measured + _equal(found)


def _equal(found: Report) -> str:
    """What is known of equal pictures."""
    card = found.card
    looked = list(card.looked)
    rows = [[name, f"{len(card.source.splits[name]):,}", f"{card.looked[name]:,}", card.repeated(name),
             *("" if other == name else card.shared(name, other) for other in looked)] for name in looked]  # fmt: skip
    if card.too_long:
        about = "They were not looked for: at the end of a training it would have taken long. convnets report does."
        return f"<h3>Equal pictures</h3>{page.paragraph(about)}"
    whole = "of those compared" if card.is_part else "of the split"
    part = " (of those compared)" if card.is_part else ""
    header = ["split", "pictures", "compared", f"repeat one {whole}", *(f"are in {name} too{part}" for name in looked)]
    about = "Pictures whose bytes are the same (SHA-256)."
    if card.is_part:
        about += f" Of a split at most {MOST:,}, spread evenly, are compared, so there may be more than those found."
    if left := [name for name in card.counts if name not in card.looked]:
        about += f" Not looked at: {', '.join(left)}."
    if different := card.contradictions():
        about += f" Groups of equal pictures that carry different labels: {len(different):,}."
    named = [[group, place.split, card.source.splits[place.split].pictures.name(place.number), card.label(place)]
             for group, places in enumerate(card.equal[:NAMED], 1) for place in places]  # fmt: skip
    table = page.table(["group", "split", "picture", "class"], named) if named else ""
    counts = page.table(header, rows, range(1, len(header)))
    return f"<h3>Equal pictures</h3>{page.paragraph(about)}{counts}{_folded('equal pictures', len(named), table)}"


def _folded(what: str, count: int, table: str) -> str:
    """A table as it is, or folded away where it is long."""
    return table if count <= LONG else f"<details><summary>{count:,} {what}</summary>{table}</details>"


def value_text(value: Any) -> str:
    """A value of a recipe in few letters."""
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)
