"""What the loops that go over recorded runs again, forwards or backwards, have in common."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Kernel, Tableau
from hepatica.solver.calls import compiled
from hepatica.solver.drive import ADD, SCALE, SET_TO

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Rows(NamedTuple):
    """Notes of some tasks: those of a task are ``order[offsets[task]:offsets[task + 1]]``, in the order of time.

    ``solved`` (task, time, state): what was read at where algebraic equations were solved. ``parameters``: how many stand
    before what was hidden.
    """

    order: Indices
    offsets: Indices
    where: Indices
    when: Array
    states: Array
    hidden: Array
    solved: Array
    parameters: int


class Run(NamedTuple):
    """What was run.

    ``tasks`` (task, 3), ``base`` (draw, parameter), ``plan`` and ``times`` as for the control loop; ``timer``: the state that
    is the clock, or -1; ``table``: see :func:`reading_weights`; ``gamma`` of the method; for each parameter change and each
    state change of the plan ``parameter_dose`` and ``state_dose``: its number, or -1.
    """

    tasks: Indices
    base: Array
    plan: Any
    times: Array
    timer: int
    table: Array
    gamma: float
    parameter_dose: Indices
    state_dose: Indices


class Events(NamedTuple):
    """Outputs of the new values: those of event e are ``first[e]`` to ``first[e + 1]``, for the states ``targets``."""

    first: Indices
    targets: Indices
    at_trigger: Indices
    differential: int


def events_of(kernel: Kernel) -> Events:
    """Give a model's events as the loops read them."""
    events = kernel.conditions.events
    return Events(
        first=np.cumsum([0, *(len(e.states) for e in events)]).astype(np.int64),
        targets=np.array([i for e in events for i in e.states], np.int64),
        at_trigger=np.array([e.at_trigger for e in events], np.int64),
        differential=kernel.differential,
    )


def reading_weights(tableau: Tableau) -> Array:
    """Give the coefficients of the stages in the new state, and of the continuous output, shape (1 + terms, stage)."""
    full: list[float] = []
    for row in tableau.a:
        full = [*full, 1.0] if row is None else list(row)
    out = np.zeros((1 + len(tableau.dense), tableau.stages))
    out[0] = [*full, 1.0]
    for k, dense in enumerate(tableau.dense):
        out[1 + k, : len(dense)] = dense
    return out


@compiled
def set_weights(theta: float, table: Any, om: Any, lane: int) -> None:
    """Weights of the stages in the state at ``theta`` of a step: ``y(theta) = y + sum of om[j] U_j``."""
    for j in range(table.shape[1]):
        x = table[table.shape[0] - 1, j]
        for q in range(table.shape[0] - 2, 0, -1):
            x = x * theta + table[q, j]
        om[j, lane] = theta * (table[0, j] + (1.0 - theta) * x)


@compiled
def load_parameters(lane: int, segment: int, draw: int, base: Any, plan: Any, p: Any) -> None:
    """Parameters of a draw with the changes of a segment."""
    for v in range(base.shape[1]):
        p[v, lane] = base[draw, v]
    for q in range(plan[2][segment], plan[2][segment + 1]):
        i = plan[3][q]
        if plan[4][q] == SET_TO:
            p[i, lane] = plan[5][q]
        elif plan[4][q] == SCALE:
            p[i, lane] *= plan[5][q]
        else:
            p[i, lane] += plan[5][q]


@compiled
def load_row(lane: int, row: int, rows: Any, y: Any, p: Any) -> None:
    """The state of a note, and what was hidden behind the parameters."""
    for v in range(y.shape[0]):
        y[v, lane] = rows.states[row, v]
    for v in range(rows.hidden.shape[1]):
        p[rows.parameters + v, lane] = rows.hidden[row, v]


@compiled
def value_before(start: float, first: int, q: int, index: Any, how: Any, value: Any) -> Any:
    """A quantity before change q of a segment, from its value before all of the segment's changes."""
    x = start
    for r in range(first, q):
        if index[r] == index[q]:
            if how[r] == SET_TO:
                x = value[r]
            elif how[r] == SCALE:
                x *= value[r]
            elif how[r] == ADD:
                x += value[r]
    return x
