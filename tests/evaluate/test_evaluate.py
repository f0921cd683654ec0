"""One pass over a split: complete, in evaluation mode, and leaving the network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convnets import create_model
from convnets.data import Loader, Split, normalise
from convnets.data.pictures import array_split
from convnets.errors import UsageError
from convnets.evaluate import evaluate_network
from convnets.network import Network
from convnets.spec import Preprocess

PREPROCESS = Preprocess(size=32, resize=None, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return create_model("resnet20", num_classes=4).train()


@pytest.fixture(scope="module")
def split() -> Split:
    random = np.random.default_rng(0)
    return array_split(random.integers(0, 256, (25, 32, 32, 3), dtype=np.uint8), random.integers(0, 4, 25), "noise")


def test_is_the_mean_over_every_sample(network: Network, split: Split) -> None:
    result = evaluate_network(network, Loader(split, PREPROCESS, batch_size=7), PREPROCESS)
    network.eval()
    batch = next(iter(Loader(split, PREPROCESS, batch_size=25).epoch(0)))
    with torch.no_grad():
        logits = network(normalise(batch.images, PREPROCESS))
    assert result.n == 25
    assert result.correct_top1 == int((logits.argmax(1) == batch.labels).sum())
    assert result.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, batch.labels).item(), abs=1e-5)


def test_leaves_the_network_as_it_was(network: Network, split: Split) -> None:
    next(iter(network.children())).eval()  # frozen by its user
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluate_network(network, Loader(split, PREPROCESS, batch_size=8), PREPROCESS, progress=True)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(UsageError):
        evaluate_network(network, Loader(split, PREPROCESS, batch_size=8), Preprocess(mean=(0.5,), std=(1.0,)))
    assert [module.training for module in network.modules()] == modes


def test_refuses_a_loader_that_leaves_samples_out(network: Network, split: Split) -> None:
    with pytest.raises(RuntimeError, match="left out 1 of 25"):
        evaluate_network(network, Loader(split, PREPROCESS, batch_size=8, shuffle=True), PREPROCESS)


def test_whoever_watches_can_stop_it(network: Network, split: Split) -> None:
    seen = []

    def stop() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_network(network, Loader(split, PREPROCESS, batch_size=5), PREPROCESS, after_batch=stop)
    assert len(seen) == 2
