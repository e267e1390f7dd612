"""How likely the measurements of a problem are, for many parameter sets at once, with gradients."""

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.derivatives import compile_adjoint, compile_tangent
from hepatica.compiler.kernel import Adjoint, Tangent
from hepatica.errors import InputError, UnsupportedError
from hepatica.inference.explain import Ended, at_bounds, few, unlikely
from hepatica.inference.fitted import fitted
from hepatica.inference.measured import Measured
from hepatica.inference.problem import Problem
from hepatica.solver import (
    Plan,
    Status,
    Tolerances,
    Trajectories,
    find_steady_states,
    integrate,
    plan_before,
    plan_from,
)
from hepatica.solver.adjoint import differentiate
from hepatica.solver.implicit import steady_adjoints, steady_tangents
from hepatica.solver.record import no_doses
from hepatica.solver.tangent import integrate_tangent
from hepatica.solver.tangent_space import Directions

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MEMORY = 2**28  # bytes of derivatives that are held at a time


class Likelihood:
    """The log-likelihood of a problem.

    Parameters
    ----------
    problem
        What is fitted.
    tolerances
        Accuracy; relative 1e-6 when ``None``.
    threads
        Worker threads; the result does not depend on their number.

    Raises
    ------
    InputError
        When the problem names what is not there.
    """

    def __init__(self, problem: Problem, *, tolerances: Tolerances | None = None, threads: int = 1) -> None:
        self.problem, self._threads, self._tol = problem, threads, tolerances or Tolerances(rtol=1e-6)
        self._fitted = fitted(problem)
        self.factors = np.array([{"lin": 0.0, "log": 1.0, "log10": np.log(10.0)}[p.scale] for p in problem.estimated])
        self._tasks_of_point()
        self._measured = Measured(problem)
        self._plan = plan_from([problem.trials[t].start for t in self._of_trial])
        self._rest_plan = plan_before([[]])
        self._made: Adjoint | None = None
        self._watching: dict[str, Kernel] = {}

    def _tasks_of_point(self) -> None:
        """Lay out the runs of one point: which trial each follows, from which steady state, read when; where measurements are."""
        problem, f = self.problem, self._fitted
        at_rest = ~np.isfinite(problem.times)
        if (at_rest & (f.before[problem.trial] >= 0)).any():
            raise InputError(
                f"problem '{problem.id}' has a measurement at the steady state after a pre-equilibration; hepatica has none of both."
            )
        starts = np.array([t.start for t in problem.trials])[problem.trial]
        for early in np.flatnonzero(problem.times < starts):
            raise InputError(
                f"problem '{problem.id}' has a measurement at time {problem.times[early]:g}, before its run starts at "
                f"{starts[early]:g}."
            )
        for trial in (problem.trials[k] for k in np.unique(problem.trial[at_rest])):
            if trial.later:
                raise UnsupportedError(
                    f"trial '{trial.id}' is measured at the steady state and changed during the run; hepatica does not do both."
                )
        keys = list(dict.fromkeys(zip(problem.trial.tolist(), at_rest.tolist(), strict=True)))
        place = {key: k for k, key in enumerate(keys)}
        self._run = np.array(
            [place[key] for key in zip(problem.trial.tolist(), at_rest.tolist(), strict=True)], np.int64
        )
        self._of_trial = np.array([t for t, _ in keys], np.int64)
        self._row = np.array([f.resting[t] if rest else f.after[t] for t, rest in keys], np.int64)
        before = np.array([f.after[t] if rest else f.before[t] for t, rest in keys], np.int64)
        self._rests = np.unique(before[before >= 0])
        self._from = np.where(before >= 0, np.searchsorted(self._rests, before), -1)
        # runs that begin at a steady state, and what is set then: columns of (place among these runs, state, row, parameter)
        self._begun = np.flatnonzero(self._from >= 0)
        self._from_rest = sparse.csr_array(np.arange(len(self._rests))[:, None] == self._from[self._begun], dtype=float)
        places = [
            (j, state, self._row[k], place) for j, k in enumerate(self._begun) if f.before[self._of_trial[k]] >= 0
            for state, place in zip(*f.reset[self._of_trial[k]], strict=True)
        ]  # fmt: skip
        self._reset = np.array(places, np.int64).reshape(-1, 4).T
        self._shared = len(np.unique(self._row)) < len(self._row)
        when = np.where(at_rest, starts, problem.times)
        grids = [np.unique(when[self._run == k]) for k in range(len(keys))]
        self._times = np.full((len(keys), max(map(len, grids))), np.inf)
        for k, grid in enumerate(grids):
            self._times[k, : len(grid)] = grid
        self._reading = np.array([np.searchsorted(grids[r], t) for r, t in zip(self._run, when, strict=True)], np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the estimated parameters."""
        return tuple(p.id for p in self.problem.estimated)

    def linear(self, points: Array) -> Array:
        """Give points, on the parameters' scales, as plain values."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(self.factors == 0.0, points, np.exp(self.factors * points))

    def __call__(self, points: Array) -> Array:
        """Give the log-likelihood of points, shape (point, estimated), on the parameters' scales; NaN where a run failed."""
        points = self._checked(points)
        values, _ = self._simulate(points)
        expected, sigma = self._at_measurements(values)
        return self._measured.total(expected, sigma)[0]

    def simulate(self, points: Array) -> tuple[Array, Array]:
        """Give what each measurement should be and the scale of its noise, both of shape (point, measurement)."""
        return self._at_measurements(self._simulate(self._checked(points))[0])

    def pointwise(self, points: Array) -> Array:
        """Give the log-likelihood of each measurement, shape (point, measurement)."""
        return self._measured.each(*self.simulate(points))[0]

    def residuals(self, points: Array) -> Array:
        """Give the normalised differences of measurements from expectations, shape (point, measurement).

        Of a censored one it is the difference from the bound that is crossed, and zero where none is.
        """
        return self._measured.residuals(*self.simulate(points))

    def explain(self, point: Array) -> tuple[str, ...]:
        """Say why a point has no log-likelihood: what ended where and when, what to try, and which parameters are at a bound.

        Parameters
        ----------
        point
            Shape (estimated,), on the parameters' scales.

        Returns
        -------
        tuple of str
            Empty where nothing failed.
        """
        points = self._checked(np.asarray(point, float)[None])
        found = few([ended.sentence(self.problem.model.units.get("time", "")) for ended in self._ended(points)])
        if not found:
            expected, sigma = self.simulate(points)
            found = few(unlikely(self.problem, expected[0], sigma[0]))
            if not found and not np.isfinite(self._measured.total(expected, sigma)[0][0]):
                found = ["a measurement has no probability within its bounds"]
            if not found and not np.isfinite(self.curvature(points)[2]).all():
                found = ["every run completes, but has no derivatives by the parameters"]
        bounds = at_bounds(self.problem, self.linear(points)[0])
        return (*found, *([bounds] if found and bounds else []))

    def _ended(self, points: Array) -> list[Ended]:
        """Give the runs of one point that did not complete; where steady states are missing, no run begins."""
        f, trials = self._fitted, self.problem.trials
        base = f.base(self.linear(points))
        found = self._find_rest(base, 1) if len(self._rests) else None
        if found is not None and (found.status != Status.OK).any():
            first = {int(j): int(t) for j, t in zip(self._from[::-1], self._of_trial[::-1], strict=True)}
            return [
                Ended(
                    where=f"the {'pre-equilibration' if f.before[first[j]] >= 0 else 'steady state'} of trial '{trials[first[j]].id}'",
                    status=Status(int(found.status[j])), stopped=float(found.stopped[j]), state=self._state(int(found.culprit[j])),
                ) for j in np.flatnonzero(found.status != Status.OK).tolist()
            ]  # fmt: skip
        rest = None if found is None else found.values.reshape(1, len(self._rests), -1)
        tasks, y0 = self._tasks(np.arange(1), base, rest)
        done = integrate(
            f.kernel, self._plan, tasks, base, self._times, y0=y0, tolerances=self._tol, threads=self._threads
        )
        ended = []
        for k in np.flatnonzero(done.status != Status.OK).tolist():
            trial, state = trials[self._of_trial[k]], self._state(int(done.culprit[k]))
            began, reached = np.nan, np.nan
            if state in f.model.by_id and done.stopped[k] > trial.start:
                began, reached = self._course(tasks[k : k + 1], base, y0, state, trial.start, float(done.stopped[k]))
            ended.append(
                Ended(
                    where=f"trial '{trial.id}'", status=Status(int(done.status[k])), stopped=float(done.stopped[k]), state=state,
                    began=began, reached=reached,
                )
            )  # fmt: skip
        return ended

    def _state(self, culprit: int) -> str:
        return self._fitted.kernel.states[culprit] if culprit >= 0 else ""

    def _course(
        self, task: Indices, base: Array, y0: Array | None, state: str, start: float, stopped: float
    ) -> tuple[float, float]:
        """Give the value of a state at the start of a run, and the last one that is known before it stopped."""
        if state not in self._watching:
            self._watching[state] = compile_model(self._fitted.model, (state,))
        kernel = self._watching[state]
        times = start + (stopped - start) * np.append(0.0, 1.0 - 10.0 ** -np.arange(1.0, 10.0))
        run = integrate(
            kernel, self._plan, task, base, np.tile(times, (len(self._of_trial), 1)), y0=y0, tolerances=self._tol
        )
        known = run.values[0, np.isfinite(run.values[0, :, 0]), 0]
        return (float(known[0]), float(known[-1])) if len(known) else (np.nan, np.nan)

    def gradient(self, points: Array) -> tuple[Array, Array]:
        """Give the log-likelihood (point,) and its gradient (point, estimated), both NaN where a run failed."""
        points = self._checked(points)
        f, runs, count = self._fitted, len(self._of_trial), len(points)
        x = self.linear(points)
        base = f.base(x)
        rest, fine = self._rest(base, count)
        value, bar = np.full(count, np.nan), np.zeros((count * f.rows, len(f.kernel.parameters)))
        if not len(fine):
            return value, np.full(points.shape, np.nan)
        tasks, y0 = self._tasks(fine, base, rest)

        def slopes(part: slice, values: Array) -> Array:
            whole = values.reshape(-1, runs, *values.shape[1:])
            expected, sigma = self._at_measurements(whole)
            total, by_expected, by_sigma = self._measured.total(expected, sigma)
            value[fine[part.start // runs : part.stop // runs]] = total
            return self._at_readings(by_expected, by_sigma, whole.shape).reshape(values.shape)

        run = differentiate(
            f.kernel, self._adjoint, self._plan, tasks, base, self._times, slopes, no_doses(self._plan), y0=y0,
            tolerances=self._tol, threads=self._threads, block=runs,
        )  # fmt: skip
        if self._shared:
            np.add.at(bar, tasks[:, 1], run.base)
        else:
            bar[tasks[:, 1]] = run.base
        if rest is not None:
            self._pull_rest(bar, run.start, fine, base, rest)
        gradient = f.pull(bar, x) * np.where(self.factors == 0.0, 1.0, self.factors * x)
        failed = np.ones(count, bool)
        failed[fine] = (run.status.reshape(-1, runs) != Status.OK).any(axis=1)
        value[failed], gradient[failed] = np.nan, np.nan
        return value, gradient

    def curvature(self, points: Array) -> tuple[Array, Array, Array]:
        """Give the log-likelihood (point,), its gradient (point, estimated) and the Fisher information of the measurements.

        The information (point, estimated, estimated) is the expected value of minus the second derivative; it costs about two
        thirds of a simulation for each estimated parameter. All are NaN where a run failed.
        """
        points = self._checked(points)
        value, gradient = np.full(len(points), np.nan), np.full(points.shape, np.nan)
        known = np.full((*points.shape, points.shape[1]), np.nan)
        each = 8 * len(self._slots) * (int(self._slots.max(initial=0)) + 1) * points.shape[1]
        # formulas of parameters in conditions have other derivatives at each point
        most = 1 if len(self._fitted.places) else max(1, MEMORY // each)
        if self.problem.model.events and len(self._rests):
            self.gradient(points[:1])  # which refuses steady states without derivatives
        for first in range(0, len(points), most):
            part = slice(first, first + most)
            value[part], gradient[part], known[part] = self._curvature(points[part])
        return value, gradient, known

    def information(self, point: Array, groups: Indices) -> Array:
        """Give the Fisher information of each group of measurements, shape (group, estimated, estimated), at one point.

        ``groups`` numbers the group of each measurement, from zero on, shape (measurement,).
        """
        groups = np.asarray(groups, np.int64)
        if groups.shape != self.problem.values.shape or groups.min(initial=0) < 0:
            raise InputError(
                f"the groups have shape {groups.shape}; expected a number from zero on for each of {len(self.problem.values)} measurements."
            )
        return np.asarray(self._curvature(self._checked(np.asarray(point, float)[None]), groups)[2][0])

    def _curvature(self, points: Array, groups: Indices | None = None) -> tuple[Array, Array, Array]:
        f, runs, count = self._fitted, len(self._of_trial), len(points)
        x = self.linear(points)
        base = f.base(x)
        rest, fine = self._rest(base, count)
        value, gradient = np.full(count, np.nan), np.full(points.shape, np.nan)
        parts = 0 if groups is None else int(groups.max(initial=-1)) + 1
        size = (points.shape[1],) * 2 if groups is None else (parts, *(points.shape[1],) * 2)
        known = np.full((count, *size), np.nan)
        if not len(fine):
            return value, gradient, known
        tasks, y0 = self._tasks(fine, base, rest)
        order = self._order
        linear = (f.slopes(x[0]) if len(f.places) else f.linear)[:, order]
        dy0 = None if rest is None else self._rest_slopes(fine, base, rest, linear)
        run = integrate_tangent(
            f.kernel, self._tangent, self._plan, tasks, base, self._times, self._directions(self._plan, linear), y0=y0, dy0=dy0,
            slots=self._slots, tolerances=self._tol, threads=self._threads,
        )  # fmt: skip
        shape = (len(fine), runs, *run.values.shape[1:])
        expected, sigma = self._at_measurements(run.values.reshape(shape))
        total, by_expected, by_sigma = self._measured.total(expected, sigma)
        weights = self._measured.weights(expected, sigma)
        inner = np.where(self.factors == 0.0, 1.0, self.factors * x[fine])
        slopes, back = run.slopes.reshape(len(fine), runs, *run.slopes.shape[1:]), np.argsort(order)
        failed = (run.status.reshape(-1, runs) != Status.OK).any(axis=1)
        o, slots = self.problem.observable, self._slots
        read = np.flatnonzero(f.noise[o] >= 0)
        for k, point in enumerate(fine):
            if failed[k]:
                continue
            means = slopes[k, self._run, slots[self._run, self._reading, f.expected[o]]][:, back] * inner[k]
            at = slots[self._run[read], self._reading[read], f.noise[o[read]]]
            noises = slopes[k, self._run[read], at][:, back] * inner[k]
            value[point] = total[k]
            gradient[point] = by_expected[k] @ means + by_sigma[k, read] @ noises
            if groups is None:
                known[point] = (means.T * weights[0][k]) @ means + (noises.T * weights[1][k, read]) @ noises
                continue
            for g in range(parts):
                by_mean, by_noise = weights[0][k] * (groups == g), weights[1][k, read] * (groups[read] == g)
                known[point, g] = (means.T * by_mean) @ means + (noises.T * by_noise) @ noises
        return value, gradient, known

    def _rest_slopes(self, fine: Indices, base: Array, rest: Array, linear: sparse.csr_array) -> Array:
        """Derivatives of the states that runs begin with, in the order of the rows that tasks name."""
        f, states = self._fitted, len(self._rests)
        rows = (fine[:, None] * f.rows + self._rests).ravel()
        tasks = np.column_stack([np.zeros_like(rows), rows, np.full_like(rows, -1)])
        found = steady_tangents(
            f.kernel, self._tangent, self._rest_plan, tasks, base, rest[fine].reshape(len(rows), -1),
            self._directions(self._rest_plan, linear), tolerances=self._tol, threads=self._threads,
        )  # fmt: skip
        begun = np.flatnonzero(self._from >= 0)
        out = found.reshape(len(fine), states, *found.shape[1:])[:, self._from[begun]]
        for j, k in enumerate(begun):
            trial = self._of_trial[k]
            if f.before[trial] >= 0:
                for state, place in zip(*f.reset[trial], strict=True):
                    out[:, j, state] = linear[[f.after[trial] * len(f.kernel.parameters) + place]].toarray()[0]
        return np.ascontiguousarray(out.reshape(-1, *out.shape[2:]))

    def _directions(self, plan: Plan, linear: sparse.csr_array) -> Directions:
        nothing = np.full(len(self.factors), -1)
        return Directions(
            parameter=nothing, state=nothing, doses=no_doses(plan), linear=linear, moving=int(self._moving.sum())
        )

    @cached_property
    def _slots(self) -> Indices:
        """Where the derivatives of what is measured, or is the noise of it, go among those of a run, (run, time, column); else -1."""
        f, o = self._fitted, self.problem.observable
        wanted = np.zeros((*self._times.shape, len(f.kernel.observables)), bool)
        read = f.noise[o] >= 0
        wanted[self._run, self._reading, f.expected[o]] = True
        wanted[self._run[read], self._reading[read], f.noise[o[read]]] = True
        flat = wanted.reshape(len(wanted), -1)
        return np.where(flat, np.cumsum(flat, axis=1) - 1, -1).reshape(wanted.shape)

    @property
    def _order(self) -> Indices:
        """The estimated parameters, those first that can move a state; scales and noise of what is read come last."""
        return np.argsort(~self._moving, kind="stable")

    @cached_property
    def _moving(self) -> NDArray[np.bool_]:
        f = self._fitted
        places = np.concatenate([self._tangent.moving, *(places for _, places in f.reset)])
        size = len(f.kernel.parameters)
        if np.isin(f.places % size, places).any():  # a formula may name any of them
            return np.ones(len(self.factors), bool)
        rows, columns = f.linear.tocoo().coords
        return np.isin(np.arange(len(self.factors)), columns[np.isin(rows % size, places)])

    @cached_property
    def _tangent(self) -> Tangent:
        f, model = self._fitted, self.problem.model
        size = len(f.kernel.parameters)
        moved = np.unique(np.concatenate([f.linear.tocoo().coords[0], f.places]) % size)
        # what the model itself does not name is most likely only read; how many move a state sets the width alone
        known = [k for k, name in enumerate(f.kernel.parameters) if name in model.by_id or name not in self.names]
        rows, columns = f.linear.tocoo().coords
        count = len(np.unique(columns[np.isin(rows % size, known)])) if not len(f.places) else len(self.factors)
        return compile_tangent(f.model, [int(m) for m in moved], max(1, count), f.kernel.observables)

    @property
    def _adjoint(self) -> Adjoint:
        if self._made is None:
            self._made = compile_adjoint(self._fitted.model, self._fitted.kernel.observables)
        return self._made

    def _checked(self, points: Array) -> Array:
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != len(self.factors):
            raise InputError(f"the points have shape {points.shape}; expected (point, {len(self.factors)}).")
        nothing = np.isneginf(points) & (self.factors > 0.0)  # zero, on a logarithmic scale
        if not (np.isfinite(points) | nothing).all():
            wrong = self.names[int(np.argwhere(~(np.isfinite(points) | nothing))[0, 1])]
            raise InputError(f"a point has no finite value of '{wrong}'; give every parameter one, on its scale.")
        return points

    def _simulate(self, points: Array) -> tuple[Array, NDArray[np.int8]]:
        """What every run of every point reads, shape (point, run, time, column), and how the runs ended."""
        f, runs, count = self._fitted, len(self._of_trial), len(points)
        base = f.base(self.linear(points))
        rest, fine = self._rest(base, count)
        values = np.full((count, runs, self._times.shape[1], len(f.kernel.observables)), np.nan)
        status = np.full((count, runs), int(Status.NO_STEADY_STATE), np.int8)
        if len(fine):
            tasks, y0 = self._tasks(fine, base, rest)
            done = integrate(
                f.kernel, self._plan, tasks, base, self._times, y0=y0, tolerances=self._tol, threads=self._threads
            )
            values[fine] = done.values.reshape(len(fine), *values.shape[1:])
            status[fine] = done.status.reshape(len(fine), runs)
        return values, status

    def _rest(self, base: Array, count: int) -> tuple[Array | None, Indices]:
        """Steady states of every point, shape (point, steady state, state), and the points of which all are found."""
        if not len(self._rests):
            return None, np.arange(count)
        states = len(self._rests)
        found = self._find_rest(base, count)
        fine = (found.status == Status.OK).reshape(count, states).all(axis=1)
        return found.values.reshape(count, states, -1), np.flatnonzero(fine)

    def _find_rest(self, base: Array, count: int) -> Trajectories:
        f = self._fitted
        rows = (np.arange(count)[:, None] * f.rows + self._rests).ravel()
        tasks = np.column_stack([np.zeros_like(rows), rows, np.full_like(rows, -1)])
        # what rests is where everything else starts: found tighter than the runs need
        tight = replace(self._tol, rtol=min(self._tol.rtol, 1e-5))
        return find_steady_states(f.kernel, self._rest_plan, tasks, base, tolerances=tight, threads=self._threads)

    def _tasks(self, fine: Indices, base: Array, rest: Array | None) -> tuple[Indices, Array | None]:
        """Arm, row of the parameters and row of the initial state of every run of the points, and these states."""
        f, runs = self._fitted, len(self._of_trial)
        rows = fine[:, None] * f.rows + self._row
        arms = np.broadcast_to(np.arange(runs), rows.shape)
        if rest is None:
            start, y0 = np.full(rows.shape, -1), None
        else:
            start = np.full(rows.shape, -1)
            start[:, self._begun] = np.arange(len(fine) * len(self._begun)).reshape(len(fine), -1)
            y0 = np.ascontiguousarray(rest[fine][:, self._from[self._begun]])
            run, state, row, place = self._reset
            y0[:, run, state] = base.reshape(-1, f.rows, base.shape[1])[fine][:, row, place]
            y0 = y0.reshape(-1, y0.shape[-1])
        return np.column_stack([arms.ravel(), rows.ravel(), start.ravel()]).astype(np.int64), y0

    def _pull_rest(self, bar: Array, start: Array, fine: Indices, base: Array, rest: Array) -> None:
        """Add to the adjoints of the parameters what comes through the states that runs of points began with, in place."""
        f, states = self._fitted, len(self._rests)
        starts = start.reshape(len(fine), len(self._of_trial), -1)[:, self._begun]
        run, state, row, place = self._reset
        np.add.at(bar.reshape(-1, f.rows, bar.shape[1]), (fine[:, None], row, place), starts[:, run, state])
        starts[:, run, state] = 0.0
        given = np.zeros(rest.shape)
        for k, one in zip(fine, starts, strict=True):
            given[k] = self._from_rest @ one
        given = given.reshape(-1, rest.shape[2])
        used = np.flatnonzero(np.isfinite(given).all(axis=1) & np.isfinite(rest.reshape(len(given), -1)).all(axis=1))
        rows = (used // states) * f.rows + self._rests[used % states]
        before = steady_adjoints(
            f.kernel, self._adjoint, self._rest_plan, np.column_stack([np.zeros_like(rows), rows, np.full_like(rows, -1)]), base,
            rest.reshape(len(given), -1)[used], given[used], no_doses(self._rest_plan), tolerances=self._tol, threads=self._threads,
        )  # fmt: skip
        if self.problem.model.events and before.start.any():
            raise UnsupportedError(
                f"problem '{self.problem.id}' has a steady state that depends on where it is started from, in a model with events; "
                "hepatica has its log-likelihood, but no gradient."
            )
        bar[rows] += before.base

    def _at_measurements(self, values: Array) -> tuple[Array, Array]:
        """What was expected and the scale of the noise at each measurement, shape (point, measurement)."""
        f, o = self._fitted, self.problem.observable
        expected = values[:, self._run, self._reading, f.expected[o]]
        sigma = np.where(f.noise[o] < 0, f.sigma[o], values[:, self._run, self._reading, f.noise[o]])
        # one layout however many points there are: sums along rows must not depend on the number of rows
        return np.ascontiguousarray(expected), np.ascontiguousarray(sigma)

    def _at_readings(self, by_expected: Array, by_sigma: Array, shape: tuple[int, ...]) -> Array:
        """The transpose of :meth:`_at_measurements`."""
        f, o = self._fitted, self.problem.observable
        out = np.zeros(shape)
        read = f.noise[o] >= 0
        places = np.ravel_multi_index((self._run, self._reading, f.expected[o]), shape[1:])
        noisy = np.ravel_multi_index((self._run[read], self._reading[read], f.noise[o[read]]), shape[1:])
        for point, row in enumerate(out.reshape(shape[0], -1)):
            np.add.at(row, places, by_expected[point])
            np.add.at(row, noisy, by_sigma[point, read])
        return out
