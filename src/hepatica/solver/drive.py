"""The control loop: steps of all lanes together, each lane with its own time, step size and task.

Model-independent and compiled once by Numba; the model comes in as addresses of machine code. A lane whose trajectory is
done takes the next task, so that no lane idles. What happens in a lane never depends on its neighbours.
"""

from typing import Any

import numpy as np

from hepatica.solver.calls import (
    COMMIT,
    DRIFT,
    DRIFTS,
    ERR,
    IH,
    IHG,
    INITIAL,
    LU,
    MASK,
    PACE,
    POINT,
    PREPARE,
    PREPARED,
    STEP,
    TOL,
    P,
    S,
    W,
    call2,
    call3,
    call5,
    call8,
    compiled,
)
from hepatica.solver.events import NEAR_ZERO, begin_watch, first_change, slid, slide, turn
from hepatica.solver.locate import locate, truncate
from hepatica.solver.notes import ENTERED, STEPPED, TURNED, note
from hepatica.solver.past import begin_past, remember
from hepatica.solver.readings import leave_unknown, read, time_of
from hepatica.solver.status import Status

OK, STEP_LIMIT, TOO_SMALL = int(Status.OK), int(Status.STEP_LIMIT), int(Status.STEP_TOO_SMALL)
SLIDING = int(Status.SLIDING)
NOT_FINITE, NO_STEADY, BAD = int(Status.NOT_FINITE), int(Status.NO_STEADY_STATE), int(Status.BAD_INPUT)

SET_TO, SCALE, ADD = 0, 1, 2
TINY_STEP = 1e-13  # relative to time: below it, time does not move any more
FIRST_STEP = 1e-6
SMALLEST_TIME = 1e-15
LAST_STEPS = 32  # of which an accepted one tells which state does not settle
LEAST = 1e-290
"""Absolute tolerance where nothing is there yet."""


@compiled
def _apply(target: Any, lane: int, first: int, last: int, index: Any, how: Any, value: Any) -> None:
    for q in range(first, last):
        i = index[q]
        if how[q] == SET_TO:
            target[i, lane] = value[q]
        elif how[q] == SCALE:
            target[i, lane] *= value[q]
        else:
            target[i, lane] += value[q]


@compiled
def _load(lane: int, segment: int, draw: int, base: Any, p: Any, plan: Any, code: Any, data: Any) -> None:
    """Parameters of a draw with the changes of a segment, and what follows from them alone."""
    for v in range(base.shape[1]):
        p[v, lane] = base[draw, v]
    _apply(p, lane, plan[2][segment], plan[2][segment + 1], plan[3], plan[4], plan[5])
    call2(code[PREPARE], (data[P], data[PREPARED]))


@compiled
def _begin(
    lane: int, task: int, tasks: Any, base: Any, y0: Any, plan: Any, timer: int, code: Any, data: Any, arrays: Any,
    state: Any, watch: Any, record: Any,
) -> bool:  # fmt: skip
    """Put a task's first segment into a lane; false when a number is not finite."""
    s, p, point, tolerance = arrays[0], arrays[1], arrays[7], arrays[13]
    arm, draw, row = tasks[task, 0], tasks[task, 1], tasks[task, 2]
    segment = plan[0][arm]
    _load(lane, segment, draw, base, p, plan, code, data)
    if row < 0:
        call2(code[INITIAL], (data[P], data[POINT]))
    fine = True
    for v in range(s.shape[0]):
        x = point[v, lane] if row < 0 else y0[row, v]
        point[v, lane] = x
    note(record, state, lane, ENTERED, segment, 0.0, 1.0, point, p)
    _apply(point, lane, plan[6][segment], plan[6][segment + 1], plan[7], plan[8], plan[9])
    largest = 0.0
    for v in range(s.shape[0]):
        s[v, 0, lane] = point[v, lane]
        fine = fine and np.isfinite(point[v, lane])
        hidden = timer >= 0 and v >= timer and v < watch[0][6]  # the clock, and what follows periodic functions
        largest = max(largest, 0.0 if hidden else abs(point[v, lane]))
    if tolerance[3, lane] > 0.0:
        tolerance[1, lane] = max(LEAST, tolerance[3, lane] * largest)
    for v in range(base.shape[1]):
        fine = fine and not (plan[10][v] and not np.isfinite(p[v, lane]))
    return fine


@compiled
def _park(lane: int, s: Any, p: Any) -> None:
    """Give an idle lane harmless content."""
    for v in range(s.shape[0]):
        for q in range(s.shape[1]):
            s[v, q, lane] = 0.0
    for v in range(p.shape[0]):
        p[v, lane] = 0.0


@compiled
def _factor(error: float, order: int, most: float) -> Any:
    """By what to multiply the step size, ``most`` at the most."""
    if not np.isfinite(error):
        return 0.1
    f = 0.9 * max(error, 1e-10) ** (-1.0 / order)
    if error <= 1.0:
        return min(max(f, 0.2), most)
    return max(f, 0.1)


@compiled
def _first_step(ratio: float) -> Any:
    """First step size from ``|y|^2 / |f|^2`` in the error norm (Hairer, Norsett and Wanner, section II.4)."""
    if not np.isfinite(ratio):
        return 1.0
    return min(max(0.01 * np.sqrt(ratio), FIRST_STEP), 1e8)


@compiled
def _refill(
    begun: int, active: int, state: Any, tasks: Any, base: Any, y0: Any, plan: Any, times: Any, timer: int, code: Any, data: Any,
    arrays: Any, watch: Any, past: Any, out: Any, status: Any, progress: Any, record: Any,
) -> Any:  # fmt: skip
    """Give the next tasks to idle lanes; returns how many were begun, the busy lanes, and whether a lane needs a first step."""
    task, segment, k, count, t, end, fresh, rejected = (
        state[0], state[1], state[2], state[3], state[4], state[6], state[7], state[8],
    )  # fmt: skip
    s, p = arrays[0], arrays[1]
    any_fresh = False
    for lane in range(task.shape[0]):
        while task[lane] < 0 and begun < tasks.shape[0] and progress[0] >= 0:
            r = begun
            begun += 1
            task[lane], segment[lane], count[lane], state[14][lane] = r, plan[0][tasks[r, 0]], 0, tasks[r, 0]
            k[lane], state[15][lane] = 0, time_of(0, tasks[r, 0], times)
            t[lane] = plan[1][segment[lane]]
            if not _begin(lane, r, tasks, base, y0, plan, timer, code, data, arrays, state, watch, record):
                status[r], task[lane] = BAD, -1
                leave_unknown(out, r, 0)
                progress[0] += 1
                continue
            if timer >= 0:
                s[timer, 0, lane] = t[lane]
            end[lane] = _end_of(segment[lane], tasks[r, 0], plan)
            if past[3][0] > 0:
                begin_past(lane, arrays, past, code, data)
            if watched(watch):
                begin_watch(lane, (tasks[r, 0] << 32) + tasks[r, 1], arrays, watch)
                failed = turn(lane, t[lane], arrays, watch, code, data, state, record)
                if failed != OK:
                    status[r] = failed
                    leave_unknown(out, r, 0)
                    progress[0] += 1
                    task[lane] = -1
                    continue
            fresh[lane], rejected[lane] = True, False
            active += 1
        if task[lane] < 0 and k[lane] >= 0:
            _park(lane, s, p)
            k[lane] = -1
        any_fresh = any_fresh or fresh[lane]
    return begun, active, any_fresh


@compiled
def watched(watch: Any) -> Any:
    """Whether there is something to be done at the start of a segment or at an event."""
    sizes = watch[0]
    return sizes[0] + sizes[1] + sizes[7] + sizes[8] + sizes[9] > 0


@compiled
def _end_of(segment: int, arm: int, plan: Any) -> Any:
    """Time at which a segment ends; the last one of an arm has no end."""
    return np.inf if segment + 1 == plan[0][arm + 1] else plan[1][segment + 1]


@compiled
def _step(state: Any, arrays: Any, watch: Any, past: Any, pace: Any, gamma: float, code: Any, data: Any) -> None:
    """Step all lanes, fresh ones paced first where asked; then ``err`` holds the error norms, ``ok`` which lanes accept."""
    task, t, h, end, fresh, ok, reach, part, stop = (
        state[0], state[4], state[5], state[6], state[7], state[9], state[10], state[11], state[13],
    )  # fmt: skip
    s, p, ih, ihg, err = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    mask, tol = arrays[5], arrays[13]
    lanes = task.shape[0]
    if pace:
        call5(code[PACE], (data[S], data[P], data[W], data[TOL], data[ERR]))
        for lane in range(lanes):
            if fresh[lane]:
                h[lane], fresh[lane] = _first_step(err[lane]), False
    for lane in range(lanes):
        # land on the end of a segment, and on known events, exactly; a sliver of a step before it is taken along
        stop[lane] = min(end[lane], min(watch[9][lane], watch[10][lane]))
        h[lane] = min(h[lane], past[2][lane])
        if t[lane] + 1.0001 * h[lane] >= stop[lane]:
            h[lane] = stop[lane] - t[lane]
        ih[lane] = 1.0 / h[lane]
        ihg[lane] = ih[lane] / gamma
    call8(code[STEP], (data[S], data[P], data[IH], data[IHG], data[LU], data[W], data[ERR], data[TOL]))
    for lane in range(lanes):
        err[lane] = np.sqrt(err[lane] / s.shape[0])
        ok[lane] = task[lane] >= 0 and err[lane] <= 1.0
        if ok[lane] and tol[3, lane] > 0.0:
            tol[1, lane] = max(tol[1, lane], tol[3, lane] * tol[2, lane])
            if watch[0][9] > 0:
                p[watch[0][4] - 1, lane] = NEAR_ZERO * tol[1, lane]
        mask[lane] = 1.0 if ok[lane] else -1.0
        reach[lane], part[lane] = min(t[lane] + h[lane], stop[lane]), 1.0


@compiled
def _enter(
    lane: int, state: Any, arrays: Any, tasks: Any, base: Any, plan: Any, code: Any, data: Any, record: Any
) -> None:
    """Bring a lane into the next segment of its arm: its parameters, and what is done to its states."""
    task, segment, end = state[0], state[1], state[6]
    s, p, point = arrays[0], arrays[1], arrays[7]
    segment[lane] += 1
    g = segment[lane]
    _load(lane, g, tasks[task[lane], 1], base, p, plan, code, data)
    for v in range(s.shape[0]):
        point[v, lane] = s[v, 0, lane]
    note(record, state, lane, ENTERED, g, 0.0, 1.0, point, p)
    _apply(point, lane, plan[6][g], plan[6][g + 1], plan[7], plan[8], plan[9])
    for v in range(s.shape[0]):
        s[v, 0, lane] = point[v, lane]
    end[lane] = _end_of(g, tasks[task[lane], 0], plan)


@compiled
def _failure(count: int, limit: int, step: float, time: float, error: float, too_long: int) -> Any:
    """Why a lane must be given up, or that it need not."""
    if count >= limit:
        return too_long
    if step < TINY_STEP * max(abs(time), SMALLEST_TIME):
        return TOO_SMALL if np.isfinite(error) else NOT_FINITE
    return OK


@compiled
def _worst(lane: int, last: int, arrays: Any) -> Any:
    """Give the state that stopped a lane: one that is not finite, else the one with the largest error in its last step.

    Where several are not finite, -1: the elimination has spread it, and nobody can tell from which.
    """
    s, tolerance = arrays[0], arrays[13]
    worst, most, first, bad = -1, -1.0, -1, 0
    for v in range(s.shape[0]):
        error, size = abs(s[v, last, lane]), max(abs(s[v, 0, lane]), abs(s[v, 1, lane]))
        ratio = error / (tolerance[0, lane] * size + tolerance[1, lane])
        if not np.isfinite(ratio) or not np.isfinite(size):
            first, bad = v if bad == 0 else first, bad + 1
        elif ratio > most:
            worst, most = v, ratio
    if bad > 0:
        return first if bad == 1 else -1
    return worst


@compiled
def _drifting(lane: int, timer: int, drift: float, arrays: Any) -> Any:
    """Give the state that a step changed most, relatively, in the measure that counts for settling; -1 where all are still."""
    s, tolerance = arrays[0], arrays[13]
    worst, most = -1, drift
    for v in range(s.shape[0]):
        change = abs(s[v, 1, lane] - s[v, 0, lane]) / (abs(s[v, 1, lane]) + tolerance[1, lane])
        if v != timer and change > most:
            worst, most = v, change
    return worst


@compiled
def advance(
    code: Any, data: Any, arrays: Any, tasks: Any, base: Any, y0: Any, plan: Any, times: Any, order: int, gamma: float, last: int,
    limit: int, timer: int, watch: Any, past: Any, settle: float, drift: float, out: Any, rest: Any, status: Any, counts: Any, clock: Any,
    culprit: Any, progress: Any, record: Any,
) -> None:  # fmt: skip
    """Integrate tasks over the segments of their arms, or, with ``settle`` above zero, to where nothing changes any more.

    Settled is a task in which an accepted step of at least ``settle`` changes no state by more than ``drift``, relatively.

    ``tasks`` (task, 3): arm, draw, row of ``y0`` or -1 for the model's initial values. ``plan``: first segment of each arm,
    start of each segment, then offsets, index, kind and value of the parameter changes and of the state changes that each
    segment brings, and which parameters must be finite. ``times`` (arm, reading): ascending, infinite where there is no more to
    read. ``timer``: the state that is the clock, or -1;
    it is set to time itself, without rounding. ``watch``: see
    :func:`~hepatica.solver.events.make_watch`; ``past``: see :func:`~hepatica.solver.past.make_memory`. ``out``
    (task, time, observable), ``status`` (task,), ``counts`` (2,): steps and lane-steps, ``clock`` (task,): where each
    task stopped, ``culprit`` (task,): the state that stopped it; ``rest`` (task, state): where it settled.
    ``progress``: tasks done; a negative number asks to stop. ``record``: rows used, and tables that take a row for each thing
    done; see :mod:`hepatica.solver.notes`.
    """
    s, err, drifts = arrays[0], arrays[4], arrays[9]
    settling, lanes, size = settle > 0.0, err.shape[0], s.shape[0]
    task, h, end = np.full(lanes, -1, np.int64), np.ones(lanes), np.full(lanes, np.inf)
    segment, k, count = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    fresh, rejected, ok = np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_)
    turned, watching = np.zeros(lanes, np.bool_), watched(watch)
    looking = watch[0][0] + watch[0][1] > 0
    t, reach, part, stop = np.zeros(lanes), np.zeros(lanes), np.ones(lanes), np.full(lanes, np.inf)
    arm, following = np.zeros(lanes, np.int64), np.full(lanes, np.inf)
    state = (task, segment, k, count, t, h, end, fresh, rejected, ok, reach, part, turned, stop, arm, following)
    begun, active, idle, pace = 0, 0, True, False
    while True:
        if idle:
            begun, active, pace = _refill(
                begun,
                active,
                state,
                tasks,
                base,
                y0,
                plan,
                times,
                timer,
                code,
                data,
                arrays,
                watch,
                past,
                out,
                status,
                progress,
                record,
            )
            idle = False
        if active == 0:
            break
        _step(state, arrays, watch, past, pace, gamma, code, data)
        pace = False
        counts[0] += 1
        counts[1] += active
        if settling:
            call3(code[DRIFT], (data[S], data[TOL], data[DRIFTS]))
        if looking:
            locate(state, arrays, watch, timer, code, data)
        read(state, arrays, times, watch, timer, code, data, out, record)
        if past[3][0] > 0:
            remember(state, arrays, past, timer, code, data)
        if looking:
            truncate(state, arrays, code, data)
        for lane in range(lanes if record[1].shape[0] > 0 else 0):
            if ok[lane]:
                note(record, state, lane, STEPPED, segment[lane], h[lane], part[lane], s[:, 0], arrays[1])
        for lane in range(lanes if settling else 0):
            if ok[lane] and count[lane] + LAST_STEPS >= limit:
                culprit[task[lane]] = _drifting(lane, timer, drift, arrays)
        call2(code[COMMIT], (data[S], data[MASK]))
        for lane in range(lanes):
            if task[lane] < 0:
                continue
            r = task[lane]
            count[lane] += 1
            settled = settling and ok[lane] and h[lane] >= settle and drifts[lane] <= drift
            grow = _factor(err[lane], order, 1.0 if rejected[lane] else 8.0)
            rejected[lane] = not ok[lane]
            failed = OK
            if ok[lane]:
                begin, t[lane] = t[lane], reach[lane]
                if timer >= 0:
                    s[timer, 0, lane] = t[lane]
                entered = reach[lane] >= end[lane] and following[lane] < np.inf
                if entered:
                    _enter(lane, state, arrays, tasks, base, plan, code, data, record)
                if watching and (entered or turned[lane]):
                    if record[1].shape[0] > 0 and not entered:
                        first = first_change(lane, arrays, watch, code, data)
                        note(record, state, lane, TURNED, first, 0.0, 1.0, s[:, 0], arrays[1])
                    slide(lane, begin, arrays, watch, state)
                    failed = turn(lane, t[lane], arrays, watch, code, data, state, record)
                if entered or turned[lane]:
                    fresh[lane], pace = True, True
            h[lane] = min(h[lane] * grow, 100.0 * settle) if settling else h[lane] * grow
            done = settled if settling else following[lane] == np.inf
            for v in range(size if settled else 0):
                rest[r, v] = s[v, 0, lane]
            if failed == OK and not done:
                too_long = NO_STEADY if settling else STEP_LIMIT
                # a lane that events or a new segment set anew chooses its step anew, but its steps count
                step = 1.0 + abs(t[lane]) if fresh[lane] else h[lane]
                failed = _failure(count[lane], limit, step, t[lane], err[lane], too_long)
                if failed != OK and slid(lane, t[lane], arrays, watch):
                    failed = SLIDING
            if done or failed != OK or progress[0] < 0:
                if done or failed != OK:
                    status[r] = failed
                    leave_unknown(out, r, k[lane])
                if failed == OK:
                    culprit[r] = -1
                elif failed != NO_STEADY or culprit[r] < 0:
                    culprit[r] = _worst(lane, last, arrays)
                clock[r] = t[lane]
                if progress[0] >= 0:
                    progress[0] += 1
                task[lane], t[lane], h[lane], end[lane], fresh[lane] = -1, 0.0, 1.0, np.inf, False
                turned[lane], watch[9][lane], watch[10][lane] = False, np.inf, np.inf
                active -= 1
                idle = True
