"""Other forms of calling a model: each gives the losses, weights and statistics of the plain one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from convnets.errors import UsageError
from convnets.models import create_model, with_auxiliary
from convnets.network import Network
from convnets.train.forward import Forward, make_forward, recomputing
from convnets.train.machine import EXCLUSIVE, Machine

# with statistics, dropout, random depth, auxiliary classifiers, branches, and rows that are no blocks
NETWORKS: dict[str, tuple[int, dict[str, Any]]] = {
    "densenet_40_12": (16, {"dropout": 0.2}),
    "densenet_bc_100_12": (8, {}),
    "resnet20": (8, {}),
    "sd_resnet110": (8, {}),
    "wrn_16_4": (8, {"dropout": 0.3}),
    "googlenet": (64, {"num_classes": 10}),
    "alexnet_half": (67, {"num_classes": 10, "input_size": 67}),
    "inception_v3": (75, {"num_classes": 10}),
}


def course(name: str, layout: torch.memory_format, recompute: bool) -> tuple[list[float], dict[str, Tensor], Tensor]:
    """The losses of three steps, all weights and statistics after them, and the random state."""
    size, options = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = create_model(name, **options)
        model = (with_auxiliary(network, size=size) if name == "googlenet" else network).train()
        model.to(memory_format=layout)  # type: ignore[call-overload]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        forward, losses = make_forward(model, False, recompute), []
        noise = torch.Generator().manual_seed(0)
        for _ in range(3):
            images = torch.randn(4, 3, size, size, generator=noise).contiguous(memory_format=layout)
            labels = torch.randint(10, (4,), generator=noise)
            answer = forward(images)
            logits, auxiliary = answer if isinstance(answer, tuple) else (answer, ())
            loss = cross_entropy(logits, labels) + 0.3 * sum(cross_entropy(each, labels) for each in auxiliary)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses, model.state_dict(), torch.get_rng_state()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("name", NETWORKS)
def test_recomputing_changes_no_bit(name: str, layout: torch.memory_format) -> None:
    losses, state, random = course(name, layout, recompute=False)
    again_losses, again_state, again_random = course(name, layout, recompute=True)
    assert losses == again_losses and torch.equal(random, again_random)
    assert state.keys() == again_state.keys()
    assert all(torch.equal(state[key], again_state[key]) for key in state)


def kept_bytes(network: Network, forward: Forward, images: Tensor) -> int:
    """Bytes that the gradient of one call keeps besides the weights, each storage counted once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = forward(images)
    assert answer.requires_grad  # and with it all that is kept was alive until here
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    return sum(size for place, size in kept.items() if place not in weights)


def test_memory_of_a_dense_network_grows_with_its_depth() -> None:
    """Of 6, 12 and 24 layers in a block, kept plainly, most grows with the square."""
    torch.manual_seed(0)
    images = torch.randn(2, 3, 32, 32)
    plain, again = [], []
    for depth in (40, 76, 148):  # 6, 12 and 24 bottleneck layers in each block
        network = create_model("densenet_bc_100_12", depth=depth).train()
        plain.append(kept_bytes(network, network, images))
        again.append(kept_bytes(network, recomputing(network), images))
    assert plain[2] - plain[1] > 3 * (plain[1] - plain[0])
    assert again[2] - again[1] == pytest.approx(2 * (again[1] - again[0]), rel=0.15)
    assert again[1] < 0.4 * plain[1]


def test_without_gradients_nothing_is_kept_and_the_answer_is_the_same() -> None:
    torch.manual_seed(0)
    network, images = create_model("densenet_40_12").eval(), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(recomputing(network)(images), network(images))


def test_compiled_and_recomputed_exclude_each_other() -> None:
    with pytest.raises(UsageError, match=EXCLUSIVE[:40]):
        Machine(torch.device("cpu"), compile=True, checkpoint_activations=True)
