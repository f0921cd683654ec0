"""How a model is called in training: as it is, compiled, or with its activations computed again for the gradient."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..layers import Concat, Residual
from ..network import Network, WithAuxiliary

Forward = Callable[[Tensor], Any]  # logits, or with auxiliary classifiers (logits, (logits, ...))


def make_forward(model: Network | WithAuxiliary, compiled: bool, recompute: bool, accumulates: bool = False) -> Forward:
    """The model as it is called in training: not both compiled and recomputing."""
    if compiled:
        on_cuda = next(model.parameters()).is_cuda
        warnings.filterwarnings("ignore", "The CUDA Graph is empty")  # torch's first one is empty on purpose
        # dropout draws as it does uncompiled; on CUDA whole steps are recorded, where no tensor outlives its step
        options: dict[str, Any] = {"fallback_random": True, "triton.cudagraphs": on_cuda and not accumulates}
        compiled_model: Forward = torch.compile(model, options=options)
        return compiled_model
    without_copies(model)
    return recomputing(model) if recompute else model


def without_copies(model: nn.Module) -> None:
    """Let each ReLU write into its input where nothing else reads that: behind a layer, or the sum of a block."""
    layers = nn.modules.batchnorm._NormBase | nn.Conv2d | nn.Linear
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            for before, part in pairwise(module.children()):
                if isinstance(part, nn.ReLU) and isinstance(before, layers):
                    part.inplace = True
        if type(module) is Residual and isinstance(module.after, nn.ReLU):
            module.after.inplace = True


def recomputing(model: Network | WithAuxiliary) -> Forward:
    """The model's own function, of which only the inputs of its blocks are kept for the gradient.

    The rest is computed again when it is needed. Results, gradients and statistics are the same to the bit. A dense
    block keeps what its layers add, so that its memory grows with its depth and not with the square of it (Pleiss et
    al., arXiv:1707.06990).
    """
    network, heads = (model.network, model.heads) if isinstance(model, WithAuxiliary) else (model, nn.ModuleDict())

    def forward(x: Tensor) -> Any:
        network.accept(x)
        auxiliary = []
        for name, row in network.named_children():
            x = _through(row, x)
            if name in heads:
                auxiliary.append(again(heads[name], heads[name], x))
        return (x.flatten(1), tuple(auxiliary)) if isinstance(model, WithAuxiliary) else x.flatten(1)

    return forward


def again(module: nn.Module, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """`function` of the inputs, which calls `module`, and calls it again in the backward pass."""
    if not torch.is_grad_enabled():
        return function(*inputs)
    contexts = partial(_contexts, module)
    result: Tensor = checkpoint(function, *inputs, use_reentrant=False, context_fn=contexts)
    return result


def _through(row: nn.Module, x: Tensor) -> Tensor:
    """A row of blocks block by block, any other row as a whole."""
    if isinstance(row, nn.Sequential) and all(map(_is_dense, row)):
        return _dense_block(row, x)
    if isinstance(row, nn.Sequential) and any(isinstance(part, Concat) or hasattr(part, "body") for part in row):
        for part in row:
            x = again(part, part, x)
        return x
    return again(row, row, x)


def _is_dense(layer: nn.Module) -> bool:
    """Whether it hands on its input, followed by what one other branch makes of it."""
    branches = list(layer.children()) if isinstance(layer, Concat) else []
    return len(branches) == 2 and isinstance(branches[0], nn.Identity) and isinstance(branches[1], nn.Sequential)


def _dense_block(block: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Each layer sees all features so far; they are put side by side again for the gradient, and never kept so.

    The unit that is done again ends with its convolution, whose input is all that the gradient needs: so no convolution
    is computed twice.
    """
    features = [x]
    for layer in block:
        first, *others = list(layer.children())[1].children()
        y = again(first, partial(_beside, first), *features)
        for part in others:  # a few channels: kept, since that costs less than the time
            y = part(y)
        features.append(y)
    return torch.cat(features, 1)


def _beside(unit: nn.Module, *features: Tensor) -> Tensor:
    y: Tensor = unit(torch.cat(features, 1))
    return y


def _contexts(module: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return nullcontext(), _statistics_kept(module)


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch normalisation moves its statistics in the forward pass; when that is done again it moves copies."""
    layers = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    own = [dict(layer._buffers) for layer in layers]
    for layer in layers:
        for name, tensor in layer._buffers.items():
            layer._buffers[name] = None if tensor is None else tensor.clone()
    try:
        yield
    finally:
        for layer, buffers in zip(layers, own, strict=True):
            layer._buffers.update(buffers)
