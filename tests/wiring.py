"""What a row is made of, exactly: its layers in order, with brackets where paths part and meet.

`read` takes it off the real modules after a forward pass; `rows` off an oracle's tables, whichever of their forms they
have. A node of an oracle lacks what the oracle does not say; everything else has to be equal (`difference`).

Padding is kept as what decides the function: the pixels `before` the map (top, left) and the size of the output; how
many are added behind it follows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from convnets.layers import Concat, Residual, Scale
from convnets.models.alexnet import LocallyConnected
from convnets.models.resnet import ZeroPad
from convnets.models.senet import SqueezeExcitation
from convnets.models.zfnet import NormWithin
from tests.networks import quick_norms
from tests.oracles import listed_rows

Node = dict[str, Any]
Shapes = dict[nn.Module, tuple[tuple[int, ...], tuple[int, ...]]]  # what went into and came out of each module
PADS = ("PadSame", "PadToStride", "ZeroPad2d")


# ---- ours


def shapes_of(network: nn.Module, shape: tuple[int, ...]) -> Shapes:
    """The shapes in and out of every module, without the batch, in one forward pass of a picture (C, H, W)."""
    found: Shapes = {}

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Any) -> None:
        assert module not in found, "a module was run twice"
        if isinstance(output, Tensor):
            found[module] = tuple(args[0].shape[1:]), tuple(output.shape[1:])

    handles = [module.register_forward_hook(note) for module in network.modules()]
    with torch.no_grad(), quick_norms(network):
        network(torch.empty(1, *shape, device="meta"))
    for handle in handles:
        handle.remove()
    return found


class Measured(NamedTuple):
    """What a forward pass of the real modules did in one row."""

    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def measure(network: nn.Module, shape: tuple[int, ...]) -> dict[str, Measured]:
    """Row by row: output, parameters and multiply-adds for a picture (C, H, W)."""
    shapes = shapes_of(network, shape)
    return {
        name: Measured(
            shapes[row][1],
            sum(values.numel() for values in row.parameters()),
            sum(multiply_adds(module, shapes) for module in row.modules()),
        )
        for name, row in network.named_children()
    }


def multiply_adds(module: nn.Module, shapes: Shapes) -> int:
    """Each weight of a layer is used once at each place of the output; locally connected ones at their own only."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * math.prod(shapes[module][1][1:])
    return module.weight.numel() if isinstance(module, nn.Linear | LocallyConnected) else 0


def read(module: nn.Module, shapes: Shapes) -> list[Node]:
    """The nodes of a module. Fails for a kind of module it does not know."""
    match module:
        case nn.Sequential():
            return _padded([node for child in module for node in read(child, shapes)])
        case Concat():
            return [{"op": "concat", "branches": [read(branch, shapes) for branch in module.children()]}]
        case Residual():
            before = [] if module.before is None else read(module.before, shapes)
            path, shortcut = before + read(module.body, shapes), read(module.shortcut, shapes)
            add = {"op": "add", "path": path, "shared": bool(before), "shortcut": shortcut}
            return [add, *read(module.after, shapes)]
        case SqueezeExcitation():
            return [{"op": "se", "gate": read(module.gate, shapes)}]
        case nn.Identity():
            return []
    assert not list(module.children()), f"how is a {type(module).__name__} wired?"
    return [_leaf(module, shapes)]


def _leaf(module: Any, shapes: Shapes) -> Node:
    kind, (came, went) = type(module).__name__, shapes[module]
    match module:
        case nn.Conv2d():
            assert (module.dilation, module.padding_mode) == ((1, 1), "zeros")
            return {
                "op": "conv", "kernel": module.kernel_size, "stride": module.stride, "before": module.padding,
                "in": module.in_channels, "out": module.out_channels, "groups": module.groups,
                "bias": module.bias is not None, "map": went[1:], "rounded up": False,
            }  # fmt: skip
        case nn.MaxPool2d() | nn.AvgPool2d():
            assert getattr(module, "dilation", 1) == 1
            node = {
                "op": "max" if isinstance(module, nn.MaxPool2d) else "avg", "kernel": _pair(module.kernel_size),
                "stride": _pair(module.stride), "before": _pair(module.padding), "channels": went[0],
                "map": went[1:], "rounded up": module.ceil_mode,
            }  # fmt: skip
            return _single(node)
        case nn.AdaptiveAvgPool2d():
            assert went[1:] == (1, 1)
            return {"op": "avg", "kernel": came[1:], "before": (0, 0), "channels": went[0], "map": went[1:]}
        case nn.Linear():
            bias = module.bias is not None
            return {"op": "fc", "in": module.in_features, "out": module.out_features, "bias": bias}
        case LocallyConnected():
            kernel, channels = _pair(module.kernel_size), module.weight.shape[1] // module.kernel_size**2
            return {
                "op": "local", "kernel": kernel, "stride": _pair(module.stride), "before": (kernel[0] // 2,) * 2,
                "in": channels, "out": module.out_channels, "map": went[1:],
            }  # fmt: skip
        case nn.BatchNorm2d() | nn.BatchNorm1d():
            assert module.affine and module.track_running_stats and module.num_features == came[0]
            return {"op": "bn", "channels": module.num_features, "eps": module.eps}
        case nn.LocalResponseNorm():
            on_sum = module.alpha / module.size
            return {"op": "lrn", "window": module.size, "on sum": on_sum, "beta": module.beta, "k": module.k}
        case NormWithin():
            return {"op": "lrn within", "window": module.window, "alpha": module.alpha, "beta": module.beta}
        case nn.Dropout():
            return {"op": "dropout", "p": module.p}
        case Scale():
            return {"op": "scale", "factor": module.factor}
        case ZeroPad():
            zeros = module.before, module.after
            return {"op": "zeros", "every": module.stride, "before": zeros[0], "after": zeros[1]}
        case nn.ReLU() | nn.ELU() | nn.Sigmoid():
            assert not getattr(module, "inplace", False)
            return {"op": kind.lower()}
    assert kind in PADS, f"what does a {kind} do?"
    before, value = _probed(module, came)
    return {"op": "pad", "before": before, "value": value, "rounded up": kind == "PadToStride"}


def _probed(pad: nn.Module, came: tuple[int, ...]) -> tuple[tuple[int, int], float]:
    """What a padding does to a map of ones: (top, left), and the value that it puts in."""
    ones = torch.ones(1, 1, *came[1:])
    padded = pad(ones)[0, 0]
    places = (padded == 1).nonzero()
    assert len(places) == ones.numel()
    others = padded[padded != 1]
    return (int(places[0, 0]), int(places[0, 1])), float(others[0]) if len(others) else math.nan


def _padded(nodes: list[Node]) -> list[Node]:
    """A padding and the window behind it as one node."""
    found: list[Node] = []
    for node in nodes:
        if found and found[-1]["op"] == "pad":
            pad = found.pop()
            assert node["op"] in ("conv", "max", "avg")
            assert math.isnan(pad["value"]) or pad["value"] == (-math.inf if node["op"] == "max" else 0)
            before = pad["before"][0] + node["before"][0], pad["before"][1] + node["before"][1]
            node = {**node, "before": before, "rounded up": pad["rounded up"] or node["rounded up"]}
        found.append(node)
    return found


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _single(node: Node) -> Node:
    """A window that stands at one place only has no stride to speak of."""
    return {key: value for key, value in node.items() if key not in ("stride", "rounded up") or node["map"] != (1, 1)}


# ---- the oracles'


def rows(entry: dict[str, Any]) -> list[list[Node] | None]:
    """The nodes of each row of ours, in order; None where the oracle lists no layers for it."""
    if "modules" in entry:
        return _separate_modules(entry)
    listed = listed_rows(entry)
    found: list[list[Node] | None] = []
    before = ""
    for row in listed:
        stage = re.match(r"stage\d(?=_block)", row.get("block", ""))  # bag_of_tricks: blocks of one row of ours
        if stage and stage[0] == before:
            found[-1] = (found[-1] or []) + _block(row)
        else:
            found.append(_row(row))
        before = stage[0] if stage else ""
    return _first_unit_shared(listed, found)


def _row(row: dict[str, Any]) -> list[Node] | None:
    if "op" not in row:
        return _block(row) if "block" in row else None
    if row["op"] == "residual_stage":
        return [node for unit in range(row["units"]) for node in _unit(row, unit)]
    if row["op"] == "dense_block":
        return _dense_block(row)
    return _padded([node for node in _step(row) if node])


def _step(row: dict[str, Any]) -> list[Node]:
    """One layer with what the oracle folds into its row: normalisation and activation."""
    match row["op"]:
        case "conv" | "sepconv" | "locally_connected":
            layer = _convolutions(row)
        case "maxpool" | "avgpool":
            layer = [_pool(row)]
        case "global_avgpool":
            layer = [{"op": "avg", "channels": row.get("c", row.get("out")), "map": (1, 1), "before": (0, 0)}]
        case "linear" | "fc":
            layer = [_linear(row)]
        case "dropout":
            layer = [{"op": "dropout", "p": row["p"] if "p" in row else float(row["note"].removeprefix("drop "))}]
        case "lrn_across_channels" | "lrn_within_channel":
            layer = [_response_norm(row)]
        case "bn_relu":
            layer = [{"op": "bn", "channels": row["out"]}, {"op": "relu"}]
        case "transition":
            assert row["ops"] == "BN-ReLU-conv1x1-avgpool 2x2 stride 2"
            pool = {"op": "avg", "kernel": (2, 2), "stride": (2, 2), "before": (0, 0), "map": _pair(row["size"])}
            layer = [*_activated(row["in"], row["out"], 1, 2 * row["size"]), pool]
        case "inception":
            layer = _inception(row)
        case _:
            raise AssertionError(f"no rule for {row['op']}")
    return _opened(row) + layer + _followed(row)


def _opened(row: dict[str, Any]) -> list[Node]:
    return [{"op": row["pre_act"]}] if "pre_act" in row else []


def _followed(row: dict[str, Any]) -> list[Node]:
    """`bn: true, act: relu` or `then: [bn, relu]`; an optional bn is there."""
    channels = row.get("c", row.get("out"))
    normed = bool(row.get("bn")) or "bn" in row.get("then", ())
    act = "relu" if "relu" in row.get("then", ()) else row.get("act", "none").partition(" ")[0]
    after = [{"op": "bn", "channels": channels}] if normed else []
    return after + ([{"op": act}] if act not in ("none", "linear", "softmax") else [])


def _convolutions(row: dict[str, Any]) -> list[Node]:
    kernel = _size(row["k"]) if "k" in row else _pair(row["kernel"])
    ins, outs = row.get("cin", row.get("in_ch", row.get("in"))), row.get("c", row.get("out_ch", row.get("out")))
    node = {
        "op": "local" if row["op"] == "locally_connected" else "conv",
        "kernel": kernel, "stride": _pair(row.get("s", row.get("stride"))), "before": _before(row), "in": ins,
        "out": outs, "map": _map(row),
    }  # fmt: skip
    if row["op"] == "locally_connected":
        return [node]
    node |= {"groups": row.get("groups", 1), "bias": bool(row["bias"]), "rounded up": row.get("size_rule") == "ceil"}
    if "p" in row:
        del node["rounded up"]
    if row["op"] == "conv":
        return [node]
    inner = ins * row.get("depth_mult", 1)
    pointwise = {"op": "conv", "kernel": (1, 1), "stride": (1, 1), "before": (0, 0), "in": inner, "out": outs,
                 "map": node["map"], "groups": 1, "bias": node["bias"]}  # fmt: skip
    return [{**node, "out": inner, "groups": ins, "bias": False}, pointwise]


def _pool(row: dict[str, Any]) -> Node:
    node = {
        "op": row["op"].removesuffix("pool"), "kernel": _size(row["k"]) if "k" in row else _pair(row["kernel"]),
        "stride": _pair(row.get("s", row.get("stride"))), "before": _before(row), "map": _map(row),
    }  # fmt: skip
    rule = row.get("size_rule", row.get("rounding"))
    return _single(node | ({"rounded up": rule == "ceil"} if rule else {}))


def _linear(row: dict[str, Any]) -> Node:
    ins = row.get("in_features", row.get("in", row.get("cin")))
    outs: Any = row.get("out_features", row.get("c", row.get("out")))
    return {"op": "fc", "in": ins, "out": int(outs), "bias": bool(row["bias"] if "bias" in row else not row["bn"])}


def _response_norm(row: dict[str, Any]) -> Node:
    if row["op"] == "lrn_within_channel":
        return {"op": "lrn within", "window": row["size_n"], "alpha": row["alpha"], "beta": row["beta"]}
    if row["size_n"] is None:  # the paper gives no constants
        return {"op": "lrn"}
    on_sum = row["alpha"] / (row["size_n"] if row["alpha_divided_by_n"] else 1)
    return {"op": "lrn", "window": row["size_n"], "on sum": on_sum, "beta": row["beta"], "k": row["k"]}


def _inception(row: dict[str, Any]) -> list[Node]:
    """GoogLeNet's modules, which list the convolutions of four branches in a row."""
    steps = [_step(step) for step in row["branches"]]
    assert [step["name"].partition(".")[2] for step in row["branches"]] == [
        "1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj"
    ]  # fmt: skip
    assert (row["concat_order"], row["pool_branch"]) == (
        "1x1, 3x3, 5x5, pool_proj", "max 3x3 stride 1 pad 1, then 1x1 projection"
    )  # fmt: skip
    pool = {"op": "max", "kernel": (3, 3), "stride": (1, 1), "before": (1, 1), "map": _map(row)}
    branches = [steps[0], steps[1] + steps[2], steps[3] + steps[4], [pool, *steps[5]]]
    return [{"op": "concat", "branches": branches}]


def _block(row: dict[str, Any]) -> list[Node]:
    """A block of branches: concatenated, or added to a shortcut; all of it `repeat` times."""
    branches = [_branch(branch) for branch in row["branches"]]
    if row["merge"].startswith("concat"):
        nodes: list[Node] = [{"op": "concat", "branches": branches}]
    else:
        path = branches[0]
        if "expand" in row:
            path = [{"op": "concat", "branches": branches}, *_step(row["expand"]), _scale(row["merge"])]
        else:
            assert len(branches) == 1
        shortcut = [] if row["shortcut"] == "identity" else _branch(row["shortcut"])
        nodes = [{"op": "add", "path": path, "shared": False, "shortcut": shortcut}]
        nodes += [{"op": "relu"}] if row.get("post") == "relu" else []
    return nodes * int(row.get("repeat", 1))


def _branch(steps: list[dict[str, Any]]) -> list[Node]:
    """The steps one after the other; the `split_into` at its end stand side by side."""
    nodes: list[Node] = [node for step in steps if "op" in step for node in _step(step)]
    split = [_branch(step["split_into"]) for step in steps if "op" not in step]
    return nodes + ([{"op": "concat", "branches": split}] if split else [])


def _scale(merge: str) -> Node:
    """`add (shortcut + 0.17 * residual)`; the paper's own `s` is some number of 0.1 to 0.3."""
    found = re.fullmatch(r"add \(shortcut \+ (s|[\d.]+) \* residual\)", merge)
    assert found
    return {"op": "scale"} if found[1] == "s" else {"op": "scale", "factor": float(found[1])}


def _unit(row: dict[str, Any], number: int) -> list[Node]:
    """A unit of a residual stage; only its first one strides and has another shortcut."""
    ins = row["in"] if number == 0 else row["out"]
    size = row["size"]
    nodes: list[Node] = []
    pre, last = row["unit"] == "full_pre_activation", len(row["convs"]) - 1
    for index, listed in enumerate(row["convs"]):
        stride = listed["stride"] if number == 0 else 1
        inside = size if all(conv["stride"] == 1 for conv in row["convs"][index + 1 :]) or number else 2 * size
        opened = bool(row.get("first_unit")) and number == index == 0
        ahead = [{"op": "bn", "channels": ins}, {"op": "relu"}] if pre and not opened else []
        conv = {**listed, "op": "conv", "in": ins, "stride": stride, "bias": False, "size": inside}
        then = [] if pre else ["bn", "relu"] if index < last or "plain" in row["unit"] else ["bn"]
        nodes += [*ahead, *_convolutions(conv), *_followed({**conv, "then": then})]
        ins = listed["out"]
    nodes += _squeeze(row["se"]) if "se" in row else []
    if "plain" in row["unit"]:
        return nodes
    words = row["shortcut_first_unit" if number == 0 else "shortcut_other_units"]
    before_parting = "on the pre-activated input" in words and "first_unit" not in row
    shared = {} if words.startswith("parameter-free") else {"shared": before_parting}
    add = {"op": "add", "path": nodes, "shortcut": _shortcut(words, row), **shared}
    return [add] if pre else [add, {"op": "relu"}]


def _first_unit_shared(listed: list[dict[str, Any]], found: list[list[Node] | None]) -> list[list[Node] | None]:
    """Where conv1 is not activated by itself, the first unit of all does it, before its paths part."""
    stages = [place for place, row in enumerate(listed) if row.get("op") == "residual_stage"]
    if stages and listed[stages[0]]["unit"] == "full_pre_activation" and "then" not in listed[0]:
        first = found[stages[0]]
        assert first
        first[0]["shared"] = True
    return found


def _shortcut(words: str, row: dict[str, Any]) -> list[Node]:
    """The sentence about a shortcut, as nodes."""
    if words == "identity":
        return []
    if zeros := re.fullmatch(r"parameter-free: take every (\d)-th row and column, append (\d+) zero channels", words):
        return [{"op": "zeros", "every": int(zeros[1]), "before": 0, "after": int(zeros[2])}]
    if zeros := re.fullmatch(r"2x2 average pool stride 2, then (\d+) zero channels appended", words):
        pool = {"op": "avg", "kernel": (2, 2), "stride": (2, 2), "before": (0, 0), "map": (row["size"],) * 2}
        return [pool, {"op": "zeros", "every": 1, "before": 0, "after": int(zeros[1])}]
    found = re.fullmatch(r"conv(\d)x\1 stride (\d)(?: padding (\d))? (\d+)->(\d+)(, BN| on the pre.*, no BN)", words)
    assert found, words
    kernel, stride, padding, ins, outs = (int(number or 0) for number in found.groups()[:5])
    conv = {"op": "conv", "kernel": kernel, "stride": stride, "padding": padding, "in": ins, "out": outs,
            "bias": False, "size": row["size"], "then": ["bn"] if found[6] == ", BN" else []}  # fmt: skip
    return _step(conv)


def _squeeze(words: str) -> list[Node]:
    """The sentence about an SE unit."""
    found = re.fullmatch(
        r"on the branch output, before the addition: global average pool, fc (\d+)->(\d+) \(bias\), ReLU, "
        r"fc \2->\1 \(bias\), sigmoid, channel scale",
        words,
    )
    assert found, words
    return se(int(found[1]), int(found[2]))


def se(channels: int, width: int) -> list[Node]:
    """An SE unit: two layers with biases on one place."""
    conv = {"op": "conv", "kernel": (1, 1), "bias": True, "groups": 1, "map": (1, 1)}
    pool = {"op": "avg", "map": (1, 1), "before": (0, 0), "channels": channels}
    gate = [pool, {**conv, "in": channels, "out": width}, {"op": "relu"}, {**conv, "in": width, "out": channels},
            {"op": "sigmoid"}]  # fmt: skip
    return [{"op": "se", "gate": gate}]


def _activated(ins: int, outs: int, kernel: int, size: int) -> list[Node]:
    conv = {"op": "conv", "kernel": kernel, "stride": 1, "padding": kernel // 2, "in": ins, "out": outs,
            "bias": False, "size": size}  # fmt: skip
    return [{"op": "bn", "channels": ins}, {"op": "relu"}, *_step(conv)]


def _dense_block(row: dict[str, Any]) -> list[Node]:
    growth, inner, ins = row["growth"], row["bottleneck_width"], row["in"]
    words = f"BN-ReLU-conv1x1({inner})-" if inner != "none" else ""
    assert row["layer"] == f"{words}BN-ReLU-conv3x3 p1({growth}), concat [input, new]"
    nodes: list[Node] = []
    for _ in range(row["layers"]):
        new = [] if inner == "none" else _activated(ins, inner, 1, row["size"])
        new += _activated(ins if inner == "none" else inner, growth, 3, row["size"])
        nodes.append({"op": "concat", "branches": [[], new]})
        ins += growth
    assert ins == row["out"]
    return nodes


def _separate_modules(entry: dict[str, Any]) -> list[list[Node] | None]:
    """SE-BN-Inception's form: a stem, widths of modules with an SE unit behind each, and a head in words."""
    found: list[list[Node] | None] = []
    ins = entry["input"][0]
    for row in entry["stem"]:
        found.append(_step({**row, "in": ins, "bias": False}))
        ins = row["out"]
    for row in entry["modules"]:
        found.append([_widths(row, ins), *se(row["out"], row["se_width"])])
        ins = row["out"]
    assert entry["head"] == "avg pool 7x7, fc 1000"
    pool = {"op": "avg", "kernel": (7, 7), "before": (0, 0), "channels": ins, "map": (1, 1)}
    return [*found, [pool], [{"op": "fc", "in": ins, "out": 1000, "bias": True}]]


def _widths(row: dict[str, Any], ins: int) -> Node:
    size, stride = row["size"], row["stride"]

    def conv(channels: int, key: str, kernel: int, step: int = 1, side: int = size) -> list[Node]:
        return _step({"op": "conv", "kernel": kernel, "stride": step, "padding": kernel // 2, "in": channels,
                      "out": row[key], "bias": False, "size": side, "then": ["bn", "relu"]})  # fmt: skip

    kind, kernel, pool_stride = re.fullmatch(r"(avg|max) (\d)x\2 stride (\d)", row["pool"]).groups()  # type: ignore[union-attr]
    before = 1 if stride == 1 else 0
    pool = {"op": kind, "kernel": _pair(int(kernel)), "stride": _pair(int(pool_stride)), "before": _pair(before),
            "channels": ins, "map": _pair(size)}  # fmt: skip
    large = size * stride
    double = conv(ins, "double3x3_reduce", 1, 1, large) + conv(row["double3x3_reduce"], "double3x3a", 3, 1, large)
    branches = [
        conv(ins, "3x3_reduce", 1, 1, large) + conv(row["3x3_reduce"], "3x3", 3, stride),
        double + conv(row["double3x3a"], "double3x3b", 3, stride),
        [pool, *(conv(ins, "pool_proj", 1) if "pool_proj" in row else [])],
    ]
    return {"op": "concat", "branches": ([conv(ins, "1x1", 1)] if "1x1" in row else []) + branches}


def _before(row: dict[str, Any]) -> tuple[int, int]:
    """Top and left: `valid`, `same(3)`, `same(0,3)`, `pad(1)`, TensorFlow's `same(h2+3,w2+3)`, or a number."""
    if "p" not in row:
        return _pair(row.get("pad", row.get("padding")))
    if row["p"] == "valid":
        return 0, 0
    found = re.fullmatch(r"(?:same|pad)\(h?(\d)(?:\+\d)?(?:,w?(\d)(?:\+\d)?)?\)", row["p"])
    assert found, row["p"]
    return int(found[1]), int(found[2] or found[1])


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


def _map(row: dict[str, Any]) -> tuple[int, int]:
    if "hw" in row:
        return _size(row["hw"])
    return _pair(row["size"]) if "size" in row else _size(row["out"].partition("x")[2])


# ---- both


def difference(expected: Any, found: Any, where: str = "") -> str | None:
    """The first place where what was found is not what was expected, in words."""
    if isinstance(expected, list):
        for place, (one, other) in enumerate(zip(expected, found, strict=False)):
            if text := difference(one, other, f"{where}[{place}]"):
                return text
        same = len(expected) == len(found)
        return None if same else f"{where}: {len(found)} nodes for {len(expected)}: {_ops(found)} for {_ops(expected)}"
    if isinstance(expected, dict):
        for key, value in expected.items():
            if key not in found:
                return f"{where}: no {key} in {found}, expected {expected}"
            if text := difference(value, found[key], f"{where} {expected.get('op', '')} {key}"):
                return text
        return None
    if isinstance(expected, float):
        return None if math.isclose(expected, found, rel_tol=1e-6) else f"{where}: {found} for {expected}"
    return None if expected == found else f"{where}: {found} for {expected}"


def _ops(nodes: Iterable[Any]) -> str:
    return " ".join(node.get("op", "?") if isinstance(node, dict) else "[...]" for node in nodes)
