"""The engines on a GPU. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convnets import Predictor, create_model, engines
from convnets.data import NO_STATISTICS
from convnets.engines import Program
from convnets.engines.choose import HALF, difference
from convnets.engines.torch_engines import answers
from convnets.evaluate.subject import describe, program_of
from convnets.runs import default_preprocess

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = torch.device("cuda")


def program(name: str, size: int) -> Program:
    torch.manual_seed(0)
    network = create_model(name).eval()
    about = describe(network, tuple(map(str, range(network.num_classes))), default_preprocess((3, size, size)),
                     NO_STATISTICS)  # fmt: skip
    return program_of(network, about, NO_STATISTICS)


@pytest.mark.parametrize("engine", ["torch", "compile"])
@pytest.mark.parametrize(("name", "size"), [("resnet20", 32), ("googlenet", 224)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when it compiles
def test_an_engine_answers_as_the_network_does(name: str, size: int, engine: str) -> None:
    asked = program(name, size)
    run, pictures = engines.open_engine(engine, asked, 4, CUDA), asked.about.example(6, seed=2)
    found = np.concatenate([run(pictures[:4]), run(pictures[4:])])
    assert difference(found, answers(asked.deployed, pictures, exact=True)) < HALF


def test_a_network_too_large_for_half_precision() -> None:
    asked = program("resnet20", 32)
    with torch.no_grad():
        next(asked.deployed.parameters()).mul_(1e6)
    run, pictures = engines.open_engine("torch", asked, 4, CUDA), asked.about.example(4, seed=2)
    assert difference(run(pictures), answers(asked.deployed, pictures, exact=True)) < HALF


def test_a_network_on_the_gpu_answers_there() -> None:
    torch.manual_seed(0)
    network = create_model("resnet20").eval()
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    here = Predictor(network).logits(pictures)
    network.to(CUDA)
    for engine in ("auto", "torch", "compile"):
        assert difference(Predictor(network, engine=engine).logits(pictures), here) < HALF
