"""Maps of a network's answers: what must hold of them whatever the network, and on one that was really trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convnets import models, papers, runs
from convnets.data import normalise, open_source
from convnets.errors import UsageError
from convnets.explain.maps import METHODS, chosen_row, explain, gradient_maps, occluded, pooled, projected
from convnets.explain.overlays import heat, overlay, projection
from convnets.train.forward import without_copies

from ..networks import small, smallest_input

SMALL = {"alexnet": "alexnet", "zfnet": "zfnet", "nin": "nin_cifar", "vgg": "vgg11", "googlenet": "googlenet",
         "bn_inception": "bn_inception", "inception_v3": "inception_v3", "resnet": "resnet20",
         "inception_v4": "inception_resnet_v1", "preact_resnet": "preact_resnet110_one_layer",
         "stochastic_depth": "sd_resnet110", "wide_resnet": "wrn_16_4", "densenet": "densenet_40_12",
         "xception": "xception", "resnext": "resnext50_32x4d", "senet": "se_resnet50",
         "bag_of_tricks": "resnet18_d"}  # fmt: skip


def pictures(count: int = 2, size: int = 32, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", [*SMALL.values(), "mnist_mlp"])
@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_every_network_can_be_explained_in_every_way(name: str, method: str) -> None:
    network, shape = small(name)
    images = pictures(1, shape[1], shape[0])
    if method == "cam" and pooled(network) is None:
        with pytest.raises(UsageError, match="take --method gradcam"):
            explain(network, images, method=method)
        return
    if method == "gradcam" and name == "mnist_mlp":
        with pytest.raises(UsageError, match="take --method occlusion"):
            explain(network, images, method=method)
        return
    if method in ("guided", "deconv") and name == "mnist_mlp":
        return  # refused, below
    found = explain(network, images, method=method, top=2)
    assert found.maps.shape[:2] == (1, 2) and found.maps.dim() == 4 and found.maps.isfinite().all()
    assert (found.classes == found.logits.topk(2, 1).indices).all()
    assert torch.equal(found.logits, network.eval()(images).detach())
    if found.projections is not None:
        assert found.projections.shape == (1, 2, *shape) and found.maps.shape[2:] == shape[1:]


POOLED = ("nin_cifar", "googlenet", "resnet20", "preact_resnet110_one_layer", "densenet_40_12", "wrn_16_4", "xception",
          "inception_v3", "se_resnet50", "resnet50_d")  # fmt: skip


@pytest.mark.parametrize("name", POOLED)
def test_class_activation_maps_add_up_to_the_answer(name: str) -> None:
    """The mean of a class's map and its bias are its logit, exactly: nothing but the map decides."""
    network, shape = small(name)
    images = pictures(2, shape[1], shape[0])
    found = explain(network, images, method="cam", top=3)
    classifier = network.get_classifier()
    bias = classifier.bias if isinstance(classifier, nn.Linear) else torch.zeros(network.num_classes)
    assert bias is not None
    expected = found.logits.gather(1, found.classes)
    assert torch.allclose(found.maps.mean((2, 3)) + bias[found.classes], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in POOLED if name != "nin_cifar"])
def test_grad_cam_of_the_last_map_is_the_class_activation_map_up_to_scale(name: str) -> None:
    network, shape = small(name)
    images = pictures(2, shape[1], shape[0])
    exact = explain(network, images, method="cam", top=2)
    other = explain(network, images, method="gradcam", classes=exact.classes)
    assert other.row == chosen_row(network)
    places = exact.maps.shape[2] * exact.maps.shape[3]
    assert torch.allclose(other.maps * places, exact.maps, atol=1e-4 * float(exact.maps.abs().max()), rtol=1e-3)


def test_a_network_is_left_as_it_was() -> None:
    network, _ = small("resnet20")
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    for method in METHODS:
        explain(network, pictures(), method=method, top=1)
    assert network.training and all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in network.modules())


@pytest.mark.slow
def test_integrated_gradients_add_up_to_what_the_answer_rises_by(trained: Any) -> None:
    network, images = trained
    found = explain(network, images[:8], method="integrated", top=1)
    with torch.no_grad():
        risen = (found.logits - network(torch.zeros_like(images[:1]))).gather(1, found.classes)
    missing = (found.maps.sum((2, 3)) - risen).abs() / risen.abs()
    assert missing.median() < 0.02 and missing.max() < 0.15, missing


def test_going_back_through_a_rectifier() -> None:
    """Of ReLU(x) with gradients g from above: backpropagation, guided and the deconvolutional network differ."""
    linear = nn.Linear(3, 2, bias=False)
    linear.weight = nn.Parameter(torch.tensor([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]]))
    network: Any = nn.Sequential(nn.ReLU(), nn.Flatten(), linear)
    x, classes = torch.tensor([1.0, 1.0, -1.0]).view(1, 3, 1, 1), torch.tensor([[0]])
    guided, back = (METHODS[name](network, x, classes).flatten() for name in ("guided", "deconv"))
    assert guided.tolist() == [1, 0, 0], "positive from above, and where the rectifier let it pass"
    assert back.tolist() == [1, 0, 3], "positive from above alone"


def test_occlusion_finds_the_only_place_that_counts() -> None:
    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x[:, 0, :4, :4].sum((1, 2)), torch.zeros(len(x))], 1)

    corner: Any = Corner()
    ramp = torch.zeros(1, 3, 20, 20)
    ramp[:, :, :4, :4] = 1
    maps = occluded(corner, ramp, torch.tensor([[0]]), side=4, step=4)[0, 0]
    assert float(maps[0, 0]) == pytest.approx(1 - 1 / (1 + math.exp(-0.64)), abs=1e-4)
    assert maps.flatten()[1:].abs().max() < 1e-6
    assert maps.shape == (5, 5), "the last square ends where the picture does"
    assert occluded(corner, torch.randn(1, 3, 20, 32), torch.tensor([[0]]), side=4, step=4).shape == (1, 1, 5, 8)


def test_refusals() -> None:
    network, _ = small("resnet20")
    with pytest.raises(UsageError, match="its rows are conv1, stage1, stage2, stage3"):
        explain(network, pictures(), row="stage9")
    with pytest.raises(UsageError, match="valid ones: auto, cam"):
        explain(network, pictures(), method="magic")
    with pytest.raises(UsageError, match="no row to choose"):
        explain(network, pictures(), method="occlusion", row="stage1")
    flat, shape = small("mnist_mlp")
    with pytest.raises(UsageError, match="gives no map"):
        explain(flat, pictures(1, shape[1], shape[0]), method="gradcam", row="fc1")
    with pytest.raises(UsageError, match="gives no map"):
        explain(network, pictures(), method="gradcam", row="avgpool")
    assert gradient_maps(network, pictures(), torch.tensor([[0], [1]]), "stage1").shape == (2, 1, 32, 32)


@pytest.fixture(scope="module")
def trained(shared: Path) -> Any:
    """A trained network, and CIFAR-10 test pictures that it is sure and right about, normalised."""
    loaded = runs.load(shared / "data" / "weights" / "resnet20-12fca82f.th", model="resnet20_split")
    split = open_source(str(shared / "data" / "cifar10-jpeg.tar.xz"), val_fraction=0, val_is_test=True).splits["test"]
    raw = torch.stack([torch.from_numpy(split.pictures.load(index)).permute(2, 0, 1) for index in range(300)])
    images = normalise(raw, loaded.preprocess)
    with torch.no_grad():
        sure, guess = loaded.network.eval()(images).softmax(1).max(1)
    chosen = ((sure > 0.9) & (guess == torch.from_numpy(split.labels[:300]))).nonzero().flatten()[:40]
    return loaded.network, images[chosen]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cam", "gradcam", "occlusion"])
def test_hiding_the_marked_region_lowers_the_answer_more_than_hiding_another(method: str, trained: Any) -> None:
    network, images = trained
    found = explain(network, images, method=method, top=1)
    draw = np.random.default_rng(0)

    def without(places: np.ndarray) -> Tensor:
        hidden = images.clone()
        for number, (top, left) in enumerate(places):
            hidden[number, :, top : top + 12, left : left + 12] = 0
        with torch.no_grad():
            score: Tensor = network(hidden).softmax(1).gather(1, found.classes).mean()
        return score

    strengths = np.stack([heat(map_[0], 32, 32) for map_ in found.maps])
    windows = torch.nn.functional.avg_pool2d(torch.from_numpy(strengths)[:, None], 12, 1).flatten(1)
    marked = np.array([divmod(int(place), 21) for place in windows.argmax(1)])
    elsewhere = [float(without(draw.integers(0, 21, (len(images), 2)))) for _ in range(4)]
    assert float(without(marked)) < np.mean(elsewhere) - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cam", "gradcam", "guided", "deconv", "integrated", "occlusion"])
def test_maps_change_when_weights_are_drawn_anew(method: str, trained: Any) -> None:
    """Adebayo et al. 2018: a map that a network without knowledge gives too explains nothing."""
    network, images = trained
    own = explain(network, images[:16], method=method, top=1)
    torch.manual_seed(0)
    fresh: Any = models.create_model("resnet20_split").eval()
    other = explain(fresh, images[:16], method=method, classes=own.classes)
    pairs = [(heat(one[0], 32, 32).ravel(), heat(two[0], 32, 32).ravel())
             for one, two in zip(own.maps, other.maps, strict=True)]  # fmt: skip
    alike = [np.corrcoef(one, two)[0, 1] if one.std() and two.std() else 0.0 for one, two in pairs]
    assert np.mean(alike) < 0.5, alike


def test_overlays_are_pictures_of_the_views_size() -> None:
    view = np.full((20, 30, 3), 100, np.uint8)
    map_ = torch.tensor([[-1.0, 0.0], [0.0, 2.0]])
    shown = overlay(view, map_)
    assert shown.shape == (20, 30, 3) and (shown[0, 0] == 100).all(), "where nothing speaks for it the picture stays"
    assert shown[-1, -1].sum() > shown[0, 0].sum() and heat(map_, 20, 30).max() == pytest.approx(1.0)
    assert heat(torch.zeros(2, 2), 4, 4).max() == 0
    assert projection(torch.zeros(1, 4, 4)).shape == (4, 4, 3)


def test_the_small_names_are_one_of_each_family() -> None:
    assert set(SMALL) == set(papers.families())
    assert all(papers.find(name).family == family for family, name in SMALL.items())
    assert smallest_input("resnet20")[0] <= 32


def test_a_unit_is_projected_back_through_its_switch_and_filter() -> None:
    """Convolution, ReLU, pooling: the filter lies where the pooling found its largest output, and nothing else."""
    from convnets.network import Network

    rows = {"conv": nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)), "fc": nn.Flatten()}
    network = Network(rows, head="fc", initialise=lambda name, module: None)
    images = pictures(2, 10, 1)
    conv, places = network.get_submodule("conv")[0], [(1, 2), (3, 0)]  # type: ignore[index]
    nn.init.constant_(conv.bias, 9.0)  # every unit answers
    found = projected(network, images, "conv", 1, places)
    for number, (y, x) in enumerate(places):
        window = conv(images)[number, 1, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].flatten()
        down, across = divmod(int(window.argmax()), 2)
        expected = torch.zeros(1, 10, 10)
        top, left = 2 * y + down, 2 * x + across
        expected[:, top : top + 3, left : left + 3] = conv.weight[1].detach()
        assert torch.allclose(found[number], expected)


@pytest.mark.parametrize("name", ["alexnet", "resnet20"])
def test_a_class_is_projected_as_the_unit_of_the_last_row_that_it_is(name: str) -> None:
    network, shape = small(name)
    images = pictures(1, shape[1], shape[0])
    asked = explain(network, images, method="deconv", classes=torch.tensor([[3]]))
    last = [row for row, _ in network.named_children()][-1]
    assert asked.projections is not None
    assert torch.allclose(projected(network, images, last, 3, [(0, 0)]), asked.projections[:, 0], atol=1e-6)


@pytest.mark.parametrize("method", ["guided", "deconv"])
def test_a_network_that_was_just_trained_is_explained_as_before(method: str) -> None:
    """Training lets its ReLUs write into their inputs, and it may go on afterwards."""
    network, shape = small("resnet20")
    images = pictures(1, shape[1], shape[0])
    before = explain(network, images, method=method).projections
    without_copies(network)
    after = explain(network, images, method=method).projections
    assert before is not None and after is not None and torch.equal(before, after)
    assert any(part.inplace for part in network.modules() if isinstance(part, nn.ReLU))


def test_what_changes_relus_is_refused_where_there_are_none() -> None:
    network, shape = small("mnist_mlp")  # of sigmoids
    for method in ("guided", "deconv"):
        with pytest.raises(UsageError, match="has none; take --method integrated"):
            explain(network, pictures(1, shape[1], shape[0]), method=method)


def test_large_pictures_are_projected() -> None:
    assert projection(torch.randn(3, 2400, 2400)).shape == (2400, 2400, 3)
