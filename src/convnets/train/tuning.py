"""How a run is made fast: memory layout and compilation, chosen by what is measured once on this machine."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch

from .. import cache, models
from ..engines.torch_engines import has_compiler
from ..models.stochastic_depth import Stochastic
from ..network import Network
from ..spec import Recipe
from .forward import Forward, make_forward, without_copies
from .machine import Machine, mixed_dtype, settle
from .plan import Plan
from .state import Training

MOST_PIXELS = 2**17  # in a measured step: 128 pictures of 32 pixels, or 2 of 224
LEAST_GAIN = 1.05  # of contiguous memory over channels_last, which is what a run has otherwise
ROUNDS, MOST_SECONDS = 5, 6.0
COMPILED = "compiled: it takes about {:,.0f} minutes without, and compiling pays from {:.0f} on (--no-compile)"
PAYS_AFTER = 1800.0  # seconds: compiling takes half a minute to some minutes, and saves a tenth of the time and more
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def prepared(training: Training, machine: Machine) -> Forward:
    """The training's model as this machine calls it, and the process made ready for it."""
    settle(machine.device)
    accumulates = training.recipe.accumulate > 1
    return make_forward(training.model, bool(machine.compile), machine.checkpoint_activations, accumulates)


def tuned(plan: Plan, machine: Machine) -> tuple[Plan, Machine]:
    """The plan with its memory layout and the machine with or without compilation, where they are left open."""
    recipe, said = plan.recipe, list(plan.said)
    if recipe.channels_last != "auto" and machine.compile is not None:
        return plan, machine
    pace = measured_pace(plan.name, plan.overrides, recipe, machine.device)
    if recipe.channels_last == "auto":
        gain = pace["contiguous"] / pace["channels_last"]
        recipe = dataclasses.replace(recipe, channels_last=_is_last(pace))
        chosen = "channels_last" if recipe.channels_last else "contiguous"
        said.append(f"memory layout: {chosen}; channels_last has {gain:.2f} times the speed of contiguous here")
    if machine.compile is None:
        shown = recipe.epoch_size or len(plan.source.splits["train"])
        seconds = 60 * (plan.request.minutes or 0) or recipe.epochs * shown * min(pace.values())
        why_not = "" if seconds < PAYS_AFTER else _why_not_compiled(plan, machine)
        machine = dataclasses.replace(machine, compile=seconds >= PAYS_AFTER and not why_not)
        if seconds >= PAYS_AFTER:
            said.append(f"not compiled: {why_not}" if why_not else COMPILED.format(seconds / 60, PAYS_AFTER / 60))
    return dataclasses.replace(plan, recipe=recipe, said=tuple(said)), machine


def _why_not_compiled(plan: Plan, machine: Machine) -> str:
    """What speaks against compiling a long run, if anything does."""
    if machine.checkpoint_activations:
        return "it computes activations again"
    if machine.device.type not in ("cpu", "cuda"):
        return f"not tried on {machine.device.type}"
    with torch.device("meta"):
        if any(isinstance(part, Stochastic) for part in models.create_model(plan.name, **plan.overrides).modules()):
            return "blocks are left out at random"
    return "" if has_compiler(machine.device) else "there is no C++ compiler; with one this run would be faster"


def layout_of(name: str, overrides: dict[str, Any], recipe: Recipe, device: torch.device) -> bool:
    """Whether this network trains in channels_last here."""
    return _is_last(measured_pace(name, overrides, recipe, device))


def _is_last(pace: dict[str, float]) -> bool:
    return pace["contiguous"] * LEAST_GAIN > pace["channels_last"]


def measured_pace(name: str, overrides: dict[str, Any], recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Seconds that a picture takes forwards and backwards in each memory layout, measured once and remembered."""
    size = recipe.preprocess.size
    count = max(2, min(recipe.batch_size // recipe.accumulate, MOST_PIXELS // size**2))
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else cache.machine()
    about = (name, sorted(overrides.items()), size, count, device.type, hardware, recipe.precision)
    key = *about, torch.get_num_threads(), torch.__version__
    known: dict[str, float] | None = cache.recall("pace", *key)
    if known is None or known.keys() != LAYOUTS.keys():
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            network = models.create_model(name, **overrides)
            known = _measure(network, (count, network.in_channels, size, size), recipe.precision, device)
        cache.remember("pace", known, *key)
    return known


def _measure(network: Network, shape: tuple[int, ...], precision: str, device: torch.device) -> dict[str, float]:
    """The shortest of some rounds in turns, per picture."""
    without_copies(network.train())
    pictures, dtype = torch.randn(shape, device=device), mixed_dtype(precision, device)
    taken: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
    end = time.perf_counter() + MOST_SECONDS
    for turn in range(1 + ROUNDS):  # the first is not counted, unless there is time for no other
        for name, layout in LAYOUTS.items():
            network.to(device=device, memory_format=layout)  # type: ignore[call-overload]
            x = pictures.contiguous(memory_format=layout)
            torch.manual_seed(turn)  # random depth: the same blocks
            began = time.perf_counter()
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                total = network(x).float().square().mean()
            total.backward()
            if device.type != "cpu":
                torch.accelerator.synchronize(device)
            taken[name].append((time.perf_counter() - began) / len(x))
            network.zero_grad()
        if turn and time.perf_counter() > end:
            break
    return {name: min(values[1:] or values) for name, values in taken.items()}
