"""Everything that decides a training run apart from the network and the data.

Lengths of time are in epochs unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .pictures import Augment, Preprocess


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum.

    `form` says where the learning rate stands: outside the velocity (torch), or inside it as most papers print it. The
    two differ for some steps after each change of the rate. Without `decay_norm_and_bias` only weights of convolutions
    and fully connected layers decay. `bias_rate` and `head_rate` multiply the rate of biases and of the classifier.
    `layer_decay`: each row with weights learns at this times the rate of the row behind it.
    """

    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    form: Literal["torch", "paper"] = "torch"
    weight_decay: float = 1e-4
    decay_norm_and_bias: bool = True
    bias_rate: float = 1.0
    head_rate: float = 1.0
    layer_decay: float = 1.0
    kind: Literal["sgd"] = "sgd"


@dataclass(frozen=True)
class RMSProp:
    """RMSProp as TensorFlow has it: epsilon inside the root, mean squares from one, the rate inside the momentum."""

    lr: float = 0.045
    decay: float = 0.9
    momentum: float = 0.9
    epsilon: float = 1.0
    weight_decay: float = 4e-5
    decay_norm_and_bias: bool = False
    bias_rate: float = 1.0
    head_rate: float = 1.0
    layer_decay: float = 1.0
    kind: Literal["rmsprop"] = "rmsprop"


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.05
    decay_norm_and_bias: bool = False
    bias_rate: float = 1.0
    head_rate: float = 1.0
    layer_decay: float = 1.0
    kind: Literal["adamw"] = "adamw"


Optimizer = SGD | RMSProp | AdamW


@dataclass(frozen=True)
class Warmup:
    """A lower rate at the beginning: from `start` times the rate, `linear` up to it or `constant`, for `epochs`.

    With `until_error` it is over as soon as the training error in percent, averaged over about fifty steps, is below
    that; `epochs` is then the longest it may take.
    """

    epochs: float = 0.0
    start: float = 0.01
    shape: Literal["linear", "constant"] = "linear"
    until_error: float | None = None


@dataclass(frozen=True)
class Constant:
    """The learning rate never changes."""

    kind: Literal["constant"] = "constant"


@dataclass(frozen=True)
class Step:
    """The learning rate is multiplied by `factor` at each milestone."""

    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    kind: Literal["step"] = "step"


@dataclass(frozen=True)
class Plateau:
    """The learning rate is multiplied by `factor` when the validation error has not improved for `patience` epochs.

    It drops `drops` times at the most.
    """

    factor: float = 0.1
    patience: int = 5
    drops: int = 3
    kind: Literal["plateau"] = "plateau"


@dataclass(frozen=True)
class Exponential:
    """The learning rate is multiplied by `factor` every `every` epochs, at once or bit by bit (`smooth`)."""

    factor: float = 0.94
    every: float = 2.0
    smooth: bool = False
    kind: Literal["exponential"] = "exponential"


@dataclass(frozen=True)
class Polynomial:
    """(1 - t)^power of the full rate, t the share of the run after the warm-up."""

    power: float = 0.5
    kind: Literal["polynomial"] = "polynomial"


@dataclass(frozen=True)
class Linear:
    """A straight line from the full rate down to `final` times it, after the warm-up."""

    final: float = 0.0
    kind: Literal["linear"] = "linear"


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the full rate down to `final` times it, after the warm-up."""

    final: float = 0.0
    kind: Literal["cosine"] = "cosine"


@dataclass(frozen=True)
class OneCycle:
    """Linear from `start` times the full rate up to it at `peak` of the run, then linear down to `final` times it."""

    peak: float = 0.3
    start: float = 0.04
    final: float = 0.0
    kind: Literal["one_cycle"] = "one_cycle"


Schedule = Constant | Step | Plateau | Exponential | Polynomial | Linear | Cosine | OneCycle


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run apart from the network and the data.

    `model` sets axes of the network. `auxiliary` is the weight of each auxiliary classifier's loss (0: there are none).
    `clip`: longest gradient, as one vector over all parameters (0: any). `filter_rms`: a convolution's filter whose
    root mean square exceeds it is scaled back to it after each step (0: not). `ema`: decay of an average of the
    weights, validated beside the raw ones. `bn_average`: training pictures over which the statistics of batch
    normalisation are averaged at the end of the run (0: they stay moving averages). `freeze_bn`: epochs at the end
    through which batch normalisation does not change. `freeze`: rows that do not learn, `backbone` for all before the
    head or `until:ROW` for all up to that one. `unfreeze`: only the head learns at first, and after each so many epochs
    one more row with weights, from the last to the first (0: all from the start). `patience`: the run ends when
    validation has not improved for so many epochs (0: it does not). `select`: the weights of which epoch are the run's,
    that of the lowest validation error or the last. `sampling` "balanced" shuffles labels: each epoch shows every class
    as often as the most frequent one; "fixed" has the same batches in each. `epoch_size`: an epoch is so many of its
    pictures, others each time (0: all).

    `val_fraction` of the training pictures is set aside for validation where the data has no pictures for that, and
    `test_fraction` for the test. `val_is_test`: the data's own validation pictures are the test, where it has no other.
    `protocols` are the tests that the paper made. `channels_last`: the order of pictures and weights in memory; "auto"
    is what a measurement finds faster, and what it chose is kept in the run.
    """

    name: str = "quick"
    source: str = "ours"
    epochs: int = 10
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=SGD)
    schedule: Schedule = field(default_factory=Constant)
    warmup: Warmup = field(default_factory=Warmup)
    preprocess: Preprocess = field(default_factory=Preprocess)
    augment: Augment = field(default_factory=Augment)
    model: dict[str, Any] = field(default_factory=dict)
    label_smoothing: float = 0.0
    auxiliary: float = 0.0
    clip: float = 0.0
    filter_rms: float = 0.0
    ema: float = 0.0
    bn_average: int = 0
    freeze_bn: float = 0.0
    freeze: str = "none"
    unfreeze: float = 0.0
    patience: int = 0
    select: Literal["best", "last"] = "best"
    sampling: Literal["shuffled", "balanced", "fixed"] = "shuffled"
    epoch_size: int = 0
    accumulate: int = 1
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    channels_last: Literal["auto", True, False] = "auto"
    val_fraction: float = 0.1
    test_fraction: float = 0.0
    val_is_test: bool = False
    seed: int = 0
    protocols: tuple[str, ...] = ("1crop",)

    def is_over(self, epoch: int, best: int) -> bool:
        """Whether a run ends after `epoch` epochs, the best of which was number `best`."""
        return epoch >= self.epochs or (0 < self.patience <= epoch - best)


DIVISION = ("val_fraction", "test_fraction", "val_is_test", "seed")


def division(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored recipe says of how the data was divided into pictures to train on, validate on and test on."""
    return {key: recipe[key] for key in DIVISION if key in recipe}
