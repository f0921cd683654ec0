"""Charts: ticks are where a reader expects them."""

from __future__ import annotations

import pytest

from convnets.explain.charts import Axis


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (1, 5, [1, 2, 3, 4, 5]),
        (1, 12, [5, 10]),
        (1, 164, [50, 100, 150]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_epochs_are_whole(low: float, high: float, ticks: list[float]) -> None:
    assert Axis(low, high, 0, 1).ticks(whole=True) == ticks


def test_other_ticks_may_be_fractions() -> None:
    assert Axis(0, 12, 0, 1).ticks() == [0, 2.5, 5, 7.5, 10]
