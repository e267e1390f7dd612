"""The discrete adjoint: from the derivative of a number by what was read to its derivative by everything that a run began with.

Each recorded step is replayed, last one first, and the transposed derivative of the step is applied to the adjoint of the
state after it. The cost does not depend on the number of parameters.

Source: A. Sandu, D. N. Daescu and G. R. Carmichael, Atmos. Environ. 2003;37:5083-5096 (adjoints of Rosenbrock steps).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Adjoint, Kernel
from hepatica.solver.adjoint_jumps import leave_jump, leave_segment, note_after, pull_solution
from hepatica.solver.adjoint_space import (
    BAR,
    BLEND,
    IH,
    IHG,
    LU,
    MASK,
    OBSERVE_PULL,
    OM,
    PB,
    POINT,
    POINT_BAR,
    PREPARE,
    PREPARED,
    PULL,
    QB,
    REPLAY,
    SO,
    SP,
    UB,
    UNBLEND,
    XB,
    YB,
    AdjointSpace,
    M,
    P,
    U,
    V,
    W,
    X,
    Y,
)
from hepatica.solver.calls import caller, compiled
from hepatica.solver.notes import ENTERED, KEPT, KIND, READINGS, SEGMENT, STEP, STEPPED, TIME
from hepatica.solver.plan import Plan
from hepatica.solver.record import Doses, Record, longest_first, run_recorded, tasks_at_once
from hepatica.solver.replay import Run, events_of, load_parameters, load_row, reading_weights, set_weights
from hepatica.solver.run import Progress, Tolerances, by_arm, spread, timer_of
from hepatica.solver.status import Status
from hepatica.solver.workspace import Workspace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Slopes = Callable[[slice, Array], Array]

call2, call4, call5, call8, call14 = (caller(n) for n in (2, 4, 5, 8, 14))


class Ends(NamedTuple):
    """Where the adjoint begins, ``slopes`` (task, time, observable), and what it gives.

    Adjoints of the draws' parameters (task, parameter), of the states before the first segment's changes (task, state), and of
    the doses (task, dose).
    """

    slopes: Array
    base: Array
    start: Array
    doses: Array


@compiled
def _find_steps(
    task: Any,
    at: Any,
    queue: Any,
    following: int,
    rows: Any,
    run: Any,
    events: Any,
    ends: Any,
    code: Any,
    data: Any,
    a: Any,
) -> Any:
    """Bring every lane to its next step, over what lies between steps and into new tasks; gives the next task and the busy lanes."""
    order, where = rows.order, rows.where
    active = 0
    for lane in range(task.shape[0]):
        while True:
            if task[lane] < 0:
                if following == queue.shape[0]:
                    break
                task[lane] = queue[following]
                following += 1
                at[lane] = rows.offsets[task[lane] + 1] - 1
                # a run may end on an event, which nothing that was read depends on
                a.bar[:, lane], a.pb[:, lane], a.shift[lane], a.news[:, lane] = 0.0, 0.0, 0.0, 0.0
                load_parameters(
                    lane, where[order[at[lane]], SEGMENT], run.tasks[task[lane], 1], run.base, run.plan, a.p
                )
                call2(code[PREPARE], (data[P], data[PREPARED]))
            row = order[at[lane]]
            if where[row, KIND] == STEPPED:
                load_row(lane, row, rows, a.y, a.p)
                a.ih[lane] = 1.0 / rows.when[row, STEP]
                active += 1
                break
            if where[row, KIND] != ENTERED:
                leave_jump(lane, row, rows, events, code, data, a)
                at[lane] -= 1
                continue
            begins = at[lane] == rows.offsets[task[lane]]
            leave_segment(
                lane, row, task[lane], begins, rows, run, code, data, a, ends.base[task[lane]], ends.doses[task[lane]]
            )
            at[lane] -= 1
            if begins:
                for v in range(a.bar.shape[0]):
                    ends.start[task[lane], v] = a.bar[v, lane]
                task[lane] = -1
            else:
                load_parameters(
                    lane, where[order[at[lane]], SEGMENT], run.tasks[task[lane], 1], run.base, run.plan, a.p
                )
                call2(code[PREPARE], (data[P], data[PREPARED]))
    return following, active


@compiled
def _pull_readings(
    task: Any, at: Any, rows: Any, run: Any, differential: int, slopes: Any, code: Any, data: Any, a: Any
) -> None:
    """Add the adjoints of what was read within the steps to those of their stages."""
    order, where, when, timer = rows.order, rows.where, rows.when, run.timer
    lanes, algebraic = task.shape[0], differential < a.y.shape[0]
    reading, lowest = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    want = False
    for lane in range(lanes):
        if task[lane] >= 0:
            reading[lane] = where[order[at[lane]], READINGS]
            lowest[lane] = where[order[at[lane] - 1], READINGS]
            want = want or reading[lane] > lowest[lane]
    while want:
        want = False
        for lane in range(lanes):
            a.mask[lane] = -1.0
            if task[lane] >= 0 and reading[lane] > lowest[lane]:
                reading[lane] -= 1
                want = want or reading[lane] > lowest[lane]
                a.mask[lane] = 1.0
                row = order[at[lane]]
                moment = run.times[run.tasks[task[lane], 0], reading[lane]]
                set_weights((moment - when[row, TIME]) / when[row, STEP], run.table, a.om, lane)
                for j in range(slopes.shape[2]):
                    a.so[j, lane] = slopes[task[lane], reading[lane], j]
        call4(code[BLEND], (data[Y], data[U], data[OM], data[POINT]))
        if timer >= 0:
            for lane in range(lanes):
                if a.mask[lane] > 0.0:
                    a.point[timer, lane] = run.times[run.tasks[task[lane], 0], reading[lane]]
        for lane in range(lanes if algebraic else 0):
            for v in range(a.y.shape[0] if a.mask[lane] > 0.0 else 0):
                a.point[v, lane] = rows.solved[task[lane], reading[lane], v]
        a.qb[:] = 0.0
        call5(code[OBSERVE_PULL], (data[POINT], data[P], data[SO], data[POINT_BAR], data[QB]))
        if algebraic:  # which takes the place of what the pull of the steps needs
            y, lu, observed = a.y.copy(), a.lu.copy(), a.qb.copy()
            a.y[:] = a.point
            pull_solution(differential, a.point_bar, code, data, a)
            a.qb[:] += observed
            a.y[:], a.lu[:] = y, lu
        call5(code[UNBLEND], (data[POINT_BAR], data[OM], data[MASK], data[YB], data[UB]))
        for lane in range(lanes):
            if a.mask[lane] > 0.0:
                for v in range(a.pb.shape[0]):
                    a.pb[v, lane] += a.qb[v, lane]


@compiled
def pull_back(code: Any, data: Any, a: Any, rows: Any, queue: Any, run: Any, events: Any, ends: Any) -> None:
    """Pull the adjoints of the readings back through recorded tasks; ``queue``: the tasks to do, long ones first."""
    lanes, timer = a.ih.shape[0], run.timer
    task, at = np.full(lanes, -1, np.int64), np.zeros(lanes, np.int64)
    following = 0
    a.ih[:] = 1.0
    while True:
        following, active = _find_steps(task, at, queue, following, rows, run, events, ends, code, data, a)
        if active == 0:
            break
        for lane in range(lanes):
            a.ihg[lane] = a.ih[lane] / run.gamma
            a.mask[lane] = -1.0
            if task[lane] >= 0:
                a.mask[lane] = 1.0
                set_weights(rows.when[rows.order[at[lane]], KEPT], run.table, a.om, lane)
        call8(code[REPLAY], (data[Y], data[P], data[IH], data[IHG], data[LU], data[U], data[X], data[W]))
        if timer >= 0:  # the clock is set at each step, and so depends on nothing
            a.bar[timer] = 0.0
        a.yb[:] = 0.0
        a.ub[:] = 0.0
        call5(code[UNBLEND], (data[BAR], data[OM], data[MASK], data[YB], data[UB]))
        _pull_readings(task, at, rows, run, events.differential, ends.slopes, code, data, a)
        call14(
            code[PULL],
            (data[Y], data[P], data[IH], data[LU], data[U], data[X], data[YB], data[UB], data[XB], data[M], data[V], data[SP],
             data[PB], data[W]),
        )  # fmt: skip
        for lane in range(lanes):
            if task[lane] < 0:
                continue
            for v in range(a.bar.shape[0]):
                a.bar[v, lane] = a.yb[v, lane]
            if timer >= 0:
                a.bar[timer, lane] = 0.0
            row = rows.order[at[lane]]
            at[lane] -= 1
            before = rows.where[rows.order[at[lane]], KIND]
            if before not in (STEPPED, ENTERED):
                note_after(lane, row, rows, code, data, a)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """What a run and its adjoint gave; NaN where a task failed.

    Parameters
    ----------
    base
        Adjoint of the parameters of each task's draw, shape (task, parameter).
    start
        Adjoint of each task's initial state, shape (task, state).
    doses
        Adjoint of each dose, shape (task, dose).
    status, stopped
        As for :class:`~hepatica.solver.run.Trajectories`.
    """

    base: Array
    start: Array
    doses: Array
    status: NDArray[np.int8]
    stopped: Array


def differentiate(
    kernel: Kernel, adjoint: Adjoint, plan: Plan, tasks: Indices, base: Array, times: Array, slopes: Slopes, doses: Doses, *,
    y0: Array | None = None, tolerances: Tolerances | None = None, threads: int = 1, block: int = 1,
    progress: Progress | None = None,
) -> Gradients:  # fmt: skip
    """Run tasks, and pull back the derivative of a number by what they read.

    Parameters
    ----------
    kernel, plan, tasks, base, times, y0, tolerances, threads, progress
        As for :func:`~hepatica.solver.run.integrate`.
    adjoint
        The adjoint of the kernel's step.
    slopes
        Called with a slice of the tasks and what they read, shape (task, time, observable); gives the derivative of the
        number by each reading, of the same shape. Must be safe to call from several threads.
    doses
        Which changes are differentiated.
    block
        Tasks that ``slopes`` must see together; slices start and end at multiples of it.

    Returns
    -------
    Gradients
        Of every task; a row of ``base`` that several tasks use has the sum of theirs as its derivative.
    """
    tol, times = tolerances or Tolerances(), by_arm(times, plan)
    rows = np.zeros((1, len(kernel.states))) if y0 is None else np.ascontiguousarray(y0)
    stopped, culprit = np.zeros(len(tasks)), np.full(len(tasks), -1)
    base_bar = np.zeros((len(tasks), len(kernel.parameters)))
    start_bar, dose_bar = np.zeros((len(tasks), len(kernel.states))), np.zeros((len(tasks), doses.count))
    table, tools = reading_weights(tol.tableau), dict[int, tuple[Record, AdjointSpace]]()

    def work(space: Workspace, part: slice, status: NDArray[np.int8], counts: Indices, flag: Indices) -> None:
        if id(space) not in tools:
            tools[id(space)] = Record(kernel), AdjointSpace(kernel, adjoint, tol.tableau)
        record, own = tools[id(space)]
        out = np.full((part.stop - part.start, times.shape[1], len(kernel.observables)), np.nan)
        run_recorded(
            kernel,
            space,
            plan,
            tasks[part],
            base,
            rows,
            times,
            tol,
            record,
            out,
            status,
            counts,
            stopped[part],
            culprit[part],
            flag,
        )
        if flag[0] < 0:
            return
        by_reading = np.ascontiguousarray(slopes(part, out))
        notes = record.by_task(len(out))
        queue = np.array([k for k in longest_first(notes) if status[k] == Status.OK], np.int64)
        run = Run(tasks[part], base, plan.arrays, times, timer_of(kernel), table, tol.tableau.gamma, *doses.arrays)
        ends = Ends(by_reading, base_bar[part], start_bar[part], dose_bar[part])
        pull_back(own.code, own.data, own.arrays, notes, queue, run, events_of(kernel), ends)

    most = max(block, tasks_at_once(len(kernel.states)) // block * block)
    status, _ = spread(kernel, tol, tol.share(settling=False), len(tasks), threads, progress, work, most, block)
    failed = status != Status.OK
    for array in (base_bar, start_bar, dose_bar):
        array[failed] = np.nan
    return Gradients(base=base_bar, start=start_bar, doses=dose_bar, status=status, stopped=stopped)
