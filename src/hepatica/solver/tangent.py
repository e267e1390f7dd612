"""The discrete tangent: the derivative of everything that is read by parameters, initial values and doses.

Each recorded step is replayed for several trajectories at once, which gives the coefficients of its tangent; then the tangent of
each trajectory is taken in many directions at once, with the trajectory's own factors of the step's matrix.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Kernel, Tangent
from hepatica.solver.calls import caller, compiled
from hepatica.solver.notes import ENTERED, KEPT, KIND, READINGS, STEP, STEPPED, TIME
from hepatica.solver.plan import Plan
from hepatica.solver.record import Record, longest_first, run_recorded, tasks_at_once
from hepatica.solver.replay import Run, events_of, load_row, reading_weights, set_weights
from hepatica.solver.run import Progress, Tolerances, by_arm, spread, timer_of
from hepatica.solver.status import Status
from hepatica.solver.tangent_jumps import (
    add_sources,
    begin_solution,
    cross_jump,
    end_jump,
    enter_segment,
    solve_tangents,
)
from hepatica.solver.tangent_space import (
    BLEND,
    COMBINE,
    DO,
    DU,
    DX,
    DY,
    IH,
    IHG,
    LU,
    OBSERVE,
    OBSERVED,
    OM,
    POINT,
    REPLAY,
    SECOND,
    SLOPES,
    SWEEP,
    TANGENT_BLEND,
    A,
    D,
    Directions,
    F,
    P,
    Q,
    TangentSpace,
    U,
    W,
    X,
    Y,
)
from hepatica.solver.workspace import Workspace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

call3, call4, call6, call8 = (caller(n) for n in (3, 4, 6, 8))


@compiled
def _find_steps(
    task: Any, at: Any, queue: Any, following: int, rows: Any, run: Any, events: Any, dy0: Any, tables: Any, seeds: Any, code: Any,
    data: Any, a: Any,
) -> Any:  # fmt: skip
    """Bring every lane to its next step, over what lies between steps and into new tasks; gives the next task and the busy lanes."""
    order, offsets, where = rows.order, rows.offsets, rows.where
    active = 0
    for lane in range(task.shape[0]):
        while True:
            if task[lane] >= 0 and at[lane] == offsets[task[lane] + 1]:
                task[lane] = -1
            if task[lane] < 0:
                if following == queue.shape[0]:
                    break
                task[lane] = queue[following]
                following += 1
                at[lane] = offsets[task[lane]]
                a.shift[lane, :] = 0.0
            row = order[at[lane]]
            begins = at[lane] == offsets[task[lane]]
            if where[row, KIND] == STEPPED:
                if where[order[at[lane] - 1], KIND] not in (STEPPED, ENTERED):
                    end_jump(lane, row, rows, code, data, a)
                load_row(lane, row, rows, a.y, a.p)
                a.ih[lane] = 1.0 / rows.when[row, STEP]
                active += 1
                break
            if where[row, KIND] == ENTERED:
                enter_segment(lane, row, task[lane], begins, rows, run, dy0, tables, seeds, code, data, a)
            else:
                cross_jump(lane, row, rows, events, tables, seeds, code, data, a)
            at[lane] += 1
    return following, active


@compiled
def _step(lane: int, tables: Any, seeds: Any, code: Any, data: Any, a: Any) -> None:
    """The tangents of the stages of one trajectory's step in all directions."""
    blocks, stages, n, wide = a.du.shape
    lanes, number = a.dy.shape[0], 8 * lane
    for block in range(blocks):
        this = data[DY] + 8 * ((lane * blocks + block) * n * wide)
        stage0 = data[DU] + 8 * block * stages * n * wide
        for i in range(stages):
            call4(code[COMBINE + i], (this, stage0, data[DX], data[IH] + number))
            add_sources(lane, i, block, tables, seeds, a.f, a.du[block, i])
            stage = 8 * lanes * i
            call6(
                code[SWEEP],
                (data[A] + number + stage * tables.entries[0], data[Q] + number + stage * tables.entries[1],
                 data[LU] + number, data[DX], this, stage0 + 8 * i * n * wide),
            )  # fmt: skip


@compiled
def _blend(lane: int, block: int, to: Any, code: Any, data: Any, shape: Any) -> None:
    """The tangent at the part of the step that the weights of the lane stand for; ``to`` zero: in place."""
    blocks, stages, n, wide = shape
    this = data[DY] + 8 * ((lane * blocks + block) * n * wide)
    stage0 = data[DU] + 8 * block * stages * n * wide
    call4(code[TANGENT_BLEND], (this, stage0, data[OM] + 8 * lane, this if to == 0 else to))


@compiled
def _read(
    lane: int, task: int, row: int, lowest: int, differential: int, rows: Any, run: Any, slots: Any, tables: Any, seeds: Any,
    code: Any, data: Any, a: Any, out: Any,
) -> None:  # fmt: skip
    """The tangents of what was read within a step, ``out`` (slot, direction)."""
    when, entries, algebraic = rows.when, tables.observed, differential < a.y.shape[0]
    times = run.times[run.tasks[task, 0]]
    used, column, direction, weight = seeds
    wide, count = a.du.shape[3], out.shape[1]
    for k in range(lowest, rows.where[row, READINGS]):
        place, wanted = slots[run.tasks[task, 0], k], False
        for o in range(place.shape[0]):
            if place[o] >= 0:
                out[place[o]], wanted = 0.0, True
        if not wanted:
            continue
        set_weights((times[k] - when[row, TIME]) / when[row, STEP], run.table, a.om, lane)
        call4(code[BLEND], (data[Y], data[U], data[OM], data[POINT]))
        if run.timer >= 0:
            a.point[run.timer, lane] = times[k]
        for v in range(a.y.shape[0] if algebraic else 0):
            a.point[v, lane] = rows.solved[task, k, v]
        call3(code[OBSERVE], (data[POINT], data[P], data[OBSERVED]))
        if algebraic:  # which takes the place of what the next lanes' steps need
            kept = (a.y.copy(), a.lu.copy(), a.x[0].copy(), a.u[0].copy(), a.a[0].copy(), a.q[0].copy(), a.f[0].copy())
            a.y[:] = a.point
            jacobian = begin_solution(code, data, a)
        for block in range(a.du.shape[0]):
            _blend(lane, block, data[DO], code, data, a.du.shape)
            if algebraic:
                solve_tangents(lane, block, differential, a.do, jacobian, tables, seeds, code, data, a)
            first, last = block * wide, min(count, (block + 1) * wide)
            for e in range(entries.shape[0]):
                if entries[e, 1] == 0 and place[entries[e, 0]] >= 0:
                    x = a.observed[e, lane]
                    target, source = out[place[entries[e, 0]]], a.do[entries[e, 2]]
                    for d in range(last - first):
                        target[first + d] += x * source[d]
        for e in range(entries.shape[0]):
            if entries[e, 1] == 1 and place[entries[e, 0]] >= 0:
                for t in range(used[lane]):
                    if column[lane, t] == entries[e, 2]:
                        out[place[entries[e, 0]], direction[lane, t]] += a.observed[e, lane] * weight[lane, t]
        if algebraic:
            a.y[:], a.lu[:], a.x[0], a.u[0], a.a[0], a.q[0], a.f[0] = kept


@compiled
def push_forward(
    code: Any,
    data: Any,
    a: Any,
    rows: Any,
    queue: Any,
    run: Any,
    events: Any,
    dy0: Any,
    slots: Any,
    tables: Any,
    seeds: Any,
    out: Any,
) -> None:
    """Push the directions forward through recorded tasks; written: ``out`` (task, slot, direction).

    ``queue``: the tasks to do, long ones first. ``dy0`` (row, state, direction): tangents of the initial states of tasks that
    name a row.
    """
    lanes, stages, n = a.ih.shape[0], a.du.shape[1], a.y.shape[0]
    task, at = np.full(lanes, -1, np.int64), np.zeros(lanes, np.int64)
    following = 0
    a.ih[:] = 1.0
    while True:
        following, active = _find_steps(
            task, at, queue, following, rows, run, events, dy0, tables, seeds, code, data, a
        )
        if active == 0:
            break
        for lane in range(lanes):
            a.ihg[lane] = a.ih[lane] / run.gamma
        call8(code[REPLAY], (data[Y], data[P], data[IH], data[IHG], data[LU], data[U], data[X], data[W]))
        call4(code[SECOND], (data[Y], data[P], data[D], data[W]))
        for i in range(stages):
            stage = 8 * lanes * i
            call8(
                code[SLOPES],
                (data[X] + stage * n, data[U] + stage * n, data[D], data[P], data[A] + stage * tables.entries[0],
                 data[Q] + stage * tables.entries[1], data[F] + stage * tables.entries[2], data[W]),
            )  # fmt: skip
        for lane in range(lanes):
            if task[lane] < 0:
                continue
            row = rows.order[at[lane]]
            _step(lane, tables, seeds, code, data, a)
            lowest = rows.where[rows.order[at[lane] - 1], READINGS]
            _read(
                lane, task[lane], row, lowest, events.differential, rows, run, slots, tables, seeds, code, data, a, out[task[lane]]
            )  # fmt: skip
            set_weights(rows.when[row, KEPT], run.table, a.om, lane)
            for block in range(a.du.shape[0]):
                _blend(lane, block, 0, code, data, a.du.shape)
            at[lane] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """What a run and its tangents gave; NaN from a failure on.

    Parameters
    ----------
    values
        Shape (task, time, observable).
    slopes
        Derivative of the values, shape (task, time, observable, direction), or (task, slot, direction).
    status, stopped, culprit
        As for :class:`~hepatica.solver.run.Trajectories`.
    """

    values: Array
    slopes: Array
    status: NDArray[np.int8]
    stopped: Array
    culprit: Indices


def integrate_tangent(
    kernel: Kernel, tangent: Tangent, plan: Plan, tasks: Indices, base: Array, times: Array, directions: Directions, *,
    y0: Array | None = None, dy0: Array | None = None, slots: Indices | None = None, tolerances: Tolerances | None = None,
    threads: int = 1, progress: Progress | None = None,
) -> Sensitivities:  # fmt: skip
    """Run tasks, and push directions forward through them.

    Parameters
    ----------
    kernel, plan, tasks, base, times, y0, tolerances, threads, progress
        As for :func:`~hepatica.solver.run.integrate`.
    tangent
        The tangent of the kernel's step, made for at least the parameters that the directions and their doses move.
    directions
        What is moved.
    dy0
        Derivative of ``y0``, shape (row, state, direction); zero when left out.
    slots
        Where each reading's derivatives go, or -1 where they are not wanted, shape (arm, time, observable); each has its own
        place when left out.
    """
    tol, times = tolerances or Tolerances(), by_arm(times, plan)
    rows = np.zeros((1, len(kernel.states))) if y0 is None else np.ascontiguousarray(y0)
    start = np.zeros((len(rows), len(kernel.states), directions.count)) if dy0 is None else np.ascontiguousarray(dy0)
    values = np.full((len(tasks), times.shape[1], len(kernel.observables)), np.nan)
    all_read = values.shape[1:]
    to = (
        np.broadcast_to(np.arange(np.prod(all_read)).reshape(all_read), (len(times), *all_read))
        if slots is None
        else slots
    )
    to = np.ascontiguousarray(to, np.int64)
    slopes = np.full((len(tasks), int(to.max(initial=-1)) + 1, directions.count), np.nan)
    stopped, culprit = np.zeros(len(tasks)), np.full(len(tasks), -1)
    table, tools = reading_weights(tol.tableau), dict[int, tuple[Record, TangentSpace]]()

    def work(space: Workspace, part: slice, status: NDArray[np.int8], counts: Indices, flag: Indices) -> None:
        if id(space) not in tools:
            tools[id(space)] = Record(kernel), TangentSpace(kernel, tangent, tol.tableau, directions)
        record, own = tools[id(space)]
        run_recorded(
            kernel, space, plan, tasks[part], base, rows, times, tol, record, values[part], status, counts, stopped[part],
            culprit[part], flag,
        )  # fmt: skip
        if flag[0] < 0:
            return
        notes = record.by_task(part.stop - part.start)
        queue = np.array([k for k in longest_first(notes) if status[k] != Status.BAD_INPUT], np.int64)
        moved = directions.doses.arrays
        run = Run(tasks[part], base, plan.arrays, times, timer_of(kernel), table, tol.tableau.gamma, *moved)
        push_forward(
            own.code, own.data, own.arrays, notes, queue, run, events_of(kernel), start, to, own.tables, own.seeds,
            slopes[part],
        )  # fmt: skip

    status, _ = spread(
        kernel, tol, tol.share(settling=False), len(tasks), threads, progress, work, tasks_at_once(len(kernel.states))
    )
    shaped = slopes if slots is not None else slopes.reshape(*values.shape, directions.count)
    return Sensitivities(values=values, slopes=shaped, status=status, stopped=stopped, culprit=culprit)
