"""Training on a GPU: mixed precision, and going on after a stop. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from convnets.data import Loader, open_source
from convnets.errors import Interrupted
from convnets.models import create_model
from convnets.runs import checkpoint
from convnets.spec import Augment, Preprocess
from convnets.train import keeper, run
from convnets.train.forward import make_forward
from convnets.train.machine import Machine
from convnets.train.plan import Request
from convnets.train.resume import resume
from convnets.train.state import Training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize(
    ("precision", "compiled", "more"),
    [
        ("auto", False, ()),
        ("float32", False, ()),
        ("float16", False, ()),
        ("auto", True, ()),  # its steps are recorded as a CUDA graph
        ("auto", True, ("accumulate=2",)),
        ("auto", False, ("optimizer=adamw", "optimizer.lr=0.003")),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when it compiles
def test_a_run_learns_and_goes_on(
    precision: str, compiled: bool, more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request("resnet20", "digits", epochs=8, assignments=(f"precision={precision}", *more))
    machine, out = Machine(torch.device("cuda"), compile=compiled), tmp_path / "run"
    after_step = keeper.RunKeeper.after_step

    def stopped(self: keeper.RunKeeper, training: Training) -> None:
        if training.step == 15:
            self.signal = 15
        after_step(self, training)

    with monkeypatch.context() as patch:
        patch.setattr(keeper.RunKeeper, "after_step", stopped)
        with pytest.raises(Interrupted):
            run.start(request, machine, str(out))
    tensors, _ = checkpoint.load(out / "last.safetensors")
    assert "random.cuda" in tensors
    resume(str(out), Request(), machine)
    _, state = checkpoint.load(out / "last.safetensors")
    assert state["progress"]["epoch"] == 8 and state["log"][-1]["val_error"] < 15


def test_a_small_set_lives_on_the_device() -> None:
    split = open_source("digits").splits["train"]
    preprocess, augment = Preprocess(8, None, 1), Augment(pad=2, flip=True)
    here, there = (
        Loader(split, preprocess, batch_size=64, augment=augment, shuffle=True, device=torch.device(device))
        for device in ("cpu", "cuda")
    )
    for one, other in zip(here.epoch(1), there.epoch(1), strict=True):
        assert other.images.is_cuda
        assert torch.equal(one.images, other.images.cpu())
        assert torch.equal(one.labels, other.labels)


def test_activations_computed_again_change_no_bit() -> None:
    found = []
    for recompute in (False, True):
        torch.manual_seed(0)
        network = create_model("densenet_bc_100_12").cuda().train()
        images = torch.randn(4, 3, 32, 32, device="cuda")
        make_forward(network, False, recompute)(images).square().sum().backward()
        found.append([*network.buffers(), *(parameter.grad for parameter in network.parameters())])
    for one, two in zip(*found, strict=True):
        assert one is not None and two is not None
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-5)  # sums on a GPU may be in another order each time
