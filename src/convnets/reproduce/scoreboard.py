"""All results as one page: a table of the claims, then each with its figure."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError
from ..experiments import PAPERS, Experiment, left_out, of_paper
from . import figures
from .report import MARKS, USUAL, markdown_row, networks_of, table, text
from .results import RESULT, Results, Values, read_result
from .verdict import FAILS, HOLDS, OPEN, RULE, Verdict
from .writing import write

SCALE = (
    "Small networks, small pictures and few epochs: what is tried is the direction of a claim, not its number. In a "
    "command `--data NAME=FILE` has the pictures under the name that they had where it ran; without it they are "
    "downloaded. Numbers of a paper that were read off its figures stand as `about`."
)
SEVERAL = {HOLDS: "hold", FAILS: "do not hold at this scale", OPEN: "are undecided"}


def write_scoreboard(folder: Path, to: Path) -> str:
    """All results below `folder` as one table, then each with its figure; a line on it.

    Raises UsageError where there are none, or after all others were written for one that cannot be read.
    """
    shown, scores, sections, counts = [], [], [], dict.fromkeys(MARKS, 0)
    missing: dict[str, str] = {}
    for experiment in (one for paper in PAPERS for one in of_paper(paper)):
        path = folder / experiment.id / RESULT
        try:
            content, at_scale, results, verdict = read_result(path)
        except UsageError as error:
            missing[experiment.id] = str(error) if path.exists() else ""
            continue
        counts[verdict.verdict] += 1
        shown.append(at_scale)
        scores.append(_score(at_scale, content, results, verdict))
        sections.append(_section(at_scale, content, results, verdict, path, to))
    damaged = [why for why in missing.values() if why]
    if not scores:
        raise UsageError(damaged[0] if damaged else f"{folder}: no results there; convnets reproduce run ID makes them")
    told = ", ".join(f"{count} {SEVERAL[verdict]}" for verdict, count in counts.items())
    titles = "paper", "claim", "measured", "published", "ours", "verdict", "minutes of computing", "command"
    head = f"| {' | '.join(titles)} |\n{'| --- ' * len(titles)}|"
    lines, pages = "\n".join(scores), "\n".join(sections)
    networks = "\n".join(f"- {one}" for one in networks_of(*shown))
    write(to, f"# The papers' claims, run again\n\n{len(scores)} claims: {told}. {SCALE}\n\n{head}\n{lines}\n\n"
              f"{_missing(missing)}\n## What all have in common\n\n{RULE}\n\nThe usual recipe is {USUAL}; what an arm "
              f"has besides stands beside it. The small networks:\n\n{networks}\n\n{pages}")  # fmt: skip
    if damaged:
        raise UsageError(f"{damaged[0]}; all others are in {to}")
    return f"written: {to} ({told})"


def _missing(ids: dict[str, str]) -> str:
    """What there is no result of, and why."""
    lines = [f"| {paper} | `{one.id}`: {one.title} | {'cannot be read' if ids[one.id] else 'not run yet'} |"
             for paper in PAPERS for one in of_paper(paper) if one.id in ids]  # fmt: skip
    lines += [f"| {paper} | {entry} | {why} |" for paper in PAPERS for entry, why in left_out(paper).items()]
    return "\n".join(["Without a result:\n", "| paper | claim | why |", "| --- | --- | --- |", *lines, ""])


def _score(experiment: Experiment, content: Values, results: Results, verdict: Verdict) -> str:
    """A line of the table."""
    _, rows = table(experiment, results)
    published = "; ".join(f"{row[0]} {row[-1]}" for row in rows if row[-1])
    ours = "; ".join(f"{row[0]} {row[1]}" for row in rows)
    minutes = f"{content['cost_seconds'] / 60:.0f}"
    claim = f"[{experiment.title}](#{_anchor(experiment.title)})"
    said, before = f"{MARKS[verdict.verdict]} {verdict.verdict}", content["verdict"]
    said += f" (when it ran: {before})" * (before != verdict.verdict) + " (not finished)" * bool(content.get("left"))
    command = f"`{content['command']}`"
    return markdown_row([content["paper"], claim, experiment.unit, published, ours, said, minutes, command])


def _section(
    experiment: Experiment, content: Values, results: Results, verdict: Verdict, path: Path, to: Path
) -> str:
    """A claim with its figure."""
    svg = path.with_name("figure.svg")
    write(svg, figures.draw(experiment, results))
    beside = Path(os.path.relpath(svg, to.parent)).as_posix()
    return "#" + text(experiment, content, results, verdict, alone=False).replace("](figure.svg)", f"]({beside})")


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")
