"""The picture of a result: its claim's own kind of figure, as SVG."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ..experiments import Experiment
from .verdict import compared

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")  # Okabe and Ito
COLUMNS = 4  # of pictures
COSTS = "multiply_adds", "seconds"  # which are seen by their share
UNIT_WIDTH = 44  # letters of a line over the dots
Values = dict[str, Any]
Results = dict[str, dict[int, Values]]


def draw(experiment: Experiment, results: Results) -> str:
    """The figure as SVG text."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
                                "axes.spines.right": False, "svg.hashsalt": experiment.id}):  # fmt: skip
        lines = -(-len(experiment.arms) // COLUMNS) if experiment.figure == "pictures" else 1
        kind = KINDS.get(experiment.figure)  # none where the dots say it all
        shares, wide = ((3, 2), 9) if kind else ((1,), 5)
        size = wide, max(3.4, 1.7 * lines)
        figure, axes = plt.subplots(1, len(shares), figsize=size, width_ratios=shares, squeeze=False)
        if kind:
            kind(axes[0, 0], experiment, results)
        dots(axes[0, -1], experiment, results)
        figure.suptitle(experiment.title, fontsize=11)
        figure.tight_layout()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def dots(axis: Any, experiment: Experiment, results: Results) -> None:
    """What is compared: each seed a dot, the mean a line; triangles where it did not come, and would be higher."""
    shown = compared(experiment, results)
    for place, by_seed in enumerate(shown.values()):
        found = [one for one in by_seed.values() if one.get(experiment.metric) is not None]
        values = [float(one[experiment.metric]) for one in found]
        colour = COLOURS[place % len(COLOURS)]
        for value, one in zip(values, found, strict=True):
            came = experiment.metric != "epochs_to" or one.get("reached", True)
            axis.plot(place, value, "o" if came else "^", color=colour, alpha=0.7, markersize=5)
        if values:
            axis.hlines(np.mean(values), place - 0.3, place + 0.3, color=colour, linewidth=2)
    turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len(shown) > 3 else {}
    axis.set_xticks(range(len(shown)), list(shown), **turned)
    axis.set_xlim(-0.6, len(shown) - 0.4)
    axis.set_title(textwrap.fill(experiment.unit, UNIT_WIDTH), fontsize=9)
    if experiment.metric in COSTS:
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])


def legend(axis: Any) -> None:
    """Names the lines, where there are any."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, fontsize=8)


def curves(axis: Any, experiment: Experiment, results: Results) -> None:
    """Test error (lines) and training error (dotted) by epoch: means over seeds, and the range."""
    for place, (arm, by_seed) in enumerate(results.items()):
        colour = COLOURS[place % len(COLOURS)]
        for key, style in (("test_error", "-"), ("train_error", ":")):
            lines = [one["curves"][key] for one in by_seed.values() if one.get("curves", {}).get(key)]
            if not lines:
                continue
            epochs = min(map(len, lines))
            grid = np.array([line[:epochs] for line in lines])
            axis.plot(range(1, epochs + 1), grid.mean(0), style, color=colour, marker="." if epochs == 1 else None,
                      label=arm if key == "test_error" else None)  # fmt: skip
            if key == "test_error":
                axis.fill_between(range(1, epochs + 1), grid.min(0), grid.max(0), color=colour, alpha=0.15, linewidth=0)
    axis.set_xlabel("epoch")
    axis.set_ylabel("% error: test, and in training (dotted)")
    legend(axis)


def _lines(key: str, x: str, y: str, log: bool = False) -> Callable[[Any, Experiment, Results], None]:
    """A figure of one line for each arm: the list under `key`, averaged over seeds."""

    def kind(axis: Any, experiment: Experiment, results: Results) -> None:
        for place, (arm, by_seed) in enumerate(results.items()):
            lines = [one[key] for one in by_seed.values() if one.get(key)]
            if lines:
                mean = np.array(lines).mean(0)
                axis.plot(range(1, len(mean) + 1), mean, ".-", color=COLOURS[place % len(COLOURS)], label=arm)
        axis.set_yscale("log" if log else "linear")
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        legend(axis)

    return kind


def pictures(axis: Any, experiment: Experiment, results: Results) -> None:
    """What the arms drew, side by side."""
    from PIL import Image

    shown = {_named(arm, one): one["picture"]
             for arm, by_seed in results.items() for one in by_seed.values() if "picture" in one}  # fmt: skip
    columns = min(COLUMNS, max(1, len(shown)))
    axis.set_axis_off()
    for place, (arm, text) in enumerate(shown.items()):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
        row, column = divmod(place, columns)
        rows = -(-len(shown) // columns)
        inner = axis.inset_axes([column / columns, 1 - (row + 1) / rows, 0.94 / columns, 0.7 / rows])
        inner.imshow(pixels)
        inner.set_axis_off()
        inner.set_title(arm, fontsize=7)


def _named(arm: str, values: Values) -> str:
    """An arm's picture, with the deviation of what it drew where the picture was stretched by it."""
    return f"{arm}\n± {values['deviation']:.1g}" if "deviation" in values else arm


def percentiles(axis: Any, experiment: Experiment, results: Results) -> None:
    """Three percentiles over the steps of the first seed's run of each arm."""
    for place, (arm, by_seed) in enumerate(results.items()):
        rows = np.array(by_seed[min(by_seed)].get("percentiles", [])) if by_seed else np.zeros(0)
        if len(rows):
            steps = by_seed[min(by_seed)]["percentiles_every"] * np.arange(1, len(rows) + 1)
            for index, style in enumerate((":", "-", "--")):
                axis.plot(steps, rows[:, index], style, color=COLOURS[place], linewidth=1,
                          label=f"{arm}: 15, 50, 85 %" if style == "-" else None)  # fmt: skip
    axis.set_xlabel("step")
    axis.set_ylabel("input of a sigmoid")
    legend(axis)


def reuse(axis: Any, experiment: Experiment, results: Results) -> None:
    """The weights of the first arm's first seed on earlier layers, block by block."""
    by_seed = next(iter(results.values()), {})
    maps = by_seed[min(by_seed)].get("reuse", {}) if by_seed else {}
    axis.set_axis_off()
    for place, (name, rows) in enumerate(maps.items()):
        grid = np.full((len(rows), len(rows)), np.nan)
        for row, line in enumerate(rows):
            grid[row, : len(line)] = line
        inner = axis.inset_axes([place / len(maps), 0.05, 0.9 / len(maps), 0.85])
        inner.imshow(grid.T, cmap="viridis", vmin=0, vmax=1, origin="upper")
        inner.set_title(name, fontsize=8)
        inner.set_xlabel("layer", fontsize=8)
        inner.set_ylabel("uses the output of" if not place else "", fontsize=8)
        inner.tick_params(labelsize=6)


def evolution(axis: Any, experiment: Experiment, results: Results) -> None:
    """How far each layer is from its final weights, by epoch, mean over seeds."""
    by_seed = next(iter(results.values()), {})
    grids = [np.array(one["evolution"]) for one in by_seed.values() if one.get("evolution")]
    for number, line in enumerate(np.mean(grids, 0) if grids else []):
        axis.plot(range(len(line)), line, color=COLOURS[number % len(COLOURS)], label=f"layer {number + 1}")
    axis.set_xlabel("epoch")
    axis.set_ylabel("distance from the final weights")
    legend(axis)


def efficiency(axis: Any, experiment: Experiment, results: Results) -> None:
    """The metric by the number of parameters: a line for each family, which is an arm's name less its last word."""
    families: dict[str, list[tuple[float, float, float]]] = {}
    for arm, by_seed in results.items():
        values = [float(one[experiment.metric]) for one in by_seed.values() if one.get(experiment.metric) is not None]
        sizes = [one["parameters"] for one in by_seed.values() if "parameters" in one]
        if values and sizes:
            point = sizes[0] / 1e6, float(np.mean(values)), float(np.ptp(values) / 2)
            families.setdefault(arm.rpartition(" ")[0], []).append(point)
    for place, (family, points) in enumerate(families.items()):
        x, y, reach = zip(*sorted(points), strict=True)
        axis.errorbar(x, y, reach, fmt=".-", capsize=3, color=COLOURS[place], label=family)
    axis.set_xscale("log")
    axis.set_xlabel("parameters, millions")
    axis.set_ylabel(experiment.unit)
    legend(axis)


KINDS: dict[str, Callable[[Any, Experiment, Results], None]] = {
    "curves": curves,
    "layers": _lines("gradients", "layer", "norm of the gradient", log=True),
    "responses": _lines("responses", "layer", "deviation of the response"),
    "lesions": _lines("without_one", "block left out", "% test error"),
    "filters": _lines("filters", "first-layer filter, by size", "root mean square", log=True),
    "excitations": _lines("excitations", "unit", "deviation between classes"),
    "drift": _lines("drift", "25 steps", "length of the bias"),
    "percentiles": percentiles,
    "reuse": reuse,
    "efficiency": efficiency,
    "evolution": evolution,
    "pictures": pictures,
}
