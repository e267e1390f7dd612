"""What a run did, step by step, so that its derivative can be taken afterwards.

The step sizes of a trajectory are taken as given: its derivative is that of the composition of its accepted steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Kernel
from hepatica.solver.drive import advance
from hepatica.solver.notes import TASK
from hepatica.solver.plan import Operation, Plan
from hepatica.solver.replay import Rows
from hepatica.solver.run import NOWHERE, Tolerances, error_slot, tables_of, timer_of
from hepatica.solver.status import Status
from hepatica.solver.workspace import Workspace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

ROWS_A_TASK, ROOM = 96, 1.25
MEMORY = 2**25  # bytes of recorded states that a worker aims at
STEPS_EXPECTED = 400
MOST_TASKS = 128


def tasks_at_once(states: int) -> int:
    """Give how many tasks a worker should record before it differentiates them."""
    return int(min(MOST_TASKS, max(1, MEMORY // (8 * states * STEPS_EXPECTED))))


def longest_first(rows: Rows) -> Indices:
    """Give the tasks by falling number of notes, so that lanes end together."""
    return np.argsort(-np.diff(rows.offsets), kind="stable").astype(np.int64)


class Record:
    """Room for the notes of some tasks; grows when it must.

    Parameters
    ----------
    kernel
        The model.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.cursor = np.array([0, len(kernel.parameters)], np.int64)
        self.where, self.when = np.zeros((0, 5), np.int64), np.zeros((0, 3))
        self.states, self.hidden = np.zeros((0, len(kernel.states))), np.zeros((0, kernel.conditions.hidden))
        self.solved, self.algebraic = np.zeros((0, 0, len(kernel.states))), kernel.differential < len(kernel.states)

    def reserve_readings(self, tasks: int, times: int) -> None:
        """Make room for the states in which algebraic equations are read, if there are any."""
        if self.algebraic:
            self.solved = np.full((tasks, times, self.solved.shape[2]), np.nan)

    def reserve(self, rows: int) -> None:
        """Make room for so many rows; what was recorded is forgotten."""
        self.cursor[0] = 0
        if rows > len(self.where):
            self.where, self.when = np.empty((rows, 5), np.int64), np.empty((rows, 3))
            self.states, self.hidden = (np.empty((rows, a.shape[1])) for a in (self.states, self.hidden))

    @property
    def arrays(self) -> tuple[Indices, Indices, Array, Array, Array, Array]:
        """As the control loop writes them."""
        return self.cursor, self.where, self.when, self.states, self.hidden, self.solved

    def by_task(self, tasks: int) -> Rows:
        """Give the notes sorted by task."""
        used = int(self.cursor[0])
        task = self.where[:used, TASK]
        order = np.argsort(task, kind="stable").astype(np.int64)
        offsets = np.searchsorted(task[order], np.arange(tasks + 1)).astype(np.int64)
        return Rows(order, offsets, self.where, self.when, self.states, self.hidden, self.solved, int(self.cursor[1]))


def run_recorded(
    kernel: Kernel, space: Workspace, plan: Plan, tasks: Indices, base: Array, y0: Array, times: Array, tol: Tolerances,
    record: Record, out: Array, status: NDArray[np.int8], counts: Indices, stopped: Array, culprit: Indices, flag: Indices,
) -> None:  # fmt: skip
    """Integrate tasks as :func:`~hepatica.solver.run.integrate` does, recorded; again with more room where there was too little."""
    record.reserve(max(ROWS_A_TASK * len(tasks), len(record.where)))
    record.reserve_readings(len(tasks), times.shape[1])
    before = counts.copy()
    while True:
        advance(
            space.code, space.data, space.arrays, tasks, base, y0, tables_of(kernel, plan), times, tol.tableau.order,
            tol.tableau.gamma, error_slot(tol.tableau), tol.limit, timer_of(kernel), space.watch, space.memory, 0.0, 0.0, out,
            NOWHERE, status, counts, stopped, culprit, flag, record.arrays,
        )  # fmt: skip
        needed = int(record.cursor[0])
        if needed <= len(record.where) or flag[0] < 0:
            return
        record.reserve(int(needed * ROOM))
        status[:], stopped[:], flag[0] = int(Status.NOT_RUN), 0.0, 0
        counts[:] = before


@dataclass(frozen=True, slots=True)
class Doses:
    """Which of the changes of a plan are differentiated.

    Parameters
    ----------
    parameter, state
        For each parameter change and each state change of the plan the number of its dose, or -1.
    count
        How many doses there are; several changes may belong to one, and are then moved together.
    """

    parameter: Indices
    state: Indices
    count: int

    @property
    def arrays(self) -> tuple[Indices, Indices]:
        """As the loops read them."""
        return self.parameter, self.state


def numbered(arms: list[list[Operation]]) -> tuple[list[list[Operation]], list[Operation]]:
    """Give the operations of arms with their numbers in place of their values, and all of them by number.

    A plan made of the numbered ones tells, in the place of each value, which operation it came from.
    """
    flat: list[Operation] = []
    out: list[list[Operation]] = []
    for arm in arms:
        row = []
        for op in arm:
            row.append(Operation(op.what, op.index, op.how, float(len(flat)), op.start, op.stop))
            flat.append(op)
        out.append(row)
    return out, flat


def doses_of(numbers: Plan, dose: Indices, count: int) -> Doses:
    """Give the doses of a plan made of numbered operations, ``dose[number]`` being that of each operation, or -1."""
    parameter, state = (numbers.arrays[k].astype(np.int64) for k in (5, 9))
    return Doses(dose[parameter], dose[state], count)


def no_doses(plan: Plan) -> Doses:
    """Differentiate none of a plan's changes."""
    parameter, state = (np.full(len(plan.arrays[k]), -1, np.int64) for k in (5, 9))
    return Doses(parameter, state, 0)
