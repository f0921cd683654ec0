"""What an experiment measures inside a network when it is trained: small procedures with names."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from ..evaluate import evaluating
from ..explain.activity import Gates
from ..explain.inside import reuse
from ..models.senet import SqueezeExcitation
from ..train.state import Training
from .probes import Quiet, Values, images_of, test_images

if TYPE_CHECKING:
    from .pictures import Pictures


class Responses(Quiet):
    """Fig. 7 of ResNet: the deviation of what each 3x3 layer gives, behind its normalisation, over test pictures."""

    def __init__(self, pictures: int = 500) -> None:
        self.pictures = pictures

    def end(self, training: Training, data: Pictures) -> Values:
        images, _ = test_images(training, data, self.pictures)
        found: list[float] = []
        hooks = [
            part.register_forward_hook(lambda module, given, output: found.append(float(output.std())))
            for part in training.network.modules()
            if isinstance(part, nn.BatchNorm2d)
        ]
        with evaluating(training.network):
            training.network(images)
        for hook in hooks:
            hook.remove()
        return {"responses": [round(value, 4) for value in found], "response": round(float(np.mean(found)), 4)}


class Reuse(Quiet):
    """Fig. 5 of DenseNet: in each block, how far on average training moved the weights of each layer on each earlier
    one's features."""

    def begin(self, training: Training, data: Pictures) -> None:
        self.before = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}

    def end(self, training: Training, data: Pictures) -> Values:
        moved = copy.deepcopy(training.network)
        moved.load_state_dict({name: tensor - self.before[name] for name, tensor in moved.state_dict().items()})
        maps: dict[str, list[list[float]]] = {}
        first, early, last = list[float](), list[float](), list[float]()
        for block in reuse(moved):
            layers = [line[~np.isnan(line)] for line in block.weights[: len(block.sources) - 1]]  # but what is behind
            shares = [[round(value / max(line.max(), 1e-9), 3) for value in line.tolist()] for line in layers]
            early += [value for line in shares[2:] for value in line[1:-1]]
            last += [line[-1] for line in shares[2:]]
            first += [line[0] for line in shares[2:]] if maps else []  # the first block's input is no transition's
            maps[block.block] = shares
        found = {"half_of_last": np.mean(last) / 2, "block_input": np.mean(first), "earlier_layers": np.mean(early)}
        return {"reuse": maps} | {name: round(float(value), 4) for name, value in found.items()}


class Filters(Quiet):
    """The largest root mean square of a first-layer filter over the median one."""

    def end(self, training: Training, data: Pictures) -> Values:
        conv = next(part for part in training.network.modules() if isinstance(part, nn.Conv2d))
        sizes = conv.weight.detach().square().mean((1, 2, 3)).sqrt()
        return {"filters": [round(value, 5) for value in sizes.sort(descending=True).values.tolist()],
                "dominance": round(float(sizes.max() / sizes.median().clamp(min=1e-12)), 4)}  # fmt: skip


class Occlusion(Quiet):
    """Probability of the true class with a grey square where most ink is, and where least is."""

    def __init__(self, side: int = 8, pictures: int = 1000) -> None:
        self.side, self.pictures = side, pictures

    def end(self, training: Training, data: Pictures) -> Values:
        images, labels = test_images(training, data, self.pictures)
        ink = nn.functional.avg_pool2d(images.mean(1, keepdim=True), self.side, 2).flatten(1)
        across = (images.shape[-1] - self.side) // 2 + 1
        found = {}
        for name, places in (("covered", ink.argmax(1)), ("beside", ink.argmin(1))):
            hidden = images.clone()
            for row, place in enumerate(places.tolist()):
                top, left = 2 * (place // across), 2 * (place % across)
                hidden[row, :, top : top + self.side, left : left + self.side] = images.mean()
            found[name] = _sure(training.network, hidden, labels)
        return found | {"uncovered": _sure(training.network, images, labels)}


def _sure(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    with evaluating(network):
        return round(float(network(images).softmax(1).gather(1, labels[:, None]).mean()), 4)


class Invariance(Quiet):
    """How far the features of a picture that is moved by two pixels are from its own, relative to their length."""

    def __init__(self, pixels: int = 2, pictures: int = 500) -> None:
        self.pixels, self.pictures = pixels, pictures

    def end(self, training: Training, data: Pictures) -> Values:
        images, _ = test_images(training, data, self.pictures)
        rows = [name for name, row in training.network.named_children() if name.startswith(("conv", "fc"))]
        with evaluating(training.network):
            own = training.network.taps(images, rows)
            moved = training.network.taps(images.roll(self.pixels, 3), rows)
        far = [_relative(own[name].flatten(1), moved[name].flatten(1)) for name in rows]
        return {"distances": [round(value, 4) for value in far], "first_layer": round(far[0], 4),
                "top_layer": round(far[-1], 4)}  # fmt: skip


def _relative(own: Tensor, other: Tensor) -> float:
    """The distance of rows, relative to their length, on average."""
    return float(((own - other).norm(dim=1) / own.norm(dim=1).clamp(min=1e-6)).mean())


class LayerFeatures(Quiet):
    """Test error of a logistic regression on what each convolution gives, pooled to 2x2."""

    def __init__(self, train: int = 3000, test: int = 2000) -> None:
        self.train, self.test = train, test

    def end(self, training: Training, data: Pictures) -> Values:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        rows = [name for name, row in training.network.named_children() if name.startswith("conv")]
        fitted, asked = (self._features(training, split, rows, most)
                         for split, most in ((data.train, self.train), (data.test, self.test)))  # fmt: skip
        found = {}
        for number, name in enumerate(rows, 1):
            scale = StandardScaler().fit(fitted[name])
            model = LogisticRegression(C=0.01, max_iter=200)
            model.fit(scale.transform(fitted[name]), data.train.labels[: self.train])
            right = model.score(scale.transform(asked[name]), data.test.labels[: self.test])
            found[f"layer_{number}"] = round(100 * (1 - float(right)), 3)
        return found

    def _features(self, training: Training, split: Any, rows: list[str], most: int) -> dict[str, np.ndarray]:
        images, _ = images_of(training, split, most)
        with evaluating(training.network):
            taps = [training.network.taps(part, rows) for part in images.split(500)]
        pooled = {name: [adaptive_avg_pool2d(tap[name], 2).flatten(1) for tap in taps] for name in rows}
        return {name: torch.cat(parts).cpu().numpy() for name, parts in pooled.items()}


class ClassMaps(Quiet):
    """Of the maps before the global average: in how many pictures the largest peak of all is in the true class's, and
    how often that map's peak, and a place of it drawn at random, has more ink than the mean place; all in percent."""

    def end(self, training: Training, data: Pictures) -> Values:
        images, labels = test_images(training, data, 1000)
        row = f"{list(training.network.named_children())[-1][0]}.conv"  # its maps are what is averaged
        with evaluating(training.network):
            maps = training.network.taps(images, [row])[row]
        own = maps[torch.arange(len(maps)), labels].flatten(1)
        ink = adaptive_avg_pool2d(images.mean(1, keepdim=True), maps.shape[-1]).flatten(1)
        inked = (ink > ink.mean(1, keepdim=True)).float()
        found = {"chance_share": torch.tensor(1 / maps.shape[1]),
                 "strongest": (maps.flatten(2).amax(2).argmax(1) == labels).float().mean(),
                 "ink": inked.mean(), "on_ink": inked.gather(1, own.argmax(1, keepdim=True)).mean()}  # fmt: skip
        return {name: round(100 * float(share), 3) for name, share in found.items()}


class Excitations(Quiet):
    """For each squeeze-and-excitation unit the deviation of its gates between classes, mean over channels."""

    def end(self, training: Training, data: Pictures) -> Values:
        images, labels = test_images(training, data, 2000)
        gates: list[Tensor] = []
        units = [part for part in training.network.modules() if isinstance(part, SqueezeExcitation)]
        hooks = [unit.gate.register_forward_hook(lambda module, given, output: gates.append(output.flatten(1)))
                 for unit in units]  # fmt: skip
        with evaluating(training.network):
            training.network(images)
        for hook in hooks:
            hook.remove()
        spreads = []
        for gate in gates:
            by_class = torch.stack([gate[labels == label].mean(0) for label in labels.unique()])
            spreads.append(round(Gates("", by_class.numpy(force=True)).spread, 5))
        third = max(1, len(spreads) // 3)
        return {"excitations": spreads, "first_stage": round(float(np.mean(spreads[:third])), 5),
                "last_stage": round(float(np.mean(spreads[-third:])), 5)}  # fmt: skip


class LogitGap(Quiet):
    """The gap between the largest logit and the mean of the others: its mean, its deviation between pictures, and how
    far the mean is from the gap that labels with this `smoothing` ask for."""

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def end(self, training: Training, data: Pictures) -> Values:
        images, _ = test_images(training, data)
        with evaluating(training.network):
            scores = torch.cat([training.network(part) for part in images.split(500)])
        top = scores.amax(1)
        gap = top - (scores.sum(1) - top) / (scores.shape[1] - 1)
        asked = math.log((scores.shape[1] - 1) * (1 - self.smoothing) / self.smoothing)
        return {"gap_mean": round(float(gap.mean()), 4), "gap_spread": round(float(gap.std()), 4),
                "gap_off": round(abs(float(gap.mean()) - asked), 4)}  # fmt: skip


INSIDES: dict[str, Any] = {
    "responses": Responses, "reuse": Reuse, "filters": Filters, "occlusion": Occlusion, "invariance": Invariance,
    "layer_features": LayerFeatures, "class_maps": ClassMaps, "excitations": Excitations, "logit_gap": LogitGap,
}  # fmt: skip
