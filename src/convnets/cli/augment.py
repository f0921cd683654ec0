"""`convnets augment`: what training makes of a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import papers, recipes, spec
from ..errors import DataError, UsageError
from .common import load_run, picture_path

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..data import Source, Statistics
    from ..spec import Recipe

NETWORK = "resnet18"  # that quick and finetune are shown for
ANY = 1 << 40  # training pictures: a recipe is shown for any number


@click.command(short_help="What training makes of a picture, as a contact sheet.")
@click.argument("run_or_recipe", metavar="RUN|RECIPE")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option("--data", "--data-dir", metavar="SRC", help="Pictures to take a recipe's statistics from.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A field of the recipe.")
@click.option("-n", "count", type=click.IntRange(1, 96), default=24, show_default=True, help="Views of a picture.")
@click.option("--epoch", type=click.IntRange(1), default=1, show_default=True, help="The epoch they are seen in.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", metavar="FILE", default="augment.png", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    run_or_recipe: str, pictures: tuple[str, ...], data: str | None, assignments: tuple[str, ...], count: int,
    epoch: int, seed: int, out: str, as_json: bool,
) -> None:  # fmt: skip
    """Draw what a network sees of each PICTURE in training: by the recipe of RUN, or by RECIPE (`recipe list`).

    Of several pictures, those that the recipe mixes are mixed with each other. A RECIPE's colour statistics, mean image
    and whitening are measured on --data; without it, the first on the given pictures, and the others are left out.
    """
    from ..evaluate.pictures import draw_predictions

    picture_path(out)
    recipe, statistics, where = _recipe(run_or_recipe, assignments, data, pictures)
    views = _views(recipe, statistics, pictures, count, epoch - 1, seed)
    title = f"{recipe.name}, epoch {epoch}, seed {seed}"
    draw_predictions([(view, text, None) for view, text in views], out, title)
    changes = _changes(recipe)
    if as_json:
        click.echo(json.dumps({"recipe": recipe.name, "changes": changes, "statistics": where, "picture": out}))
        return
    click.echo("\n".join(f"{key} = {value}" for key, value in changes.items()) or "nothing is changed")
    click.echo(f"statistics: {where}\n{len(views)} pictures: {out}")


def _recipe(
    name: str, assignments: tuple[str, ...], data: str | None, pictures: tuple[str, ...]
) -> tuple[Recipe, Statistics, str]:
    """The recipe, the statistics that it needs, and where they are from."""
    from ..data import measure, open_source
    from ..train.check import check_recipe

    if Path(name).exists():
        loaded = load_run(name, None, None)
        if "recipe" not in loaded.state:
            raise UsageError(f"{name}: plain weights do not say how they were trained; name a recipe")
        stored = spec.from_dict(spec.Recipe, loaded.state["recipe"])
        recipe = spec.override(stored, assignments)
        check_recipe(recipe, ANY)
        return recipe, loaded.statistics, f"stored in {loaded.path}"
    source = open_source(data) if data else _given(pictures)
    if "train" not in source.splits:
        raise DataError(f"{data}: has no train split to measure statistics on; give a folder of class folders")
    recipe = spec.override(_find(name, source), assignments)
    check_recipe(recipe, ANY)
    if not data:  # of a few pictures, a mean image or whitening would show nothing but what sets them apart
        recipe = spec.override(recipe, ["preprocess.subtract=channel", "preprocess.contrast=0", "preprocess.whiten=0"])
    preprocess, statistics = measure(source.splits["train"], recipe.preprocess, recipe.augment)
    recipe = spec.override(recipe, [f"preprocess.mean={preprocess.mean}", f"preprocess.std={preprocess.std}"])
    return recipe, statistics, f"measured on {data or 'the given pictures'}"


def _find(name: str, source: Source) -> Recipe:
    """The recipe; those that are ours are fitted to the data."""
    from ..train.choose import choose_recipe

    if name not in recipes.OURS:
        return recipes.find(name)
    recipe, _ = choose_recipe(name, papers.find(NETWORK), source)
    return recipe


def _given(paths: tuple[str, ...]) -> Source:
    """The pictures as a data set."""
    import numpy as np

    from ..data import Source, Split, read_picture
    from ..data.pictures import MemoryPictures, Names

    arrays = [read_picture(path) for path in paths]
    labels = np.arange(len(arrays))
    split = Split(MemoryPictures(arrays, Names("given", labels)), labels)
    return Source("given", tuple(paths), {"train": split}, 3, None, {})


def _views(
    recipe: Recipe, statistics: Statistics, paths: tuple[str, ...], count: int, epoch: int, seed: int
) -> list[tuple[np.ndarray, str]]:
    """Each picture as it is tested, then its training views, with their titles; as pixels again."""
    import numpy as np
    import torch

    from ..data import Batch, Finish, normalise, prepare, read_picture
    from ..data.augment import augment_picture
    from ..data.statistics import stacked

    pictures = [read_picture(path, channels=recipe.preprocess.channels) for path in paths]
    found: list[tuple[np.ndarray, str]] = []
    for index, path in enumerate(paths):
        alone = stacked([prepare(pictures[index], recipe.preprocess, statistics)], recipe.preprocess, statistics)
        plain = torch.from_numpy(alone).permute(0, 3, 1, 2)
        tested = normalise(plain, recipe.preprocess, statistics)
        found.append((_pixels(tested, recipe, statistics)[0], Path(path).name))
        # views of this picture and the next one in turns, which is then what they are mixed with
        shown = [index if view % 2 == 0 else (index + 1) % len(paths) for view in range(2 * count)]
        crops = [
            augment_picture(pictures[one], recipe.preprocess, recipe.augment, seed, epoch, view, statistics)
            for view, one in enumerate(shown)
        ]
        images = torch.from_numpy(stacked(crops, recipe.preprocess, statistics)).permute(0, 3, 1, 2)
        batch = Batch(images, torch.tensor(shown), np.arange(len(shown)))
        finish = Finish(recipe.preprocess, statistics, recipe.augment, seed)
        mixed = finish(batch, epoch, torch.device("cpu"))
        found += [(view, "") for view in _pixels(mixed.images[::2], recipe, statistics)]
    return found


def _pixels(images: torch.Tensor, recipe: Recipe, statistics: Statistics) -> list[np.ndarray]:
    """Network inputs (B, C, H, W) as uint8 (H, W, C): normalised back, or after whitening spread around grey."""
    import torch

    preprocess, channels = recipe.preprocess, images.shape[1]
    if preprocess.contrast or preprocess.whiten:
        levels = 128 + 40 * images / images.std()
    else:
        mean, std = preprocess.mean or (0.0,) * channels, preprocess.std or (1.0,) * channels
        colour = torch.tensor(mean) * 255
        if statistics.mean_image is not None:
            colour = torch.from_numpy(statistics.mean_image).mean((0, 1))
        levels = images * 255 * torch.tensor(std).view(-1, 1, 1) + colour.view(-1, 1, 1)
    return list(levels.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def _changes(recipe: Recipe) -> dict[str, object]:
    """The fields of `augment` that are not as in a recipe that changes nothing."""
    nothing = spec.flatten(spec.to_dict(spec.Augment()))
    own = spec.flatten(spec.to_dict(recipe.augment))
    return {f"augment.{key}": value for key, value in own.items() if value != nothing[key]}
