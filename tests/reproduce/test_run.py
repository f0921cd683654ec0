"""Experiments from the plan to the report, on a few digits."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from convnets import experiments
from convnets.cli.reproduce import command, read_minutes, read_sources
from convnets.errors import DataError, Interrupted, ResourceError, UsageError
from convnets.experiments import Arm, Setting
from convnets.models.table import layer_table
from convnets.reproduce import Plan, budget, insides, job, pictures, run, writing
from convnets.reproduce.chain import Task
from convnets.reproduce.crew import Crew
from convnets.reproduce.networks import SMALL, build
from convnets.reproduce.plan import TINY, VERSION
from convnets.reproduce.report import notices, sentences, table, write_report
from convnets.reproduce.results import read_result
from convnets.reproduce.scoreboard import write_scoreboard
from convnets.reproduce.sources import plan_of
from convnets.reproduce.verdict import judge
from convnets.reproduce.writing import write_result
from convnets.spec import Step


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", experiments.every())
def test_every_experiment_runs(name: str, tmp_path: Path) -> None:
    """A few steps of every arm, and the report of that."""
    plan = plan_of(experiments.find(name), "tiny", {"": "digits"}, 1, "cpu")
    results: Any = {arm: {0: run.carry_out(plan, arm, 0, None, 1.0)} for arm in plan.experiment.arms}
    result = write_result(plan, tmp_path, results, 1.0)
    lines = list(write_report(result))
    assert not any("nan" in line.split() for line in lines)
    assert lines[0].startswith("? "), "one seed decides nothing"
    page = (tmp_path / "report.html").read_text()
    assert plan.experiment.title in page and "<svg" in page and not re.search(r"(src|href)=.http", page)
    for arm, key in plan.experiment.contrasts.values():
        assert key in results[arm][0] or key.startswith("curves."), "there is nothing to compare"
    never = plan.experiment.metric == "epochs_to" or plan.experiment.contrasts  # nobody learns anything in a few steps
    for finding in json.loads(result.read_text())["findings"]:
        assert finding["mean"] is not None or never, "there is nothing to compare"


def test_a_run_goes_on_and_ends_with_a_verdict(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_of(experiments.find("max_vs_average_pooling"), "tiny", {"": "digits"}, 3, "cpu")
    first = run.run(plan, tmp_path, 1.0, 2, said.append)
    content, _, results, _ = read_result(first)
    assert content["seeds"] == [0, 1, 2] and all(len(by_seed) == 3 for by_seed in results.values())
    assert sum(", seed " in line for line in said) == 6 and said[-1].endswith("done")
    (tmp_path / run.JOBS / "avg-1.json").unlink()
    said.clear()
    _, _, again, _ = read_result(run.run(plan, tmp_path, 1.0, 2, said.append))
    assert sum(", seed " in line for line in said) == 1, "only what was missing"
    for arm, by_seed in results.items():
        for seed, values in by_seed.items():
            assert again[arm][seed]["test_error"] == values["test_error"], "the same seed gives the same result"
    said.clear()
    reworded = dataclasses.replace(plan.experiment, claim="In other words.")
    run.run(dataclasses.replace(plan, experiment=reworded), tmp_path, 1.0, 2, said.append)
    assert not any(", seed " in line for line in said), "nothing that a result depends on has changed"
    arms = {**plan.experiment.arms, "avg": Arm(plan.experiment.arms["avg"].values, ("optimizer.lr=0.001",))}
    other = dataclasses.replace(plan, experiment=dataclasses.replace(plan.experiment, arms=arms))
    run.run(other, tmp_path, 1.0, 2, said.append)
    assert sum(line.startswith("avg, seed ") for line in said) == 3, "a changed arm is trained again"
    assert not any(line.startswith("max, seed ") for line in said)


def test_a_run_is_not_lost_to_one_with_other_settings(tmp_path: Path) -> None:
    one = experiments.find("max_vs_average_pooling")
    first = run.run(plan_of(one, "tiny", {"": "digits"}, 3, "cpu", epochs=1), tmp_path, 1.0, 2, lambda line: None)
    before = first.read_text()
    longer = plan_of(one, "tiny", {"": "digits"}, 1, "cpu", epochs=2)
    with pytest.raises(UsageError, match="has a run with other epochs; give another folder"):
        run.run(longer, tmp_path, 1.0, 2, lambda line: None)
    assert first.read_text() == before
    content, *_ = read_result(run.run(longer, tmp_path, 1.0, 2, lambda line: None, overwrite=True))
    assert content["epochs"] == 2 and content["seeds"] == [0]


def test_a_run_that_is_going_on_is_left_alone(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 1, "cpu")
    with run._alone(tmp_path), pytest.raises(UsageError, match="another call is at work there"):
        run.run(plan, tmp_path, 1.0, 1, lambda line: None)
    assert run.run(plan, tmp_path, 1.0, 1, lambda line: None).exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_says_so_in_one_line(number: int, code: int, tmp_path: Path) -> None:
    name = "max_vs_average_pooling"
    arguments = ("reproduce", "run", name, "--scale", "tiny", "--epochs", "20", "--seeds", "99", "--out", str(tmp_path))
    with subprocess.Popen([sys.executable, "-m", "convnets", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        while not list(tmp_path.glob("*/jobs/*.json")) and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code and len(said.splitlines()) == 1, said
    assert list(tmp_path.glob("*/jobs/*.json")), "what was done is kept"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_does_not_reach_the_processes_that_do_jobs() -> None:
    """As a terminal sends it to the whole group: while they import torch, it would be many lines of traceback."""
    with Crew(1) as crew:
        [(_, kept_away)] = crew.all(signal.pthread_sigmask, [(signal.SIG_BLOCK, [])])
    assert signal.SIGINT in kept_away
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_what_was_done_of_a_run_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(experiments.find("max_vs_average_pooling"), "tiny", {"": "digits"}, 3, "cpu", epochs=1)
    left: list[int] = []

    def stopped(*given: Any) -> Path:
        path = write_result(*given)
        left.append(given[4])
        if len(left) == 2:
            raise KeyboardInterrupt
        return path

    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="Ctrl-C: what was done is kept"):
        patched.setattr(run, "write_result", stopped)
        run.run(plan, tmp_path, 1.0, 1, lambda line: None)
    lines = list(write_report(tmp_path / "result.json"))
    assert left == [5, 4] and lines[0].startswith("? ") and lines[1].strip().startswith("Not finished: 4 jobs are left")
    content, *_ = read_result(run.run(plan, tmp_path, 1.0, 1, lambda line: None))
    assert content["left"] == 0


def test_what_came_too_soon_is_told_beside_the_verdict() -> None:
    one = experiments.find("relu_vs_tanh")
    arms = {arm: {str(seed): {"test_error": 3.0, "epochs_to": 1.5} for seed in range(3)} for arm in one.arms}
    content: Any = {"data": "digits", "scale": "small", "seeds": [0, 1, 2], "arms": arms, "verdict": "undecided",
                    "version": VERSION}  # fmt: skip
    verdict = judge(one, {arm: {int(seed): values for seed, values in found.items()} for arm, found in arms.items()})
    assert verdict.verdict == "undecided"
    said = notices(one, content, verdict)
    assert "built-in digits in place of cifar10" in said[0] and "too soon" in said[1] and len(said) == 2
    for by_seed in arms.values():
        for values in by_seed.values():
            values |= {"reached": False, "epochs": 1, "epochs_to": 2.0}
    said = notices(one, content | {"scale": "tiny", "version": VERSION - 1}, verdict)
    assert "trial of the program" in said[1] and "other numbers" in said[2]
    assert len(said) == 3, "what did not come did not come too soon"
    results = {arm: {int(seed): values for seed, values in found.items()} for arm, found in arms.items()}
    assert [row[1] for row in table(one, results)[1]] == ["not within 1"] * 2


def test_a_relation_to_what_never_came_says_at_least() -> None:
    one = experiments.find("bn_speedup")
    results = {arm: {seed: {"test_error": 40.0, "epochs_to": place + 4 + seed / 10, "reached": True, "epochs": 8}
                     for seed in range(3)} for place, arm in enumerate(("BN x5", "BN x30", "BN", "plain"))}  # fmt: skip
    for values in results["plain"].values():
        values |= {"reached": False, "epochs_to": 9.0}
    said = sentences(one, judge(one, results))
    assert "above at least (" in said[2] and not any("at least (" in line for line in said[:2])
    for values in results["BN x30"].values():
        values |= {"reached": False, "epochs_to": 9.0}
    said = sentences(one, judge(one, results))
    assert "above at least (" in said[0] and "below at least (" in said[1]
    for seed, values in results["BN x30"].items():
        values |= {"reached": seed > 0, "epochs_to": 5.0}
    assert "above at most (" in sentences(one, judge(one, results))[1]
    results["BN"][1]["reached"] = False
    assert "above, roughly (" in sentences(one, judge(one, results))[1]


def test_a_result_of_other_arms_is_not_reported(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 3, "cpu")
    path = run.run(plan, tmp_path / "bn_bias_drift", 1.0, 1, lambda line: None)
    content = json.loads(path.read_text())
    content["verdict"] = "undecided"  # as it would be had the rule been another
    path.write_text(json.dumps(content))
    lines = list(write_report(path))
    assert lines[0] == "✓ bn_bias_drift: holds" and lines[1].strip().startswith("When it ran it was judged: undecided.")
    (tmp_path / "bn_mnist").mkdir()
    (tmp_path / "bn_mnist" / "result.json").write_text("{")
    with pytest.raises(UsageError, match=r"damaged.*all others are in"):
        write_scoreboard(tmp_path, tmp_path / "claims.md")
    board = (tmp_path / "claims.md").read_text()
    assert "✓ holds (when it ran: undecided)" in board and "| cannot be read |" in board
    before = path.read_text()
    content["made_of"]["arms"]["ignoring it"]["values"] = {"through": "otherwise"}
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="made of other arms than bn_bias_drift has today"):
        read_result(path)
    path.write_text(before)
    with pytest.raises(ResourceError, match="cannot write"):
        write_scoreboard(tmp_path, tmp_path / "nowhere" / "claims.md")


@pytest.mark.parametrize("name", ["feature_evolution", "relu_vs_sigmoid_gradients", "vgg_start"])
def test_a_job_that_was_stopped_goes_on_where_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = dataclasses.replace(plan_of(experiments.find(name), "tiny", {"": "digits"}, 1, "cpu"), epochs=3)
    arm, kept = list(plan.experiment.arms)[-1], tmp_path / "job.safetensors"
    whole = run.carry_out(plan, arm, 0, None, 1.0)
    monkeypatch.setattr(job, "KEPT_EVERY", 0.0)
    save = job.Watcher.save

    def stop(self: Any, path: Path) -> None:
        save(self, path)
        if self.training.epoch == 2 and path == kept:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(job.Watcher, "save", stop)
        run.carry_out(plan, arm, 0, None, 1.0, kept)
    began: list[Any] = []
    monkeypatch.setattr(job, "_begin_from", lambda *given: began.append(given))
    rest = run.carry_out(plan, arm, 0, None, 1.0, kept)
    assert not began, "what it starts from is not trained again"
    timed = {"took", "seconds", "made_by"}
    assert {k: v for k, v in rest.items() if k not in timed} == {k: v for k, v in whole.items() if k not in timed}
    other = dataclasses.replace(plan, width=2.0)
    assert job.kept_state(kept, run.fingerprint(plan, arm, None, 1.0)) is not None
    assert job.kept_state(kept, run.fingerprint(other, arm, None, 1.0)) is None, "of another run"


def test_the_papers_scale() -> None:
    """Pictures at their own size: crops and moves grow with them, milestones with the epochs, depth to the paper's."""
    crops = plan_of(experiments.find("ten_crops"), "paper", {"": "digits"}, 3, "cpu")
    assert crops.setting.size == 32 and crops.setting.pictures == 0
    assert {"augment.pad=4", "preprocess.size=28"} <= set(crops.experiment.recipe)
    steps = plan_of(experiments.find("cosine"), "paper", {"": "digits"}, 3, "cpu")
    for epochs, milestones in ((160, (80, 120)), (12, (6, 9)), (4, (2, 3))):
        planned = dataclasses.replace(steps, epochs=epochs)
        recipe, _ = job.recipe_of(planned, "steps", 0, pictures.load(TINY, "digits"), None, 1.0)
        assert isinstance(recipe.schedule, Step) and recipe.schedule.milestones == milestones
    depth = plan_of(experiments.find("stochastic_depth_error"), "paper", {"": "digits"}, 3, "cpu")
    assert {arm.values["depth"] for arm in depth.experiment.arms.values()} == {110}
    small = plan_of(experiments.find("stochastic_depth_error"), "small", {"": "digits"}, 3, "cpu")
    assert {arm.values["depth"] for arm in small.experiment.arms.values()} == {38}


def test_test_protocols_grow_with_the_pictures() -> None:
    at = {scale: plan_of(experiments.find("evaluation_ladder"), scale, {"": "cifar10"}, 3, "cpu").experiment
          for scale in ("small", "paper")}  # fmt: skip
    protocols = {scale: one.options["protocols"] for scale, one in at.items()}
    assert protocols["small"]["several_scales"] == "dense@14+16+18+20~logits"
    assert protocols["paper"] == {"one_crop": "1crop", "ten_crops": "10crop",
                                  "several_scales": "dense@28+32+36+40~logits"}  # fmt: skip
    assert "preprocess.size=28" in at["paper"].recipe


def test_members_of_an_ensemble_are_what_their_seeds_give_alone() -> None:
    plan = plan_of(experiments.find("ensembles"), "tiny", {"": "digits"}, 3, "cpu")
    alone = dataclasses.replace(plan, experiment=dataclasses.replace(plan.experiment, probes=()))
    errors = [job.run(alone, "network", seed)["test_error"] for seed in (0, 1000, 2000, 3000, 4000)]
    together = job.run(plan, "network", 0)
    assert together["alone"] == pytest.approx(sum(errors) / 5, abs=1e-3) and together["test_error"] == errors[0]
    assert budget._networks(plan, "network") == 5


def test_a_class_map_that_is_the_ink_fires_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two maps the first is the ink and the second its negative: right for the pictures of the first class alone."""
    network = build("chain", {"layers": "gap"}, Task(2, 1, 4), seed=0)
    with torch.no_grad():
        network.get_parameter("gap1.conv.weight").copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
        network.get_parameter("gap1.conv.bias").zero_()
    images, labels = torch.zeros(2, 1, 4, 4), torch.tensor([0, 1])
    images[:, 0, 1, 1:3] = 1.0
    monkeypatch.setattr(insides, "test_images", lambda *_: (images, labels))
    found = insides.ClassMaps().end(SimpleNamespace(network=network), SimpleNamespace())  # type: ignore[arg-type]
    assert found == {"chance_share": 50.0, "strongest": 50.0, "ink": 12.5, "on_ink": 50.0}


def test_stacks_of_3x3_see_what_one_larger_convolution_sees() -> None:
    for name in ("vgg_3x3_5x5", "vgg_3x3_7x7"):
        one = experiments.find(name)
        seen = set()
        for arm in one.arms.values():
            network: Any = build(one.network, arm.values, Task(10, 3, 32), seed=0)
            seen.add(tuple(row.receptive_field for row in layer_table(network, (3, 32, 32)) if "pool" in row.operation))
        assert len(seen) == 1 and len(seen.pop()) > 1, name


def test_the_budget_decides_epochs_and_width() -> None:
    setting = Setting(epochs=20, least_epochs=4, widths=(1.0, 0.5))
    plan = Plan(experiments.find("pca_colour"), setting, "digits", (0, 1, 2))
    paces = {"with": 2.0, "without": 2.0}  # 12 s an epoch of all, 6 with two workers
    epoch = budget.epoch_of(plan, paces, 2)
    assert epoch == 6.0
    assert budget.epochs_within(plan, epoch, 60.0) == int(budget.USED * 60 / 6) == 8
    assert budget.epochs_within(plan, epoch, 6000.0) == 20
    assert budget.epochs_within(plan, epoch, 20.0) == 0


def test_asked_for_epochs_are_what_is_run_and_the_command_says_so(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("lrn"), "tiny", {"": "digits"}, 1, "cpu", epochs=2)
    content, *_ = read_result(run.run(plan, tmp_path, 1.0, 2, lambda line: None))
    assert content["epochs"] == 2 and content["command"].endswith("--scale tiny --seeds 1 --epochs 2")
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "jobs").glob("*.json")]
    assert content["cost_seconds"] == pytest.approx(sum(values["took"] for values in jobs), abs=0.1)
    (tmp_path / "jobs" / "with-9.json").write_text('{"took": 1000.0}')  # of an earlier call with more seeds
    (tmp_path / "jobs" / "with-0.json").write_text("[]")
    again, *_ = read_result(run.run(plan, tmp_path, 1.0, 2, lambda line: None))
    assert again["cost_seconds"] < 500 and again["arms"]["with"]["0"]["epochs"] == 2


def test_rates_are_searched_for_each_arm(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_of(experiments.find("relu_vs_tanh"), "tiny", {"": "digits"}, 1, "cpu")
    content, _, results, _ = read_result(run.run(plan, tmp_path, 1.0, 2, said.append))
    chosen = next(line for line in said if line.startswith("learning rates"))
    for arm, by_seed in results.items():
        assert f"{arm} {by_seed[0]['rate']:g}" in chosen
    assert content["verdict"] == "undecided" and chosen in content["said"]


def test_undecided_claims_get_more_seeds(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 1, "cpu", more=3)
    content, _, results, verdict = read_result(run.run(plan, tmp_path, 1.0, 2, said.append))
    assert "undecided with 1 seeds: 3 more" in said and content["seeds"] == [0, 1, 2, 3]
    assert all(set(by_seed) == {0, 1, 2, 3} for by_seed in results.values()) and verdict.verdict == "holds"
    assert content["command"].endswith("--seeds 4")
    again, *_ = read_result(run.run(dataclasses.replace(plan, seeds=(0, 1, 2)), tmp_path, 1.0, 2, said.append))
    assert again["seeds"] == [0, 1, 2, 3], "those that are there already stay"


def test_seeds_are_added_once_however_often_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(run, "judge", lambda *given: SimpleNamespace(verdict="undecided"))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 1, "cpu", more=2)
    first = run.run(plan, tmp_path, 1.0, 2, said.append)
    before = first.read_text()
    assert json.loads(before)["seeds"] == [0, 1, 2]
    assert "seed 2" in said[-1] and "..." not in said[-1], "the table has the first seeds too"
    told = said.index("undecided with 1 seeds: 2 more")
    assert not said[told + 1].startswith("\x1b"), "what was told is not drawn over"
    assert max(map(len, "\n".join(said).splitlines())) < 90, "no line is broken by a terminal"
    assert run.run(plan, tmp_path, 1.0, 2, said.append).read_text() == before, "nothing was computed since"


def test_a_result_says_which_code_has_done_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "revision", lambda: None)
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 2, "cpu")
    results = {arm: {seed: run.carry_out(plan, arm, seed, None, 1.0) for seed in (0, 1)}
               for arm in plan.experiment.arms}  # fmt: skip
    content, *_ = read_result(write_result(plan, tmp_path, results, 1.0))
    assert content["revision"] == "unknown", "installed, and not from a repository"
    assert not any("made_by" in one for by_seed in content["arms"].values() for one in by_seed.values())
    results["ignoring it"][1]["made_by"] |= {"revision": "later", "ended": "9999", "versions": {"torch": "9"}}
    content, *_ = read_result(write_result(plan, tmp_path, results, 1.0))
    assert (content["revision"], content["ended"]) == ("unknown; later", "9999")
    assert content["versions"]["torch"] == "9"


def test_seeds_of_another_run_are_not_taken_over(tmp_path: Path) -> None:
    one = experiments.find("max_vs_average_pooling")
    run.run(plan_of(one, "tiny", {"": "digits"}, 2, "cpu", epochs=1), tmp_path, 1.0, 2, lambda line: None)
    longer = plan_of(one, "tiny", {"": "digits"}, 1, "cpu", epochs=2)
    with Crew(1) as crew:
        run._planned(longer, tmp_path, 60.0, 1, crew, lambda line: None, True)
        again = run._planned(longer, tmp_path, 60.0, 1, crew, lambda line: None, False)
    assert again.seeds == (0,)


def test_what_is_kept_of_a_job_goes_when_it_is_done(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("bn_bias_drift"), "tiny", {}, 1, "cpu")
    jobs = tmp_path / run.JOBS
    jobs.mkdir()
    mine, others = ("ignoring it-0.safetensors", "ignoring it-0.1000.safetensors"), ("ignoring it-01.safetensors",)
    for name in (*mine, *others):
        (jobs / name).touch()
    run.run(plan, tmp_path, 1.0, 1, lambda line: None)
    assert sorted(path.name for path in jobs.glob("*.safetensors")) == list(others)


def test_a_report_is_of_the_scale_that_ran(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("stochastic_depth_error"), "paper", {"": "digits"}, 3, "cpu")
    values = {"test_error": 10.0, "took": 1.0, "curves": {}}
    result = write_result(plan, tmp_path, {arm: dict.fromkeys(range(3), values) for arm in plan.experiment.arms}, 6.0)
    list(write_report(result))
    text = (tmp_path / "report.md").read_text()
    assert "depth = 110" in text and "depth = 38" not in text and "augment.pad=4" in text
    assert "at the small scale: " in text and "batches of 64" in text


def test_a_command_says_which_data(tmp_path: Path) -> None:
    for scale in ("tiny", "small"):
        plan = plan_of(experiments.find("lrn"), scale, {"cifar10": "digits"}, 3, "cpu")
        assert " --data cifar10=digits " in writing.command(plan)
    plan = plan_of(experiments.find("lrn"), "small", {"": "digits"}, 3, "cpu")
    assert " --data " not in writing.command(dataclasses.replace(plan, data="cifar10"))


def test_changed_pictures_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "pictures"
    for number in range(8):
        path = folder / ("train", "test")[number % 2] / ("a", "b")[number // 4] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    setting, one = Setting("digits", 8, 0, 0), experiments.find("lrn")
    before = plan_of(one, "tiny", {"": str(folder)}, 1, "cpu")
    assert len(pictures.load(setting, str(folder)).train) == 4
    Image.new("RGB", (8, 8)).save(folder / "train" / "a" / "more.png")
    (folder / "train" / "a" / ".#more.png").symlink_to("nowhere")
    (folder / "notes.json").write_text("what else lies there does not matter")
    assert len(pictures.load(setting, str(folder)).train) == 5
    after = plan_of(one, "tiny", {"": str(folder)}, 1, "cpu")
    assert run.fingerprint(before, "with", None, 1.0) != run.fingerprint(after, "with", None, 1.0)


def test_the_other_networks_of_a_job_go_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(plan_of(experiments.find("ensembles"), "tiny", {"": "digits"}, 1, "cpu"), epochs=2)
    whole = run.carry_out(plan, "network", 0, None, 1.0)
    monkeypatch.setattr(job, "KEPT_EVERY", 0.0)
    save, saved = job.Watcher.save, list[tuple[int, int]]()

    def stop(self: Any, path: Path) -> None:
        save(self, path)
        saved.append((self.training.recipe.seed, self.training.epoch))
        if saved[-1] == (2000, 1):
            raise KeyboardInterrupt

    monkeypatch.setattr(job.Watcher, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        run.carry_out(plan, "network", 0, None, 1.0, tmp_path / "network-0.safetensors")
    saved.clear()
    rest = run.carry_out(plan, "network", 0, None, 1.0, tmp_path / "network-0.safetensors")
    assert saved == [(2000, 2), (3000, 1), (3000, 2), (4000, 1), (4000, 2)], "only what was left"
    assert rest["together"] == whole["together"] and rest["alone"] == whole["alone"]


def test_rates_are_tried_until_the_best_has_one_on_either_side() -> None:
    assert run.further({0.01: 3.0, 0.02: 2.0, 0.04: 2.5}) is None
    assert run.further({0.01: 3.0, 0.02: 2.0}) == 0.04
    assert run.further({0.01: 1.0, 0.05: 2.0}) == 0.002
    assert run.further({0.01: math.inf, 0.02: math.inf}) is None
    assert run.further({2.0**n: -n for n in range(run.MOST_RATES)}) is None


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_learn_and_know_their_width(name: str) -> None:
    from convnets.reproduce.chain import Task

    values = {"layers": "conv 16 3, pool 2 2, conv 16 3, gap"} if name == "chain" else {}
    wide, narrow = (build(name, values, Task(10, 3, 16, width), 0) for width in (1.0, 0.5))
    assert wide(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    parameters = [sum(p.numel() for p in network.parameters()) for network in (wide, narrow)]
    assert parameters[0] > 1.5 * parameters[1]


def test_a_convolution_in_two_groups_and_a_separable_one_turned_round() -> None:
    task = Task(10, 3, 16)
    two = build("chain", {"layers": "conv 32 5, conv 64 5 2, gap"}, task, 0)
    convs = [part for part in two.modules() if isinstance(part, torch.nn.Conv2d)]
    assert convs[0].groups == 1 and convs[1].groups == 2 and convs[1].weight.shape == (64, 16, 5, 5)
    kernels = {}
    for turned in (False, True):
        network = build("small xception", {"pointwise_first": turned}, task, 0)
        row = network.get_submodule("block13.body.sepconv2")  # from 64 to 128 channels
        pair = [part for part in row.modules() if isinstance(part, torch.nn.Conv2d)]
        kernels[turned] = [(conv.kernel_size[0], conv.groups) for conv in pair]
    assert kernels == {False: [(3, 64), (1, 1)], True: [(1, 1), (3, 128)]}


def test_pictures_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVNETS_CACHE", str(tmp_path))
    setting = Setting("digits", 16, 50, 20)
    first = pictures.load(setting, "digits")
    monkeypatch.setattr(pictures, "prepare", None)  # not asked again
    second = pictures.load(setting, "digits")
    assert (first.train.pictures.load(3) == second.train.pictures.load(3)).all()
    assert len(first.train) == 50 and len(first.test) == 20 and first.train.pictures.load(0).shape == (16, 16, 1)


def test_where_there_are_no_pictures_the_digits_serve(tmp_path: Path) -> None:
    plan = plan_of(experiments.find("lrn"), "small", {}, 3, "cpu")
    if plan.data == "digits":
        assert "built-in digits" in plan.said[0] and plan.setting.data == "digits"
    mine = str(tmp_path)
    with pytest.raises(DataError, match="no pictures found"):
        plan_of(experiments.find("lrn"), "small", {"cifar10": mine}, 3, "cpu")
    for number in range(4):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    for scale in ("small", "tiny"):
        assert plan_of(experiments.find("lrn"), scale, {"cifar10": mine}, 3, "cpu").data == mine


def test_a_diverged_run_is_a_result() -> None:
    one = experiments.find("lrn")
    plan = plan_of(one, "tiny", {"": "digits"}, 1, "cpu")
    wild = Arm({"layers": "conv 8 3, gap"}, ("optimizer.lr=1e9",))
    plan = dataclasses.replace(plan, experiment=dataclasses.replace(one, arms={"with": wild}))
    values = run.carry_out(plan, "with", 0, None, 1.0)
    assert values["diverged"] and values["test_error"] == 90.0 and values["train_loss"] >= 2.3


def test_the_command(tmp_path: Path) -> None:
    asked = CliRunner().invoke(command, ["run", "overlapping_pooling", "--scale", "tiny", "--data", "digits",
                                         "--out", str(tmp_path)])  # fmt: skip
    assert asked.exit_code == 0, asked.output
    assert "report.html" in asked.output
    shown = CliRunner().invoke(command, ["show", "overlapping_pooling"])
    assert "overlap?" in shown.output and "3x3 < 2x2" in shown.output and "optimizer.lr=0.01" in shown.output
    described = CliRunner().invoke(command, ["show", "relu_vs_tanh", "--json"])
    assert json.loads(described.output)["arms"]["tanh"]["values"]["activation"] == "tanh"
    listed = CliRunner().invoke(command, ["list", "alexnet", "--json"])
    assert {row["id"] for row in json.loads(listed.output)} >= {"relu_vs_tanh", "lrn"}
    result = tmp_path / "overlapping_pooling" / "result.json"
    result.write_text(re.sub('"verdict":"[^"]*"', '"verdict":"holds"', result.read_text(), count=1))
    listed = CliRunner().invoke(command, ["list", "alexnet", "--json", "--out", str(tmp_path)])
    verdicts = {row["id"]: row["verdict"] for row in json.loads(listed.output)}
    assert verdicts["overlapping_pooling"] != "holds" and verdicts["lrn"] == "", "judged by today's rule"
    written = CliRunner().invoke(command, ["report", "--all", "--out", str(tmp_path)])
    assert "written" in written.output and "overlapping_pooling" in (tmp_path / "claims.md").read_text()


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean relu_vs_tanh"):
        experiments.find("relu_vs_tan")
    with pytest.raises(UsageError, match="90s, 20m or 1h30m"):
        read_minutes("soon")
    assert [read_minutes(text) for text in ("90s", "20m", "2h", "5", "1h30m")] == [1.5, 20.0, 120.0, 5.0, 90.0]
    assert read_sources(("mnist=here", "there")) == {"mnist": "here", "": "there"}
    with pytest.raises(UsageError, match="no results there"):
        write_scoreboard(tmp_path, tmp_path / "claims.md")
    with pytest.raises(UsageError, match="no result there"):
        read_result(tmp_path / "result.json")
    for text in ("[]", "{}", '{"id": "lrn"}', "no JSON"):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(UsageError, match="damaged"):
            read_result(tmp_path / "result.json")
    plan = plan_of(experiments.find("bn_jacobians"), "tiny", {}, 1, "cpu")
    result = run.run(plan, tmp_path / "bn_jacobians", 1.0, 1, lambda line: None)
    result.write_text(re.sub('"spread":[^,}]*', '"spread":"x"', result.read_text()))
    with pytest.raises(UsageError, match="damaged, could not convert"):
        read_result(result)
    assert "cannot be read" in CliRunner().invoke(command, ["list", "--out", str(tmp_path)]).output
    with pytest.raises(UsageError, match="no such folder"):
        CliRunner().invoke(command, ["list", "--out", "nowhere"], catch_exceptions=False, standalone_mode=False)
    with pytest.raises(DataError, match="nowhere"):
        plan_of(experiments.find("lrn"), "tiny", {"cifar10": "nowhere"}, 1, "cpu")
    with pytest.raises(UsageError, match="did you mean alexnet"):
        CliRunner().invoke(command, ["list", "alexnt"], catch_exceptions=False, standalone_mode=False)
    with pytest.raises(UsageError, match="no experiment asks for cifar;"):
        plan_of(experiments.find("lrn"), "tiny", {"cifar": "digits"}, 1, "cpu")
    (tmp_path / "file").touch()
    plan = plan_of(experiments.find("bn_jacobians"), "tiny", {}, 1, "cpu")
    with pytest.raises(UsageError, match="give another folder with --out"):
        run.run(plan, tmp_path / "file" / "x", 1.0, 1, lambda line: None)
