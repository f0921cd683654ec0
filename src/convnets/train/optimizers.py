"""Optimizers from their specs: in torch's form, and in the forms that papers print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .. import spec
from ..network import Network

_NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def make_optimizer(model: nn.Module, recipe: spec.Optimizer, by_row: bool = False) -> torch.optim.Optimizer:
    """The optimizer of a recipe. What decays, and at which rate, is decided by the kind of parameter, not its name.

    `by_row`: rows are groups of their own, since those that begin to learn later have no velocity yet.
    """
    groups = _groups(model, recipe, by_row)
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    match recipe:
        case spec.SGD(form="paper"):
            return VelocitySGD(groups, lr=recipe.lr, momentum=recipe.momentum)
        case spec.SGD():
            return torch.optim.SGD(
                groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused
            )
        case spec.RMSProp():
            return TensorFlowRMSProp(
                groups, lr=recipe.lr, decay=recipe.decay, momentum=recipe.momentum, epsilon=recipe.epsilon
            )
        case spec.AdamW():
            return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.epsilon, fused=fused)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step: each group has its own multiple of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def _groups(model: nn.Module, recipe: spec.Optimizer, by_row: bool) -> list[dict[str, Any]]:
    """Parameters by weight decay and by their multiple of the learning rate."""
    networks = [part for part in model.modules() if isinstance(part, Network)]  # one, or none for any other module
    heads = [network.get_classifier() for network in networks]
    above = {module: depth for network in networks for module, depth in _rows_above(network).items()}
    groups: dict[tuple[float, float, int], list[Tensor]] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_bias, is_norm = name == "bias", isinstance(module, _NORMALISATIONS)
            decays = recipe.decay_norm_and_bias or not (is_bias or is_norm)
            factor = (recipe.bias_rate if is_bias else 1.0) * (recipe.head_rate if module in heads else 1.0)
            depth = above.get(module, 0)
            key = recipe.weight_decay if decays else 0.0, factor * recipe.layer_decay**depth, depth if by_row else 0
            groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "factor": factor, "lr": recipe.lr * factor}
        for (decay, factor, _), parameters in groups.items()
    ]


def _rows_above(network: Network) -> dict[nn.Module, int]:
    """How many rows with weights stand behind each module's own."""
    rows = reversed(rows_with_weights(network))
    return {module: above for above, row in enumerate(rows) for module in row.modules()}


def rows_with_weights(network: Network) -> list[nn.Module]:
    """The rows that can learn, in order."""
    return [row for row in network.children() if next(row.parameters(), None) is not None]


class _Descent(torch.optim.Optimizer):
    """An optimizer whose step updates all parameters of a group together."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient; a closure is not supported."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            gradients = [parameter.grad for parameter in parameters]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
            self._descend(parameters, gradients, group)

    def _descend(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _buffers(self, parameters: list[Tensor], name: str, value: float) -> list[Tensor]:
        """The state called `name` of each parameter, filled with `value` at first."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if name not in state:
                state[name] = torch.full_like(parameter, value)
        return [state[name] for state in states]


class VelocitySGD(_Descent):
    """SGD as AlexNet prints it (Sec. 5): v <- momentum * v - lr * (gradient + decay * w); w <- w + v.

    At a constant rate the same as torch's form; after a change of the rate the old velocity fades out first.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    def _descend(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        velocities = self._buffers(parameters, "velocity", 0.0)
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, gradients, alpha=-group["lr"])
        torch._foreach_add_(parameters, velocities)


class TensorFlowRMSProp(_Descent):
    """RMSProp as the Inception papers had it in TensorFlow.

    s <- decay * s + (1 - decay) * g^2 from s = 1; v <- momentum * v + lr * g / sqrt(s + epsilon); w <- w - v. Torch's
    own begins at s = 0, adds epsilon outside the root and keeps the rate outside v. Weight decay is part of g.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, decay: float, momentum: float, epsilon: float) -> None:
        defaults = {"lr": lr, "decay": decay, "momentum": momentum, "epsilon": epsilon, "weight_decay": 0.0}
        super().__init__(groups, defaults)

    def _descend(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        squares = self._buffers(parameters, "square", 1.0)
        velocities = self._buffers(parameters, "velocity", 0.0)
        torch._foreach_mul_(squares, group["decay"])
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["decay"])
        roots = torch._foreach_add(squares, group["epsilon"])
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_addcdiv_(velocities, gradients, roots, value=group["lr"])
        torch._foreach_sub_(parameters, velocities)


@torch.no_grad()
def limit_filters(model: nn.Module, rms: float) -> None:
    """Scale each convolution filter whose root mean square exceeds `rms` back to it (ZFNet, Sec. 3)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
            size = module.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
            module.weight.mul_((rms / size.clamp_min(1e-12)).clamp_max(1.0))


def state_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What the optimizer remembers, as `PARAMETER.NAME`; numbers as tensors too."""
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                yield f"{name}.{key}", torch.as_tensor(value)


def restore_state(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put back what `state_tensors` gave, each tensor in its parameter's own layout: another layout adds in another
    order."""
    for name, parameter in model.named_parameters():
        found = {key.removeprefix(name + "."): value for key, value in tensors.items() if key.startswith(name + ".")}
        for key, value in found.items():
            fits = value.shape == parameter.shape
            if not fits and optimizer.defaults.get("fused"):  # its counters are on the device
                value = value.to(parameter.device)
            optimizer.state[parameter][key] = torch.empty_like(parameter).copy_(value).detach() if fits else value


class Average:
    """Exponential moving average of a network's weights and statistics, kept as a second state dict."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards `network`; slowly only once there is something to average (Polyak's warm-up, (1+t)/(10+t))."""
        decay = min(self.decay, (1 + step) / (10 + step))
        now = network.state_dict()
        moving = [name for name, tensor in now.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.values[name] for name in moving], [now[name] for name in moving], 1 - decay)
        for name in now.keys() - moving:
            self.values[name].copy_(now[name])

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from saved values."""
        for name, tensor in tensors.items():
            self.values[name].copy_(tensor)
