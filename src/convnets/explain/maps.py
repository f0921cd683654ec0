"""Where in a picture a class is seen: maps of a network's answers, for any network of named rows.

Class activation maps (Zhou et al. 2016) are exact where a network ends in global average pooling, and come with the
answer in one pass. Grad-CAM (Selvaraju et al. 2017) stands in elsewhere. Occlusion sensitivity and the deconvolutional
network with switches are ZFNet's (Zeiler, Fergus 2014), guided backpropagation is of Springenberg et al. 2015,
integrated gradients of Sundararajan et al. 2017.

Pictures are float32 (N, C, H, W), normalised as the network takes them. A map is high where the class is seen, and
below 0 where something speaks against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..evaluate import evaluating
from ..network import Network

STEPS = 128  # of the way from a grey picture, along which gradients are integrated
BATCH = 64  # pictures at a time
POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)  # rows behind which there are no places any more


class Explanation(NamedTuple):
    """What a network says of N pictures, and where it sees the k classes it is asked for.

    `logits` (N, num_classes), `classes` (N, k) with the best first, `maps` (N, k, h, w), `method`, the `row` whose map
    it is (none for methods that go back to the pixels), and for those `projections` (N, k, C, H, W).
    """

    logits: Tensor
    classes: Tensor
    maps: Tensor
    method: str
    row: str = ""
    projections: Tensor | None = None


class Pooled(NamedTuple):
    """How a network ends that averages its last map: the pooling, and the weights (num_classes, C) behind it.

    None for `weights` where the map has a channel for each class, as Network in Network's.
    """

    pool: nn.Module
    weights: Tensor | None


def explain(
    network: Network, images: Tensor, *, method: str = "auto", row: str = "", top: int = 3,
    classes: Tensor | None = None,
) -> Explanation:  # fmt: skip
    """Where the `top` classes of each picture, or the `classes` (N, k), are seen.

    `method` is one of METHODS; "auto" takes class activation maps where they are exact, elsewhere, and where a `row` is
    given, Grad-CAM, and occlusion for a network without convolutions. Raises UsageError for an unknown method or row,
    or one that does not go with the network.
    """
    end = pooled(network)
    if method == "auto":
        convolved = any(isinstance(part, nn.Conv2d) for part in network.modules())
        method = "cam" if end is not None and not row else "gradcam" if convolved else "occlusion"
    if method not in METHODS:
        raise UsageError(f"method {method!r} is unknown; valid ones: auto, {', '.join(METHODS)}")
    if row and method != "gradcam":
        raise UsageError(f"method {method} has no row to choose; --method gradcam has")
    if method == "cam" and end is None:
        raise UsageError(f"{_called(network)} does not end in global average pooling, so class activation maps are not "
                         "exact; take --method gradcam")  # fmt: skip
    if method in ("guided", "deconv") and not any(isinstance(part, nn.ReLU) for part in network.modules()):
        raise UsageError(f"method {method} changes what ReLUs hand back, and {_called(network)} has none; take "
                         "--method integrated")  # fmt: skip
    with evaluating(network), torch.inference_mode(False), torch.no_grad():
        logits, before = _answered(network, images, end if method == "cam" else None)
        if classes is None:
            classes = logits.topk(min(top, logits.shape[1]), 1).indices
        if method == "cam" and end is not None:
            return Explanation(logits, classes, _class_maps(before, end.weights, classes), method)
        if method == "gradcam":
            row = row or chosen_row(network)
            return Explanation(logits, classes, gradient_maps(network, images, classes, row), method, row)
        if method == "occlusion":
            return Explanation(logits, classes, occluded(network, images, classes), method)
        back = METHODS[method](network, images, classes)
    flat = back.sum(2) if method == "integrated" else back.abs().amax(2)
    return Explanation(logits, classes, flat, method, "", back)


def pooled(network: Network) -> Pooled | None:
    """How the network ends, if that is in global average pooling and at most one layer with weights behind it."""
    leaves = [part for part in network.modules() if not any(part.children())]
    places = [place for place, part in enumerate(leaves) if isinstance(part, nn.AdaptiveAvgPool2d | nn.AvgPool2d)]
    if not places:
        return None
    behind = [part for part in leaves[places[-1] + 1 :] if not isinstance(part, nn.Dropout | nn.Identity | nn.Flatten)]
    if not behind:
        last = [part for part in leaves[: places[-1]] if isinstance(part, nn.Conv2d)]
        return Pooled(leaves[places[-1]], None) if last and last[-1].out_channels == network.num_classes else None
    layer = behind[0]
    if len(behind) > 1 or not isinstance(layer, nn.Linear | nn.Conv2d):
        return None
    return Pooled(leaves[places[-1]], layer.weight.detach().flatten(1))


def chosen_row(network: Network) -> str:
    """The row for Grad-CAM: what is averaged at the end, or else the last row with a convolution before the head."""
    names = [name for name, _ in network.named_children()]
    before = names[: names.index(network.head)]
    if pooled(network) is not None and before:
        return before[-1]
    with_convs = [name for name in before or names[:-1] if any(isinstance(p, nn.Conv2d) for p in _parts(network, name))]
    if not with_convs:
        raise UsageError(f"{_called(network)} has no convolution whose map could be shown; take --method occlusion")
    return with_convs[-1]


def _called(network: Network) -> str:
    return network.name or "the network"


def _parts(network: Network, name: str) -> Iterator[nn.Module]:
    return network.get_submodule(name).modules()


def _answered(network: Network, images: Tensor, end: Pooled | None) -> tuple[Tensor, Tensor]:
    """Logits, and what the last pooling is given."""
    kept: list[Tensor] = []
    hooks = [] if end is None else [end.pool.register_forward_pre_hook(lambda module, given: kept.append(given[0]))]
    try:
        logits = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, kept[0] if kept else logits


def _class_maps(features: Tensor, weights: Tensor | None, classes: Tensor) -> Tensor:
    """Each class's share of the last map (N, C, h, w): their mean over places, and a bias, is the logit."""
    if weights is None:
        return features.gather(1, classes[..., None, None].expand(-1, -1, *features.shape[2:]))
    return torch.einsum("nkc,nchw->nkhw", weights[classes], features)


def gradient_maps(network: Network, images: Tensor, classes: Tensor, row: str) -> Tensor:
    """Grad-CAM: the maps of a row, each weighed by the mean gradient of the class's logit. Raises UsageError."""
    rows = [name for name, _ in network.named_children()]
    if row not in rows[:-1]:
        raise UsageError(f"{_called(network)} has no row {row!r} before its last; its rows are {', '.join(rows[:-1])}")
    place, maps = rows.index(row) + 1, []
    for part, asked in zip(images.split(BATCH), classes.split(BATCH), strict=True):
        features = _through(network[:place], part)
        if features.dim() != 4 or isinstance(network.get_submodule(row), POOLS):
            raise UsageError(f"row {row} gives no map, but {tuple(features.shape[1:])}; take one before it")
        with torch.enable_grad():
            features = features.detach().clone().requires_grad_()
            logits = _through(network[place:], features).flatten(1)
            maps.append(torch.stack([_weighed(features, logits, column) for column in asked.T], 1))
    return torch.cat(maps)


def _through(rows: Any, x: Tensor) -> Tensor:
    for row in rows:
        x = row(x)
    return x


def _weighed(features: Tensor, logits: Tensor, column: Tensor) -> Tensor:
    score = logits.gather(1, column[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, features, retain_graph=True)
    return (gradient.mean((2, 3), keepdim=True) * features).sum(1).detach()


def occluded(network: Network, images: Tensor, classes: Tensor, side: int = 0, step: int = 0) -> Tensor:
    """ZFNet's Fig. 7: how much a class's probability falls when a square of the picture's mean colour hides this place.
    (N, k, h, w)

    The square has `side` pixels, by default a fifth of the picture's, and moves by `step`, by default a third of that.
    """
    height, width = images.shape[2:]
    side = side or max(1, round(min(height, width) / 5))
    step = step or max(1, round(side / 3))
    down, across = ([*range(0, max(1, size - side), step), max(0, size - side)] for size in (height, width))
    maps = []
    for image, asked in zip(images, classes, strict=True):
        clear = network(image[None]).softmax(1)[0, asked]
        hidden = image.expand(len(down) * len(across), -1, -1, -1).clone()
        grey = image.mean((1, 2), keepdim=True)
        for number, (top, left) in enumerate(product(down, across)):
            hidden[number, :, top : top + side, left : left + side] = grey
        seen = torch.cat([network(part).softmax(1)[:, asked] for part in hidden.split(BATCH)])
        maps.append((clear - seen).T.reshape(len(asked), len(down), len(across)))
    return torch.stack(maps)


def _gradients(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """Of each class's logit by the picture, (N, k, C, H, W)."""
    with torch.enable_grad():
        pixels = images.detach().clone().requires_grad_()
        logits = network(pixels)
        found = [torch.autograd.grad(logits.gather(1, column[:, None]).sum(), pixels, retain_graph=True)[0]
                 for column in classes.T]  # fmt: skip
    return torch.stack(found, 1).detach()


def guided(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """Gradients that every ReLU hands back only where they are positive and its output was. (N, k, C, H, W)"""
    with _handing_back(network, lambda below, above: below.clamp(min=0)):
        return _gradients(network, images, classes)


def deconvolved(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """ZFNet's deconvolutional network: rectified on the way back alone, with the switches of the way there.

    (N, k, C, H, W).
    """
    with _handing_back(network, _rectified):
        return _gradients(network, images, classes)


def projected(network: Network, images: Tensor, row: str, channel: int, places: Sequence[Sequence[int]]) -> Tensor:
    """What the deconvolutional network makes of one unit of each picture, as in ZFNet's Fig. 2. (N, C, H, W)

    The units are those of `channel` in the row's output, at these N places (y, x) of its map.
    """
    with evaluating(network), torch.inference_mode(False), torch.enable_grad(), _handing_back(network, _rectified):
        pixels = images.detach().clone().requires_grad_()
        output = network.taps(pixels, row)[row]
        maps = output if output.dim() == 4 else output[..., None, None]
        units = [maps[number, channel, y, x] for number, (y, x) in enumerate(places)]
        (back,) = torch.autograd.grad(torch.stack(units).sum(), pixels)
    return back.detach()


@contextmanager
def _handing_back(network: Network, rule: Callable[[Tensor, Tensor], Tensor]) -> Iterator[None]:
    """Every ReLU hands back what the `rule` makes of (gradient below it, gradient above it).

    None writes into its input meanwhile, as training lets them: hooks do not bear it.
    """

    def hand_back(module: nn.Module, below: Any, above: Any) -> tuple[Tensor]:
        return (rule(below[0], above[0]),)

    relus = [(part, part.inplace) for part in network.modules() if isinstance(part, nn.ReLU)]
    hooks = [relu.register_full_backward_hook(hand_back) for relu, _ in relus]
    try:
        for relu, _ in relus:
            relu.inplace = False
        yield
    finally:
        for hook, (relu, inplace) in zip(hooks, relus, strict=True):
            hook.remove()
            relu.inplace = inplace


def _rectified(below: Tensor, above: Tensor) -> Tensor:
    return above.clamp(min=0)


def integrated(network: Network, images: Tensor, classes: Tensor, steps: int = STEPS) -> Tensor:
    """Each pixel times the mean gradient on the way from the mean colour.

    Over all pixels that is what the logit rises by, but for the steps: 128 leave about 1 % of it, now and then 10 %.
    """
    total = torch.zeros(())
    for step in range(steps):
        total = total + _gradients(network, images * ((step + 0.5) / steps), classes)
    return images[:, None] * total / steps


METHODS: dict[str, Any] = {
    "cam": _class_maps, "gradcam": gradient_maps, "occlusion": occluded, "guided": guided, "deconv": deconvolved,
    "integrated": integrated,
}  # fmt: skip
