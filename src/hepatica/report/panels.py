"""Measurements of a fit in panels, with what the model expects there and in between, and bands of a posterior."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepatica.inference import Likelihood, Problem, Trial
from hepatica.inference.problem import Observable
from hepatica.model import Number
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
GRID = 60
"""Points of a curve."""
MOST = 24
"""Trials that a panel of single readings holds."""
NUMBERS = 4_000_000
"""Numbers that predictive draws may take up."""
QUANTILES = (0.05, 0.25, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One observable of one trial over time, or of several trials, read once each, over dose or side by side.

    Parameters
    ----------
    observable, title
        Which observable, and what the panel shows of it.
    rows
        The measurements.
    x, label
        Where each stands, and what the axis is; ``names`` of the places where it has no numbers.
    curve, curve_x
        Rows of the readings between, numbered on from the measurements, and where they stand; empty without a curve.
    logarithmic
        Whether observable, and axis, are on logarithmic scales.
    """

    observable: str
    title: str
    rows: Indices
    x: Array
    label: str
    names: tuple[str, ...]
    curve: Indices
    curve_x: Array
    logarithmic: tuple[bool, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """All panels with what the model gives at the best point.

    Parameters
    ----------
    panels
        In the order of observables and trials.
    values, expected, sigma, residuals
        Of each measurement, ``expected`` also of the readings between.
    low, high
        Ends of the interval that each measurement has by its noise (one standard deviation), at the measured value.
    censored, limits
        What each measurement is, as :class:`~hepatica.inference.problem.Problem` has it, and the upper bounds of intervals.
    bands
        Quantiles 5, 25, 75 and 95 % of new measurements from the posterior, shape (4, measurement and reading between); none without.
    """

    panels: tuple[Panel, ...]
    values: Array
    expected: Array
    sigma: Array
    residuals: Array
    low: Array
    high: Array
    censored: NDArray[np.int8]
    limits: Array
    bands: Array | None


def make_panels(
    problem: Problem, best: Array, *, draws: Array | None = None, threads: int = 1, tolerances: Tolerances | None = None
) -> Panels:
    """Simulate what panels show.

    Parameters
    ----------
    problem
        What was fitted.
    best
        The best point, on the parameters' scales, shape (estimated,).
    draws
        Draws of the posterior, shape (draw, estimated), for bands; none without.
    threads, tolerances
        As for :func:`~hepatica.inference.optimize.fit`.
    """
    layout = _Layout(problem)
    panels = layout.panels()
    likelihood = Likelihood(layout.problem(), tolerances=tolerances, threads=threads)
    expected, sigma = (a[0] for a in likelihood.simulate(best[None]))
    n = len(problem.values)
    bands = None if draws is None or not len(draws) else predictive(likelihood, draws)
    residuals = Likelihood(problem, tolerances=tolerances, threads=threads).residuals(best[None])[0]
    low, high = np.empty(n), np.empty(n)
    for k, o in enumerate(problem.observables):
        here = np.flatnonzero(problem.observable == k)
        low[here], high[here] = (
            _shifted(o, problem.values[here], -sigma[here]),
            _shifted(o, problem.values[here], sigma[here]),
        )
    return Panels(
        panels=tuple(panels), values=problem.values, expected=expected, sigma=sigma[:n], residuals=residuals, low=low, high=high,
        censored=np.zeros(n, np.int8) if problem.censored is None else problem.censored,
        limits=np.full(n, np.nan) if problem.limits is None else problem.limits, bands=bands,
    )  # fmt: skip


def predictive(likelihood: Likelihood, draws: Array) -> Array:
    """Quantiles of new measurements, with their noise, shape (quantile, measurement); draws that fail are left out."""
    problem = likelihood.problem
    every = max(1, -(-len(draws) * len(problem.times) // NUMBERS))
    expected, sigma = likelihood.simulate(draws[::every])
    fine = np.isfinite(expected).all(axis=1)
    expected, sigma = expected[fine], sigma[fine]
    if not len(expected):
        return np.full((len(QUANTILES), len(problem.times)), np.nan)
    random = np.random.Generator(np.random.Philox(key=1))
    out = np.empty_like(expected)
    for k, o in enumerate(problem.observables):
        here = np.flatnonzero(problem.observable == k)
        shape = expected[:, here].shape
        noise = random.normal(size=shape) if o.distribution == "normal" else random.laplace(size=shape)
        out[:, here] = _shifted(o, expected[:, here], noise * sigma[:, here])
    return np.asarray(np.quantile(out, QUANTILES, axis=0))


def _shifted(observable: Observable, values: Array, by: Array) -> Array:
    """Values moved by so much on the observable's scale."""
    if observable.scale == "lin":
        return np.asarray(values + by)
    base = np.e if observable.scale == "log" else 10.0
    with np.errstate(over="ignore"):
        return np.asarray(values * base**by)


class _Layout:
    """Which measurements share a panel, and which readings between are simulated for its curve."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._trials: list[Trial] = list(problem.trials)
        self._extra: list[tuple[int, int, float]] = []  # trial, observable, time

    def problem(self) -> Problem:
        """The problem with the readings between as measurements that have no value; it is only simulated."""
        p = self._problem
        trial, observable, times = (np.array([e[k] for e in self._extra]) for k in range(3))
        return replace(
            p, trials=tuple(self._trials), trial=np.concatenate([p.trial, trial.astype(np.int64)]),
            observable=np.concatenate([p.observable, observable.astype(np.int64)]), times=np.concatenate([p.times, times]),
            values=np.concatenate([p.values, np.full(len(times), np.nan)]), censored=None, limits=None,
        )  # fmt: skip

    def panels(self) -> list[Panel]:
        p = self._problem
        found: list[Panel] = []
        for name in dict.fromkeys(p.observables[k].id for k in p.observable):
            single: list[int] = []
            rows = np.array([r for r, k in enumerate(p.observable) if p.observables[k].id == name])
            keys = dict.fromkeys((int(p.trial[r]), int(p.observable[r])) for r in rows)
            for trial, observable in keys:
                here = rows[(p.trial[rows] == trial) & (p.observable[rows] == observable)]
                timed = here[np.isfinite(p.times[here])]
                if len(np.unique(p.times[timed])) > 1:
                    found.append(self._course(name, trial, observable, timed))
                    here = here[~np.isfinite(p.times[here])]
                single += here.tolist()
            found += self._readings(name, np.array(single, np.int64))
        return found

    def _curve(self, points: list[tuple[int, int, float]]) -> Indices:
        first = len(self._problem.values) + len(self._extra)
        self._extra += points
        return np.arange(first, first + len(points))

    def _course(self, name: str, trial: int, observable: int, rows: Indices) -> Panel:
        p = self._problem
        times = p.times[rows]
        start = p.trials[trial].start
        grid = np.unique(np.concatenate([np.linspace(min(start, times.min()), times.max(), GRID), times]))
        curve = self._curve([(trial, observable, float(t)) for t in grid])
        return Panel(
            observable=name, title=p.trials[trial].id, rows=rows, x=times, label="time", names=(), curve=curve, curve_x=grid,
            logarithmic=(_logarithmic(p, observable, rows), False),
        )  # fmt: skip

    def _readings(self, name: str, rows: Indices) -> list[Panel]:
        """Trials that are read once: over the dose where it is all that differs, else side by side."""
        p = self._problem
        out, left = [], []
        moments: dict[tuple[int, float], list[int]] = {}
        for r in rows.tolist():
            moments.setdefault((int(p.observable[r]), float(p.times[r])), []).append(r)
        for (observable, time), here in moments.items():
            doses = _doses([p.trials[int(p.trial[r])] for r in here])
            if doses is None:
                left += here
            else:
                out.append(self._dose(name, observable, time, np.array(here, np.int64), *doses))
        left.sort()
        for first in range(0, len(left), MOST):
            here = left[first : first + MOST]
            ids = [p.trials[int(p.trial[r])].id for r in here]
            places = list(dict.fromkeys(ids))
            out.append(Panel(
                observable=name, title="", rows=np.array(here, np.int64), x=np.array([float(places.index(i)) for i in ids]),
                label="", names=tuple(places), curve=np.zeros(0, np.int64), curve_x=np.zeros(0),
                logarithmic=(_logarithmic(p, int(p.observable[here[0]]), np.array(here)), False),
            ))  # fmt: skip
        return out

    def _dose(self, name: str, observable: int, time: float, rows: Indices, target: str, doses: Array) -> Panel:
        p = self._problem
        least = doses[doses > 0.0].min()
        logarithmic = bool(doses.max() / least >= 30.0)
        low = least / 3.0 if logarithmic and (doses == 0.0).any() else doses.min()
        grid = np.geomspace(low, doses.max(), GRID) if logarithmic else np.linspace(low, doses.max(), GRID)
        model = p.trials[int(p.trial[rows[0]])]
        first = len(self._trials)
        self._trials += [
            replace(model, id=f"{target} {d:g}", after={**model.after, target: Number(float(d))}) for d in grid
        ]
        curve = self._curve([(first + k, observable, time) for k in range(len(grid))])
        when = "" if not np.isfinite(time) else f" at {time:g}"
        return Panel(
            observable=name, title=f"{target}{when}", rows=rows, x=np.where(doses > 0.0, doses, low) if logarithmic else doses,
            label=target, names=(), curve=curve, curve_x=grid,
            logarithmic=(_logarithmic(p, observable, rows), logarithmic),
        )  # fmt: skip


def _logarithmic(problem: Problem, observable: int, rows: Indices) -> bool:
    return problem.observables[observable].scale != "lin" and bool((problem.values[rows] > 0.0).all())


def _doses(trials: list[Trial]) -> tuple[str, Array] | None:
    """The one number in which trials differ, when there are three values of it or more; none otherwise."""
    if len({t.id for t in trials}) < 3 or any(t.later for t in trials):
        return None
    first = trials[0]
    if any(t.before != first.before or t.start != first.start or t.after.keys() != first.after.keys() for t in trials):
        return None
    differ = [k for k in first.after if any(t.after[k] != first.after[k] for t in trials)]
    if len(differ) != 1:
        return None
    values: list[float] = []
    for t in trials:
        value = t.after[differ[0]]
        if not isinstance(value, Number) or value.value < 0.0:
            return None
        values.append(value.value)
    return (differ[0], np.array(values)) if len(set(values)) > 2 else None


def residual_rows(panels: Panels, problem: Problem) -> list[Mapping[str, object]]:
    """Of each observable: how many measurements, their normalised residuals, and how many lie in the bands of the posterior.

    Bounds count as measurements and have no residuals.
    """
    out: list[Mapping[str, object]] = []
    ids = np.array([problem.observables[k].id for k in problem.observable])
    for name in dict.fromkeys(ids):
        count = int((ids == name).sum())
        here = (ids == name) & (panels.censored == 0)
        r = panels.residuals[here]
        row = {"observable": str(name), "count": count} | dict.fromkeys(("rms", "mean", "far", "half", "most"), np.nan)
        if len(r):
            row |= {
                "rms": float(np.sqrt(np.mean(r**2))), "mean": float(np.mean(r)), "far": float(np.mean(np.abs(r) > 2.0))
            }  # fmt: skip
        if len(r) and panels.bands is not None:
            q, v = panels.bands[:, : len(ids)][:, here], panels.values[here]
            row["half"], row["most"] = (
                float(np.mean((v >= q[1]) & (v <= q[2]))),
                float(np.mean((v >= q[0]) & (v <= q[3]))),
            )
        out.append(row)
    return out
