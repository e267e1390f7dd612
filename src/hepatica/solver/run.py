"""Tasks -> trajectories, over threads."""

import ctypes
import math
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import CLOCK, TABLEAUX, Kernel, Tableau
from hepatica.errors import InputError
from hepatica.solver.calls import FLUSH, RESTORE
from hepatica.solver.drive import LEAST, advance
from hepatica.solver.notes import NO_RECORD
from hepatica.solver.plan import Plan
from hepatica.solver.status import Status
from hepatica.solver.workspace import STAGES, Workspace

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

CHUNK = 512
SHARE, SETTLED_SHARE = 1e-9, 1e-11
LOOSE = 1e-4
MOST_STEPS_TO_REST = 2000
NEVER, NOWHERE = np.zeros((1, 0)), np.zeros((0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How accurately, and how long, to integrate.

    Parameters
    ----------
    rtol
        Relative local error of a step.
    atol
        Absolute local error of a step, in the units of the states. By default 1e-9 rtol times the largest state that the
        run has had so far, so that the units of a model do not matter.
    limit
        Steps after which a trajectory is given up.
    settle
        Model time that a steady state must outlast within one step.
    drift
        Relative change over such a step that still counts as none.
    method
        ``rodas4`` or ``rodas5p``; by default Rodas4 where rtol is 1e-4 or looser, else Rodas5P.

    Raises
    ------
    InputError
        When a number is out of range, or there is no such method.
    """

    rtol: float = 1e-5
    atol: float | None = None
    limit: int = 20_000
    settle: float = 1e5
    drift: float = 1e-9
    method: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rtol < 1:
            raise InputError(f"the relative tolerance is {self.rtol}; expected a number between 0 and 1, such as 1e-5.")
        if self.atol is not None and not 0 <= self.atol < math.inf:
            raise InputError(f"the absolute tolerance is {self.atol}; expected a finite number, zero or more.")
        if self.limit < 1:
            raise InputError(f"the limit is {self.limit} steps; expected at least one.")
        if self.method is not None and self.method not in TABLEAUX:
            raise InputError(f"there is no method '{self.method}'; known: {', '.join(sorted(TABLEAUX))}.")

    def share(self, *, settling: bool) -> float:
        """Give the absolute tolerance as a part of the largest state; zero where it is given as a number."""
        if self.atol is not None:
            return 0.0
        return max(SETTLED_SHARE, SHARE * self.rtol) if settling else SHARE * self.rtol

    @property
    def tableau(self) -> Tableau:
        """The method's coefficients."""
        return TABLEAUX[self.method or ("rodas4" if self.rtol >= LOOSE else "rodas5p")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectories:
    """What came out.

    Parameters
    ----------
    values
        Shape (task, time, observable), or (task, state) for steady states; NaN from a failure on.
    status
        Shape (task,), values of :class:`~hepatica.solver.status.Status`.
    stopped
        Model time at which each task ended, shape (task,).
    culprit
        The state that a failed task was stopped by, shape (task,); -1 where there is none.
    steps, lane_steps
        Steps made, and the steps times the lanes that were busy.
    """

    values: Array
    status: NDArray[np.int8]
    stopped: Array
    culprit: NDArray[np.int64]
    steps: int
    lane_steps: int


def integrate(
    kernel: Kernel, plan: Plan, tasks: NDArray[np.int64], base: Array, times: Array, *,
    y0: Array | None = None, tolerances: Tolerances | None = None, threads: int = 1, progress: Progress | None = None,
) -> Trajectories:  # fmt: skip
    """Integrate tasks and read the observables.

    Parameters
    ----------
    kernel
        The compiled model.
    plan
        Segments of the arms.
    tasks
        Shape (task, 3): arm, row of ``base``, row of ``y0`` (-1: the model's initial values).
    base
        Parameter sets, shape (draw, parameter).
    times
        Reading times, ascending, shape (time,), or (arm, time) where arms are read at different times: what an arm has less of
        them is infinite, and its readings there are NaN.
    y0
        Initial states, shape (row, state).
    threads
        Worker threads; the result does not depend on their number.
    progress
        Called with (tasks done, tasks) now and then.

    Returns
    -------
    Trajectories
        ``values`` of shape (task, time, observable).
    """
    tol, times = tolerances or Tolerances(), by_arm(times, plan)
    rows = np.zeros((1, len(kernel.states))) if y0 is None else np.ascontiguousarray(y0)
    out = np.empty((len(tasks), times.shape[1], len(kernel.observables)))
    stopped, culprit = np.zeros(len(tasks)), np.full(len(tasks), -1)

    def work(
        space: Workspace, part: slice, status: NDArray[np.int8], counts: NDArray[np.int64], flag: NDArray[np.int64]
    ) -> None:
        advance(
            space.code, space.data, space.arrays, tasks[part], base, rows, tables_of(kernel, plan), times, tol.tableau.order,
            tol.tableau.gamma, error_slot(tol.tableau), tol.limit, timer_of(kernel), space.watch, space.memory, 0.0, 0.0,
            out[part], NOWHERE, status, counts, stopped[part], culprit[part], flag, NO_RECORD,
        )  # fmt: skip

    status, counts = spread(kernel, tol, tol.share(settling=False), len(tasks), threads, progress, work)
    return Trajectories(
        values=out, status=status, stopped=stopped, culprit=culprit, steps=int(counts[0]), lane_steps=int(counts[1])
    )


def by_arm(times: Array, plan: Plan) -> Array:
    """Give the reading times of each arm, shape (arm, time)."""
    return np.ascontiguousarray(np.broadcast_to(times, (plan.arms, times.shape[-1])), float)


def tables_of(kernel: Kernel, plan: Plan) -> tuple[NDArray[Any], ...]:
    """Give what the control loop reads of a plan; a parameter that is not finite in the model need not be so in a run."""
    return (*plan.arrays, np.isfinite(kernel.p0))


def error_slot(tableau: Tableau) -> int:
    """Slot of the last stage, which is the error of a step."""
    return STAGES + tableau.stages - 1


def timer_of(kernel: Kernel) -> int:
    """Give the state that is the clock, or -1."""
    return kernel.states.index(CLOCK) if CLOCK in kernel.states else -1


def find_steady_states(
    kernel: Kernel, plan: Plan, tasks: NDArray[np.int64], base: Array, *,
    tolerances: Tolerances | None = None, threads: int = 1, progress: Progress | None = None,
) -> Trajectories:  # fmt: skip
    """Follow tasks to where nothing changes any more.

    The steps of a Rosenbrock method grow without bound near a stable steady state, so that the last ones act as Newton
    steps. A task that does not settle within the step limit ends as ``NO_STEADY_STATE``.

    Returns
    -------
    Trajectories
        ``values`` of shape (task, state).
    """
    tol = tolerances or Tolerances()
    out = np.full((len(tasks), len(kernel.states)), np.nan)
    limit = min(tol.limit, MOST_STEPS_TO_REST)
    start, nothing, stopped = np.zeros((1, len(kernel.states))), np.zeros((len(tasks), 0, 0)), np.zeros(len(tasks))
    culprit = np.full(len(tasks), -1)

    def work(
        space: Workspace, part: slice, status: NDArray[np.int8], counts: NDArray[np.int64], flag: NDArray[np.int64]
    ) -> None:
        advance(
            space.code, space.data, space.arrays, tasks[part], base, start, tables_of(kernel, plan), NEVER, tol.tableau.order,
            tol.tableau.gamma, error_slot(tol.tableau), limit, timer_of(kernel), space.watch, space.memory, tol.settle, tol.drift,
            nothing[part], out[part], status, counts, stopped[part], culprit[part], flag, NO_RECORD,
        )  # fmt: skip

    status, counts = spread(kernel, tol, tol.share(settling=True), len(tasks), threads, progress, work)
    return Trajectories(
        values=out, status=status, stopped=stopped, culprit=culprit, steps=int(counts[0]), lane_steps=int(counts[1])
    )


Work = Callable[[Workspace, slice, "NDArray[np.int8]", "NDArray[np.int64]", "NDArray[np.int64]"], None]


def spread(
    kernel: Kernel, tol: Tolerances, share: float, total: int, threads: int, progress: Progress | None, work: Work,
    most: int = CHUNK, block: int = 1,
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:  # fmt: skip
    """Let threads take chunks of tasks until none is left; an interrupt stops them between two steps.

    A chunk has at most ``most`` tasks, or the kernel's lanes if that is more, rounded up to a multiple of ``block``; all are alike,
    and as many for each thread, so that none waits for the last one of another.
    """
    status = np.full(total, int(Status.NOT_RUN), np.int8)
    queue: SimpleQueue[slice] = SimpleQueue()
    rounds = -(-total // (most * max(1, threads)))
    chunk = -(-max(kernel.lanes, -(-total // max(1, rounds * threads))) // block) * block
    for first in range(0, total, chunk):
        queue.put(slice(first, min(total, first + chunk)))
    flags = [np.zeros(1, np.int64) for _ in range(threads)]
    finished = np.zeros(threads, np.int64)
    counts = np.zeros((threads, 2), np.int64)

    def worker(me: int) -> None:
        space = Workspace(kernel, tol.tableau, tol.rtol, LEAST if tol.atol is None else tol.atol, share)
        while flags[me][0] >= 0:
            try:
                part = queue.get_nowait()
            except Empty:
                return
            with _flushed_denormals(space):
                work(space, part, status[part], counts[me], flags[me])
            if flags[me][0] >= 0:
                finished[me] += part.stop - part.start
                flags[me][0] = 0

    if threads == 1 and progress is None:
        worker(0)
        return status, counts.sum(axis=0)
    futures = [_pool(threads).submit(worker, me) for me in range(threads)]
    try:
        while wait(futures, timeout=0.2).not_done:
            if progress is not None:
                progress(int(finished.sum() + sum(max(0, f[0]) for f in flags)), total)
    except BaseException:  # an interrupt above all: stop the machine code, which no signal reaches, and pass it on
        for flag in flags:
            flag[0] = -1
        wait(futures)
        raise
    for future in futures:
        future.result()
    if progress is not None:
        progress(total, total)
    return status, counts.sum(axis=0)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Give threads that stay: starting them would take as long as some dozens of trajectories."""
    return ThreadPoolExecutor(threads, thread_name_prefix="hepatica", initializer=leave_interrupts)


def leave_interrupts() -> None:
    """Let this thread take no interrupts: only the main one answers them, and wakes for them only where it gets them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


if hasattr(os, "register_at_fork"):  # a fork has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


@contextmanager
def _flushed_denormals(space: Workspace) -> Iterator[None]:
    """Count denormals as zero in this thread meanwhile: on decaying states they would halve the speed."""
    flush, restore = (ctypes.CFUNCTYPE(None, ctypes.c_void_p)(int(space.code[k])) for k in (FLUSH, RESTORE))
    saved = space.control.ctypes.data
    flush(saved)
    try:
        yield
    finally:
        restore(saved)
