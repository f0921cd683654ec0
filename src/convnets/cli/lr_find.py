"""`convnets lr-find`: which learning rates a network bears."""

from __future__ import annotations

import json

import click

from .. import papers
from .common import device_option, pick_device, picture_path, table


@click.command(short_help="Learning rates a network bears, by a range test.")
@click.argument("name")
@click.option("--data", "--data-dir", metavar="SRC", required=True, help="Pictures, named as for train.")
@click.option("--recipe", metavar="R", help="As for train  [default: the network's own].")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A field of the recipe, or model.AXIS.")
@click.option("--batch-size", "-b", type=int, metavar="N", help="Same as --set batch_size=N.")
@click.option("--from", "lowest", type=float, default=1e-5, show_default=True, help="Rate of the first step.")
@click.option("--to", "highest", type=float, default=10.0, show_default=True, help="Rate of the last step.")
@click.option("--steps", type=int, default=100, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", metavar="FILE", help="The picture  [default: lr-find-NAME.png].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@device_option
def command(
    name: str, data: str, recipe: str | None, assignments: tuple[str, ...], batch_size: int | None, lowest: float,
    highest: float, steps: int, seed: int, out: str | None, as_json: bool, device: str,
) -> None:  # fmt: skip
    """Train a throw-away NAME on --data while the learning rate grows at every step, and draw the loss against it."""
    from ..evaluate.pictures import draw_rates
    from ..train.lr_find import find_rate
    from ..train.machine import Machine
    from ..train.plan import Request, make_plan

    path = picture_path(out or f"lr-find-{papers.find(name).name}.png")
    given = [] if batch_size is None else [f"batch_size={batch_size}"]
    plan = make_plan(Request(name, data, recipe, None, seed, [*given, *assignments]))
    result = find_rate(plan, Machine(pick_device(device)), lowest, highest, steps)
    title = f"{plan.name} on {plan.source.name}, batches of {plan.recipe.batch_size}"
    draw_rates(result.rates, result.losses, result.smoothed, result.suggestion, path, title)
    if as_json:
        about = {"suggestion": result.suggestion, "recipe": plan.recipe.name, "recipe_rate": plan.recipe.optimizer.lr}
        points = {"rates": result.rates, "losses": result.losses, "smoothed": result.smoothed}
        click.echo(json.dumps({**about, **points, "picture": str(path)}))
        return
    shown = range(0, len(result.rates), max(1, len(result.rates) // 12))
    rows = [(f"{result.rates[i]:.2g}", f"{result.losses[i]:.3f}", f"{result.smoothed[i]:.3f}") for i in shown]
    click.echo(table(["rate", "loss", "smoothed"], rows, right={0, 1, 2}))
    falling = result.smoothed[-1] == min(result.smoothed)
    more = f"\nthe loss was still falling at the last rate: try --to {10 * highest:g}" if falling else ""
    click.echo(
        f"\nsuggestion: --lr {result.suggestion:.2g} (a tenth of the rate where the loss was lowest); "
        f"recipe {plan.recipe.name} has {plan.recipe.optimizer.lr:g}{more}\npicture: {path}"
    )
