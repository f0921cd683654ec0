"""The drawings: that they are there, small, readable in every script, and silent (pytest turns warnings to errors)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convnets.evaluate import pictures
from convnets.evaluate.metrics import Evaluation
from convnets.evaluate.pictures import draw_confusion, draw_curves, draw_predictions

NAMES = ["猫", "cost in $ and a^b_c", "நாய்", "a very long name that does not fit anywhere", "new\nline", ""]


def evaluation(n: int) -> Evaluation:
    matrix = np.random.default_rng(n).poisson(0.3, (n, n)) + 40 * np.eye(n, dtype=int)
    return Evaluation(int(matrix.sum()), int(np.trace(matrix)), int(matrix.sum()), 0.5, 2.0, matrix)


def size_of(path: Path) -> tuple[int, int]:
    assert path.stat().st_size < 300_000
    with Image.open(path) as image:
        assert image.format == "PNG"
        colours = image.convert("RGB").getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 10, "an empty picture"
        return image.size


@pytest.mark.parametrize("n", [2, 20, 21, 1000])
def test_confusion_of_any_number_of_classes(tmp_path: Path, n: int) -> None:
    classes = [f"{NAMES[i % len(NAMES)]}{i}" for i in range(n)]
    path = draw_confusion(evaluation(n), classes, tmp_path / "new" / "confusion.png", "resnet20 on $5 digits")
    assert 300 < min(size_of(path)) <= max(size_of(path)) < 2000


def test_confusion_with_a_class_without_samples(tmp_path: Path) -> None:
    size_of(draw_confusion(Evaluation(4, 4, 4, 0.0, 0.0, np.diag([4, 0, 0])), ["a", "b", "c"], tmp_path / "c.png"))


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw_confusion(evaluation(3), ["a", "b", "c"], tmp_path / "c.png")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("epochs", [0, 1, 40])
def test_curves(tmp_path: Path, epochs: int) -> None:
    rows: list[dict[str, Any]] = [
        {"epoch": i + 1, "lr": 0.1, "train_loss": 2 / (i + 1), "train_error": 50 / (i + 1),
         "val_loss": float("nan") if i == 2 else 2.1, "val_error": None if i == 3 else 60.0}
        for i in range(epochs)
    ]  # fmt: skip
    assert size_of(draw_curves(rows, tmp_path / "curves.png", "resnet20"))[0] > 1000
    for row in rows:
        del row["val_loss"], row["val_error"]
    size_of(draw_curves(rows, tmp_path / "training.png"))


def test_contact_sheet_of_photographs_stays_small(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shapes = [(300, 200, 3), (8, 8, 1), (1, 900, 3), (64, 64)]
    items = [
        (random.integers(0, 256, shapes[i % 4], dtype=np.uint8), f"{NAMES[i % 6]}\n99.1 %", [True, False, None][i % 3])
        for i in range(60)
    ]
    size_of(draw_predictions(items, tmp_path / "sheet.png", "60 pictures of noise"))


def test_names_that_no_font_writes_stand_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.is_writable("Grüße, x²") and not pictures.is_writable("قطة"), "matplotlib sets it backwards"
    seen: list[Any] = []
    monkeypatch.setattr(pictures, "_name_axes", lambda axes, classes: seen.append(classes))
    monkeypatch.setattr(pictures, "_letters", lambda: frozenset(range(256)))
    draw_confusion(evaluation(2), ["cat", "dog"], tmp_path / "a.png")
    draw_confusion(evaluation(2), ["猫", "dog"], tmp_path / "b.png")
    assert seen == [["cat", "dog"], ["0", "1"]]
