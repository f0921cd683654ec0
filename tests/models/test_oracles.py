"""Every network of the papers' tables, row by row, measured on the real modules on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from tests.oracles import Case, Expected, cases, measure


@pytest.mark.parametrize("case", cases())
def test_every_row_is_as_the_paper_says(case: Case) -> None:
    with torch.device("meta"):
        network = create_model(case.network, **case.overrides).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == case.parameters
    measured = measure(network, case.input)
    assert sum(row.multiply_adds for row in measured.values()) == case.multiply_adds
    if not case.rows:
        return
    assert len(measured) == len(case.rows)
    for expected, (name, row) in zip(case.rows, measured.items(), strict=True):
        assert name == expected.name or not expected.has_paper_name
        assert expected.shape in (row.shape, ()), name
        assert expected.parameters in (row.parameters, None), name
        assert expected.multiply_adds in (row.multiply_adds, None), name
        check_layer(expected, network.get_submodule(name))


def check_layer(expected: Expected, row: nn.Module) -> None:
    """Kernel, stride, padding and the like of a row, where the oracle lists them."""
    layer = expected.layer
    check = CHECKS.get(layer.get("op", ""))
    if check is not None:
        check(layer, row)


def only(row: nn.Module, kind: Any) -> Any:
    (module,) = (module for module in row.modules() if isinstance(module, kind))
    return module


def check_conv(layer: dict[str, Any], row: nn.Module) -> None:
    conv = only(row, nn.Conv2d)
    padding = layer.get("pad", layer.get("padding"))
    assert (conv.kernel_size[0], conv.stride[0], conv.padding[0]) == (layer["kernel"], layer["stride"], padding)
    assert conv.kernel_size[0] == conv.kernel_size[1]
    assert conv.groups == layer.get("groups", 1)
    assert conv.in_channels == layer.get("in_ch", layer.get("in"))
    assert (conv.bias is not None) == bool(layer["bias"])
    names = [type(module).__name__ for module in row.modules()]
    assert ("ReLU" in names) == (layer.get("act") == "relu" or "relu" in layer.get("then", ()))
    assert ("PadToStride" in names) == (layer.get("size_rule") == "ceil")


def check_pool(layer: dict[str, Any], row: nn.Module) -> None:
    pool = only(row, nn.MaxPool2d)
    assert (pool.kernel_size, pool.stride) == (layer["kernel"], layer["stride"])
    assert pool.padding == layer.get("pad", layer.get("padding"))
    assert pool.ceil_mode == (layer.get("size_rule") == "ceil")


def check_norm(layer: dict[str, Any], row: nn.Module) -> None:
    norm = only(row, nn.LocalResponseNorm)
    on_sum = layer["alpha"] / layer["size_n"] if layer["alpha_divided_by_n"] else layer["alpha"]
    assert (norm.size, norm.beta, norm.k) == (layer["size_n"], layer["beta"], layer["k"])
    assert norm.alpha / norm.size == pytest.approx(on_sum)


def check_linear(layer: dict[str, Any], row: nn.Module) -> None:
    linear = only(row, nn.Linear)
    features = layer.get("in_features", layer.get("in")), layer.get("out_features", layer.get("out"))
    assert (linear.in_features, linear.out_features) == features


def check_stage(layer: dict[str, Any], row: nn.Module) -> None:
    convs = [m for name, m in row.named_modules() if isinstance(m, nn.Conv2d) and ".shortcut" not in name]
    first = [(conv["kernel"], conv["stride"], conv["padding"], conv["out"]) for conv in layer["convs"]]
    others = [(kernel, 1, padding, out) for kernel, _, padding, out in first]
    found = [(conv.kernel_size[0], conv.stride[0], conv.padding[0], conv.out_channels) for conv in convs]
    assert found == first + others * (layer["units"] - 1)
    shortcuts = [name for name, _ in row.named_modules() if name.endswith(".shortcut")]
    assert len(shortcuts) == (0 if "plain" in layer["unit"] else layer["units"])
    assert convs[0].in_channels == layer["in"]
    assert all(conv.bias is None for conv in convs)


def check_dropout(layer: dict[str, Any], row: nn.Module) -> None:
    assert only(row, nn.Dropout).p == layer["p"]


CHECKS = {
    "conv": check_conv,
    "maxpool": check_pool,
    "lrn_across_channels": check_norm,
    "linear": check_linear,
    "fc": check_linear,
    "residual_stage": check_stage,
    "dropout": check_dropout,
}
