"""Processes that do jobs beside each other, and end with their parent, by whatever it is ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import Any

import torch
from tqdm import tqdm

from ..cache import cores
from ..errors import Interrupted, ResourceError


class Crew:
    """Processes that do jobs, one thread each where there are as many of them as cores."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        threads = max(1, cores() // workers)
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(threads,))

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, _: Any, error: BaseException | None, __: object) -> None:
        for process in list((self.pool._processes or {}).values()) if error else []:
            process.terminate()
        self.pool.shutdown(cancel_futures=True)
        if isinstance(error, KeyboardInterrupt):  # also while a result is written, not only while one is waited for
            raise Interrupted(error, "what was done is kept; the same command goes on from there") from error

    def all(self, work: Callable[..., Any], each: list[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """What `work` gives for each of the arguments, with its number, as they are done.

        Raises ResourceError where a process died.
        """
        with _out_of_reach():
            pending: dict[Future[Any], int] = {self.pool.submit(work, *given): n for n, given in enumerate(each)}
        try:
            while pending:
                done, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool:
            raise ResourceError(
                "a process that did a job died, perhaps for want of memory; jobs that were done are kept: the same "
                "command goes on, with -j 1 it takes less"
            ) from None


@contextlib.contextmanager
def _out_of_reach() -> Iterator[None]:
    """Ctrl-C does not reach processes that begin here, not even while they import torch: the parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its beginning unblocks the signal, so it comes first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be kept away
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own leaves a semaphore behind where this process is ended
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _end_with(parent: Any) -> None:
    """A process whose parent was killed has nobody to work for."""
    if parent is not None:
        parent.join()
        os._exit(1)
