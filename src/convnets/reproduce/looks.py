"""What an experiment tests of a network when it is trained: small procedures with names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..data import Loader
from ..evaluate import Member, evaluate_ensemble, evaluate_network, evaluate_protocols, evaluating
from ..network import Network
from ..train.state import Training
from .insides import INSIDES
from .lesions import Lesions
from .probes import Quiet, Values, test_images

if TYPE_CHECKING:
    from .pictures import Pictures


class Gap(Quiet):
    """Test error less training error, both without augmentation and dropout."""

    def end(self, training: Training, data: Pictures) -> Values:
        from .job import loader_of

        loader = loader_of(data.train, training.recipe, training.statistics, training.device, test=True)
        clean = tested(training, loader)
        last = error_now(training, data)
        return {"clean_train_error": round(clean, 3), "gap": round(last - clean, 3)}


class TenCrops(Quiet):
    """Test error of the middle crop, of the average over four and over ten crops of the network's size, and of their
    maximum."""

    def end(self, training: Training, data: Pictures) -> Values:
        size = training.recipe.preprocess.size
        images, labels = test_images(training, data)
        border = images.shape[-1] - size
        places = [(0, 0), (0, border), (border, 0), (border, border), (border // 2, border // 2)]
        with evaluating(training.network):
            views = [images[..., top : top + size, left : left + size] for top, left in places]
            logits = [_batched(training.network, view) for view in [*views, *(view.flip(3) for view in views)]]
        likely = torch.stack([one.softmax(1) for one in logits])
        scored = {"one_crop": likely[4], "four_crops": likely[[0, 3, 4, 9]].mean(0), "ten_crops": likely.mean(0),
                  "ten_crops_maximum": likely.amax(0)}  # fmt: skip
        errors = {name: 100 * float((scores.argmax(1) != labels).float().mean()) for name, scores in scored.items()}
        return {name: round(error, 3) for name, error in errors.items()}


class Protocols(Quiet):
    """Test error by each of some test protocols, as `evaluate --protocol` has them, under the names given to them."""

    def __init__(self, **protocols: str) -> None:
        self.protocols = protocols

    def end(self, training: Training, data: Pictures) -> Values:
        results = evaluate_protocols(training.network, data.test, list(self.protocols.values()),
                                     training.recipe.preprocess, training.statistics, training.device)  # fmt: skip
        pairs = zip(self.protocols, results, strict=True)
        return {name: round(result.evaluation.top1_error, 3) for name, result in pairs}


class Ensemble(Quiet):
    """Test error by the mean probabilities of `members` networks, trained alike from other seeds, and their own mean.

    `another` trains such a network; whoever makes the probe sets it.
    """

    def __init__(self, members: int = 5) -> None:
        self.members = members
        self.another: Callable[[int], Network]

    def end(self, training: Training, data: Pictures) -> Values:
        seeds = [training.recipe.seed + 1000 * number for number in range(1, self.members)]
        networks = [training.network, *map(self.another, seeds)]
        members = [Member(network, training.recipe.preprocess, training.statistics) for network in networks]
        *alone, together = (
            evaluate_ensemble(some, data.test, ["1crop"], training.device)[0].evaluation.top1_error
            for some in [*([one] for one in members), members]
        )
        return {"alone": round(float(np.mean(alone)), 3), "together": round(together, 3)}


def error_now(training: Training, data: Pictures) -> float:
    """Test error of the network as it is."""
    from .job import loader_of

    return tested(training, loader_of(data.test, training.recipe, training.statistics, training.device, test=True))


def tested(training: Training, loader: Loader) -> float:
    """The error on all pictures of a loader."""
    result = evaluate_network(training.network, loader, training.recipe.preprocess, training.device,
                              statistics=training.statistics)  # fmt: skip
    return result.top1_error


def _batched(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([network(part) for part in images.split(500)])


AFTER: dict[str, Any] = {
    "gap": Gap, "ten_crops": TenCrops, "protocols": Protocols, "ensemble": Ensemble, "lesions": Lesions,
} | INSIDES  # fmt: skip
