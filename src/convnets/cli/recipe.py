"""`convnets recipe list` and `convnets recipe show`: how the papers trained, value by value with its source."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator
from typing import Any

import click

from .. import papers, recipes
from ..errors import UsageError
from ..recipes import expected
from ..recipes.finetune import finetune
from ..recipes.quick import quick
from ..spec import (
    RAW,
    SGD,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Optimizer,
    Plateau,
    Polynomial,
    Recipe,
    Schedule,
    Step,
    flatten,
    to_dict,
)
from .common import table

GROUPS = ("optimizer", "schedule", "warmup", "preprocess", "augment", "model")
TITLES = ("run", *GROUPS)
# A field says nothing while another one has this value: of a warm-up of no epochs, say, the shape.
IDLE: dict[str, tuple[str, Any]] = {
    "warmup.start": ("warmup.epochs", 0),
    "warmup.shape": ("warmup.epochs", 0),
    "warmup.until_error": ("warmup.epochs", 0),
    "optimizer.nesterov": ("optimizer.momentum", 0),
    "augment.pad_mode": ("augment.pad", 0),
    "augment.aspect": ("augment.area", None),
    "augment.any_filter": ("augment.area", None),
    "augment.pairing.begin": ("augment.pairing.end", 0),
    "augment.pairing.on": ("augment.pairing.end", 0),
    "augment.pairing.off": ("augment.pairing.end", 0),
}
HIDDEN = ("seed", "accumulate", "channels_last", "preprocess.channels")
OFF: tuple[Any, ...] = (0, False, None, "none", "shuffled", "auto", "bilinear", "channel", "zero")
DATA = {"imagenet": "ILSVRC"}  # what --data is given, where it is not the data set's name
EXAMPLE: dict[str, Any] = {"pictures": 45_000, "size": 32, "side": 32, "channels": 3, "normalised": True}


@click.group(short_help="Recipes of the papers, with their sources.")
def command() -> None:
    """How networks are trained: the papers' recipes, each value with its place in the paper or marked as ours."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def list_(as_json: bool) -> None:
    """All recipes that `convnets train --recipe` takes."""
    known = recipes.paper_recipes().values()
    if as_json:
        click.echo(json.dumps([_about(one) for one in known], indent=2))
        return
    header = ["recipe", "data set", "networks", "epochs", "batch", "optimizer", "schedule", "source"]
    fitted = "fitted to the data, for every network", "", "", "", ""
    rows: list[list[object]] = [[name, "any", *fitted, "ours"] for name in recipes.OURS]
    for one in known:
        recipe = one.recipe
        rows.append([recipe.name, one.dataset, _networks(one), recipe.epochs, recipe.batch_size,
                     optimizer(recipe.optimizer), schedule(recipe.schedule), recipe.source])  # fmt: skip
    click.echo(table(header, rows, right={3, 4}))
    click.echo(f"\n{len(rows)} recipes; `convnets recipe show NAME` shows one, or those of a network")


@command.command("show")
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Also the fields that do nothing here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def show(name: str, everything: bool, as_json: bool) -> None:
    """One recipe value by value: where the paper gives it, or that it is ours. Of a network, its recipes."""
    if name in recipes.OURS:
        _show_ours(name, everything, as_json)
    elif name in recipes.paper_recipes():
        _show_paper(recipes.paper_recipes()[name], everything, as_json)
    else:
        _show_network(_entry(name), as_json)


def _entry(name: str) -> papers.Entry:
    """The network of this name. Raises UsageError with the recipes and networks that come close."""
    try:
        return papers.find(name)
    except UsageError:
        close = difflib.get_close_matches(name, [*recipes.names(), *papers.names()], 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "`convnets recipe list` names the recipes"
        raise UsageError(f"no recipe or network called {name!r}; {hint}") from None


def _show_ours(name: str, everything: bool, as_json: bool) -> None:
    recipe = {"quick": quick, "finetune": finetune}[name](**EXAMPLE)
    if as_json:
        about = {"name": name, "source": "ours", "example": EXAMPLE, "recipe": to_dict(recipe)}
        click.echo(json.dumps(about, indent=2))
        return
    click.echo(f"{name}: ours, fitted to the data; for {EXAMPLE['pictures']:,} pictures of 32x32 it is\n")
    click.echo(_values(recipes.PaperRecipe(recipe, "", ""), everything))


def _show_network(entry: papers.Entry, as_json: bool) -> None:
    own = [one for one in recipes.paper_recipes(entry.family).values() if one.trains(entry.name)]
    if as_json:
        click.echo(json.dumps({"network": entry.name, "recipes": [_about(one) for one in own]}, indent=2))
        return
    if not own:
        click.echo(f"{entry.name}: its paper has no recipe for it; `convnets train` takes quick")
        return
    rows = [[one.recipe.name, one.dataset, "default" if recipes.default(entry, one.dataset) is one else "--recipe",
             one.recipe.source] for one in own]  # fmt: skip
    click.echo(f"{entry.name} is trained by\n")
    click.echo(table(["recipe", "data set", "taken", "source"], rows))
    click.echo("\nOn all other data: quick.")


def _show_paper(one: recipes.PaperRecipe, everything: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_about(one) | _details(one), indent=2))
        return
    names = ", ".join(entry.name for entry in expected.networks(one))
    about = f"{one.recipe.name}: {one.recipe.source}", f"on {one.dataset}, for {names}"
    click.echo("\n".join(textwrap.fill(line, 118, subsequent_indent="   ") for line in about) + "\n")
    click.echo(_values(one, everything))
    click.echo("\nWhat else the paper says")
    for fact in one.facts:
        text = f"{fact.what}: {fact.value} ({fact.where})"
        click.echo(textwrap.fill(text, 118, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    click.echo(f"\n{_expected(one)}\n\n{_cost(one)}\n\n{_command(one)}")


def _values(one: recipes.PaperRecipe, everything: bool) -> str:
    """The fields as a table, group by group."""
    flat, rows = _flat(one.recipe), []
    for title in TITLES:
        keys = sorted((key for key in flat if _group(key) == title), key=lambda key: not key.endswith(".kind"))
        shown = [key for key in keys if everything or matters(key, one)]
        for heading, key in zip((title, *[""] * len(shown)), shown, strict=False):
            rows.append([heading, key.removeprefix(title + "."), value_text(key, flat[key]), one.place(key) or "ours"])
    return table(["", "field", "value", "where"], rows)


def _flat(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in flatten(to_dict(recipe)).items() if key not in ("name", "source")}


def _group(key: str) -> str:
    head = key.partition(".")[0]
    return head if head in GROUPS else "run"


def matters(key: str, one: recipes.PaperRecipe) -> bool:
    """Whether a field changes anything here: not where nothing reads it, nor where it is switched off by default."""
    recipe, flat, where = one.recipe, _flat(one.recipe), one.place(key)
    other, idle = IDLE.get(key, ("", None))
    unread = key in ("preprocess.mean", "preprocess.std") and recipe.preprocess.contrast
    own_split = key == "val_fraction" and one.dataset == "imagenet"
    if key in HIDDEN or unread or own_split or (other and flat[other] == idle):
        return False
    if key in ("optimizer.bias_rate", "optimizer.head_rate"):
        return bool(flat[key] != 1)
    default = _flat(Recipe(optimizer=type(recipe.optimizer)(), schedule=type(recipe.schedule)())).get(key)
    return where is not None or flat[key] != default or flat[key] not in OFF


def value_text(key: str, value: Any) -> str:
    """A value as it is read best."""
    if key in ("preprocess.mean", "preprocess.std"):
        if not value:
            return "of the training pictures"
        if set(value) == {RAW[0]}:
            return "1/255 each: pixels stay at 0..255"
    if isinstance(value, list | tuple):
        return ", ".join(value_text("", item) for item in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def optimizer(one: Optimizer) -> str:
    """An optimizer in a few words."""
    nesterov = " nesterov" if isinstance(one, SGD) and one.nesterov else ""
    return f"{one.kind}{nesterov} {one.lr:g}, decay {one.weight_decay:g}"


def schedule(one: Schedule) -> str:
    """A schedule in a few words."""
    match one:
        case Constant():
            return "constant"
        case Step(milestones, factor):
            return f"x{factor:g} at {', '.join(f'{milestone:g}' for milestone in milestones)}"
        case Plateau(factor, _, drops):
            return f"x{factor:g} on a plateau, {drops} times"
        case Exponential(factor, every, _):
            return f"x{factor:g} every {every:.3g}"
        case Polynomial(power):
            return f"polynomial, power {power:g}"
        case Linear():
            return "linear"
        case Cosine():
            return "cosine"
        case OneCycle():
            return "one cycle"


def _networks(one: recipes.PaperRecipe) -> str:
    """The first of its networks and how many more there are; in brackets where it has to be asked for."""
    entries = expected.networks(one)
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return entries[0].name + more + ("" if _defaults(one) else ", asked for")


def _defaults(one: recipes.PaperRecipe) -> list[str]:
    """The networks whose default it is."""
    return [entry.name for entry in expected.networks(one) if recipes.default(entry, one.dataset) is one]


def _expected(one: recipes.PaperRecipe) -> str:
    rows = []
    for name, result in expected.results(one):
        errors = ["" if error is None else f"{error:g} %" for error in (result.top1, result.top5)]
        rows.append([name, result.dataset, result.protocol, *errors, result.where, result.note])
    if not rows:
        return "Expected: the paper prints no result of these networks."
    return table(["expected of", "test set", "protocol", "top-1", "top-5", "where", "note"], rows, right={3, 4})


def _cost(one: recipes.PaperRecipe) -> str:
    """Multiply-adds of each network's whole training, a step counted as three forward passes."""
    rows = []
    for entry in expected.networks(one):
        rows.append([entry.name, f"{entry.multiply_adds:,}", amount(expected.multiply_adds(one, entry))])
    seen = f"{expected.pictures(one):,} pictures x {one.recipe.epochs} epochs x {expected.STEP}"
    return table(["cost of", "multiply-adds", f"x {seen}"], rows, right={1, 2})


def amount(value: int) -> str:
    """A number of multiply-adds in exa (10^18), peta (10^15) or tera (10^12)."""
    name, unit = next(((n, u) for n, u in (("exa", 1e18), ("peta", 1e15)) if value >= u), ("tera", 1e12))
    return f"{value / unit:,.3g} {name}"


def _command(one: recipes.PaperRecipe) -> str:
    """How to run it, on a network that the paper has a result of, where there is one."""
    name = next((name for name, _ in expected.results(one)), expected.networks(one)[0].name)
    asked = "" if recipes.default(papers.find(name), one.dataset) is one else f" --recipe {one.recipe.name}"
    return f"convnets train {name} --data {DATA.get(one.dataset, one.dataset)}{asked}"


def _about(one: recipes.PaperRecipe) -> dict[str, Any]:
    recipe = one.recipe
    return {
        "name": recipe.name,
        "source": recipe.source,
        "dataset": one.dataset,
        "networks": [entry.name for entry in expected.networks(one)],
        "default_of": _defaults(one),
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": optimizer(recipe.optimizer),
        "schedule": schedule(recipe.schedule),
    }


def _details(one: recipes.PaperRecipe) -> dict[str, Any]:
    return {
        "recipe": to_dict(one.recipe),
        "places": {key: one.place(key) or "ours" for key in _flat(one.recipe)},
        "facts": [fact._asdict() for fact in one.facts],
        "expected": list(_json_results(one)),
        "multiply_adds": {entry.name: expected.multiply_adds(one, entry) for entry in expected.networks(one)},
        "pictures": expected.pictures(one),
        "command": _command(one),
    }


def _json_results(one: recipes.PaperRecipe) -> Iterator[dict[str, Any]]:
    for name, result in expected.results(one):
        yield {"network": name, "test_set": result.dataset, "protocol": result.protocol, "top1": result.top1,
               "top5": result.top5, "where": result.where, "note": result.note}  # fmt: skip
