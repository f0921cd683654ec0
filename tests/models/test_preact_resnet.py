"""Pre-activation ResNet: each unit and shortcut of the paper computed by hand, its identity, and initialisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model, models
from convnets.errors import UsageError
from convnets.models.preact_resnet import ONE, SHORTCUTS, THREE, TWO, UNITS, cifar, residual


def randomised(module: nn.Module) -> nn.Module:
    """In evaluation, with statistics and parameters of batch normalisation that show where it stands."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight, part.bias, part.running_mean):
                assert tensor is not None
                nn.init.normal_(tensor)
            assert part.running_var is not None
            nn.init.uniform_(part.running_var, 0.5, 2)
    return module.eval()


def created(name: str, **axes: Any) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **axes)


BY_HAND = {  # Fig. 4, with c and b the convolutions and normalisations in order, r a ReLU
    "original": lambda x, c, b, r: r(x + b[1](c[1](r(b[0](c[0](x)))))),
    "bn_after_addition": lambda x, c, b, r: r(b[1](x + c[1](r(b[0](c[0](x)))))),
    "relu_before_addition": lambda x, c, b, r: x + r(b[1](c[1](r(b[0](c[0](x)))))),
    "relu_only_pre_activation": lambda x, c, b, r: x + b[1](c[1](r(b[0](c[0](r(x)))))),
    "full_pre_activation": lambda x, c, b, r: x + c[1](r(b[1](c[0](r(b[0](x)))))),
}


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_of_figure_4(unit: str) -> None:
    torch.manual_seed(0)
    block = randomised(residual(UNITS[unit], TWO, False, 8, 8, 1))
    convs = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)]
    assert (len(convs), len(norms)) == (2, 2)  # all contain the same components
    x = torch.randn(2, 8, 6, 6)
    assert torch.allclose(block(x), BY_HAND[unit](x, convs, norms, torch.relu), atol=1e-6)


def test_where_channels_grow_the_paths_share_the_activation() -> None:
    block = randomised(residual(UNITS["full_pre_activation"], THREE, True, 8, 4, 2))
    x = torch.randn(2, 8, 6, 6)
    activated = torch.relu(block.get_submodule("before.bn")(x))
    projected: Any = block.get_submodule("shortcut")
    assert isinstance(projected, nn.Conv2d)  # and is not normalised again
    assert torch.equal(block(x), block.get_submodule("body")(activated) + projected(activated))
    first: Any = block.get_submodule("body.conv1")
    assert [type(part) for part in first] == [nn.Conv2d]


def test_projections_of_the_other_units_keep_their_normalisation() -> None:
    for unit in list(UNITS)[:4]:
        block = residual(UNITS[unit], THREE, True, 8, 4, 2)
        assert isinstance(block.get_submodule("shortcut.bn"), nn.BatchNorm2d), unit


def layers(row: nn.Module) -> list[str]:
    return [type(part).__name__ for part in row.modules() if not list(part.children())]


@pytest.mark.parametrize(
    ("unit", "conv1", "last"),
    [
        ("original", ["Conv2d", "BatchNorm2d", "ReLU"], None),
        ("bn_after_addition", ["Conv2d", "BatchNorm2d", "ReLU"], None),
        ("relu_before_addition", ["Conv2d", "BatchNorm2d", "ReLU"], None),
        ("relu_only_pre_activation", ["Conv2d", "BatchNorm2d"], "relu"),
        ("full_pre_activation", ["Conv2d"], "bn_relu"),
    ],
)
def test_first_and_last_units(unit: str, conv1: list[str], last: str | None) -> None:
    network = created("preact_resnet110", unit=unit)
    assert layers(network.get_submodule("conv1")) == conv1
    rows = [name for name, _ in network.named_children()]
    assert rows == ["conv1", "stage1", "stage2", "stage3", *([last] if last else []), "avgpool", "fc"]
    shared = [name for name, part in network.named_modules() if name.endswith(".before")]
    expected = ["stage1.0.before", "stage2.0.before", "stage3.0.before"] if last else []
    assert shared == expected
    assert sum(parameter.numel() for parameter in network.parameters()) == 1727962


def test_imagenet_begins_with_an_activated_pool() -> None:
    network = created("preact_resnet50")
    assert layers(network.get_submodule("conv1")) == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert layers(network.get_submodule("conv2_x.0"))[0] == "Conv2d"
    assert layers(network.get_submodule("conv3_x.0"))[:2] == ["BatchNorm2d", "ReLU"]


def test_strides() -> None:
    strides = {
        name: [conv.stride[0] for conv in created(name).get_submodule(block).modules() if isinstance(conv, nn.Conv2d)]
        for name, block in (("preact_resnet164", "stage2.0.body"), ("preact_resnet50", "conv3_x.0.body"),
                            ("resnet200", "conv3_x.0.body"))
    }  # fmt: skip
    assert strides == {"preact_resnet164": [2, 1, 1], "preact_resnet50": [1, 2, 1], "resnet200": [2, 1, 1]}


def test_the_original_unit_is_the_first_papers() -> None:
    torch.manual_seed(0)
    ours, theirs = randomised(cifar(TWO, 3, unit="original")), create_model("resnet20").eval()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)


def test_a_stage_adds_up_its_branches() -> None:
    """Eq. 4: x_L = x_l plus the sum of F(x_i), in every stage behind its first unit."""
    torch.manual_seed(0)
    network: Any = randomised(cifar(THREE, 4, True))
    x = network[:1](torch.randn(2, 3, 32, 32))
    for name in ("stage1", "stage2", "stage3"):
        first, *units = network.get_submodule(name)
        total = x = first(x)
        for unit in units:
            total = total + unit.body(x)
            x = unit(x)
        assert torch.allclose(total, x, rtol=1e-4, atol=1e-4)


TABLE1 = {  # body and shortcut weighed by hand
    "identity": lambda body, shortcut, g: body + shortcut,
    "zero_shortcut": lambda body, shortcut, g: body,
    "half_shortcut": lambda body, shortcut, g: body + 0.5 * shortcut,
    "both_half": lambda body, shortcut, g: 0.5 * body + 0.5 * shortcut,
    "exclusive_gating": lambda body, shortcut, g: g * body + (1 - g) * shortcut,
    "shortcut_only_gating": lambda body, shortcut, g: body + (1 - g) * shortcut,
}


@pytest.mark.parametrize("shortcut", TABLE1)
def test_shortcuts_of_table_1(shortcut: str) -> None:
    torch.manual_seed(0)
    for in_channels, stride in ((8, 1), (4, 2)):
        block: Any = randomised(SHORTCUTS[shortcut](in_channels, 8, stride))
        x = torch.randn(2, in_channels, 6, 6)
        places = x[:, :, ::stride, ::stride]
        identity = torch.cat([places, torch.zeros_like(places)], 1)[:, :8]
        gate: Tensor | int = block.gate(identity).sigmoid() if "gating" in shortcut else 0
        expected = torch.relu(TABLE1[shortcut](block.body(x), identity, gate))
        assert torch.allclose(block(x), expected, atol=1e-6)


def test_the_other_shortcuts_of_table_1() -> None:
    assert str(created("resnet110_conv_shortcut")) == str(created("resnet110_c"))  # option C of the first paper
    network = created("resnet110_dropout_shortcut")
    dropouts = [part for part in network.modules() if isinstance(part, nn.Dropout)]
    assert [part.p for part in dropouts] == [0.5] * 54
    plain, none = created("plain110"), created("resnet110_half_shortcut", shortcut="zero_shortcut")
    assert plain.state_dict().keys() == none.state_dict().keys()
    torch.manual_seed(0)
    block = SHORTCUTS["dropout_shortcut"](8, 8, 1)
    x = torch.ones(1, 8, 6, 6)
    assert set(block.get_submodule("shortcut")(x).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(block.eval().get_submodule("shortcut")(x), x)


@pytest.mark.parametrize("name", ["resnet110_exclusive_gating", "resnet110_shortcut_only_gating"])
def test_gates(name: str) -> None:
    network = created(name)
    count = sum(parameter.numel() for key, parameter in network.named_parameters() if ".gate." in key)
    assert count == 98784
    cases: list[tuple[dict[str, Any], float]] = [({}, -6.0), ({"gate_bias": 0}, 0.0)]
    for axes, bias in cases:
        gates = [part for key, part in create_model(name, **axes).named_modules() if key.endswith(".gate")]
        assert len(gates) == 54
        for gate in gates:
            assert isinstance(gate, nn.Conv2d)
            assert gate.bias is not None
            assert gate.bias.eq(bias).all()


def test_names_are_units_and_shortcuts() -> None:
    for name, base, axes in (
        ("resnet110_relu_only_pre_activation", "preact_resnet110", {"unit": "relu_only_pre_activation"}),
        ("resnet164_bottleneck", "preact_resnet164", {"unit": "original"}),
        ("resnet110_both_half", "resnet110_dropout_shortcut", {"shortcut": "both_half"}),
    ):
        assert str(created(name)) == str(created(base, **axes)) != str(created(base))
    with pytest.raises(UsageError, match="unit='e' is unknown; valid values: original, bn_after_addition"):
        create_model("preact_resnet110", unit="e")


def test_departure_1_projections_on_110_layers() -> None:
    assert models.departures("preact_resnet110_projection")
    for name, projections in (("preact_resnet110", 0), ("preact_resnet110_projection", 2)):
        assert sum(key.endswith("shortcut.weight") for key in created(name).state_dict()) == projections


def test_one_layer_units() -> None:
    network = created("preact_resnet110_one_layer")
    bodies = [part for name, part in network.named_modules() if name.endswith(".body")]
    assert len(bodies) == 108
    assert all(sum(isinstance(part, nn.Conv2d) for part in body.modules()) == len(ONE) for body in bodies)


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = create_model("preact_resnet50")
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            std = (2 / (module.out_channels * module.kernel_size[0] ** 2)) ** 0.5  # fan-out
            assert module.weight.std().item() == pytest.approx(std, rel=0.04), name
        if isinstance(module, nn.Linear):
            assert module.weight.abs().max().item() == pytest.approx(module.in_features**-0.5, rel=0.01)
            assert not module.bias.any()
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all(), name
            assert not module.bias.any(), name


def test_peers_activate_behind_the_pool() -> None:
    """Departures 1 and 2 of the peers' file."""
    for name in ("preact_resnet50_timm", "preact_resnet50_keras", "preact_resnet18_timm"):
        network = created(name)
        assert layers(network.get_submodule("conv1")) == ["Conv2d"]
        assert layers(network.get_submodule("conv2_x.0"))[:2] == ["BatchNorm2d", "ReLU"]


def test_peers_keras_strides_biases_and_zeros() -> None:
    """Departures 2, 3 and 4."""
    network: Any = created("preact_resnet50_keras")
    last, end = network.get_submodule("conv2_x.2"), network.get_submodule("conv5_x.2")
    assert (last.shortcut.kernel_size, last.shortcut.stride) == (1, 2)
    assert last.before is None  # so the shortcut skips places of a map that is not activated
    assert last.body.conv2.conv.stride == (2, 2)
    assert end.body.conv2.conv.stride == (1, 1)
    biased = [name for name, part in network.named_modules() if isinstance(part, nn.Conv2d) and part.bias is not None]
    assert len(biased) == 1 + 4 + 16  # conv1, projections, the last convolution of each unit
    assert {part.eps for part in network.modules() if isinstance(part, nn.BatchNorm2d)} == {1.001e-5}
    pool = create_model("preact_resnet50_keras").get_submodule("pool1")
    assert pool(torch.full((1, 1, 4, 4), -1.0)).amax() == 0
