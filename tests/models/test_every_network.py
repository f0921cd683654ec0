"""What holds for every network of the catalogue: without numbers for all names, with numbers for the cheapest ones.

`pytest -m whole` does all of it for all names. What only the papers' tables can tell is in test_oracles.py,
test_wiring.py and test_pieces.py.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from convnets import create_model, list_models, models, papers
from convnets.errors import UsageError
from convnets.models import auxiliary_forms, with_auxiliary
from tests.networks import on_meta, quick_norms, small, smallest_input
from tests.wiring import multiply_adds, shapes_of

NAMES = list_models()

# One network for each kind of block or row that the cheapest network of its file does not have.
KINDS = (
    "alexnet", "zf_fast_rcnn", "bn_inception", "resnet20", "resnet20_b", "resnet50", "preact_resnet110",
    "preact_resnet110_one_layer", "resnet110_bn_after_addition", "resnet110_relu_before_addition",
    "resnet110_relu_only_pre_activation", "resnet110_exclusive_gating", "resnet110_dropout_shortcut", "preact_resnet50",
    "preact_resnet50_keras", "wrn_40_2_b_1_3_1", "densenet_bc_100_12", "xception", "xception_intermediate_relu",
    "plainnext50_32x4d", "se_preact_resnet164", "se_resnet50", "se_googlenet", "se_vgg16_bn",
)  # fmt: skip


def chosen() -> list[str]:
    """The cheapest network of every model file, and those of KINDS."""
    cheapest: dict[tuple[str, bool], papers.Entry] = {}
    for entry in map(papers.find, NAMES):
        other = cheapest.setdefault((entry.family, entry.peer), entry)
        if cost(entry) < cost(other):
            cheapest[entry.family, entry.peer] = entry
    return list(dict.fromkeys([*(entry.name for entry in cheapest.values()), *KINDS]))


def cost(entry: papers.Entry) -> int:
    """Of making it and of running it."""
    return entry.parameters + entry.multiply_adds


FEW = chosen()
SOME = [pytest.param(name, marks=[] if name in FEW else pytest.mark.whole) for name in NAMES]


def test_the_few_are_in_the_catalogue() -> None:
    assert set(FEW) <= set(NAMES)
    assert {(entry.family, entry.peer) for entry in map(papers.find, FEW)} == {
        (entry.family, entry.peer) for entry in map(papers.find, NAMES)
    }


# ---- without numbers


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_costs_are_the_records(name: str) -> None:
    entry, network = papers.find(name), on_meta(name)
    assert (network.name, network.overrides, network.in_channels) == (name, {}, entry.input[0])
    assert (network.num_classes, network.input_size) in ((entry.classes, entry.input[1]), (entry.classes, None))
    shapes = shapes_of(network, entry.input)
    assert shapes[network] == (entry.input, (entry.classes,))
    assert sum(values.numel() for values in network.parameters()) == entry.parameters
    assert sum(multiply_adds(module, shapes) for module in network.modules()) == entry.multiply_adds


@pytest.mark.parametrize("name", NAMES)
def test_taps_and_head(name: str) -> None:
    entry, network = papers.find(name), on_meta(name)
    names = [row for row, _ in network.named_children()]
    pictures = torch.empty(2, *entry.input, device="meta")
    with quick_norms(network):
        taps = network.taps(pictures, names)
        features = taps[names[names.index(network.head) - 1]]
        vector = network.forward_head(features, pre_logits=True)
        logits = network.forward_head(features)
    assert list(taps) == names
    assert vector.shape == (2, network.num_features)
    assert logits.shape == (2, entry.classes)
    assert taps[names[-1]].flatten(1).shape == logits.shape


@pytest.mark.parametrize("name", NAMES)
def test_other_classes_and_channels(name: str) -> None:
    entry, network = papers.find(name), on_meta(name)
    channels = entry.input[0] + 1
    with torch.device("meta"):
        other = create_model(name, num_classes=7, in_channels=channels)
    assert other.overrides == {"num_classes": 7, "in_channels": channels}
    assert (other.num_classes, other.in_channels) == (7, channels)
    ours, theirs = network.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    rows = {key.partition(".")[0] for key in ours if ours[key].shape != theirs[key].shape}
    first = next(row for row, module in network.named_children() if list(module.parameters()))
    assert first in rows
    assert rows <= {first, last_row_with_weights(network)}
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict(ours)
    other.load_state_dict(theirs)
    other.reset_classifier(entry.classes)
    assert other.num_classes == entry.classes
    assert set(other.state_dict()) == set(ours)


def last_row_with_weights(network: nn.Module) -> str:
    """The classifier's."""
    return [row for row, module in network.named_children() if list(module.parameters())][-1]


@pytest.mark.parametrize("name", [name for name in NAMES if auxiliary_forms(name)])
def test_auxiliary_classifiers(name: str) -> None:
    entry = papers.find(name)
    for form in auxiliary_forms(name):
        with torch.device("meta"):
            wrapper = with_auxiliary(on_meta(name), form)
        for training in (True, False):
            wrapper.heads.train(training)
            with quick_norms(wrapper):
                logits, auxiliary = wrapper(torch.empty(2, *entry.input, device="meta"))
            assert type(auxiliary) is tuple
            assert len(auxiliary) == len(wrapper.heads) > 0
            assert all(values.shape == (2, entry.classes) for values in (logits, *auxiliary))


def axes_to_try() -> list[Any]:
    """One network per model file and axis, with every other value that the axis can be asked for."""
    seen: set[tuple[str, bool, str]] = set()
    found = []
    for entry in sorted(map(papers.find, NAMES), key=cost):
        for axis, default in models.axes(entry.name).items():
            if (entry.family, entry.peer, axis) not in seen and isinstance(default, bool | str):
                seen.add((entry.family, entry.peer, axis))
                found.append(pytest.param(entry.name, axis, id=f"{entry.name}-{axis}"))
    return found


@pytest.mark.parametrize(("name", "axis"), axes_to_try())
def test_every_value_of_an_axis_makes_a_network(name: str, axis: str) -> None:
    default = models.axes(name)[axis]
    values: list[Any] = [not default]
    if isinstance(default, str):
        with torch.device("meta"), pytest.raises(UsageError) as caught:
            models.create_model(name, num_classes=None, in_channels=None, **{axis: "?"})
        said = re.search(rf"{axis}='\?' is unknown; valid values: (.*)", str(caught.value))
        assert said, str(caught.value)
        values = [value for value in said[1].split(", ") if value != default]
        assert len(values) + 1 == len(said[1].split(", "))
    for value in values:
        network = on_meta(name, **{axis: value})
        assert network.overrides == {axis: value}


@pytest.mark.parametrize("name", SOME)
def test_the_smallest_picture(name: str) -> None:
    """One that is a pixel smaller is refused, naming the row; one of that size is taken."""
    network, (smallest, row) = on_meta(name), smallest_input(name)
    rows = [row for row, _ in network.named_children()]
    if smallest == 1:
        return
    assert row in rows
    with quick_norms(network), pytest.raises(UsageError) as caught:
        network.check_input(smallest - 1, smallest - 1)
    refused = re.search(r"too small for row (\w+); the minimum is (\d+)x\2", str(caught.value))
    assert refused, str(caught.value)
    assert refused[1] in rows
    assert int(refused[2]) == smallest
    with torch.device("meta"):
        taken = create_model(name, input_size=smallest) if network.input_size else copy.copy(network)
    with quick_norms(taken):
        taken.check_input(smallest, smallest)
    if network.input_size:
        with pytest.raises(UsageError, match=rf"input_size={smallest - 1} is too small for row {refused[1]}"):
            on_meta(name, input_size=smallest - 1)


# ---- with numbers


@pytest.mark.parametrize("name", SOME)
def test_with_numbers(name: str) -> None:
    """One seed makes one network; a state dict carries it over; it can be exported; all of it learns."""
    torch.manual_seed(3)
    network, shape = small(name, num_classes=5)
    torch.manual_seed(3)
    again, _ = small(name, num_classes=5)
    ours, theirs = network.state_dict(), again.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    batch = pictures(4, shape)
    logits = settled(again, batch)
    network.load_state_dict(again.state_dict())
    whole_depth(network)
    with torch.no_grad():
        assert torch.equal(network.eval()(batch), logits)
        assert torch.equal(network.forward_head(network.forward_features(batch)), logits)
        check_eval(network, batch, logits)
    del again
    check_learning(network, batch)


def pictures(count: int, shape: tuple[int, ...]) -> Tensor:
    """Noise of a colour and contrast of its own in each."""
    generator = torch.Generator().manual_seed(0)
    noise, colour = (torch.randn(count, *size, generator=generator) for size in (shape, (shape[0], 1, 1)))
    return noise * torch.linspace(0.5, 2, count).view(-1, 1, 1, 1) + colour


def settled(network: nn.Module, batch: Tensor) -> Tensor:
    """The logits in eval mode, after batch normalisations have taken over the statistics of this batch.

    Small pictures leave some channels with one value everywhere, which would be divided by almost nothing.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    whole_depth(network)
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
        network.train()(batch)
        for norm in norms:
            assert norm.running_var is not None
            norm.running_var.clamp_(min=0.05 * float(norm.running_var.mean()))
        logits: Tensor = network.eval()(batch)
    return logits


def whole_depth(network: nn.Module) -> None:
    """No block is dropped."""
    for module in network.modules():
        if hasattr(module, "survival"):
            setattr(module, "survival", 1.0)  # noqa: B010, of a class that nn.Module does not know


def check_eval(network: nn.Module, batch: Tensor, logits: Tensor) -> None:
    """Pictures do not depend on each other, and an exported network gives the same."""
    assert logits.shape == (4, 5)
    assert logits.isfinite().all()
    exact, alone = (network.double()(some.double()) for some in (batch, batch[2:3]))  # depth multiplies rounding
    assert exact.std(0).max() > 0
    assert (alone - exact[2:3]).abs().max() < 0.01 * exact.std(0).max()
    one, spread = network.float()(batch[2:3]), logits.std(0).max()
    exported = torch.export.export(network, (batch[2:3],))
    assert torch.allclose(exported.module()(batch[2:3]), one, rtol=1e-4, atol=1e-4 * float(spread))


def check_learning(network: nn.Module, batch: Tensor) -> None:
    """The loss of a batch goes down, and every parameter has a part in it."""
    first = loss_of(network, batch)
    assert descended(network, batch, first) < first.item()
    for parent in list(network.modules()):  # so that no unit is dead
        for child, module in list(parent.named_children()):
            if isinstance(module, nn.ReLU):
                setattr(parent, child, nn.LeakyReLU(0.3))
    network.zero_grad()
    loss_of(network, batch).backward()
    without = [key for key, values in network.named_parameters() if values.grad is None or not values.grad.any()]
    assert not without


def loss_of(network: nn.Module, batch: Tensor) -> Tensor:
    """The loss in training mode, always with the same dropped units."""
    torch.manual_seed(1)
    return cross_entropy(network.train()(batch), torch.arange(len(batch)))


def descended(network: nn.Module, batch: Tensor, loss: Tensor) -> float:
    """The loss after a few steps down the slope; one that led up is taken back, and the next ones are shorter.

    Each tensor moves by a share of its own length, since depth and batches of few places make slopes very unlike.
    """
    share, down = 0.002, 0
    for _ in range(10):
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            moves = [(values, values.grad * (share * max(length(values), 0.01) / length(values.grad)))
                     for values in network.parameters() if values.grad is not None]  # fmt: skip
            for values, move in moves:
                values.sub_(move)
        new = loss_of(network, batch)
        if new < loss:
            loss, down = new, down + 1
            if down == 3:
                break
            continue
        share /= 5
        with torch.no_grad():
            for values, move in moves:
                values.add_(move)
        loss = loss_of(network, batch)
    return loss.item()


def length(values: Tensor) -> float:
    return float(values.norm()) + 1e-30
