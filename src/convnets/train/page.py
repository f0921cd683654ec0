"""The page about a run that is written at its end."""

from __future__ import annotations

import sys

from ..data import Source
from ..runs.folder import RunFolder
from .keeper import say
from .machine import Machine

COMPARING = 20.0  # seconds at most that a training waits until its pictures are read again to find equal ones


def write_report(folder: RunFolder, source: Source, machine: Machine) -> RunFolder:
    """Write report.html into the run folder if `machine` says so; the folder. The test split stays untouched.

    The run is over and saved, so nothing that goes wrong here may make it fail: it becomes a warning.
    """
    if not machine.report:
        return folder
    try:
        from ..explain.report import REPORT, report, write

        split = next((name for name in ("val", "train") if len(source.splits.get(name, ()))), "train")
        found = report(folder.path, source=source, split=split, untouched=("test",), device=machine.device,
                       workers=machine.loaders(source.splits[split]), seconds=COMPARING)  # fmt: skip
        for path in (found.noted, write(found, folder.path / REPORT)):
            if path is not None:
                say(f"written: {path}")
    except Exception as error:  # whatever it is: the training is worth more than a page about it
        why = " ".join(str(error).split()) or type(error).__name__
        say(f"warning: no report ({why}); convnets report {folder.path} tries again", sys.stderr)
    return folder
