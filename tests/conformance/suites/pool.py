"""Cases over processes: what hangs or crashes ends as a failed case, never the run."""

import contextlib
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from .outcome import Outcome, reason_of

MEMORY = 8 * 2**30
START = 60.0
"""Seconds that a fresh process has on top, to import and to compile the solver's loop."""
Work = Callable[[str], Iterator[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One case for a worker.

    Parameters
    ----------
    suite, case
        Which.
    work
        A function of a module, called with the case.
    seconds
        After which it is given up.
    weight
        Share of the whole work, for the progress.
    """

    suite: str
    case: str
    work: Work
    seconds: float = 60.0
    weight: float = 1.0

    def failed(self, reason: str) -> Outcome:
        return Outcome(suite=self.suite, case=self.case, outcome="failed", reason=reason)


def run_tasks(tasks: Sequence[Task], processes: int) -> Iterator[tuple[Task, list[Outcome]]]:
    """Run tasks over processes, in order of start; give each with its outcomes as it ends."""
    waiting = list(reversed(tasks))
    workers = [_Worker() for _ in range(min(processes, len(tasks)))]
    try:
        for worker in workers:
            worker.give(waiting.pop())
        while busy := [w for w in workers if w.task is not None]:
            patience = max(0.0, min(w.deadline for w in busy) - time.monotonic())
            wait([w.pipe for w in busy], timeout=patience)
            for worker in busy:
                ended = worker.collect()
                if ended is not None:
                    yield ended
                    if waiting:
                        worker.give(waiting.pop())
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """One process, started anew when it had to be killed."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.deadline = 0.0
        self.process: SpawnProcess
        self.pipe: Connection
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.fresh = True

    def give(self, task: Task) -> None:
        self.task = task
        self.deadline = time.monotonic() + task.seconds + (START if self.fresh else 0.0)
        self.fresh = False
        self.pipe.send(task)

    def collect(self) -> tuple[Task, list[Outcome]] | None:
        """Give the task and its outcomes when it has ended, in whatever way."""
        task = self.task
        if task is None:
            return None
        if self.pipe.poll():
            try:
                outcomes = self.pipe.recv()
            except EOFError:
                self.process.join()
                outcomes = [task.failed(f"the process died with exit code {self.process.exitcode}")]
                self._start()
        elif time.monotonic() >= self.deadline:
            self.stop()
            outcomes = [task.failed(f"timeout: more than {task.seconds:.0f} s")]
            self._start()
        else:
            return None
        self.task = None
        return task, outcomes

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection) -> None:
    """Run tasks until the other end closes."""
    _limit_memory()
    warnings.simplefilter("ignore")  # overflow on the way to a NaN that the status tells of
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            task = pipe.recv()
            outcomes: list[Outcome] = []
            try:
                outcomes += task.work(task.case)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is this case's failure, and recorded)
                outcomes.append(task.failed(f"{type(error).__name__}: {reason_of(error)}"))
            pipe.send(outcomes)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
