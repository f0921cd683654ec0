"""`convnets list` and `convnets show`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from convnets import papers
from convnets.cli import list as list_verb
from convnets.cli import show as show_verb
from convnets.errors import UsageError


def run(verb: object, *arguments: str) -> Result:
    return CliRunner().invoke(verb.command, arguments)  # type: ignore[attr-defined]


def lines_of(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {line.split()[0]: line for line in result.output.splitlines() if line.split()}


class TestList:
    def test_every_network_has_one_aligned_line(self) -> None:
        result = run(list_verb)
        lines = lines_of(result)
        assert set(papers.names()) <= set(lines)
        assert lines["vgg16"].split()[1:] == ["3x224x224", "138,357,544", "15,470,264,320", "2014", "ImageNet"]
        years = {name: f" {papers.find(name).paper.year} " for name in papers.names()}
        assert len({lines[name].index(year) for name, year in years.items()}) == 1

    def test_papers_are_headings_in_order_of_their_networks(self) -> None:
        lines = run(list_verb).output.splitlines()
        title = "Very Deep Convolutional Networks for Large-Scale Image Recognition"
        heading = lines.index(f"2014  Simonyan, Zisserman: {title}")
        assert lines[heading + 1].startswith("vgg11 ")

    @pytest.mark.parametrize(
        ("options", "kept"),
        [
            (["--params", "1M"], lambda entry: entry.parameters <= 1e6),
            (["--params", "0.5m-1M"], lambda entry: 5e5 <= entry.parameters <= 1e6),
            (["--params", "100M-"], lambda entry: entry.parameters >= 1e8),
            (["--multiply-adds", "1G-5G"], lambda entry: 1e9 <= entry.multiply_adds <= 5e9),
            (["--macs", "50M"], lambda entry: entry.multiply_adds <= 5e7),
            (["--input", "32"], lambda entry: entry.input[1] == 32),
            (["--family", "vgg"], lambda entry: entry.family == "vgg"),
            (["--year", "2015"], lambda entry: entry.paper.year == 2015),
            (["--no-peers"], lambda entry: not entry.peer),
            (["--input", "32", "--params", "1M"], lambda entry: entry.input[1] == 32 and entry.parameters <= 1e6),
        ],
    )
    def test_filters(self, options: list[str], kept: Callable[[papers.Entry], bool]) -> None:
        names = [value["name"] for value in json.loads(run(list_verb, *options, "--json").output)]
        assert names == [name for name in papers.names() if kept(papers.find(name))]
        assert 0 < len(names) < len(papers.names())

    def test_sorted(self) -> None:
        values = json.loads(run(list_verb, "--sort", "params", "--json").output)
        assert [value["parameters"] for value in values] == sorted(value["parameters"] for value in values)
        assert "Simonyan" not in run(list_verb, "vgg", "--sort", "name").output

    @pytest.mark.parametrize("text", ["1X", "", "-", "M", "1M-2M-3M"])
    def test_a_range_that_is_none(self, text: str) -> None:
        error = run(list_verb, "--params", text).exception
        assert isinstance(error, UsageError)
        assert "--params takes 5M (at most), 1M-30M, or 100M- (at least)" in str(error)

    def test_an_unknown_family(self) -> None:
        assert "valid ones: alexnet" in str(run(list_verb, "--family", "lenet").exception)

    def test_pattern_and_json(self) -> None:
        result = run(list_verb, "resnet*_v15", "--json")
        values = json.loads(result.output)
        assert [value["name"] for value in values] == ["resnet50_v15", "resnet101_v15", "resnet152_v15"]
        assert values[0]["multiply_adds"] == 4089184256

    def test_no_match_is_an_error(self) -> None:
        assert isinstance(run(list_verb, "mobilenet").exception, UsageError)

    def test_torch_is_not_imported(self) -> None:
        code = (
            "import sys; from convnets.cli import run; run(['list']); run(['list', '--nope']); run(['show', '--help']);"
            " sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


class TestShow:
    def test_rows_beside_the_paper(self) -> None:
        lines = lines_of(run(show_verb, "resnet50"))
        assert "3 x [1x1 64, 3x3 64, 1x1 256]" in lines["conv2_x"]
        assert lines["conv2_x"].split()[-6:] == ["215,808", "667,942,912", "35", "4", "56x56", "✓"]
        assert lines["multiply-adds"].split()[1] == "3,857,973,248"
        assert lines["multiply-adds"].endswith("paper 3,800,000,000 (Table 1 p.5) ✓")
        assert "No departures from the paper." in lines["No"]

    def test_a_misprint_is_marked(self) -> None:
        lines = lines_of(run(show_verb, "alexnet"))
        assert lines["conv1"].endswith("253,440 neurons ✗")
        assert lines["conv2"].endswith("186,624 neurons ✓")
        assert lines["1."].startswith("  1. The two columns of Fig. 2 are one network")

    def test_published_errors_axes_and_auxiliary_classifiers(self) -> None:
        text = run(show_verb, "resnet34").output
        assert "24.52 %  7.46 %  Table 3 p.6" in text
        assert "Can be set: shortcut=B, num_classes=1000, in_channels=3" in text
        assert "Auxiliary" not in text
        assert "Table 3" not in run(show_verb, "resnet34", "--set", "shortcut=C").output

    def test_departures_of_the_network_only(self) -> None:
        lines = lines_of(run(show_verb, "resnet50_keras"))
        assert "1." not in lines
        assert "2." in lines
        assert lines_of(run(show_verb, "resnet34_c"))["multiply-adds"].endswith("✗")

    def test_json_has_exactly_the_promised_keys(self) -> None:
        shown = json.loads(run(show_verb, "vgg16", "--json").output)
        assert list(shown) == ["name", "input", "parameters", "multiply_adds", "rows"]
        keys = ["name", "operation", "output", "parameters", "multiply_adds", "receptive_field", "stride"]
        assert all(list(row) == keys for row in shown["rows"])
        rows = {row["name"]: row for row in shown["rows"]}
        assert (rows["conv1_1"]["output"], rows["fc8"]["output"]) == ([64, 224, 224], [1000])
        assert (rows["pool5"]["receptive_field"], rows["fc6"]["receptive_field"]) == (212, 404)
        assert shown["parameters"] == sum(row["parameters"] for row in shown["rows"]) == 138357544

    def test_input_and_set(self) -> None:
        shown = json.loads(run(show_verb, "resnet18", "--input", "320x256", "--set", "shortcut=C", "--json").output)
        assert shown["input"] == [3, 320, 256]
        assert shown["rows"][2]["output"] == [64, 80, 64]
        assert shown["parameters"] == 12043816
        plain = run(show_verb, "resnet18", "--set", "shortcut=C").output
        assert "✓" not in plain, "another network than the paper's has no figures beside it"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["vgg16", "--input", "100x100"], "100x100 picture does not fit row fc6"),
            (["vgg16", "--input", "0x5"], "--input takes HxW"),
            (["vgg16", "--input", "ten"], "--input takes HxW"),
            (["resnet18", "--set", "shortcut"], "an axis is set by AXIS=VALUE"),
            (["resnet18", "--set", "width=2"], "has no axis 'width'"),
            (["resnet-18"], "did you mean resnet18"),
        ],
    )
    def test_refusals_are_usage_errors(self, arguments: list[str], message: str) -> None:
        error = run(show_verb, *arguments).exception
        assert isinstance(error, UsageError)
        assert message in str(error)
