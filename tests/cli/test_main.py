"""What every verb has in common: signals, and errors of libraries, are one line and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from convnets import cli
from convnets.errors import Stopped, UsageError

Raising = Callable[[BaseException], None]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Raising:
    """Every verb raises this from now on."""

    def set_to(error: BaseException) -> None:
        def invoke(*_: Any) -> None:
            raise error

        monkeypatch.setattr("click.Group.invoke", invoke)

    return set_to


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
        (Stopped(signal.SIGINT), 130, "stopped by Ctrl-C"),
        (Stopped(signal.SIGTERM), 143, "stopped by SIGTERM"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), 5,
         "a worker process for data died (DataLoader worker (pid 7) is killed by signal: Killed); try fewer --workers"),
        (MemoryError(), 5, "out of memory; try a smaller --batch-size"),
        (ValueError("a\nb"), 1, "unexpected ValueError: a b; --debug shows where"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException, code: int, message: str, raising: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(error)
    assert cli.run(["list"]) == code
    assert capsys.readouterr().err == f"convnets: {message}\n"


def test_the_end_of_a_file_is_no_ctrl_c(raising: Raising, capsys: pytest.CaptureFixture[str]) -> None:
    raising(EOFError("no data left in file"))
    assert cli.run(["list"]) == 1
    assert capsys.readouterr().err.endswith("unexpected EOFError: no data left in file; --debug shows where\n")


@pytest.mark.parametrize("error", [ImportError("initialization failed"), UsageError("onnx is not installed")])
def test_what_a_library_makes_of_a_signal_is_still_a_stop(
    error: Exception, raising: Raising, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_asked", [signal.SIGTERM])
    raising(error)
    assert cli.run(["list"]) == 143
    assert capsys.readouterr().err == "convnets: stopped by SIGTERM\n"


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, handlers = list[int](), dict[int, Any]()
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    monkeypatch.setattr(cli, "_asked", [])
    with pytest.raises(Stopped):
        cli._stop(signal.SIGTERM, None)
    for number, handler in handlers.items():
        handler(number, None)
    assert sorted(ended) == [130, 143]
