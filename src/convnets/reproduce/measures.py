"""What is done with an arm where a claim is not about an ordinary training run."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, leaky_relu

from ..models.table import layer_table
from ..network import WithAuxiliary
from . import networks
from .chain import Task
from .plan import Plan

Values = dict[str, Any]
HEIGHT, WIDTH = 120, 160  # of a drawn picture


def drawing(plan: Plan, arm: str, seed: int) -> Values:
    """A picture drawn by a random feed-forward network from the coordinates of its pixels, and how complicated it is.

    Ten hidden layers of 11 to 20 units unless the arm says otherwise, N(0, 2 / (in + out) / (1 + 0.2^2)) weights with a
    bias among them, batch normalisation over all pixels before each activation with the scale `gamma`, and shifts of
    N(0, beta). Measured on the
    picture less its mean over its deviation: total variation, and what is left of the variance after the best affine
    fit; and that deviation itself.
    """
    given: Any = {"activation": "relu", "gamma": 1.0, "beta": 0.0, "depth": 10} | dict(plan.experiment.arms[arm].values)
    draw, shifts = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    x = np.stack([(rows - HEIGHT / 2) / HEIGHT * 2, (columns - WIDTH / 2) / WIDTH * 2], -1).reshape(-1, 2)
    coordinates, slope = x, 0.2
    sizes = [2, *draw.integers(11, 21, given["depth"]).tolist(), 3]
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        weights = draw.normal(size=(inputs + 1, outputs)) * (2 / (inputs + outputs) / (1 + slope**2)) ** 0.5
        x = np.hstack([x, np.ones((len(x), 1))]) @ weights
        if layer < len(sizes) - 2:
            if given["gamma"]:
                x = given["gamma"] * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-10)
                x += given["beta"] * shifts.normal(size=outputs)
            x = _activated(x, given["activation"], slope)
    deviation = float(x.std(0).mean())
    picture = (x - x.mean(0)) / np.maximum(x.std(0), 1e-300)
    fit = np.hstack([coordinates, np.ones((len(x), 1))])
    rest = picture - fit @ np.linalg.lstsq(fit, picture, rcond=None)[0]
    grid = picture.reshape(HEIGHT, WIDTH, 3)
    variation = float(np.abs(np.diff(grid, axis=0)).mean() * HEIGHT + np.abs(np.diff(grid, axis=1)).mean() * WIDTH)
    found: Values = {"variation": round(variation, 3), "nonlinear": round(float(rest.var()), 4), "deviation": deviation}
    if seed == plan.seeds[0]:
        found["picture"] = _png(np.clip(100 * grid[::2, ::2] + 128, 0, 255).astype(np.uint8))
    return found


def _activated(x: np.ndarray, name: str, slope: float) -> np.ndarray:
    y: np.ndarray = 1 / (1 + np.exp(-x)) if name == "sigmoid" else np.maximum(x, slope * x if name == "leaky" else 0)
    return y


def _png(pixels: np.ndarray) -> str:
    """A picture as text."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def unit_disc(plan: Plan, arm: str, seed: int) -> Values:
    """Whether a narrow network learns which points of the plane lie in the unit disc: of (-2, 2)^2, % taken wrongly.

    Residual blocks of one neuron, x + V relu(ux + b), or plain layers as wide as the plane; 2,000 points, Adam. A plain
    network this narrow cannot close its region (Lin and Jegelka 2018).
    """
    given: Any = dict(plan.experiment.arms[arm].values)
    torch.manual_seed(seed)
    points = 4 * torch.rand(2000, 2) - 2
    inside = (points.norm(dim=1) < 1).float()
    network = _Narrow(**given)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    steps = 2000 if plan.setting.epochs > 1 else 20
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(network(points), inside)
        loss.backward()
        optimizer.step()
        rates.step()
    fresh = torch.cartesian_prod(torch.linspace(-2, 2, 120), torch.linspace(-2, 2, 120))
    with torch.no_grad():
        taken = network(fresh) > 0
    truth = fresh.norm(dim=1) < 1
    wrong = 100 * float((taken != truth).float().mean())
    found: Values = {"error": round(wrong, 3), "loss": round(float(loss.detach()), 4)}
    if seed == plan.seeds[0]:
        dark, blue = (grid.numpy().reshape(120, 120) for grid in (taken, truth))
        shown = np.where(dark, 60, 230)
        found["picture"] = _png(np.stack([shown, shown, np.where(blue, 120, 255)], -1).astype(np.uint8))
    return found


class _Narrow(nn.Module):
    """Points (N, 2) to logits (N,): so many residual blocks of one neuron, or plain layers of two."""

    def __init__(self, residual: bool, depth: int) -> None:
        super().__init__()
        self.residual = residual
        hidden = 1 if residual else 2
        self.inward = nn.ModuleList(nn.Linear(2, hidden) for _ in range(depth))
        self.outward = nn.ModuleList(nn.Linear(hidden, 2) for _ in range(depth if residual else 0))
        self.last = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.residual:
            for inward, outward in zip(self.inward, self.outward, strict=True):
                x = x + outward(torch.relu(inward(x)))
        else:
            for layer in self.inward:
                x = leaky_relu(layer(x), 0.01)
        result: Tensor = self.last(x)
        return result[:, 0]


def bias_drift(plan: Plan, arm: str, seed: int) -> Values:
    """One layer x = u + b that is centred, trained by SGD to a target that is not; how long b has become.

    `through`: the gradient sees that the mean depends on b.
    """
    through = bool(plan.experiment.arms[arm].values["through"])
    torch.manual_seed(seed)
    inputs, target = torch.randn(256, 8), torch.randn(256, 8)
    target -= target.mean(0)
    bias = torch.zeros(8, requires_grad=True)
    lengths, losses = [], []
    for step in range(500):
        x = inputs + bias
        mean = x.mean(0)
        loss = (x - (mean if through else mean.detach()) - target - 1).square().mean()
        (gradient,) = torch.autograd.grad(loss, bias)
        with torch.no_grad():
            bias -= 0.05 * gradient
        if step % 25 == 24:
            lengths.append(round(float(bias.detach().norm()), 4))
            losses.append(float(loss.detach()))
    return {"bias": lengths[-1], "drift": lengths, "loss_change": losses[-1] - losses[0]}


def scale_invariance(plan: Plan, arm: str, seed: int) -> Values:
    """How far BN((aW)u) and a times its gradient are from BN(Wu) and its gradient, in double precision, relative."""
    scale = float(plan.experiment.arms[arm].values["scale"])
    torch.manual_seed(seed)
    inputs, weights = torch.randn(64, 16, dtype=torch.float64), torch.randn(12, 16, dtype=torch.float64)
    pull = torch.randn(64, 12, dtype=torch.float64)

    def pair(factor: float) -> tuple[Tensor, Tensor]:
        scaled = (factor * weights).requires_grad_()
        output = nn.functional.batch_norm(inputs @ scaled.T, None, None, training=True, eps=1e-30)
        (gradient,) = torch.autograd.grad((output * pull).sum(), scaled)
        return output.detach(), factor * gradient

    pairs = zip(pair(scale), pair(1.0), strict=True)
    return {"deviation": max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)}


def jacobian(plan: Plan, arm: str, seed: int) -> Values:
    """Deviation of log10 of the singular values of a layer's Jacobian, with `norm` its output normalised."""
    torch.manual_seed(seed)
    given = plan.experiment.arms[arm].values
    layer, batch = nn.Linear(64, 64, bias=False), torch.randn(128, 64)
    nn.init.normal_(layer.weight, std=1 / 8)
    network = nn.Sequential(layer, nn.BatchNorm1d(64)) if given["norm"] else layer
    rows = torch.autograd.functional.jacobian(lambda one: network(torch.cat([one[None], batch[1:]]))[0], batch[0])
    values = torch.linalg.svdvals(rows)
    kept = values[values > 1e-6 * values[0]]
    return {"spread": round(float(kept.log10().std()), 4)}


def cost(plan: Plan, arm: str, seed: int) -> Values:
    """Parameters and millions of multiply-adds of the arm's network, by its layer table."""
    chosen, size = plan.experiment.arms[arm], plan.setting.size
    name = chosen.network or plan.experiment.network
    model = networks.build(name, chosen.values, Task(10, 3, size), seed)
    rows = layer_table(model.network if isinstance(model, WithAuxiliary) else model, (3, size, size))
    return {"parameters": sum(row.parameters for row in rows),
            "multiply_adds": sum(row.multiply_adds for row in rows) / 1e6}  # fmt: skip


MEASURES: dict[str, Callable[[Plan, str, int], Values]] = {
    "drawing": drawing, "unit_disc": unit_disc, "bias_drift": bias_drift, "scale_invariance": scale_invariance,
    "jacobian": jacobian, "cost": cost,
}  # fmt: skip
