"""Drawings of networks: every layer is there once, nothing stands on something else, and the sizes are the table's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from convnets import models, papers
from convnets.cli.draw import command
from convnets.draw.drawing import as_json, drawing, picture
from convnets.draw.parts import Box, Fold, Fork, Part, parts_of
from convnets.errors import UsageError
from convnets.layers import Concat, Residual, stack

NAMESPACE = "{http://www.w3.org/2000/svg}"
SHOWN = ("alexnet", "nin_cifar", "googlenet", "inception_v4", "inception_resnet_v2", "xception", "resnet152",
         "preact_resnet164", "wrn_28_10", "resnext50_32x4d", "densenet121", "senet154")  # fmt: skip


def counted(parts: tuple[Part, ...]) -> Counter[str]:
    """The kinds of boxes, folds counted as often as they stand for."""
    found: Counter[str] = Counter()
    for part in parts:
        match part:
            case Box():
                found[part.kind] += 1
            case Fork():
                for path in part.paths:
                    found += counted(path)
            case Fold():
                found += Counter({kind: part.count * number for kind, number in counted(part.parts).items()})
    return found


@pytest.mark.parametrize("name", papers.names())
def test_every_layer_is_drawn_once(name: str) -> None:
    with torch.device("meta"):
        network = models.create_model(name)
    for detail in ("layer", "block"):
        found = counted(tuple(part for row in drawing(name, detail).rows for part in row.parts))
        convolutions = sum(isinstance(part, nn.Conv2d) for part in network.modules())
        gates = sum(isinstance(part, models.senet.SqueezeExcitation) for part in network.modules())
        hidden = sum(isinstance(getattr(part, "gate", None), nn.Conv2d) for part in network.modules())
        drawn = sum(found[kind] for kind in ("conv", "conv1", "depthwise"))
        assert drawn == convolutions - hidden - 2 * gates * (detail == "block")
        assert found["gate"] == (gates if detail == "block" else 0)
        assert found["fc"] == sum(isinstance(part, nn.Linear) for part in network.modules())
        pools = sum("Pool" in type(part).__name__ for part in network.modules())
        assert found["pool"] == pools - gates * (detail == "block")


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("detail", ["stage", "block", "layer"])
def test_nothing_stands_on_something_else(name: str, detail: str) -> None:
    root = ElementTree.fromstring(picture(drawing(name, detail)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = []
    for rect in root.iter(f"{NAMESPACE}rect"):
        x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + wide <= width + 0.01 and y + high <= height + 0.01
        if "edge" in rect.attrib["class"]:
            boxes.append((x, y, x + wide, y + high))
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, (one, other)


@pytest.mark.parametrize("name", SHOWN)
def test_a_drawing_is_readable_at_a_pages_width(name: str) -> None:
    """Words of 12 pixels are at least 9 of them high on a page of 900."""
    root = ElementTree.fromstring(picture(drawing(name)))
    assert float(root.attrib["width"]) <= 900 * 12 / 9


def test_the_sizes_are_the_layer_tables() -> None:
    plain = as_json(drawing("resnet50"))
    table = models.describe("resnet50")["rows"]
    assert [(row["name"], row["output"]) for row in plain["rows"]] == [(row["name"], row["output"]) for row in table]
    described = drawing("resnet50")
    assert described.lines[1] == "25.6 M parameters · 3.86 G multiply-adds · input 3 × 224 × 224"
    assert (plain["parameters"], plain["multiply_adds"]) == (25_557_032, models.describe("resnet50")["multiply_adds"])


def test_equal_blocks_are_folded_with_their_count() -> None:
    rows = {row.name: row for row in drawing("resnet152").rows}
    first, fold = rows["conv4_x"].parts
    assert isinstance(first, Fork) and all(first.paths), "a projection beside the body"
    assert isinstance(fold, Fold) and fold.count == 35
    (inner,) = fold.parts
    assert isinstance(inner, Fork) and inner.join == "+" and inner.small == "ReLU" and () in inner.paths
    dense = {row.name: row for row in drawing("densenet121").rows}["block3"].parts
    assert isinstance(dense[0], Fold) and dense[0].count == 24
    assert "inception4_2" not in str(drawing("googlenet")), "rows that differ are not folded"


def test_side_heads_stand_at_the_rows_that_they_see() -> None:
    heads = {row.name: row.head for row in drawing("googlenet").rows if row.head}
    assert set(heads) == {"inception_4a", "inception_4d"}
    assert counted(heads["inception_4a"])["fc"] == 2
    assert not any(row.head for row in drawing("resnet50").rows)


def test_normalisation_and_activation_stand_with_their_layer() -> None:
    behind = stack(conv=nn.Conv2d(3, 8, 3, padding=1), bn=nn.BatchNorm2d(8), relu=nn.ReLU())
    assert parts_of(behind) == (Box("conv", "3x3 8", "BN ReLU"),)
    ahead = stack(bn=nn.BatchNorm2d(8), relu=nn.ReLU(), conv=nn.Conv2d(8, 8, 1))
    assert parts_of(ahead) == (Box("conv1", "1x1 8", "BN ReLU →"),)
    assert [part.kind for part in parts_of(behind, "layer") if isinstance(part, Box)] == ["conv", "bn", "act"]


def test_a_network_of_ones_own_can_be_drawn() -> None:
    branches = Concat(one=nn.Conv2d(8, 8, 1), other=stack(a=nn.Conv2d(8, 8, 3, padding=1), b=nn.Hardtanh()))
    block = Residual(stack(conv=nn.Conv2d(16, 16, 3, padding=1)), nn.Identity(), 16)
    fork, residual = parts_of(stack(branches=branches, block=block))
    assert isinstance(fork, Fork) and fork.join == "concat" and fork.paths[1][1] == Box("other", "Hardtanh")
    assert isinstance(residual, Fork) and residual.join == "+"


def test_what_the_paper_varies_is_drawn() -> None:
    assert "dropout 0.3" in str(drawing("wrn_28_10", dropout=0.3).rows)
    assert "dropout=0.3" in drawing("wrn_28_10", dropout=0.3).title
    with pytest.raises(UsageError, match="stage, block, layer"):
        drawing("alexnet", "everything")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = CliRunner().invoke(command, ["vgg16", "--compare", "resnet34"])
    assert asked.output == "written: vgg16_and_resnet34.svg\n"
    text = (tmp_path / "vgg16_and_resnet34.svg").read_text()
    assert ">vgg16<" in text and ">resnet34<" in text and "prefers-color-scheme:dark" in text
    assert not re.search(r"https?://(?!www.w3.org/2000/svg)", text), "it needs nothing from elsewhere"
    shown = CliRunner().invoke(command, ["alexnet", "--json", "--detail", "stage"])
    assert '"conv 11x11/4, 96, relu"' in shown.output and '{"kind": "drop", "text": "dropout 0.5"}' in shown.output
    (tmp_path / "file").touch()
    refused = CliRunner().invoke(command, ["alexnet", "--out", "file/x.svg"])
    assert "cannot write" in str(refused.exception)
    both = CliRunner().invoke(command, ["wrn_16_4", "--set", "dropout=0.3", "--compare", "wrn_16_4", "--json"])
    assert both.output.count("dropout 0.3") > 0 and both.output.count('"title": "wrn_16_4"') == 1
