"""The `convnets` command: one module per verb, imported when it is called."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Callable

import click

from .. import __version__
from ..errors import ConvnetsError, Interrupted, Stopped

VERBS = {
    "list": "Networks of the catalogue.",
    "show": "One network row by row, beside its paper.",
    "draw": "A network as a picture, in the manner of the papers' figures.",
    "timeline": "The family tree of the networks, and their errors by cost, as a picture.",
    "diff": "What differs between two networks, or a network and its paper.",
    "recipe": "How the papers trained, value by value.",
    "pack": "A data set as one file, smaller and quicker to read.",
    "augment": "What training makes of a picture.",
    "fit": "The best classifier for a folder of pictures that a few minutes allow.",
    "train": "Train a network on pictures.",
    "probe": "A linear classifier on what a trained network sees, in one pass.",
    "lr-find": "Learning rates that a network bears, by a range test.",
    "bench": "How fast a network trains and predicts here, beside other libraries.",
    "evaluate": "Test errors of a trained network.",
    "report": "A run as one page: curves, test, mistakes, calibration, speed, data.",
    "compare": "Runs beside each other, with a paired test for each two.",
    "predict": "Classify pictures.",
    "explain": "Where in a picture a network sees its classes.",
    "neighbours": "Training pictures most like a picture.",
    "look": "What is inside a trained network, as a page.",
    "export": "A trained network for other libraries.",
    "weights": "Weights that others published.",
    "reproduce": "The papers' claims, run again.",
    "demo": "Train, evaluate and predict on built-in data.",
}

_asked: list[int] = []  # the signal that came: what fails after it fails because of it


class Verbs(click.Group):
    """A click group whose verbs are imported only when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f".{name.replace('-', '_')}", __name__).command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"verbs: {', '.join(VERBS)}"
            raise click.UsageError(f"no such verb: {args[0]}; {hint}")
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BaseException as error:  # click would write an empty line, and libraries make other errors of a signal
            if isinstance(error, Interrupted) or not (_asked or isinstance(error, KeyboardInterrupt)):
                raise
            raise Interrupted(error if isinstance(error, KeyboardInterrupt) else _asked[0]) from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="convnets")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def convnets(debug: bool) -> None:
    """The classic convolutional networks, exactly as their papers describe them, for your own pictures."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the exit code of the error contract."""
    _on_signals(_stop)
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    finally:
        _on_signals(_leave)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code. An error is one line on stderr, a traceback only with --debug."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    try:
        code = convnets.main(arguments, prog_name="convnets", standalone_mode=False)
        sys.stdout.flush()
        if _asked:  # and something held it up
            raise Interrupted(_asked[0])
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "convnets")
        return _report(f"{_one_line(error.format_message())} (see {command} --help)", 2, debug)
    except ConvnetsError as error:
        return _report(str(error), error.exit_code, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _report("out of memory; try a smaller --batch-size", 5, debug)
    except (Exception, KeyboardInterrupt) as error:
        return _unexpected(error, debug)


def _unexpected(error: BaseException, debug: bool) -> int:
    if isinstance(error, click.Abort):  # which click makes of EOFError, and of a signal before or after the verb
        error = error.__cause__ or error
    if isinstance(error, KeyboardInterrupt):
        stop = Interrupted(_asked[0] if _asked else signal.SIGINT)
        return _report(str(stop), stop.exit_code, debug)
    if type(error).__name__ == "OutOfMemoryError":  # torch's; torch is not imported for its sake
        return _report("out of memory; try a smaller --batch-size", 5, debug)
    if str(error).startswith("DataLoader worker"):  # torch raises it wherever this process happens to be
        reason = _one_line(str(error)).rstrip(".")
        return _report(f"a worker process for data died ({reason}); try fewer --workers", 5, debug)
    return _report(f"unexpected {type(error).__name__}: {_one_line(str(error))}; --debug shows where", 1, debug)


def _on_signals(handler: Callable[[int, object], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as it is of what a script leaves in the background
            signal.signal(number, handler)


def _stop(number: int, _: object) -> None:
    _on_signals(_leave)  # a second one does not wait for what the first one ends
    _asked.append(number)
    raise Stopped(number)


def _leave(number: int, _: object) -> None:
    os._exit(128 + number)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _report(message: str, code: int, debug: bool) -> int:
    if debug and sys.exc_info()[0] is not None:
        sys.excepthook(*sys.exc_info())
    print(f"convnets: {message}", file=sys.stderr)
    return code
