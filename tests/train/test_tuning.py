"""Layout and compilation: what is measured decides once, the run keeps it, and losses stay what they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from convnets import cache, spec
from convnets.engines.torch_engines import has_compiler
from convnets.errors import UsageError
from convnets.models import create_model
from convnets.runs import checkpoint
from convnets.runs.folder import RUN
from convnets.spec import Recipe
from convnets.train import run, tuning
from convnets.train.forward import without_copies
from convnets.train.machine import Machine
from convnets.train.plan import Request, make_plan
from convnets.train.resume import resume

CPU = torch.device("cpu")
DIGITS = Request("resnet20", "digits", epochs=1, assignments=("epoch_size=256",))


def pace(monkeypatch: pytest.MonkeyPatch, channels_last: float, contiguous: float) -> None:
    """Let the measurement say so many seconds for a picture."""
    times = {"channels_last": channels_last, "contiguous": contiguous}
    monkeypatch.setattr(tuning, "measured_pace", lambda *_: times)


@pytest.mark.parametrize(
    ("contiguous", "chosen"), [(2.0, True), (1.0, True), (0.97, True), (0.9, False), (0.5, False)]
)
def test_the_layout_is_contiguous_only_where_that_is_clearly_faster(
    contiguous: float, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace(monkeypatch, 1e-6, contiguous * 1e-6)
    plan, machine = tuning.tuned(make_plan(DIGITS), Machine(CPU, compile=None))
    assert plan.recipe.channels_last is chosen and machine.compile is False
    assert f"channels_last has {contiguous:.2f} times the speed" in plan.said[-1]


def test_what_was_set_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "measured_pace", None)
    plan = make_plan(Request("resnet20", "digits", assignments=("channels_last=False",)))
    assert tuning.tuned(plan, Machine(CPU))[0].recipe.channels_last is False


def test_auto_true_and_false_are_read() -> None:
    for text, value in (("auto", "auto"), ("true", True), ("False", False)):
        assert spec.override(Recipe(), [f"channels_last={text}"]).channels_last == value
    old = {**spec.to_dict(Recipe()), "channels_last": True}
    assert spec.from_dict(Recipe, old).channels_last is True
    with pytest.raises(UsageError, match="channels_last: 'maybe' is not one of auto, True, False"):
        spec.override(Recipe(), ["channels_last=maybe"])


@pytest.mark.parametrize("contiguous", [0.5, 2.0])
def test_a_run_keeps_its_layout_whatever_is_measured_later(
    contiguous: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace(monkeypatch, 1e-6, contiguous * 1e-6)
    for name in ("whole", "parts"):
        run.start(Request(**{**vars(DIGITS), "epochs": 2}), Machine(CPU), str(tmp_path / name))
    stored = json.loads((tmp_path / "parts" / RUN).read_text())
    assert stored["recipe"]["channels_last"] is (contiguous > 1)
    for path in (tmp_path / "parts").glob("*.safetensors"):
        path.unlink()
    pace(monkeypatch, contiguous * 1e-6, 1e-6)
    resume(str(tmp_path / "parts"), Request(), Machine(CPU))
    whole, parts = (checkpoint.load(tmp_path / name / "last.safetensors")[0] for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_measurement_is_made_once_and_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path))
    torch.manual_seed(7)
    before, recipe = torch.get_rng_state(), spec.override(Recipe(), ["preprocess.size=8", "batch_size=8"])
    first = tuning.measured_pace("resnet20", {}, recipe, CPU)
    assert first.keys() == tuning.LAYOUTS.keys() and min(first.values()) > 0
    assert torch.equal(torch.get_rng_state(), before)
    monkeypatch.setattr(tuning, "_measure", None)
    assert tuning.measured_pace("resnet20", {}, recipe, CPU) == first
    assert len(list((cache.cache_folder() / "pace").iterdir())) == 1


@pytest.mark.parametrize(
    ("network", "seconds", "options", "said"),
    [
        ("resnet20", 1.0, {}, "compiled: it takes about"),
        ("resnet20", 1e-6, {}, "memory layout"),
        ("resnet20", 1.0, {"checkpoint_activations": True}, "not compiled: it computes activations again"),
        ("sd_resnet110", 1.0, {}, "not compiled: blocks are left out at random"),
        ("resnet20", 1.0, {"compile": False}, "memory layout"),
    ],
)
def test_long_runs_are_compiled(
    network: str, seconds: float, options: dict[str, bool], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace(monkeypatch, seconds, seconds)
    monkeypatch.setattr(tuning, "has_compiler", lambda _: True)
    machine = Machine(CPU, **{"compile": None, **options})  # type: ignore[arg-type]
    plan, machine = tuning.tuned(make_plan(Request(network, "digits", epochs=4)), machine)
    assert plan.said[-1].startswith(said) and machine.compile is said.startswith("compiled")


def test_without_a_compiler_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, 1.0, 1.0)
    monkeypatch.setattr("shutil.which", lambda _: None)
    plan, machine = tuning.tuned(make_plan(DIGITS), Machine(CPU, compile=None))
    assert machine.compile is False
    plan, machine = tuning.tuned(make_plan(Request("resnet20", "digits", epochs=40)), Machine(CPU, compile=None))
    assert machine.compile is False and "there is no C++ compiler" in plan.said[-1]


@pytest.mark.parametrize("name", ["resnet20", "xception", "preact_resnet110", "vgg11", "densenet_40_12"])
def test_relus_in_place_change_no_bit(name: str) -> None:
    """Xception and pre-activation have ReLUs whose input others read too."""
    found = []
    for in_place in (False, True):
        torch.manual_seed(0)
        size = {"xception": 75, "vgg11": 32}.get(name, 8)
        given = {"input_size": 32} if name == "vgg11" else {}
        network = create_model(name, num_classes=10, **given).train()
        if in_place:
            without_copies(network)
            assert any(part.inplace for part in network.modules() if isinstance(part, nn.ReLU))
        logits = network(torch.randn(2, 3, size, size))
        logits.square().sum().backward()
        found.append([logits, *(parameter.grad for parameter in network.parameters())])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when it compiles
def test_a_compiled_run_has_the_same_losses_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    if not has_compiler(CPU):
        pytest.skip("needs a C++ compiler")
    given = ("epoch_size=512", "batch_size=32", "model.depth=10", "model.dropout=0.2")
    request = Request("densenet_40_12", "digits", epochs=2, assignments=given)
    for name, compiled in (("plain", False), ("whole", True), ("parts", True)):
        run.start(request, Machine(CPU, compile=compiled, save_steps=3), str(tmp_path / name))
    rows = {name: checkpoint.load(tmp_path / name / "last.safetensors")[1]["log"] for name in ("plain", "whole")}
    for plain, compiled in zip(rows["plain"], rows["whole"], strict=True):  # dropout draws the same numbers
        assert compiled["train_loss"] == pytest.approx(plain["train_loss"], rel=1e-4)
    for path in (tmp_path / "parts").glob("last.*"):  # back to the save before
        path.unlink()
    resume(str(tmp_path / "parts"), Request(), Machine(CPU, compile=None))
    whole, parts = (checkpoint.load(tmp_path / name / "last.safetensors")[0] for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
