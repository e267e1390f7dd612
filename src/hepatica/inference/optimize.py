"""Multi-start fitting: a local optimizer from many starting points, all at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.inference.analytic import AnalyticLikelihood
from hepatica.inference.descent import STUCK, Answer, Found, descend
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.prior import draw_between, log_prior
from hepatica.inference.problem import Estimate, Problem, to_scale
from hepatica.inference.replay import Replay
from hepatica.inference.together import Work, run_together
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

TRIES = 20
"""Starting points that are drawn for a start until one can be evaluated."""
AT_ONCE = 64
LAST = "at the last point that could not be simulated,"
"""What stands before the reasons."""


class Posterior:
    """Minus the logarithm of likelihood times prior: what is minimised.

    Parameters
    ----------
    likelihood
        Of the problem.
    """

    def __init__(self, likelihood: Likelihood | AnalyticLikelihood) -> None:
        self.likelihood = likelihood

    def __call__(self, points: Array, most: Array | None = None) -> tuple[Array, Array, Array]:
        """Give the numbers (point,), gradients (point, estimated) and Fisher informations; all NaN where anything failed.

        Where a number is not below ``most`` (point,), gradient and information are NaN: they are not computed.
        """
        likelihood, problem = self.likelihood, self.likelihood.problem
        prior, slope, more = log_prior(points, likelihood.linear(points), likelihood.factors, problem.estimated)
        wanted = np.arange(len(points))
        value, gradient = np.full(len(points), np.nan), np.full(points.shape, np.nan)
        known = np.full((*points.shape, points.shape[1]), np.nan)
        tried = wanted[:0] if most is None else np.flatnonzero(np.isfinite(most))
        if most is not None and len(tried):
            value[tried] = -(likelihood(points[tried]) + prior[tried])
            wanted = np.flatnonzero(~np.isfinite(most) | (value < most))
        if not len(wanted):
            return value, gradient, known
        found, gradient[wanted], known[wanted] = likelihood.curvature(points[wanted])
        value[wanted], gradient[wanted] = -(found + prior[wanted]), -(gradient[wanted] + slope[wanted])
        known[:, np.arange(points.shape[1]), np.arange(points.shape[1])] += more
        known = np.tril(known) + np.tril(known, -1).swapaxes(1, 2)  # symmetric to the last bit
        failed = ~(np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(known).all(axis=(1, 2)))
        failed[tried] &= np.isin(tried, wanted)
        value[failed], gradient[failed], known[failed] = np.nan, np.nan, np.nan
        return value, gradient, known


def bounds_of(problem: Problem) -> tuple[Array, Array]:
    """Give lower and upper bounds of the estimated parameters, on their scales.

    Raises
    ------
    InputError
        When a bound is not finite on its scale.
    """
    lower = np.array([to_scale(p.lower, p.scale) for p in problem.estimated])
    upper = np.array([to_scale(p.upper, p.scale) for p in problem.estimated])
    wrong = np.flatnonzero(~(np.isfinite(lower) & np.isfinite(upper) & (lower <= upper)))
    if len(wrong):
        p = problem.estimated[int(wrong[0])]
        raise InputError(
            f"parameter '{p.id}' has the bounds {p.lower:g} and {p.upper:g} on the scale {p.scale}; a fit needs finite ones, in order."
        )
    return lower, upper


def starting_point(
    lower: Array, upper: Array, seed: int, start: int, attempt: int, estimates: Sequence[Estimate] = ()
) -> Array:
    """Draw a starting point, uniform between the bounds or as ``estimates`` have it; it depends on seed, start and attempt alone."""
    random = np.random.Generator(np.random.Philox(key=[seed, start * TRIES + attempt]))
    return draw_between(lower, upper, random.random(len(lower)), estimates)


def fit(
    problem: Problem, *, starts: int = 100, seed: int = 1, threads: int = 1, tolerances: Tolerances | None = None,
    most: int = 500, at_once: int = AT_ONCE, first: Array | None = None, analytic: bool = False, journal: Journal | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:  # fmt: skip
    """Fit a problem from many starting points, with trust regions and Fisher information as the curvature.

    Parameters
    ----------
    problem
        What is fitted.
    starts, seed
        How many starting points, uniform between the bounds, on the parameters' scales, or from the priors of starts where parameters
        have one; start k of a seed is always the same.
    threads
        Worker threads of the engine; the result does not depend on their number.
    tolerances
        Of the integration; relative 1e-6 when ``None``.
    most
        Iterations of one start.
    at_once
        Starts that advance together.
    first
        Starting points of the first starts, on the parameters' scales (start, estimated); drawn ones when ``None``.
    analytic
        Whether parameters with a role are computed in closed form; they are ``inner`` (start, computed) then, and not estimated.
    journal
        Open for writing; takes every evaluation, and a fit that was stopped goes on from it to the same result.
    progress
        Called with (starts done, starts), before each batch of points and after each start.

    Returns
    -------
    xarray.Dataset
        Sorted by objective: ``objective`` (start), minus the log-posterior; ``x``, ``first`` and ``gradient`` (start, parameter), on
        the parameters' scales; ``at_bound`` (start, parameter), -1 at the lower and 1 at the upper one; ``evaluations`` (start)
        and ``message`` (start). A start of which no point could be evaluated is NaN, with a message.

    Raises
    ------
    InputError
        When a bound is not finite, or there is nothing to estimate.
    """
    if starts < 1:
        raise InputError(f"{starts} starts were asked for; expected one or more.")
    kind = AnalyticLikelihood if analytic else Likelihood
    posterior = Posterior(kind(problem, tolerances=tolerances, threads=threads))
    problem = posterior.likelihood.problem
    lower, upper = bounds_of(problem)
    done = 0

    def evaluate(_numbers: list[int], asked: Array) -> list[Answer]:
        if progress is not None:
            progress(done, starts)
        values, gradients, known = posterior(asked[:, :-1], asked[:, -1])
        return [(float(v), g, h) for v, g, h in zip(values, gradients, known, strict=True)]

    def work(start: int) -> Work:
        def point(attempt: int) -> Array:
            if first is not None and start < len(first) and attempt == 0:
                return np.asarray(np.clip(first[start], lower, upper), float)
            return starting_point(lower, upper, seed, start, attempt, problem.estimated)

        one = _one(point, lower, upper, most)
        result = yield from one if journal is None else replayed(Replay(journal, f"start {start}"), one, len(lower))
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, starts)
        return result

    ended = run_together(starts, work, evaluate, min(at_once, starts))
    found = []
    for begun, one, failed in ended:
        why = "" if failed is None else f"; {LAST} {'; '.join(posterior.likelihood.explain(failed))}"
        found.append((begun, replace(one, message=one.message + why)))
    table = _dataset(problem, found, lower, upper)
    if isinstance(posterior.likelihood, AnalyticLikelihood):
        x = table["x"].values
        fine = np.isfinite(x).all(axis=1)
        inner = np.full((len(x), len(posterior.likelihood.inner_names)), np.nan)
        inner[fine] = posterior.likelihood.inner(x[fine])
        table = table.assign(inner=(("start", "computed"), inner)).assign_coords(
            computed=list(posterior.likelihood.inner_names)
        )
    return table


def fit_header(problem: Problem, seed: int, most: int, tolerances: Tolerances | None) -> dict[str, str]:
    """Give what makes a fit what it is, as the header of its journal; the number of starts may grow."""
    return {
        "what": "fit", "problem": problem.digest, "seed": str(seed), "iterations": str(most), "tolerances": str(tolerances),
        "hepatica": version("hepatica"), "numpy": np.__version__,
    }  # fmt: skip


def replayed(replay: Replay, work: Work, size: int) -> Work:
    """Ask the journal first; of the symmetric information one half is kept."""
    half = np.tril_indices(size)
    answer: Answer | None = None
    while True:
        try:
            asked = work.send(answer)
        except StopIteration as done:
            return done.value
        now: dict[str, Array] = {}
        if replay.calls >= replay.recorded:
            value, gradient, known = yield asked
            # of a point that is of no use there is none
            now = {"value": np.array([value]), "gradient": gradient}
            now["information"] = known[half] if np.isfinite(known).all() else np.zeros(0)
        kept = replay.call(asked, partial(_given, now))
        known = np.full((size, size), np.nan)
        if kept["information"].size:
            known[half] = kept["information"]
            known.T[half] = kept["information"]
        answer = float(kept["value"][0]), kept["gradient"], known


def _given(now: dict[str, Array], _asked: Array) -> dict[str, Array]:
    return now


def _one(point: Callable[[int], Array], lower: Array, upper: Array, most: int) -> Work:
    """One start; asks with a point and, behind it, the number that the point must stay below to be of use."""
    for attempt in range(TRIES):
        first = point(attempt)
        answer: Answer = yield np.append(first, np.inf)
        if np.isfinite(answer[0]):
            break
    else:
        unknown, message = np.full_like(lower, np.nan), f"none of {TRIES} starting points could be simulated"
        return first, Found(x=unknown, objective=np.nan, gradient=unknown, evaluations=TRIES, message=message), first
    descent, given, failed = descend(first, answer, lower, upper, most), None, None
    while True:
        try:
            asked = descent.send(given)  # type: ignore[arg-type]  # nothing is sent to one that begins
        except StopIteration as done:
            found: Found = done.value
            break
        given = yield asked
        failed = failed if np.isfinite(given[0]) else asked[:-1]
    return (
        first,
        replace(found, evaluations=found.evaluations + attempt + 1),
        failed if found.message == STUCK else None,
    )


def _dataset(problem: Problem, found: list[tuple[Array, Found]], lower: Array, upper: Array) -> xr.Dataset:
    objective = np.array([f.objective for _, f in found])
    order = np.argsort(objective, kind="stable")
    table = {k: np.array([getattr(found[i][1], k) for i in order]) for k in ("x", "gradient")}
    table = {"first": np.array([found[i][0] for i in order])} | table
    x, near = table["x"], 1e-6 * (upper - lower)
    data: dict[str, Any] = {k: (("start", "parameter"), v) for k, v in table.items()}
    data |= {
        "objective": ("start", objective[order], {"long_name": "minus the log-posterior"}),
        "evaluations": ("start", np.array([found[i][1].evaluations for i in order])),
        "message": ("start", np.array([found[i][1].message for i in order])),
        "at_bound": (("start", "parameter"), (x >= upper - near).astype(np.int8) - (x <= lower + near).astype(np.int8)),
        "scale": ("parameter", np.array([p.scale for p in problem.estimated])),
    }
    coords = {"start": order, "parameter": [p.id for p in problem.estimated]}
    return xr.Dataset(data, coords=coords, attrs={"problem": problem.id})
