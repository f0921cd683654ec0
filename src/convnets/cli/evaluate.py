"""`convnets evaluate`: the errors of a trained network on a split of a data set."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CheckpointError, UsageError, few
from ..papers.protocols import parse_all
from ..spec import Recipe, division, to_dict
from .common import device_option, load_run, pick_device, table, trained_on, weights_options

if TYPE_CHECKING:
    import torch

    from ..data import Source
    from ..evaluate import Evaluation, ProtocolResult
    from ..papers import Result
    from ..papers.protocols import Protocol
    from ..runs import Loaded


@click.command(short_help="Test errors of a trained network.")
@click.argument("run", nargs=-1)
@weights_options
@click.option("--data", "--data-dir", metavar="SRC", help="Pictures, named as for train  [default: the run's own].")
@click.option("--split", type=click.Choice(["test", "val", "train"]), help="Default: test if there is one, else val.")
@click.option("--protocol", metavar="TEXT,...", help="Such as 1crop,10crop,dense@256+384, or paper: docs/protocols.md.")
@click.option("--ensemble", is_flag=True, help="Average the probabilities of several RUNs.")
@click.option("--raw", is_flag=True, help="The weights themselves, where the run kept an average of them.")
@click.option("--batch-size", "-b", type=click.IntRange(1), help="Default: 128; what is quickest with --protocol.")
@click.option("--workers", "-j", type=click.IntRange(0), default=0, help="Processes that load pictures  [default: 0].")
@device_option
@click.option("--out", metavar="DIR", help="Folder for the confusion picture; else the run folder.")
@click.option("--bad-images", type=click.Choice(["error", "skip"]), default="error", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    run: tuple[str, ...],
    model: str | None,
    weights: str | None,
    allow_nonfinite: bool,
    data: str | None,
    split: str | None,
    protocol: str | None,
    ensemble: bool,
    raw: bool,
    batch_size: int | None,
    workers: int,
    device: str,
    out: str | None,
    bad_images: str,
    as_json: bool,
) -> None:
    """Evaluate RUN, a run folder or checkpoint file: errors in percent with 95 % intervals, class by class.

    With --protocol the errors by each test protocol, beside what the paper reports for the same network, data and
    protocol. Data without splits is evaluated whole, unless the run was trained on it: then on the part set aside to
    validate.
    """
    asked = "1crop" if protocol is None else protocol
    parse_all(asked, paper=["1crop"])  # a mistyped one is told before anything is loaded
    if len(run) > 1 and not ensemble:
        raise UsageError(f"{len(run)} RUNs given; evaluate one, or average them with --ensemble")
    if ensemble and weights is not None:
        raise UsageError("--ensemble averages RUNs; --weights is a single network")

    from ..evaluate.kept import keep

    chosen = pick_device(device)
    loaded = [load_run(one, model, weights, raw, allow_nonfinite) for one in run or [None]]
    source, split = _open(loaded[0], data, split, bad_images)
    for one in loaded[1:]:
        _check_unseen(one, loaded[0], source, split, data or trained_on(loaded[0]))
    loaded = [one if one.named else _named(one, source) for one in loaded]
    if protocol is not None or ensemble:
        tested = _test(loaded, source, split, asked, chosen, batch_size, workers)
        (_say_tested_json if as_json else _say_tested)(loaded, source, split, tested)
        results = {str(one.protocol): one.evaluation for one in tested}
    else:
        results = {"1crop": _evaluate(loaded[0], source, split, chosen, batch_size or 128, workers, out, as_json)}
    if len(loaded) == 1 and not raw:
        keep(loaded[0], source, split, results)


def _evaluate(
    loaded: Loaded,
    source: Source,
    split: str,
    device: torch.device,
    batch_size: int,
    workers: int,
    out: str | None,
    as_json: bool,
) -> Evaluation:
    """One view of each picture, as the run was validated: measured, printed and drawn."""
    from ..data import Loader
    from ..evaluate import evaluate_network

    statistics = loaded.statistics
    loader = Loader(
        source.splits[split], loaded.preprocess, batch_size=batch_size, workers=workers, statistics=statistics
    )
    network = loaded.network.to(device)
    result = evaluate_network(network, loader, loaded.preprocess, device=device, progress=True, statistics=statistics)
    picture = _draw(loaded, source, split, result, out)
    if as_json:
        about = {"run": str(loaded.path), "data": source.name, "split": split}
        click.echo(json.dumps({**about, **result.to_json(loaded.classes), "picture": picture and str(picture)}))
        return result
    _print(loaded, source, split, result)
    click.echo(f"\nconfusion matrix: {picture or 'not drawn; --out DIR says where to'}")
    others = [text for text in _paper_protocols(loaded, source) if text != "1crop"]
    if others:
        click.echo(f"one view of each picture, but the paper tested otherwise: add --protocol 1crop,{','.join(others)}")
    return result


def _test(
    loaded: list[Loaded],
    source: Source,
    split: str,
    text: str,
    device: torch.device,
    batch_size: int | None,
    workers: int,
) -> list[ProtocolResult]:
    from ..evaluate import ensemble, evaluate_ensemble

    members = ensemble(loaded)
    for member in members:
        member.network.to(device)
    protocols = parse_all(text, _paper_protocols(loaded[0], source) or ("1crop",))
    return evaluate_ensemble(
        members, source.splits[split], protocols, device, batch_size=batch_size, workers=workers, progress=True
    )


def _paper_protocols(loaded: Loaded, source: Source) -> Sequence[str]:
    """Those of the run's recipe where it is a paper's, else those by which the network's paper tested on this data."""
    from .. import papers, recipes

    trained: dict[str, Any] = loaded.state.get("recipe", {})
    paper = recipes.default(papers.find(loaded.network.name), source.name.lower())
    if paper is None or trained.get("name") in recipes.paper_recipes():
        protocols: Sequence[str] = trained.get("protocols", ())
        return protocols
    return paper.recipe.protocols


def _published(loaded: list[Loaded], source: Source, split: str, protocol: Protocol) -> tuple[Result, ...]:
    """What papers report for the same; nothing for an ensemble."""
    from .. import papers

    if len(loaded) > 1:
        return ()
    (one,) = loaded
    filled = protocol.filled(one.preprocess.resize, one.preprocess.size)
    return papers.published(one.network.name, f"{source.name} {split}", filled, len(one.classes))


def _open(loaded: Loaded, data: str | None, split: str | None, bad_images: str) -> tuple[Source, str]:
    """The data with the one split to evaluate, every picture of it checked, and that split's name.

    Pictures that the run never saw, and that come without splits, are evaluated one and all: split `all`.
    """
    from ..data import check, open_source

    spec = data or trained_on(loaded)
    source = open_source(spec, **division(loaded.state.get("recipe", {})), allow_empty=True)
    if split is None and not _is_of(loaded, source):
        whole = open_source(spec, val_fraction=0, allow_empty=True)
        if set(whole.splits) == {"train"}:
            source, split = dataclasses.replace(whole, splits={"all": whole.splits["train"]}), "all"
    split = split or next((name for name in ("test", "val", "train") if name in source.splits), "test")
    if split not in source.splits:
        raise UsageError(f"{spec}: has no {split} split; it has {', '.join(source.splits)}; choose one with --split")
    check_classes(loaded.classes, source.classes, spec, named=loaded.named)
    return check(dataclasses.replace(source, splits={split: source.splits[split]}), bad=bad_images), split


def _named(plain: Loaded, source: Source) -> Loaded:
    """Weights that bring no names of classes, with the data's."""
    check_classes(plain.classes, source.classes, source.name, named=False)
    return dataclasses.replace(plain, classes=source.classes, named=True)


def _is_of(run: Loaded, source: Source) -> bool:
    """Whether the run was trained on this data."""
    known: dict[str, Any] = run.state.get("source", {}).get("fingerprint", {})
    return bool(known.get("sha256") == source.fingerprint["sha256"])


def _check_unseen(one: Loaded, first: Loaded, source: Source, split: str, spec: str) -> None:
    """Raise UsageError where `one` trained on pictures of the split that the `first` run did not train on."""
    from ..data import open_source

    def divided(run: Loaded) -> dict[str, Any]:
        return division(to_dict(Recipe()) | run.state.get("recipe", {}))

    if split == "train" or not _is_of(one, source) or (split != "all" and divided(one) == divided(first)):
        return
    there = open_source(spec, val_fraction=0, allow_empty=True).splits
    if divided(first)["val_is_test"] and "val" in there and "test" not in there:
        there = {"train": there["train"], "test": there["val"]}
    if split not in there:  # it is cut from the training pictures
        raise UsageError(
            f"--ensemble: {one.path} trained on pictures of this {split} split, unlike {first.path}; give --data with "
            "a test split, or train both with the same --seed and --val-fraction"
        )


def check_classes(own: Sequence[str], given: Sequence[str], spec: str, named: bool = True) -> None:
    """Raise CheckpointError unless the data has the network's classes in the same order, or if not `named` as many."""
    if len(own) != len(given):
        raise CheckpointError(
            f"{spec}: the network has other classes than the data: {len(own)} vs {len(given)} "
            f"({few(own)} against {few(given)}); evaluate on data of the same classes"
        )
    differing = [f"{i}: {a!r} vs {b!r}" for i, (a, b) in enumerate(zip(own, given, strict=True)) if a != b]
    if differing and named:
        raise CheckpointError(
            f"{spec}: {len(differing)} of the {len(own)} class names differ between network and data, "
            f"at position {few(differing, 10)}; rename the data's class folders"
        )


def _say_tested(loaded: list[Loaded], source: Source, split: str, tested: list[ProtocolResult]) -> None:
    names = ", ".join(one.network.name for one in loaded)
    click.echo(f"{'ensemble of ' if len(loaded) > 1 else ''}{names} on {source.name}, {split} split\n")
    header = ["protocol", "n", "top-1 error", "95 % interval", "top-5 error", "95 % interval", "views", "pictures/s",
              "the paper's", "where"]  # fmt: skip
    rows: list[list[object]] = []
    for result in tested:
        one = result.evaluation
        (low1, high1), (low5, high5) = one.top1_interval, one.top5_interval
        ours = [
            result.protocol, f"{one.n:,}", f"{one.top1_error:.2f} %", f"{low1:.2f} to {high1:.2f} %",
            f"{one.top5_error:.2f} %", f"{low5:.2f} to {high5:.2f} %", result.views,
            f"{result.pictures_per_second:,.1f}",
        ]  # fmt: skip
        known = _published(loaded, source, split, result.protocol)
        theirs = [[_errors(paper), f"{paper.place}: {paper.protocol}"] for paper in known] or [["", ""]]
        rows += [[*(ours if not index else [""] * len(ours)), *own] for index, own in enumerate(theirs)]
    click.echo(table(header, rows, right={1, 2, 4, 6, 7}))


def _errors(paper: Result) -> str:
    """Top-1 and top-5 as `24.7 / 7.8 %`."""
    return " / ".join("-" if error is None else f"{error:g}" for error in (paper.top1, paper.top5)) + " %"


def _say_tested_json(loaded: list[Loaded], source: Source, split: str, tested: list[ProtocolResult]) -> None:
    rows = []
    for result in tested:
        known = _published(loaded, source, split, result.protocol)
        papers = [{**dataclasses.asdict(paper), "place": paper.place} for paper in known]
        rows.append({**result.to_json(loaded[0].classes), "published": papers})
    runs = [str(one.path) for one in loaded]
    click.echo(json.dumps({"runs": runs, "data": source.name, "split": split, "protocols": rows}))


def _draw(loaded: Loaded, source: Source, split: str, result: Evaluation, out: str | None) -> Path | None:
    """The confusion picture, in --out or the run folder; weights that are in no run folder get none unasked."""
    from ..evaluate.pictures import draw_confusion

    folder = Path(out) if out is not None else loaded.path.parent
    if out is None and not (folder / "run.json").is_file():
        return None
    title = f"{loaded.network.name} on {source.name}, {split} split"
    try:
        return draw_confusion(result, loaded.classes, folder / f"confusion-{split}.png", title)
    except OSError as error:
        click.echo(f"convnets: {folder}: cannot write the confusion picture ({error.strerror}); use --out", err=True)
        return None


def _print(loaded: Loaded, source: Source, split: str, result: Evaluation) -> None:
    low1, high1 = result.top1_interval
    low5, high5 = result.top5_interval
    rows = [
        ("top-1 error", f"{result.top1_error:.2f} %", f"{low1:.2f} to {high1:.2f} %"),
        ("top-5 error", f"{result.top5_error:.2f} %", f"{low5:.2f} to {high5:.2f} %"),
        ("loss", f"{result.loss:.4f}", ""),
        ("calibration error", f"{result.calibration_error:.2f} %", ""),
        ("n", f"{result.n:,}", ""),
    ]
    click.echo(table([f"{loaded.network.name} on {source.name}, {split} split", "", "95 % interval"], rows, right={1}))
    click.echo()
    per_class = [
        (row.name, row.n, row.correct, "" if row.error is None else f"{row.error:.2f} %", row.most_confused_with or "")
        for row in result.per_class(loaded.classes)
    ]
    click.echo(table(["class", "n", "correct", "error", "most confused with"], per_class, right={1, 2, 3}))
    sys.stdout.flush()
