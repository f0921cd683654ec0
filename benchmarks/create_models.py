"""How long it takes to create each network without numbers, and to import the catalogue.

    python benchmarks/create_models.py [PATTERN]

Prints the slowest networks and those above the limits: 0.2 s up to 160 layers, 2 s for any. Each is created three
times on the meta device, and the median counts. A layer is a convolution or a fully connected layer, without those of
shortcuts, SE units and parallel branches of a block, as papers count them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from convnets import create_model, list_models
from convnets.layers import Concat, Residual

SHORT, LIMIT, LONG_LIMIT = 160, 0.2, 2.0
IMPORT = "import time, torch; start = time.perf_counter(); import convnets.models; print(time.perf_counter() - start)"


def main() -> int:
    """0 when no network is above its limit, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*", help="networks, such as 'resnet*'; all by default")
    parser.add_argument("--slowest", type=int, default=10, help="how many to print")
    arguments = parser.parse_args()
    imports = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(3)]
    print(f"import convnets.models, torch being there: {statistics.median(imports):.3f} s")
    found = [(*measured(name), name) for name in list_models(arguments.pattern)]
    print(f"{len(found)} networks in {sum(seconds for seconds, _, _ in found):.1f} s; the slowest:")
    for line in sorted(found, reverse=True)[: arguments.slowest]:
        print(report(*line))
    above = [line for line in found if line[0] > (LIMIT if line[1] <= SHORT else LONG_LIMIT)]
    print(f"above the limits ({LIMIT} s up to {SHORT} layers, {LONG_LIMIT} s for any): {len(above)}")
    for line in sorted(above, reverse=True):
        print(report(*line))
    return 1 if above else 0


def measured(name: str) -> tuple[float, int]:
    """Seconds and layers."""

    def create() -> nn.Module:
        with torch.device("meta"):
            return create_model(name)

    network = create()  # imports the paper's file
    return statistics.median(timed(create) for _ in range(3)), layers(network)


def timed(function: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def layers(module: nn.Module) -> int:
    """The depth: the layers on the longest path."""
    if isinstance(module, nn.Conv2d | nn.Linear) or hasattr(module, "map_size"):
        return 1
    if isinstance(module, Residual):
        return layers(module.body)
    if type(module).__name__ == "SqueezeExcitation":
        return 0
    depths = [layers(child) for child in module.children()]
    return max(depths, default=0) if isinstance(module, Concat | nn.ModuleList) else sum(depths)


def report(seconds: float, depth: int, name: str) -> str:
    """One line."""
    return f"  {seconds:6.3f} s  {depth:5} layers  {name}"


if __name__ == "__main__":
    sys.exit(main())
