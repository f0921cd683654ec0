"""DenseNet: what a layer sees, Fig. 4's networks, dropout, initialisation, readings and departures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.errors import UsageError
from convnets.papers import find
from tests.oracles import oracle


def parameters(name: str, **axes: Any) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_model(name, **axes).parameters())


def test_a_layer_passes_on_its_input_before_its_new_features() -> None:
    network = create_model("densenet_40_12").eval()
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        taps = network.taps(x, ["conv0", "block1.0", "block1.0.new", "block1.1", "block1"])
    assert torch.equal(taps["block1.0"], torch.cat([taps["conv0"], taps["block1.0.new"]], 1))
    assert torch.equal(taps["block1"][:, :40], taps["block1.1"])  # 16 + 2 * 12
    assert taps["block1"].shape[1] == 16 + 12 * 12


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    ("line", "axes"),
    [
        ("densenet", {}),
        ("densenet_b", {"bottleneck": True}),
        ("densenet_c", {"compression": 0.5}),
        ("densenet_bc", {"bottleneck": True, "compression": 0.5}),
    ],
)
def test_figure_4(line: str, axes: dict[str, Any]) -> None:
    """B and C start with twice the growth rate, the basic networks with 16: only so Fig. 4's axis comes out."""
    (experiment,) = (entry for entry in oracle("densenet")["experiments"] if entry["id"] == "parameter_efficiency")
    for point in experiment["figure_4"][line]:
        assert parameters("densenet_40_12", depth=point["L"], **axes) == point["params"]


def test_names_are_axes() -> None:
    with torch.device("meta"):
        wide = create_model("densenet_40_12", depth=100, growth_rate=24)
        assert str(wide) == str(create_model("densenet_100_24"))
        bc = create_model("densenet_bc_250_24", depth=100, growth_rate=12)
        assert str(bc) == str(create_model("densenet_bc_100_12"))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"depth": 41}, "depth=41: must be 4 more than a multiple of 3"),
        ({"depth": 43, "bottleneck": True}, "4 more than a multiple of 6"),
        ({"depth": 4}, "depth=4"),
        ({"compression": 0.0}, "compression=0.0: must be above 0 and at most 1"),
        ({"compression": 1.5}, "compression=1.5"),
    ],
)
def test_what_cannot_be_is_refused(axes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_model("densenet_40_12", **axes)


def test_compression_rounds_down() -> None:
    with torch.device("meta"):
        network: Any = create_model("densenet_40_12", compression=0.35)
    assert network.transition1.conv.conv.out_channels == 58  # 0.35 * 168, of which 24 are the stem's


def test_dropout_follows_every_convolution_but_the_first() -> None:
    both: dict[str, Any] = {"bottleneck": True, "compression": 0.5}
    for axes in ({}, both):
        with torch.device("meta"):
            network: Any = create_model("densenet_40_12", dropout=0.2, **axes)
            bare: Any = create_model("densenet_40_12", **axes)
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Dropout)]
        kinds = [type(layer) for layer in layers]
        assert kinds == [nn.Conv2d] + [nn.Conv2d, nn.Dropout] * 38
        assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == {0.2}
        assert list(network.state_dict()) == list(bare.state_dict())
        assert not [module for module in bare.modules() if isinstance(module, nn.Dropout)]
    assert [name for name, _ in network.transition1.named_children()] == ["conv", "conv_drop", "pool"]


def test_a_transition_has_a_relu() -> None:
    with torch.device("meta"):
        network: Any = create_model("densenet121")
    for part in (network.transition1.conv, network.block1[0].new.reduce, network.block1[0].new.conv):
        assert [name for name, _ in part.named_children()] == ["bn", "relu", "conv"]
    assert [name for name, _ in network.bn_relu.named_children()] == ["bn", "relu"]
    assert network.transition1.conv.conv.out_channels == 128


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = create_model("densenet121", num_classes=500)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            std = (2 / (module.out_channels * module.weight[0, 0].numel())) ** 0.5  # of the authors' code
            assert module.weight.std().item() == pytest.approx(std, rel=0.05), name
    fc = network.get_classifier()
    assert fc.bias is not None
    assert not fc.bias.any()
    assert fc.weight.std().item() == pytest.approx((3 * 1024) ** -0.5, rel=0.03)


def test_departure_1_networks_of_the_repository() -> None:
    with torch.device("meta"):
        network: Any = create_model("densenet161")
    assert [len(getattr(network, f"block{number}")) for number in (1, 2, 3, 4)] == [6, 12, 36, 24]
    assert network.conv0.conv.out_channels == 96
    assert parameters("densenet_bc_40_60") == parameters("densenet_bc_100_12", depth=40, growth_rate=60)
    assert all("README" in result.where for result in find("densenet161").results)


def test_departure_1_of_the_peers_epsilon() -> None:
    with torch.device("meta"):
        keras, own = (list(create_model(name).modules()) for name in ("densenet121_keras", "densenet121"))
    assert {module.eps for module in keras if isinstance(module, nn.BatchNorm2d)} == {1.001e-5}
    assert {module.eps for module in own if isinstance(module, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.usefixtures("shared")
def test_departure_2_of_the_peers_the_released_stem() -> None:
    networks = {entry["name"]: entry for entry in oracle("densenet")["networks"]}
    for depth, rate in ((40, 12), (100, 12), (100, 24)):
        expected = networks[f"densenet-{depth}-k{rate}"]["if_stem_is_2k_as_in_released_code"]
        name = f"densenet_{depth}_{rate}_released"
        assert expected == {"params": parameters(name), "multiply_adds": find(name).multiply_adds}
