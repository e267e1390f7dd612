"""A second try, alone and with a pivoting dense solver, for what the fast path gave up."""

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from hepatica.compiler.kernel import Kernel, Reference
from hepatica.solver.drive import LEAST
from hepatica.solver.plan import Plan
from hepatica.solver.run import Tolerances, Trajectories, by_arm
from hepatica.solver.status import Status

Array = NDArray[np.float64]
RESCUED = (Status.STEP_LIMIT, Status.STEP_TOO_SMALL, Status.NOT_FINITE)
MOST_CALLS = 50_000


class _TooManyCallsError(Exception):
    """The second try is hopeless too."""


def rescue(
    kernel: Kernel,
    plan: Plan,
    tasks: NDArray[np.int64],
    base: Array,
    times: Array,
    y0: Array | None,
    run: Trajectories,
    tol: Tolerances,
) -> int:
    """Rerun failed tasks with SciPy's Radau on the plain reference, in place; what fails again keeps its status.

    Source: E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.8 (Radau IIA).

    Returns
    -------
    int
        How many tasks were rescued.
    """
    failed = np.flatnonzero(np.isin(run.status, [int(s) for s in RESCUED]))
    conditions = kernel.conditions
    watched = conditions.seen or conditions.delayed or kernel.differential < len(kernel.states)
    if not len(failed) or watched:  # a plain integrator knows neither events nor algebraic equations
        return 0
    reference = kernel.reference()
    saved, grid = 0, by_arm(times, plan)
    for k in failed:
        arm, draw, row = tasks[k]
        own = grid[arm][np.isfinite(grid[arm])]
        start = None if row < 0 or y0 is None else y0[row]
        values = _integrate(reference, plan, int(arm), base[draw], start, own, tol)
        if values is not None:
            run.values[k, : len(own)], run.status[k] = values, int(Status.OK)
            saved += 1
    return saved


def _integrate(
    reference: Reference, plan: Plan, arm: int, base: Array, start: Array | None, times: Array, tol: Tolerances
) -> Array | None:
    first, begins = plan.arrays[0], plan.arrays[1]
    out = np.full((len(times), len(reference.system.observables)), np.nan)
    segments = range(int(first[arm]), int(first[arm + 1]))
    y = np.zeros(0)
    for g in segments:
        p = _changed(base, plan.arrays[2:6], g)[:, None]
        if g == segments[0]:
            y = reference.initial(p)[:, 0] if start is None else start.copy()
        y = _changed(y, plan.arrays[6:10], g)
        last = g == segments[-1]
        end = max(float(times[-1]), float(begins[g])) if last else float(begins[g + 1])
        inside = (times >= begins[g]) & ((times <= end) if last else (times < end))
        piece = _solve(reference, y, p, float(begins[g]), end, times[inside], tol)
        if piece is None:
            return None
        states, y = piece
        if inside.any():
            out[inside] = reference.observe(states, np.repeat(p, states.shape[1], axis=1)).T
    return out


def _changed(values: Array, table: tuple[NDArray[np.int64] | Array, ...], segment: int) -> Array:
    offsets, index, how, amount = table
    out = values.copy()
    for q in range(int(offsets[segment]), int(offsets[segment + 1])):
        i = int(index[q])
        out[i] = (amount[q], out[i] * amount[q], out[i] + amount[q])[int(how[q])]
    return out


def _solve(
    reference: Reference, y: Array, p: Array, begin: float, end: float, times: Array, tol: Tolerances
) -> tuple[Array, Array] | None:
    if end <= begin:
        return np.repeat(y[:, None], len(times), axis=1), y
    calls = 0

    def rhs(_t: float, state: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS:
            raise _TooManyCallsError
        return reference.rhs(state[:, None], p)[:, 0]

    def jacobian(_t: float, state: Array) -> Array:
        return reference.jacobian(state[:, None], p)[:, :, 0]

    grid = np.unique(np.append(times, end))
    atol = tol.share(settling=False) * max(float(np.abs(y).max()), LEAST) if tol.atol is None else tol.atol
    with np.errstate(all="ignore"):
        try:
            result = solve_ivp(
                rhs, (begin, end), y, method="Radau", t_eval=grid, rtol=tol.rtol, atol=atol, jac=jacobian
            )
        except (_TooManyCallsError, ValueError, np.linalg.LinAlgError):
            return None
    if not result.success or not np.isfinite(result.y).all():
        return None
    return result.y[:, np.searchsorted(grid, times)], result.y[:, -1]
