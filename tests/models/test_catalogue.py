"""The catalogue: names, axes, what it refuses, taps and slices; test_every_network.py has what holds for all names."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convnets import create_model, describe, list_models, models
from convnets.errors import UsageError

# small enough to run with numbers: name, axes, side of the picture
SMALL = [
    ("alexnet", {"input_size": 64}, 64),
    ("alexnet_owt", {"input_size": 64}, 64),
    ("cuda_convnet_11", {}, 24),
    ("vgg11_lrn", {"input_size": 32}, 32),
    ("vgg11_bn", {"input_size": 32}, 32),
    ("resnet18_c", {}, 64),
    ("resnet50", {}, 64),
    ("resnet20", {}, 32),
    ("resnet20_split", {}, 32),
    ("plain20", {}, 32),
]


@pytest.mark.parametrize(("name", "axes", "side"), SMALL, ids=[name for name, _, _ in SMALL])
class TestSmall:
    """With numbers."""

    def test_taps_and_slices(self, name: str, axes: dict[str, Any], side: int) -> None:
        network, x = create_model(name, **axes).eval(), torch.randn(2, 3, side, side)
        with torch.no_grad():
            y, expected = x, {}
            for row_name, row in network.named_children():
                y = expected[row_name] = row(y)
            assert torch.equal(network(x), y)
            for row_name, value in network.taps(x, expected).items():
                assert torch.equal(value, expected[row_name])
            assert torch.equal(network[:2](x), list(expected.values())[1])
            assert type(network[2:]) is nn.Sequential
            assert list(dict(network[2:].named_children())) == list(expected)[2:]
            features = network.forward_features(x)
            assert torch.equal(network.forward_head(features), y)
            assert torch.equal(network.get_classifier()(network.forward_head(features, pre_logits=True)), y)

    def test_state_and_overrides_recreate_it(self, name: str, axes: dict[str, Any], side: int) -> None:
        network = create_model(name, num_classes=5, in_channels=1, **axes).eval()
        assert network.overrides == {"num_classes": 5, "in_channels": 1, **axes}
        again = create_model(network.name, **network.overrides).eval()
        x = torch.randn(1, 1, side, side)
        assert not torch.equal(again(x), network(x))
        again.load_state_dict(network.state_dict())
        assert torch.equal(again(x), network(x))
        assert torch.equal(copy.deepcopy(network)(x), network(x))


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("resnet18", {"shortcut": "C"}),
        ("resnet50", {"shortcut": "A"}),
        ("vgg11", {"init": "normal", "lrn": True, "input_size": 32}),
        ("alexnet", {"lrn": False, "pool": 2, "dropout": 0.25}),
        ("cuda_convnet_13", {"lrn": True, "input_size": 32}),
    ],
)
def test_what_the_paper_varies(name: str, axes: dict[str, Any]) -> None:
    with torch.device("meta"):
        network = create_model(name, **axes)
        as_text: dict[str, Any] = {axis: str(value) for axis, value in axes.items()}
        texts = create_model(name, **as_text)
        again = create_model(network.name, **network.overrides)
    assert network.overrides == texts.overrides == axes
    assert str(network) == str(texts) == str(again) != str(create_plain(name))


def create_plain(name: str) -> nn.Module:
    with torch.device("meta"):
        return create_model(name)


def test_an_axis_changes_what_it_says() -> None:
    with torch.device("meta"):
        assert not [row for row in dict(create_model("alexnet", lrn=False).named_children()) if "lrn" in row]
        assert create_model("alexnet", pool=2).get_submodule("pool2").kernel_size == 2
        assert create_model("alexnet", dropout=0.1).get_submodule("drop6").p == 0.1
        assert str(create_model("resnet18_a", shortcut="C")) == str(create_model("resnet18_c"))
        assert create_model("resnet20", in_chans=1).in_channels == 1


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("resnet51", {}, "no network is called 'resnet51'; did you mean resnet5"),
        ("resnet50", {"widths": 3}, "resnet50 has no axis 'widths'; valid ones: shortcut, num_classes, in_channels"),
        ("plain18", {"shortcut": "A"}, "plain18 has no axis 'shortcut'"),
        ("resnet50", {"shortcut": "D"}, "shortcut='D' is unknown; valid values: A, B, C"),
        ("vgg16", {"init": "he"}, "init='he' is unknown; valid values: glorot, normal"),
        ("alexnet", {"pool": 4}, "pool=4 is unknown; valid values: 3, 2"),
        ("alexnet", {"lrn": "perhaps"}, "lrn='perhaps' is not true or false"),
        ("alexnet", {"num_classes": 0}, "num_classes=0 is not a whole number"),
        ("alexnet", {"dropout": 1.5}, "dropout=1.5 is not a number from 0 to 1"),
        ("sd_resnet110", {"survival": -0.5}, "survival=-0.5 is not a number from 0 to 1"),
        ("inception_resnet_v2", {"scale": "nan"}, "scale='nan' is not a number"),
        ("resnet50", {"pretrained": True}, "resnet50: nobody has published weights"),
        ("vgg16", {"input_size": 31}, "input_size=31 is too small for row pool5; the minimum is 32"),
    ],
)
def test_what_is_refused(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        create_model(name, **values)


def test_patterns_and_aliases() -> None:
    assert list_models("resnet*_v15") == ["resnet50_v15", "resnet101_v15", "resnet152_v15"]
    assert list_models("cuda") == ["cuda_convnet_13", "cuda_convnet_11"]
    assert list_models("nothing") == []
    assert models.axes("resnet18_b") == models.axes("resnet18")
    with torch.device("meta"):
        assert create_model("vgg_d").name == "vgg16"


class TestInput:
    """A picture that does not fit is refused before any row has run."""

    @pytest.mark.parametrize(
        ("name", "side", "words"),
        [
            ("alexnet", 32, ("32x32", "too small for row pool5", "minimum is 64x64", "made for 224x224")),
            ("alexnet", 100, ("100x100", "does not fit row fc6", "224x224", "at least 64")),
            ("vgg11", 100, ("100x100", "does not fit row fc6", "224x224", "at least 32")),
            ("vgg11", 16, ("16x16", "too small for row pool5", "minimum is 32x32")),
            ("cuda_convnet_13", 32, ("32x32", "does not fit row local3", "24x24")),
            ("inception_v3", 70, ("70x70", "too small for row", "minimum is 75x75")),
            ("bn_inception_caffe", 56, ("56x56", "does not fit row inception_3c, whose branches part", "try 63x63")),
        ],
    )
    def test_refusal(self, name: str, side: int, words: tuple[str, ...]) -> None:
        with torch.device("meta"):
            network = create_model(name)
        ran: list[nn.Module] = []
        for module in network.modules():
            module.register_forward_pre_hook(lambda module, args: ran.append(module))
        with pytest.raises(UsageError) as caught:
            network(torch.empty(1, 3, side, side, device="meta"))
        assert all(word in str(caught.value) for word in (name, *words)), str(caught.value)
        assert ran in ([], [network])

    def test_the_minimum_is_the_minimum(self) -> None:
        with torch.device("meta"):
            create_model("alexnet", input_size=64)
            with pytest.raises(UsageError, match="row pool5; the minimum is 64"):
                create_model("alexnet", input_size=63)

    def test_any_size_that_fits_is_taken(self) -> None:
        with torch.device("meta"):
            assert create_model("alexnet")(torch.empty(1, 3, 227, 224)).shape == (1, 1000)
            assert create_model("resnet18")(torch.empty(1, 3, 65, 97)).shape == (1, 1000)

    def test_the_check_touches_nothing(self) -> None:
        network = create_model("resnet20")
        state, random = copy.deepcopy(network.state_dict()), torch.get_rng_state()
        seen: list[Tensor] = []
        network.get_submodule("conv1").register_forward_hook(lambda module, args, output: seen.append(output))
        network.check_input(32, 32)
        assert torch.equal(torch.get_rng_state(), random)
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
        assert not seen
        assert network.training
        network(torch.randn(2, 3, 32, 32))
        assert len(seen) == 1

    def test_each_size_is_checked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = create_model("resnet20").eval()
        sizes: list[tuple[int, int]] = []
        check = network.check_input

        def count(height: int, width: int) -> None:
            sizes.append((height, width))
            check(height, width)

        monkeypatch.setattr(network, "check_input", count)
        for side in (32, 32, 40, 32):
            network(torch.zeros(1, 3, side, side))
        assert sizes == [(32, 32), (40, 40)]


def test_taps_reach_submodules_stop_early_and_refuse_unknown_rows() -> None:
    network, x = create_model("resnet20").eval(), torch.randn(1, 3, 32, 32)
    ran: list[str] = []
    network.get_submodule("stage2").register_forward_hook(lambda module, args, output: ran.append("stage2"))
    taps = network.taps(x, ["stage1.0.body.conv1.conv", "conv1"])
    assert list(taps) == ["stage1.0.body.conv1.conv", "conv1"]
    conv = network.get_submodule("stage1.0.body.conv1.conv")
    assert torch.equal(taps["stage1.0.body.conv1.conv"], conv(taps["conv1"]))
    assert not ran
    assert not conv._forward_hooks
    with pytest.raises(UsageError, match="resnet20 has no row 'layer1'; its rows are conv1, stage1, stage2"):
        network.taps(x, ["conv1", "layer1"])


def test_describe_is_plain_and_needs_no_weights() -> None:
    described = describe("resnet20", in_channels=1, num_classes=7)
    assert list(described) == ["name", "input", "parameters", "multiply_adds", "rows"]
    assert described["input"] == [1, 32, 32]
    assert described["rows"][-1]["output"] == [7]
    assert describe("vgg11", input_size=64)["input"] == [3, 64, 64]
