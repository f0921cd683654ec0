"""Optimizers from their specs, and the average of the weights over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..spec import SGD

_NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def make_optimizer(network: nn.Module, spec: SGD) -> torch.optim.Optimizer:
    """The optimizer of a recipe. Weight decay is decided by the kind of parameter, never by its name."""
    decayed: list[Tensor] = []
    kept: list[Tensor] = []
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            spared = name == "bias" or isinstance(module, _NORMALISATIONS)
            (kept if spared and not spec.decay_norm_and_bias else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": spec.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    device = next(network.parameters()).device.type
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=spec.lr,
        momentum=spec.momentum,
        nesterov=spec.nesterov,
        fused=device in ("cpu", "cuda"),
    )


class Average:
    """Exponential moving average of a network's weights and statistics, kept as a second state dict."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards `network`; slowly only once there is something to average (Polyak's warm-up, (1+t)/(10+t))."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.values[name].lerp_(tensor, 1 - decay)
            else:
                self.values[name].copy_(tensor)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from saved values."""
        for name, tensor in tensors.items():
            self.values[name].copy_(tensor)
