"""The family tree: every family has its place, and every point is a printed number."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner

from convnets import papers
from convnets.cli.timeline import command
from convnets.draw.timeline import HEIGHT, LANES, MANY, SETS, TREE, _place, points, timeline


def test_every_family_is_in_the_tree_behind_those_it_builds_on() -> None:
    assert set(TREE) == set(papers.families()) == set(LANES)
    for family, (parents, _) in TREE.items():
        for parent in parents:
            assert _place(parent)[0] <= _place(family)[0], (parent, family)
    assert len({_place(family) for family in TREE}) == len(TREE), "two stand on one another"


def test_no_edge_runs_behind_a_card_that_is_not_its_end() -> None:
    cards = {family: (*_place(family), family) for family in TREE}
    for family, (parents, _) in TREE.items():
        for parent in parents:
            (from_x, y), (x, end) = _place(parent), _place(family)
            for card_x, card_y, name in cards.values():
                crossed = from_x < card_x < x if x > from_x else card_x == x and min(y, end) < card_y < max(y, end)
                at_height = abs(card_y - y) < HEIGHT / 2 if x > from_x else True
                assert name in (parent, family) or not (crossed and at_height), (parent, family, name)


def test_every_network_with_a_top5_error_on_imagenet_has_a_point() -> None:
    found = {point.name for point in points()}
    for name in papers.names():
        entry = papers.find(name)
        own = [result for result in entry.results if result.top5 is not None and result.dataset.startswith(SETS)
               and not MANY.search(result.protocol)]  # fmt: skip
        assert entry.peer or not own or name in found
    assert "xception" in found


def test_points_are_printed_errors_of_one_network() -> None:
    found = {point.name: point for point in points()}
    assert found["alexnet"].error == 18.2 and found["googlenet"].error == 10.07
    assert found["resnet50"].protocol == "1 crop", "rather than ten"
    assert found["senet154"].error == 4.47
    for point in found.values():
        assert any(result.top5 == point.error for result in papers.find(point.name).results)


def test_the_picture_is_well_formed_and_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(command).output == "written: timeline.svg\n"
    text = (tmp_path / "timeline.svg").read_text()
    assert ElementTree.fromstring(text) is not None and text == timeline()
    said = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert {"family": "resnet", "year": 2015, "builds_on": ["vgg"], "idea": "shortcuts"} in said["tree"]
    assert len(said["points"]) == len(points())
