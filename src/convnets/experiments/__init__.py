"""The papers' claims as experiments, one module for each paper. Data only: nothing here imports torch."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from .. import papers
from ..errors import UsageError
from .record import Arm, Expectation, Experiment, Setting

__all__ = [
    "PAPERS", "Arm", "Expectation", "Experiment", "Setting",
    "cited", "every", "find", "left_out", "of_paper", "paper_of",
]  # fmt: skip

PAPERS = (
    "alexnet", "zfnet", "vgg", "nin", "googlenet", "bn_inception", "inception_v3", "inception_v4", "xception",
    "resnet", "preact_resnet", "stochastic_depth", "wide_resnet", "resnext", "densenet", "senet", "bag_of_tricks",
)  # fmt: skip


def of_paper(paper: str) -> tuple[Experiment, ...]:
    """A paper's experiments, in its order."""
    found: tuple[Experiment, ...] = _module(paper).EXPERIMENTS
    return found


def left_out(paper: str) -> dict[str, str]:
    """The claims of a paper's oracle that are not run, with the reason."""
    found: dict[str, str] = _module(paper).LEFT_OUT
    return found


def every() -> dict[str, Experiment]:
    """All experiments by id."""
    found: dict[str, Experiment] = {}
    for experiment in (one for paper in PAPERS for one in of_paper(paper)):
        if experiment.id in found:
            raise ValueError(f"two experiments are called {experiment.id}")
        found[experiment.id] = experiment
    return found


def find(name: str) -> Experiment:
    """The experiment of this id. Raises UsageError, with the nearest ones."""
    known = every()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "convnets reproduce list shows them all"
        raise UsageError(f"no experiment {name}; {hint}")
    return known[name]


def paper_of(experiment: Experiment) -> str:
    """The stem of the paper whose claim it is."""
    return next(paper for paper in PAPERS if any(one.id == experiment.id for one in of_paper(paper)))


def cited(experiment: Experiment) -> str:
    """Whose claim it is, and where it stands."""
    by = experiment.by or papers.paper(paper_of(experiment)).cited
    return f"{by}; {experiment.where}" if experiment.where else by


def _module(paper: str) -> Any:
    return importlib.import_module(f".{paper}", __name__)
