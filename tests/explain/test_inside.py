"""What is measured inside networks: against direct computations, known weights, and what cannot be otherwise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convnets import create_model
from convnets.data import NO_STATISTICS, Split, normalise
from convnets.data.pictures import array_split
from convnets.errors import UsageError
from convnets.evaluate.features import Eye
from convnets.explain.activity import inside, strongest, watch
from convnets.explain.inside import (
    box_of,
    early_row,
    feature_maps,
    first_filters,
    norms,
    ready,
    reuse,
    stretched,
    view,
    visible,
)
from convnets.models.senet import SqueezeExcitation
from convnets.models.table import fields
from convnets.runs import default_preprocess

CLASSES = 3


def eye_of(name: str, side: int = 32, **values: Any) -> Eye:
    torch.manual_seed(0)
    network = create_model(name, num_classes=CLASSES, **values).eval()
    return Eye(network, default_preprocess((network.in_channels, side, side)), NO_STATISTICS, torch.device("cpu"))


def rows_of(eye: Eye) -> Any:
    """The network, whose rows are attributes."""
    return eye.network


def pictures(count: int = 20, side: int = 32, channels: int = 3) -> Split:
    random = np.random.default_rng(0)
    array = random.integers(0, 256, (count, side, side, channels), np.uint8)
    return array_split(array, np.arange(count) % CLASSES, "random")


def given(eye: Eye, split: Split) -> Tensor:
    """All pictures as the network's input."""
    images = ready(eye, [split.pictures.load(index) for index in range(len(split))])
    return normalise(images, eye.preprocess)


def test_filters_are_the_first_layers_weights() -> None:
    network = rows_of(eye_of("resnet20"))
    found = first_filters(network)
    assert found.layer == "conv1.conv" and found.weights.shape == (16, 3, 3, 3)
    assert np.array_equal(found.weights[5, 1, 2], network.conv1.conv.weight[5, :, 1, 2].detach().numpy())
    network = rows_of(eye_of("mnist_mlp", 28))
    found = first_filters(network)
    assert found.weights.shape == (100, 28, 28, 1)
    assert found.weights[7, 3, 4, 0] == network.fc1.linear.weight[7, 3 * 28 + 4]


def test_pictures_of_values_are_stretched_one_by_one() -> None:
    levels = stretched(np.array([[[0.0, 1.0]], [[5.0, 5.0]], [[-2.0, np.nan]]]))
    assert levels.dtype == np.uint8 and levels.tolist() == [[[0, 255]], [[0, 0]], [[0, 255]]]


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet110", "densenet_bc_100_12", "mnist_mlp"])
def test_norms_are_the_modules_own(name: str) -> None:
    network = eye_of(name, 28 if name == "mnist_mlp" else 32).network
    parts = [part for part in network.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    for number, part in enumerate(parts):
        nn.init.constant_(part.weight, number)
        nn.init.uniform_(part.bias)
    found = norms(network)
    gamma, beta = (np.concatenate([getattr(one, which) for one in found]) for which in ("gamma", "beta"))
    assert np.array_equal(gamma, np.concatenate([part.weight.detach().numpy() for part in parts]))
    assert np.array_equal(beta, np.concatenate([part.bias.detach().numpy() for part in parts]))


def test_a_network_without_norms_has_none() -> None:
    assert norms(eye_of("nin_cifar").network) == [] and reuse(eye_of("nin_cifar").network) == []


@pytest.mark.parametrize("values", [{}, {"bottleneck": True, "compression": 0.5}])
def test_dense_connections_of_known_weights(values: dict[str, Any]) -> None:
    eye = eye_of("densenet_40_12", depth=16, growth_rate=4, **values)
    for block in ("block1", "block2", "block3"):
        for number, layer in enumerate(eye.network.get_submodule(block).children(), 1):
            conv = next(part for part in layer.modules() if isinstance(part, nn.Conv2d))
            rest = conv.in_channels - 4 * (number - 1)
            nn.init.constant_(conv.weight, 100.0)
            for source in range(number):  # layer n reads n * 10 + s of the features of layer s, with both signs
                start = rest + 4 * (source - 1) if source else 0
                width = 4 if source else rest
                conv.weight.data[:, start : start + width] = 10.0 * number + source
            conv.weight.data[::2] *= -1
    nn.init.constant_(rows_of(eye).fc.weight, -7.0)
    found = reuse(eye.network)
    assert [one.block for one in found] == ["block1", "block2", "block3"]
    for one, behind in zip(found, ("transition1", "transition2", "fc"), strict=True):
        layers = 2 if values else 4
        assert one.sources == ("input", *map(str, range(1, layers + 1))) and one.readers == (*one.sources[1:], behind)
        for number in range(1, layers + 1):
            expected = [10.0 * number + source for source in range(number)]
            assert one.weights[number - 1, :number].tolist() == expected
            assert np.isnan(one.weights[number - 1, number:]).all()
    assert found[-1].weights[-1].tolist() == [7.0] * (layers + 1)


@pytest.mark.parametrize(
    ("name", "row", "side"),
    [("resnet20", "stage2", 64), ("zfnet", "conv3", 128), ("cuda_convnet_13", "pool2", 24), ("nin_cifar", "pool1", 32)],
)
def test_no_gradient_lies_outside_the_receptive_field(name: str, row: str, side: int) -> None:
    values = {"input_size": side} if name in ("zfnet", "cuda_convnet_13") else {}
    eye = eye_of(name, side, **values)
    found = view(eye, ready(eye, [pictures(1, side).pictures.load(0)]), row)
    reached = np.argwhere(found.gradient > 0)
    top, left, height, width = found.field
    assert (reached >= (top, left)).all() and (reached < (top + height, left + width)).all()
    assert 0 < found.side <= height
    rows = found.effective[0], found.effective[0] + found.side
    columns = found.effective[1], found.effective[1] + found.side
    held = found.gradient[max(rows[0], 0) : rows[1], max(columns[0], 0) : columns[1]].sum()
    assert held >= 0.95 * found.gradient.sum()
    smaller = found.gradient[rows[0] + 1 : rows[1] - 1, columns[0] + 1 : columns[1] - 1].sum()
    assert smaller < 0.95 * found.gradient.sum(), "the next smaller square holds less"


@pytest.mark.parametrize(("name", "row"), [("resnet20", "stage1"), ("xception", "block2"), ("bn_inception", "pool1")])
def test_a_receptive_field_begins_where_the_gradient_does(name: str, row: str) -> None:
    """With weights that cannot cancel, the gradient fills it to its very edges, whatever padding there is."""
    side = 96
    eye = eye_of(name, side)
    for part in eye.network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, 0.01)
        if isinstance(part, nn.MaxPool2d):  # which has a gradient at one place only
            averages = partial(nn.functional.avg_pool2d, kernel_size=part.kernel_size, stride=part.stride)
            part.forward = partial(averages, padding=part.padding)  # type: ignore[method-assign]
    x = torch.rand(1, 3, side, side).add(0.1).requires_grad_()
    output = eye.network.taps(x, row)[row].nan_to_num(0, 0, 0)
    row_of, column_of = output.shape[2] // 2, output.shape[3] // 2
    (gradient,) = torch.autograd.grad(output[0, :, row_of, column_of].sum(), x)
    reached = np.argwhere(gradient[0].sum(0).numpy() != 0)
    top, left, height, width = box_of(fields(eye.network, (3, side, side))[row], (row_of, column_of))
    assert [*reached.min(0)] == [top, left] and [*reached.max(0)] == [top + height - 1, left + width - 1]


def test_a_network_that_answers_nothing_has_no_effective_field() -> None:
    eye = eye_of("resnet20")
    nn.init.constant_(rows_of(eye).conv1.bn.bias, -1e3)
    assert view(eye, ready(eye, [pictures(1).pictures.load(0)]), "conv1").side == 0


def test_the_cut_around_the_largest_output_is_all_that_the_unit_sees() -> None:
    eye, split = eye_of("resnet20"), pictures()
    seen, x = fields(eye.network, (3, 32, 32))["stage1"], given(eye, split)
    peaks = watch(eye, split, "stage1", CLASSES).peaks
    with torch.no_grad():
        maps = eye.network.taps(x, "stage1")["stage1"]
        assert np.allclose(peaks.values, maps.amax((2, 3)), atol=1e-5)
        for channel in peaks.channels(3):
            cuts = strongest(eye, split, peaks, seen, channel, 4)
            assert [cut.index for cut in cuts] == (-maps[:, channel].amax((1, 2))).argsort()[:4].tolist()
            for cut in cuts:
                assert cut.value == pytest.approx(float(maps[cut.index, channel].max()), abs=1e-5)
                assert cut.pixels.shape == (15, 15, 3)
                rows, columns = inside(cut.field, (32, 32))
                assert np.array_equal(cut.pixels, split.pictures.load(cut.index)[rows, columns])
                assert cut.back.shape == (3, 15, 15) and float(cut.back.abs().max()) > 0
                noise = torch.randn(1, 3, 32, 32)
                noise[..., rows, columns] = x[cut.index : cut.index + 1, :, rows, columns]
                again = eye.network.taps(noise, "stage1")["stage1"][0, channel]
                assert float(again[cut.place]) == pytest.approx(cut.value, abs=1e-5)


def test_cuts_are_moved_inside_the_picture() -> None:
    assert inside((-3, 30, 5, 5), (32, 32)) == (slice(0, 5), slice(27, 32))
    assert inside((-10, 4, 50, 6), (32, 32)) == (slice(0, 32), slice(4, 10))


def test_activations_are_those_of_all_pictures_and_dead_units_are_found() -> None:
    eye, split = eye_of("resnet20"), pictures()
    network = rows_of(eye)
    network.conv1.bn.bias.data[3:5] = -1e3
    network.stage2[1].body.conv1.bn.bias.data[7] = -1e3
    found = {one.row: one for one in watch(eye, split, "stage1", CLASSES).activities}
    assert list(found) == [name for name, _ in network.named_children()]
    with torch.no_grad():
        outputs = network.taps(given(eye, split), list(found))
    for row, output in outputs.items():
        one = found[row]
        assert one.mean == pytest.approx(float(output.mean()), abs=1e-5)
        assert one.deviation == pytest.approx(float(output.std(correction=0)), rel=1e-4)
        assert one.zeros == pytest.approx(float((output == 0).float().mean()), abs=1e-6)
    assert found["conv1"].dead == {"conv1.relu": [3, 4]} and found["conv1"].dead_share == 2 / 16
    assert 7 in found["stage2"].dead["stage2.1.body.conv1.relu"] and found["stage2"].units == 6 * 32
    assert found["fc"].dead_share is None and not found["avgpool"].dead


def test_dead_channels_are_not_shown() -> None:
    eye, split = eye_of("resnet20"), pictures(6)
    rows_of(eye).conv1.bn.bias.data[:12] = -1e3
    peaks = watch(eye, split, "conv1", CLASSES).peaks
    assert peaks.channels(8) == [12, 13, 14, 15] and peaks.channels(2) == [12, 15]
    rows_of(eye).conv1.bn.bias.data[:] = -1e3
    assert watch(eye, split, "conv1", CLASSES).peaks.channels(8) == []


@pytest.mark.parametrize("values", [{}, {"squeeze": "none"}])
def test_gates_are_the_means_of_each_class(values: dict[str, Any]) -> None:
    eye, split = eye_of("se_resnet20", **values), pictures()
    split = split.take(np.flatnonzero(split.labels != 1))
    found = watch(eye, split, "stage1", CLASSES).gates
    units = {name: part for name, part in eye.network.named_modules() if isinstance(part, SqueezeExcitation)}
    assert [one.unit for one in found] == list(units) and found[0].stage == "stage1"
    with torch.no_grad():
        for one in found:
            gate = eye.network.taps(given(eye, split), f"{one.unit}.gate")[f"{one.unit}.gate"].mean((2, 3)).numpy()
            means = {label: gate[split.labels == label].mean(0) for label in (0, 2)}
            assert np.isnan(one.means[1]).all()
            assert np.allclose(one.means[[0, 2]], [means[0], means[2]], atol=1e-5)
            assert one.spread == pytest.approx(float(np.std([means[0], means[2]], 0).mean()), abs=1e-5)


def test_standardised_pictures_are_looked_at_too() -> None:
    eye, split = eye_of("resnet20"), pictures(3)
    eye = replace(eye, preprocess=replace(eye.preprocess, contrast=1.0))
    images = ready(eye, [split.pictures.load(0)])
    shown = visible(images)
    assert images.is_floating_point() and shown.dtype == np.uint8 and shown.shape == (1, 32, 32, 3)
    assert np.corrcoef(shown.ravel(), split.pictures.load(0).ravel())[0, 1] > 0.9999
    peaks = watch(eye, split, "stage1", CLASSES).peaks
    with torch.no_grad():
        assert np.allclose(peaks.values[0], eye.network.taps(images, "stage1")["stage1"].amax((0, 2, 3)), atol=1e-5)
    cuts = strongest(eye, split, peaks, fields(eye.network, (3, 32, 32))["stage1"], 0)
    assert {cut.pixels.dtype for cut in cuts} == {np.dtype(np.uint8)}


def test_maps_are_the_rows_output() -> None:
    eye, split = eye_of("resnet20"), pictures(1)
    images = ready(eye, [split.pictures.load(0)])
    maps = feature_maps(eye, images, "stage2")
    with torch.no_grad():
        assert np.allclose(maps, eye.network.taps(given(eye, split), "stage2")["stage2"][0], atol=1e-6)
    assert feature_maps(eye, images, "fc").shape == (CLASSES, 1, 1)


def test_an_early_row_sees_an_eighth_of_the_picture() -> None:
    assert early_row(eye_of("resnet20").network, 32) == "stage1"
    with torch.device("meta"):
        assert early_row(create_model("alexnet"), 224) == "conv2"
        assert early_row(create_model("mnist_mlp"), 28) == "fc1"


def test_an_unknown_row_is_told_with_the_rows() -> None:
    eye, split = eye_of("resnet20"), pictures(2)
    images = ready(eye, [split.pictures.load(0)])
    for ask in (lambda: watch(eye, split, "x", CLASSES), lambda: view(eye, images, "x"),
                lambda: feature_maps(eye, images, "x")):  # fmt: skip
        with pytest.raises(UsageError, match="resnet20 has no row 'x'; its rows are conv1, stage1, stage2"):
            ask()
    with pytest.raises(UsageError, match="no pictures to look at"):
        watch(eye, split.take(np.arange(0)), "conv1", CLASSES)
