"""Stochastic depth: what is not computed, how often, what happens in test, and the survival probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from convnets import create_model
from convnets.errors import UsageError
from convnets.models.stochastic_depth import Stochastic, pooled, survival_probabilities


@contextmanager
def convolutions_run(network: nn.Module) -> Iterator[list[str]]:
    """The names of the convolutions that run inside the block, in order."""
    ran: list[str] = []
    handles = [
        module.register_forward_hook(lambda module, args, output, name=name: ran.append(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    yield ran
    for handle in handles:
        handle.remove()


def block(survival: float) -> Stochastic:
    return Stochastic(survival, nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)), nn.Identity(), 4)


def blocks(network: nn.Module) -> list[Stochastic]:
    return [part for part in network.modules() if isinstance(part, Stochastic)]


def test_a_dropped_block_is_not_computed() -> None:
    dropped, x = block(0.0), torch.rand(2, 4, 5, 5, requires_grad=True)
    before = {key: value.clone() for key, value in dropped.state_dict().items()}
    with convolutions_run(dropped) as ran:
        y = dropped(x)
    assert not ran
    assert torch.equal(y, x)  # the ReLU leaves it alone, since it was one before
    y.sum().backward()
    assert all(parameter.grad is None for parameter in dropped.parameters())
    assert all(torch.equal(value, before[key]) for key, value in dropped.state_dict().items())


def test_a_surviving_block_is_not_scaled() -> None:
    kept, x = block(1.0), torch.rand(2, 4, 5, 5)
    body = kept.body(x)
    assert torch.equal(kept(x), torch.relu(body + x))


def test_in_test_the_body_counts_by_its_survival_probability() -> None:
    tested, x = block(0.25).eval(), torch.rand(1, 4, 5, 5)
    with convolutions_run(tested) as ran:
        y = tested(x)
    assert len(ran) == 1
    assert torch.equal(y, torch.relu(0.25 * tested.body(x) + x))


def test_one_draw_for_a_mini_batch_from_the_generator() -> None:
    network = create_model("sd_resnet110")
    x = torch.rand(2, 3, 8, 8)
    chances = [part.survival for part in blocks(network)]
    torch.manual_seed(3)
    kept = [torch.rand(()).item() < chance for chance in chances]
    assert 0 < sum(kept) < len(kept)
    for _ in range(2):  # the same blocks with the same seed
        torch.manual_seed(3)
        with convolutions_run(network) as ran:
            network(x)
        names = [name for name, part in network.named_modules() if isinstance(part, Stochastic)]
        expected = [f"{name}.body.{conv}.conv" for name, keep in zip(names, kept, strict=True) if keep
                    for conv in ("conv1", "conv2")]  # fmt: skip
        assert ran == ["conv1.conv", *expected]


def test_blocks_survive_as_often_as_they_should() -> None:
    torch.manual_seed(0)
    often, runs = block(0.75), 2000
    x = torch.rand(1, 4, 2, 2)
    with convolutions_run(often) as ran, torch.no_grad():
        for _ in range(runs):
            often(x)
    assert len(ran) / runs == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / runs) ** 0.5)


def test_the_output_in_test_is_what_training_gives_on_average() -> None:
    """Before the ReLU, and with the normalisation fixed, the expectation is that of Eq. 5."""
    torch.manual_seed(0)
    average, x = block(0.5), torch.rand(1, 4, 3, 3)
    average.after = nn.Identity()
    average.body.eval()
    with torch.no_grad():
        mean = torch.stack([average(x) for _ in range(4000)]).mean(0)
        expected = average.eval()(x)
        spread = (average.body(x).abs() / 2).max()
    assert (mean - expected).abs().max() < 5 * spread / 4000**0.5


def test_a_dropped_block_costs_nothing_forwards_or_backwards() -> None:
    """Of the blocks that a training step computes, each is computed once, and only those have gradients."""
    torch.manual_seed(0)
    network = create_model("sd_resnet110")
    forwards, backwards = list[nn.Module](), list[nn.Module]()
    for part in blocks(network):
        part.body.register_forward_hook(lambda body, *_: forwards.append(body))
        part.body.register_full_backward_hook(lambda body, *_: backwards.append(body))
    steps = 40
    for _ in range(steps):
        before = len(forwards)
        network.zero_grad()
        network(torch.rand(2, 3, 8, 8)).sum().backward()
        computed = set(forwards[before:])
        assert len(computed) == len(forwards) - before
        for part in blocks(network):
            gradients = [parameter.grad is not None for parameter in part.body.parameters()]
            assert set(gradients) == {part.body in computed}
    assert set(map(id, forwards)) == set(map(id, backwards)) and len(forwards) == len(backwards)
    assert len(forwards) / steps == pytest.approx(40.25, abs=4 * (9.12 / steps) ** 0.5)  # the sum of p (1 - p) is 9.12


def test_survival_probabilities() -> None:
    linear = survival_probabilities("linear", 0.5, 54)
    assert linear[0] == pytest.approx(0.990741, abs=1e-6)
    assert (linear[26], linear[-1]) == (0.75, 0.5)
    assert sum(linear) == pytest.approx(40.25)  # (3 L - 1) / 4
    assert survival_probabilities("uniform", 0.3, 4) == [0.3] * 4
    with torch.device("meta"):
        assert [part.survival for part in blocks(create_model("sd_resnet110"))] == linear
        uniform = blocks(create_model("sd_resnet110", survival=0.2, decay="uniform"))
        assert [part.survival for part in uniform] == [0.2] * 54
        assert {len(blocks(create_model(name))) for name in ("sd_resnet152_svhn", "sd_resnet152_imagenet")} == {75, 50}
        assert sum(part.survival for part in blocks(create_model("sd_resnet110", survival=0.2))) == pytest.approx(32)
    with pytest.raises(UsageError, match="decay='square' is unknown; valid values: linear, uniform"):
        create_model("sd_resnet110", decay="square")


def test_constant_depth_is_resnet_with_pooled_shortcuts() -> None:
    torch.manual_seed(0)
    constant = create_model("sd_resnet110", survival=1.0)
    network = create_model("resnet110")
    assert constant.state_dict().keys() == network.state_dict().keys()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        shortcuts = constant.eval().taps(x, ["stage1.17", "stage2.0.shortcut"])
    pooled_by_hand = torch.nn.functional.avg_pool2d(shortcuts["stage1.17"], 2)
    assert torch.equal(shortcuts["stage2.0.shortcut"][:, :16], pooled_by_hand)
    assert not shortcuts["stage2.0.shortcut"][:, 16:].any()


def test_the_shortcut_fits_odd_maps() -> None:
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert pooled(1, 2, 2)(x)[0, 0].tolist() == [[2.0, 3.5], [6.5, 8.0]]  # the mean of what is there
    with torch.device("meta"):
        assert create_model("sd_resnet110").eval()(torch.empty(1, 3, 29, 30)).shape == (1, 10)


def test_training_on_one_picture_and_on_meta() -> None:
    torch.manual_seed(0)
    network = create_model("sd_resnet110")
    network(torch.rand(1, 3, 16, 16)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    with torch.device("meta"):
        assert create_model("sd_resnet152_imagenet")(torch.empty(1, 3, 224, 224)).shape == (1, 1000)


def test_export_takes_the_test_rule() -> None:
    torch.manual_seed(0)
    small = nn.Sequential(block(0.5), block(0.25)).eval()
    x = torch.rand(2, 4, 5, 5)
    exported: Any = torch.export.export(small, (x,)).module()
    assert torch.allclose(exported(x), small(x), atol=1e-6)


def test_the_axes_show() -> None:
    with torch.device("meta"):
        assert "survival=0.5" in str(create_model("sd_resnet110"))
        assert str(create_model("sd_resnet110", survival=0.3)) != str(create_model("sd_resnet110"))


def test_imagenet_strides_in_the_3x3() -> None:
    with torch.device("meta"):
        body = create_model("sd_resnet152_imagenet").get_submodule("conv3_x.0.body")
    assert [conv.stride[0] for conv in body.modules() if isinstance(conv, nn.Conv2d)] == [1, 2, 1]


def test_peers_departure_1_biases_in_convolutions() -> None:
    network = create_model("sd_resnet110_conv_bias")
    biases = [part.bias for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert len(biases) == 109
    assert all(bias is not None and not bias.any() for bias in biases)
