"""The errors a user can meet, each with the exit code of the command that raised it.

A message is one line: what went wrong, where, why, and what to do about it.
"""

import signal
from collections.abc import Sequence


def few(names: Sequence[str], most: int = 5) -> str:
    """The first names of a list, for a message."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


class ConvnetsError(Exception):
    """A failure with a message meant for the user; commands print it as one line, without a traceback."""

    exit_code = 1


class UsageError(ConvnetsError):
    """A wrong option, configuration or data set (exit 2)."""

    exit_code = 2


class DataError(UsageError):
    """A data set or picture that cannot be used as it is (exit 2)."""


class CheckpointError(ConvnetsError):
    """A checkpoint that is damaged, or does not belong to what it is loaded into (exit 3)."""

    exit_code = 3


DIVERGED = "the network's output is NaN or infinite; its weights diverged: use an earlier checkpoint"


class DivergedError(ConvnetsError):
    """The loss became NaN or infinite (exit 4)."""

    exit_code = 4


class ResourceError(ConvnetsError):
    """Disk, memory or a worker process gave out (exit 5)."""

    exit_code = 5


class Stopped(KeyboardInterrupt):
    """A signal came, wherever the process was: no `except Exception` holds it up. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupted(ConvnetsError):  # noqa: N818, not an error
    """Stopped by a signal, with all kept that can be; `then` says what (exit 130 for Ctrl-C, 143 for SIGTERM)."""

    def __init__(self, by: KeyboardInterrupt | int, then: str = "") -> None:
        number = by if isinstance(by, int) else getattr(by, "number", signal.SIGINT)
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {name}" + (f": {then}" if then else ""))
        self.exit_code = 128 + number
