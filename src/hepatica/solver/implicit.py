"""Derivatives of steady states by implicit differentiation.

Where ``f(y, p) = 0``, the derivative S of y by p solves ``J S = -f_p``. J is singular where sums of states are conserved: they keep
what they began with. Both follow from iterating ``S <- S + (sigma I - J)^-1 (J S + f_p)`` from the derivative of the initial
state: implicit Euler steps of size 1/sigma, which settle for the same reason as the state did, leave every conserved sum of
S alone, and need only the factors that a step needs. Rounding would move the sums by 1e-16 |J|/sigma, so that the known
ones are taken out of each residual and put right after each turn. The adjoint is the transpose of the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Adjoint, Kernel, Tangent
from hepatica.solver import adjoint_space as back
from hepatica.solver import tangent_space as on
from hepatica.solver.adjoint import Gradients
from hepatica.solver.adjoint_jumps import pull_initial, pull_parameter_changes, pull_state_changes
from hepatica.solver.adjoint_space import AdjointSpace
from hepatica.solver.calls import caller, compiled
from hepatica.solver.plan import Plan
from hepatica.solver.record import Doses
from hepatica.solver.replay import Run, load_parameters, reading_weights
from hepatica.solver.run import NEVER, Tolerances, spread, timer_of
from hepatica.solver.status import Status
from hepatica.solver.tangent_jumps import add_jacobian, add_sources, change_tangent, seed_parameters, start_tangent
from hepatica.solver.tangent_space import Directions, TangentSpace
from hepatica.solver.workspace import Workspace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

OK, NO_STEADY = int(Status.OK), int(Status.NO_STEADY_STATE)
MOST, ENOUGH = 400, 1e-12
DEPENDENT = 1e-9  # length of what is left of a sum that others and the states at rest make up
NEGLIGIBLE = 1e-3  # part of what there was at the start, below which what is left counts as nothing
LIGHT = 1e-4  # part of the largest state below which a state counts for no less
STALLED, ROUNDING = (
    0.9,
    1e-7,
)  # where changes this small do not shrink by this factor any more, rounding is all that is left
LATE, NOISE = 350, 1e-6  # changes that stay this small from this turn on are rounding, too, however they come and go
AT_ONCE = 64
call2, call5, call6, call7, call8 = (caller(n) for n in (2, 5, 6, 7, 8))


@compiled
def _scale(y: Any, timer: int) -> Any:
    """What a change of each state is measured by."""
    top = 1e-300
    for v in range(y.shape[0]):
        top = max(top, abs(y[v]) if v != timer else 0.0)
    out = np.empty(y.shape[0])
    for v in range(y.shape[0]):
        out[v] = abs(y[v]) + LIGHT * top
    return out


@compiled
def _done(change: float, before: float, size: float) -> bool:
    """Whether an iteration that changes things by so much, and did so before, is at its end."""
    return change <= ENOUGH * size or (change <= ROUNDING * size and change > STALLED * before)


@compiled
def _settle(
    lane: int,
    block: int,
    jacobian: Any,
    conserved: Any,
    scale: Any,
    tables: Any,
    seeds: Any,
    code: Any,
    data: Any,
    a: Any,
) -> None:
    """Iterate the directions of a block until they settle; NaN where they do not."""
    number = 8 * lane
    s, b = a.dy[lane, block], a.du[0, 0]
    sums = conserved @ s
    settled, least, before = np.zeros(s.shape[1], np.bool_), np.zeros(s.shape[1]), np.full(s.shape[1], np.inf)
    late = np.zeros(s.shape[1])
    for v in range(s.shape[0]):
        for d in range(s.shape[1]):
            least[d] = max(least[d], NEGLIGIBLE * abs(s[v, d]) / scale[v])
    for turn in range(MOST):
        b[:] = 0.0
        add_sources(lane, 0, block, tables, seeds, a.f, b)
        add_jacobian(lane, tables.jacobian, jacobian, s, b)
        b -= conserved.T @ (conserved @ b)
        call6(
            code[on.SWEEP],
            (data[on.A] + number, data[on.Q] + number, data[on.LU] + number, data[on.DX], data[on.DX], data[on.DU]),
        )
        s += b
        s += conserved.T @ (sums - conserved @ s)
        done = True
        for d in range(s.shape[1]):
            change, size, fine = 0.0, least[d], True
            for v in range(s.shape[0]):
                change = max(change, abs(b[v, d]) / scale[v])
                size = max(size, abs(s[v, d]) / scale[v])
                fine = fine and np.isfinite(b[v, d])
            if turn >= LATE:
                late[d] = max(late[d], change / size) if fine else np.inf
            last = turn == MOST - 1 and late[d] <= NOISE
            settled[d] = fine and (settled[d] or last or _done(change, before[d], size))
            before[d] = change
            done = done and (settled[d] or not fine)
        if done:
            break
    for d in range(s.shape[1]):
        if not settled[d]:
            s[:, d] = np.nan


@compiled
def _tangents(
    code: Any, data: Any, a: Any, run: Any, initial: Any, rest: Any, sigma: float, free: int, conserved: Any, tables: Any,
    seeds: Any, out: Any,
) -> None:  # fmt: skip
    """Derivatives of the steady states of tasks, ``out`` (task, state, direction)."""
    lanes, n, wide = a.ih.shape[0], a.y.shape[0], a.dy.shape[3]
    a.u[:] = 0.0
    a.dx[:] = 0.0
    nothing, moving = np.zeros((1, n, out.shape[2])), min(out.shape[2], a.dy.shape[1] * wide)
    for first in range(0, run.tasks.shape[0], lanes):
        here = min(lanes, run.tasks.shape[0] - first)
        for lane in range(here):
            arm, draw = run.tasks[first + lane, 0], run.tasks[first + lane, 1]
            segment = run.plan[0][arm]
            load_parameters(lane, segment, draw, run.base, run.plan, a.p)
            if free >= 0:
                a.p[free, lane] = 1.0
            seed_parameters(lane, segment, draw, run, tables, seeds)
        for lane in range(here):
            r = first + lane
            start_tangent(lane, -1, nothing, tables, seeds, code, data, a)
            change_tangent(run.plan[0][run.tasks[r, 0]], run, initial[r], a.dy[lane])
            for v in range(n):
                a.x[0, v, lane] = rest[r, v]
        a.ihg[:] = sigma
        call2(code[on.PREPARE], (data[on.P], data[on.PREPARED]))
        call5(code[on.FACTOR], (data[on.X], data[on.P], data[on.IHG], data[on.LU], data[on.W]))
        call8(
            code[on.SLOPES],
            (data[on.X], data[on.U], data[on.D], data[on.P], data[on.A], data[on.Q], data[on.F], data[on.W]),
        )
        jacobian = a.a[0].copy()
        a.a[0], a.q[0] = 0.0, 0.0  # what the sweep would add besides solving
        for lane in range(here):
            r = first + lane
            scale = _scale(rest[r], run.timer)
            for block in range(a.dy.shape[1]):
                _settle(lane, block, jacobian, conserved, scale, tables, seeds, code, data, a)
            out[r] = 0.0
            for v in range(n):
                for d in range(moving):
                    out[r, v, d] = a.dy[lane, d // wide, v, d % wide]


def _run(kernel: Kernel, tol: Tolerances, plan: Plan, tasks: Indices, base: Array, doses: Doses) -> Run:
    table, gamma = reading_weights(tol.tableau), tol.tableau.gamma
    return Run(tasks, base, plan.arrays, NEVER, timer_of(kernel), table, gamma, *doses.arrays)


def _freedom(kernel: Kernel) -> int:
    """Give the place in p of what frees the conditions, which steady states look at themselves; -1 without conditions."""
    conditions = kernel.conditions
    return len(kernel.parameters) + conditions.hidden - 1 if conditions.switches else -1


def initial_values(kernel: Kernel, space: Workspace, plan: Plan, tasks: Indices, base: Array) -> Array:
    """Give the model's initial values of tasks before any change of them, shape (task, state)."""
    out = np.empty((len(tasks), len(kernel.states)))
    _initial_values(kernel.addresses["initial"], space.data, space.arrays, tasks, base, plan.arrays, out)
    return out


@compiled
def _initial_values(address: int, data: Any, arrays: Any, tasks: Any, base: Any, plan: Any, out: Any) -> None:
    p, point = arrays[1], arrays[7]
    lanes = p.shape[1]
    for first in range(0, tasks.shape[0], lanes):
        here = min(lanes, tasks.shape[0] - first)
        for lane in range(here):
            r = first + lane
            load_parameters(lane, plan[0][tasks[r, 0]], tasks[r, 1], base, plan, p)
        call2(address, (data[1], data[10]))
        for lane in range(here):
            for v in range(out.shape[1]):
                out[first + lane, v] = point[v, lane]


def steady_tangents(
    kernel: Kernel, tangent: Tangent, plan: Plan, tasks: Indices, base: Array, rest: Array, directions: Directions, *,
    tolerances: Tolerances | None = None, threads: int = 1,
) -> Array:  # fmt: skip
    """Differentiate steady states.

    Parameters
    ----------
    kernel, plan, tasks, base, tolerances, threads
        As for :func:`~hepatica.solver.run.find_steady_states`.
    tangent
        The tangent of the kernel's step.
    rest
        The steady states, shape (task, state); they must be finite.
    directions
        What is moved.

    Returns
    -------
    array
        Derivatives, shape (task, state, direction); NaN where they do not settle, because a state at rest would set off
        for good.
    """
    tol = tolerances or Tolerances()
    out = np.full((len(tasks), len(kernel.states), directions.count), np.nan)

    def work(space: Workspace, part: slice, _status: NDArray[np.int8], _counts: Indices, _flag: Indices) -> None:
        own = TangentSpace(kernel, tangent, tol.tableau, directions)
        initial = initial_values(kernel, space, plan, tasks[part], base)
        run = _run(kernel, tol, plan, tasks[part], base, directions.doses)
        _tangents(
            own.code, own.data, own.arrays, run, initial, rest[part], 1.0 / tol.settle, _freedom(kernel), tangent.conserved,
            own.tables, own.seeds, out[part],
        )  # fmt: skip

    spread(kernel, tol, tol.share(settling=False), len(tasks), threads, None, work, AT_ONCE)
    return out


@compiled
def _resting(code: Any, data: Any, a: Any) -> Any:
    """Which states rest whatever the others do, shape (state, lane): their rows of the Jacobian are zero."""
    m, xb = a.m, a.xb
    n, lanes = m.shape[1], m.shape[2]
    out = np.ones((n, lanes), np.bool_)
    for i in range(n):
        m[0] = 0.0
        m[0, i] = 1.0
        call7(
            code[back.RHS_PULL],
            (data[back.Y], data[back.P], data[back.M], data[back.V], data[back.XB], data[back.PB], data[back.W]),
        )
        for v in range(n):
            for lane in range(lanes):
                out[i, lane] = out[i, lane] and xb[0, v, lane] == 0.0
    return out


@compiled
def _moving_sums(conserved: Any, resting: Any) -> Any:
    """An orthonormal basis of the conserved sums, without the states at rest, shape (sum, state); rows of zeros where it is smaller."""
    basis = conserved.copy()
    for k in range(basis.shape[0]):
        for v in range(basis.shape[1]):
            if resting[v]:
                basis[k, v] = 0.0
        for _ in range(2):  # twice is enough
            for j in range(k):
                product = 0.0
                for v in range(basis.shape[1]):
                    product += basis[j, v] * basis[k, v]
                basis[k] -= product * basis[j]
        length = np.sqrt((basis[k] ** 2).sum())
        basis[k] = basis[k] / length if length > DEPENDENT else 0.0 * basis[k]
    return basis


@compiled
def _take_out(lane: int, basis: Any, resting: Any, values: Any) -> None:
    """Take the conserved sums and the states at rest out of a lane's values, shape (state, lane)."""
    for v in range(values.shape[0]):
        if resting[v, lane]:
            values[v, lane] = 0.0
    for k in range(basis.shape[1]):
        product = 0.0
        for v in range(values.shape[0]):
            product += basis[lane, k, v] * values[v, lane]
        for v in range(values.shape[0]):
            values[v, lane] -= product * basis[lane, k, v]


@compiled
def _settle_back(
    here: int, given: Any, resting: Any, basis: Any, scale: Any, code: Any, data: Any, a: Any, z: Any, fine: Any
) -> None:
    """Solve ``J^T z = kept - given`` for z, with ``kept`` carried by sums and states at rest; ``bar`` becomes ``given + J^T z``.

    What else J leaves alone, because something is absent, adds the same to z at each turn, which changes neither.
    """
    m, xb, bar = a.m, a.xb, a.bar
    n, lanes = bar.shape
    before, last = np.full(lanes, np.inf), np.zeros((n, lanes))
    z[:] = 0.0
    fine[:] = False
    for turn in range(MOST):
        m[0] = z
        call7(
            code[back.RHS_PULL],
            (data[back.Y], data[back.P], data[back.M], data[back.V], data[back.XB], data[back.PB], data[back.W]),
        )
        for v in range(n):
            for lane in range(lanes):
                bar[v, lane] = given[v, lane] + xb[0, v, lane]
                m[0, v, lane] = bar[v, lane]
        for lane in range(here):
            _take_out(lane, basis, resting, m[0])
        call2(code[back.SOLVE], (data[back.LU], data[back.M]))
        settled = True
        for lane in range(here):
            if fine[lane]:
                continue
            _take_out(lane, basis, resting, m[0])
            change, size, unit, finite = 0.0, 0.0, 0.0, True
            for v in range(n):
                x = m[0, v, lane]
                z[v, lane] += x
                finite = finite and np.isfinite(x)
                change = max(change, abs(x - last[v, lane]) * scale[lane, v])
                size = max(size, abs(z[v, lane] - (turn + 1) * x) * scale[lane, v])
                unit = max(unit, abs(given[v, lane]) * scale[lane, v])
                last[v, lane] = x
            fine[lane] = finite and _done(change, before[lane], max(size, NEGLIGIBLE * unit))
            before[lane] = change
            settled = settled and (fine[lane] or not finite)
        if settled:
            return


@compiled
def _adjoints(
    code: Any, data: Any, a: Any, run: Any, initial: Any, rest: Any, given: Any, sigma: float, free: int, conserved: Any,
    base_bar: Any, start_bar: Any, dose_bar: Any, status: Any,
) -> None:  # fmt: skip
    """Adjoints of what steady states depend on, from the adjoints ``given`` (task, state) of the states."""
    lanes, n, plan = a.ih.shape[0], a.y.shape[0], run.plan
    basis = np.zeros((lanes, conserved.shape[0], n))
    scale, fine, z, seed = np.ones((lanes, n)), np.zeros(lanes, np.bool_), np.zeros((n, lanes)), np.zeros((n, lanes))
    for first in range(0, run.tasks.shape[0], lanes):
        here = min(lanes, run.tasks.shape[0] - first)
        seed[:] = 0.0
        for lane in range(here):
            r = first + lane
            load_parameters(lane, plan[0][run.tasks[r, 0]], run.tasks[r, 1], run.base, plan, a.p)
            if free >= 0:
                a.p[free, lane] = 1.0
            scale[lane] = _scale(rest[r], run.timer)
            for v in range(n):
                a.y[v, lane] = rest[r, v]
                seed[v, lane] = given[r, v]
        a.ihg[:] = sigma
        call2(code[back.PREPARE], (data[back.P], data[back.PREPARED]))
        call5(code[back.FACTOR], (data[back.Y], data[back.P], data[back.IHG], data[back.LU], data[back.W]))
        resting = _resting(code, data, a)
        for lane in range(here):
            basis[lane] = _moving_sums(conserved, resting[:, lane])
        _settle_back(here, seed, resting, basis, scale, code, data, a, z, fine)
        # a parameter that would set off a state at rest has no derivative, if that state counts
        for v in range(n):
            for lane in range(lanes):
                a.m[0, v, lane] = a.bar[v, lane] if resting[v, lane] else 0.0
        a.qb[:] = 0.0
        fluxes = (data[back.Y], data[back.P], data[back.M], data[back.V], data[back.XB])
        call7(code[back.RHS_PULL], (*fluxes, data[back.QB], data[back.W]))
        undefined = a.qb != 0.0
        a.m[0] = z
        a.pb[:] = 0.0
        call7(code[back.RHS_PULL], (*fluxes, data[back.PB], data[back.W]))
        for v in range(n):
            for lane in range(lanes):
                a.bar[v, lane] = seed[v, lane] + a.xb[0, v, lane]
        for lane in range(here):
            r = first + lane
            segment = plan[0][run.tasks[r, 0]]
            status[r] = OK if fine[lane] else NO_STEADY
            pull_state_changes(lane, segment, run, initial[r], a.bar, dose_bar[r])
            for v in range(n):
                start_bar[r, v] = a.bar[v, lane]
            pull_initial(lane, code, data, a)
            for v in range(a.pb.shape[0]):
                if undefined[v, lane]:
                    a.pb[v, lane] = np.nan
            pull_parameter_changes(lane, segment, run.tasks[r, 1], run, a.pb, base_bar[r], dose_bar[r])


def steady_adjoints(
    kernel: Kernel, adjoint: Adjoint, plan: Plan, tasks: Indices, base: Array, rest: Array, given: Array, doses: Doses, *,
    tolerances: Tolerances | None = None, threads: int = 1,
) -> Gradients:  # fmt: skip
    """Pull adjoints of steady states back to what the states depend on.

    Parameters
    ----------
    kernel, plan, tasks, base, tolerances, threads, rest
        As for :func:`steady_tangents`.
    adjoint
        The adjoint of the kernel's step.
    given
        Adjoints of the steady states, shape (task, state).
    doses
        Which changes are differentiated.
    """
    tol = tolerances or Tolerances()
    base_bar = np.zeros((len(tasks), len(kernel.parameters)))
    start_bar, dose_bar = np.zeros((len(tasks), len(kernel.states))), np.zeros((len(tasks), doses.count))

    def work(space: Workspace, part: slice, status: NDArray[np.int8], _counts: Indices, _flag: Indices) -> None:
        own = AdjointSpace(kernel, adjoint, tol.tableau)
        initial = initial_values(kernel, space, plan, tasks[part], base)
        run = _run(kernel, tol, plan, tasks[part], base, doses)
        _adjoints(
            own.code, own.data, own.arrays, run, initial, rest[part], given[part], 1.0 / tol.settle, _freedom(kernel),
            adjoint.conserved, base_bar[part], start_bar[part], dose_bar[part], status,
        )  # fmt: skip

    status, _ = spread(kernel, tol, tol.share(settling=False), len(tasks), threads, None, work, AT_ONCE)
    failed = status != Status.OK
    for array in (base_bar, start_bar, dose_bar):
        array[failed] = np.nan
    return Gradients(base=base_bar, start=start_bar, doses=dose_bar, status=status, stopped=np.zeros(len(tasks)))
