"""`convnets recipe` as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from convnets import cli, papers, recipes
from convnets.cli.recipe import amount, schedule, value_text
from convnets.spec import Cosine, OneCycle, Plateau, Step

Capture = pytest.CaptureFixture[str]


def typed(capsys: Capture, *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert cli.run(["recipe", *arguments]) == code
    out, err = capsys.readouterr()
    return err if code else out


def as_json(capsys: Capture, *arguments: str) -> Any:
    return json.loads(typed(capsys, *arguments, "--json"))


def test_the_list_has_every_recipe(capsys: Capture) -> None:
    text = typed(capsys, "list")
    names = [line.split()[0] for line in text.splitlines()[2:] if line and not line[0].isdigit()]
    assert names == ["quick", "finetune", *recipes.paper_recipes()]
    listed = as_json(capsys, "list")
    assert [one["name"] for one in listed] == list(recipes.paper_recipes())
    assert {one["name"].partition("/")[0] for one in listed} == set(papers.families())


def test_a_value_stands_beside_its_place_or_is_ours(capsys: Capture) -> None:
    rows = [line.split("  ") for line in typed(capsys, "show", "resnet/cifar10").splitlines()]
    cells = {tuple(cell.strip() for cell in row if cell.strip()) for row in rows}
    assert ("batch_size", "128", "Sec. 4.2 p.7") in cells
    assert ("milestones", "91, 136.5", "Sec. 4.2 p.7") in cells
    assert ("form", "paper", "code Caffe readme") in cells
    assert ("decay_norm_and_bias", "yes", "ours") in cells
    told = as_json(capsys, "show", "resnet/cifar10")
    assert told["places"]["optimizer.lr"] == "Sec. 4.2 p.7"
    assert told["places"]["optimizer.decay_norm_and_bias"] == "ours"
    assert told["recipe"]["optimizer"]["lr"] == 0.1
    assert told["facts"][0]["what"] == "initial weights"


def test_what_is_expected_and_what_it_costs(capsys: Capture) -> None:
    """Table 6 of He et al.; 45,000 pictures 182 times through 40,551,040 multiply-adds, thrice for a step."""
    text = typed(capsys, "show", "resnet/cifar10")
    words = [line.split() for line in text.splitlines()]
    assert ["resnet20", "CIFAR-10", "test", "one", "view", "8.75", "%", "Table", "6", "p.7"] in words
    assert text.rstrip().endswith("convnets train resnet20 --data cifar10")
    told = as_json(capsys, "show", "resnet/cifar10")
    assert {"network": "resnet56", "top1": 6.97}.items() <= told["expected"][3].items()
    assert told["multiply_adds"]["resnet20"] == 3 * 40_551_040 * 45_000 * 182
    assert "996 tera" in text


def test_of_a_network_its_recipes(capsys: Capture) -> None:
    text = typed(capsys, "show", "vgg16")
    assert "vgg/imagenet         imagenet  default" in text
    assert "vgg/imagenet-jitter  imagenet  --recipe" in text
    assert as_json(capsys, "show", "vgg16")["recipes"][0]["name"] == "vgg/imagenet"


@pytest.mark.parametrize("name", recipes.OURS)
def test_ours_are_ours_value_by_value(name: str, capsys: Capture) -> None:
    text = typed(capsys, "show", name)
    values = [line for line in text.splitlines()[4:] if line.strip()]
    assert values and all(line.endswith("ours") for line in values)
    assert as_json(capsys, "show", name)["source"] == "ours"


@pytest.mark.parametrize("name", recipes.paper_recipes())
def test_every_recipe_shows_itself(name: str, capsys: Capture) -> None:
    text = typed(capsys, "show", name)
    assert text.startswith(name) and max(map(len, text.splitlines()[:3])) <= 118
    assert f"\nconvnets train {as_json(capsys, 'show', name)['command'].split()[2]} --data " in text
    assert len(typed(capsys, "show", name, "--all").splitlines()) > len(text.splitlines())


def test_the_command_that_it_ends_with_takes_this_recipe() -> None:
    """Either it is the network's default on that data, or it is asked for."""
    from convnets.cli.recipe import _command

    for name, one in recipes.paper_recipes().items():
        _, _, network, _, data, *asked = _command(one).split()
        default = recipes.default(papers.find(network), {"ILSVRC": "imagenet"}.get(data, data))
        assert asked == [] if default is one else asked == ["--recipe", name]


def test_a_mistyped_name_is_one_line_with_what_comes_close(capsys: Capture) -> None:
    assert typed(capsys, "show", "resnet/cifar100", code=2) == (
        "convnets: no recipe or network called 'resnet/cifar100'; "
        "did you mean resnext/cifar100 or resnet/cifar10 or resnext/cifar10?\n"
    )
    assert "`convnets recipe list` names the recipes" in typed(capsys, "show", "?", code=2)


def test_values_are_read_best() -> None:
    assert value_text("preprocess.std", (1 / 255,) * 3) == "1/255 each: pixels stay at 0..255"
    assert value_text("augment.flip", True) == "yes" and value_text("preprocess.resize", None) == "none"
    assert schedule(Step((30, 60), 0.1)) == "x0.1 at 30, 60"
    assert schedule(Plateau(0.1, 5, 3)) == "x0.1 on a plateau, 3 times"
    assert schedule(Cosine()) and schedule(OneCycle())
    assert (amount(996 * 10**12), amount(2 * 10**18)) == ("996 tera", "2 exa")


def test_it_answers_without_torch() -> None:
    code = (
        "import sys; from convnets import cli; cli.run(['recipe', 'show', 'vgg/imagenet']);"
        "sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
