"""Multi-start fitting: a local optimizer from many starting points, all at once."""

import logging
from collections.abc import Callable
from importlib.metadata import version
from itertools import count
from typing import Any

import fides
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Problem, to_scale
from hepatica.inference.replay import Replay
from hepatica.inference.together import Ask, run_together
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

TRIES = 20
"""Starting points that are drawn for a start until one can be evaluated."""
AT_ONCE = 64
Answer = tuple[float, Array, Array]
MESSAGES = {
    "FTOL": "converged: the objective changes no more", "XTOL": "converged: the parameters change no more",
    "GTOL": "converged: the gradient is zero", "MAXITER": "stopped: as many iterations as were allowed",
    "DELTA_TOO_SMALL": "stopped: no step improves, however small", "NOT_FINITE": "stopped: a point could not be simulated",
    "EXCEEDED_BOUNDARY": "stopped: beyond the bounds",
}  # fmt: skip


class Posterior:
    """Minus the logarithm of likelihood times prior: what is minimised.

    Parameters
    ----------
    likelihood
        Of the problem.
    """

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood

    def __call__(self, points: Array) -> tuple[Array, Array, Array]:
        """Give the numbers (point,), gradients (point, estimated) and Fisher informations; all NaN where anything failed."""
        value, gradient, known = self.likelihood.curvature(points)
        problem = self.likelihood.problem
        prior, slope, more = log_prior(
            points, self.likelihood.linear(points), self.likelihood.factors, problem.estimated
        )
        value, gradient = -(value + prior), -(gradient + slope)
        known[:, np.arange(points.shape[1]), np.arange(points.shape[1])] += more
        known = np.tril(known) + np.tril(known, -1).swapaxes(1, 2)  # symmetric to the last bit
        failed = ~(np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(known).all(axis=(1, 2)))
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


def starting_point(lower: Array, upper: Array, seed: int, start: int, attempt: int) -> Array:
    """Draw a starting point, uniform between the bounds; it depends on seed, start and attempt alone."""
    random = np.random.Generator(np.random.Philox(key=[seed, start * TRIES + attempt]))
    return np.asarray(lower + (upper - lower) * random.random(len(lower)))


def fit(
    problem: Problem, *, starts: int = 100, seed: int = 1, threads: int = 1, tolerances: Tolerances | None = None,
    most: int = 500, at_once: int = AT_ONCE, journal: Journal | None = None, progress: Progress | None = None,
) -> xr.Dataset:  # fmt: skip
    """Fit a problem from many starting points, with trust regions and Fisher information as the curvature.

    Parameters
    ----------
    problem
        What is fitted.
    starts, seed
        How many starting points, uniform between the bounds, on the parameters' scales; start k of a seed is always the same.
    threads
        Worker threads of the engine; the result does not depend on their number.
    tolerances
        Of the integration; relative 1e-6 when ``None``.
    most
        Iterations of one start.
    at_once
        Starts that advance together.
    journal
        Open for writing; takes every evaluation, and a fit that was stopped goes on from it to the same result.
    progress
        Called with (starts done, starts).

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

    Source: T. F. Coleman and Y. Li, SIAM J. Optim. 1996;6:418-445, as implemented by fides (F. Froehlich and P. K. Sorger, PLoS
    Comput. Biol. 2022;18:e1010322).
    """
    if starts < 1:
        raise InputError(f"{starts} starts were asked for; expected one or more.")
    lower, upper = bounds_of(problem)
    posterior = Posterior(Likelihood(problem, tolerances=tolerances, threads=threads))
    done = count(1)

    def evaluate(_numbers: list[int], points: Array) -> list[Answer]:
        values, gradients, known = posterior(points)
        return [(float(v), g, h) for v, g, h in zip(values, gradients, known, strict=True)]

    def work(start: int, ask: Ask) -> dict[str, Any]:
        asked = ask if journal is None else replayed(Replay(journal, f"start {start}"), ask, len(lower))
        result = _descend(asked, lower, upper, seed, start, most)
        if progress is not None:
            progress(next(done), starts)
        return result

    found = run_together(starts, work, evaluate, min(at_once, starts))
    return _dataset(problem, found, lower, upper)


def fit_header(problem: Problem, seed: int, most: int, tolerances: Tolerances | None) -> dict[str, str]:
    """Give what makes a fit what it is, as the header of its journal; the number of starts may grow."""
    return {
        "what": "fit", "problem": problem.digest, "seed": str(seed), "iterations": str(most), "tolerances": str(tolerances),
        "hepatica": version("hepatica"), "fides": fides.__version__, "numpy": np.__version__,
    }  # fmt: skip


def replayed(replay: Replay, ask: Ask, size: int) -> Ask:
    """Ask the journal first; of the symmetric information one half is kept."""
    half = np.tril_indices(size)

    def compute(x: Array) -> dict[str, Array]:
        value, gradient, known = ask(x)
        return {"value": np.array([value]), "gradient": gradient, "information": known[half]}

    def call(x: Array) -> Answer:
        found = replay.call(x, compute)
        known = np.empty((size, size))
        known[half] = found["information"]
        known.T[half] = found["information"]
        return float(found["value"][0]), found["gradient"], known

    return call


def _descend(ask: Ask, lower: Array, upper: Array, seed: int, start: int, most: int) -> dict[str, Any]:
    """One start of the optimizer."""
    unknown = np.full_like(lower, np.nan)
    for attempt in range(TRIES):
        first = starting_point(lower, upper, seed, start, attempt)
        answer: Answer | None = ask(first)
        if answer is not None and np.isfinite(answer[0]):
            break
    else:
        message = f"none of {TRIES} starting points could be simulated"
        return {
            "first": first,
            "x": unknown,
            "objective": np.nan,
            "gradient": unknown,
            "evaluations": TRIES,
            "message": message,
        }
    evaluations = attempt + 1

    def objective(x: Array) -> Answer:
        nonlocal answer, evaluations
        if answer is not None:  # the starting point
            given, answer = answer, None
            return given
        evaluations += 1
        result: Answer = ask(x)
        return result

    options = {fides.Options.MAXITER: most, fides.Options.FATOL: 1e-7, fides.Options.FRTOL: 0.0}
    optimizer = fides.Optimizer(objective, ub=upper, lb=lower, verbose=logging.CRITICAL, options=options)
    optimizer.minimize(first)
    return {
        "first": first, "objective": float(optimizer.fval_min), "x": np.array(optimizer.x_min), "evaluations": evaluations,
        "gradient": np.array(optimizer.grad_min), "message": MESSAGES.get(optimizer.exitflag.name, optimizer.exitflag.name.lower()),
    }  # fmt: skip


def _dataset(problem: Problem, found: list[dict[str, Any]], lower: Array, upper: Array) -> xr.Dataset:
    objective = np.array([f["objective"] for f in found])
    order = np.argsort(objective, kind="stable")
    table = {k: np.array([found[i][k] for i in order]) for k in ("first", "x", "gradient")}
    x, near = table["x"], 1e-6 * (upper - lower)
    data: dict[str, Any] = {k: (("start", "parameter"), v) for k, v in table.items()}
    data |= {
        "objective": ("start", objective[order], {"long_name": "minus the log-posterior"}),
        "evaluations": ("start", np.array([found[i]["evaluations"] for i in order])),
        "message": ("start", np.array([found[i]["message"] for i in order])),
        "at_bound": (("start", "parameter"), (x >= upper - near).astype(np.int8) - (x <= lower + near).astype(np.int8)),
        "scale": ("parameter", np.array([p.scale for p in problem.estimated])),
    }
    coords = {"start": order, "parameter": [p.id for p in problem.estimated]}
    return xr.Dataset(data, coords=coords, attrs={"problem": problem.id})
