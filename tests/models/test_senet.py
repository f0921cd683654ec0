"""SENet: the unit and its places by hand, the printed counts of the ablations, readings, initialisation, departures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from convnets import create_model, describe, models
from convnets.errors import UsageError
from convnets.layers import HE_NORMAL, Residual
from convnets.models.resnet import bottleneck, projection
from convnets.models.senet import SqueezeExcitation, placed
from convnets.network import Network

SQUEEZE = {"avg": lambda x: x.mean((2, 3)), "max": lambda x: x.amax((2, 3))}
EXCITE = {"sigmoid": lambda z: 1 / (1 + (-z).exp()), "tanh": torch.tanh, "relu": lambda z: z.clamp(min=0)}


def on_meta(name: str, **values: Any) -> Network:
    with torch.device("meta"):
        return create_model(name, **values)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def gate_by_hand(unit: nn.Module, z: Tensor) -> Tensor:
    """W2 relu(W1 z + b1) + b2 of descriptors (N, C)."""
    reduce, expand = unit.get_submodule("gate.reduce"), unit.get_submodule("gate.expand")
    hidden = linear(z, reduce.weight.flatten(1), reduce.bias).clamp(min=0)  # type: ignore[arg-type, operator]
    return linear(hidden, expand.weight.flatten(1), expand.bias)  # type: ignore[arg-type, operator]


@pytest.mark.parametrize("squeeze", ["avg", "max"])
@pytest.mark.parametrize("excitation", ["sigmoid", "tanh", "relu"])
def test_the_unit_is_equations_2_to_4(squeeze: str, excitation: str) -> None:
    torch.manual_seed(0)
    unit, x = SqueezeExcitation(32, 4, squeeze, excitation), torch.randn(2, 32, 5, 7)
    assert unit.gate.get_submodule("reduce").out_channels == 8
    gate = EXCITE[excitation](gate_by_hand(unit, SQUEEZE[squeeze](x)))
    torch.testing.assert_close(unit(x), x * gate[:, :, None, None])


def test_without_squeeze_every_place_has_its_own_gate() -> None:
    torch.manual_seed(0)
    unit, x = SqueezeExcitation(32, 4, "none"), torch.randn(2, 32, 3, 3)
    y = unit(x)
    for row in range(3):
        for column in range(3):
            place = x[:, :, row, column]
            torch.testing.assert_close(y[:, :, row, column], place * torch.sigmoid(gate_by_hand(unit, place)))


def test_no_unit_is_narrower_than_one() -> None:
    assert SqueezeExcitation(8, 16).gate.get_submodule("reduce").out_channels == 1


class TestPlacements:
    """Fig. 5, on a bottleneck that projects and on one that does not."""

    @staticmethod
    def block(placement: str, in_channels: int) -> tuple[Residual, Tensor]:
        torch.manual_seed(0)
        block = bottleneck(in_channels, 16, 1, projection).eval()
        placed(block, placement, lambda channels: SqueezeExcitation(channels, 4))
        return block.eval(), torch.randn(2, in_channels, 6, 6)

    @staticmethod
    def parts(block: Residual) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module]:
        """The unit, and the branch's convolutions by themselves."""
        (unit,) = (module for module in block.modules() if isinstance(module, SqueezeExcitation))
        body = dict(block.body.named_children())
        return unit, body["conv1"], body["conv2"], body["conv3"]

    @pytest.mark.parametrize("in_channels", [64, 32])
    @pytest.mark.parametrize("placement", ["standard", "pre", "post", "identity", "3x3"])
    def test_by_hand(self, placement: str, in_channels: int) -> None:
        block, x = self.block(placement, in_channels)
        unit, conv1, conv2, conv3 = self.parts(block)
        shortcut = block.shortcut if placement != "identity" else block.shortcut.get_submodule("shortcut")
        if placement == "3x3":
            conv2 = nn.Sequential(*list(conv2.children())[:3])  # convolution, normalisation, ReLU, and then the unit
            branch = conv3(unit(conv2(conv1(x))))
        else:
            branch = conv3(conv2(conv1(unit(x) if placement == "pre" else x)))
        branch = unit(branch) if placement == "standard" else branch
        added = branch + (unit(shortcut(x)) if placement == "identity" else shortcut(x))
        expected = unit(added.clamp(min=0)) if placement == "post" else added.clamp(min=0)
        torch.testing.assert_close(block(x), expected)

    def test_the_paper_counts_the_statistics_of_batch_normalisation_as_parameters(self) -> None:
        printed: list[tuple[dict[str, Any], float]] = [
            ({"reduction": 4}, 35.7), ({"reduction": 8}, 30.7), ({}, 28.1), ({"reduction": 32}, 26.9),  # Table 10
            ({"stages": "conv2_x"}, 25.6), ({"stages": "conv3_x"}, 25.7), ({"stages": "conv4_x"}, 26.4),  # Table 13
            ({"placement": "3x3"}, 25.8), ({"squeeze": "none"}, 28.1),  # Tables 15, 16
        ]  # fmt: skip
        for axes, millions in printed:
            network = on_meta("se_resnet50", **axes)
            statistics = sum(buffer.numel() for name, buffer in network.named_buffers() if "running" in name)
            assert round((count(network) + statistics) / 1e6, 1) == millions, axes

    def test_without_squeeze_it_costs_what_table_16_prints(self) -> None:
        costs = [describe("se_resnet50", squeeze=squeeze)["multiply_adds"] for squeeze in ("none", "max", "avg")]
        assert costs[0] / 1e9 == pytest.approx(4.27, abs=0.005)
        assert costs[1] == costs[2] == describe("se_resnet50")["multiply_adds"]


def test_stages_are_the_rows_named_and_no_others() -> None:
    def having(stages: str) -> list[str]:
        rows = on_meta("se_resnet50", stages=stages).named_children()
        return [name for name, row in rows if any(isinstance(part, SqueezeExcitation) for part in row.modules())]

    assert having("conv3_x") == ["conv3_x"]
    assert having("conv4_x + conv2_x+conv4_x") == ["conv2_x", "conv4_x"]
    assert having("all") == ["conv2_x", "conv3_x", "conv4_x", "conv5_x"]
    assert on_meta("se_resnet50", stages="conv4_x+conv4_x").overrides == {"stages": "conv4_x+conv4_x"}
    assert count(on_meta("se_resnet50", stages="conv4_x+conv4_x")) == count(on_meta("se_resnet50", stages="conv4_x"))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"stages": "conv6_x"}, "stages='conv6_x' is unknown; valid values: conv2_x, conv3_x, conv4_x, conv5_x, all"),
        ({"placement": "before"}, "placement='before' is unknown; valid values: standard, pre, post, identity, 3x3"),
        ({"squeeze": "sum"}, "squeeze='sum' is unknown; valid values: avg, max, none"),
        ({"excitation": "elu"}, "excitation='elu' is unknown; valid values: sigmoid, tanh, relu"),
        ({"reduction": 0}, "reduction=0 is not a whole number of at least 1"),
    ],
)
def test_what_is_refused(axes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("+", r"\+")):
        on_meta("se_resnet50", **axes)


PARENTS = {
    "se_resnet34": "resnet34", "se_resnet50": "resnet50", "se_resnext50_32x4d": "resnext50_32x4d",
    "se_googlenet": "googlenet", "se_vgg16_bn": "vgg16_bn", "se_inception_resnet_v2": "inception_resnet_v2_slim",
    "se_resnet20": "resnet20", "se_preact_resnet110": "preact_resnet110", "se_wrn_16_8": "wrn_16_8",
}  # fmt: skip


@pytest.mark.parametrize(("name", "parent"), PARENTS.items())
def test_departures_1_and_2_the_parent_is_as_it_was(name: str, parent: str) -> None:
    network = on_meta(name)
    units = [module for module in network.modules() if isinstance(module, SqueezeExcitation)]
    assert units
    assert count(network) - sum(map(count, units)) == count(on_meta(parent))
    assert list(dict(network.named_children())) == list(dict(on_meta(parent).named_children()))
    with torch.device("meta"):
        for module in network.modules():
            for child in [child for child, part in module.named_children() if isinstance(part, SqueezeExcitation)]:
                setattr(module, child, nn.Identity())
        x = torch.empty(2, 3, 224, 224)
    kept = [tensor.shape for key, tensor in network.state_dict().items()]
    assert kept == [tensor.shape for tensor in on_meta(parent).state_dict().values()]
    assert network(x).shape == (2, network.num_classes)


def test_where_a_row_holds_its_units() -> None:
    for name, row, place in (
        ("se_vgg16_bn", "conv3_2", ["conv", "bn", "relu", "se"]),  # behind the nonlinearity (Sec. 3.3)
        ("se_googlenet", "inception_4e", ["module", "se"]),
        ("se_bn_inception", "inception_3c", ["module", "se"]),
        ("se_inception_resnet_v2", "block17.0.body", ["towers", "up", "scale", "se"]),
        ("se_preact_resnet110", "stage2.0.body", ["conv1", "conv2", "se"]),
    ):
        assert list(dict(on_meta(name).get_submodule(row).named_children())) == place
    with torch.device("meta"):
        counts = {name: sum(isinstance(part, SqueezeExcitation) for part in create_model(name).modules())
                  for name in ("se_vgg16_bn", "se_googlenet", "se_bn_inception", "se_inception_resnet_v2")}  # fmt: skip
    assert counts == {"se_vgg16_bn": 13, "se_googlenet": 9, "se_bn_inception": 10, "se_inception_resnet_v2": 40}


def test_strides() -> None:
    strides = {}
    for name in ("se_resnet50", "se_resnet50_v15", "se_resnext50_32x4d", "senet154"):
        body: Any = on_meta(name).get_submodule("conv3_x.0.body")
        strides[name] = [body.get_submodule(f"conv{number}").conv.stride[0] for number in (1, 2, 3)]
    assert strides.pop("se_resnet50") == [2, 1, 1]
    assert set(map(tuple, strides.values())) == {(1, 2, 1)}


def test_senet_154_is_what_the_appendix_lists() -> None:
    network = on_meta("senet154")
    convs = [network.get_submodule(f"conv1_{number}.conv") for number in (1, 2, 3)]
    assert [(conv.kernel_size, conv.stride, conv.out_channels) for conv in convs] == [
        ((3, 3), (2, 2), 64), ((3, 3), (1, 1), 64), ((3, 3), (1, 1), 128)
    ]  # fmt: skip
    projections = {row: network.get_submodule(f"{row}.0.shortcut.conv").kernel_size
                   for row in ("conv2_x", "conv3_x", "conv4_x", "conv5_x")}  # fmt: skip
    assert projections == {"conv2_x": (1, 1), "conv3_x": (3, 3), "conv4_x": (3, 3), "conv5_x": (3, 3)}
    body: Any = network.get_submodule("conv4_x.1.body")
    assert (body.conv1.conv.out_channels, body.conv2.conv.out_channels, body.conv2.conv.groups) == (512, 1024, 64)
    plain: Any = on_meta("resnext101_64x4d").get_submodule("conv4_x.1.body")
    assert plain.conv1.conv.out_channels == 2 * body.conv1.conv.out_channels  # the halved 1x1
    assert network.get_submodule("dropout").p == 0.2
    weighted = [m for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
                and ".se." not in name and ".shortcut" not in name]  # fmt: skip
    assert len(weighted) == 154


def test_se_bn_inception_has_608_channels_and_a_maximum_in_5b() -> None:
    rows = {row["name"]: row for row in describe("se_bn_inception")["rows"]}
    assert [rows[f"inception_{name}"]["output"][0] for name in ("4c", "4d", "4e")] == [608, 608, 1056]
    pools = {name: type(module) for name, module in on_meta("se_bn_inception").named_modules() if "pool.pool" in name}
    assert {name.partition(".")[0] for name, kind in pools.items() if kind is nn.MaxPool2d} == {
        "inception_3c", "inception_4e", "inception_5b"
    }  # fmt: skip


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = create_model("se_bn_inception")  # whose parent draws otherwise
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            std = (2 / module.weight[0].numel()) ** 0.5  # fan-in
            assert module.weight.std().item() == pytest.approx(std, rel=4 / module.weight.numel() ** 0.5), name
            assert module.bias is None or not module.bias.any(), name
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all(), name
            assert not module.bias.any(), name


def test_imagenet_networks_keep_he_s_rule_and_cifar_networks_their_parents() -> None:
    for name in ("se_resnext50_32x4d", "se_googlenet", "se_vgg16_bn", "se_inception_resnet_v2", "senet154"):
        assert on_meta(name).initialise is HE_NORMAL, name
    for name in ("resnet20", "preact_resnet110", "wrn_16_8"):
        assert on_meta(f"se_{name}").initialise is on_meta(name).initialise, name


def test_new_units_of_a_cifar_network_are_drawn_as_the_rest_of_it() -> None:
    torch.manual_seed(0)
    network = create_model("se_preact_resnet164")
    expand: Any = network.get_submodule("stage3.17.body.se.gate.expand")
    assert expand.weight.shape == (256, 16, 1, 1)
    assert expand.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.05)  # fan-out
    assert not expand.bias.any()


def test_a_gate_can_be_tapped() -> None:
    torch.manual_seed(0)
    network, x = create_model("se_resnet20").eval(), torch.randn(2, 3, 32, 32)
    row = "stage3.2.body.se"
    with torch.no_grad():
        taps = network.taps(x, [f"{row}.gate", row])
    gate = taps[f"{row}.gate"]
    assert gate.shape == (2, 64, 1, 1)
    assert gate.min() > 0
    assert gate.max() <= 1  # exactly 1 where float32 rounds the logistic function up
    assert not torch.equal(gate[0], gate[1])


def differ(name: str, other: str, size: int = 64, **values: Any) -> bool:
    """Whether two networks with the same weights compute something else."""
    torch.manual_seed(0)
    a, b = create_model(name, num_classes=3, **values).eval(), create_model(other, num_classes=3, **values).eval()
    b.load_state_dict(a.state_dict())
    x = torch.randn(1, 3, size, size)
    with torch.no_grad():
        return not torch.allclose(a(x), b(x), rtol=1e-3, atol=1e-3 * float(a(x).abs().max()))


@pytest.mark.parametrize(
    ("name", "other", "departure"),
    [
        ("se_resnet50", "se_resnet50_v15", 1),
        ("se_resnet50", "se_resnet50_caffe", 2),
        ("se_resnet18", "se_resnet18_timm", 3),
        ("se_bn_inception", "se_bn_inception_caffe", 4),
    ],
)
def test_departures_of_peers_change_the_function(name: str, other: str, departure: int) -> None:
    assert [text[0] for text in models.departures(other)] == [str(departure)]
    assert differ(name, other)


def test_peers_departures_2_and_3() -> None:
    for name in ("se_resnet101_caffe", "se_resnext50_32x4d_caffe", "se_resnet34_timm", "senet154"):
        pool: Any = on_meta(name).get_submodule("pool1")
        assert (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode) == (3, 2, 0, True)
    assert on_meta("se_resnet101").get_submodule("pool1").padding == 1
    body = on_meta("se_resnet34_timm").get_submodule("conv2_x.1.body")
    assert list(dict(body.named_children())) == ["conv1", "conv2", "se"]
    assert [type(part) for part in body.get_submodule("conv2").children()] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, "3 x [1x1 64, 3x3 64, 1x1 256, SE 16]; first 1x1 shortcut"),
        ({"placement": "3x3", "squeeze": "max"}, "3 x [1x1 64, 3x3 64, SE 4 max, 1x1 256]; first 1x1 shortcut"),
        ({"placement": "post"}, "3 x [1x1 64, 3x3 64, 1x1 256, sum, SE 16]; first 1x1 shortcut"),
        ({"excitation": "tanh"}, "3 x [1x1 64, 3x3 64, 1x1 256, SE 16 tanh]; first 1x1 shortcut"),
        ({"placement": "identity"}, "3 x [1x1 64, 3x3 64, 1x1 256], each with SE shortcut; first 1x1 and SE shortcut"),
    ],
)  # fmt: skip
def test_a_layer_table_says_where_the_units_are(axes: dict[str, Any], words: str) -> None:
    rows = {row["name"]: row for row in describe("se_resnet50", **axes)["rows"]}
    assert rows["conv2_x"]["operation"] == words
    assert rows["conv5_x"]["receptive_field"] == 483  # of the convolutions: a gate sees everything
