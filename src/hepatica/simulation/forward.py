"""Forward sensitivities of an experiment."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.derivatives import compile_tangent
from hepatica.compiler.kernel import Tangent
from hepatica.simulation.directions import Moves
from hepatica.simulation.setup import Rest, Setup
from hepatica.solver import Plan, Status, Tolerances, Trajectories, plan_after, plan_before
from hepatica.solver.implicit import steady_tangents
from hepatica.solver.record import Doses
from hepatica.solver.tangent import Sensitivities, integrate_tangent

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Progress = Callable[[int, int], None]

FIELDS = ("values", "slopes", "status", "stopped", "culprit")
MEMORY = 2**28  # bytes of derivatives of steady states that are held at a time


def starting_doses(setup: Setup, moves: Moves) -> list[tuple[int, ...]]:
    """Give for each arm the names that its always-holding changes belong to: arms in which they differ settle apart."""
    return [
        tuple(d for d, op in zip(dose, arm, strict=True) if op.start is None)
        for dose, arm in zip(moves.dose, setup.operations, strict=True)
    ]


def tasks_of(todo: Indices, rest: Rest | None) -> Indices:
    """Give tasks as the solver wants them for (arm, draw) pairs."""
    row = np.full(len(todo), -1) if rest is None else rest.rows[todo[:, 0], todo[:, 1]]
    return np.ascontiguousarray(np.column_stack([todo, row]).astype(np.int64))


def doses_before(setup: Setup, moves: Moves, rest: Rest) -> Doses:
    """Give the doses of pre-equilibration."""
    first = [int(np.flatnonzero(rest.group == g)[0]) for g in range(len(rest.arms))]
    dose = starting_doses(setup, moves)
    return moves.doses(rest.arms, [dose[a] for a in first], plan_before)


def doses_after(setup: Setup, moves: Moves) -> Doses:
    """Give the doses of the experiment itself."""

    def plan(arms: Sequence[Sequence[object]]) -> Plan:
        return plan_after(arms, equilibrated=setup.experiment.equilibrate)  # type: ignore[arg-type]

    return moves.doses(setup.operations, moves.dose, plan)


def tangent_of(setup: Setup, moves: Moves) -> Tangent:
    """Compile the tangent of a step for what is moved."""
    return compile_tangent(setup.model, moves.columns(setup.operations), len(moves.names), setup.wanted)


def run_forward(
    setup: Setup, moves: Moves, base: Array, rest: Rest | None, tasks: Indices, tol: Tolerances, threads: int,
    progress: Progress | None = None, tangent: Tangent | None = None,
) -> tuple[Trajectories, Array]:  # fmt: skip
    """Run tasks with their sensitivities.

    Parameters
    ----------
    setup, moves
        The experiment and the directions.
    base
        Parameter sets, shape (draw, parameter).
    rest
        Steady states to start from, or ``None``.
    tasks
        Shape (task, 3): arm, draw, row of the steady state or -1.
    tol, threads, progress
        As for :func:`~hepatica.solver.run.integrate`.
    tangent
        Compiled before, or ``None``.

    Returns
    -------
    Trajectories, array
        What was read, and its derivatives, shape (task, time, observable, name).
    """
    kernel, code = setup.kernel, tangent or tangent_of(setup, moves)
    plan = plan_after(setup.operations, equilibrated=setup.experiment.equilibrate)
    directions = moves.directions(doses_after(setup, moves))
    most = len(tasks) if rest is None else max(threads, MEMORY // (8 * len(kernel.states) * max(1, len(moves.names))))
    before = None if rest is None else moves.directions(doses_before(setup, moves, rest))
    for first in range(0, max(1, len(tasks)), max(1, most)):
        part = slice(first, min(len(tasks), first + most))
        own, y0, dy0 = tasks[part].copy(), None, None
        if rest is not None and before is not None:
            used, own[:, 2] = np.unique(own[:, 2], return_inverse=True)
            y0 = rest.values[used]
            dy0 = steady_tangents(
                kernel,
                code,
                plan_before(rest.arms),
                rest.tasks[used],
                base,
                y0,
                before,
                tolerances=tol,
                threads=threads,
            )

        def report(done: int, _total: int, start: int = first) -> None:
            if progress is not None:
                progress(start + done, len(tasks))

        run = integrate_tangent(
            kernel, code, plan, own, base, setup.times, directions, y0=y0, dy0=dy0, tolerances=tol, threads=threads,
            progress=None if progress is None else report,
        )  # fmt: skip
        if first == 0:
            whole = run if len(own) == len(tasks) else _room(run, len(tasks))
        if whole is not run:
            for name in FIELDS:
                getattr(whole, name)[part] = getattr(run, name)
    failed = whole.status != Status.OK
    if failed.any():
        whole.slopes[failed] = np.where(np.isnan(whole.values[failed])[..., None], np.nan, whole.slopes[failed])
    seen = Trajectories(
        values=whole.values, status=whole.status, stopped=whole.stopped, culprit=whole.culprit, steps=0, lane_steps=0
    )
    return seen, whole.slopes


def _room(part: Sensitivities, tasks: int) -> Sensitivities:
    """Give empty arrays for all tasks, of the kinds of those for some."""
    like = {name: getattr(part, name) for name in FIELDS}
    return Sensitivities(**{name: np.empty((tasks, *a.shape[1:]), a.dtype) for name, a in like.items()})
