"""`convnets reproduce`: the papers' claims, run again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import experiments
from ..errors import ConvnetsError, Interrupted, UsageError
from .common import device_option, pick_device, table

ROOT = Path("reproductions")
MORE = 3  # seeds, where the first leave a claim undecided


@click.group(short_help="The papers' claims, run again.", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run the claims of the papers again at a small scale, and see what holds."""


@command.command("list")
@click.argument("paper", required=False)
@click.option("--left-out", is_flag=True, help="The claims that are not run, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array and nothing else.")
def list_(paper: str | None, left_out: bool, as_json: bool) -> None:
    """The experiments, of all papers or of PAPER."""
    papers = experiments.PAPERS if paper is None else (paper,)
    if unknown := set(papers) - set(experiments.PAPERS):
        raise UsageError(f"no experiments of {unknown.pop()}; papers: {', '.join(experiments.PAPERS)}")
    if left_out:
        rows = [(one, entry, why) for one in papers for entry, why in experiments.left_out(one).items()]
        header = ["paper", "claim", "why it is not run"]
    else:
        rows = [(one, each.id, each.title) for one in papers for each in experiments.of_paper(one)]
        header = ["paper", "id", "what is compared"]
    if as_json:
        found = [dict(zip(("paper", "id", "text"), row, strict=True)) for row in rows]
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(table(header, rows))


@command.command()
@click.argument("name", metavar="ID")
def show(name: str) -> None:
    """The claim ID, its arms, and what it expects of them."""
    one = experiments.find(name)
    click.echo(f"{one.id}: {one.title} ({experiments.paper_of(one)}, {one.where})\n{one.claim}\n")
    rows = []
    for arm, what in one.arms.items():
        values = ", ".join(f"{key}={value}" for key, value in what.values.items())
        if what.start:
            values += f"; begins as {', '.join(f'{key}={value}' for key, value in what.start.items())} ended"
        rows.append((arm, what.network or one.network or one.measure, values, " ".join(what.recipe)))
    click.echo(table(["arm", "network", "with", "recipe"], rows))
    click.echo(f"\nexpected of {one.metric} ({one.unit}): {'; '.join(one.expect)}")
    if one.published:
        click.echo(f"published: {', '.join(f'{arm} {value}' for arm, value in one.published.items())}")
    setting = one.setting
    click.echo(f"small scale: {setting.data}, {setting.size} px, {setting.pictures or 'all'} pictures, at most "
               f"{setting.epochs} epochs, {one.seeds} seeds")  # fmt: skip
    if one.differs:
        click.echo(f"differs: {one.differs}")


@command.command()
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--budget", default="10m", show_default=True, help="For each claim: 90s, 20m, 2h.")
@click.option("--data", "--data-dir", "data", multiple=True, metavar="[NAME=]SRC",
              help="What to take for cifar10, mnist ... [default: downloaded ones, else digits].")  # fmt: skip
@click.option("--scale", type=click.Choice(["tiny", "small", "paper"]), default="small", show_default=True,
              help="paper: all pictures at their size, 160 epochs, the papers' depth.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="In place of those that --budget allows.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="[default: 3, and 3 more where undecided].")
@click.option("-j", "--workers", type=click.IntRange(1), help="Jobs at once  [default: one a core; one on a GPU].")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT, show_default=True, help="With a folder for each.")
@device_option
def run(
    names: tuple[str, ...], budget: str, data: tuple[str, ...], scale: str, epochs: int | None, seeds: int | None,
    workers: int | None, out: Path, device: str,
) -> None:  # fmt: skip
    """Run the claims ID... and report on each. A call that was stopped goes on where it was."""
    chosen = [experiments.find(name) for name in names]
    minutes = read_minutes(budget)
    sources = read_sources(data)

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
            plan = plan_of(one, scale, sources, seeds or one.seeds, str(on), epochs or 0, 0 if seeds else MORE)
            result = carry_out(plan, out / one.id, minutes, count, click.echo)
            for line in write_report(result):
                click.echo(line)
        except Interrupted:
            raise
        except ConvnetsError as error:  # the others are still worth their time
            failed.append(error)
            if one is not chosen[-1]:
                click.echo(f"{one.id}: {error}", err=True)
    if failed:
        raise failed[-1]


@command.command()
@click.argument("names", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="A scoreboard of all results in --out.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT, show_default=True, help="Where the results are.")
@click.option("--to", type=click.Path(path_type=Path), help="The scoreboard's file  [default: claims.md in --out].")
def report(names: tuple[str, ...], everything: bool, out: Path, to: Path | None) -> None:
    """Write the reports of results anew, of ID..., or with --all one page of everything there is."""
    from ..reproduce.report import write_report, write_scoreboard

    if everything == bool(names):
        raise UsageError("name experiments, or give --all")
    if everything:
        click.echo(write_scoreboard(out, to or out / "claims.md"))
        return
    for name in names:
        for line in write_report(out / experiments.find(name).id / "result.json"):
            click.echo(line)


def read_minutes(text: str) -> float:
    """Minutes of a text such as 90s, 20m or 2h. Raises UsageError."""
    units = {"s": 1 / 60, "m": 1.0, "h": 60.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "m")
    try:
        minutes = float(number) * units[unit]
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise UsageError(f"--budget {text}: must be a time such as 90s, 20m or 2h")
    return minutes


def read_sources(texts: tuple[str, ...]) -> dict[str, str]:
    """What to take for each data set, by its name; under "" for all others."""
    found = {}
    for text in texts:
        name, equals, source = text.partition("=")
        found[name if equals else ""] = source if equals else text
    return found
