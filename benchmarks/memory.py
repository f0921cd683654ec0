"""Peak memory and time of a training step whose activations are computed again, beside the step that keeps them all.

    python benchmarks/memory.py [--network densenet_bc_100_12] [--batch-size 64] [--rounds 5] [--steps 2]

Memory is the growth of a process's peak (`ru_maxrss`) over what it was before the first step: activations, gradients
and what the kernels need for themselves, but not Python, torch and the weights. Each form is measured in a process of
its own. Time is measured in one process, in turns. `kept` is the plain network in a plain loop, `again` is called as
`convnets train --checkpoint-activations` does it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

from convnets import create_model
from convnets.train.forward import Forward, make_forward
from convnets.train.machine import settle

FORMS = ("kept", "again")


def stepper(form: str, name: str, batch_size: int, size: int) -> Callable[[], None]:
    """One step of SGD on random pictures, in the memory layout of `convnets train`."""
    torch.manual_seed(0)
    network = create_model(name).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=True)
    forward: Forward = network
    if form == "again":
        settle(torch.device("cpu"))
        forward = make_forward(network, compiled=False, recompute=True)
    images = torch.randn(batch_size, network.in_channels, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(network.num_classes, (batch_size,))

    def step() -> None:
        cross_entropy(forward(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peak() -> float:
    """Peak of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def added_memory(form: str, options: argparse.Namespace) -> float:
    """MiB that two steps add to the peak of a fresh process."""
    sizes = ["--batch-size", str(options.batch_size), "--img-size", str(options.img_size)]
    words = [sys.executable, __file__, "--network", options.network, *sizes, "--measure", form]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def seconds(step: Callable[[], None], steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="densenet_bc_100_12")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--img-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--measure", choices=FORMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    about = options.network, options.batch_size, options.img_size
    if options.measure:
        step, before = stepper(options.measure, *about), peak()
        step()
        step()
        print(peak() - before)
        return
    memory = {form: added_memory(form, options) for form in FORMS}
    steps = {form: stepper(form, *about) for form in FORMS}
    taken: dict[str, list[float]] = {form: [] for form in FORMS}
    for step in steps.values():
        step()
    for _ in range(options.rounds):
        for form, step in steps.items():
            taken[form].append(seconds(step, options.steps))
    ratios = [again / kept for kept, again in zip(taken["kept"], taken["again"], strict=True)]
    for form in FORMS:
        print(f"{form:6} {memory[form]:7.0f} MiB added   {statistics.median(taken[form]):.3f} s a step")
    summary = {
        "network": options.network,
        "batch_size": options.batch_size,
        "memory_ratio": round(memory["again"] / memory["kept"], 3),
        "time_ratio": round(statistics.median(ratios), 3),
        "time_ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
