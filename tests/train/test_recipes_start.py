"""Every recipe of every paper starts: three steps of each on a few small pictures, with all that belongs to a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convnets import models, papers, recipes
from convnets.data import Finish
from convnets.errors import UsageError
from convnets.train.loop import begin_epoch, take_step
from convnets.train.machine import Machine, make_loaders
from convnets.train.plan import Plan, Request, make_plan
from convnets.train.state import Training

CPU = torch.device("cpu")
SIDES = (32, 48, 64, 80, 96, 128, 160, 224)  # of the input; on smaller ones maps are one pixel and gradients explode
WHITENED = (16,)  # for which the matrix is made in no time
BATCH, STEPS = 4, 3


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of colour pictures a little larger than the inputs, for training and validation."""
    root, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for split, count in (("train", BATCH * STEPS), ("val", 2)):
        for label in ("a", "b"):
            (root / split / label).mkdir(parents=True)
            for index in range(count // 2):
                pixels = noise.integers(0, 256, (40, 44, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / label / f"{index}.png")
    return root


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network_of(recipe: str) -> str:
    """The cheapest network that the recipe trains, or of its family where it names none."""
    family = recipe.partition("/")[0]
    one = recipes.paper_recipes(family)[recipe]
    entries = [papers.find(name) for name in papers.names() if papers.find(name).family == family]
    own = [entry for entry in entries if one.trains(entry.name)] or entries
    auxiliary = [entry for entry in own if models.auxiliary_forms(entry.name)]
    return min(auxiliary if one.recipe.auxiliary else own, key=lambda entry: entry.multiply_adds).name


def plan_of(recipe: str, data: Path) -> Plan:
    """The recipe's plan at the smallest size that its network takes, without anything else changed but the batch."""
    sides = WHITENED if recipes.find(recipe).preprocess.whiten else SIDES
    for side in sides:
        try:
            changes = (f"preprocess.size={side}", f"batch_size={BATCH}")
            return make_plan(Request(network_of(recipe), str(data), recipe, assignments=changes))
        except UsageError as error:
            if side == sides[-1] or not any(word in str(error) for word in ("too small", "does not fit", "1x1 map")):
                raise
    raise AssertionError


@pytest.mark.parametrize("recipe", recipes.paper_recipes())
def test_three_steps(recipe: str, pictures: Path) -> None:
    plan = plan_of(recipe, pictures)
    training = Training(plan.network(), plan.recipe, CPU, plan.statistics)
    loader, val_loader = make_loaders(plan.source, plan.recipe, plan.statistics, Machine(CPU, workers=0))
    finish = Finish(plan.recipe.preprocess, plan.statistics, plan.recipe.augment, plan.recipe.seed)
    # the papers' rates are made for batches a hundred times as large, over which normalisation is no lottery
    rate = 1e-3 * (training.scheduler.rate(0.0) or training.recipe.optimizer.lr)
    begin_epoch(training)
    before = {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}
    for batch in loader.epoch(0):
        take_step(training, training.model, finish, [batch], rate)
    assert training.step == STEPS
    training.check_finite()
    changed = sum(not torch.equal(value, before[name]) for name, value in training.model.named_parameters())
    assert changed > len(before) / 10  # where the rate is small, some large weights round back to themselves
    assert val_loader is not None and len(val_loader) == 1
    json.dumps(training.state(), allow_nan=False)
