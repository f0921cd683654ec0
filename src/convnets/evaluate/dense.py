"""A trained network over pictures larger than those it was made for: a map of class scores instead of one answer.

Sermanet et al. (OverFeat), VGG's dense evaluation (Sec. 3.2) and ResNet's fully convolutional form (Sec. 3.4).
"""

from __future__ import annotations

from torch import Tensor, nn

from ..errors import UsageError
from ..network import Network, map_shape


class FullyConvolutional(nn.Module):
    """(N, C, H, W) of any size from the network's own on to class scores (N, num_classes, h, w).

    A fully connected layer over a map of 7x7 is a 7x7 convolution with one place to be. So a head made for maps of one
    size slides over larger ones, with the same weights at each place. They are the network's own, not copies, and each
    layer is one matrix product over all places. A network that pools globally takes larger pictures as it is; its map
    is 1x1.

    Raises UsageError where layers before the head are made for one size, and for pictures smaller than the network's.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        rows = dict(network.named_children())
        split = list(rows).index(network.head) if network.input_size else len(rows)
        self.network, self.body, self.head = network, network[:split], network[split:]
        fixed = [name for name, row in self.body.named_children() if network.input_size and _is_fixed(row)]
        if fixed:
            name = network.name or "the network"
            raise UsageError(f"{name} cannot be tested densely: {', '.join(fixed)} of it take maps of one size only")
        self.window = None
        if network.input_size:
            body = dict(self.body.named_children())
            self.window = map_shape(body, network.in_channels, network.input_size)[1:]

    def forward(self, x: Tensor) -> Tensor:
        y = self._features(x)
        if self.window is None:
            return y if y.ndim == 4 else y[..., None, None]
        height, width = self.window
        windows = y.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, h, w, height, width)
        scores: Tensor = self.head(windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)).flatten(1)
        return scores.view(len(x), *windows.shape[2:4], -1).permute(0, 3, 1, 2)

    def _features(self, x: Tensor) -> Tensor:
        name, smallest, sides = self.network.name or "the network", self.network.input_size, tuple(x.shape[-2:])
        if smallest and min(sides) < smallest:
            raise UsageError(f"{name} takes pictures from {smallest}x{smallest} on, densely too; got {sides}")
        try:
            y: Tensor = self.body(x)
        except RuntimeError:  # asking before each picture, all of different sizes, would cost as much as the network
            if self.window is None:
                self.network.check_input(*sides)
            raise
        return y


def fully_convolutional(network: Network) -> FullyConvolutional:
    """The network as a module for pictures of any size, sharing its weights: see FullyConvolutional."""
    return FullyConvolutional(network)


def _is_fixed(row: nn.Module) -> bool:
    return any(isinstance(part, nn.Linear) or hasattr(part, "map_size") for part in row.modules())
