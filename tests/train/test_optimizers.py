"""Optimizers against their formulas written out, weight decay and rates by kind of parameter, averages of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convnets.models import create_model
from convnets.spec import SGD, AdamW, Optimizer, RMSProp
from convnets.train.optimizers import (
    Average,
    limit_filters,
    make_optimizer,
    restore_state,
    set_rate,
    state_tensors,
)

FORMS: tuple[Literal["paper", "torch"], ...] = ("paper", "torch")
RATES = [0.1, 0.1, 0.1, 0.01, 0.01, 0.001]  # a drop is where torch's and the paper's form part


def one_weight(weight: float = 1.0) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(layer.weight, weight)
    return layer


def course(recipe: Optimizer, gradients: list[float], weight: float = 1.0) -> list[float]:
    """The weight after each step, with RATES."""
    layer = one_weight(weight)
    optimizer, seen = make_optimizer(layer, recipe), []
    for rate, gradient in zip(RATES, gradients, strict=True):
        set_rate(optimizer, rate)
        layer.weight.grad = torch.tensor([[gradient]], dtype=torch.float64)
        optimizer.step()
        seen.append(layer.weight.item())
    return seen


def torch_form(weight: float, gradients: list[float], nesterov: bool = False) -> list[float]:
    velocity, seen = 0.0, []
    for rate, gradient in zip(RATES, gradients, strict=True):
        gradient += 5e-4 * weight
        velocity = 0.9 * velocity + gradient
        weight -= rate * (gradient + 0.9 * velocity if nesterov else velocity)
        seen.append(weight)
    return seen


def paper_form(weight: float, gradients: list[float]) -> list[float]:
    """AlexNet Sec. 5."""
    velocity, seen = 0.0, []
    for rate, gradient in zip(RATES, gradients, strict=True):
        velocity = 0.9 * velocity - 0.0005 * rate * weight - rate * gradient
        weight += velocity
        seen.append(weight)
    return seen


def rmsprop(weight: float, gradients: list[float]) -> list[float]:
    """tf.train.RMSPropOptimizer(decay=0.9, momentum=0.9, epsilon=1.0), its mean squares starting at one."""
    square, velocity, seen = 1.0, 0.0, []
    for rate, gradient in zip(RATES, gradients, strict=True):
        gradient += 4e-5 * weight
        square = 0.9 * square + 0.1 * gradient**2
        velocity = 0.9 * velocity + rate * gradient / (square + 1.0) ** 0.5
        weight -= velocity
        seen.append(weight)
    return seen


@pytest.mark.parametrize(
    ("recipe", "formula"),
    [
        (SGD(weight_decay=5e-4), torch_form),
        (SGD(weight_decay=5e-4, nesterov=True), lambda w, g: torch_form(w, g, True)),
        (SGD(weight_decay=5e-4, form="paper"), paper_form),
        (RMSProp(), rmsprop),
    ],
)
def test_an_optimizer_follows_its_formula(
    recipe: Optimizer, formula: Callable[[float, list[float]], list[float]]
) -> None:
    gradients = np.random.default_rng(0).normal(size=len(RATES)).tolist()
    assert course(recipe, gradients) == pytest.approx(formula(1.0, gradients), rel=1e-12)


def test_both_forms_of_sgd_agree_until_the_rate_changes() -> None:
    gradients = np.random.default_rng(0).normal(size=len(RATES)).tolist()
    own, torchs = (course(SGD(form=form), gradients) for form in FORMS)
    assert own[:3] == pytest.approx(torchs[:3], rel=1e-12) and abs(own[3] - torchs[3]) > 1e-3


def test_adamw_is_torchs() -> None:
    ours, theirs = one_weight(), one_weight()
    optimizers = (
        make_optimizer(ours, AdamW(lr=0.1)),
        torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.05),
    )
    for gradient in (1.0, -2.0, 0.5):
        for layer, optimizer in zip((ours, theirs), optimizers, strict=True):
            layer.weight.grad = torch.tensor([[gradient]], dtype=torch.float64)
            optimizer.step()
    assert ours.weight.item() == theirs.weight.item()


def test_rows_learn_slower_towards_the_picture() -> None:
    network = create_model("resnet20")
    optimizer = make_optimizer(network, SGD(lr=1.0, head_rate=3, layer_decay=0.5))
    rates = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    rows = {name: {rates[parameter] for parameter in row.parameters()} for name, row in network.named_children()}
    expected = {"conv1": {0.0625}, "stage1": {0.125}, "stage2": {0.25}, "stage3": {0.5}, "avgpool": set(), "fc": {3.0}}
    assert rows == expected


def test_weight_decay_goes_by_the_kind_of_parameter() -> None:
    network = create_model("resnet20_b", num_classes=10)  # its shortcuts hold batch normalisations too
    optimizer = make_optimizer(network, SGD(weight_decay=0.1, decay_norm_and_bias=False))
    decayed = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    kept = {id(p) for group in optimizer.param_groups if not group["weight_decay"] for p in group["params"]}
    weights = {id(m.weight) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert decayed == weights and len(decayed | kept) == len(list(network.parameters()))
    whole = make_optimizer(network, SGD(weight_decay=0.1))
    assert len(whole.param_groups) == 1 and whole.param_groups[0]["weight_decay"] == 0.1


def test_biases_and_the_classifier_have_their_own_rates() -> None:
    """NIN's file: biases learn twice as fast, the last layer ten times slower."""
    network = create_model("nin_mnist")
    optimizer = make_optimizer(network, SGD(bias_rate=2.0, head_rate=0.1, decay_norm_and_bias=False))
    set_rate(optimizer, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    named = {name: rates[id(parameter)] for name, parameter in network.named_parameters()}
    assert named.pop("cccp6.conv.weight") == pytest.approx(0.05)
    assert named.pop("cccp6.conv.bias") == pytest.approx(0.1)
    for name, rate in named.items():
        assert rate == pytest.approx(1.0 if name.endswith("bias") else 0.5), name


@pytest.mark.parametrize("recipe", [SGD(), SGD(form="paper"), RMSProp(), AdamW()])
def test_what_an_optimizer_remembers_survives_a_stop(recipe: Optimizer) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        optimizer.step()

    whole, stopped = network(), network()
    first, second = make_optimizer(whole, recipe), make_optimizer(stopped, recipe)
    step(whole, first, 1)
    step(stopped, second, 1)
    tensors = {name: tensor.clone() for name, tensor in state_tensors(second, stopped)}
    assert tensors
    resumed = make_optimizer(stopped, recipe)
    restore_state(resumed, stopped, tensors)
    step(whole, first, 2)
    step(stopped, resumed, 2)
    for own, other in zip(whole.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(own, other)


def test_filters_are_limited_to_a_root_mean_square() -> None:
    """ZFNet Sec. 3: only filters above 0.1 are rescaled, and to exactly that."""
    conv = nn.Conv2d(3, 2, 5)
    with torch.no_grad():
        conv.weight[0].normal_(std=0.5)
        conv.weight[1].normal_(std=0.01)
    before = conv.weight.detach().clone()
    limit_filters(conv, 0.1)

    def rms(weight: Tensor) -> float:
        return float(weight.detach().square().mean().sqrt())

    assert rms(conv.weight[0]) == pytest.approx(0.1, rel=1e-5)
    assert torch.allclose(conv.weight[0] / rms(conv.weight[0]), before[0] / rms(before[0]))
    assert torch.equal(conv.weight[1], before[1])


def test_the_average_follows_the_weights() -> None:
    network = nn.BatchNorm1d(1)
    average = Average(network, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(2.0)
        network.state_dict()["num_batches_tracked"].fill_(7)
    average.update(network, step=1000)
    assert average.values["weight"].item() == pytest.approx(0.9 * 1 + 0.1 * 2)
    assert average.values["num_batches_tracked"].item() == 7
    average.update(network, step=0)  # early on it follows fast: decay is 1/10
    assert average.values["weight"].item() == pytest.approx(0.1 * 1.1 + 0.9 * 2)
