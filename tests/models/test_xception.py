"""Xception: its separable convolutions, blocks and poolings, its ablations, the networks of JFT, initialisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from convnets import create_model, describe
from convnets.errors import UsageError
from convnets.layers import PadSame, Residual
from convnets.models.peers.xception import padded_pool
from convnets.models.xception import alone, entry, residual, same_pool, separable


def meta(name: str, **axes: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **axes)


def of(module: nn.Module, kind: Any) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, kind)]


def separables(network: nn.Module) -> list[Any]:
    return [part for part in network.modules() if hasattr(part, "depthwise")]


@pytest.mark.parametrize(("intermediate", "linear"), [("none", True), ("relu", False), ("elu", False)])
def test_without_an_activation_between_a_separable_convolution_is_one_convolution(
    intermediate: str, linear: bool
) -> None:
    torch.manual_seed(0)
    unit: Any = separable(intermediate, 4, 6, before=False)
    x = torch.randn(2, 4, 7, 7)
    with torch.no_grad():
        whole = unit.pointwise.weight * unit.depthwise.weight[:, 0]  # (6, 4, 1, 1) by (4, 3, 3)
        y, z = unit[:-1](x), conv2d(x, whole, padding=1)
    assert torch.allclose(y, z, atol=1e-5) == linear
    assert type(unit[-1]) is nn.BatchNorm2d  # behind the pointwise one, and nowhere else
    assert len(of(unit, nn.BatchNorm2d)) == 1


@pytest.mark.parametrize(("name", "kind"), [("relu", nn.ReLU), ("elu", nn.ELU)])
def test_the_intermediate_activation_stands_in_every_separable_convolution(name: str, kind: type[nn.Module]) -> None:
    network = meta(f"xception_intermediate_{name}")
    units = separables(network)
    assert len(units) == 34
    for unit in units:
        parts = [type(part) for part in unit]
        depthwise = parts.index(nn.Conv2d)
        assert parts[depthwise : depthwise + 4] == [nn.Conv2d, kind, nn.Conv2d, nn.BatchNorm2d]
    assert str(network) == str(meta("xception", intermediate=name)) != str(meta("xception"))
    assert all([type(part) for part in unit if not isinstance(part, nn.ReLU)] == [nn.Conv2d, nn.Conv2d, nn.BatchNorm2d]
               for unit in separables(meta("xception")))  # fmt: skip


def test_other_activations_are_refused() -> None:
    with pytest.raises(UsageError, match="intermediate='gelu' is unknown; valid values: none, relu, elu"):
        create_model("xception", intermediate="gelu")


def test_36_layers_in_14_modules_of_which_12_are_residual() -> None:
    """Sec. 3; Fig. 5 normalises behind every convolution, those of the shortcuts too."""
    network = meta("xception")
    shortcuts = [block.shortcut for block in of(network, Residual)]
    projections = [shortcut for shortcut in shortcuts if of(shortcut, nn.Conv2d)]
    assert (len(shortcuts), len(projections)) == (12, 4)
    layers = len(of(network, nn.Conv2d)) - len(separables(network)) - len(projections)  # a separable one counts once
    assert layers == 36
    assert len(of(network, nn.BatchNorm2d)) == layers + len(projections)
    assert {norm.eps for norm in of(network, nn.BatchNorm2d)} == {1e-3}
    assert all(conv.bias is None for conv in of(network, nn.Conv2d))
    for projection in projections:
        assert [type(part) for part in projection] == [nn.Conv2d, nn.BatchNorm2d]
        assert (projection.conv.kernel_size, projection.conv.stride) == ((1, 1), (2, 2))


def test_the_shortcut_begins_before_the_first_relu_and_nothing_follows_the_sum() -> None:
    block: Any = entry("none", residual, 4, 6, 6).eval()
    x = torch.randn(2, 4, 9, 9)
    with torch.no_grad():
        y = block(x)
        assert torch.equal(y, block.body(x) + block.shortcut(x))
        assert torch.allclose(block.body(x), block.body(x.clamp(min=0)))
        assert not torch.allclose(block.shortcut(x), block.shortcut(x.clamp(min=0)), atol=1e-3)
        assert (y < 0).any()
        first: Any = entry("none", residual, 4, 6, 6, relu=False).eval()  # block2, whose input is behind a ReLU
        assert not torch.allclose(first.body(x), first.body(x.clamp(min=0)), atol=1e-3)
    rows = dict(meta("xception").named_children())
    assert [len(of(rows[name], nn.ReLU)) for name in ("block2", "block3", "block4", "block13")] == [1, 2, 2, 2]


def test_without_residual_connections() -> None:
    """Fig. 9."""
    block: Any = entry("none", alone, 4, 6, 6).eval()
    x = torch.randn(2, 4, 9, 9)
    with torch.no_grad():
        assert torch.equal(block(x), block.body(x))
    plain, network = meta("xception_non_residual"), meta("xception")
    assert not of(plain, Residual)
    kept = [key for key in network.state_dict() if ".shortcut." not in key]
    assert list(plain.state_dict()) == kept
    removed = describe("xception")["multiply_adds"] - describe("xception_non_residual")["multiply_adds"]
    assert removed == 64 * 128 * 74**2 + 128 * 256 * 37**2 + 256 * 728 * 19**2 + 728 * 1024 * 10**2  # the projections


def test_poolings_pad_as_tensorflow_does_and_as_timm_does_on_odd_maps() -> None:
    """Departure 1 of the peers."""
    ours, timms = same_pool(), padded_pool()
    for side in (9, 10):
        x = -1 - torch.rand(1, 2, side, side)  # zeros around the map would be seen
        y, z = ours(x), timms(x)
        assert y.shape == z.shape == (1, 2, 5, 5)
        assert torch.equal(y, z) == (side == 9)
        before = 1 if side == 9 else 0
        assert torch.equal(y[0, :, 0, 0], x[0, :, : 3 - before, : 3 - before].amax((1, 2)))
    kinds = [{type(part).__name__ for part in block.body.pool.modules()} for block in of(meta("xception"), Residual)
             if hasattr(block.body, "pool")]  # fmt: skip
    assert kinds == [{"Sequential", "PadSame", "MaxPool2d"}] * 4
    network = meta("xception_timm")
    assert not of(network, PadSame)
    assert [pool.padding for pool in of(network, nn.MaxPool2d)] == [1] * 4


def test_departure_2_of_the_peers_epsilon() -> None:
    assert {norm.eps for norm in of(meta("xception_timm"), nn.BatchNorm2d)} == {1e-5}


def test_the_networks_of_jft() -> None:
    """Sec. 4.5.1: 17,000 classes, without and with two fully connected layers of 4096."""
    bare, full, network = (meta(name) for name in ("xception_jft", "xception_jft_fc", "xception"))
    assert [(layer.in_features, layer.out_features) for layer in of(bare, nn.Linear)] == [(2048, 17000)]
    sizes = [(layer.in_features, layer.out_features) for layer in of(full, nn.Linear)]
    assert sizes == [(2048, 4096), (4096, 4096), (4096, 17000)]
    for row in (full.fc1, full.fc2):
        assert [type(part) for part in row.children()][1:] == [nn.ReLU]
        assert row.linear.bias is not None
    assert (bare.dropout.p, full.dropout.p, network.dropout.p) == (0, 0, 0.5)  # Sec. 4.3
    for other in (bare, full):
        rows = list(dict(network.named_children()))
        assert all(str(getattr(other, row)) == str(getattr(network, row)) for row in rows[: rows.index("dropout")])


def test_initialisation() -> None:
    """Glorot's uniform distribution; of a depthwise kernel one fan is over all channels, the other over one."""
    torch.manual_seed(0)
    rule = meta("xception").initialise
    layers: list[tuple[Any, int]] = [
        (nn.Conv2d(32, 64, 3), 9 * (32 + 64)),
        (nn.Conv2d(512, 512, 3, groups=512), 9 * (512 + 1)),
        (nn.Conv2d(256, 128, 1), 256 + 128),
        (nn.Linear(512, 100), 512 + 100),
    ]
    for layer, fans in layers:
        rule("row", layer)
        limit = (6 / fans) ** 0.5
        assert 0.999 * limit < layer.weight.abs().max().item() <= limit
        assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.03)
        assert not layer.bias.any()
