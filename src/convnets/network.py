"""A network as a table of named rows, and what that gives every network at once: taps, a new head, checks of the input.

Auxiliary classifiers are a wrapper around it, so that a network returns the same kind of thing in every mode.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .errors import UsageError
from .layers import FullyConnected, InitRule

M = TypeVar("M", bound=nn.Module)
KEEPING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Dropout)  # the shape


class Network(nn.Sequential):
    """A network as a table: named rows in the order of the paper.

    Takes (N, in_channels, H, W) and returns logits (N, num_classes): soft-max belongs to the loss and the predictor, so
    no network has a row for it. `head` names the first row that is no feature extractor any more. `initialise` is the
    paper's rule for fresh weights. `input_size` is the side of the picture that fully or locally connected weights were
    sized for; None where any size will do.

    Raises UsageError when a picture does not fit, before any row has run.
    """

    def __init__(
        self, rows: Mapping[str, nn.Module], *, head: str, initialise: InitRule, input_size: int | None = None
    ) -> None:
        super().__init__(OrderedDict(rows))
        self.name = ""
        self.overrides: dict[str, Any] = {}
        self.trained: Any = None  # what its weights mean (runs.create.Trained), where it was created with trained ones
        self.input_size = input_size
        self.head = head
        self.initialise = initialise
        self._accepted: set[tuple[int, int]] = set()
        if not any(parameter.is_meta for parameter in self.parameters()):  # drawing nothing would cost a second, once
            for name, module in self.named_modules():
                initialise(name, module)

    def __getitem__(self, index: Any) -> Any:
        """A row by number, or a slice of rows as a plain nn.Sequential that keeps their names."""
        rows = list(self.named_children())
        return nn.Sequential(OrderedDict(rows[index])) if isinstance(index, slice) else rows[index][1]

    @property
    def num_classes(self) -> int:
        classifier = self.get_classifier()
        return classifier.out_features if isinstance(classifier, nn.Linear) else classifier.out_channels

    @property
    def num_features(self) -> int:
        """Length of the vector that the classifier sees."""
        classifier = self.get_classifier()
        return classifier.in_features if isinstance(classifier, nn.Linear) else classifier.in_channels

    @property
    def in_channels(self) -> int:
        first = next(module for module in self.modules() if isinstance(module, nn.Conv2d | nn.Linear))
        return first.in_channels if isinstance(first, nn.Conv2d) else first.in_features // (self.input_size or 1) ** 2

    def forward(self, x: Tensor) -> Tensor:
        self.accept(x)
        logits: Tensor = super().forward(x)
        return logits.flatten(1)

    def forward_features(self, x: Tensor) -> Tensor:
        """The map (N, C, h, w) that the head receives."""
        self.accept(x)
        for row in self[: self._head_index()]:
            x = row(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits of the map that `forward_features` gives, or with `pre_logits` the vector (N, num_features).

        Where the classifier is a 1x1 convolution before a global pooling, that vector is the pooled map before it.
        """
        classifier = self._classifier_path().partition(".")[0]
        for name, row in self[self._head_index() :].named_children():
            if pre_logits and name == classifier:
                return x.flatten(1) if isinstance(self.get_classifier(), nn.Linear) else x.mean((2, 3))
            x = row(x)
        return x.flatten(1)

    def get_classifier(self) -> nn.Linear | nn.Conv2d:
        """The last layer with weights."""
        classifier: Any = self.get_submodule(self._classifier_path())
        return classifier  # type: ignore[no-any-return]

    def reset_classifier(self, num_classes: int) -> None:
        """Puts in a fresh classifier, initialised as the paper says. Raises UsageError below one class."""
        if num_classes < 1:
            raise UsageError(f"num_classes={num_classes}: must be at least 1")
        path, old = self._classifier_path(), self.get_classifier()
        options: dict[str, Any] = {"bias": old.bias is not None, "device": old.weight.device, "dtype": old.weight.dtype}
        fresh: nn.Module
        if isinstance(old, nn.Linear):
            fresh = FullyConnected(self.num_features, num_classes, **options)
        else:
            fresh = nn.Conv2d(self.num_features, num_classes, old.kernel_size, **options)  # type: ignore[arg-type]
        self.initialise(path, fresh)
        parent, _, name = path.rpartition(".")
        setattr(self.get_submodule(parent), name, fresh)
        self.overrides = {**self.overrides, "num_classes": num_classes}
        if self.trained is not None:  # a fresh classifier is nobody's
            self.trained = dataclasses.replace(self.trained, classes=())

    def taps(self, x: Tensor, rows: str | Iterable[str]) -> dict[str, Tensor]:
        """The outputs of the rows, or dotted submodules, of these names; nothing after the last of them is computed.

        Raises UsageError for an unknown name, listing the rows.
        """
        rows = [rows] if isinstance(rows, str) else rows
        wanted, table, modules = list(rows), [name for name, _ in self.named_children()], dict(self.named_modules())
        for name in wanted:
            if not name or name not in modules:
                raise UsageError(f"{self.name or 'the network'} has no row {name!r}; its rows are {', '.join(table)}")
        self.accept(x)
        found: dict[str, Tensor] = {}

        def keep(name: str, module: nn.Module, args: Any, output: Tensor) -> None:
            found[name] = output

        handles = [modules[name].register_forward_hook(partial(keep, name)) for name in wanted]
        try:
            for row in self[: max(table.index(name.partition(".")[0]) + 1 for name in wanted) if wanted else 0]:
                x = row(x)
        finally:
            for handle in handles:
                handle.remove()
        return {name: found[name] for name in wanted}

    def check_input(self, height: int, width: int) -> None:
        """Passes the shape of such a picture through the rows; no weight, statistic or random state is touched.

        Raises UsageError, naming the first row that fails and the smallest size, or the size its weights are made for.
        """
        rows = dict(hollow_copy(self).eval().named_children())
        _, failed = _pass(rows, self.in_channels, height, width)
        if failed is None:
            self._accepted.add((height, width))
            return
        what, smallest = f"{self.name or 'this network'}: a {height}x{width} picture", _minimum(rows, self.in_channels)
        if min(height, width) < smallest:
            fixed = f" (it is made for {self.input_size}x{self.input_size})" if self.input_size else ""
            raise UsageError(f"{what} is too small for row {failed}; the minimum is {smallest}x{smallest}{fixed}")
        if self.input_size is None:
            sides = (side for side in range(max(height, width) + 1, 2049))
            fits = next((side for side in sides if _pass(rows, self.in_channels, side, side)[1] is None), smallest)
            raise UsageError(f"{what} does not fit row {failed}, whose branches part there; try {fits}x{fits}")
        raise UsageError(
            f"{what} does not fit row {failed}, whose weights are made for {self.input_size}x{self.input_size}; resize"
            f" the picture, or create the network with input_size=SIDE (at least {smallest})"
        )

    def _classifier_path(self) -> str:
        names: list[str] = [name for name, part in self.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
        return names[-1]

    def _head_index(self) -> int:
        return [name for name, _ in self.named_children()].index(self.head)

    def accept(self, x: Tensor) -> None:
        """Checks each new picture size once; inside a compiler the check is left out, since it would be traced."""
        if not torch.compiler.is_compiling():
            height, width = x.shape[-2:]
            if (height, width) not in self._accepted:
                self.check_input(height, width)


class WithAuxiliary(nn.Module):
    """A network with auxiliary classifiers on some of its rows: (N, C, H, W) to (logits, (auxiliary logits, ...)).

    The auxiliary logits come in the order of the rows, in training and in evaluation alike. `network` by itself is the
    inference network, which the auxiliary classifiers only helped to train.
    """

    def __init__(self, network: Network, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.network, self.heads = network, nn.ModuleDict(heads)
        for row, head in heads.items():
            for name, module in head.named_modules(prefix=f"auxiliary_{row}"):
                network.initialise(name, module)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.network.accept(x)
        auxiliary = []
        for name, row in self.network.named_children():
            x = row(x)
            if name in self.heads:
                auxiliary.append(self.heads[name](x))
        return x.flatten(1), tuple(auxiliary)


def map_shape(rows: Mapping[str, nn.Module], in_channels: int, side: int) -> tuple[int, int, int]:
    """(C, h, w) after these rows for a square picture, worked out without data.

    Raises UsageError naming the row for which `side` is too small, and the minimum.
    """
    copies = {name: hollow_copy(row).eval() for name, row in rows.items()}
    shape, failed = _pass(copies, in_channels, side, side)
    if failed is not None:
        smallest = _minimum(copies, in_channels)
        raise UsageError(f"input_size={side} is too small for row {failed}; the minimum is {smallest}")
    _, channels, height, width = shape
    return channels, height, width


def hollow_copy(module: M) -> M:
    """The module without its numbers: a copy whose tensors share memory that nobody writes to, without hooks.

    A batch of no pictures goes through it at once. On the meta device that would do the same, but PyTorch loads much to
    work out shapes there. Layers that keep the shape only hand on what they get, which saves half of a pass.
    """
    tensors = [*module.parameters(), *module.buffers()]
    memory = torch.UntypedStorage(max((tensor.nbytes for tensor in tensors), default=0))  # which stays unused
    twins: dict[int, Any] = {id(None): None, **{id(tensor): _hollow(tensor, memory) for tensor in tensors}}
    twin: M = _twin(module, twins)
    return twin


def _twin(module: nn.Module, twins: dict[int, Any]) -> Any:
    """A copy of the module made of the twins of its parts, which are kept, since a part may stand in several places."""
    if id(module) not in twins:
        twin = twins[id(module)] = type(module).__new__(type(module))
        vars(twin).update(vars(module))
        vars(twin).update(
            _parameters={name: twins[id(tensor)] for name, tensor in module._parameters.items()},
            _buffers={name: twins[id(tensor)] for name, tensor in module._buffers.items()},
            _modules={name: _twin(part, twins) for name, part in module._modules.items()},  # type: ignore[arg-type]
            _forward_hooks=OrderedDict(), _forward_pre_hooks=OrderedDict(),  # a user's must not see what is tried out
        )  # fmt: skip
        if isinstance(module, KEEPING):
            twin.forward = nn.Identity().forward
    return twins[id(module)]


def _hollow(tensor: Tensor, memory: torch.UntypedStorage) -> Tensor:
    """A tensor of this shape and type in that memory: contiguous, or convolutions would make it so first."""
    whole = torch.empty(0, dtype=tensor.dtype, device="cpu").set_(memory)
    return whole[: tensor.numel()].view(tensor.shape)


def _pass(rows: Mapping[str, nn.Module], channels: int, height: int, width: int) -> tuple[tuple[int, ...], str | None]:
    """The shape after the rows and None, or the shape before the first row that fails and its name."""
    tensors = chain.from_iterable(row.parameters() for row in rows.values())
    dtype = next((t.dtype for t in tensors), None)
    x = torch.empty(0, channels, height, width, device="cpu", dtype=dtype)
    with torch.no_grad(), torch.autocast("cpu", enabled=False):  # which would fill the hollow tensors
        for name, row in rows.items():
            try:
                x = row(x)
            except (RuntimeError, ValueError):
                return tuple(x.shape), name
    return tuple(x.shape), None


def _minimum(rows: Mapping[str, nn.Module], channels: int) -> int:
    """The smallest side of a square picture that reaches the first row whose weights fix the size of its map."""
    free: dict[str, nn.Module] = {}
    for name, row in rows.items():
        if any(isinstance(part, nn.Linear) or hasattr(part, "map_size") for part in row.modules()):
            break
        free[name] = row
    return 1 + bisect_left(range(1, 2049), True, key=lambda side: _pass(free, channels, side, side)[1] is None)
