"""Other libraries' weights in our networks, by the names and shapes in their files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from convnets import create_model, runs
from convnets.errors import CheckpointError, UsageError
from convnets.weights import carried
from convnets.weights.match import layers
from convnets.weights.order import in_order
from tests.parity.peers import build, logits
from tests.parity.test_parity import PEERS, TOLERANCE, Peer, distance
from tests.parity.transfer import match, of_torch, randomise

TORCH = [peer for peer in PEERS if peer.source != "keras"]


@pytest.mark.parametrize("arrange", [list, sorted], ids=["as made", "by name"])
@pytest.mark.parametrize("peer", TORCH, ids=lambda peer: f"{peer.source}-{peer.name}")
def test_a_file_finds_the_layers_that_are_found_by_running_both(
    peer: Peer, arrange: Callable[[dict[str, Any]], list[str]]
) -> None:
    """For every network of the parity list, its tensors in the order of its making, and sorted as in a safetensors
    file."""
    with torch.device("meta"):
        theirs, ours = build(peer.source, peer.name, peer.size).to("meta"), create_model(peer.ours).eval()
        pictures = torch.empty(1, 3, *peer.size)
        pairs = {mine.name: other.name for other, mine in match(of_torch(theirs, pictures), of_torch(ours, pictures))}
    state = theirs.state_dict()
    names = arrange(state) if arrange is list else in_order(arrange(state))
    marked = {name: torch.empty_like(state[name]) for name in names}
    found = carried(marked, ours, "file")
    origins = {id(tensor._base if tensor._base is not None else tensor): name for name, tensor in marked.items()}
    for layer in layers(found):
        for word, tensor in layer.tensors.items():
            origin = origins[id(tensor._base if tensor._base is not None else tensor)]
            assert origin == f"{pairs[layer.name]}.{word}"


SAVED: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "x.safetensors": safetensors.torch.save_file,
    "x.pth": torch.save,
    "old.th": lambda state, path: torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("file", SAVED)
@pytest.mark.parametrize("name", ["alexnet", "resnet50", "densenet121", "googlenet", "legacy_xception", "seresnet50"])
def test_a_file_gives_the_peers_logits(name: str, file: str, tmp_path: Path) -> None:
    peer = next(peer for peer in TORCH if peer.name == name)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, *peer.size, generator=generator)
    theirs = build(peer.source, peer.name, peer.size)
    randomise(of_torch(theirs, pictures[:1]), generator)
    state = dict(theirs.state_dict())
    if name == "googlenet":  # whose published file has its auxiliary classifiers, too
        state |= {"aux1.conv.conv.weight": torch.ones(128, 512, 1, 1), "aux2.fc2.weight": torch.ones(1000, 1024)}
    SAVED[file](state, tmp_path / file)
    loaded = runs.load(tmp_path / file, model=peer.ours)
    with torch.no_grad():
        given = loaded.network(pictures)
    assert distance(given, logits(peer.source, theirs, pictures)) < TOLERANCE


def test_what_does_not_fit_names_the_first_layers(tmp_path: Path) -> None:
    state = {f"x.{index}.weight": torch.zeros(4, 3, 3, 3) for index in range(3)}
    with pytest.raises(CheckpointError, match=r"file: does not fit resnet20: conv1.conv \(16x3x3x3\) finds no count"):
        carried(state, create_model("resnet20"), "file")
    names = {f"net.{name}": tensor for name, tensor in create_model("resnet20").state_dict().items()}
    with pytest.raises(CheckpointError, match=r"left over are net.extra \(7\)"):
        carried(names | {"net.extra.weight": torch.zeros(7)}, create_model("resnet20"), "file")
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UsageError, match="add --model NAME"):
        runs.load(tmp_path / "x.pth")
    torch.save({"conv1.conv.weight": torch.zeros(3), "fc.weight": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"no weights called conv1\.conv\.weight"):
        runs.load(tmp_path / "x.pth", model="resnet20")
    torch.save({"weight": torch.zeros(3), "x.y": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="finds no counterpart in"):
        runs.load(tmp_path / "x.pth", model="resnet20")
