"""`convnets reproduce`: the papers' claims, run again."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from pathlib import Path

import click

from .. import experiments
from ..errors import ConvnetsError, Interrupted, UsageError
from .common import device_option, pick_device, table

ROOT = Path("reproductions")
NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
TIME = re.compile(rf"(?:{NUMBER}h)?(?:{NUMBER}m)?(?:{NUMBER}s)?|{NUMBER}")
MOST_SEEDS = 6  # where the first ones leave a claim undecided


@click.group(short_help="The papers' claims, run again.", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run the claims of the papers again at a small scale, and see what holds."""


@command.command("list")
@click.argument("paper", required=False)
@click.option("--left-out", is_flag=True, help="The claims that are not run, and why.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT, show_default=True, help="Where the results are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array and nothing else.")
def list_(paper: str | None, left_out: bool, out: Path, as_json: bool) -> None:
    """The experiments, of all papers or of PAPER, and what came of those that were run."""
    if out != ROOT and not out.is_dir():
        raise UsageError(f"--out {out}: no such folder")
    chosen = experiments.PAPERS if paper is None else (paper.lower(),)
    if unknown := set(chosen) - set(experiments.PAPERS):
        near = difflib.get_close_matches(unknown.pop(), experiments.PAPERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"papers: {', '.join(experiments.PAPERS)}"
        raise UsageError(f"no experiments of {paper}; {hint}")
    if left_out:
        keys, header = ["paper", "claim", "why"], ["paper", "claim", "why it is not run"]
        rows: list[tuple[str, ...]] = [
            (one, entry, why) for one in chosen for entry, why in experiments.left_out(one).items()
        ]
    else:
        keys, header = ["paper", "id", "title", "verdict"], ["paper", "id", "what is compared", "verdict"]
        rows = [(one, each.id, each.title, _verdict(out, each.id))
                for one in chosen for each in experiments.of_paper(one)]  # fmt: skip
    if as_json:
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], ensure_ascii=False))
    else:
        click.echo(table(header, rows))


def _verdict(out: Path, name: str) -> str:
    """By today's rule; nothing where there is no result."""
    path = out / name / "result.json"
    if not path.exists():
        return ""
    from ..reproduce.results import read_result

    try:
        result = read_result(path)
    except UsageError:
        return "cannot be read"
    return f"{result.verdict.verdict}{' (not finished)' if result.content.get('left') else ''}"


@command.command()
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def show(name: str, as_json: bool) -> None:
    """The claim ID, its arms, and what it expects of them."""
    one = experiments.find(name)
    if as_json:
        found = {"paper": experiments.paper_of(one), **dataclasses.asdict(one)}
        click.echo(json.dumps(found, default=dict, ensure_ascii=False))
        return
    click.echo(f"{one.id}: {one.title}\n{one.question}\n\n{one.claim}\n{experiments.cited(one)}\n")
    rows = []
    for arm, what in one.arms.items():
        rows.append((arm, what.network or one.network or one.measure, what.told, " ".join((*one.recipe, *what.recipe))))
    click.echo(table(["arm", "network", "with", "recipe, over the usual one"], rows) + "\n")
    click.echo("\n".join(f"{key + ':':13}{value}" for key, value in _about(one) if value))


def _about(one: experiments.Experiment) -> list[tuple[str, str]]:
    """What else defines an experiment, by name."""
    setting, trains = one.setting, one.measure == "train"
    rates = ", ".join(f"{rate:g}" for rate in one.rates)
    small = (f"{setting.data}, {setting.size} px, {setting.pictures or 'all'} pictures to train on and "
             f"{setting.tests or 'all'} to test on, batches of {setting.batch_size}, "
             f"{setting.least_epochs} to {setting.epochs} epochs, ")  # fmt: skip
    return [
        ("compared", ", ".join(f"{name}: {key} of {arm}" for name, (arm, key) in one.contrasts.items())),
        ("measured", f"{one.metric} ({one.unit}){'; by ' + ', '.join(one.probes) if one.probes else ''}"),
        ("expected", f"{'; '.join(one.expect)}; differences count from {one.least:g}"),
        ("published", ", ".join(f"{arm} {value}" for arm, value in one.published.items())),
        ("rates", f"{rates} and beyond, the best for each arm" if rates else ""),
        ("small scale", f"{small if trains else 'no pictures, '}{one.seeds} seeds"),
        ("paper scale", ", ".join(f"{key} = {value}" for key, value in one.full.items())),
        ("differs", one.differs),
    ]


@command.command()
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--budget", default="10m", show_default=True, help="For each claim: 90s, 20m, 2h, or minutes.")
@click.option("--data", "--data-dir", "data", multiple=True, metavar="[NAME=]SRC",
              help="What to take for cifar10, mnist ... [default: downloaded ones, else digits].")  # fmt: skip
@click.option("--scale", type=click.Choice(["tiny", "small", "paper"]), default="small", show_default=True,
              help="paper: all pictures at their size, 160 epochs, and the depth that show has.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="In place of those that --budget allows.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="[default: 3, and where they leave it undecided 6].")
@click.option("-j", "--workers", type=click.IntRange(1), help="Jobs at once  [default: one a core; one on a GPU].")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT, show_default=True, help="With a folder for each.")
@click.option("--overwrite", is_flag=True, help="Give up a run with other settings that --out holds.")
@device_option
def run(
    names: tuple[str, ...], budget: str, data: tuple[str, ...], scale: str, epochs: int | None, seeds: int | None,
    workers: int | None, out: Path, overwrite: bool, device: str,
) -> None:  # fmt: skip
    """Run the claims ID... and report on each. A call that was stopped goes on where it was."""
    chosen = [experiments.find(name) for name in names]
    minutes = read_minutes(budget)
    sources = read_sources(data)
    if unused := set(sources) - {"", *(one.setting.data for one in chosen)}:
        click.echo(f"--data {', '.join(sorted(unused))}: of no use to {' '.join(names)}", err=True)

    from ..cache import cores
    from ..reproduce.report import write_report
    from ..reproduce.run import run as carry_out
    from ..reproduce.sources import plan_of

    on = pick_device(device)
    count = workers or (cores() if on.type == "cpu" else 1)
    failed: list[ConvnetsError] = []
    for one in chosen:
        click.echo(f"{one.id}: {one.claim}")
        try:
            more = 0 if seeds else max(0, MOST_SEEDS - one.seeds)
            plan = plan_of(one, scale, sources, seeds or one.seeds, str(on), epochs or 0, more)
            result = carry_out(plan, out / one.id, minutes, count, click.echo, overwrite)
            for line in write_report(result):
                click.echo(line)
        except Interrupted:
            raise
        except ConvnetsError as error:  # the others are still worth their time
            if len(chosen) == 1:
                raise
            click.echo(f"{one.id}: {error}", err=True)
            failed.append(error)
    if failed:
        raise type(failed[-1])(f"{len(failed)} of {len(chosen)} claims failed, for the reasons above")


@command.command()
@click.argument("names", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="A scoreboard of all results in --out.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT, show_default=True, help="Where the results are.")
@click.option("--to", type=click.Path(path_type=Path), help="The scoreboard's file  [default: claims.md in --out].")
def report(names: tuple[str, ...], everything: bool, out: Path, to: Path | None) -> None:
    """Write the reports of results anew, of ID..., or with --all one page of everything there is."""
    from ..reproduce.report import write_report
    from ..reproduce.scoreboard import write_scoreboard

    if to and not everything:
        raise UsageError("--to is where the page of --all goes; the reports of ID... stand beside their results")
    if everything == bool(names):
        raise UsageError("name experiments, or give --all")
    if everything:
        click.echo(write_scoreboard(out, to or out / "claims.md"))
        return
    for name in names:
        for line in write_report(out / experiments.find(name).id / "result.json"):
            click.echo(line)


def read_minutes(text: str) -> float:
    """Minutes of a text such as 90s, 20m, 1h30m, or a bare number of minutes. Raises UsageError."""
    found = TIME.fullmatch(text)
    hours, whole, seconds, bare = (float(number or 0) for number in found.groups()) if found else (0.0,) * 4
    minutes = 60 * hours + whole + seconds / 60 + bare
    if not 0 < minutes < float("inf"):
        raise UsageError(f"--budget {text}: must be a time above 0, such as 90s, 20m or 1h30m")
    return minutes


def read_sources(texts: tuple[str, ...]) -> dict[str, str]:
    """What to take for each data set, by its name; under "" for all others."""
    found = {}
    for text in texts:
        name, equals, source = text.partition("=")
        found[name if equals else ""] = source if equals else text
    return found
