"""What the oracles list beside the networks of the index: auxiliary classifiers, other inputs, stems, other counts.

The last test holds that nothing of an entry is left out: every key is checked somewhere, or is prose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from convnets import describe
from convnets.models import auxiliary_forms, with_auxiliary
from convnets.models.wide_resnet import wrn
from tests.networks import on_meta
from tests.oracles import FAMILIES, SHARED, entries, index
from tests.wiring import difference, measure, read, rows, shapes_of

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/papers")
NORMS = nn.BatchNorm1d | nn.BatchNorm2d


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# ---- totals


def totals() -> Iterator[tuple[str, dict[str, Any], tuple[int, ...], int, int | None]]:
    """Network, axes, input, parameters, multiply-adds of everything with totals of its own but no line in the index."""
    for error in (13, 11):
        found = entries("alexnet")[f"cuda_convnet_cifar10_{error}pct"]["totals_if_input_32"]
        yield f"cuda_convnet_{error}", {"input_size": 32}, (3, 32, 32), found["params"], found["macs"]
    separable = entries("googlenet")["googlenet"]["variant_separable_conv1_total"]
    yield "googlenet", {"separable_stem": True}, (3, 224, 224), separable, 1498677248  # stands in its published_totals
    yield from bn_inception_totals()
    found = entries("inception_v4")["inception_resnet_v2_paper"]["alternative_repeats"]["5_10_5"]
    yield "inception_resnet_v2", {}, (3, 299, 299), found["params"], found["macs"]
    for name, key, net in (
        ("xception_non_residual", "computed_totals", "xception_non_residual"),
        ("xception_jft_no_fc", "computed_totals_17000_outputs_no_dropout", "xception_jft"),
        ("xception_jft_fc", "computed_totals_17000_outputs", "xception_jft_fc"),
    ):
        found = entries("xception")[name][key]
        yield net, {}, (3, 299, 299), found["trainable_bn_gamma_beta"], found["macs"]
    port = entries("inception_v3")["inception_v3_keras_1x_port"]
    baseline = entries("xception")["inception_v3_baseline_of_this_paper"]["paper_totals"]["params"]
    for parameters in (port["computed_params_trainable_with_conv_bias_gamma_beta"], baseline):
        yield "inception_v3_keras_1x", {}, (3, 299, 299), parameters, None
    for name, net in (("40-k12", "40_12"), ("100-k12", "100_12"), ("100-k24", "100_24")):
        found = entries("densenet")[f"densenet-{name}"]["if_stem_is_2k_as_in_released_code"]
        yield f"densenet_{net}_released", {}, (3, 32, 32), found["params"], found["multiply_adds"]
    found = entries("preact_resnet")["resnet-200-original"]["computed"]
    for net, axes, stride in (("resnet200", {}, "1x1"), ("preact_resnet200", {"unit": "original"}, "3x3")):
        yield net, axes, (3, 224, 224), found["params"], found[f"multiply_adds_stride_on_{stride}"]
    found = entries("stochastic_depth")["sd-resnet-152-imagenet"]["computed"]
    yield "sd_resnet152_imagenet", {}, (3, 224, 224), found["params"], found["multiply_adds_stride_on_3x3"]


def bn_inception_totals() -> Iterator[tuple[str, dict[str, Any], tuple[int, ...], int, int | None]]:
    listed, picture = entries("bn_inception"), (3, 224, 224)
    summary = listed["inception_variants_params_summary"]["computed"]
    for name, net, separable in (
        ("sep_stem_proj96", "bn_inception", True), ("plain_stem_proj96", "bn_inception", False),
        ("sep_stem_proj128", "bn_inception_caffe", True), ("plain_stem_proj128", "bn_inception_caffe", False),
    ):  # fmt: skip
        yield net, {"separable_stem": separable}, picture, summary[name], None
    for name, separable in (("sep", True), ("plain", False)):
        found = listed["inception_no_bn"][f"computed_totals_{name}_stem"]
        axes = {"separable_stem": separable}
        yield "inception_no_bn", axes, picture, found["trainable_bn_gamma_beta"], found["macs"]
    assert listed["bn_x5_sigmoid"]["totals"] == "same as bn_inception"
    same = listed["bn_inception_fig5_output_sizes"]["computed_totals"]
    yield "bn_inception", {"activation": "sigmoid"}, picture, same["trainable_bn_gamma_beta"], same["macs"]
    mlp = listed["mnist_mlp_3x100"]["computed_totals"]
    yield "mnist_mlp", {"bn": False}, (1, 28, 28), mlp["params_without_bn"], None
    # its convolutions have biases in the port, which take part in nothing: the running means absorb them
    port = listed["bn_inception_fig5_pool_proj_column"]
    biases = port["computed_totals"]["bn_channels"]
    yield "bn_inception_caffe", {}, picture, port["variant_with_conv_biases"]["trainable"] - biases, None


CASES = list(totals()) if SHARED.is_dir() else []


@pytest.mark.parametrize(
    ("name", "axes", "shape", "parameters", "multiply_adds"), CASES, ids=[f"{name}-{axes}" for name, axes, *_ in CASES]
)
def test_totals(
    name: str, axes: dict[str, Any], shape: tuple[int, ...], parameters: int, multiply_adds: int | None
) -> None:
    network = on_meta(name, **axes)
    assert count(network) == parameters
    if multiply_adds is not None:
        assert sum(row.multiply_adds for row in measure(network, shape).values()) == multiply_adds


@pytest.mark.parametrize(
    ("name", "kernels"), [("B(1,3,1)", (1, 3, 1)), ("B(3,1,1)", (3, 1, 1)), ("B(3,1,3)", (3, 1, 3))]
)
def test_the_other_count_of_depth_in_wide_resnets_table_2(name: str, kernels: tuple[int, ...]) -> None:
    """As many units as make the printed depth when every convolution counts, which does not make the parameters."""
    (entry,) = [entry for key, entry in entries("wide_resnet").items() if key.endswith(name)]
    counted = entry["if_depth_counted_convs"]
    assert not counted["matches_paper"]
    with torch.device("meta"):
        assert count(wrn(counted["units_per_group"], 2, kernels)) == counted["params"]
        assert count(wrn(entry["units_per_group"], 2, kernels)) == entry["computed"]["params"]


# ---- what the totals of the index are made of

COUNTED = [(line["oracle"], line["network"]) for line in index()] if SHARED.is_dir() else []


@pytest.mark.parametrize(("family", "entry_name"), COUNTED, ids=[f"{name}-{family}" for family, name in COUNTED])
def test_what_the_totals_are_made_of(family: str, entry_name: str) -> None:
    (line,) = [line for line in index() if (line["oracle"], line["network"]) == (family, entry_name)]
    network = on_meta(line["catalogue_name"], **json.loads(line["overrides"] or "{}"))
    entry = entries(family)[entry_name]
    if entry_name == "zf_frcnn_backbone":  # which has no classifier
        network = network[: list(dict(network.named_children())).index(network.head)]
    modules = list(network.modules())
    convs = sum(isinstance(module, nn.Conv2d) for module in modules)
    norms = [module for module in modules if isinstance(module, NORMS)]
    named = [(name.rpartition(".")[2], values) for name, values in network.named_parameters()]
    weights = sum(values.numel() for name, values in named if name == "weight" and values.dim() > 1)
    affine = sum(count(norm) for norm in norms)
    statistics = sum(b.numel() for b in network.buffers() if b.dim())
    ours = {
        "weights_only": weights, "conv_fc_weights": weights,
        "biases_only": count(network) - weights, "conv_fc_biases": count(network) - weights - affine,
        "of_which_bn_gamma_beta": affine, "bn_running_stats_not_params": statistics, "bn_layers": len(norms),
        "bn_channels": affine // 2, "trainable_bn_gamma_beta": count(network),
        "trainable_bn_beta_only": count(network) - affine // 2,
        "all_incl_running_stats_gamma_beta": count(network) + statistics,
        "all_incl_running_stats_beta_only": count(network) - affine // 2 + statistics,
        "conv_layers": convs, "conv_layers_including_se": convs,
        "se_params": sum(count(module) for module in modules if type(module).__name__ == "SqueezeExcitation"),
    }  # fmt: skip
    found = [totals for key, totals in entry.items() if key in TOTALS and isinstance(totals, dict)]
    theirs = {key: value for totals in found for key, value in totals.items() if key in ours}
    assert {key: ours[key] for key in theirs} == theirs
    if family == "vgg":
        fully_connected = sum(isinstance(module, nn.Linear) for module in modules)
        assert (convs, convs + fully_connected) == (entry["conv_layers"], entry["weight_layers"])
    if "bn_eps" in entry:
        assert {norm.eps for norm in norms} == {entry["bn_eps"]}


TOTALS = ("computed", "computed_totals", "totals_computed")


# ---- auxiliary classifiers


def wired(network: Any, form: str, row: str) -> tuple[nn.Module, list[Any], tuple[int, ...]]:
    """An auxiliary classifier, its nodes, and the shape that it receives."""
    with torch.device("meta"):
        wrapper = with_auxiliary(network, form).eval()
    shapes = shapes_of(wrapper, (network.in_channels, *describe(network.name)["input"][1:]))
    head = wrapper.heads[row]
    return head, read(head, shapes), shapes[head][0]


@pytest.mark.parametrize(
    ("family", "entry_name", "network", "form", "row"),
    [
        ("googlenet", "googlenet_aux1", "googlenet", "paper", "inception_4a"),
        ("googlenet", "googlenet_aux2", "googlenet", "paper", "inception_4d"),
        ("inception_v3", "aux_head_tf_slim", "inception_v3", "released", "mixed_6e"),
        ("inception_v3", "aux_head_fig8", "inception_v3", "fig8", "mixed_6e"),
    ],
)
def test_auxiliary_classifiers(family: str, entry_name: str, network: str, form: str, row: str) -> None:
    entry = entries(family)[entry_name]
    head, nodes, came = wired(on_meta(network), form, row)
    expected = [node for nodes in rows(entry) for node in nodes or ()]
    assert difference(expected, nodes) is None
    assert "x".join(map(str, came)) == entry["input"]
    total = entry.get("totals_computed") or entry["computed_totals"]
    assert count(head) == total.get("params", total.get("trainable_bn_gamma_beta"))
    assert measure(nn.Sequential(head), came)["0"].multiply_adds == total["macs"]
    if "attach" in entry:
        assert entry["attach"] == f"output of {row.replace('_', ' (')})"
    elif form == "released":
        assert entries("inception_v3")["inception_v3_tf_slim"]["aux_attach_point"].startswith("output of Mixed_6e")


@pytest.mark.parametrize(
    ("entry_name", "network", "row", "attach", "channels"),
    [
        ("inception_v4", "inception_v4", "inception_b", "after the last Inception-B (1024 channels)", 1024),
        ("inception_v4", "inception_v4_slim", "inception_b", "after the last Inception-B (1024 channels)", 1024),
        ("inception_resnet_v2_tf_slim", "inception_resnet_v2_slim", "block17", "after the last Block17 (1088 channels)",
         1088),
    ],
)  # fmt: skip
def test_inception_v4s_auxiliary_classifier_is_inception_v3s(
    entry_name: str, network: str, row: str, attach: str, channels: int
) -> None:
    said = entries("inception_v4")["auxiliary_head_tf_slim"]
    assert said["layers"] == "5x5/3 average pool valid, 1x1 conv 128, 5x5 valid conv 768, linear"
    assert attach in said["attach"].values()
    head, nodes, came = wired(on_meta(network), "released", row)
    expected = [node for nodes in rows(entries("inception_v3")["aux_head_tf_slim"]) for node in nodes or ()]
    assert came == (channels, 17, 17)
    pool, first = expected[0], expected[1]
    assert difference([pool, {**first, "in": channels}, *expected[2:]], nodes) is None
    total = entries("inception_v4")[entry_name]["totals_with_tf_slim_aux_head"]
    assert count(head) == total["aux_only_gamma_beta"]
    assert count(head) + count(on_meta(network)) == total["trainable_bn_gamma_beta"]


def test_totals_with_auxiliary_classifiers() -> None:
    with torch.device("meta"):
        totals = {name: count(with_auxiliary(on_meta(name))) for name in ("googlenet", "inception_v3")}
    assert totals == {
        "googlenet": entries("googlenet")["googlenet"]["total_with_aux_heads"],
        "inception_v3": entries("inception_v3")["inception_v3_tf_slim"]["totals_with_aux_head"][
            "trainable_bn_gamma_beta"
        ],
    }
    assert not auxiliary_forms("inception_resnet_v1")


# ---- Inception v3: Table 1's stem, and other inputs


def test_the_stem_of_table_1() -> None:
    network, entry = on_meta("inception_v3_table1"), entries("inception_v3")["table1_stem_literal"]
    shapes = shapes_of(network, (3, 299, 299))
    stem = list(network)[: len(entry["layers"])]
    for row, nodes in zip(stem, rows(entry), strict=True):
        assert nodes
        assert difference(nodes, read(row, shapes)) is None
    total = entry["computed_totals"]
    assert sum(map(count, stem)) == total["trainable_bn_gamma_beta"]
    measured = list(measure(network, (3, 299, 299)).values())
    assert sum(row.multiply_adds for row in measured[: len(stem)]) == total["macs"]
    grids = [row.shape for row in measured[len(stem) - 1 : -3]]
    assert entry["rest_of_table1"].startswith(
        "3x Inception (Fig. 5) on 35x35x288, 5x Inception (Fig. 6) on 17x17x768, 2x"
    )
    assert grids == [(288, 35, 35)] * 4 + [(768, 17, 17)] * 6 + [(1280, 8, 8), (2048, 8, 8), (2048, 8, 8)]


@pytest.mark.parametrize(
    ("variant", "network", "side"),
    [("299_s2_pool", "inception_v3", 299), ("151_s1_pool", "inception_v3_151", 151),
     ("79_s1_nopool", "inception_v3_79", 79)],
)  # fmt: skip
def test_low_resolution_inputs(variant: str, network: str, side: int) -> None:
    entry = entries("inception_v3")["low_resolution_variants"]
    expected = entry["variants"][variant]
    assert describe(network)["input"] == [3, side, side]
    measured = measure(on_meta(network), (3, side, side))
    stem = [name for name in measured if name.startswith(("conv2d", "maxpool"))]
    assert ["{1}x{2}".format(*measured[name].shape) for name in stem] == expected["stem_spatial_sizes"]
    assert sum(measured[name].multiply_adds for name in stem) == expected["stem_macs"]
    assert sum(row.multiply_adds for row in measured.values()) == expected["total_macs"]
    assert [measured[name].shape[1] for name in ("mixed_5d", "mixed_6e", "mixed_7c")] == expected["module_grids"]


def test_other_low_resolution_inputs() -> None:
    entry = entries("inception_v3")["low_resolution_variants"]
    third = measure(on_meta("inception_v3_79"), (3, 77, 77))
    assert entry["exact_third"]["input"] == 77
    assert sum(row.multiply_adds for row in third.values()) == entry["exact_third"]["total_macs"]
    assert [third[name].shape[1] for name in ("mixed_5d", "mixed_6e", "mixed_7c")] == [35, 17, 8]
    scaled = entry["scaled_down_triple"]
    for network, side in zip(("inception_v3", "inception_v3_151", "inception_v3_79"), scaled["inputs"], strict=True):
        measured = measure(on_meta(network), (3, side, side))
        assert [measured[name].shape[1] for name in ("mixed_5d", "mixed_6e", "mixed_7c")] == scaled["grids"]


def test_inception_v3s_first_keras_port() -> None:
    """What its entry says in words, on top of the parameters, which agree."""
    network = on_meta("inception_v3_keras_1x")
    measured = measure(network, (3, 299, 299))
    assert [measured[f"mixed_5{letter}"].shape[0] for letter in "bcd"] == [256, 256, 256]
    assert next(conv.out_channels for conv in network.mixed_6e.long.modules() if isinstance(conv, nn.Conv2d)) == 160
    assert isinstance(network.mixed_7a.pool, nn.AvgPool2d)
    nodes = read(network.mixed_5b, shapes_of(network, (3, 299, 299)))
    assert [node["op"] for node in nodes[0]["branches"][0]] == ["conv", "relu", "bn"]
    assert nodes[0]["branches"][0][0]["bias"]


# ---- the rest

PROSE = {
    "alexnet": {"check", "input_note", "optimisation", "order_in_block", "order_note", "published_totals", "reading",
                "schedule", "share_of_total_percent", "size_note", "source_seen", "where"},
    "bag_of_tricks": {"cross_check", "cumulative", "items", "libraries", "paper_totals", "source"},
    "bn_inception": {"cross_check", "gap_to_paper", "hypothesis_not_in_paper", "paper_totals", "role", "source",
                     "where"},
    "densenet": {"order", "published"},
    "googlenet": {"depth", "loss_weight", "padding_note", "published_totals", "reading", "where", "zero_mean_input"},
    "inception_v3": {"cross_check", "differences", "how", "init", "loss_weight", "loss_weight_source", "note",
                     "paper_totals", "role", "source", "where"},
    "inception_v4": {"cross_check", "differences_from_paper", "expand_counting", "paper_totals", "role", "source",
                     "text", "where"},
    "nin": {"difference", "published", "published_totals", "reading", "size_check_derived", "size_note", "solver",
            "source_seen", "structure", "trap_ceil", "trap_final_relu"},
    "preact_resnet": {"depth_rule", "order", "published", "shortcut_option"},
    "resnet": {"depth_rule", "order", "published", "shortcut_option", "stride_on"},
    "resnext": {"note", "order", "published", "stride_on"},
    "senet": {"checked_against", "layer_count", "mismatch", "note", "order", "published", "source", "stride_on"},
    "stochastic_depth": {"depth_rule", "note", "order", "shortcut_option"},
    "vgg": {"config", "published_totals", "where"},
    "wide_resnet": {"depth_rule", "note", "order", "published"},
    "xception": {"counting_flag", "cross_check", "dropout_note", "extra", "note", "role", "shapes", "shortcut_details",
                 "source", "where"},
    "zfnet": {"from_memory", "note", "order_in_block", "published_totals", "reading", "size_rule", "source_seen",
              "verified_in_transcription", "where"},
}  # fmt: skip
CHECKED = {
    "name", "input", "layers", "stages", "stem", "modules", "head", "classes", "computed", "computed_totals",
    "totals_computed", "computed_totals_sep_stem", "computed_totals_plain_stem", "computed_v1_5_stride_on_3x3",
    "totals_if_input_32", "totals", "variant_separable_conv1_total", "variant_with_conv_biases", "output_channels",
    "total_with_aux_heads", "totals_with_aux_head", "totals_with_tf_slim_aux_head", "aux_attach_point", "attach",
    "bn_eps", "variants", "exact_third", "scaled_down_triple", "rest_of_table1", "alternative_repeats", "units",
    "computed_params_trainable_with_conv_bias_gamma_beta", "computed_totals_17000_outputs",
    "computed_totals_17000_outputs_no_dropout", "if_stem_is_2k_as_in_released_code", "if_depth_counted_convs",
    "growth", "compression", "layers_per_block", "units_per_group", "convs_per_unit", "weight_layers", "conv_layers",
}  # fmt: skip
NUMBERS_IN_PROSE = {("xception", "paper_totals"): "inception_v3_baseline_of_this_paper"}  # checked above


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_of_an_entry_is_left_out(family: str) -> None:
    keys = {key for entry in entries(family).values() for key in entry}
    known = CHECKED | PROSE[family] | {key for name, key in NUMBERS_IN_PROSE if name == family}
    assert keys <= known
    assert PROSE[family] <= keys


@pytest.mark.parametrize("family", ["densenet", "wide_resnet", "preact_resnet"])
def test_depths_and_widths_that_an_entry_names(family: str) -> None:
    """`growth`, `compression`, `layers_per_block`, `units_per_group`, `convs_per_unit`, `units`."""
    for line in index():
        entry = entries(family).get(line["network"], {})
        if line["oracle"] != family or not NAMED & set(entry):
            continue
        network = on_meta(line["catalogue_name"], **json.loads(line["overrides"] or "{}"))
        rows = dict(network.named_children())
        stages = [row for name, row in rows.items() if name.startswith("stage")]
        if "units_per_group" in entry:
            assert {len(row) for row in stages} == {entry["units_per_group"]}
        if "convs_per_unit" in entry:
            assert all(len(unit.body) == entry["convs_per_unit"] for row in stages for unit in row)
        if isinstance(entry.get("units"), list):
            assert [len(rows[f"conv{number}_x"]) for number in (2, 3, 4, 5)] == entry["units"]
        if "layers_per_block" in entry:
            assert {len(rows[f"block{number}"]) for number in (1, 2, 3)} == {entry["layers_per_block"]}
        if "growth" in entry:
            assert rows["block1"][0].new.conv.conv.out_channels == entry["growth"]
        if "compression" in entry:
            conv = rows["transition1"].conv.conv
            assert conv.out_channels == int(conv.in_channels * entry["compression"])


NAMED = {"growth", "compression", "layers_per_block", "units_per_group", "convs_per_unit", "units"}
