"""Every network of the papers' tables, row by row, measured on the real modules on the meta device."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from tests.oracles import (
    FAMILIES,
    SHARED,
    TENSORFLOW,
    Case,
    Expected,
    Layers,
    cases,
    entries,
    index,
    layers_of,
    measure,
)

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
    ("inception_v4", "batch_norm_rule"): "test_pieces.py",
    ("xception", "xception_non_residual"): "test_pieces.py",
    ("xception", "xception_jft_no_fc"): "test_pieces.py",
    ("xception", "xception_jft_fc"): "test_pieces.py",
    ("xception", "inception_v3_baseline_of_this_paper"): "test_pieces.py",
}
SYMMETRIC = {"bn_inception_caffe"}  # the ports that the oracle names pad alike on all sides, where Fig. 5 is silent
BACKBONES = {"zf_fast_rcnn"}  # the oracle's network ends where a detector begins; ours has a classifier behind it


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
def test_no_entry_is_left_out() -> None:
    listed = {(family, name) for family in FAMILIES for name in entries(family)}
    indexed = {(line["oracle"], line["network"]) for line in index()}
    assert {line["oracle"] for line in index()} == set(FAMILIES)
    assert indexed <= listed
    assert listed - indexed == set(PIECES)


@pytest.mark.parametrize("case", cases())
def test_every_row_is_as_the_paper_says(case: Case) -> None:
    with torch.device("meta"):
        network = create_model(case.network, **case.overrides).eval()
    measured, modules = measure(network, case.input), dict(network.named_children())
    if case.network in BACKBONES:
        names = list(measured)[: list(measured).index(network.head)]
        measured = {name: measured[name] for name in names}
    assert sum(row.parameters for row in measured.values()) == case.parameters
    if case.multiply_adds is not None:
        assert sum(row.multiply_adds for row in measured.values()) == case.multiply_adds
    if not case.rows:
        return
    assert len(measured) == len(case.rows)
    for expected, (name, row) in zip(case.rows, measured.items(), strict=True):
        assert name in possible_names(expected.name) or not has_paper_name(expected.name)
        assert expected.shape in (row.shape, ()), name
        assert expected.parameters in (row.parameters, None), name
        assert expected.multiply_adds in (row.multiply_adds, None), name
        check_layer(expected, modules[name], symmetric=case.network in SYMMETRIC)


def has_paper_name(name: str | None) -> bool:
    """False for rows without a name, and for those that the oracle calls by another library's."""
    return name is not None and "." not in name and not name.startswith("drop_before")


def possible_names(name: str | None) -> set[str]:
    """An oracle's name as an identifier: `Mixed_5b`, `3a`, `Inception-A`, `block5..12 (middle)`, `conv4-1024`."""
    if name is None:
        return set()
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r" \(entry\)| \(exit\)", "", name).lower()).strip("_")
    return {name, plain, f"inception_{plain}", plain.rpartition("_")[2]}


def check_layer(expected: Expected, row: nn.Module, *, symmetric: bool) -> None:
    """Kernel, stride, padding and the like of a row, where the oracle lists them."""
    layer = expected.layer
    if expected.layers is not None:
        check_layers(expected.layers, row, symmetric)
    check = CHECKS.get(layer.get("op", ""))
    if check is not None:
        check(layer, row)


def check_layers(expected: Layers, row: nn.Module, symmetric: bool) -> None:
    """Convolutions, normalisations and poolings one by one, in the order of the branches."""
    found = layers_of(row)
    assert len(found.convs) == len(expected.convs)
    for ours, theirs in zip(found.convs, expected.convs, strict=True):
        half = theirs.kernel[0] // 2, theirs.kernel[1] // 2
        assert ours == (theirs._replace(padding=half) if symmetric and theirs.padding == TENSORFLOW else theirs)
    assert found.norms == expected.norms
    pooled = [isinstance(module, nn.AdaptiveAvgPool2d) for module in row.modules()]
    assert found.pools == expected.pools or any(pooled)
    assert found.relus == expected.relus or not expected.convs


def only(row: nn.Module, kind: Any) -> Any:
    (module,) = (module for module in row.modules() if isinstance(module, kind))
    return module


def check_conv(layer: dict[str, Any], row: nn.Module) -> None:
    if "k" in layer:
        return
    conv = only(row, nn.Conv2d)
    padding = layer.get("pad", layer.get("padding"))
    assert (conv.kernel_size[0], conv.stride[0], conv.padding[0]) == (layer["kernel"], layer["stride"], padding)
    assert conv.kernel_size[0] == conv.kernel_size[1]
    assert conv.groups == layer.get("groups", 1)
    assert conv.in_channels == layer.get("in_ch", layer.get("in"))
    assert (conv.bias is not None) == bool(layer["bias"])
    names = [type(module).__name__ for module in row.modules()]
    assert ("ReLU" in names) == (layer.get("act") == "relu" or "relu" in layer.get("then", ()))
    assert ("BatchNorm2d" in names) == ("bn" in layer.get("then", ()))
    assert ("PadToStride" in names) == (layer.get("size_rule") == "ceil")


def check_pool(layer: dict[str, Any], row: nn.Module) -> None:
    if "k" in layer:
        return
    pool = only(row, nn.MaxPool2d)
    assert (pool.kernel_size, pool.stride) == (layer["kernel"], layer["stride"])
    assert pool.padding == layer.get("pad", layer.get("padding"))
    if "size_rule" in layer or pool.padding:  # else its size says how it rounds
        assert pool.ceil_mode == (layer.get("size_rule") == "ceil")


def check_average(layer: dict[str, Any], row: nn.Module) -> None:
    if "k" in layer or isinstance(row, nn.AdaptiveAvgPool2d):
        return  # a global pooling; its shape says all
    pool = only(row, nn.AvgPool2d)
    assert (pool.kernel_size, pool.stride, pool.padding) == (layer["kernel"], layer["stride"], layer["pad"])
    assert pool.ceil_mode == (layer["size_rule"] == "ceil")


def check_norm(layer: dict[str, Any], row: nn.Module) -> None:
    norm = only(row, nn.LocalResponseNorm)
    if layer["size_n"] is None:
        return  # the paper gives no constants
    on_sum = layer["alpha"] / layer["size_n"] if layer["alpha_divided_by_n"] else layer["alpha"]
    assert (norm.size, norm.beta, norm.k) == (layer["size_n"], layer["beta"], layer["k"])
    assert norm.alpha / norm.size == pytest.approx(on_sum)


def check_norm_within(layer: dict[str, Any], row: Any) -> None:
    assert (row.window, row.alpha, row.beta) == (layer["size_n"], layer["alpha"], layer["beta"])


def check_linear(layer: dict[str, Any], row: nn.Module) -> None:
    linear = only(row, nn.Linear)
    features = [layer.get(key, layer.get(short, layer.get(letter))) for key, short, letter in
                (("in_features", "in", "cin"), ("out_features", "out", "c"))]  # fmt: skip
    assert [linear.in_features, linear.out_features] == features
    assert (linear.bias is not None) == (bool(layer["bias"]) if "bias" in layer else not layer.get("bn"))


def check_stage(layer: dict[str, Any], row: nn.Module) -> None:
    named = [(name, module) for name, module in row.named_modules() if isinstance(module, nn.Conv2d)]
    convs = [conv for name, conv in named if ".shortcut" not in name and ".se" not in name]
    first = [(conv["kernel"], conv["stride"], conv["padding"], conv["out"], conv.get("groups", 1))
             for conv in layer["convs"]]  # fmt: skip
    others = [(kernel, 1, padding, out, groups) for kernel, _, padding, out, groups in first]
    found = [(conv.kernel_size[0], conv.stride[0], conv.padding[0], conv.out_channels, conv.groups) for conv in convs]
    assert found == first + others * (layer["units"] - 1)
    shortcuts = [name for name, _ in row.named_modules() if name.endswith(".shortcut")]
    assert len(shortcuts) == (0 if "plain" in layer["unit"] else layer["units"])
    assert convs[0].in_channels == layer["in"]
    assert all(conv.bias is None for conv in convs)
    if shortcuts:
        check_shortcut(layer["shortcut_first_unit"], row.get_submodule(shortcuts[0]))


def check_shortcut(text: str, shortcut: nn.Module) -> None:
    """The first unit's shortcut, which the oracle puts in words."""
    names = [type(module).__name__ for module in shortcut.modules()]
    assert ("Conv2d" in names) == ("conv1x1" in text or "projection" in text)
    assert ("BatchNorm2d" in names) == ("Conv2d" in names and "no BN" not in text)
    assert ("AvgPool2d" in names) == ("average pool" in text)
    assert ("ZeroPad" in names) == ("zero" in text)


def check_dense_block(layer: dict[str, Any], row: nn.Module) -> None:
    assert len(list(row.children())) == layer["layers"]
    widths = [conv.out_channels for conv in row.modules() if isinstance(conv, nn.Conv2d)]
    inner = [] if layer["bottleneck_width"] == "none" else [layer["bottleneck_width"]]
    assert widths == [*inner, layer["growth"]] * layer["layers"]
    order = [type(module).__name__ for module in row.modules() if not list(module.children())]
    one = ["BatchNorm2d", "ReLU", "Conv2d"] * (1 + len(inner))
    assert order == ["Identity", *one] * layer["layers"]


def check_transition(layer: dict[str, Any], row: nn.Module) -> None:
    order = [type(module).__name__ for module in row.modules() if not list(module.children())]
    assert order == ["BatchNorm2d", "ReLU", "Conv2d", "AvgPool2d"]
    conv, pool = only(row, nn.Conv2d), only(row, nn.AvgPool2d)
    assert (conv.kernel_size, conv.in_channels, pool.kernel_size, pool.stride) == ((1, 1), layer["in"], 2, 2)


def check_bn_relu(layer: dict[str, Any], row: nn.Module) -> None:
    assert [type(module).__name__ for module in row.children()] == ["BatchNorm2d", "ReLU"]


def check_dropout(layer: dict[str, Any], row: nn.Module) -> None:
    note = re.search(r"drop (0\.\d+)", layer.get("note", ""))
    assert only(row, nn.Dropout).p == (layer["p"] if "p" in layer else float(note[1]))  # type: ignore[index]


CHECKS = {
    "conv": check_conv,
    "maxpool": check_pool,
    "avgpool": check_average,
    "lrn_across_channels": check_norm,
    "lrn_within_channel": check_norm_within,
    "linear": check_linear,
    "fc": check_linear,
    "residual_stage": check_stage,
    "dense_block": check_dense_block,
    "transition": check_transition,
    "bn_relu": check_bn_relu,
    "dropout": check_dropout,
}
