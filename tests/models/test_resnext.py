"""ResNeXt: its three forms compute the same function, its widths, its initialisation, and the peer's departure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.models.resnext import FORMS, copy_across_forms, residual
from convnets.network import Network
from tests.oracles import oracle

BATCH = torch.randn(4, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def randomised(network: Network) -> Network:
    """With batch normalisation that does something, of both signs."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                assert tensor is not None
                nn.init.normal_(tensor)
            assert module.running_var is not None
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network


@pytest.fixture(scope="module", params=["resnext29_4x64d", "plainnext50_32x4d"])
def forms(request: pytest.FixtureRequest) -> dict[str, Network]:
    """A network in its three forms with the same weights."""
    torch.manual_seed(0)
    made = {form: create_model(request.param, form=form).double() for form in FORMS}
    randomised(made["c"])
    copy_across_forms(made["c"], made["b"])
    copy_across_forms(made["b"], made["a"])
    return made


@pytest.mark.parametrize("training", [False, True])
def test_the_forms_are_equal(forms: dict[str, Network], training: bool) -> None:
    """In train mode their batch statistics too, so that they stay equal (Sec. 3.3, footnote 6)."""
    x = BATCH[:, :, :12, :12] if "29" in forms["c"].name else BATCH
    with torch.no_grad():
        a, b, c = (forms[form].train(training)(x) for form in "abc")
        assert (a - c).abs().max() < 1e-8 * c.abs().max()
        assert (b - c).abs().max() < 1e-8 * c.abs().max()
        if training:
            a, b, c = (forms[form].eval()(x) for form in "abc")  # with the statistics just taken
            assert (a - c).abs().max() < 1e-8 * c.abs().max()
            assert (b - c).abs().max() < 1e-8 * c.abs().max()


def test_a_copy_there_and_back_is_the_same_bit_for_bit(forms: dict[str, Network]) -> None:
    back, again = (create_model(forms["c"].name, form=form).double() for form in "ca")
    copy_across_forms(forms["a"], back)
    copy_across_forms(back, again)
    expected, found = forms["a"].state_dict(), again.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items() if "num_batches" not in key)


def test_gradients_are_equal_too() -> None:
    torch.manual_seed(0)
    networks = [create_model("resnext29_2x64d", form=form).double() for form in "cab"]
    for network in networks[1:]:
        copy_across_forms(networks[0], network)
    for network in networks:
        network(BATCH[:, :, :12, :12]).square().sum().backward()
    first, *others = (network.get_parameter("conv1.conv.weight").grad for network in networks)
    assert first is not None
    for gradient in others:
        assert gradient is not None
        assert (gradient - first).abs().max() < 1e-8 * first.abs().max()


def test_form_a_normalises_behind_the_sum() -> None:
    with torch.device("meta"):
        body: Any = create_model("resnext29_8x64d", form="a").get_submodule("stage1.0.body")
    assert [type(part).__name__ for part in body] == ["Sum", "BatchNorm2d"]
    assert len(body.paths) == 8
    assert not any("bn" in name for name, _ in body.paths[0].conv3.named_modules())


@pytest.mark.usefixtures("shared")
def test_what_a_block_costs() -> None:
    """Eq. 4 with Table 2: C (256 d + 9 d d + 256 d) weights in a block of the first stage."""
    for line in oracle("resnext")["template"]["table_2"]:
        for body in FORMS.values():
            with torch.device("meta"):
                block = residual(line["C"], line["d"], body, 256, 64, 1)
            convs = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
            assert sum(conv.weight.numel() for conv in convs) == line["computed"]
            assert line["C"] * (2 * 256 * line["d"] + 9 * line["d"] ** 2) == line["computed"]


def test_widths_double_and_the_3x3_strides() -> None:
    with torch.device("meta"):
        network = create_model("resnext50_8x14d")
    for stage, width in zip((2, 3, 4, 5), (14, 28, 56, 112), strict=True):
        body: Any = network.get_submodule(f"conv{stage}_x.0.body")
        assert [unit.conv.out_channels for unit in body][:2] == [8 * width] * 2
        assert body.conv2.conv.groups == 8
        assert [unit.conv.stride[0] for unit in body] == [1, 1 if stage == 2 else 2, 1]


def test_plain_networks_are_the_residual_ones_without_shortcuts() -> None:
    with torch.device("meta"):
        plain, residual_one = create_model("plainnext50_32x4d"), create_model("resnext50_32x4d")
    kept = [key for key in residual_one.state_dict() if ".shortcut." not in key]
    assert list(plain.state_dict()) == kept


def test_initialisation_counts_all_output_channels() -> None:
    torch.manual_seed(0)
    network = create_model("resnext50_32x4d", num_classes=500)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            std = (2 / (module.out_channels * module.weight[0, 0].numel())) ** 0.5
            assert module.weight.std().item() == pytest.approx(std, rel=0.05), name
    fc = network.get_classifier()
    assert fc.bias is not None
    assert not fc.bias.any()
    assert fc.weight.std().item() == pytest.approx((3 * 2048) ** -0.5, rel=0.03)


@pytest.mark.usefixtures("shared")
def test_departure_1_of_the_peers_a_combination_of_its_own() -> None:
    with torch.device("meta"):
        body: Any = create_model("resnext101_32x8d").get_submodule("conv4_x.22.body")
    assert (body.conv2.conv.groups, body.conv2.conv.out_channels) == (32, 32 * 8 * 4)
    assert not any("32x8d" in str(case) for case in oracle("resnext")["networks"])
