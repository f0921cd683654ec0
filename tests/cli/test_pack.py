"""`convnets pack` as typed, and every verb that takes --data on what it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convnets import cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the digits packed, and a run that trained on them."""
    root = tmp_path_factory.mktemp("here")
    pack = str(root / "digits.arrow")
    assert cli.run(["pack", "digits", pack, "--raw"]) == 0
    assert cli.run(["train", "resnet20", "--data", pack, "--epochs", "1", "--out", str(root / "run")]) == 0
    return root


def test_training_on_a_pack_is_training_on_its_pictures(here: Path, tmp_path: Path) -> None:
    assert cli.run(["train", "resnet20", "--data", "digits", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert (here / "run/metrics.csv").read_bytes() == (tmp_path / "run/metrics.csv").read_bytes()
    assert cli.run(["train", "--resume", str(here / "run"), "--epochs", "2", "--allow-change", "epochs"]) == 0


def test_a_run_refuses_another_pack_in_its_place(here: Path, capsys: Capture) -> None:
    other = str(here / "other.arrow")
    assert cli.run(["pack", "digits", other, "--short-side", "6"]) == 0
    assert cli.run(["train", "--resume", str(here / "run"), "--data", other]) == 2
    assert "data" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "RUN", "--data", "PACK", "--json"],
        ["probe", "--weights", "RUN", "--data", "PACK", "--out", "PROBE", "--json"],
        ["lr-find", "resnet20", "--data", "PACK", "--out", "RATES.png"],
        ["neighbours", "RUN", "PICTURE", "--data", "PACK"],
        ["augment", "RUN", "PICTURE", "--data", "PACK", "--out", "VIEWS.png"],
        ["fit", "PACK", "--minutes", "0.2", "--scratch", "--out", "FIT"],
    ],
    ids=lambda words: words[0],
)
def test_every_verb_takes_a_pack(words: list[str], here: Path, tmp_path: Path) -> None:
    from PIL import Image

    from convnets.data import open_source

    Image.fromarray(open_source("digits").splits["test"].pictures.load(0)[..., 0]).save(tmp_path / "0.png")
    places = {"RUN": here / "run", "PACK": here / "digits.arrow", "PICTURE": tmp_path / "0.png"}
    places |= {name: tmp_path / name for name in ("PROBE", "RATES.png", "VIEWS.png", "FIT")}
    assert cli.run([str(places.get(word, word)) for word in words]) == 0


def test_what_it_refuses_in_one_line(here: Path, tmp_path: Path, capsys: Capture) -> None:
    taken = str(here / "digits.arrow")
    for words, reason in (
        (["digits", taken], "is there already"),
        (["digits", str(tmp_path / "new.arrow"), "--raw", "--quality", "80"], "leave one of them out"),
        (["nothing-here", str(tmp_path / "new.arrow")], "does not exist"),
        (["digits", str(tmp_path / "no/folder/new.arrow")], "name a file in a folder that can be written to"),
    ):
        assert cli.run(["pack", *words]) == 2
        error = capsys.readouterr().err
        assert reason in error
        assert error.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_stopped_by_a_signal_it_goes_on(number: int, code: int, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "digits.arrow"
    slow = (
        "import time\n"
        "from convnets.cli import main\n"
        "from convnets.data import pack\n"
        "pack.BATCH_BYTES, make = 500, pack._content\n"
        "pack._content = lambda *words: time.sleep(0.005) or make(*words)\n"
        f"main(['pack', 'digits', {str(out)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", slow], stderr=subprocess.PIPE, text=True)
    part = out.with_name(out.name + ".part")
    while process.poll() is None and (not part.exists() or part.stat().st_size < 5000):
        time.sleep(0.02)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert error.count("\n") == (number != signal.SIGKILL)
    assert not out.exists()
    done = part.read_bytes()
    assert cli.run(["pack", "digits", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == {"train": 1438, "test": 359}
    assert out.read_bytes()[:5000] == done[:5000]
