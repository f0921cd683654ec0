"""A run as one page that opens from disk: its recipe, curves, test results, mistakes, speed and data."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import recipes, runs
from ..data import Source, check, normalise, open_source
from ..errors import CheckpointError, UsageError
from ..evaluate import evaluating
from ..evaluate.kept import keep, together
from ..models.table import layer_table
from ..runs import Loaded, RunFolder
from ..runs.folder import RUN
from ..spec import Recipe, division, flatten, to_dict
from . import galleries, page, samples, sections
from .data_card import DataCard, data_card
from .inside import finite
from .outcome import Outcome, ask, check_classes, pick_split

REPORT = "report.html"
TURN, PICTURES = 0.5, 16  # seconds and batch size of the measurement of speed
ONE_VIEW = "1crop"


@dataclass(frozen=True, eq=False)
class Report:
    """All that a report shows. `recipe` are (field, value, where it comes from, whether it is as by default).

    `noted` is the file in the run's folder that got the result, if any.
    """

    run: dict[str, Any]
    log: list[dict[str, Any]]
    loaded: Loaded
    outcome: Outcome
    recipe: list[tuple[str, Any, str, bool]]
    results: list[dict[str, Any]]
    sample: samples.Explained
    cost: dict[str, Any]
    card: DataCard
    noted: Path | None = None

    def page(self) -> str:
        """The page, HTML."""
        return sections.whole(self)

    def to_json(self) -> dict[str, Any]:
        """The numbers behind each picture, as plain values; probabilities are 0 to 1, errors and the like per cent."""
        found = self.outcome
        plain: dict[str, Any] = finite({
            "run": str(self.loaded.path.parent),
            "data": found.data,
            "fingerprint": found.fingerprint,
            "trained_on": found.trained_on or found.data,
            "split": found.name,
            "recipe": [{"field": key, "value": value, "source": where} for key, value, where, _ in self.recipe],
            "curves": self.log,
            "results": self.results,
            "evaluation": found.evaluation.to_json(found.classes),
            "per_class": list(found.per_class()),
            "confusion": found.evaluation.confusion.tolist(),
            "mistakes": [found.describe(index) for index in found.mistakes()[: galleries.SHOWN]],
            "uncertain": [found.describe(index) for index in found.uncertain()[: galleries.SHOWN]],
            "suspects": [found.describe(index) for index in found.suspects()[: galleries.SHOWN]],
            "calibration": [one._asdict() for one in found.bins()],
            "explanations": samples.as_json(self.sample, found),
            "cost": self.cost,
            "data_card": self.card.to_json(),
        })  # fmt: skip
        return plain


def report(
    run: str | Path, *, source: Source | None = None, data: str | None = None, split: str | None = None,
    untouched: tuple[str, ...] = (), device: torch.device | str = "cpu", workers: int = 0, progress: bool = False,
    note: bool = True, seconds: float | None = None,
) -> Report:  # fmt: skip
    """Look at a run's answers on one split of its data: the test split if there is one, unless `split` says which.

    `source` is its data, opened and checked before; else `data`, else what the run was trained on, is opened. Nothing
    of the splits in `untouched` is read but their labels. The result is noted in the run's folder if `note`. Equal
    pictures are not looked for where that would take more than so many `seconds`.

    Raises UsageError where there is no run, data or split, CheckpointError where the data has other classes or the run
    does not say what it was trained on.
    """
    folder = RunFolder.open(run)
    loaded, about = runs.load(folder.path), read_run(folder)
    spec = data or str(about["source"]["spec"])
    opened = source or open_data(loaded, spec)
    check_classes(loaded, opened, spec)
    name = pick_split(opened, split, spec)
    if name in untouched:
        raise UsageError(f"{spec}: the {name} split is to stay untouched; choose another split")
    looked = opened if source is not None else checked(opened, name, about)
    outcome = ask(loaded, looked, name, device, workers, progress)
    measured = {} if name == "train" else {ONE_VIEW: outcome.evaluation}  # of it only a part may have been looked at
    return Report(
        run=about,
        log=read_log(folder),
        loaded=loaded,
        outcome=outcome,
        recipe=sourced_recipe(about),
        results=together(loaded, looked, name, measured),
        sample=samples.explained(loaded, outcome),
        cost=cost_of(loaded, torch.device(device)),
        card=data_card(opened, untouched, seconds),
        noted=keep(loaded, looked, name, measured) if note and measured else None,
    )


def open_data(loaded: Loaded, spec: str) -> Source:
    """The data set, divided as the run divided it. Raises DataError where it is not there."""
    return open_source(spec, **division(loaded.state.get("recipe", {})), allow_empty=True)


def checked(source: Source, split: str, about: dict[str, Any]) -> Source:
    """The source with one split whose pictures are known to decode; bad ones are treated as in training."""
    bad = about["source"].get("bad_images", "error")
    return check(replace(source, splits={split: source.splits[split]}), bad=bad, progress=False)


def read_run(folder: RunFolder) -> dict[str, Any]:
    """How the run was started. Raises CheckpointError where what reports need of it is missing."""
    about = folder.read_run()
    try:
        source = about["source"]
        needed = source["name"], source["spec"], source["fingerprint"]["sha256"]
        missing = [key for key in ("recipe", "classes", "network") if not about[key]] or not all(needed)
    except (KeyError, TypeError):
        missing = True
    if missing:
        raise CheckpointError(
            f"{folder.path / RUN}: incomplete (source, recipe, classes and network say what was trained); restore "
            "it, or see convnets evaluate, which needs the checkpoint alone"
        )
    return about


def read_log(folder: RunFolder) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, none where nothing was logged: of a probe, say.

    A last line that is no JSON was being written when the run was killed, and is left out; raises CheckpointError where
    another one is damaged.
    """
    path = folder.path / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
                raise ValueError("no row of an epoch")
            rows.append(row)
        except ValueError:
            if number < len(lines):
                raise CheckpointError(f"{path}: line {number} is damaged; restore it, or remove the line") from None
    return rows


def sourced_recipe(about: dict[str, Any]) -> list[tuple[str, Any, str, bool]]:
    """Each field of a run's recipe with its value, where it comes from, and whether it is as in an empty recipe."""
    flat = flatten(about["recipe"])
    paper = recipes.paper_recipes().get(flat["name"])
    printed = {} if paper is None else _flat(paper.recipe)
    asked = dict(text.partition("=")[::2] for text in about.get("asked", ()))
    usual, found = _flat(Recipe()), []
    for key, value in flat.items():
        place = paper.place(key) if paper is not None and value == printed.get(key) else None
        if key in ("name", "source"):
            continue
        if key in about.get("changed", ()):
            where = "changed by request when the run was resumed"
        elif key in asked:
            where = f"asked for: {key}={asked[key]}"
        elif key in ("preprocess.mean", "preprocess.std") and value != printed.get(key):
            where = "measured on the training pictures, or that of the weights"
        elif paper is None:
            where = f"ours ({flat['name']}, fitted to the data)"
        elif value != printed.get(key):
            where = f"fitted to this run; the recipe has {printed.get(key)}"
        else:
            where = place or "ours"
        is_usual = key in usual and value == usual[key] and key not in asked and place is None
        found.append((key, value, where, is_usual))
    return found


def _flat(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe as they are when they were stored: tuples are lists then."""
    return flatten(json.loads(json.dumps(to_dict(recipe))))


def cost_of(loaded: Loaded, device: torch.device) -> dict[str, Any]:
    """Parameters, multiply-adds of a picture, bytes of the file, and pictures a second of one short measurement."""
    size, threads = loaded.preprocess.size, torch.get_num_threads()
    rows = layer_table(loaded.network, (loaded.preprocess.channels, size, size))
    return {
        "parameters": sum(row.parameters for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "file_bytes": loaded.path.stat().st_size,
        "pictures_per_second": _speed(loaded, device),
        "measured_on": f"PyTorch {torch.__version__} on {device.type}, {threads} thread{'s' * (threads > 1)}, "
        f"{PICTURES} pictures at a time, {size} pixels, without decoding",
    }


def _speed(loaded: Loaded, device: torch.device) -> float:
    """Pictures a second through the network, on `device`, after one batch that does not count."""
    preprocess = loaded.preprocess
    images = torch.randint(0, 256, (PICTURES, preprocess.channels, preprocess.size, preprocess.size))
    ready = normalise(images.to(torch.uint8).to(device), preprocess, loaded.statistics)
    network = loaded.network.to(device)
    with evaluating(network):
        network(ready).cpu()
        seen, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < TURN:
            network(ready).cpu()  # to the CPU, so that it is known to be done
            seen += PICTURES
    return seen / spent


def write(found: Report, path: str | Path) -> Path:
    """The page into a file. Raises ResourceError where it cannot be written."""
    return page.write(Path(path), found.page())
