"""What a step does beside plain SGD: auxiliary losses, mixed labels, clipping, frozen and averaged normalisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from convnets.data import NO_STATISTICS, Batch, Finish, Loader, Mixed
from convnets.data.pictures import array_split
from convnets.models import create_model
from convnets.network import Network
from convnets.spec import SGD, Augment, Preprocess, Recipe
from convnets.train.bn_average import average_statistics
from convnets.train.loop import begin_epoch, mixed_loss, take_step, validate
from convnets.train.state import Training, judged

CPU = torch.device("cpu")
PREPROCESS = Preprocess(size=32, resize=None, mean=(0.5,) * 3, std=(0.25,) * 3)


@pytest.fixture(autouse=True)
def same_numbers() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def batch(count: int = 4, side: int = 32, classes: int = 10) -> Batch:
    noise = np.random.default_rng(0)
    images = torch.from_numpy(noise.integers(0, 256, (count, 3, side, side)).astype(np.uint8))
    return Batch(images, torch.from_numpy(noise.integers(0, classes, count)), np.arange(count))


def step(training: Training, one: Batch, rate: float = 0.1) -> None:
    finish = Finish(training.recipe.preprocess, NO_STATISTICS, Augment(), 0)
    take_step(training, training.model, finish, [one], rate)


def training(network: Network, **changes: object) -> Training:
    values = {"preprocess": PREPROCESS, "optimizer": SGD(momentum=0.0, weight_decay=0.0), **changes}
    return Training(network, dataclasses.replace(Recipe(), **values), CPU)  # type: ignore[arg-type]


def test_auxiliary_losses_have_their_weight() -> None:
    """GoogLeNet Sec. 5: the losses of the auxiliary classifiers are weighted by 0.3 and added."""
    network = create_model("googlenet", num_classes=10)
    state = training(network, auxiliary=0.3, preprocess=dataclasses.replace(PREPROCESS, size=64))
    one = batch(2, 64)
    begin_epoch(state)
    for module in state.model.modules():  # what dropout draws would hide what is tested
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    before = {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}
    images = Finish(state.recipe.preprocess, NO_STATISTICS, Augment(), 0)(one, 0, CPU).images
    logits, auxiliary = state.model(images)
    assert len(auxiliary) == 2
    loss = cross_entropy(logits, one.labels) + 0.3 * sum(cross_entropy(each, one.labels) for each in auxiliary)
    gradients = torch.autograd.grad(loss, list(state.model.parameters()))
    step(state, one)
    for (name, parameter), gradient in zip(state.model.named_parameters(), gradients, strict=True):
        assert torch.allclose(parameter, before[name] - 0.1 * gradient, rtol=1e-4, atol=1e-7), name
    assert any(name.startswith("auxiliary.") for name in state.tensors())
    assert not any(name.startswith("auxiliary.") for name in state.weights())


def test_auxiliary_classifiers_survive_a_stop() -> None:
    one = batch(2, 64)
    recipe = {"auxiliary": 0.3, "preprocess": dataclasses.replace(PREPROCESS, size=64), "optimizer": SGD(lr=0.01)}
    first = training(create_model("googlenet", num_classes=10), **recipe)
    begin_epoch(first)
    step(first, one)
    second = training(create_model("googlenet", num_classes=10), **recipe)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()}, first.state())
    for state in (first, second):
        torch.manual_seed(1)
        begin_epoch(state)
        step(state, one)
    for name, tensor in first.tensors().items():
        assert torch.equal(tensor, second.tensors()[name]), name


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("is_last", [True, False])
def test_maps_are_laid_out_as_the_recipe_says(is_last: bool, channels: int) -> None:
    """Also where pictures come as channels_last, as all do."""
    plain = Preprocess(size=32, resize=None, mean=(0.5,) * channels, std=(0.25,) * channels, channels=channels)
    state, seen = training(create_model("resnet20", in_channels=channels), channels_last=is_last, preprocess=plain), []
    look = lambda _, __, maps: seen.append(maps.is_contiguous(memory_format=torch.channels_last))  # noqa: E731
    state.network.get_submodule("stage1.0").register_forward_hook(look)
    begin_epoch(state)
    one = batch()
    images = one.images[:, :channels].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    step(state, one._replace(images=images))
    assert seen == [is_last]


def test_a_network_without_auxiliary_classifiers_refuses_them() -> None:
    with pytest.raises(Exception, match="has no auxiliary classifiers"):
        training(create_model("resnet20"), auxiliary=0.3)


def test_a_dropped_block_still_decays_and_follows_its_momentum() -> None:
    """Stochastic depth: the authors' optimizer updates all parameters in every step."""
    network = create_model("sd_resnet110", survival=0.0, decay="uniform")
    state = training(network, optimizer=SGD(momentum=0.9, weight_decay=0.5))
    begin_epoch(state)
    block = dict(network.named_parameters())["stage1.0.body.conv1.conv.weight"]
    before = block.detach().clone()
    step(state, batch(), rate=0.1)
    assert torch.allclose(block, before * (1 - 0.1 * 0.5))
    step(state, batch(), rate=0.1)
    velocity = 0.9 * 0.5 * before + 0.5 * 0.95 * before
    assert torch.allclose(block, 0.95 * before - 0.1 * velocity, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_mixed_pictures_is_shared(smoothing: float) -> None:
    logits, labels, partners = torch.randn(3, 5), torch.tensor([0, 1, 2]), torch.tensor([2, 1, 0])
    share = torch.tensor([0.3, 0.5, 1.0])
    loss = mixed_loss(logits, Mixed(logits, labels, partners, share), smoothing)
    expected = 0.0
    for row, (label, partner, own) in enumerate(zip(labels, partners, share, strict=True)):
        target = torch.full((5,), smoothing / 5)
        target[label] += (1 - smoothing) * own
        target[partner] += (1 - smoothing) * (1 - own)
        expected -= float((target * logits[row].log_softmax(0)).sum()) / 3
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    plain = mixed_loss(logits, Mixed(logits, labels), smoothing)
    assert float(plain) == pytest.approx(float(cross_entropy(logits, labels, label_smoothing=smoothing)))


def test_label_smoothing_is_inception_v3s() -> None:
    """Sec. 7: of 1,000 classes the true one gets 0.9001, each other 0.0001."""
    logits = torch.randn(1, 1000, dtype=torch.float64)
    logs = logits.log_softmax(1)[0]
    expected = -(0.9001 * logs[3] + 0.0001 * (logs.sum() - logs[3]))
    assert float(mixed_loss(logits, Mixed(logits, torch.tensor([3])), 0.1)) == pytest.approx(float(expected))


def test_the_gradient_is_clipped_as_one_vector() -> None:
    lengths = []
    for clip in (0.0, 0.5, 1e6):
        torch.manual_seed(0)
        state = training(create_model("resnet20"), clip=clip)
        begin_epoch(state)
        before = torch.cat([parameter.detach().flatten().clone() for parameter in state.model.parameters()])
        step(state, batch(), rate=1.0)
        after = torch.cat([parameter.detach().flatten() for parameter in state.model.parameters()])
        lengths.append(float((after - before).norm()))
    assert lengths[0] == lengths[2] > 0.5 and lengths[1] == pytest.approx(0.5, rel=1e-3)


def test_batch_normalisation_is_frozen_in_the_last_epochs() -> None:
    state = training(create_model("resnet20"), epochs=10, freeze_bn=2.0)

    def normalisations() -> dict[str, Tensor]:
        layers = {n: m for n, m in state.network.named_modules() if isinstance(m, nn.BatchNorm2d)}
        return {f"{n}.{k}": v.clone() for n, m in layers.items() for k, v in m.state_dict().items()}

    for epoch, changes in ((7, True), (8, False), (9, False)):
        state.epoch, before = epoch, normalisations()
        weight = state.network.get_classifier().weight.detach().clone()
        begin_epoch(state)
        step(state, batch())
        assert all(torch.equal(value, before[name]) for name, value in normalisations().items()) is not changes
        assert not torch.equal(weight, state.network.get_classifier().weight)


def test_the_average_is_validated_beside_the_raw_weights() -> None:
    noise = np.random.default_rng(0)
    split = array_split(noise.integers(0, 256, (20, 32, 32, 3)).astype(np.uint8), noise.integers(0, 10, 20), "val")
    state = training(create_model("resnet20"), ema=0.9)
    begin_epoch(state)
    step(state, batch(), rate=1.0)
    row = validate(state, Loader(split, PREPROCESS, batch_size=20), lambda: None)
    assert set(row) == {"val_loss", "val_error", "ema_val_loss", "ema_val_error"}
    assert row["val_loss"] != row["ema_val_loss"]
    assert judged({**row, "train_error": 1, "train_loss": 1}) == (row["ema_val_error"], row["ema_val_loss"])
    assert judged({"train_error": 3.0, "train_loss": 1.0}) == (3.0, 1.0)


def test_statistics_of_batch_normalisation_are_averaged_plainly() -> None:
    """BN paper, Alg. 2: the mean over batches of their means, and of their unbiased variances."""
    layer = nn.BatchNorm2d(3)
    network = nn.Sequential(layer, nn.Dropout(0.5))
    batches = [torch.randn(8, 3, 4, 4) * (1 + index) + index for index in range(3)]
    with torch.no_grad():
        network(batches[0])
    assert average_statistics(network, batches) == 24
    means = torch.stack([images.mean((0, 2, 3)) for images in batches]).mean(0)
    variances = torch.stack([images.var((0, 2, 3), unbiased=True) for images in batches]).mean(0)
    assert torch.allclose(layer.running_mean, means, atol=1e-5)  # type: ignore[arg-type]
    assert torch.allclose(layer.running_var, variances, rtol=1e-4)  # type: ignore[arg-type]
    assert layer.momentum == 0.1 and network.training


def test_dropout_in_alexnets_form_and_the_inverted_form_agree() -> None:
    """Sec. 4.2 multiplies by 0.5 in test; torch divides by 0.5 in training: the same network with doubled weights."""
    inverted, x = nn.Dropout(0.5), torch.rand(200_000)
    weight = 0.7
    alexnets_training, alexnets_test = (torch.rand_like(x) < 0.5) * x * (2 * weight), 0.5 * x * (2 * weight)
    ours_training, ours_test = inverted.train()(x) * weight, inverted.eval()(x) * weight
    assert torch.allclose(ours_test, alexnets_test)
    assert float(ours_training.mean()) == pytest.approx(float(alexnets_training.mean()), rel=0.01)
    assert float(ours_training.var()) == pytest.approx(float(alexnets_training.var()), rel=0.02)
