"""What came of an experiment, for people: a page for each, and a scoreboard of all."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..experiments import Expectation, Experiment, cited
from . import figures
from .networks import SMALL
from .plan import VERSION
from .results import RESULT, Results, Values, read_result
from .verdict import FAILS, FEW, HOLDS, LEAST_SEEDS, OPEN, RULE, Finding, Verdict, at, compared, learned, too_soon
from .writing import write

USUAL = (
    "SGD with momentum 0.9, a rate of 0.05 down a cosine, weight decay 5e-4, crops from a border of 2 pixels and "
    "mirror images"
)
WORDS = {
    "test_error": "% test error", "train_error": "% training error", "train_loss": "training loss at the end",
    "clean_train_error": "% error on the training pictures at the end", "parameters": "millions of parameters",
    "gap": "points of test error above training error", "loss_change": "change of the loss",
    "wander": "how far the percentiles wander", "nonlinear": "share of the variance that no plane explains",
    "deviation": "deviation of the picture", "gap_off": "distance of the mean gap from the one asked for",
}  # fmt: skip
MARKS = {HOLDS: "✓", FAILS: "✗", OPEN: "?"}
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
    content, experiment, results, verdict = read_result(result)
    svg = figures.draw(experiment, results)
    write(result.with_name("figure.svg"), svg)
    write(result.with_name("report.html"), page(experiment, content, results, verdict, svg))
    write(result.with_name("report.md"), text(experiment, content, results, verdict))
    yield f"{MARKS[verdict.verdict]} {experiment.id}: {verdict.verdict}"
    for line in notices(experiment, content, verdict):
        yield f"  {line}"
    for finding in verdict.findings:
        yield f"  {finding.relation}: {_compared(finding)}: {finding.verdict}"
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
    titles = [f"ours: {experiment.unit}", *(WORDS[key] for key in keys[1:])]
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
    late = sum(not one.get("reached", True) for one in by_seed.values()) if key == "epochs_to" else 0
    if late == len(by_seed):
        return f"not within {max(values) - 1:g}" + " (diverged)" * diverged
    spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 and np.ptp(values) > 1e-9 else ""
    return f"{np.mean(values):.4g}{spread}" + " (diverged)" * diverged + f" ({late} not reached)" * bool(late)


def _compared(finding: Finding) -> str:
    """The difference that was found, as far as there is one."""
    if math.isnan(finding.mean):
        return "nothing to compare, too little was learned or reached"
    if math.isinf(finding.low):
        return f"difference {finding.mean:.3g}, of which one seed says too little"
    if finding.is_exact:
        return f"difference {finding.mean:.3g}, the same for all seeds"
    return f"difference {finding.mean:.3g} ({finding.low:.3g} to {finding.high:.3g})"


def notices(experiment: Experiment, content: Values, verdict: Verdict) -> list[str]:
    """What has to be known beside a verdict."""
    found = []
    if content.get("left"):
        found.append(f"Not finished: {content['left']} jobs are left. The same command goes on.")
    if content["data"] == "digits" != experiment.setting.data and experiment.measure == "train":
        wanted = experiment.setting.data
        found.append(f"On the built-in digits in place of {wanted}. They are far easier, and few claims can be seen in "
                     f"them: --data {wanted}=FILE takes the pictures, and where torchvision is installed they are "
                     "downloaded.")  # fmt: skip
    if content["scale"] == "tiny" and experiment.measure == "train":
        found.append("The tiny scale is a trial of the program, of few steps on few pictures: it says nothing of the "
                     "claim.")  # fmt: skip
    if len(content["seeds"]) < LEAST_SEEDS:
        found.append(f"Fewer than {LEAST_SEEDS} seeds decide nothing.")
    if too_soon([one for by_seed in content["arms"].values() for one in by_seed.values()]):
        found.append(f"Most runs came there within {FEW:g} epochs: too soon to tell which was first.")
    if content["version"] != VERSION:
        found.append("Made before networks, probes or measures were changed: the same command may give other numbers.")
    if content["verdict"] != verdict.verdict:
        found.append(f"When it ran it was judged: {content['verdict']}. What is expected, or the rule, was put right "
                     "since; the values are as they were.")  # fmt: skip
    return found


def sentences(experiment: Experiment, verdict: Verdict) -> list[str]:
    """What was expected, what came, and what follows, a sentence for each relation."""
    pairs = zip(experiment.expectations(), verdict.findings, strict=True)
    return [_sentence(pair, finding, experiment) for pair, finding in pairs]


def _sentence(pair: Expectation, finding: Finding, experiment: Experiment) -> str:
    unit = 1e6 if pair.metric == "parameters" else 1.0
    what = WORDS[pair.metric] if pair.metric else experiment.unit
    least = f"{finding.least / unit:.3g}"
    expected = {"<": f"above {pair.low}, by {least} at least", "~": f"within {least} of {pair.low}",
                "<~": f"no more than {least} below {pair.low}"}[pair.sign]  # fmt: skip
    begin = f"{what}: {pair.high} is expected {expected}"
    if not math.isfinite(finding.low):
        return f"{begin}; {_compared(finding)}: {finding.verdict}."
    mean, low, high = (value / unit for value in (finding.mean, finding.low, finding.high))
    found = f"{_side(mean)}{finding.bound} ({'all seeds' if finding.is_exact else _range(low, high)})"
    return f"{begin}. It is {found}: {finding.verdict}."


def _side(value: float) -> str:
    return f"{abs(value):.3g} {'below' if value < 0 else 'above'}"


def _range(low: float, high: float) -> str:
    """An interval, the end that is nearer to 0 first."""
    if low * high < 0:
        return f"{_side(low)} to {_side(high)}"
    near, far = sorted((abs(low), abs(high)))
    return f"{near:.3g} to {far:.3g} {'below' if low < 0 else 'above'}"


def arms_of(experiment: Experiment, results: Results) -> list[tuple[str, str, str]]:
    """Each arm with its network and what the recipe has besides the usual, the rate that was found best in it."""
    found = []
    for name, arm in experiment.arms.items():
        network = arm.network or experiment.network or experiment.measure.replace("_", " ")
        recipe = [*experiment.recipe, *arm.recipe]
        if experiment.rates:
            found_best = {f"optimizer.lr={one['rate']:g}" for one in results[name].values()}
            recipe = [*(text for text in recipe if not text.startswith("optimizer.lr=")), *sorted(found_best)]
        usual = "the usual recipe" if experiment.measure == "train" else "not trained by a recipe"
        trained = ", ".join(recipe) or usual
        found.append((name, f"{network}: {arm.told}" if arm.told else network, trained))
    return found


def page(experiment: Experiment, content: Values, results: Results, verdict: Verdict, svg: str) -> str:
    """The report as one HTML page, self-contained."""
    say = html.escape
    titles, lines = table(experiment, results)
    arms = "".join(f"<tr><td>{'</td><td>'.join(map(say, row))}</td></tr>" for row in lines)
    found = "".join(f"<li>{say(line)}</li>" for line in sentences(experiment, verdict))
    noticed = "".join(f"<p><strong>{say(line)}</strong></p>" for line in notices(experiment, content, verdict))
    rows = arms_of(experiment, results)
    compared_ = "".join(f"<tr><td>{'</td><td>'.join(map(say, row))}</td></tr>" for row in rows)
    said = "".join(f"<li>{say(line)}</li>" for line in differences(experiment, content))
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{say(experiment.title)}</title><style>{STYLE}</style>
<h1>{say(experiment.title)}</h1>
<p>{say(experiment.question)}</p>
<blockquote>{say(experiment.claim)}<br>
<small>{say(cited(experiment))}</small></blockquote>
<p class="verdict">{MARKS[verdict.verdict]} {say(verdict.verdict)}</p>
{noticed}<ul>{found}</ul>
<div class="figure">{svg}</div>
<table><tr><th>{"</th><th>".join(map(say, titles))}</th></tr>{arms}</table>
<h2>What was compared</h2><table><tr><th>arm</th><th>network</th><th>trained with</th></tr>{compared_}</table>
<h2>What is different from the paper</h2><ul>{said}</ul>
<h2>How it is judged</h2><p>{say(RULE)}</p>
<footer><p><code>{say(content["command"])}</code><br>{say(about(content))}</p></footer></html>
"""


def text(experiment: Experiment, content: Values, results: Results, verdict: Verdict, alone: bool = True) -> str:
    """The report as Markdown, with the figure beside it; not `alone`, without what a page of many says once."""
    titles, lines = table(experiment, results)
    head, arms = markdown_row(titles), "\n".join(map(markdown_row, lines))
    found = "\n".join(f"- {line}" for line in sentences(experiment, verdict))
    noticed = "".join(f"**{line}**\n\n" for line in notices(experiment, content, verdict))
    compared_ = "\n".join(markdown_row(list(row)) for row in arms_of(experiment, results))
    said = "\n".join(f"- {line}" for line in differences(experiment, content, alone))
    rule = f"{RULE}\n\n" if alone else ""
    return f"""# {experiment.title}

{experiment.question}

> {experiment.claim} ({cited(experiment)})

**{MARKS[verdict.verdict]} {verdict.verdict}**

{noticed}{found}

![{experiment.title}](figure.svg)

{head}
{"| --- " * len(titles)}|
{arms}

| arm | network | trained with |
| --- | --- | --- |
{compared_}

What is different from the paper:

{said}

{rule}`{content["command"]}`; {about(content)}
"""


def differences(experiment: Experiment, content: Values, alone: bool = True) -> list[str]:
    """What is not as in the paper; not `alone`, without the usual recipe and what small networks are."""
    setting = content["setting"]
    most = setting["pictures"] or "all"
    seen = (f"pictures: {content['data']}, {setting['size']} px, {most} to train on at most, in batches of "
            f"{setting['batch_size']}")  # fmt: skip
    trained = [seen, *content["said"]] if experiment.measure == "train" else []
    if trained and alone:
        trained += [f"the usual recipe, but for what is said of an arm: {USUAL}", *networks_of(experiment)]
    small = "" if content["scale"] == "small" else "at the small scale: "
    return [*trained, *([f"{small}{experiment.differs}"] if experiment.differs else [])] or ["nothing that we know of"]


def networks_of(*of: Experiment) -> list[str]:
    """What the small networks are that experiments train, a line for each."""
    names = {arm.network or one.network for one in of for arm in one.arms.values()}
    about = {name: (SMALL[name].__doc__ or "").replace("`", "") for name in sorted(names) if name in SMALL}
    return [f"{name}: {' '.join(words.split())}" for name, words in about.items()]


def about(content: Values) -> str:
    """Where and how long it ran, in one line."""
    versions = content["versions"]
    planned = content.get("budget")
    revisions = str(content["revision"]).replace("; ", " and ")
    epochs = (f"epochs for a budget of {planned['minutes']:g} minutes, where one of all arms and seeds takes "
              f"{planned['seconds_an_epoch']:g} s, " if planned else "")  # fmt: skip
    return (f"{content['cost_seconds'] / 60:.0f} minutes of computing, {epochs}{content['machine']}, "
            f"torch {versions['torch']}, revision {revisions}, {content['ended']}")  # fmt: skip


def markdown_row(cells: list[str]) -> str:
    """Of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
