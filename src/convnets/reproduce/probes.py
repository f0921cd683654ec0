"""What an experiment looks at while a network trains: small procedures with names."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from ..data import Split, normalise
from ..evaluate import evaluating
from ..train.state import Training

if TYPE_CHECKING:
    from .pictures import Pictures

Values = dict[str, Any]


class Probe(Protocol):
    """Called at the moments of a run; what `end` gives becomes part of the result."""

    def begin(self, training: Training, data: Pictures) -> None: ...
    def after_step(self, training: Training) -> None: ...
    def after_epoch(self, training: Training) -> None: ...
    def is_satisfied(self) -> bool: ...
    def end(self, training: Training, data: Pictures) -> Values: ...
    def tensors(self) -> dict[str, Tensor]: ...
    def state(self) -> Values: ...
    def restore(self, tensors: dict[str, Tensor], state: Values) -> None: ...


class Quiet:
    """A probe that does nothing, and keeps its plain values where a run is interrupted."""

    def begin(self, training: Training, data: Pictures) -> None:
        pass

    def after_step(self, training: Training) -> None:
        pass

    def after_epoch(self, training: Training) -> None:
        pass

    def is_satisfied(self) -> bool:
        return False

    def end(self, training: Training, data: Pictures) -> Values:
        return {}

    def tensors(self) -> dict[str, Tensor]:
        return {}

    def state(self) -> Values:
        return {key: value for key, value in vars(self).items() if isinstance(value, int | float | list)}

    def restore(self, tensors: dict[str, Tensor], state: Values) -> None:
        vars(self).update(state)


class EpochsTo(Quiet):
    """Epochs until the training error is `error` percent, between two epochs in proportion; the run ends there."""

    def __init__(self, error: float) -> None:
        self.error, self.before, self.found = error, 100.0, 0.0
        self.epochs = 0

    def begin(self, training: Training, data: Pictures) -> None:
        self.before = 100 * (1 - 1 / data.classes)  # chance

    def after_epoch(self, training: Training) -> None:
        error = training.log[-1]["train_error"]
        self.epochs += 1
        if not self.found and error <= self.error:
            share = (self.before - self.error) / max(1e-9, self.before - error)
            self.found = self.epochs - 1 + min(1.0, share)
        self.before = error

    def is_satisfied(self) -> bool:
        return bool(self.found)

    def end(self, training: Training, data: Pictures) -> Values:
        """Where it was never reached, one epoch more than there were: too short is what is wrong then, not too long."""
        return {"epochs_to": round(self.found or training.recipe.epochs + 1.0, 3), "reached": bool(self.found)}


class Gradients(Quiet):
    """The norm of the gradient of each layer's weights, averaged over the first `steps`, the first layer first."""

    def __init__(self, steps: int = 30) -> None:
        self.steps, self.sums, self.counted = steps, list[float](), 0

    def begin(self, training: Training, data: Pictures) -> None:
        weights = [part.weight for part in training.network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
        self.sums = [0.0] * len(weights)
        for index, weight in enumerate(weights):
            weight.register_post_accumulate_grad_hook(lambda tensor, index=index: self._see(index, tensor))

    def _see(self, index: int, tensor: torch.Tensor) -> None:
        if self.counted < self.steps and tensor.grad is not None:
            self.sums[index] += float(tensor.grad.norm())

    def after_step(self, training: Training) -> None:
        self.counted += 1

    def end(self, training: Training, data: Pictures) -> Values:
        norms = [total / max(1, min(self.counted, self.steps)) for total in self.sums]
        ratio = norms[0] / max(norms[-1], 1e-30)
        return {"gradients": [float(f"{norm:.3e}") for norm in norms], "first_to_last": float(f"{ratio:.3e}")}


class LastGradient(Quiet):
    """The mean |gradient| of the weights of the first residual block's first convolution, over the last epoch, 1e-5."""

    def __init__(self) -> None:
        self.total, self.counted, self.now = 0.0, 0, 0.0

    def begin(self, training: Training, data: Pictures) -> None:
        convs = [part for part in training.network.modules() if isinstance(part, nn.Conv2d)]
        convs[1].weight.register_post_accumulate_grad_hook(self._see)

    def _see(self, tensor: Tensor) -> None:
        if tensor.grad is not None:
            self.now += 1e5 * float(tensor.grad.abs().mean())
            self.counted += 1

    def after_epoch(self, training: Training) -> None:
        self.total, self.now = self.now / max(1, self.counted), 0.0
        self.counted = 0

    def end(self, training: Training, data: Pictures) -> Values:
        return {"last_gradient": round(self.total, 4)}


class Percentiles(Quiet):
    """Fig. 1 (b), (c) of batch normalisation: the 15th, 50th and 85th percentile of what one unit of the last hidden
    layer is given before its sigmoid, over test pictures, several times an epoch; and how far they wander."""

    def __init__(self, every: int = 60) -> None:
        self.every, self.rows = every, list[list[float]]()
        self.images = torch.zeros(0)
        self.step = 0

    def begin(self, training: Training, data: Pictures) -> None:
        self.images, _ = test_images(training, data, 1000)

    def after_step(self, training: Training) -> None:
        self.step += 1
        if self.step % self.every:
            return
        seen: list[Tensor] = []
        sigmoid = [part for part in training.network.modules() if isinstance(part, nn.Sigmoid)][-1]
        hook = sigmoid.register_forward_hook(lambda module, given, output: seen.append(given[0][:, 0]))
        with evaluating(training.network):
            training.network(self.images)
        hook.remove()
        shares = torch.tensor([0.15, 0.5, 0.85], device=seen[0].device)
        self.rows.append([round(value, 3) for value in seen[0].float().quantile(shares).tolist()])

    def end(self, training: Training, data: Pictures) -> Values:
        first, last = (self.rows or [[0.0] * 3])[0], (self.rows or [[0.0] * 3])[-1]
        wander = sum(abs(now - then) for then, now in zip(first, last, strict=True)) / 3
        return {"percentiles": self.rows, "percentiles_every": self.every, "wander": round(wander, 4)}


class Evolution(Quiet):
    """Epochs until half of the way from the initial to the final weights, of the first and the last convolution."""

    def __init__(self) -> None:
        self.kept: list[list[Tensor]] = []

    def begin(self, training: Training, data: Pictures) -> None:
        self.after_epoch(training)

    def after_epoch(self, training: Training) -> None:
        convs = [part for part in training.network.modules() if isinstance(part, nn.Conv2d | nn.Linear)][:-1]
        self.kept.append([conv.weight.detach().clone() for conv in convs])

    def end(self, training: Training, data: Pictures) -> Values:
        layers = [[float((then[n] - self.kept[-1][n]).norm()) for then in self.kept] for n in range(len(self.kept[0]))]
        ways = [[round(value / max(line[0], 1e-12), 4) for value in line] for line in layers]
        halves = [_crossing(line, 0.5) for line in ways]
        return {"evolution": ways, "first_layer": halves[0], "last_layer": halves[-1]}

    def tensors(self) -> dict[str, Tensor]:
        return {f"{epoch}.{layer}": weight for epoch, then in enumerate(self.kept) for layer, weight in enumerate(then)}

    def state(self) -> Values:
        return {}

    def restore(self, tensors: dict[str, Tensor], state: Values) -> None:
        layers = range(len(self.kept[0]))
        epochs = range(len(tensors) // len(layers))
        self.kept = [[tensors[f"{epoch}.{layer}"] for layer in layers] for epoch in epochs]


def _crossing(line: list[float], level: float) -> float:
    """Where a falling line first is at the level, between its points in proportion."""
    for index, (before, now) in enumerate(pairwise(line)):
        if now <= level:
            return round(index + (before - level) / max(before - now, 1e-12), 3)
    return float(len(line))


def test_images(training: Training, data: Pictures, most: int | None = None) -> tuple[Tensor, Tensor]:
    """Normalised test pictures, whole, and their labels, on the device of the training."""
    return images_of(training, data.test, most)


def images_of(training: Training, split: Split, most: int | None = None) -> tuple[Tensor, Tensor]:
    """The same of any split."""
    pictures: Any = split.pictures
    images = torch.from_numpy(pictures.pictures[:most]).permute(0, 3, 1, 2).to(training.device)
    labels = torch.from_numpy(split.labels[:most]).to(training.device)
    return normalise(images, training.recipe.preprocess, training.statistics), labels


WHILE: dict[str, Any] = {
    "epochs_to": EpochsTo, "gradients": Gradients, "last_gradient": LastGradient, "percentiles": Percentiles,
    "evolution": Evolution,
}  # fmt: skip
