"""ResNet: shortcuts and initialisation by hand, trained public weights, and each departure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.models.peers.resnet import split_zeros
from convnets.models.resnet import zero_pad
from tests.oracles import oracle


@pytest.mark.parametrize(("option", "before"), [(zero_pad, 0), (split_zeros, 8)])
def test_option_a_takes_every_second_pixel_and_pads_with_zeros(option: Any, before: int) -> None:
    x = torch.rand(2, 16, 7, 8) + 1
    y = option(16, 32, 2)(x)
    assert y.shape == (2, 32, 4, 4)
    for row in range(4):
        for column in range(4):
            assert torch.equal(y[:, before : before + 16, row, column], x[:, :, 2 * row, 2 * column])
    assert not y[:, :before].any()
    assert not y[:, before + 16 :].any()


def test_where_each_option_projects() -> None:
    with torch.device("meta"):
        counts = {
            name: sum("shortcut.conv" in key for key in create_model(name).state_dict())
            for name in ("plain34", "resnet34_a", "resnet34", "resnet34_c")
        }
    assert counts == {"plain34": 0, "resnet34_a": 0, "resnet34": 3, "resnet34_c": 16}  # Sec. 4.1: thirteen more


def test_a_block_adds_before_its_last_relu() -> None:
    block = create_model("resnet20").eval().get_submodule("stage1.1")
    x = torch.randn(1, 16, 8, 8)
    assert torch.equal(block(x), (block.get_submodule("body")(x) + x).clamp(min=0))


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = create_model("resnet18")
    network.reset_classifier(500)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            std = (2 / module.weight[0].numel()) ** 0.5  # fan-in
            assert module.weight.std().item() == pytest.approx(std, rel=0.03), name
            assert module.bias is None or not module.bias.any(), name
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all(), name
            assert not module.bias.any(), name


def test_departure_1_the_unreported_combinations_are_the_papers_options() -> None:
    with torch.device("meta"):
        for name, base, option in (("resnet20_b", "resnet20", "B"), ("resnet56_c", "resnet56", "C"),
                                   ("resnet18_c", "resnet18", "C")):  # fmt: skip
            assert str(create_model(name)) == str(create_model(base, shortcut=option)) != str(create_model(base))


def test_the_stride_of_a_bottleneck_is_in_its_first_1x1() -> None:
    with torch.device("meta"):
        body: Any = create_model("resnet50").get_submodule("conv3_x.0.body")
    assert [unit.conv.stride[0] for unit in body] == [2, 1, 1]


def test_departures_2_and_3_of_the_peers_biases_and_epsilon() -> None:
    with torch.device("meta"):
        modules = list(create_model("resnet50_keras").modules())
    convs = [module for module in modules if isinstance(module, nn.Conv2d)]
    assert len(convs) == 53
    assert all(conv.bias is not None for conv in convs)
    assert {module.eps for module in modules if isinstance(module, nn.BatchNorm2d)} == {1.001e-5}


def load_public_weights(name: str, path: Path) -> nn.Module:
    """The public weights in our names: layer1.0.conv1 is stage1.0.body.conv1.conv, and so on."""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    renamed = {}
    for key, tensor in state.items():
        *place, layer, kind = key.removeprefix("module.").split(".")
        stage = [place[0].replace("layer", "stage"), place[1], "body"] if place else []
        unit = {"conv": "conv", "bn": "bn", "linear": "fc"}[layer.rstrip("12")]
        row = ["fc"] if unit == "fc" else [*stage, f"conv{layer[-1]}", unit]
        renamed[".".join([*row, kind])] = tensor
    network = create_model(name).eval()
    missing, unexpected = network.load_state_dict(renamed, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    return network


@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_departure_1_of_the_peers_public_weights_give_the_expected_logits(name: str, shared: Path) -> None:
    expected = oracle("resnet")["public_weights"]["numeric_oracle"]["logits"][name]
    (path,) = (shared / "data" / "weights").glob(f"{name}-*.th")
    inputs = {"zeros": torch.zeros(1, 3, 32, 32), "linspace": torch.linspace(-1, 1, 3072).reshape(1, 3, 32, 32)}
    split, appended = load_public_weights(f"{name}_split", path), load_public_weights(name, path)
    for key, x in inputs.items():
        logits = torch.tensor(expected[key])
        with torch.no_grad():
            assert (split(x)[0] - logits).abs().max() < 1e-3
            assert (appended(x)[0] - logits).abs().max() > 0.1
