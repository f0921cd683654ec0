"""Starting one network from another's trained rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from convnets import spec
from convnets.errors import UsageError
from convnets.models import create_model, grown_rows
from convnets.network import Network
from convnets.runs import checkpoint
from convnets.spec import Preprocess
from convnets.train.grow import describe, grow

SMALL: dict[str, Any] = {"num_classes": 5, "input_size": 32}


def saved(folder: Path, name: str, **axes: Any) -> tuple[str, Network]:
    """A trained network's checkpoint, its weights all their own."""
    torch.manual_seed(7)
    network = create_model(name, **axes)
    state = {
        "network": {"name": name, "overrides": network.overrides},
        "classes": list("abcde"),
        "preprocess": spec.to_dict(Preprocess(size=32)),
    }
    path = folder / "best.safetensors"
    checkpoint.save(path, {f"model.{key}": value for key, value in network.state_dict().items()}, state)
    return str(path), network


def test_vggs_deeper_columns_take_the_rows_that_the_paper_names(tmp_path: Path) -> None:
    """Sec. 3.1: the first four convolutions of A, by stage, and its three fully connected layers; the rest is drawn."""
    path, donor = saved(tmp_path, "vgg11", **SMALL)
    torch.manual_seed(0)
    network = create_model("vgg16", **SMALL)
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    taken = grow(network, path)
    assert taken == ["conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8"] == list(grown_rows("vgg16") or ())
    for name, value in network.state_dict().items():
        source = donor.state_dict() if name.split(".")[0] in taken else fresh
        assert torch.equal(value, source[name]), name
    assert "afresh: conv1_2, conv2_2, conv3_3, conv4_1" in describe(network, taken, path)


def test_the_same_network_goes_on_whole(tmp_path: Path) -> None:
    """VGG trained at S = 384 starts from S = 256."""
    path, donor = saved(tmp_path, "vgg11", **SMALL)
    network = create_model("vgg11", **SMALL)
    assert len(grow(network, path)) == 11
    assert all(torch.equal(value, donor.state_dict()[name]) for name, value in network.state_dict().items())


def test_rows_of_another_shape_are_drawn_afresh(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "resnet20", num_classes=5)
    other = create_model("resnet20", num_classes=3)
    taken = grow(other, path)
    assert "fc" not in taken and "conv1" in taken
    assert "afresh: fc" in describe(other, taken, path)


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "resnet20", num_classes=5)
    with pytest.raises(UsageError, match=r"no row of resnet20 fits nin_mnist"):
        grow(create_model("nin_mnist"), path)
