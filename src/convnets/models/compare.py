"""What differs between two networks, row by row and layer by layer, read off the modules themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from torch import nn

from ..layers import Concat, half
from ..network import Network
from .table import Row, layer_table

Change = tuple[str, str, int]  # a layer before, the layer after ("" for none), and how often


@dataclass(frozen=True)
class RowPair:
    """A row of the one network beside its counterpart in the other, None where there is none."""

    a: Row | None
    b: Row | None
    changes: tuple[Change, ...]  # empty where both compute the same

    @property
    def equal(self) -> bool:
        return self.a is not None and self.b is not None and not self.changes

    @property
    def parameters(self) -> int:
        """What b has more than a."""
        return sum(row.parameters * sign for row, sign in ((self.a, -1), (self.b, 1)) if row)

    @property
    def multiply_adds(self) -> int:
        """What b computes more than a."""
        return sum(row.multiply_adds * sign for row, sign in ((self.a, -1), (self.b, 1)) if row)

    def as_dict(self) -> dict[str, Any]:
        """The pair as JSON values."""
        return {
            "a": self.a and self.a.as_dict(),
            "b": self.b and self.b.as_dict(),
            "equal": self.equal,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "changes": [{"a": before, "b": after, "times": times} for before, after, times in self.changes],
        }


def compare(a: Network, b: Network, input_a: tuple[int, int, int], input_b: tuple[int, int, int]) -> list[RowPair]:
    """Every row of both networks, paired in order: by its name, else by what it computes, else by its kind.

    The inputs are the (C, H, W) at which sizes and costs are given. Two rows are equal when their layers are, with
    every hyper-parameter and in the same order; weights and the rule that draws them are not compared.
    """
    rows_a, rows_b = layer_table(a, input_a), layer_table(b, input_b)
    tokens_a = {name: list(tokens(module)) for name, module in a.named_children()}
    tokens_b = {name: list(tokens(module)) for name, module in b.named_children()}
    common = tokens_a.keys() & tokens_b.keys()
    keys_a = [name if name in common else str(found) for name, found in tokens_a.items()]
    keys_b = [name if name in common else str(found) for name, found in tokens_b.items()]
    kinds_a, kinds_b = ([_kind(row) for row in network.children()] for network in (a, b))
    pairs = []
    for i, j in _align(keys_a, keys_b, kinds_a, kinds_b):
        x, y = None if i is None else rows_a[i], None if j is None else rows_b[j]
        pairs.append(RowPair(x, y, _changes(tokens_a[x.name], tokens_b[y.name]) if x and y else ()))
    return pairs


def _align(
    keys_a: list[str], keys_b: list[str], kinds_a: list[str] | None = None, kinds_b: list[str] | None = None
) -> Iterator[tuple[int | None, int | None]]:
    """The places of equal keys beside each other; what lies between them, by the kinds where these are given."""
    for same, a1, a2, b1, b2 in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        if same == "equal":
            yield from zip(range(a1, a2), range(b1, b2), strict=True)
        elif kinds_a is not None and kinds_b is not None:
            for i, j in _align(kinds_a[a1:a2], kinds_b[b1:b2]):
                yield None if i is None else a1 + i, None if j is None else b1 + j
        else:
            yield from ((i, None) for i in range(a1, a2))
            yield from ((None, j) for j in range(b1, b2))


def _kind(row: nn.Module) -> str:
    """What a row begins with: a convolution, a pooling, residual blocks, branches ..."""
    while isinstance(row, nn.Sequential) and len(row):
        row = row[0]
    return type(row).__name__


def common_changes(pairs: list[RowPair]) -> dict[tuple[str, str], int]:
    """Changes that most of the rows that keep their name share, without widths, and how often they occur."""
    times: Counter[tuple[str, str]] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    differing = [pair for pair in pairs if pair.a and pair.b and pair.a.name == pair.b.name and pair.changes]
    for pair in differing:
        general = [(generalised(before, after), count) for before, after, count in pair.changes]
        rows.update({change for change, _ in general})
        for change, count in general:
            times[change] += count
    return {change: times[change] for change, count in rows.items() if count >= max(3, len(differing) / 2)}


def generalised(before: str, after: str) -> tuple[str, str]:
    """A change of one layer without its widths, and of a convolution that only changes its manner, its window."""
    same = re.match(r"conv \S+ \d+ to \d+", before)
    if same and after.startswith(same[0]):
        return before.replace(same[0], "conv"), after.replace(same[0], "conv")
    return re.sub(r"^batch norm \d+", "batch norm", before), re.sub(r"^batch norm \d+", "batch norm", after)


def tokens(module: nn.Module) -> Iterator[str]:
    """The layers of a module in order, each with what decides its function; brackets where paths part and meet."""
    children = list(module.children())
    if isinstance(module, nn.Sequential):
        for child in children:
            yield from tokens(child)
    elif not children or hasattr(module, "words"):
        yield layer(module)
    else:
        yield "[" if isinstance(module, Concat) else f"{layer(module)} ["
        for index, child in enumerate(children):
            if index:
                yield "|"
            yield from tokens(child)
        yield "]"


def layer(module: nn.Module) -> str:
    """One layer in words: `conv 3x3/2 64 to 128`, with what is unusual about it behind."""
    match module:
        case nn.Conv2d():
            window = "x".join(map(str, module.kernel_size)) + (f"/{module.stride[0]}" if max(module.stride) > 1 else "")
            unusual = {
                f"padding {module.padding}": module.padding != half(module.kernel_size),  # type: ignore[arg-type]
                f"{module.groups} groups": module.groups > 1,
                f"dilation {module.dilation}": module.dilation != (1, 1),
                "bias": module.bias is not None,
            }
            return _words(f"conv {window} {module.in_channels} to {module.out_channels}", unusual)
        case nn.BatchNorm2d():
            unusual = {f"epsilon {module.eps:g}": module.eps != 1e-5, "no scale": not module.affine}
            return _words(f"batch norm {module.num_features}", unusual)
        case nn.Linear():
            return _words(f"fc {module.in_features} to {module.out_features}", {"no bias": module.bias is None})
        case nn.MaxPool2d() | nn.AvgPool2d():
            kind, padded = "max" if isinstance(module, nn.MaxPool2d) else "average", module.padding not in (0, (0, 0))
            counted = padded and getattr(module, "count_include_pad", False)
            unusual = {f"padding {module.padding}": padded, "padding counted": counted, "rounds up": module.ceil_mode}
            return _words(f"{kind} pool {module.kernel_size}/{module.stride}", unusual)
        case nn.Dropout():
            return f"dropout {module.p:g}"
        case nn.Identity():
            return "identity"
    if hasattr(module, "words"):  # of a paper's own unit
        return str(module.words)
    said = module.extra_repr() or ", ".join(f"{key}={value}" for key, value in _settings(module))
    return f"{type(module).__name__} {said}".strip()


def _words(text: str, unusual: dict[str, bool]) -> str:
    return ", ".join([text, *(words for words, holds in unusual.items() if holds)])


def _settings(module: nn.Module) -> Iterable[tuple[str, Any]]:
    """The plain values that one of our own modules was made with."""
    kept = (bool, int, float, str, tuple)
    return [(key, value) for key, value in vars(module).items() if isinstance(value, kept) and key[0] != "_"
            and key not in ("training", "out_channels")]  # fmt: skip


def _changes(a: list[str], b: list[str]) -> tuple[Change, ...]:
    """The layers that differ, equal changes counted together, in the order of their first appearance."""
    found: Counter[tuple[str, str]] = Counter()
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal":
            before, after = a[a1:a2], b[b1:b2]
            length = max(len(before), len(after))
            padded = (before + [""] * (length - len(before)), after + [""] * (length - len(after)))
            found.update(zip(*padded, strict=True))
    return tuple((before, after, times) for (before, after), times in found.items())
