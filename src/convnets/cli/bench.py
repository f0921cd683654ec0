"""`convnets bench`: how fast a network trains and predicts here."""

from __future__ import annotations

import dataclasses
import json
import os

import click

from .. import papers
from ..errors import UsageError
from .common import device_option, pick_device, table


@click.command(short_help="How fast a network trains and predicts here.")
@click.argument("name")
@click.option("--batch-size", "-b", type=click.IntRange(2), metavar="N", help="[default: predict 1 and 16].")
@click.option("--img-size", "--imgsz", type=click.IntRange(1), metavar="PX", help="[default: the network's own].")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Of the processor  [default: one a core].")
@click.option("--compile", "compile_", is_flag=True, help="Train with torch.compile; takes a minute or more before.")
@click.option("--peer", "peers", multiple=True, type=click.Choice(["torchvision", "timm", "none"]),
              help="Measured beside it  [default: those that are installed].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@device_option
def command(
    name: str, batch_size: int | None, img_size: int | None, threads: int | None, compile_: bool,
    peers: tuple[str, ...], as_json: bool, device: str,
) -> None:  # fmt: skip
    """Images a second of NAME in training and in prediction, memory, and share of what the machine can do.

    Beside it torchvision's and timm's network of that name in plain PyTorch. All are measured in turns. Memory is that
    of torch's tensors; what other engines take is not known, and left empty.
    """
    if "none" in peers and len(peers) > 1:
        raise UsageError("--peer none leaves the others out; give it alone")
    papers.find(name)

    import torch

    from ..train.bench import MATRIX, PEERS, bench
    from ..train.machine import Machine

    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # what other engines keep to
        torch.set_num_threads(threads)
    chosen = () if "none" in peers else peers or PEERS
    machine = Machine(pick_device(device), compile=compile_)
    result = bench(name, machine, batch_size=batch_size, size=img_size, peers=chosen)
    if as_json:
        about = {"threads": torch.get_num_threads(), "compile": compile_, "torch": torch.__version__}
        click.echo(json.dumps({**dataclasses.asdict(result), **about}))
        return
    own = {(one.task, one.pictures): one.images_per_second for one in result.measured if one.who == "convnets"}
    rows = [
        (one.task, one.pictures, one.who, one.engine, f"{one.images_per_second:.1f}", f"{100 * one.share:.0f} %",
         "" if one.memory is None else f"{one.memory:,.0f}",
         f"{own[one.task, one.pictures] / one.images_per_second:.2f}")
        for one in result.measured
    ]  # fmt: skip
    click.echo(f"{result.network} at {result.size}x{result.size}, {result.machine}, {torch.get_num_threads()} threads; "
               f"a product of {MATRIX} x {MATRIX} matrices: {result.gflops:,.0f} GFLOP/s\n")  # fmt: skip
    header = ["", "batch", "", "engine", "images/s", "of the product", "MiB", "ours is times"]
    click.echo(table(header, rows, right={1, 4, 5, 6, 7}))
