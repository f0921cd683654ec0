"""BN-Inception: its units, padding and initialisation, the networks of Sec. 4, and each departure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm, conv2d, linear, pad

from convnets import create_model, describe
from convnets.errors import UsageError
from convnets.models.bn_inception import inception, initialise, max_pool, separable, unit


def meta(name: str, **axes: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **axes)


def count(network: nn.Module, kind: Any) -> int:
    return sum(isinstance(part, kind) for part in network.modules())


def test_a_unit_normalises_before_its_nonlinearity_and_has_no_bias() -> None:
    layer: Any = unit(3, 8, 3)
    x = torch.randn(4, 3, 6, 6)
    z = batch_norm(conv2d(x, layer.conv.weight, padding=1), None, None, training=True, eps=1e-3)
    assert layer.conv.bias is None
    assert torch.allclose(layer(x), z.clamp(min=0), atol=1e-6)
    plain: Any = unit(3, 8, 3, bn=False, activation="sigmoid")
    assert torch.allclose(plain(x), conv2d(x, plain.conv.weight, plain.conv.bias, padding=1).sigmoid(), atol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 10.0, 1000.0])
def test_the_scale_of_the_weights_has_no_effect(scale: float) -> None:
    """Sec. 3.3: BN((aW)u) = BN(Wu), and the gradient of aW is 1/a of that of W."""
    torch.manual_seed(0)
    x, direction = 10 * torch.randn(4, 3, 6, 6).double(), torch.randn(4, 8, 6, 6).double()
    results = []
    for factor in (1.0, scale):
        torch.manual_seed(1)
        layer: Any = unit(3, 8, 3).double()
        layer.bn.eps = 1e-20
        layer.conv.weight.data *= factor
        y = layer(x)
        (y * direction).sum().backward()
        results.append((y.detach(), layer.conv.weight.grad))
    (y, gradient), (scaled_y, scaled_gradient) = results
    assert torch.allclose(scaled_y, y)
    assert torch.allclose(scaled_gradient * scale, gradient)


@pytest.mark.parametrize("kernel", [3, 7])
def test_strides_pad_as_tensorflow_does(kernel: int) -> None:
    x = torch.randn(1, 3, 16, 16)
    layer: Any = unit(3, 4, kernel, 2)
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    y = conv2d(pad(x, (before, after, before, after)), layer.conv.weight, stride=2)
    assert torch.allclose(layer.conv(layer.pad(x)), y, atol=1e-6)
    negative = -1 - torch.rand(1, 1, 4, 4)
    assert torch.equal(max_pool()(negative)[0, 0, 1, 1], negative[0, 0, 2:, 2:].max())


def test_the_first_convolution_is_separable() -> None:
    x, stem = torch.randn(1, 3, 8, 8), separable(3, 64, 7, 2)
    parts: Any = stem
    assert (parts.depthwise.out_channels, parts.depthwise.groups) == (24, 3)
    assert count(stem, nn.BatchNorm2d) == count(stem, nn.ReLU) == 1
    weight = torch.einsum("odij,dkl->odkl", parts.pointwise.conv.weight, parts.depthwise.weight[:, 0])
    whole = torch.stack([weight[:, 8 * channel : 8 * channel + 8].sum(1) for channel in range(3)], 1)
    assert torch.allclose(parts.pointwise.conv(parts.depthwise(parts.pad(x))), conv2d(parts.pad(x), whole, stride=2),
                          atol=1e-4)  # fmt: skip


def test_a_module_with_a_stride_has_no_1x1_and_passes_its_input_on() -> None:
    module = inception(8, (0, 4, 5, 4, 6, 0), unit, average=True).eval()
    x = torch.rand(1, 8, 8, 8)
    y = module(x)
    assert list(dict(module.named_children())) == ["branch3", "double3", "pool"]
    assert y.shape == (1, 5 + 6 + 8, 4, 4)
    assert torch.equal(y[:, 11:], max_pool()(x))


def test_only_5b_takes_maxima_and_averages_leave_the_padding_out() -> None:
    ones = torch.ones(1, 2, 3, 3)
    for name, counted in (("bn_inception", False), ("bn_inception_caffe", True)):  # departure 3 of the peers
        network = meta(name)
        pools = {row: module.pool.pool for row, module in network.named_children() if hasattr(module, "branch1")}
        assert type(pools.pop("inception_5b")) is nn.MaxPool2d
        assert len(pools) == 7
        for pool in pools.values():
            assert torch.equal(pool(ones), ones) != counted
    assert {part.eps for part in network.modules() if isinstance(part, nn.BatchNorm2d)} == {1e-5}


def test_departure_1_the_projections_of_4c_and_4d() -> None:
    outputs = {name: {row["name"]: row["output"][0] for row in describe(name)["rows"]}
               for name in ("bn_inception", "bn_inception_caffe")}  # fmt: skip
    rows = ("inception_4c", "inception_4d", "inception_4e", "inception_5a")
    assert [outputs["bn_inception"][row] for row in rows] == [576, 576, 1024, 1024]
    assert [outputs["bn_inception_caffe"][row] for row in rows] == [608, 608, 1056, 1024]  # departure 1 of the peers


def test_departure_2_no_reading_has_the_printed_parameters() -> None:
    counted = {
        (name, stem): describe(name, separable_stem=stem)["parameters"]
        for name in ("bn_inception", "bn_inception_caffe") for stem in (True, False)
    }  # fmt: skip
    assert list(counted.values()) == [11188288, 11194984, 11278528, 11285224]
    assert describe("inception_no_bn", separable_stem=False)["parameters"] == 11185032


def test_departure_2_of_the_peers_caffe_pads_alike_on_all_sides() -> None:
    network = meta("bn_inception_caffe")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.padding == (module.kernel_size[0] // 2,) * 2
        assert not hasattr(module, "pad")
    assert network.pool1(torch.empty(1, 1, 112, 112)).shape == (1, 1, 56, 56)  # rounding up
    assert torch.equal(network.pool2(torch.arange(16.0).view(1, 1, 4, 4)), torch.tensor([[[[10.0, 11], [14, 15]]]]))


def test_the_networks_of_section_4() -> None:
    normalised, baseline = meta("bn_inception"), meta("bn_inception", lrn=True, dropout=0.4)
    plain, sigmoid = meta("inception_no_bn"), meta("bn_inception", activation="sigmoid")
    assert count(normalised, nn.BatchNorm2d) == count(normalised, nn.ReLU) == count(sigmoid, nn.Sigmoid) == 69
    assert count(sigmoid, nn.ReLU) == count(plain, nn.BatchNorm2d) == 0
    assert list(dict(baseline.named_children())) == list(dict(plain.named_children()))
    assert list(dict(plain.named_children()))[:7] == [
        "conv1",
        "pool1",
        "lrn1",
        "conv2_reduce",
        "conv2",
        "lrn2",
        "pool2",
    ]
    assert plain.drop.p == 0.4
    biases = [part.bias is not None for part in plain.modules() if isinstance(part, nn.Conv2d)]
    assert biases == [False] + [True] * 69  # the depthwise half of conv1 has none
    assert not {"lrn1", "lrn2", "drop"} & set(dict(normalised.named_children()))
    with pytest.raises(UsageError, match="activation='tanh' is unknown; valid values: relu, sigmoid"):
        meta("bn_inception", activation="tanh")


def test_initialisation() -> None:
    torch.manual_seed(0)
    conv, cut = nn.Conv2d(64, 128, 3), 0.88  # which takes 12 % off the deviation
    for name, std in (
        ("inception_3a.branch3.conv.conv", (2 / 576) ** 0.5),
        ("inception_3c.double3.second.conv", (2 / 576) ** 0.5),
        ("inception_3a.branch3.reduce.conv", 0.09 * cut),
        ("inception_3a.pool.project.conv", 0.1 * cut),
        ("conv2_reduce.conv", 0.1 * cut),
        ("conv1.depthwise", 1.0 * cut),
    ):
        initialise(name, conv)
        assert conv.weight.std().item() == pytest.approx(std, rel=0.02), name
        assert conv.weight.abs().max().item() < 2.3 * std, name
    plain: Any = create_model("inception_no_bn")
    assert plain.conv1.depthwise.weight.std().item() == pytest.approx((2 / 49) ** 0.5, rel=0.1)
    assert not any(parameter.any() for key, parameter in plain.named_parameters() if key.endswith("bias"))


def test_mnist_mlp() -> None:
    torch.manual_seed(0)
    network: Any = create_model("mnist_mlp", bn=False)
    assert sum(parameter.numel() for parameter in network.parameters()) == 99710
    x = torch.rand(2, 1, 28, 28)
    y = x.flatten(1)
    for row in (network.fc1, network.fc2, network.fc3):
        y = linear(y, row.linear.weight, row.linear.bias).sigmoid()
        assert not row.linear.bias.any()
    assert torch.allclose(network(x), network.fc4(y))
    assert network.fc1.linear.weight.std().item() == pytest.approx(0.1, rel=0.02)
    assert [type(part) for part in meta("mnist_mlp").fc2] == [type(network.fc2.linear), nn.BatchNorm1d, nn.Sigmoid]
    with pytest.raises(UsageError, match="does not fit row fc1, whose weights are made for 28x28"):
        network(torch.rand(1, 1, 32, 32))
