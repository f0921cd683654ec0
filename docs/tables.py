"""Writes the tables and drawings of the READMEs and of docs/ from the papers' records, recipes and networks:
`python docs/tables.py`.

A page has a line `<!-- table: networks -->`, `results`, `papers`, `recipes` or `drawings` and, up to `<!-- end -->`,
the table. A test holds that pages and pictures are as this script would write them.
"""

from __future__ import annotations

import re
from pathlib import Path

from convnets import papers, recipes
from convnets.cli.recipe import optimizer, schedule
from convnets.draw.drawing import drawing, picture
from convnets.draw.timeline import timeline
from convnets.papers import Entry
from convnets.recipes import expected

DOCS = Path(__file__).parent
PAGES = [
    *(DOCS.parent / name for name in ("README.md", "README.zh-CN.md")),
    DOCS / "recipes.md",
    *sorted((DOCS / "papers").glob("*.md")),
]
DRAWN = {  # the networks whose drawings stand in a family's page
    "alexnet": ("alexnet",), "zfnet": ("zfnet",), "nin": ("nin_cifar",), "vgg": ("vgg16",), "googlenet": ("googlenet",),
    "bn_inception": ("bn_inception",), "inception_v3": ("inception_v3",), "resnet": ("resnet20", "resnet152"),
    "inception_v4": ("inception_v4", "inception_resnet_v2"), "preact_resnet": ("preact_resnet164",),
    "stochastic_depth": ("sd_resnet110",), "wide_resnet": ("wrn_28_10",), "xception": ("xception",),
    "resnext": ("resnext50_32x4d",), "densenet": ("densenet121",), "senet": ("se_resnet50", "senet154"),
    "bag_of_tricks": ("resnet50_d",),
}  # fmt: skip
SHOWN = 6  # names of a family in the table of papers
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def overview(entries: list[Entry]) -> str:
    """One line for each paper."""
    lines = ["| paper | year | networks | other libraries' readings |", "| --- | --- | --- | --- |"]
    for family in papers.families():
        own = [entry for entry in entries if entry.family == family]
        paper = own[0].paper
        mine, theirs = ([entry.name for entry in own if entry.peer == peer] for peer in (False, True))
        authors = paper.authors.split(", ")
        by = ", ".join(authors) if len(authors) < 4 else f"{authors[0]} et al."
        title = f"[{paper.title}](docs/papers/{family}.md), {by}"
        lines.append(f"| {title} | {paper.year} | {_names(mine)} | {_names(theirs)} |")
    return "\n".join(lines)


def _names(names: list[str]) -> str:
    shown = " ".join(f"`{name}`" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def networks(entries: list[Entry]) -> str:
    """Every network with its size, ours beside the paper's."""
    lines = ["| network | input | parameters | multiply-adds | published | departures |"]
    lines.append("| --- | --- | --: | --: | --- | --- |")
    for entry in entries:
        published = "; ".join(
            f"{figure.value:,.0f} {figure.quantity.replace('_', '-')} ({figure.where})" for figure in entry.published
        )
        numbers = ", ".join(map(str, entry.departures))
        departures = f"{numbers} of the peers' file" if entry.peer else numbers
        size = "x".join(map(str, entry.input))
        figures = f"{entry.parameters:,} | {entry.multiply_adds:,}"
        lines.append(f"| `{entry.name}` | {size} | {figures} | {published} | {departures} |")
    return "\n".join(lines)


def results(entries: list[Entry]) -> str:
    """Every published error of these networks."""
    lines = ["| network | test set | protocol | top-1 error | top-5 error | where |"]
    lines.append("| --- | --- | --- | --: | --: | --- |")
    for entry in entries:
        for result in entry.results:
            errors = [("" if error is None else f"{error:g} %") for error in (result.top1, result.top5)]
            where = f"{result.place}; {result.note}" if result.note else result.place
            lines.append(f"| `{entry.name}` | {result.dataset} | {result.protocol} | {' | '.join(errors)} | {where} |")
    return "\n".join(lines)


def every_recipe(entries: list[Entry]) -> str:
    """One line for each recipe of the papers, which are those of `entries`."""
    lines = ["| recipe | networks | epochs | batch | optimizer | schedule | the paper's protocols |"]
    lines.append("| --- | --- | --: | --: | --- | --- | --- |")
    families = {entry.family for entry in entries}
    for name, one in recipes.paper_recipes().items():
        if name.partition("/")[0] in families:
            recipe, own = one.recipe, [entry.name for entry in expected.networks(one) if not entry.peer]
            steps = f"{optimizer(recipe.optimizer)} | {schedule(recipe.schedule)}"
            tested = ", ".join(f"`{protocol}`" for protocol in recipe.protocols)
            lines.append(f"| `{name}` | {_names(own)} | {recipe.epochs} | {recipe.batch_size} | {steps} | {tested} |")
    return "\n".join(lines)


def drawings(entries: list[Entry]) -> str:
    """The pictures of a family, each with the command that draws it."""
    return "\n\n".join(f"`convnets draw {name}`:\n\n![{name}]({name}.svg)" for name in DRAWN[entries[0].family])


def pictures() -> dict[Path, str]:
    """What every picture of the pages is."""
    drawn = {DOCS / "papers" / f"{name}.svg": picture(drawing(name)) for names in DRAWN.values() for name in names}
    return drawn | {DOCS / "images" / "timeline.svg": timeline()}


def rendered(page: Path) -> str:
    """The page with its tables as the records have them."""
    every = [papers.find(name) for name in papers.names()]
    entries = [entry for entry in every if entry.family == page.stem] or every
    tables = {"papers": overview, "networks": networks, "results": results, "recipes": every_recipe}
    tables["drawings"] = drawings
    text = page.read_text(encoding="utf-8")
    return BLOCK.sub(lambda block: f"{block[1]}{tables[block[2]](entries)}\n{block[3]}", text)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(rendered(path), encoding="utf-8")
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
