"""What watches over a run: the live line, saves on time, the stop at a signal, the records and pictures."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, TextIO

from tqdm import tqdm

from ..data import Batch
from ..errors import Interrupted
from ..evaluate.pictures import draw_curves
from ..runs.folder import BEST, LAST, RunFolder
from .state import Training, judged

PLAIN_LINE_EVERY = 30.0  # seconds between lines where nobody watches a terminal
DRAW_EVERY = 60.0  # seconds between drawings of the curves


class RunKeeper:
    """Saves a run into its folder and shows how it goes.

    `about`: what every checkpoint says besides the state. `steps`: optimizer steps in an epoch. It saves after every
    epoch, every `save_steps` steps (0: never) and every `save_seconds` seconds.
    """

    def __init__(
        self, folder: RunFolder, about: dict[str, Any], steps: int, save_steps: int = 0, save_seconds: float = 300.0
    ) -> None:
        self.folder, self.about, self.steps = folder, about, steps
        self.save_steps, self.save_seconds = save_steps, save_seconds
        self.board: Any = None  # a TensorBoard writer
        self.clock = Clock()
        self.saved_at = self.drawn_at = time.monotonic()
        self.title = f"{about['network']['name']} on {about['source']['name']}"
        self.signal: int | None = None

    def __enter__(self) -> RunKeeper:
        heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
        self._handlers = {number: signal.signal(number, self._on_signal) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self.board:
            self.board.close()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:  # asked twice: at once, with what was saved before
            os._exit(128 + number)
        self.signal = number
        say("\nstopping after this step; once more stops at once", sys.stderr)

    def watch(self, groups: Iterable[list[Batch]], training: Training) -> Iterator[list[Batch]]:
        """The same groups, timed, with a live line on a terminal and a plain line now and then elsewhere."""
        total, done = self.steps, training.batch // training.recipe.accumulate
        self.clock.begin(total - done)
        title = f"epoch {training.epoch + 1}/{training.recipe.epochs}"
        live = sys.stderr.isatty()
        bar = tqdm(total=total, initial=done, desc=title, leave=False, disable=not live, dynamic_ncols=True)
        shown = time.monotonic()
        with bar:
            for group in self.clock.timed(groups):
                yield group
                bar.update()
                now = time.monotonic()
                if now - shown > (0.5 if live else PLAIN_LINE_EVERY):
                    shown, line = now, self._line(training)
                    bar.set_postfix_str(line)
                    if not live:
                        say(f"{title} step {training.step}: {line}")

    def _line(self, training: Training) -> str:
        loss, error = training.means()
        left = self.clock.left(training.recipe.epochs - training.epoch - 1, self.steps)
        return (
            f"loss {loss:.3f}, error {error:.1f} %, {self.clock.rate():.0f} images/s, "
            f"{100 * self.clock.waiting_share():.0f} % waiting for data, {clock_text(left)} left"
        )

    def stop_if_asked(self) -> None:
        """Raise Interrupted where a signal came; whoever catches it saves."""
        if self.signal is not None:
            raise Interrupted(self.signal, f"saved; continue with convnets train --resume {self.folder.path}")

    def after_step(self, training: Training) -> None:
        """Save where it is due."""
        due = self.save_steps and training.step % self.save_steps == 0
        if due or time.monotonic() - self.saved_at > self.save_seconds:
            self.save(training)
        self.stop_if_asked()

    def after_epoch(self, training: Training, row: dict[str, Any]) -> None:
        """Record the epoch; keep its weights where they are the best so far; save."""
        error, loss = judged(row)
        best, always = training.best, "val_error" not in row or training.recipe.select == "last"
        if always or best is None or (error, loss) < (best["error"], best["loss"]):
            training.best = {"epoch": row["epoch"], "error": error, "loss": loss}
            self._save_best(training)
        self.save(training)
        self._record(training, row)
        if time.monotonic() - self.drawn_at > DRAW_EVERY:
            self.draw(training)
        left = self.clock.left(training.recipe.epochs - training.epoch, self.steps)
        say(epoch_line(row, training.recipe.epochs, self.clock, left))
        if training.is_over() and training.epoch < training.recipe.epochs:
            say(f"stopped early: validation has not improved for {training.recipe.patience} epochs")
        self.stop_if_asked()

    def save(self, training: Training) -> None:
        """Save everything the run needs to go on, unless it has diverged."""
        training.check_finite()
        self.folder.save(LAST, training.tensors(), {**self.about, **training.state()})
        self.saved_at = time.monotonic()

    def _save_best(self, training: Training) -> None:
        self.folder.save(BEST, training.weights(), {**self.about, **training.state()})

    def _record(self, training: Training, row: dict[str, Any]) -> None:
        """Metrics, and the times apart from them: two runs of one recipe agree in metrics.csv to the byte."""
        try:
            self.folder.write_metrics(training.log)
            path = self.folder.path / "timing.csv"
            header = "" if path.exists() else "epoch,seconds,images_per_second,waiting_share\n"
            with path.open("a") as file:
                times = f"{self.clock.seconds():.2f},{self.clock.rate():.1f},{self.clock.waiting_share():.4f}"
                file.write(f"{header}{row['epoch']},{times}\n")
            for key in (key for key in row if self.board and key not in ("epoch", "step")):
                self.board.add_scalar(key, row[key], row["step"])
        except OSError as error:
            say(f"warning: cannot write the metrics ({error}); training goes on", sys.stderr)

    def draw(self, training: Training) -> None:
        """Draw the curves; a picture that cannot be written is no reason to stop."""
        self.drawn_at = time.monotonic()
        try:
            draw_curves(training.log, self.folder.path / "curves.png", self.title)
        except OSError as error:
            say(f"warning: cannot draw the curves ({error}); training goes on", sys.stderr)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line, if anybody is still there to read it: a closed pipe must not end a training."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=stream, flush=True)


class Clock:
    """How fast an epoch goes, and how much of it is waiting for data."""

    def __init__(self) -> None:
        self.begin(1)

    def begin(self, steps: int) -> None:
        """Start the clock of an epoch with this many steps left."""
        self.started = self.ended = time.monotonic()
        self.waited, self.pictures, self.steps, self.left_in_epoch = 0.0, 0, 0, steps

    def timed(self, groups: Iterable[list[Batch]]) -> Iterator[list[Batch]]:
        """The same groups; the time spent in getting them is counted as waiting."""
        iterator = iter(groups)
        while True:
            began = time.monotonic()
            group = next(iterator, None)
            self.waited += time.monotonic() - began
            if group is None:
                self.ended = time.monotonic()
                return
            yield group
            self.steps += 1
            self.pictures += sum(len(batch.labels) for batch in group)
            self.ended = time.monotonic()

    def seconds(self) -> float:
        """Seconds of training in this epoch."""
        return max(1e-9, self.ended - self.started)

    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds()

    def waiting_share(self) -> float:
        """Share of the time spent waiting for data."""
        return min(1.0, self.waited / self.seconds())

    def left(self, epochs: int, steps_per_epoch: int) -> float:
        """Seconds left when this epoch's pace lasts."""
        to_do = epochs * steps_per_epoch + self.left_in_epoch - self.steps
        return to_do * self.seconds() / max(1, self.steps)


def clock_text(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def epoch_line(row: dict[str, Any], epochs: int, clock: Clock, left: float) -> str:
    """One epoch as a line that aligns with the others."""
    width = len(str(epochs))
    text = f"epoch {row['epoch']:>{width}}/{epochs}  lr {row['lr']:.4f}  "
    text += f"train loss {row['train_loss']:.4f} error {row['train_error']:5.2f} %"
    if "val_error" in row:
        text += f"  val loss {row['val_loss']:.4f} error {row['val_error']:5.2f} %"
    if "ema_val_error" in row:
        text += f"  averaged {row['ema_val_error']:5.2f} %"
    waiting = 100 * clock.waiting_share()
    return text + f"  {clock.rate():6.0f} images/s  {waiting:2.0f} % waiting  {clock_text(left)} left"
