"""Every network of the papers' tables, row by row, measured on the real modules on the meta device."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from tests.networks import on_meta
from tests.oracles import FAMILIES, SHARED, Case, Expected, cases, entries, expected_rows, index
from tests.wiring import Measured, measure

# Oracle entries under `networks` that the index leaves out: where they are tested, or why they are no network.
PIECES = {
    ("bag_of_tricks", "tweak_summary"): "a summary of the entries before it",
    ("bag_of_tricks", "other_models_used"): "names of other papers' networks",
    ("bn_inception", "bn_x5_sigmoid"): "test_pieces.py",
    ("bn_inception", "inception_variants_params_summary"): "test_pieces.py",
    ("googlenet", "googlenet_aux1"): "test_pieces.py",
    ("googlenet", "googlenet_aux2"): "test_pieces.py",
    ("inception_v3", "aux_head_tf_slim"): "test_pieces.py",
    ("inception_v3", "aux_head_fig8"): "test_pieces.py",
    ("inception_v3", "table1_stem_literal"): "test_pieces.py",
    ("inception_v3", "low_resolution_variants"): "test_pieces.py",
    ("inception_v3", "inception_v3_keras_1x_port"): "test_pieces.py",
    ("inception_v4", "auxiliary_head_tf_slim"): "test_pieces.py",
    ("inception_v4", "batch_norm_rule"): "a rule in words; test_wiring.py sees that nothing normalises a sum",
    ("xception", "xception_non_residual"): "test_pieces.py",
    ("xception", "xception_jft_no_fc"): "test_pieces.py",
    ("xception", "xception_jft_fc"): "test_pieces.py",
    ("xception", "inception_v3_baseline_of_this_paper"): "test_pieces.py",
}
BACKBONES = {"zf_fast_rcnn"}  # the oracle's network ends where a detector begins; ours has a classifier behind it


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
def test_no_entry_is_left_out() -> None:
    listed = {(family, name) for family in FAMILIES for name in entries(family)}
    indexed = {(line["oracle"], line["network"]) for line in index()}
    assert {path.stem for path in (SHARED / "papers").glob("*.yaml")} == set(FAMILIES)
    assert indexed <= listed
    assert listed - indexed == set(PIECES)
    pieces = Path(__file__).with_name("test_pieces.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in pieces for (_, name), where in PIECES.items() if where == "test_pieces.py")


@pytest.mark.parametrize("case", cases())
def test_every_row_is_as_the_paper_says(case: Case) -> None:
    network = on_meta(case.network, **case.overrides)
    measured = measure(network, case.input)
    if case.network in BACKBONES:
        names = list(measured)[: list(measured).index(network.head)]
        measured = {name: measured[name] for name in names}
    assert sum(row.parameters for row in measured.values()) == case.parameters
    if case.multiply_adds is not None:
        assert sum(row.multiply_adds for row in measured.values()) == case.multiply_adds
    assert not differences(case.rows, measured)


def differences(rows: list[Expected], measured: dict[str, Measured]) -> list[str]:
    """Where rows are not as expected. Nothing is expected of a network whose rows the oracle does not list."""
    found = []
    if rows and [row.name for row in rows] != list(measured):
        found.append(f"rows are {', '.join(measured)}")
        return found
    for row in rows:
        ours = measured[row.name]
        for what in ("shape", "parameters", "multiply_adds"):
            if getattr(row, what) not in (getattr(ours, what), None):
                found.append(f"{row.name}: {what} {getattr(ours, what)} for {getattr(row, what)}")
    return found


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
def test_a_wrong_row_is_noticed() -> None:
    rows = expected_rows(entries("resnet")["cifar-resnet-20-A"])
    right = measure(on_meta("resnet20"), (3, 32, 32))
    assert not differences(rows, right)
    assert differences(rows, measure(on_meta("plain20"), (3, 32, 32))) == []  # which wiring.py tells apart
    assert differences(rows, measure(on_meta("resnet20_b"), (3, 32, 32))) == [
        "stage2: parameters 51648 for 51072", "stage2: multiply_adds 13107200 for 12976128",
        "stage3: parameters 205696 for 203520", "stage3: multiply_adds 13107200 for 12976128",
    ]  # fmt: skip
    assert differences(rows, measure(on_meta("resnet20"), (3, 40, 40)))
    assert differences(rows, dict(reversed(right.items())))
    assert differences(rows, right | {"extra": right["fc"]})


def test_a_cost_is_of_layers_only() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, groups=1, device="meta"), nn.ReLU(), nn.BatchNorm2d(4, device="meta"))
    measured = measure(network, (3, 9, 9))
    assert measured["0"] == Measured((4, 4, 4), 3 * 4 * 9 + 4, 3 * 4 * 9 * 16)
    assert measured["2"] == Measured((4, 4, 4), 8, 0)
