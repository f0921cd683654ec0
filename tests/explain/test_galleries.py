"""Galleries: which pictures they show of answers made by hand, and that pages stay small."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from convnets.data.pictures import array_split
from convnets.evaluate.metrics import Evaluation
from convnets.explain import galleries
from convnets.explain.outcome import Outcome


def outcome(labels: list[int], probabilities: np.ndarray) -> Outcome:
    """Answers made by hand."""
    count, number = probabilities.shape
    guesses = probabilities.argmax(1)
    confusion = np.zeros((number, number), np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    right = int(np.trace(confusion))
    split = array_split(np.zeros((count, 2, 2, 1), np.uint8), np.array(labels), "made")
    names = tuple(f"class {index}" for index in range(number))
    return Outcome("test", split, names, guesses, probabilities, Evaluation(count, right, count, 1.0, 0.0, confusion))


def test_a_label_is_suspected_where_another_class_is_as_sure_as_its_own_pictures_are() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.95, 0.05], [0.2, 0.8], [0.45, 0.55], [0.6, 0.4]], np.float32)
    found = outcome([0, 0, 1, 1, 1, 1], probabilities)  # thresholds: 0.8 and 0.45
    assert found.suspects().tolist() == [2]  # the last one is taken for class 0 too, but not as surely as those are


def photographs(found: Outcome, side: int) -> Outcome:
    """The same answers to large pictures that are as hard to compress as any."""
    count = len(found.labels)
    pixels = np.random.default_rng(0).integers(0, 256, (60, side, side, 3), np.uint8)
    few = array_split(pixels, np.zeros(60, np.int64), "photographs").take(np.arange(count) % 60)
    return replace(found, split=replace(few, labels=found.labels))


def answered(classes: int, count: int, right: float) -> Outcome:
    """Answers to so many pictures, of which so large a part is right."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, count)
    probabilities = random.dirichlet(np.ones(classes), count).astype(np.float32)
    sure = np.flatnonzero(random.random(count) < right)
    probabilities[sure] = 0
    probabilities[sure, labels[sure]] = 1
    return outcome(labels.tolist(), probabilities)


@pytest.mark.parametrize(("classes", "count", "side"), [(10, 10_000, 0), (10, 10_000, 224), (40, 20_000, 224)])
def test_every_mistake_of_the_shown_classes_leads_to_a_picture(classes: int, count: int, side: int) -> None:
    found = answered(classes, count, 0.9)
    found = photographs(found, side) if side else found
    text = galleries.confusion(found)
    linked = set(re.findall(r'<a href="#cells:(\d+-\d+)"><rect', text))
    here = re.findall(r'data-cell="(\d+-\d+)"', text)
    wrong = {f"{t}-{p}" for t, p in np.argwhere(found.evaluation.confusion) if t != p}
    assert len(wrong) > 80
    assert wrong <= linked <= set(here)
    assert len(here) <= max(galleries.IN_CELLS, len(wrong))
    rest = [part(found) for part in (galleries.mistakes, galleries.uncertain, galleries.suspects)]
    assert sum(map(len, [text, *rest])) < 9_000_000  # of the 10 MB of a page: the other sections have few pictures
    if not side:
        assert len(here) == galleries.IN_CELLS
        assert min(Counter(here)[cell] for cell in wrong) > 1


def test_shades_are_shares_of_the_class() -> None:
    labels = [0] * 100 + [1] * 4
    probabilities = np.eye(2, dtype=np.float32)[[0] * 99 + [1] + [1, 1, 1, 0]]
    text = galleries.confusion(outcome(labels, probabilities))
    cells = re.findall(r'fill="(#\w+)" fill-opacity="([\d.]+)"><title>([^<]*)</title>', text)
    shades = {said: float(opacity) for _, opacity, said in cells}
    assert list(shades) == ["class 0, class 0: 99 (99.0% of the row)", "class 0, class 1: 1 (1.0% of the row)",
                            "class 1, class 0: 1 (25.0% of the row)", "class 1, class 1: 3 (75.0% of the row)"]
    right, rare, common, _ = shades.values()
    assert rare < 0.15 < common < right  # one picture each, but of a hundred and of four
    assert [colour for colour, *_ in cells] == ["#009E73", "#0072B2", "#0072B2", "#009E73"]
    assert "share of its row" in text


def test_many_classes_and_pictures_stay_small() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(100), 3000).astype(np.float32)
    many = outcome(random.integers(0, 100, 3000).tolist(), probabilities)
    text = galleries.confusion(many)
    assert text.count('class="tile ') <= galleries.IN_CELLS
    assert text.count("<rect") <= galleries.GRID**2
    links, cells = set(re.findall(r'href="#cells:(\d+-\d+)"', text)), set(re.findall(r'data-cell="(\d+-\d+)"', text))
    assert links <= cells
    assert len(links) > 300  # the pictures are those of the cells that are shown
