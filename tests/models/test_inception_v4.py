"""Inception-v4 and the Inception-ResNets: their blocks, orders and scales, the auxiliary classifier, and departures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model, describe
from convnets.errors import UsageError
from convnets.layers import Concat, Residual, Scale
from convnets.models import auxiliary_forms, with_auxiliary
from convnets.models.inception_v4 import PRINTED, inception_c, reduction, residual

RESIDUAL = ("inception_resnet_v1", "inception_resnet_v2", "inception_resnet_v2_slim")


def meta(name: str, **axes: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **axes)


def windows(module: nn.Module) -> list[tuple[int, int]]:
    """Kernel height and width of each convolution."""
    return [(conv.kernel_size[0], conv.kernel_size[1]) for conv in of(module, nn.Conv2d)]


def of(module: nn.Module, kind: Any) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, kind)]


def towers(module: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The two long towers of a block of Inception-v4: the branches with the most convolutions, the longer one last."""
    short, long = sorted(module.children(), key=lambda branch: len(windows(branch)))[-2:]
    return short, long


def channels(name: str) -> dict[str, int]:
    """Of each row's output."""
    return {row["name"]: row["output"][0] for row in describe(name)["rows"]}


@pytest.mark.parametrize("scale", [0.1, 0.3])
def test_a_residual_block_adds_its_scaled_towers_and_then_has_a_relu(scale: float) -> None:
    towers = (((3, 1),), ((2, 1), (4, (1, 3)), (5, (3, 1))))
    block: Any = residual(6, towers, scale).eval()
    x = torch.randn(2, 6, 5, 5)
    with torch.no_grad():
        y, side_by_side = block(x), torch.cat([tower(x) for tower in block.body.towers.children()], 1)
        assert torch.allclose(y, (x + scale * block.body.up(side_by_side)).clamp(min=0), atol=1e-6)
        assert (block.body(x) < 0).any()  # no activation behind the 1x1 that widens
        last = residual(6, towers, scale, nn.Identity()).eval()
        last.load_state_dict(block.state_dict())
        assert torch.allclose(last(x), x + scale * block.body.up(side_by_side), atol=1e-6)


@pytest.mark.parametrize("name", RESIDUAL)
def test_only_what_is_added_is_not_normalised(name: str) -> None:
    """Sec. 3.2: batch normalisation not on top of the summations."""
    network, units = meta(name), 0
    for module in of(network, nn.Sequential):
        if isinstance(getattr(module, "conv", None), nn.Conv2d):
            assert [type(part) for part in module] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
            assert module.conv.bias is None
            units += 1
    blocks = of(network, Residual)
    assert len(of(network, nn.Conv2d)) == units + len(blocks)
    for block in blocks:
        assert [name for name, _ in block.body.named_children()] == ["towers", "up", "scale"]
        assert (block.body.up.kernel_size, block.body.up.bias.shape) == ((1, 1), (block.out_channels,))
        assert isinstance(block.shortcut, nn.Identity)
    assert {norm.eps for norm in of(network, nn.BatchNorm2d)} == {1e-3}


def test_the_scale_is_set_in_every_block() -> None:
    for name in RESIDUAL[:2]:
        assert [part.factor for part in of(meta(name), Scale)] == [0.1] * 20  # Fig. 20: "typically around 0.1"
        assert [part.factor for part in of(meta(name, scale=0.3), Scale)] == [0.3] * 20
    for name in ("inception_v4", "inception_resnet_v2_slim"):  # where nothing varies
        with pytest.raises(UsageError, match="has no axis 'scale'"):
            create_model(name, scale=0.3)


def test_the_cost_of_five_ten_and_five_blocks() -> None:
    """Sec. 3.2 compares v1 with Inception-v3 and v2 with Inception-v4; only the first comparison holds."""
    cost = {name: describe(name)["multiply_adds"] for name in ("inception_v3", "inception_v4", *RESIDUAL)}
    assert cost["inception_resnet_v1"] / cost["inception_v3"] == pytest.approx(1.086, abs=5e-4)
    assert cost["inception_resnet_v2"] / cost["inception_v4"] == pytest.approx(0.756, abs=5e-4)
    described = describe("inception_resnet_v2")
    blocks = [row for row in described["rows"] if row["name"].startswith("inception_resnet")]
    assert described["parameters"] + sum(row["parameters"] for row in blocks) == 55284488  # with 10, 20 and 10
    assert cost["inception_resnet_v2"] + sum(row["multiply_adds"] for row in blocks) == 14142011232


def test_a_reduction_puts_the_pooling_first_and_pads_nothing() -> None:
    x = torch.randn(1, 4, 9, 9)
    y = reduction(4, ((5, 3, 2),), ((2, 1), (6, 3, 2))).eval()(x)
    assert y.shape == (1, 4 + 5 + 6, 4, 4)
    assert torch.equal(y[:, :4], nn.MaxPool2d(3, 2)(x))


def test_the_last_blocks_split_after_the_same_map() -> None:
    module: Any = inception_c(*PRINTED[2:]).eval()
    _, long = towers(module)
    x, (before, split) = torch.randn(1, 1536, 2, 2), long.children()
    with torch.no_grad():
        y, shared = module(x), before(x)
        ends = torch.cat([end(shared) for end in split.children()], 1)
    assert y.shape == (1, 1536, 2, 2)
    assert torch.equal(y[:, 1024:], ends)


@pytest.mark.parametrize("name", ["inception_v4", "inception_v4_slim", "inception_resnet_v2_slim"])
def test_averages_leave_the_padding_out(name: str) -> None:
    pools = of(meta(name), nn.AvgPool2d)
    assert len(pools) == (1 if name in RESIDUAL else 4 + 7 + 3)
    ones = torch.ones(1, 2, 4, 4)
    assert all(torch.equal(pool(ones), ones) for pool in pools)


def test_departure_1_the_auxiliary_classifier_of_the_release() -> None:
    assert [auxiliary_forms(name) for name in RESIDUAL] == [[], [], ["released"]]
    cases = (("inception_v4", "inception_b", 1024, 3359464), ("inception_v4_slim", "inception_b", 1024, 3359464),
             ("inception_resnet_v2_slim", "block17", 1088, 3367656))  # fmt: skip
    for name, row, width, parameters in cases:
        assert auxiliary_forms(name) == ["released"]
        with torch.device("meta"):
            wrapped: Any = with_auxiliary(meta(name))
            ((place, head),) = wrapped.heads.items()
            assert place == row
            assert head(torch.empty(2, width, 17, 17)).shape == (2, 1000)
        pool = next(head.children())
        assert (pool.kernel_size, pool.stride, pool.padding) == (5, 3, 0)
        assert [(conv.out_channels, conv.kernel_size, conv.padding) for conv in of(head, nn.Conv2d)] == [
            (128, (1, 1), (0, 0)), (768, (5, 5), (0, 0)),
        ]  # fmt: skip
        assert sum(parameter.numel() for parameter in head.parameters()) == parameters


def test_departure_2_the_third_tower_of_fig_5_ends_in_a_7x1() -> None:
    for block in meta("inception_v4").inception_b:
        short, _ = towers(block)
        assert [(conv.kernel_size, conv.out_channels) for conv in of(short, nn.Conv2d)[1:]] == [
            ((1, 7), 224), ((7, 1), 256),
        ]  # fmt: skip


def test_departure_3_widths_follow_from_the_reductions() -> None:
    for name, widths in (("inception_resnet_v1", (256, 896, 1792)), ("inception_resnet_v2", (384, 1152, 2144))):
        found = channels(name)
        rows = ("inception_resnet_a", "inception_resnet_b", "inception_resnet_c")
        assert tuple(found[row] for row in rows) == widths
        assert (found["reduction_a"], found["reduction_b"]) == widths[1:]


def test_departure_1_of_the_peers_orders() -> None:
    paper, slim = meta("inception_v4"), meta("inception_v4_slim")
    tall, flat, one = (7, 1), (1, 7), (1, 1)
    assert windows(paper.stem_mixed_4a)[2:] == [one, tall, flat, (3, 3)]  # Fig. 3
    assert windows(slim.stem_mixed_4a)[2:] == [one, flat, tall, (3, 3)]
    for ours, theirs in zip(paper.inception_b, slim.inception_b, strict=True):
        (short, long), (short_slim, long_slim) = towers(ours), towers(theirs)
        assert windows(short) == windows(short_slim) == [one, flat, tall]
        assert windows(long) == [one, flat, tall, flat, tall]  # Fig. 5
        assert windows(long_slim) == [one, tall, flat, tall, flat]
    for ours, theirs in zip(paper.inception_c, slim.inception_c, strict=True):
        (short, long), (short_slim, long_slim) = towers(ours), towers(theirs)
        assert windows(short) == windows(short_slim) == [one, (1, 3), (3, 1)]
        assert windows(long) == [one, (1, 3), (3, 1), (3, 1), (1, 3)]  # Fig. 6
        assert windows(long_slim) == [one, (3, 1), (1, 3), (1, 3), (3, 1)]
    assert windows(paper.reduction_b) == windows(slim.reduction_b)


def test_departure_2_of_the_peers_the_pooling_comes_last() -> None:
    for name, first, last in (("inception_v4", 17, 1), ("inception_v4_slim", 1, 17), ("inception_resnet_v1", 2, 0),
                              ("inception_resnet_v2", 3, 1), ("inception_resnet_v2_slim", 0, 3)):  # fmt: skip
        places = [list(dict(module.named_children())) for module in of(meta(name), Concat) if hasattr(module, "pool")]
        found = [sum(branches[place] == "pool" for branches in places) for place in (0, -1)]
        assert found == [first, last], name  # stem_mixed_3a and stem_mixed_5a are as in Fig. 3 in both


def test_departure_3_of_the_peers_the_released_inception_resnet_v2() -> None:
    slim, printed, v3 = meta("inception_resnet_v2_slim"), meta("inception_resnet_v2"), meta("inception_v3")
    rows, rows_v3 = dict(slim.named_children()), dict(v3.named_children())
    for row in list(rows)[:7]:
        assert str(rows[row]) == str(rows_v3[row])
    assert [conv.out_channels for conv in of(slim.mixed_5b, nn.Conv2d)] == [96, 48, 64, 64, 96, 96, 64]
    found = channels("inception_resnet_v2_slim")
    assert [found[row] for row in ("block35", "block17", "block8", "conv2d_7b_1x1")] == [320, 1088, 2080, 1536]
    blocks = [block for row in ("block35", "block17", "block8", "block8_last") for block in rows[row].children()]
    assert [len(rows[row]) for row in ("block35", "block17", "block8", "block8_last")] == [10, 20, 9, 1]
    assert [block.body.scale.factor for block in blocks] == [0.17] * 10 + [0.1] * 20 + [0.2] * 9 + [1.0]
    assert [type(block.after) for block in blocks] == [nn.ReLU] * 39 + [nn.Identity]
    assert {type(block.after) for block in of(printed, Residual)} == {nn.ReLU}
    for ours, theirs in (("inception_resnet_a", "block35"), ("inception_resnet_b", "block17"),
                         ("inception_resnet_c", "block8")):  # fmt: skip
        towers = [[conv.out_channels for conv in of(getattr(net, row)[0].body.towers, nn.Conv2d)]
                  for net, row in ((printed, ours), (slim, theirs))]  # fmt: skip
        assert towers[0] == towers[1]  # the towers are the paper's


def test_towers_of_the_residual_blocks() -> None:
    """Figs. 10, 11, 13, 16, 17 and 19: the flat window before the tall one."""
    for name in RESIDUAL[:2]:
        rows = [list(row.children()) for row in meta(name) if isinstance(row, nn.Sequential)]
        found = [windows(row[-1].body.get_submodule("towers")) for row in rows if isinstance(row[-1], Residual)]
        one = (1, 1)
        assert found == [
            [one, one, (3, 3), one, (3, 3), (3, 3)], [one, one, (1, 7), (7, 1)], [one, one, (1, 3), (3, 1)],
        ]  # fmt: skip


def drawn(name: str, layer: Any) -> Tensor:
    """The weights that the network's rule draws for such a layer."""
    torch.manual_seed(0)
    meta(name).initialise("row.conv", layer)
    assert not layer.bias.any()
    weight: Tensor = layer.weight.detach()
    return weight


def test_initialisation_of_inception_v4() -> None:
    """TF-slim: He's for convolutions, drawn again beyond two deviations; its default, Glorot's, for what is linear."""
    weight, std = drawn("inception_v4", nn.Conv2d(64, 256, 3)), (2 / 576) ** 0.5
    assert weight.std().item() == pytest.approx(std, rel=0.01)
    assert 2.2 * std < weight.abs().max().item() <= 2 * 1.3**0.5 * std
    linear = drawn("inception_v4", nn.Linear(768, 500))
    assert linear.abs().max().item() == pytest.approx((6 / (768 + 500)) ** 0.5, rel=1e-3)


@pytest.mark.parametrize("name", RESIDUAL)
def test_initialisation_of_the_residual_networks(name: str) -> None:
    """TF-slim's settings for them name no rule, so its default holds: Glorot's uniform distribution."""
    for layer, fans in ((nn.Conv2d(64, 256, 3), 9 * (64 + 256)), (nn.Linear(768, 500), 768 + 500)):
        weight, limit = drawn(name, layer), (6 / fans) ** 0.5
        assert weight.abs().max().item() == pytest.approx(limit, rel=1e-3)
        assert weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.01)


def test_reduction_a_has_the_widths_of_table_1() -> None:
    table = {"inception_v4": (192, 224, 256, 384), "inception_resnet_v1": (192, 192, 256, 384),
               "inception_resnet_v2": (256, 256, 384, 384)}  # fmt: skip
    for name, (k, middle, m, n) in table.items():
        widths = [conv.out_channels for conv in of(meta(name).reduction_a, nn.Conv2d)]
        assert widths == [n, k, middle, m]
