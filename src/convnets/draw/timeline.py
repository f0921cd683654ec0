"""The family tree of the networks, and their published errors against multiply-adds and parameters, as one picture."""

from __future__ import annotations

import html
import math
import re
from functools import cache
from typing import Any, NamedTuple

from .. import papers
from . import svg

# whom each paper builds on, and what it adds
TREE: dict[str, tuple[tuple[str, ...], str]] = {
    "alexnet": ((), "deep, ReLU, dropout"),
    "zfnet": (("alexnet",), "seen from inside"),
    "nin": (("alexnet",), "1×1, global average"),
    "vgg": (("alexnet",), "only 3×3, deep"),
    "googlenet": (("nin",), "branches"),
    "bn_inception": (("googlenet",), "batch normalisation"),
    "inception_v3": (("bn_inception",), "factorised filters"),
    "resnet": (("vgg",), "shortcuts"),
    "inception_v4": (("inception_v3", "resnet"), "residual Inception"),
    "xception": (("inception_v3",), "depthwise separable"),
    "preact_resnet": (("resnet",), "identity all the way"),
    "stochastic_depth": (("resnet",), "layers left out"),
    "wide_resnet": (("preact_resnet",), "wide, not deep"),
    "densenet": (("resnet",), "all earlier layers"),
    "resnext": (("resnet",), "many equal branches"),
    "senet": (("resnext",), "channels weighed"),
    "bag_of_tricks": (("resnet",), "training recipes"),
}
LANES = {  # which line of the tree a family is on
    "alexnet": 2, "zfnet": 0, "nin": 1, "vgg": 3, "googlenet": 1, "bn_inception": 0, "inception_v3": 1, "resnet": 3.5,
    "xception": 0, "inception_v4": 1, "stochastic_depth": 2, "densenet": 3, "preact_resnet": 4, "wide_resnet": 5,
    "resnext": 6, "senet": 5, "bag_of_tricks": 3.5,
}  # fmt: skip
MANY = re.compile(r"networks|with five")  # results of several networks together
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9")  # Okabe and Ito, the yellow darkened
SIGNS = ("circle", "square", "diamond")
WIDE, TOP, LANE, CARD, HEIGHT, PLOT = 1200.0, 92.0, 52.0, 142.0, 40.0, 540.0
GAP = (WIDE - 48 - CARD) / 6 - CARD  # between the cards of two years
SETS = papers.TEST_SETS["imagenet val"][1]
LEAST, MOST = 3.6, 20.0  # per cent


Place = tuple[float, float, float, float]  # left, top, right and bottom
PLACES = ((8.0, 3.5, "start"), (-8.0, 3.5, "end"), (0.0, -8.0, "middle"), (0.0, 15.0, "middle"), *(
    (side * far, down, "start" if side > 0 else "end") for far in (14.0, 26.0, 38.0) for side in (1, -1)
    for down in (-far, far + 6)))  # where a name may stand, the nearest first


class Point(NamedTuple):
    """A published result of a network by itself."""

    name: str
    family: str
    error: float
    multiply_adds: float
    parameters: float
    protocol: str
    place: str


def is_single(protocol: str) -> bool:
    """Whether one view of the picture was enough; VGG's is the whole picture."""
    return protocol.startswith(("1 crop", "one view", "dense, S"))


def points() -> list[Point]:
    """The published top-5 error of every network that has one: of one crop where there is one, else of ten."""
    found = []
    for name in papers.names():
        entry = papers.find(name)
        there = [result for result in entry.results if result.top5 is not None and result.dataset.startswith(SETS)
                 and not entry.peer and not MANY.search(result.protocol)]  # fmt: skip
        single = [result for result in there if is_single(result.protocol)]
        best = sorted([*single] or there, key=lambda result: bool(result.note) + bool(result.source))
        if chosen := next(iter(best), None):
            found.append(Point(name, entry.family, chosen.top5 or 0.0, entry.multiply_adds / 1e9,
                               entry.parameters / 1e6, chosen.protocol, chosen.place))  # fmt: skip
    return found


def as_json() -> dict[str, Any]:
    """What the picture shows: the families with their years and whom they build on, and the published results."""
    tree = [{"family": family, "year": _years()[family], "builds_on": list(parents), "idea": idea}
            for family, (parents, idea) in TREE.items()]  # fmt: skip
    return {"tree": tree, "points": [point._asdict() for point in points()]}


def timeline() -> str:
    """The picture as SVG."""
    bottom = TOP + LANE * (max(LANES.values()) + 1)
    shapes = [svg.text(24, 38, "From AlexNet to SENet", f"{svg.INK} title"),
              svg.text(24, 58, "Who builds on whom, and top-5 errors on ImageNet that the authors report", svg.MUTED),
              *_tree(), svg.text(24, bottom + 22, "Top-5 error in per cent", f"{svg.INK} bold")]  # fmt: skip
    shown = points()
    half = WIDE / 2
    shapes += _plot(shown, 24, bottom + 34, half - 44, "multiply_adds", "thousand million multiply-adds")
    shapes += _plot(shown, half + 20, bottom + 34, half - 44, "parameters", "million parameters")
    note = ("Filled: one view of a picture. Hollow: ten or more, or not said. Pointed at, each says its name and "
            "source. Costs are at the network's own input size, also where it was tested at another.")  # fmt: skip
    shapes.append(svg.text(24, bottom + PLOT + 84, note, f"{svg.MUTED} small"))
    return svg.document(WIDE, bottom + PLOT + 100, "The family tree of the networks", [_colours(), *shapes])


def _colours() -> str:
    rules = (f".h{n}{{fill:{hue}}}.o{n}{{stroke:{hue};fill:none;stroke-width:1.6}}" for n, hue in enumerate(HUES))
    return f"<style>{''.join(rules)}</style>"


def _mark(family: str, x: float, y: float, hollow: bool = False, said: str = "") -> str:
    """The family's own sign."""
    number = list(TREE).index(family)
    hue, sign = number % len(HUES), SIGNS[number // len(HUES)]
    classes, title = f"{'o' if hollow else 'h'}{hue}", f"<title>{html.escape(said)}</title>" if said else ""
    if sign == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="{classes}">{title}</circle>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if sign == "diamond" else ""
    return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" class="{classes}"{turned}>{title}</rect>'


@cache
def _years() -> dict[str, int]:
    """The year of each family's paper."""
    entries = [papers.find(name) for name in papers.names()]
    return {family: next(one.paper.year for one in entries if one.family == family) for family in TREE}


def _place(family: str) -> tuple[float, float]:
    """The left end of a family's card, and its middle line."""
    return 24 + (_years()[family] - 2012) * (WIDE - 48 - CARD) / 6, TOP + LANE * LANES[family] + HEIGHT / 2


def _tree() -> list[str]:
    """Cards in the column of their year, each joined to those it builds on."""
    shapes = [svg.text(24 + n * (WIDE - 48 - CARD) / 6 + CARD / 2, TOP - 12, str(2012 + n), svg.MUTED, "middle")
              for n in range(7)]  # fmt: skip
    cards = []
    for family, (parents, idea) in TREE.items():
        x, y = _place(family)
        for parent in parents:
            from_x, from_y = _place(parent)
            if from_x == x:  # of the same year: down the side
                end = f"M{x + 18:g} {from_y:g}V{y:g}"
            else:  # along the lane of the older one, and over to the other's just before it
                turn, middle = x - GAP, x - GAP / 2
                end = f"M{from_x + CARD:g} {from_y:g}H{turn:g}C{middle:g} {from_y:g} {middle:g} {y:g} {x - 2:g} {y:g}"
            shapes.append(svg.line(end, arrow=from_x != x))
        cards += [svg.box(x, y - HEIGHT / 2, CARD, HEIGHT, "band edge", 6), _mark(family, x + 13, y - 5),
                  svg.text(x + 24, y - 1, family, f"{svg.INK} bold"),
                  svg.text(x + 24, y + 13, idea, f"{svg.MUTED} small")]  # fmt: skip
    return shapes + cards


def _plot(shown: list[Point], left: float, top: float, wide: float, key: str, title: str) -> list[str]:
    """Error against a cost, both on logarithmic axes."""
    costs = [getattr(point, key) for point in shown]
    low, high = math.log(min(costs) / 1.15), math.log(max(costs) * 1.15)

    def down(error: float) -> float:
        return top + PLOT * (1 - math.log(error / LEAST) / math.log(MOST / LEAST))

    def at(point: Point) -> tuple[float, float]:
        across = (math.log(getattr(point, key)) - low) / (high - low)
        return left + 24 + across * (wide - 24), down(point.error)

    shapes = []
    for error in (4, 5, 6, 8, 10, 12, 15, 18):
        y = down(error)
        shapes += [f'<path d="M{left + 24:g} {y:g}H{left + wide:g}" class="stroke" opacity=".25"/>',
                   svg.text(left + 18, y + 4, str(error), f"{svg.MUTED} small", "end")]  # fmt: skip
    for cost in (cost for cost in (0.5, 1, 2, 5, 10, 20, 50, 100) if low <= math.log(cost) <= high):
        x = left + 24 + (math.log(cost) - low) / (high - low) * (wide - 24)
        shapes += [f'<path d="M{x:g} {top + PLOT:g}v4" class="stroke"/>',
                   svg.text(x, top + PLOT + 16, f"{cost:g}", f"{svg.MUTED} small", "middle")]  # fmt: skip
    shapes.append(svg.text(left + wide / 2, top + PLOT + 34, title, svg.MUTED, "middle"))
    return shapes + _points(shown, at, left + wide)


def _points(shown: list[Point], at: Any, right: float) -> list[str]:
    """Marks, and names where there is room for them, with a line to those further off."""
    lines, marks, names, taken = [], [], [], list[Place]()
    spots = [at(point) for point in shown]
    for point in sorted(shown, key=lambda point: point.error):
        x, y = at(point)
        hollow = not is_single(point.protocol)
        said = f"{point.name}: {point.error:g} % ({point.protocol}; {point.place}), {point.multiply_adds:.3g} G, "
        marks.append(_mark(point.family, x, y, hollow, said + f"{point.parameters:.3g} M"))
        text = point.name
        for dx, dy, anchor in PLACES:
            wide = svg.wide(text, 10)
            begin = x + dx - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
            place = (begin, y + dy - 8, begin + wide, y + dy + 2)
            others = [(a - 4, b - 3, a + 4, b + 3) for a, b in spots if (a, b) != (x, y)]
            if place[2] < right and not any(_overlap(place, other) for other in (*taken, *others)):
                taken.append(place)
                names.append(svg.text(x + dx, y + dy, text, f"{svg.INK} small", anchor))
                if abs(dx) > 9 or abs(dy) > 15:
                    end = f"{x + dx:.1f} {y + dy - 3:.1f}"
                    lines.append(f'<path d="M{x:.1f} {y:.1f}L{end}" class="stroke" opacity=".5"/>')
                break
    return lines + marks + names


def _overlap(one: Place, other: Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
