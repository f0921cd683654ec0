"""What several verbs share: aligned tables, the device, and how a trained network is named."""

from __future__ import annotations

import gc
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import UsageError

if TYPE_CHECKING:
    import torch

    from ..runs import Loaded

F = TypeVar("F", bound=Callable[..., Any])
PAGES = (".html", ".htm")


@contextmanager
def no_garbage() -> Iterator[None]:
    """No search for garbage meanwhile: PyTorch's objects are many, and to look through them takes half of the time of
    what only makes a network to read it off."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: Collection[int] = ()) -> str:
    """Rows as aligned columns under a ruled header; the columns in `right` are aligned to the right."""
    cells = [list(map(str, header)), *[list(map(str, row)) for row in rows]]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    lines = ["  ".join(_fit(cell, width, i in right) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
             for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fit(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def picture_size(text: str) -> tuple[int, int]:
    """(height, width) of a text such as 224x224 or 224. Raises UsageError."""
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and (width or height).isdigit() and int(height) and int(width or height)):
        raise UsageError(f"--input takes HxW such as 224x224, got {text!r}")
    return int(height), int(width or height)


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """The axes that texts such as shortcut=C set. Raises UsageError."""
    values = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"an axis is set by AXIS=VALUE, got {text!r}")
        values[axis.strip()] = value.strip()
    return values


def picture_path(out: str, *endings: str) -> Path:
    """--out as a path whose folder is there, with one of the `endings`, if any: a slip is not to cost other files.

    Raises UsageError where it has another, or no file can be written, before any work.
    """
    path = Path(out)
    if endings and path.suffix.lower() not in endings:
        raise UsageError(f"--out {out}: must end in {' or '.join(endings)}, which is what is written")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            empty = file.tell() == 0
        if empty:
            path.unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write there ({error.strerror})") from None
    return path


def pick_device(name: str) -> torch.device:
    """The torch device called `name`; `auto` is the first of CUDA, MPS, CPU that is there, a number a CUDA device."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    try:
        device = torch.device(f"cuda:{name}" if name.isdigit() else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(f"--device {name}: no such device on this machine; try auto or cpu") from None
    return device


def device_option(function: F) -> F:
    """Adds --device."""
    return click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")(function)


def weights_options(function: F) -> F:
    """Adds --model and --weights, which together stand for RUN, and --allow-nonfinite."""
    nonfinite = "Take weights with NaN or infinity."
    function = click.option("--allow-nonfinite", is_flag=True, help=nonfinite)(function)
    files = "Weights instead of a RUN: a file (.safetensors, .pth, .h5 ...) or torchvision:, timm:, keras:, hf: names."
    function = click.option("--weights", metavar="FILE", help=files)(function)
    return click.option("--model", metavar="NAME", help="Network that the --weights belong to.")(function)


def split_run(paths: Sequence[str], weights: str | None) -> tuple[str | None, tuple[str, ...]]:
    """RUN and the rest of the arguments; there is no RUN among them where --weights is given."""
    if weights is not None:
        return None, tuple(paths)
    if not paths:
        raise UsageError("no RUN given; name a run folder such as runs/resnet20, or --model NAME --weights FILE")
    return paths[0], tuple(paths[1:])


def load_run(
    run: str | None, model: str | None, weights: str | None, raw: bool = False, allow_nonfinite: bool = False
) -> Loaded:
    """The trained network that RUN, or --model with --weights, stands for; `raw`: its weights, not their average."""
    from .. import runs

    if run is not None and weights is not None:
        raise UsageError("give either RUN or --weights, not both")
    if weights is not None:
        return runs.load(weights, model=model, raw=raw, allow_nonfinite=allow_nonfinite)
    if run is None:
        raise UsageError("no RUN given; name a run folder such as runs/resnet20, or --model NAME --weights FILE")
    return runs.load(run, model=model, raw=raw, allow_nonfinite=allow_nonfinite)


def trained_on(loaded: Loaded) -> str:
    """What a run's --data was. Raises UsageError where nobody knows."""
    spec: str | None = loaded.state.get("source", {}).get("spec")
    if spec is None:
        raise UsageError("these weights do not say what they were trained on; give --data SRC, such as --data digits")
    return spec
