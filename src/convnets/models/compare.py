"""What differs between two networks, row by row and layer by layer, read off the modules themselves."""

from __future__ import annotations

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
    """Every row of both networks, paired in order: by its name, or where the names differ by what it computes.

    The inputs are the (C, H, W) at which sizes and costs are given. Two rows are equal when their layers are, with
    every hyper-parameter and in the same order; weights and the rule that draws them are not compared.
    """
    rows_a, rows_b = layer_table(a, input_a), layer_table(b, input_b)
    tokens_a = {name: list(tokens(module)) for name, module in a.named_children()}
    tokens_b = {name: list(tokens(module)) for name, module in b.named_children()}
    common = tokens_a.keys() & tokens_b.keys()
    keys_a = [name if name in common else str(found) for name, found in tokens_a.items()]
    keys_b = [name if name in common else str(found) for name, found in tokens_b.items()]
    pairs = []
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        if kind == "equal":
            matched = zip(rows_a[a1:a2], rows_b[b1:b2], strict=True)
            pairs += [RowPair(x, y, _changes(tokens_a[x.name], tokens_b[y.name])) for x, y in matched]
        else:
            pairs += [RowPair(row, None, ()) for row in rows_a[a1:a2]]
            pairs += [RowPair(None, row, ()) for row in rows_b[b1:b2]]
    return pairs


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
        case nn.AvgPool2d():  # whose own text leaves this out
            counted = module.count_include_pad and module.padding not in (0, (0, 0))
            return _words(f"AvgPool2d {module.extra_repr()}", {"padding counted": counted})
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
