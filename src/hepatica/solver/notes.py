"""Notes of what the control loop does, from which its derivative can be taken afterwards."""

from typing import Any

import numpy as np

from hepatica.solver.calls import compiled

TASK, KIND, SEGMENT, WHICH, READINGS = range(5)  # columns of `where`
TIME, STEP, KEPT = range(3)  # columns of `when`
STEPPED, ENTERED, TURNED, TRIGGERED, ASSIGNED, SOLVED = range(6)  # kinds
"""A step; the start of a segment; a change of conditions, of which ``which`` was first; the trigger of an event, whose new
values are computed; their assignment; the solution of the algebraic equations. The state is that before, but after solving."""

NO_RECORD = (
    np.zeros(2, np.int64), np.zeros((0, 5), np.int64), np.zeros((0, 3)), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0, 0)),
)  # fmt: skip


@compiled
def note(record: Any, state: Any, lane: int, kind: int, which: int, h: float, kept: float, values: Any, p: Any) -> None:
    """Add a row: where, when, the states ``values[:, lane]``, and what is hidden behind the parameters.

    ``record[0]`` holds the number of rows, and that of the parameters; ``record[5]`` (task, time, state) takes what was read
    at where algebraic equations were solved.
    """
    cursor, where, when, states, hidden, _solved = record
    if where.shape[0] == 0:
        return
    row = cursor[0]
    cursor[0] += 1
    if row < where.shape[0]:  # what does not fit is counted, so that the caller can make room and run again
        where[row, 0], where[row, 1], where[row, 2], where[row, 3] = state[0][lane], kind, state[1][lane], which
        where[row, 4] = state[2][lane]
        when[row, 0], when[row, 1], when[row, 2] = state[4][lane], h, kept
        for v in range(values.shape[0]):
            states[row, v] = values[v, lane]
        first = cursor[1]
        for v in range(hidden.shape[1]):
            hidden[row, v] = p[first + v, lane]
