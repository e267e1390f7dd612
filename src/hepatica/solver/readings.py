"""What the control loop reads: observables at the reading times of each arm, from the continuous output of steps."""

from typing import Any

import numpy as np

from hepatica.solver.calls import (
    AT,
    DENSE,
    OBS,
    OBSERVE,
    POINT,
    READ_AT,
    READ_DENSE,
    ROW,
    ROWS,
    THETA,
    UNPACK,
    P,
    S,
    call1,
    call2,
    call3,
    compiled,
)
from hepatica.solver.events import solve_algebraic
from hepatica.solver.status import Status

OK = int(Status.OK)


@compiled
def _due(accepted: bool, following: float, reach: float) -> Any:  # noqa: FBT001
    """Whether an accepted step reaches past a lane's next reading time."""
    return accepted and following < reach


@compiled
def time_of(k: int, arm: int, times: Any) -> Any:
    """Give the time of an arm's reading ``k``; infinite is that of what is not read.

    Functions that are called for each lane and step take numbers and single arrays: a tuple of arrays would be copied.
    """
    return times[arm, k] if k < times.shape[1] else np.inf


@compiled
def read(
    state: Any, arrays: Any, times: Any, watch: Any, timer: int, code: Any, data: Any, out: Any, record: Any
) -> None:
    """Read the observables wherever an accepted step passed a reading time."""
    ok, reach, following = state[9], state[10], state[15]
    for lane in range(ok.shape[0]):
        if _due(ok[lane], following[lane], reach[lane]):
            if watch[0][7] > 0:
                _read_solved(state, arrays, times, watch, timer, code, data, out, record)
            elif arrays[15][0]:
                _read_rows(state, arrays, times, code, data, out)
            else:
                _read_lanes(state, arrays, times, timer, code, data, out)
            return


@compiled
def _read_rows(state: Any, arrays: Any, times: Any, code: Any, data: Any, out: Any) -> None:
    """Read states: one lane and one time after the other, all states at once."""
    task, k, t, h, ok, reach, arm, following = (
        state[0], state[2], state[4], state[5], state[9], state[10], state[14], state[15],
    )  # fmt: skip
    theta, rows, clock = arrays[6], arrays[14], arrays[15][1]
    call2(code[UNPACK], (data[S], data[ROWS]))
    for lane in range(task.shape[0]):
        while _due(ok[lane], following[lane], reach[lane]):
            theta[0] = (following[lane] - t[lane]) / h[lane]
            place = out.ctypes.data + 8 * out.shape[2] * (task[lane] * out.shape[1] + k[lane])
            call3(code[ROW], (rows[lane].ctypes.data, data[THETA], place))
            if clock >= 0:
                out[task[lane], k[lane], clock] = following[lane]
            k[lane] += 1
            following[lane] = time_of(k[lane], arm[lane], times)


@compiled
def _read_lanes(state: Any, arrays: Any, times: Any, timer: int, code: Any, data: Any, out: Any) -> None:
    """Compute observables: all lanes at once, each at its own time."""
    task, k, t, h, ok, reach, arm, following = (
        state[0], state[2], state[4], state[5], state[9], state[10], state[14], state[15],
    )  # fmt: skip
    theta, point, obs = arrays[6], arrays[7], arrays[8]
    lanes, want = task.shape[0], True
    call1(code[READ_DENSE], (data[S],))
    while want:
        for lane in range(lanes):
            theta[lane] = 0.0
            if _due(ok[lane], following[lane], reach[lane]):
                theta[lane] = (following[lane] - t[lane]) / h[lane]
        call3(code[READ_AT], (data[S], data[THETA], data[POINT]))
        if timer >= 0:
            for lane in range(lanes):
                if _due(ok[lane], following[lane], reach[lane]):
                    point[timer, lane] = following[lane]
        call3(code[OBSERVE], (data[POINT], data[P], data[OBS]))
        want = False
        for lane in range(lanes):
            if _due(ok[lane], following[lane], reach[lane]):
                for j in range(out.shape[2]):
                    out[task[lane], k[lane], j] = obs[j, lane]
                k[lane] += 1
                following[lane] = time_of(k[lane], arm[lane], times)
                want = want or _due(ok[lane], following[lane], reach[lane])


@compiled
def _read_solved(
    state: Any, arrays: Any, times: Any, watch: Any, timer: int, code: Any, data: Any, out: Any, record: Any
) -> None:
    """Compute observables where algebraic equations hold: they are solved at each reading.

    Between the ends of steps the continuous output of algebraic states is less accurate. A step without a solution at one of
    its readings is rejected.
    """
    task, k, t, h, ok, reach, part, turned, arm, following = (
        state[0], state[2], state[4], state[5], state[9], state[10], state[11], state[12], state[14], state[15],
    )  # fmt: skip
    s, err, mask, theta, point, obs = arrays[0], arrays[4], arrays[5], arrays[6], arrays[7], arrays[8]
    lanes, first, begun, stage = task.shape[0], k.copy(), s[:, 0].copy(), s[:, 2].copy()
    call1(code[DENSE], (data[S],))
    while True:
        want = False
        for lane in range(lanes):
            theta[lane] = 0.0
            if _due(ok[lane], following[lane], reach[lane]):
                theta[lane], want = (following[lane] - t[lane]) / h[lane], True
        if not want:
            break
        call3(code[AT], (data[S], data[THETA], data[POINT]))
        for lane in range(lanes):
            if not _due(ok[lane], following[lane], reach[lane]):
                continue
            for v in range(s.shape[0]):
                s[v, 0, lane] = following[lane] if v == timer else point[v, lane]
            if solve_algebraic(lane, arrays, watch, code, data) != OK:
                ok[lane], err[lane], mask[lane], turned[lane], part[lane] = False, np.nan, -1.0, False, 1.0
                k[lane] = first[lane]
                following[lane] = time_of(k[lane], arm[lane], times)
            for v in range(s.shape[0]):
                point[v, lane] = s[v, 0, lane]
        call3(code[OBSERVE], (data[POINT], data[P], data[OBS]))
        for lane in range(lanes):
            if _due(ok[lane], following[lane], reach[lane]):
                for j in range(out.shape[2]):
                    out[task[lane], k[lane], j] = obs[j, lane]
                for v in range(s.shape[0] if record[5].shape[0] > 0 else 0):
                    record[5][task[lane], k[lane], v] = point[v, lane]
                k[lane] += 1
                following[lane] = time_of(k[lane], arm[lane], times)
        s[:, 0] = begun
    s[:, 2] = stage


@compiled
def leave_unknown(out: Any, r: int, first: int) -> None:
    """Nothing is known of a failed task from reading ``first`` on."""
    for j in range(first, out.shape[1]):
        for v in range(out.shape[2]):
            out[r, j, v] = np.nan
