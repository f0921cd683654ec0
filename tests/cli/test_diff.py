"""`convnets diff`: what it finds, what it calls equal, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from convnets import create_model, describe, diff, models
from convnets.cli import diff as verb
from convnets.cli import run
from convnets.errors import UsageError
from convnets.models.compare import RowPair, common_changes, compare
from convnets.models.resnet import ZeroPad
from convnets.network import Network


def call(*arguments: str) -> Result:
    return CliRunner().invoke(verb.command, arguments)


def pairs(a: str, b: str, **axes: Any) -> dict[str, RowPair]:
    return {(pair.a or pair.b).name: pair for pair in diff(a, b, axes=({}, axes))["rows"] if not pair.equal}


def networks(name: str) -> tuple[Network, Network]:
    with torch.device("meta"):
        return create_model(name), create_model(name)


class TestCompare:
    def test_a_network_equals_itself(self) -> None:
        assert pairs("resnet50", "resnet50") == {}

    def test_the_stride_place_of_v15(self) -> None:
        found = pairs("resnet50", "resnet50_v15")
        assert list(found) == ["conv3_x", "conv4_x", "conv5_x"]
        assert found["conv3_x"].changes == (
            ("conv 1x1/2 256 to 128", "conv 1x1 256 to 128", 1),
            ("conv 3x3 128 to 128", "conv 3x3/2 128 to 128", 1),
        )
        assert (found["conv3_x"].parameters, found["conv3_x"].multiply_adds) == (0, 77070336)

    def test_rows_that_only_one_has(self) -> None:
        found = pairs("vgg11", "vgg11_lrn")
        assert list(found) == ["lrn1"]
        assert (found["lrn1"].a, found["lrn1"].changes) == (None, ())

    def test_axes(self) -> None:
        found = pairs("resnet18", "resnet18", shortcut="C")
        assert found["conv3_x"].parameters == 16640
        assert ("identity", "conv 1x1 128 to 128", 1) in found["conv3_x"].changes
        assert pairs("resnet18_c", "resnet18", shortcut="C") == {}

    @pytest.mark.parametrize(
        ("path", "replacement"),
        [
            ("conv1.bn", nn.BatchNorm2d(16, eps=1e-3)),
            ("conv1.conv", nn.Conv2d(3, 16, 3, padding=0, bias=False)),
            ("conv1.conv", nn.Conv2d(3, 16, 3, padding=1, bias=True)),
            ("conv1.relu", nn.Sigmoid()),
            ("stage1.0.shortcut", nn.Conv2d(16, 16, 1)),
            ("stage2.0.shortcut", ZeroPad(8, 8, 2)),
        ],
    )
    def test_whatever_changes_the_function_is_seen(self, path: str, replacement: Any) -> None:
        a, b = networks("resnet20")
        parent, _, name = path.rpartition(".")
        setattr(b.get_submodule(parent), name, replacement)
        if path == "conv1.conv" and replacement.padding == (0, 0):
            b.check_input(32, 32)
        found = [pair for pair in compare(a, b, (3, 32, 32), (3, 32, 32)) if not pair.equal]
        assert [pair.a.name for pair in found if pair.a] == [path.partition(".")[0]]

    def test_names_do_not_matter(self) -> None:
        a, b = networks("plain20")
        renamed = Network(
            {f"other_{name}": row for name, row in b.named_children()}, head="other_avgpool", initialise=lambda *_: None
        )
        found = compare(a, renamed, (3, 32, 32), (3, 32, 32))
        assert len(found) == len(a)
        assert all(pair.equal for pair in found)

    def test_rows_of_other_names_are_paired_by_their_kind(self) -> None:
        found = {(pair.a.name, pair.b.name) for pair in diff("inception_resnet_v2", "inception_resnet_v2_slim")["rows"]
                 if pair.a and pair.b}  # fmt: skip
        assert {
            ("inception_resnet_a", "block35"), ("reduction_a", "mixed_6a"), ("inception_resnet_b", "block17"),
            ("reduction_b", "mixed_7a"), ("inception_resnet_c", "block8"), ("stem_conv1", "conv2d_1a_3x3"),
        } <= found  # fmt: skip

    def test_what_most_rows_share(self) -> None:
        found = common_changes(diff("densenet121", "densenet121_keras")["rows"])
        assert found == {("batch norm", "batch norm, epsilon 1.001e-05"): 121}
        assert common_changes(diff("googlenet", "googlenet_bn")["rows"]) == {
            ("conv, bias", "conv"): 48, ("", "batch norm, epsilon 0.001"): 57
        }  # fmt: skip
        assert common_changes(diff("resnet50", "resnet50_v15")["rows"]) == {}

    def test_totals_are_those_of_describe(self) -> None:
        found = diff("alexnet", "alexnet_half", size=(227, 227))
        for side, name in (("a", "alexnet"), ("b", "alexnet_half")):
            described = describe(name, size=(227, 227))
            assert found[side] == {key: value for key, value in described.items() if key != "rows"}
        assert sum(pair.parameters for pair in found["rows"]) == found["b"]["parameters"] - found["a"]["parameters"]


class TestCommand:
    def test_exit_codes(self) -> None:
        assert run(["diff", "resnet18", "resnet18_b"]) == 0
        assert run(["diff", "resnet50", "resnet50_v15"]) == 1
        assert run(["diff", "resnet50", "paper"]) == 0
        assert run(["diff", "alexnet", "paper"]) == 1  # Fig. 2 misprints the neurons of conv1
        assert run(["diff", "resnet50", "resnet51"]) == 2

    def test_text(self) -> None:
        text = call("resnet50", "resnet50_v15").output
        assert "conv3_x   (+77,070,336 multiply-adds)\n  - 4 x [1x1 128, 3x3 128, 1x1 512]; first 1x1/2" in text
        assert "      conv 3x3 128 to 128 -> conv 3x3/2 128 to 128" in text
        assert "The other 5 rows are equal." in text
        assert text.splitlines()[-1].split() == ["multiply-adds", "3,857,973,248", "4,089,184,256", "+231,211,008"]
        assert "All 8 rows are equal." in call("resnet18_c", "resnet18,shortcut=C").output

    def test_what_most_rows_share_is_said_once(self) -> None:
        lines = call("vgg16", "vgg16_bn").output.splitlines()
        assert lines[3:5] == ["In most rows", "      13 x nothing -> batch norm"]
        assert lines[5].startswith("  Nothing else differs in conv1_1, conv1_2, ")
        assert sum("batch norm" in line for line in lines) == 1
        text = call("inception_resnet_v2", "inception_resnet_v2_slim").output
        assert "inception_resnet_b / block17   (+10,816,640 parameters" in text
        assert "In most rows" not in text

    def test_json(self) -> None:
        found = json.loads(call("vgg11", "vgg11_lrn", "--json").output)
        assert (found["equal"], found["a"]["name"], found["b"]["name"]) == (False, "vgg11", "vgg11_lrn")
        (row,) = [row for row in found["rows"] if not row["equal"]]
        assert (row["a"], row["b"]["name"]) == (None, "lrn1")

    def test_the_paper(self) -> None:
        lines = {line.split("  ")[0]: line for line in call("alexnet", "paper").output.splitlines()}
        assert lines["conv1"].split() == [
            "conv1", "290,400", "neurons", "253,440", "neurons", "DIFFERS", "Fig.", "2", "p.5"
        ]  # fmt: skip
        assert " = " in lines["conv2"]
        values = json.loads(call("resnet50", "paper", "--json").output)
        assert values["equal"]
        assert values["rows"][-1]["paper"] == "3,800,000,000"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("resnet18", "resnet18,shortcut"), "an axis is set by AXIS=VALUE"),
            (("resnet18", "resnet18,width=2"), "has no axis 'width'"),
            (("resnet18,shortcut=A", "paper"), "leave out --input and axes"),
            (("vgg16", "resnet18", "--input", "100"), "does not fit row fc6"),
        ],
    )
    def test_refusals(self, arguments: tuple[str, ...], message: str) -> None:
        error = call(*arguments).exception
        assert isinstance(error, UsageError)
        assert message in str(error)

    def test_the_function_is_not_hidden_by_a_module(self) -> None:
        diff("resnet20", "resnet32")
        assert callable(models.diff)
