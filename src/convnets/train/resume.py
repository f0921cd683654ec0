"""Going on with a run from where it stopped, and refusing to make another run of it on the way."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from .. import papers, runs, spec
from ..data import Source, Statistics, check, measure, open_source
from ..errors import UsageError
from ..runs.folder import LAST, RUN, RunFolder
from ..spec import Recipe
from .check import check_recipe
from .machine import EXCLUSIVE, Machine
from .page import write_report
from .plan import Request, Start, make_network, split_assignments
from .run import Saved, absolute, board_writer, carry_out
from .schedules import rescale

# what cannot change on the way: with another of these it would be another run
FIXED = ("model", "classes", "recipe", "preprocess", *spec.DIVISION, "name", "source")


def resume(path: str, request: Request, machine: Machine, allowed: Collection[str] = ()) -> RunFolder:
    """Continue the run at `path` (a folder, or a checkpoint in one) exactly where it was saved.

    `machine.compile` None keeps what the run has. Raises UsageError listing every key that the request or the machine
    changes and that `allowed` does not name.
    """
    if machine.tensorboard:
        board_writer()
    folder, saved = _find(Path(path))
    run = folder.read_run()
    if "probe" in run:
        raise UsageError(f"{folder.path}: a probe, which is finished; train on from it with --weights {folder.path}")
    old, stored = spec.from_dict(Recipe, run["recipe"]), run["source"]
    where, allow_empty = request.data or stored["spec"], stored["allow_empty"] or request.allow_empty
    source = open_source(where, **spec.division(vars(old)), allow_empty=allow_empty)
    recipe, changes = _changes(request, run, old, source)
    compiled = run["compile"] if machine.compile is None else machine.compile
    if machine.checkpoint_activations and compiled:
        raise UsageError(f"{folder.path}: is compiled; {EXCLUSIVE}")
    if compiled != run["compile"]:
        changes["compile"] = (run["compile"], compiled)
    _refuse(folder, changes, allowed)
    bad_images = "skip" if "skip" in (stored["bad_images"], request.bad_images) else "error"
    source = check(source, bad=bad_images)
    check_recipe(recipe, len(source.splits["train"]))
    print(f"recipe {recipe.name}: as stored in {folder.path / RUN}")
    for key, (before, after) in changes.items():
        print(f"changed by request: {key} {before} -> {after}")
    stored |= {"spec": absolute(where), "name": source.name, "fingerprint": source.fingerprint}
    stored |= {"bad_images": bad_images, "allow_empty": allow_empty}
    run |= {"recipe": spec.to_dict(recipe), "compile": compiled, "changed": [*run["changed"], *changes]}
    went_back = Path(path).is_file()
    # what was saved after a checkpoint that was named is not to be gone on with any more
    run["branch"] = max(run["branch"], saved[2]["branch"] if saved else 0) + went_back
    begun = {} if saved is not None else {"grow_from": run["grow_from"], "weights": run.get("weights")}
    start = Start(recipe.seed, source.classes, **begun)
    network = make_network(run["network"]["name"], run["network"]["overrides"], start)
    forked = went_back or bool(changes)
    carry_out(folder, run, source, network, _statistics(source, recipe, saved), machine, saved, forked)
    return write_report(folder, source, machine)


def _statistics(source: Source, recipe: Recipe, saved: Saved | None) -> Statistics:
    """Those that were saved; of a run that never came to save any, measured again on the same pictures."""
    if saved is None:
        return measure(source.splits["train"], recipe.preprocess, recipe.augment)[1]
    return Statistics.of(runs.under("statistics.", saved[1]))


def _refuse(folder: RunFolder, changes: dict[str, tuple[Any, Any]], allowed: Collection[str]) -> None:
    """Refuse all changes that were not allowed, and those that would make another run of it."""
    fixed = [key for key in changes if key.split(".")[0] in FIXED]
    refused = [key for key in changes if key in fixed or not _is_allowed(key, allowed)]
    if not refused:
        return
    what = "; ".join(f"{key} {changes[key][0]} -> {changes[key][1]}" for key in refused)
    hint = f"{', '.join(fixed)} cannot change within a run, start a new one"
    if not fixed:
        hint = "to let it pass: " + " ".join(f"--allow-change {key}" for key in refused)
    raise UsageError(f"{folder.path}: resuming would change {what}; {hint}")


def _find(path: Path) -> tuple[RunFolder, Saved | None]:
    """The run folder and its newest checkpoint, or the one checkpoint that was named."""
    if path.is_file() and path.suffix == ".safetensors":
        tensors, state = runs.checkpoint.load(path)
        if "random.torch" not in tensors:
            raise UsageError(f"{path}: holds weights only; resume from {path.with_name(LAST)} or the run folder")
        return RunFolder.open(path.parent), (path, tensors, state)
    folder = RunFolder.open(path)
    return folder, folder.newest()


def _changes(
    request: Request, run: dict[str, Any], old: Recipe, source: Source
) -> tuple[Recipe, dict[str, tuple[Any, Any]]]:
    """The recipe to go on with, and what differs from the stored run: key -> (stored, asked for)."""
    changes: dict[str, tuple[Any, Any]] = {}
    values, axes = split_assignments(request.assignments)
    overrides = run["network"]["overrides"]
    if request.model is not None and papers.find(request.model).name != run["network"]["name"]:
        changes["model"] = (run["network"]["name"], request.model)
    changes |= {f"model.{key}": (overrides.get(key), axes[key]) for key in axes if overrides.get(key) != axes[key]}
    if list(source.classes) != run["classes"]:
        changes["classes"] = (_few(run["classes"]), _few(source.classes))
    elif source.fingerprint["sha256"] != run["source"]["fingerprint"]["sha256"]:
        changes["data"] = (_digest(run["source"]["fingerprint"]), _digest(source.fingerprint))
    if request.recipe is not None and request.recipe != old.name:
        changes["recipe"] = (old.name, request.recipe)
    base = old
    if request.epochs is not None and request.epochs != old.epochs:
        base, said = rescale(old, request.epochs)
        changes["epochs"] = (old.epochs, f"{request.epochs} ({', '.join(said)})")
    seed = [] if request.seed is None else [f"seed={request.seed}"]
    recipe = spec.override(base, [*values, *seed])
    before, after = spec.flatten(spec.to_dict(base)), spec.flatten(spec.to_dict(recipe))
    differing = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    changes |= {key: (before.get(key), after.get(key)) for key in differing}
    return recipe, changes


def _is_allowed(key: str, allowed: Collection[str]) -> bool:
    """A key may be named whole, by a part it lies in (`schedule`), or by its last word (`lr`)."""
    return any(key == name or key.startswith(name + ".") or key.endswith("." + name) for name in allowed)


def _few(classes: Collection[str]) -> str:
    names = list(classes)
    return f"{len(names)} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"


def _digest(fingerprint: dict[str, Any]) -> str:
    return f"{fingerprint['sha256'][:12]} {fingerprint['samples']}"
