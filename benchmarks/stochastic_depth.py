"""How much of its training time stochastic depth saves: the paper says about 25 % with a survival of 0.5 at the end.

    python benchmarks/stochastic_depth.py [--network sd_resnet110] [--batch-size 32] [--rounds 7] [--steps 4]

The network beside itself at constant depth (survival 1), the same step of `convnets train` on pictures of 32 pixels, in
turns within one process. How many blocks a step leaves out is random; beside the time stands the share of blocks that
were computed, which is (3 L - 1) / 4 L with L blocks in the long run: 0.745 of 54.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from convnets import create_model
from convnets.data import NO_STATISTICS, Batch, Finish
from convnets.models.stochastic_depth import Stochastic
from convnets.spec import SGD, Augment, Preprocess, Recipe
from convnets.train.loop import begin_epoch, take_step
from convnets.train.machine import Machine
from convnets.train.state import Training
from convnets.train.tuning import prepared


def stepper(name: str, survival: float, batch_size: int) -> tuple[Callable[[], None], list[nn.Module]]:
    """A step of training, and a list that grows by each block that is computed."""
    torch.manual_seed(0)
    preprocess = Preprocess(size=32, resize=None, mean=(0.5,) * 3, std=(0.25,) * 3)
    recipe = Recipe(batch_size=batch_size, preprocess=preprocess, optimizer=SGD(lr=0.01, nesterov=True))
    machine = Machine(torch.device("cpu"))
    training = Training(create_model(name, survival=survival), recipe, machine.device)
    forward, finish = prepared(training, machine), Finish(preprocess, NO_STATISTICS, Augment(), 0)
    begin_epoch(training)
    computed: list[nn.Module] = []
    for module in training.network.modules():
        if isinstance(module, Stochastic):
            module.body.register_forward_hook(lambda body, *_: computed.append(body))
    noise = np.random.default_rng(0)
    pictures = torch.from_numpy(noise.integers(0, 256, (batch_size, 32, 32, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    batch = Batch(pictures, torch.from_numpy(noise.integers(0, 10, batch_size)), np.arange(batch_size))
    return lambda: take_step(training, forward, finish, [batch], 0.01), computed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="sd_resnet110")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    runs = {survival: stepper(options.network, survival, options.batch_size) for survival in (1.0, 0.5)}
    for step, _ in runs.values():
        step()
    ratios, shares = [], []
    for _ in range(options.rounds):
        taken, blocks = {}, {}
        for survival, (step, computed) in runs.items():
            computed.clear()
            began = time.perf_counter()
            for _ in range(options.steps):
                step()
            taken[survival], blocks[survival] = time.perf_counter() - began, len(computed)
        ratios.append(taken[0.5] / taken[1.0])
        shares.append(blocks[0.5] / blocks[1.0])
    print(json.dumps({
        "network": options.network,
        "batch_size": options.batch_size,
        "time_ratio": round(statistics.median(ratios), 3),
        "time_ratios": [round(ratio, 3) for ratio in sorted(ratios)],
        "share_of_blocks": round(statistics.mean(shares), 3),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
