"""How far an experiment is: on a terminal a table that is drawn anew in its place, elsewhere a line for each job."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..experiments import Experiment

Values = dict[str, Any]


class Board:
    """Shows each job that is done, and what remains."""

    def __init__(self, experiment: Experiment, tell: Callable[[str], object]) -> None:
        self.experiment, self.tell = experiment, tell
        self.seeds: tuple[int, ...] = ()
        self.keys = {arm: key for _, (arm, key) in experiment.contrasts.items()}
        self.done: dict[str, dict[int, Values]] = {arm: {} for arm in experiment.arms}
        self.live, self.height = sys.stdout.isatty(), 0

    def keep(self, arm: str, seed: int, rate: float | None, values: Values) -> None:
        """A job was done in an earlier call."""
        if rate is None:
            self.done[arm][seed] = values

    def begin(self, seeds: tuple[int, ...], jobs: int) -> None:
        """Of these seeds so many jobs are left."""
        self.seeds, self.height = seeds, 0
        if self.live and jobs:
            self._draw(f"{jobs} jobs left")

    def note(self, arm: str, seed: int, rate: float | None, values: Values, jobs: int, left: float) -> None:
        """A job is done; so many are left, and about so many seconds."""
        remains = f"{jobs} job{'s' * (jobs != 1)} left, about {left / 60:.1f} min" if jobs else "done"
        if rate is not None:
            self.tell(f"{arm}, rate {rate:g}: {self._told(arm, values, 'train_loss')}; {remains}")
            return
        self.done[arm][seed] = values
        if not self.live:
            self.tell(f"{arm}, seed {seed}: {self._told(arm, values)}; {remains}")
            return
        self._draw(remains)

    def _draw(self, remains: str) -> None:
        wide = shutil.get_terminal_size().columns - 1  # a line that is broken would be two
        lines = [line[:wide] for line in (*self.rows(), f"{remains}; {self.experiment.unit}")]
        self.tell(f"\x1b[{self.height}F\x1b[J" * bool(self.height) + "\n".join(lines))
        self.height = len(lines)

    def rows(self) -> list[str]:
        """The table: an arm a line, a seed a column, and the mean."""
        wide = max(map(len, self.done))
        head = f"{'':{wide}}" + "".join(f"{f'seed {seed}':>10}" for seed in self.seeds) + f"{'mean':>10}"
        return [head, *(self._row(arm, wide) for arm in self.done)]

    def _row(self, arm: str, wide: int) -> str:
        values = [self.done[arm].get(seed, {}).get(self._key(arm)) for seed in self.seeds]
        known = [value for value in values if value is not None]
        cells = ["..." if value is None else f"{value:.4g}" for value in (*values, np.mean(known) if known else None)]
        return f"{arm:{wide}}" + "".join(f"{cell:>10}" for cell in cells)

    def _key(self, arm: str) -> str:
        key: str = self.keys.get(arm, self.experiment.metric)
        return key if "." not in key else "test_error"

    def _told(self, arm: str, values: Values, key: str | None = None) -> str:
        key = key or self._key(arm)
        value = values.get(key)
        told = f"{key} {value:.4g}" if isinstance(value, int | float) else f"no {key}"
        return f"{told}, diverged" if values.get("diverged") else told
