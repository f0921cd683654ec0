"""Reports: their numbers are those of the evaluation, they need nothing but themselves, and they cost no training."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convnets import cli, recipes, runs
from convnets.data import Loader, open_source
from convnets.errors import CheckpointError
from convnets.evaluate import evaluate_network, wilson_interval
from convnets.explain import sections
from convnets.explain.data_card import data_card
from convnets.explain.report import Report, read_log, report, sourced_recipe
from convnets.runs import RunFolder
from convnets.spec import to_dict

from .conftest import COUNTS, NAMES, trained

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(one_run: Path) -> Report:
    return report(one_run)


def test_its_numbers_are_those_of_the_evaluation(made: Report, one_run: Path, named_pictures: Path) -> None:
    loaded, test = runs.load(one_run), open_source(str(named_pictures)).splits["test"]
    own = evaluate_network(loaded.network, Loader(test, loaded.preprocess, batch_size=9), loaded.preprocess)
    found = made.to_json()
    assert found["split"] == "test"
    assert found["confusion"] == own.confusion.tolist()
    assert found["evaluation"]["calibration_error"] == pytest.approx(own.calibration_error, abs=1e-4)
    for row, result in zip(found["per_class"], own.per_class(loaded.classes), strict=True):
        assert {key: row[key] for key in result._fields} == result._asdict()
        assert tuple(row["interval"]) == wilson_interval(result.n - result.correct, result.n)
    gaps = sum(one["n"] * abs(one["confidence"] - one["accuracy"]) for one in found["calibration"])
    assert gaps / own.n == pytest.approx(own.calibration_error, abs=1e-4)
    assert sum(one["n"] for one in found["calibration"]) == own.n
    assert made.outcome.probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    for index, one in zip(made.sample.chosen, found["explanations"], strict=True):
        assert one.items() >= made.outcome.describe(index).items()
        assert set(one["maps"]) == {one["guess"], one["class"]} and np.array(one["maps"][one["guess"]]).ndim == 2
    assert found["cost"]["parameters"] == sum(one.numel() for one in loaded.network.parameters())


def test_pictures_are_in_the_order_that_is_said(made: Report) -> None:
    found = made.outcome
    mistakes = found.mistakes()
    assert len(mistakes) == found.evaluation.n - found.evaluation.correct_top1 > 0
    assert not found.right[mistakes].any()
    assert (np.diff(found.confidences[mistakes]) <= 0).all()
    best = np.sort(found.probabilities, 1)
    assert (np.diff((best[:, -1] - best[:, -2])[found.uncertain()]) >= 0).all()
    cells = found.cells()
    assert {cell: len(some) for cell, some in cells.items()} == {
        (int(t), int(p)): int(found.evaluation.confusion[t, p]) for t, p in np.argwhere(found.evaluation.confusion)
    }


def test_equal_pictures_are_found_within_and_across_splits(made: Report, named_pictures: Path) -> None:
    card = made.card
    assert card.repeated("train") == 1
    assert card.repeated("test") == card.repeated("val") == 0
    assert card.shared("test", "train") == card.shared("val", "train") == 1
    assert card.shared("train", "test") == 2
    assert len(card.equal) == len(card.contradictions()) == 1
    assert len(card.equal[0]) == 4
    names = [card.name(place) for place in card.equal[0]]
    assert any(name.endswith("leaked.png") for name in names)
    values = card.to_json()
    assert values["counts"]["train"] == {name: COUNTS["train"] + (name == NAMES[0]) for name in card.source.classes}
    assert values["sizes"]["test"] == {key: [12, 12] for key in ("smallest", "median", "largest")}
    without = data_card(open_source(str(named_pictures)), untouched=("test",))
    assert set(without.looked) == {"train", "val"}
    assert len(without.equal[0]) == 3


def test_what_was_not_compared_is_said(made: Report, named_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "of those compared" not in sections.data(made)
    monkeypatch.setattr("convnets.explain.data_card.MOST", 30)
    part = data_card(open_source(str(named_pictures)))
    assert part.looked == {"train": 30, "val": 30, "test": 30}
    text = sections.data(replace(made, card=part))
    assert "<th>repeat one of those compared</th>" in text.replace(' class="right"', "")
    assert "are in train too (of those compared)" in text
    none = data_card(open_source(str(named_pictures)), seconds=0)
    assert none.too_long
    assert none.looked == {}
    assert len(none.sizes["train"]) == 30
    text = sections.data(replace(made, card=none))
    assert "They were not looked for: at the end of a training it would have taken long" in text
    assert not data_card(open_source(str(named_pictures)), seconds=60).too_long


def test_the_page_needs_nothing_but_itself(made: Report) -> None:
    text = made.page()
    assert len(text.encode()) < 10_000_000
    assert "http:" not in text
    assert "https:" not in text
    sources = re.findall(r'(?:src|href)="([^"]{1,8})', text)
    assert sources
    assert all(source.startswith(("#", "data:")) for source in sources)
    for heading in ("Summary", "Recipe", "Curves", "Results", "Classes", "Confusion", "Mistakes", "Uncertain",
                    "Likely mislabelled", "Calibration", "Speed and size", "Network", "Data"):  # fmt: skip
        assert f">{heading}</h2>" in text
    assert "猫" in text
    assert "قطة سوداء" in text
    assert "<b> &" not in text
    assert text.count("<style") == 1  # the drawing's rules stay in the drawing


def test_each_value_of_the_recipe_says_where_it_comes_from(made: Report) -> None:
    found = {key: (value, where) for key, value, where, _ in made.recipe}
    assert found["epochs"] == (2, "asked for: epochs=2")
    assert found["batch_size"][1].startswith("ours")
    assert found["preprocess.mean"][1].startswith("measured")
    paper = recipes.paper_recipe("resnet/cifar10")
    stored = json.loads(json.dumps(to_dict(paper.recipe)))
    rows = {key: (where, usual) for key, _, where, usual in sourced_recipe({"recipe": stored})}
    assert rows["batch_size"] == (paper.place("batch_size"), False)
    stored["batch_size"] = 7
    rows = {key: (where, usual) for key, _, where, usual in sourced_recipe({"recipe": stored, "changed": ["epochs"]})}
    assert rows["batch_size"] == ("fitted to this run; the recipe has 128", False)
    assert rows["epochs"] == ("changed by request when the run was resumed", False)


def test_a_training_ends_with_a_page_that_never_looked_at_the_test_split(one_run: Path, other_run: Path) -> None:
    text = (one_run / "report.html").read_text(encoding="utf-8")
    assert "looked at on the validation split" in text
    assert "Not looked at: test." in text
    assert not (other_run / "report.html").exists()
    assert not (other_run / "results.json").exists()


def test_other_data_is_named_and_not_taken_for_that_of_the_training(one_run: Path, other_pictures: Path) -> None:
    found = report(one_run, data=str(other_pictures), split="train")
    values, text = found.to_json(), found.page()
    assert (values["data"], values["trained_on"]) == ("elsewhere", "named0")
    assert values["fingerprint"] == open_source(str(other_pictures)).fingerprint["sha256"]
    assert "resnet20 on \u2068elsewhere\u2069</h1>" in text
    assert "\u2068elsewhere\u2069 is other data than the training&#x27;s, \u2068named0\u2069" in text
    assert "trained on these" not in text
    own = report(one_run, split="train")
    assert own.to_json()["trained_on"] == own.to_json()["data"] == "named0"
    assert "trained on these pictures" in own.page()
    assert "other data" not in own.page()


def test_a_training_names_what_it_wrote(named_pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    out = trained(named_pictures, tmp_path / "run")
    said = capsys.readouterr().out
    assert [f"written: {out / name}" in said for name in ("results.json", "report.html")] == [True, True]


def test_a_report_that_fails_is_a_warning(
    named_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no\nluck")

    monkeypatch.setattr("convnets.explain.report.report", broken)
    out = trained(named_pictures, tmp_path / "run")
    said = capsys.readouterr()
    assert "warning: no report (no luck); convnets report" in said.err
    assert (out / "best.safetensors").is_file()
    assert "next: convnets evaluate" in said.out


def answer(capsys: Capture, *arguments: object, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert cli.run([str(argument) for argument in arguments]) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_the_command(one_run: Path, tmp_path: Path, capsys: Capture) -> None:
    out, _ = answer(capsys, "report", one_run, "--out", tmp_path / "page.html", "--split", "val")
    assert out.splitlines()[-1] == f"written: {tmp_path / 'page.html'}"
    assert "validation split" in out
    values: dict[str, Any] = json.loads(answer(capsys, "report", one_run, "--json")[0])
    assert values["split"] == "test"
    assert values["data_card"]["different_labels"] == 1
    assert values["mistakes"][0]["guess"] in NAMES
    assert len(values["curves"]) == 2


def test_the_command_names_other_data(
    one_run: Path, other_pictures: Path, tmp_path: Path, capsys: Capture
) -> None:
    out, _ = answer(capsys, "report", one_run, "--data", other_pictures, "--out", tmp_path / "page.html")
    assert out.splitlines()[1] == "By its fingerprint elsewhere is other data than the training's, named0."


def test_what_is_written_is_named(one_run: Path, tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_run, run, ignore=shutil.ignore_patterns("results.json", "report.html"))
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    values = json.loads(answer(capsys, "report", run, "--json")[0])
    assert [one["split"] for one in values["results"]] == ["test"]
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before
    out, _ = answer(capsys, "report", run)
    written = {run / name for name in ("results.json", "report.html")}
    assert {Path(line.removeprefix("written: ")) for line in out.splitlines()[1:]} == written
    assert set(run.iterdir()) - set(before) == written


def test_what_it_refuses_in_one_line(one_run: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "page.html").mkdir()
    before = (one_run / "best.safetensors").read_bytes()
    for arguments, code, words in (
        ((tmp_path,), 2, "not a run folder"),
        ((one_run, "--data", "digits"), 3, "other classes"),
        ((one_run, "--data", tmp_path / "gone"), 2, "does not exist"),
        ((one_run, "--out", tmp_path / "page.html"), 2, "cannot write"),
        ((one_run, "--out", one_run / "best.safetensors"), 2, "must end in .html or .htm"),
    ):
        _, err = answer(capsys, "report", *arguments, code=code)
        assert words in err
        assert len(err.splitlines()) == 1
    assert (one_run / "best.safetensors").read_bytes() == before


def test_a_line_that_was_cut_off_is_left_out(one_run: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    whole = (one_run / "metrics.jsonl").read_bytes()
    metrics.write_bytes(whole + whole[: len(whole) // 4] + "猫".encode()[:2])
    assert read_log(RunFolder(tmp_path)) == read_log(RunFolder(one_run)) != []
    for line in (b"{\n", b"[1]\n", b'{"lr": 1}\n'):
        metrics.write_bytes(line + whole)
        with pytest.raises(CheckpointError, match="line 1 is damaged"):
            read_log(RunFolder(tmp_path))


def test_json_has_null_where_there_is_no_number(one_run: Path, tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rows[0]["train_loss"] = math.inf
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = json.loads(answer(capsys, "report", run, "--json")[0], parse_constant=pytest.fail)
    assert values["curves"][0]["train_loss"] is None
    (run / "run.json").write_text("null")
    for verb in ("report", "look"):
        assert "run.json: damaged (no JSON object)" in answer(capsys, verb, run, code=3)[1]


@pytest.mark.parametrize("source", [None, "digits", {"name": "x"}, {"name": "x", "spec": "x", "fingerprint": {}}])
def test_a_run_that_does_not_say_its_data_is_refused(
    source: object, one_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in about.items() if key != "source"}
    (run / "run.json").write_text(json.dumps(kept if source is None else kept | {"source": source}))
    for arguments in (("report", run), ("report", run, "--data", "digits"), ("compare", one_run, run)):
        _, err = answer(capsys, *arguments, code=3)
        assert "run.json: incomplete (source," in err
        assert len(err.splitlines()) == 1


def test_results_that_were_measured_before_are_in_the_table(
    one_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    answer(capsys, "evaluate", run, "--protocol", "10crop")
    found = report(run)
    kinds = {(one["split"], one["protocol"]) for one in found.results}
    assert kinds == {("val", "1crop"), ("test", "10crop"), ("test", "1crop")}
    text = sections.results(found)
    assert "10crop" in text
    assert "never looked at the test split" in text
    kept = json.loads((run / "results.json").read_text(encoding="utf-8"))
    (run / "results.json").write_text(json.dumps([{**kept[0], "weights": "of before"}]))
    assert [one["split"] for one in report(run).results] == ["test"]  # what other weights reached is not theirs
