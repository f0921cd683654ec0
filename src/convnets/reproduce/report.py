"""What came of an experiment, for people: a page for each, and a scoreboard of all."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..experiments import PAPERS, Experiment, find, left_out, of_paper
from ..runs import checkpoint
from . import figures
from .networks import SMALL
from .run import RESULT, Results, Values, read_result
from .verdict import FAILS, HOLDS, OPEN, RULE, Verdict, at, compared, learned

USUAL = (
    "the usual recipe, but for what is said of an arm: SGD with momentum 0.9, rate 0.05 down a cosine, weight decay "
    "5e-4, batches of 64, crops from a border of 2 pixels and mirror images"
)
SCALE = (
    "Small networks, small pictures and few epochs on two processor cores: what is tried is the direction of a claim, "
    "not its number. `cifar10-jpeg.tar.xz` is CIFAR-10 with its pictures as JPEG files in folders of their classes; "
    "without `--data` the original is downloaded. Numbers of a paper that were read off its figures stand as `about`."
)
MARKS = {HOLDS: "✓", FAILS: "✗", OPEN: "?"}
SEVERAL = {HOLDS: "hold", FAILS: "do not hold at this scale", OPEN: "are undecided"}
STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
blockquote { margin: 1rem 0; padding: .2rem 1rem; border-left: 4px solid #0072B2; font-size: 1.1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: left;
font-variant-numeric: tabular-nums; } .verdict { font-size: 1.3rem; font-weight: 600; }
.figure { background: #fff; padding: .5rem; overflow-x: auto; }
.figure svg { width: 100%; min-width: 40rem; height: auto; } main { overflow-x: auto; }
small, footer { color: #777; } code { overflow-wrap: anywhere; }
"""


def write_report(result: Path) -> Iterator[str]:
    """Write the page, the text and the figure beside a result; lines on what it says and where it is."""
    content, results, verdict = read_result(result)
    experiment = find(content["id"])
    svg = figures.draw(experiment, results)
    checkpoint.write_text(result.with_name("figure.svg"), svg)
    checkpoint.write_text(result.with_name("report.html"), page(experiment, content, results, verdict, svg))
    checkpoint.write_text(result.with_name("report.md"), text(experiment, content, results, verdict))
    yield f"{MARKS[verdict.verdict]} {experiment.id}: {verdict.verdict}"
    for finding in verdict.findings:
        within = f"difference {finding.mean:.3g} ({finding.low:.3g} to {finding.high:.3g})"
        if math.isnan(finding.mean):
            within = "nothing to compare, too little was learned"
        yield f"  {finding.relation}: {within}: {finding.verdict}"
    yield f"written: {result.with_name('report.html')}, report.md, figure.svg, {RESULT}"


def table(experiment: Experiment, results: Results) -> tuple[list[str], list[list[str]]]:
    """Titles and lines for each thing compared: its name, ours, how many seeds, and the paper's number.

    Ours are the means and spreads of the metric, of others that relations ask for, of the test error of networks that
    were trained, and the size of the networks where they differ; and how many of them learned nothing.
    """
    shown = compared(experiment, results)
    others = [pair.metric for pair in experiment.expectations() if pair.metric]
    trained = experiment.measure == "train" and not experiment.contrasts
    sizes = {one.get("parameters") for by_seed in shown.values() for one in by_seed.values()}
    others += ["test_error"] * trained + ["parameters"] * (len(sizes) > 1)
    keys = list(dict.fromkeys([experiment.metric, *others]))
    named = {"parameters": "parameters, millions", experiment.metric: f"ours: {experiment.unit}"}
    titles = [named.get(key, key.replace("_", " ").replace(".", " ")) for key in keys]
    lines = [
        [arm, *(_told(by_seed, key) for key in keys), _seeds(by_seed, trained), str(experiment.published.get(arm, ""))]
        for arm, by_seed in shown.items()
    ]
    return ["arm", *titles, "seeds", "the paper, of its own network and data"], lines


def _seeds(by_seed: Mapping[int, Mapping[str, Any]], trained: bool) -> str:
    """How many there are, and where networks were trained how many of them learned nothing."""
    lost = sum(not learned(one) for one in by_seed.values()) if trained else 0
    return f"{len(by_seed)}, {lost} at chance" if lost else str(len(by_seed))


def _told(by_seed: Mapping[int, Mapping[str, Any]], key: str) -> str:
    """Mean and spread over seeds; parameters as millions."""
    values = [float(value) for one in by_seed.values() if (value := at(one, key)) is not None]
    diverged = any(one.get("diverged") for one in by_seed.values())
    if not values:
        return "diverged" if diverged else "none"
    if key == "parameters":
        return f"{values[0] / 1e6:.3g}"
    spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 and np.ptp(values) > 1e-9 else ""
    return f"{np.mean(values):.4g}{spread}" + " (diverged)" * diverged


def findings_of(verdict: Verdict) -> list[list[str]]:
    """Each relation with its difference, interval, the least that counts, and what follows; parameters as millions."""
    lines = []
    for one in verdict.findings:
        unit = 1e6 if one.relation.startswith("parameters:") else 1.0
        mean, low, high, least = (f"{value / unit:.3g}" for value in (one.mean, one.low, one.high, one.least))
        differs = ["none", "too little was learned"] if math.isnan(one.mean) else [mean, f"{low} to {high}"]
        lines.append([one.relation, *differs, least, one.verdict])
    return lines


def arms_of(experiment: Experiment) -> list[tuple[str, str, str]]:
    """Each arm with its network and what the recipe has besides the usual."""
    found = []
    for name, arm in experiment.arms.items():
        values = ", ".join(f"{key} = {value}" for key, value in arm.values.items())
        if arm.start:
            values += f"; begins as {', '.join(f'{key} = {value}' for key, value in arm.start.items())} ended"
        network = arm.network or experiment.network or experiment.measure.replace("_", " ")
        recipe = ", ".join((*experiment.recipe, *arm.recipe)) or "the usual recipe"
        trained = recipe if experiment.measure == "train" else "not trained by a recipe"
        found.append((name, f"{network}: {values}" if values else network, trained))
    return found


def page(experiment: Experiment, content: Values, results: Results, verdict: Verdict, svg: str) -> str:
    """The report as one HTML page, self-contained."""
    say = html.escape
    titles, lines = table(experiment, results)
    arms = "".join(f"<tr><td>{'</td><td>'.join(map(say, row))}</td></tr>" for row in lines)
    found = "".join(f"<tr><td>{'</td><td>'.join(map(say, row))}</td></tr>" for row in findings_of(verdict))
    compared_ = "".join(f"<tr><td>{'</td><td>'.join(map(say, row))}</td></tr>" for row in arms_of(experiment))
    said = "".join(f"<li>{say(line)}</li>" for line in differences(experiment, content))
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{say(experiment.title)}</title><style>{STYLE}</style>
<h1>{say(experiment.title)}</h1>
<blockquote>{say(experiment.claim)}<br><small>{say(content["paper"])}, {say(experiment.where)}</small></blockquote>
<p class="verdict">{MARKS[verdict.verdict]} {say(verdict.verdict)}</p>
<div class="figure">{svg}</div>
<table><tr><th>{"</th><th>".join(map(say, titles))}</th></tr>{arms}</table>
<table><tr><th>expected</th><th>difference</th><th>95 % interval</th><th>counts from</th><th></th></tr>{found}</table>
<h2>What was compared</h2><table><tr><th>arm</th><th>network</th><th>trained with</th></tr>{compared_}</table>
<h2>What is different from the paper</h2><ul>{said}</ul>
<h2>How it is judged</h2><p>{say(RULE)}</p>
<footer><p><code>{say(content["command"])}</code><br>{say(about(content))}</p></footer></html>
"""


def text(experiment: Experiment, content: Values, results: Results, verdict: Verdict) -> str:
    """The report as Markdown, with the figure beside it."""
    titles, lines = table(experiment, results)
    head, arms = _line(titles), "\n".join(map(_line, lines))
    found = "\n".join(map(_line, findings_of(verdict)))
    compared_ = "\n".join(_line(list(row)) for row in arms_of(experiment))
    said = "\n".join(f"- {line}" for line in differences(experiment, content))
    return f"""# {experiment.title}

> {experiment.claim} ({content["paper"]}, {experiment.where})

**{verdict.verdict}**

![{experiment.title}](figure.svg)

{head}
{"| --- " * len(titles)}|
{arms}

| expected | difference | 95 % interval | counts from | |
| --- | --- | --- | --- | --- |
{found}

| arm | network | trained with |
| --- | --- | --- |
{compared_}

What is different from the paper:

{said}

{RULE}

`{content["command"]}`; {about(content)}
"""


def differences(experiment: Experiment, content: Values) -> list[str]:
    """What is not as in the paper."""
    setting = content["setting"]
    names = {arm.network or experiment.network for arm in experiment.arms.values()}
    about = {name: (SMALL[name].__doc__ or "").replace("`", "") for name in sorted(names) if name in SMALL}
    small = [f"{name}: {' '.join(words.split())}" for name, words in about.items()]
    trained = [f"pictures: {content['data']}, {setting['size']} px, {setting['pictures'] or 'all'} to train on at most",
               *content["said"], USUAL, *small] if experiment.measure == "train" else []  # fmt: skip
    return [*trained, *([experiment.differs] if experiment.differs else [])] or ["nothing that we know of"]


def about(content: Values) -> str:
    """Where and how long it ran, in one line."""
    versions = content["versions"]
    return (f"{content['cost_seconds'] / 60:.0f} minutes of computing, {content['machine']}, "
            f"torch {versions['torch']}, revision {str(content['revision'])[:12]}, {content['ended']}")  # fmt: skip


def write_scoreboard(folder: Path, to: Path) -> str:
    """All results below `folder` as one table, then each with its figure; a line on it."""
    scores, sections, counts = [], [], dict.fromkeys(MARKS, 0)
    for experiment in (one for paper in PAPERS for one in of_paper(paper)):
        path = folder / experiment.id / RESULT
        if path.exists():
            content, results, verdict = read_result(path)
            counts[verdict.verdict] += 1
            scores.append(_score(experiment, content, results, verdict))
            sections.append(_section(experiment, content, results, verdict, path, to))
    if not scores:
        raise UsageError(f"{folder}: no results there; convnets reproduce run ID makes them")
    told = ", ".join(f"{count} {SEVERAL[verdict]}" for verdict, count in counts.items())
    titles = "paper", "claim", "measured", "published", "ours", "verdict", "minutes", "command"
    head = f"| {' | '.join(titles)} |\n{'| --- ' * len(titles)}|"
    lines, pages = "\n".join(scores), "\n".join(sections)
    checkpoint.write_text(to, f"# The papers' claims, run again\n\n{len(scores)} claims: {told}. {SCALE}\n\n{RULE}\n\n"
                              f"{head}\n{lines}\n\n{_missing(folder)}\n{pages}")  # fmt: skip
    return f"written: {to} ({told})"


def _missing(folder: Path) -> str:
    """What there is no result of, and why."""
    lines = [f"| {paper} | `{one.id}`: {one.title} | not run yet |" for paper in PAPERS for one in of_paper(paper)
             if not (folder / one.id / RESULT).exists()]  # fmt: skip
    lines += [f"| {paper} | {entry} | {why} |" for paper in PAPERS for entry, why in left_out(paper).items()]
    return "\n".join(["Without a result:\n", "| paper | claim | why |", "| --- | --- | --- |", *lines, ""])


def _score(experiment: Experiment, content: Values, results: Results, verdict: Verdict) -> str:
    """A line of the table."""
    _, lines = table(experiment, results)
    published = "; ".join(f"{line[0]} {line[-1]}" for line in lines if line[-1])
    ours = "; ".join(f"{line[0]} {line[1]}" for line in lines)
    minutes = f"{content['cost_seconds'] / 60:.0f}"
    claim = f"[{experiment.title}](#{_anchor(experiment.title)})"
    said = f"{MARKS[verdict.verdict]} {verdict.verdict}"
    return _line([content["paper"], claim, experiment.unit, published, ours, said, minutes, f"`{content['command']}`"])


def _line(cells: list[str]) -> str:
    """Of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _section(
    experiment: Experiment, content: Values, results: Results, verdict: Verdict, path: Path, to: Path
) -> str:
    """A claim with its figure."""
    svg = path.with_name("figure.svg")
    checkpoint.write_text(svg, figures.draw(experiment, results))
    beside = Path(os.path.relpath(svg, to.parent)).as_posix()
    whole = text(experiment, content, results, verdict).replace("](figure.svg)", f"]({beside})")
    return "#" + whole.replace(f"{RULE}\n\n", "")


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")
