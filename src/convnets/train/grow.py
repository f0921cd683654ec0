"""Starting one network from another that was trained before: from some of its rows, or from all but its head."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .. import models, runs
from ..errors import UsageError
from ..network import Network


def grow(network: Network, path: str) -> list[str]:
    """Copy rows of the trained network at `path` (a run or checkpoint) into `network`; the names of those copied.

    Of the same network all rows are taken, of another one of the paper those that the paper names (see
    `models.grown_rows`), else those of the same name; each of them only where all of its tensors have the same shape.
    Raises UsageError where none has.
    """
    donor = runs.load(path).network
    wanted = None if donor.name == network.name else models.grown_rows(network.name)
    taken = [
        name
        for name, row in network.named_children()
        if name in dict(donor.named_children())
        and (wanted is None or name in wanted)
        and _copied(row, donor.get_submodule(name))
    ]
    if not taken:
        raise UsageError(f"--grow-from {path}: no row of {donor.name} fits {network.name}; start without it")
    return taken


def transfer(network: Network, donor: runs.Loaded, classes: Sequence[str]) -> None:
    """Give `network` all weights of `donor`, the same network, but its classifier unless that is for these classes.

    Raises CheckpointError naming the first that differ.
    """
    kept = dict(donor.network.state_dict())
    if not keeps_head(donor, classes):
        head = next(name for name, module in network.named_modules() if module is network.get_classifier())
        fresh = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(f"{head}.")}
        kept = {name: fresh.get(name, tensor) for name, tensor in kept.items()}
    runs.load_weights(network, kept, donor.path)


def keeps_head(donor: runs.Loaded, classes: Sequence[str]) -> bool:
    """Whether the donor's classifier is for these classes, in this order."""
    return donor.named and donor.classes == tuple(classes)


def describe(network: Network, taken: list[str], path: str) -> str:
    """One line: which rows with weights start from the trained network, and which afresh."""
    weighted = [name for name, row in network.named_children() if next(row.parameters(), None) is not None]
    fresh = ", ".join(name for name in weighted if name not in taken) or "none"
    return f"grown from {path}: rows {', '.join(taken)}; afresh: {fresh}"


def _copied(row: torch.nn.Module, donor: torch.nn.Module) -> bool:
    """Whether the row has weights and takes all of the donor's."""
    own, theirs = row.state_dict(), donor.state_dict()
    if not own or {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in theirs.items()}:
        return False
    row.load_state_dict(theirs)
    return True
