"""The records: that models and records agree, that numbers are marked fairly, and that departures are documented."""

from __future__ import annotations

import importlib
import json
import re
from math import prod
from pathlib import Path

import pytest

from convnets import describe, models, papers
from convnets.errors import UsageError

FAMILIES = sorted({papers.find(name).family for name in papers.names()})
FILES = sorted({  # each model file with its family
    (f"peers.{entry.family}" if entry.peer else entry.family, entry.family)
    for entry in map(papers.find, papers.names())
})  # fmt: skip
ROOT = Path(models.__file__).parents[1]


def test_papers_and_models_name_the_same_networks() -> None:
    built = [name for file, _ in FILES for name in importlib.import_module(f"convnets.models.{file}").VARIANTS]
    assert sorted(built) == sorted(papers.names())
    on_disk = {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__", "compare", "table"}
    assert on_disk == set(FAMILIES)
    assert {path.stem for path in (ROOT / "models" / "peers").glob("*.py")} - {"__init__"} == {
        family for file, family in FILES if file.startswith("peers.")
    }


@pytest.mark.parametrize("name", papers.names())
def test_papers_and_models_agree(name: str) -> None:
    entry, described = papers.find(name), describe(name)
    assert (described["parameters"], described["multiply_adds"]) == (entry.parameters, entry.multiply_adds)
    assert described["input"] == list(entry.input)
    assert prod(described["rows"][-1]["output"]) == entry.classes
    rows = {row["name"]: tuple(row["output"]) for row in described["rows"]}
    assert set(entry.rows) <= set(rows)
    differ = [row for row, printed in entry.rows.items() if not printed.agrees(rows[row])]
    assert differ == MISPRINTS.get(name, [])


MISPRINTS = {
    "alexnet": ["conv1"],  # Fig. 2: 253,440 neurons for 290,400
    "inception_resnet_v2": ["inception_resnet_b", "inception_resnet_c"],  # Figs. 17, 19: 1154, 2048 for 1152, 2144
}
DISAGREE = {
    "resnet34_c",  # Table 1 counts 3.6 billion without projections
    "resnext101_32x4d",  # "about 7.8", as of the 1x64d beside it
    "bn_inception",  # 13.6 million parameters, which no reading of Fig. 5 gives
    "inception_v3",  # 4.8 billion in Table 3; the released network has 5.7
    "inception_v3_table1",  # 3.8 billion in Table 3
    "preact_resnet1001",  # 10.2 million without batch normalisation's own
    "resnet1001_bottleneck",
    # the paper's multiply-adds count poolings and scalings too
    "se_resnet101", "se_resnet152", "se_resnext50_32x4d", "se_resnext101_32x4d", "se_inception_resnet_v2",
}  # fmt: skip


@pytest.mark.parametrize("name", papers.names())
def test_published_totals(name: str) -> None:
    entry = papers.find(name)
    agree = [figure.agrees(getattr(entry, figure.quantity)) for figure in entry.published]
    assert all(agree) == (name not in DISAGREE)


def test_a_figure_agrees_within_its_last_digit() -> None:
    figure = papers.Published("parameters", 138e6, 1e6, "")
    assert figure.agrees(138357544)
    assert figure.agrees(137000001)
    assert not figure.agrees(139000000)
    assert papers.Printed("map", "56x56", "").agrees((64, 56, 56))
    assert not papers.Printed("map", "56x56", "").agrees((64, 55, 56))
    assert not papers.Printed("neurons", 253440, "").agrees((96, 55, 55))


@pytest.mark.parametrize(("file", "family"), FILES)
def test_departures_are_numbered_and_used(file: str, family: str) -> None:
    text = importlib.import_module(f"convnets.models.{file}").__doc__ or ""
    peer = file.startswith("peers.")
    assert ("Paper map" in text) != peer
    assert ("\nDepartures   None." in text) != ("\nDepartures\n" in text)
    numbers = [int(number) for number in re.findall(r"^ {4}(\d)\. ", text.partition("\nDepartures\n")[2], re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    entries = [entry for entry in map(papers.find, papers.names()) if (entry.family, entry.peer) == (family, peer)]
    assert {number for entry in entries for number in entry.departures} == set(numbers)
    for entry in entries:
        found = models.departures(entry.name)
        assert [int(line.partition(".")[0]) for line in found] == list(entry.departures)


def test_a_departure_is_quoted_whole() -> None:
    (text,) = models.departures("resnet20_split")
    assert text.startswith("1. The `_split` networks put half of option A's zeros")
    assert text.endswith("akamaster/pytorch_resnet_cifar10 need.")


def test_names_aliases_and_records() -> None:
    assert papers.find("resnet20_a") is papers.find("resnet20")
    assert json.loads(json.dumps(papers.record("alexnet")))["paper"]["year"] == 2012
    with pytest.raises(UsageError, match="no network is called 'ResNet_20'; did you mean resnet20"):
        papers.find("ResNet_20")
    with pytest.raises(UsageError, match="`convnets list` names them all"):
        papers.find("zzzzzz")
