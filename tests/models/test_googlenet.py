"""GoogLeNet: its readings, its auxiliary classifiers, its weights, and torchvision's departures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model, describe, with_auxiliary
from convnets.errors import UsageError


def meta(name: str) -> Any:
    with torch.device("meta"):
        return create_model(name)


def test_a_separable_first_layer_has_the_printed_cost() -> None:
    """Table 1 prints 2.7K parameters and 34M operations for it."""
    row = describe("googlenet", separable_stem=True)["rows"][0]
    assert (row["parameters"] - 64, round(row["multiply_adds"] / 1e6)) == (2712, 34)
    assert row["output"] == [64, 112, 112]
    assert create_model("googlenet", separable_stem=True, num_classes=2)(torch.zeros(1, 3, 64, 64)).shape == (1, 2)


def test_response_normalisation_stands_where_fig_3_has_it() -> None:
    rows = [name for name, _ in meta("googlenet").named_children()]
    assert rows.index("lrn1") == rows.index("pool1") + 1
    assert (rows.index("conv2"), rows.index("pool2")) == (rows.index("lrn2") - 1, rows.index("lrn2") + 1)


def test_xavier_weights_and_biases_of_a_fifth() -> None:
    network = create_model("googlenet")
    conv = network.get_submodule("inception_4e.branch3.conv.conv")
    assert isinstance(conv, nn.Conv2d)
    bound = (3 / (160 * 9)) ** 0.5  # uniform, variance 1 / fan-in
    assert conv.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert conv.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert conv.bias is not None
    assert (conv.bias == 0.2).all()
    assert not network.get_parameter("fc.bias").any()


class TestAuxiliary:
    def test_both_classifiers_always_answer(self) -> None:
        wrapped = with_auxiliary(create_model("googlenet", num_classes=5))
        x = torch.randn(2, 3, 224, 224)
        for mode in (True, False):
            with torch.no_grad():
                logits, auxiliary = wrapped.train(mode)(x)
            assert [tuple(answer.shape) for answer in (logits, *auxiliary)] == [(2, 5)] * 3
            assert isinstance(wrapped.network(x), torch.Tensor)
        with torch.no_grad():
            assert torch.equal(wrapped.eval()(x)[0], wrapped.network(x))

    def test_they_see_4a_and_4d(self) -> None:
        wrapped = with_auxiliary(create_model("googlenet", num_classes=5)).eval()
        x = torch.randn(1, 3, 224, 224)
        with torch.no_grad():
            taps = wrapped.network.taps(x, ["inception_4a", "inception_4d"])
            first, second = wrapped(x)[1]
            assert torch.equal(wrapped.heads["inception_4a"](taps["inception_4a"]), first)
            assert torch.equal(wrapped.heads["inception_4d"](taps["inception_4d"]), second)

    def test_their_layers_and_weights(self) -> None:
        wrapped = with_auxiliary(create_model("googlenet"))
        assert sum(parameter.numel() for parameter in wrapped.parameters()) == 13378280
        head: Any = wrapped.heads["inception_4a"]
        pool, drop = head.get_submodule("pool"), head.get_submodule("drop")
        assert (pool.kernel_size, pool.stride, drop.p) == (5, 3, 0.7)
        assert (head.get_parameter("conv.conv.bias") == 0.2).all()
        assert not head.get_parameter("fc2.bias").any()

    def test_what_is_refused(self) -> None:
        with pytest.raises(UsageError, match="form='fig8' is unknown for googlenet; valid values: paper"):
            with_auxiliary(create_model("googlenet"), "fig8")
        with pytest.raises(UsageError, match="resnet20 has no auxiliary classifiers"):
            with_auxiliary(create_model("resnet20"))


def test_what_torchvision_changed() -> None:
    theirs = meta("googlenet_bn")
    names = [name for name, _ in theirs.named_children()]
    assert "lrn1" not in names
    assert theirs.get_submodule("pool4").kernel_size == 2
    assert theirs.get_submodule("inception_3a.branch5.conv.conv").kernel_size == (3, 3)
    assert {module.eps for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}
    assert theirs.get_submodule("drop").p == 0.2
    assert all(conv.bias is None for conv in theirs.modules() if isinstance(conv, nn.Conv2d))
    head = with_auxiliary(create_model("googlenet_bn")).heads["inception_4a"]
    assert isinstance(head.get_submodule("pool"), nn.AdaptiveAvgPool2d)
    weight = create_model("googlenet_bn").get_parameter("conv2.conv.weight")
    assert weight.abs().max() <= 0.02
