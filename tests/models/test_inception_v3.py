"""Inception v3: both readings, the auxiliary classifiers, the low resolutions, its initialisation, each departure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model, describe
from convnets.models import auxiliary_forms, with_auxiliary
from convnets.models.inception_v3 import AUXILIARY, grid8, initialise, pooled, reduction, tower


def meta(name: str, **axes: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **axes)


def windows(module: Any) -> list[tuple[int, ...]]:
    """(channels, kernel height and width, stride) of each convolution."""
    convs = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return [(conv.out_channels, *conv.kernel_size, conv.stride[0]) for conv in convs]


def sizes(name: str, side: int) -> list[int]:
    """The different sides of the maps in their order, the last of them 1."""
    network, x = meta(name).eval(), torch.empty(1, 3, side, side, device="meta")
    sides = [side]
    for _, row in list(network.named_children())[:-1]:
        x = row(x)
        sides += [x.shape[-1]] * (x.shape[-1] != sides[-1])
    return sides[1:]


def test_departure_1_the_released_network() -> None:
    network, printed = meta("inception_v3"), meta("inception_v3_table1")
    assert windows(network.mixed_5b.short)[-1] == (64, 5, 5, 1)
    assert windows(printed.inception_35a.short)[-1] == (64, 3, 3, 1)  # Fig. 5 has no 5x5
    assert windows(network.mixed_6a.short) == [(384, 3, 3, 2)]
    assert windows(printed.reduction_35.short) == [(192, 1, 1, 1), (384, 3, 3, 2)]  # Fig. 10
    assert [kernel[1:3] for kernel in windows(network.mixed_7a.long)] == [(1, 1), (1, 7), (7, 1), (3, 3)]
    assert [kernel[1:3] for kernel in windows(printed.reduction_17.long)] == [(1, 1), (3, 3), (3, 3)]
    assert [kernel[1:3] for kernel in windows(network.mixed_6b.long)] == [(1, 1), *[(7, 1), (1, 7)] * 2]
    assert [kernel[1:3] for kernel in windows(printed.inception_17a.long)] == [(1, 1), *[(1, 7), (7, 1)] * 2]  # Fig. 6
    counts = [sum(name.startswith(("mixed_6", "inception_17")) for name, _ in net.named_children())
              for net in (network, printed)]  # fmt: skip
    assert counts == [5, 5]  # the release reaches the 5 of Table 1 with its reduction, mixed_6a
    assert "conv7" not in dict(network.named_children())


def test_departure_2_both_auxiliary_classifiers() -> None:
    for name, forms in AUXILIARY.items():
        assert auxiliary_forms(name) == list(forms)
    assert list(AUXILIARY["inception_v3"]) == ["released", "fig8"]
    assert list(AUXILIARY["inception_v3_table1"]) == ["fig8", "released"]
    released: Any
    drawn: Any
    pool: Any
    with torch.device("meta"):
        (released,), (drawn,) = (with_auxiliary(meta("inception_v3"), form).heads.values() for form in (None, "fig8"))
        assert windows(released) == [(128, 1, 1, 1), (768, 5, 5, 1)]
        assert windows(drawn) == [(128, 1, 1, 1)]
        norms = [part.num_features for part in drawn.modules() if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d)]
        assert norms == [128, 1024]  # Sec. 10: of the fully connected layer too
        for head, parameters in ((released, 3326696), (drawn, 4402408)):
            assert sum(parameter.numel() for parameter in head.parameters()) == parameters
            assert head(torch.empty(2, 768, 17, 17)).shape == (2, 1000)
            pool = next(head.children())
            assert (pool.kernel_size, pool.stride, pool.padding) == (5, 3, 0)


def test_the_auxiliary_classifier_of_a_small_picture_takes_all_that_is_left() -> None:
    with torch.device("meta"):
        head: Any = AUXILIARY["inception_v3"]["released"]["mixed_6e"]((768, 9, 9), 10)
        assert windows(head)[-1] == (768, 2, 2, 1)
        assert head(torch.empty(2, 768, 9, 9)).shape == (2, 10)


def test_departure_3_the_widths_inside_table_1() -> None:
    printed, network = meta("inception_v3_table1"), meta("inception_v3")
    widths = [windows(getattr(printed, f"inception_17{letter}").long)[0][0] for letter in "abcde"]
    assert widths == [windows(getattr(network, f"mixed_6{letter}").long)[0][0] for letter in "bcde"] + [192]
    assert windows(printed.reduction_35.short)[0] == windows(printed.reduction_17.short)[0]
    assert windows(printed.inception_8b) == windows(network.mixed_7c)


@pytest.mark.parametrize(
    ("name", "side", "grids"),
    [
        ("inception_v3", 299, [149, 147, 73, 71, 35, 17, 8, 1]),
        ("inception_v3_151", 151, [149, 147, 73, 71, 35, 17, 8, 1]),
        ("inception_v3_79", 79, [77, 75, 73, 36, 17, 8, 1]),
        ("inception_v3_79", 77, [75, 73, 71, 35, 17, 8, 1]),  # the input that keeps the grids
        ("inception_v3", 75, [37, 35, 17, 15, 7, 3, 1]),
        ("inception_v3_151", 39, [37, 35, 17, 15, 7, 3, 1]),
        ("inception_v3_79", 21, [19, 17, 15, 7, 3, 1]),
    ],
)
def test_low_resolutions_keep_the_grids_of_the_modules(name: str, side: int, grids: list[int]) -> None:
    assert sizes(name, side) == grids


def test_low_resolutions_cost_the_same() -> None:
    full = describe("inception_v3")["multiply_adds"]
    assert describe("inception_v3_151")["multiply_adds"] == full == 5713216096
    assert describe("inception_v3_79", size=(77, 77))["multiply_adds"] == 5248784992
    assert describe("inception_v3_79")["multiply_adds"] == 5361703520


def test_averages_leave_the_padding_out_and_torchvision_counts_it() -> None:
    ones = torch.ones(1, 4, 5, 5)
    assert torch.equal(pooled(4, 4).get_submodule("pool")(ones), ones)
    for network, counted in ((meta("inception_v3"), False), (meta("inception_v3_torchvision"), True)):  # 1 of the peers
        pools = [part for part in network.modules() if isinstance(part, nn.AvgPool2d)]
        assert [pool.count_include_pad for pool in pools] == [counted] * 9
    assert pools[0](ones)[0, 0, 0, 0].item() == pytest.approx(4 / 9)


def test_strides_are_not_padded_and_everything_else_keeps_its_size() -> None:
    x = torch.randn(1, 8, 9, 9)
    assert tower(8, (4, 1), (4, (1, 7)), (6, 3)).eval()(x).shape == (1, 6, 9, 9)
    assert reduction(8, ((4, 3, 2),), ((4, 1), (6, 3, 2))).eval()(x).shape == (1, 4 + 6 + 8, 4, 4)


def test_the_last_modules_split_after_the_same_map() -> None:
    module: Any = grid8(16).eval()
    x = torch.randn(1, 16, 4, 4)
    with torch.no_grad():
        y, before = module(x), module.long.conv2(module.long.conv1(x))
        row, column = module.long.split.row(before), module.long.split.column(before)
    assert torch.equal(y[:, 320 + 768 : 320 + 2 * 768], torch.cat([row, column], 1))


def test_departures_2_and_3_of_the_peers_the_first_keras_version() -> None:
    network, ours = meta("inception_v3_keras_1x"), meta("inception_v3")
    units = [part for part in network.modules() if isinstance(part, nn.Sequential) and hasattr(part, "conv")]
    assert len(units) == 94
    assert all(list(dict(unit.named_children())) == ["conv", "relu", "bn"] for unit in units)
    assert sum(unit.get_parameter("conv.bias").numel() for unit in units) == sum(windows(unit)[0][0] for unit in units)
    assert all(list(dict(unit.named_children())) == ["conv", "bn", "relu"] for unit in ours.modules()
               if isinstance(unit, nn.Sequential) and hasattr(unit, "conv"))  # fmt: skip
    projections = [getattr(network, f"mixed_5{letter}").pool.project.conv.out_channels for letter in "bcd"]
    assert projections == [32, 32, 32]
    assert windows(network.mixed_6e.long)[0][0] == 160
    assert type(network.mixed_7a.pool) is nn.AvgPool2d
    assert list(dict(network.mixed_6e.named_children())) == list(dict(ours.mixed_6e.named_children()))
    assert sum(parameter.numel() for parameter in network.parameters()) == 23626728


def test_initialisation() -> None:
    torch.manual_seed(0)
    conv, linear, plain = nn.Conv2d(64, 128, 3), nn.Linear(768, 500), nn.Linear(2048, 500)
    cases: tuple[tuple[str, Any, float], ...] = (
        ("mixed_5b.long.conv2.conv", conv, (2 / 576) ** 0.5),
        ("logits", plain, (2 / 2048) ** 0.5),
        ("auxiliary_mixed_6e.conv5x5.conv", conv, 0.01 * 0.88),  # the cut takes 12 % off the deviation
        ("auxiliary_mixed_6e.conv1x1.conv", conv, (2 / 576) ** 0.5),
        ("auxiliary_mixed_6e.aux_logits", linear, 0.001 * 0.88),
    )
    for name, layer, std in cases:
        initialise(name, layer)
        assert layer.weight.std().item() == pytest.approx(std, rel=0.02), name
        assert layer.weight.abs().max().item() < 2.3 * std, name  # of a normal one some would be beyond 4
        assert not layer.bias.any(), name
