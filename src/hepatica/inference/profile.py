"""Profile likelihoods: how far each parameter can move when all the others are fitted anew."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from hepatica.errors import InputError, did_you_mean
from hepatica.inference.descent import Answer
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import AT_ONCE, Posterior, Progress, bounds_of, fit_header, replayed
from hepatica.inference.path import Place, follow, refit
from hepatica.inference.problem import Problem
from hepatica.inference.replay import Replay
from hepatica.inference.together import Work, run_together
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
LEVELS = (0.68, 0.95)
BETTER = 0.05
"""Difference of log-posteriors from which on a better optimum is one: the profiles then begin anew around it."""
ROUNDS = 3
SIDES = ("down", "up")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Profiles around one optimum: of each parameter what was found downwards and upwards, and why each side ended."""

    best: Place
    paths: list[list[Place]]
    ends: list[tuple[str, str]]
    evaluations: list[int]


def profile(
    problem: Problem, point: xr.Dataset | Array, *, parameters: Sequence[str] | None = None, threads: int = 1,
    tolerances: Tolerances | None = None, most: int = 200, at_once: int = AT_ONCE, journal: Journal | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:  # fmt: skip
    """Profile the posterior along parameters: each is held at values around its best one, and the others are fitted anew.

    Both sides of all profiles advance together. A step is as long as raises the objective by a tenth of the way to the 95 %
    threshold, judged by the gradient and the Fisher information; the others begin where the information says they will be.
    When a profile finds a better optimum, all begin anew around that one.

    Parameters
    ----------
    problem
        What was fitted.
    point
        What :func:`~hepatica.inference.optimize.fit` gave, or one point on the parameters' scales; the nearest optimum is found first.
    parameters
        Which are profiled; all when ``None``.
    threads
        Worker threads of the engine; the result does not depend on their number.
    tolerances
        Of the integration; relative 1e-6 when ``None``.
    most
        Iterations of one fit of the others.
    at_once
        Sides of profiles that advance together.
    journal
        Open for writing; takes every evaluation, and profiles that were stopped go on from it to the same result.
    progress
        Called with (sides done, sides).

    Returns
    -------
    xarray.Dataset
        ``value`` and ``objective`` (parameter, point): the parameter on its scale, ascending, and minus the log-posterior; ``x``
        (parameter, point, other): all parameters there; shorter profiles end in NaN. ``lower`` and ``upper`` (parameter, level):
        where the profile crosses the threshold (chi-squared, one degree of freedom), NaN where it does not; ``end`` (parameter,
        side): why it ended: ``threshold``, ``bound``, ``failed`` or ``points``. ``optimum``, ``gradient``, ``lower_bound``,
        ``upper_bound`` and ``scale`` (other), ``information`` (other, along) there. ``attrs``: ``objective`` of the optimum,
        ``fit_objective`` of what was given, and ``better``: a sentence when they differ, else empty.

    Raises
    ------
    InputError
        When a parameter is not estimated, or the point has no value or cannot be simulated.

    Source: A. Raue et al., Bioinformatics 2009;25:1923-1929.
    """
    names = [p.id for p in problem.estimated]
    chosen = _places(names, parameters)
    lower, upper = bounds_of(problem)
    start = starting_values(problem, point)
    posterior = Posterior(Likelihood(problem, tolerances=tolerances, threads=threads))

    def evaluate(_numbers: list[int], asked: Array) -> list[Answer]:
        values, gradients, known = posterior(asked[:, :-1], asked[:, -1])
        return [(float(v), g, h) for v, g, h in zip(values, gradients, known, strict=True)]

    def together(number: int, streams: Sequence[str], work: Callable[[int], Work]) -> list[Any]:
        def one(k: int) -> Work:
            stream = f"round {number}: {streams[k]}"
            return work(k) if journal is None else replayed(Replay(journal, stream), work(k), len(lower))

        return run_together(len(streams), one, evaluate, min(at_once, len(streams)))

    def optimum(number: int, x: Array) -> Place:
        best: Place | None = together(number, ["optimum"], lambda _: refit(None, x, lower, upper, most))[0]
        if best is None:
            raise InputError(
                f"the point that profiles of '{problem.id}' begin at cannot be simulated; give another one."
            )
        return best

    best = optimum(0, np.clip(start, lower, upper))
    given = best.first
    for number in count():
        done = count(1)

        def told(done: Iterator[int] = done) -> None:
            if progress is not None:
                progress(next(done), 2 * len(chosen))

        found = _around(best, chosen, names, (lower, upper), most, together, number, told)
        lowest = min((p for path in found.paths for p in path), key=lambda p: p.objective)
        if best.objective - lowest.objective < BETTER or number + 1 == ROUNDS:
            break
        best = optimum(number + 1, lowest.x)
    return _dataset(problem, found, chosen, given, (lower, upper))


def starting_values(problem: Problem, point: xr.Dataset | Array) -> Array:
    """Give the best point of a fit, or the point itself; shape (estimated,)."""
    values = point["x"].values[0] if isinstance(point, xr.Dataset) else np.asarray(point, float)
    if isinstance(point, xr.Dataset) and list(point["parameter"].values.astype(str)) != [
        p.id for p in problem.estimated
    ]:
        raise InputError(
            f"the fit has other parameters than problem '{problem.id}' estimates; give the fit of this problem."
        )
    if values.shape != (len(problem.estimated),) or not np.isfinite(values).all():
        raise InputError(
            f"profiles begin at a point of {len(problem.estimated)} finite values, one for each estimated parameter; "
            "this one has others or none."
        )
    return np.array(values, float)


def profile_header(problem: Problem, point: xr.Dataset | Array, tolerances: Tolerances | None) -> dict[str, str]:
    """Give what makes profiles what they are, as the header of their journal; which parameters are profiled may change."""
    digest = sha256(starting_values(problem, point).tobytes()).hexdigest()
    return fit_header(problem, 0, 200, tolerances) | {"what": "profiles", "point": digest}


def _places(names: list[str], parameters: Sequence[str] | None) -> list[int]:
    for name in parameters or ():
        if name not in names:
            raise InputError(f"'{name}' is no estimated parameter; profiles are of these.{did_you_mean(name, names)}")
    chosen = list(range(len(names))) if parameters is None else [names.index(n) for n in dict.fromkeys(parameters)]
    if not chosen:
        raise InputError("no parameter was given to profile; name one or more that are estimated.")
    return chosen


def _around(
    best: Place, chosen: list[int], names: list[str], bounds: tuple[Array, Array], most: int,
    together: Callable[[int, Sequence[str], Callable[[int], Work]], list[Any]], number: int, told: Callable[[], None],
) -> _Round:  # fmt: skip
    """Follow both sides of every profile from one optimum."""
    sides = [(j, sign) for j in chosen for sign in (-1, 1)]

    def work(k: int) -> Work:
        result = yield from follow(best, *sides[k], *bounds, most, threshold=float(stats.chi2.ppf(max(LEVELS), 1)))
        told()
        return result

    found = together(number, [f"{names[j]} {SIDES[sign > 0]}" for j, sign in sides], work)
    pairs = [(found[2 * k], found[2 * k + 1]) for k in range(len(chosen))]
    return _Round(
        best=best, paths=[[*down[0][::-1], best, *up[0]] for down, up in pairs], ends=[(down[1], up[1]) for down, up in pairs],
        evaluations=[down[2] + up[2] for down, up in pairs],
    )  # fmt: skip


def crossings(value: Array, height: Array, start: int, level: float) -> tuple[float, float]:
    """Give where a profile rises through a level on both sides of its best point, NaN where it does not.

    Parameters
    ----------
    value, height
        Values of the parameter, ascending, and twice the rise of the objective above its lowest, shape (point,).
    start
        Index of the best point.
    level
        Of confidence.

    Returns
    -------
    float, float
        Lower and upper end. Between points the root of the height is linear, as it is where data are normal and models linear.
    """
    wanted = float(np.sqrt(stats.chi2.ppf(level, 1)))
    z = np.sqrt(np.maximum(height, 0.0))
    ends = []
    for side in (slice(start, None, -1), slice(start, None)):
        v, r = value[side], z[side]
        # the outermost, should there be several
        at = np.flatnonzero((r[:-1] < wanted) & (r[1:] >= wanted))
        if not len(at) or r[-1] < wanted:
            ends.append(np.nan)
            continue
        k = int(at[-1])
        ends.append(float(v[k] + (v[k + 1] - v[k]) * (wanted - r[k]) / (r[k + 1] - r[k])))
    return ends[0], ends[1]


def _dataset(
    problem: Problem, found: _Round, chosen: list[int], given: float, bounds: tuple[Array, Array]
) -> xr.Dataset:
    names, longest = [p.id for p in problem.estimated], max(map(len, found.paths))
    size = len(names)
    value, objective = np.full((2, len(chosen), longest), np.nan)
    x = np.full((len(chosen), longest, size), np.nan)
    for k, (j, path) in enumerate(zip(chosen, found.paths, strict=True)):
        x[k, : len(path)] = [p.x for p in path]
        value[k], objective[k, : len(path)] = x[k, :, j], [p.objective for p in path]
    lowest = float(np.nanmin(objective))
    ends = np.full((2, len(chosen), len(LEVELS)), np.nan)
    for k, path in enumerate(found.paths):
        n = len(path)
        for m, level in enumerate(LEVELS):
            start = int(np.argmin(objective[k, :n]))
            ends[:, k, m] = crossings(value[k, :n], 2.0 * (objective[k, :n] - lowest), start, level)
    data = {
        "value": (("parameter", "point"), value), "objective": (("parameter", "point"), objective),
        "x": (("parameter", "point", "other"), x), "lower": (("parameter", "level"), ends[0]),
        "upper": (("parameter", "level"), ends[1]), "end": (("parameter", "side"), np.array(found.ends)),
        "evaluations": ("parameter", np.array(found.evaluations)), "optimum": ("other", found.best.x),
        "gradient": ("other", found.best.gradient), "information": (("other", "along"), found.best.known),
        "lower_bound": ("other", bounds[0]), "upper_bound": ("other", bounds[1]),
        "scale": ("other", np.array([p.scale for p in problem.estimated])),
    }  # fmt: skip
    coords = {
        "parameter": [names[j] for j in chosen], "other": names, "along": names, "level": list(LEVELS), "side": list(SIDES)
    }  # fmt: skip
    attrs = {
        "problem": problem.id, "digest": problem.digest, "objective": found.best.objective, "lowest": lowest, "fit_objective": given,
        "better": _better(given, found.best.objective, lowest),
    }  # fmt: skip
    return xr.Dataset(data, coords=coords, attrs=attrs)


def _better(given: float, best: float, lowest: float) -> str:
    """Say when there is a better optimum than the one that profiles began at."""
    if given - lowest < BETTER:
        return ""
    text = f"the profiles found a better optimum than the point they began at: log-posterior {-lowest:.7g} instead of {-given:.7g}"
    if best - lowest < BETTER:
        return f"{text}; they are drawn around the better one"
    return f"{text}; it was still improving after {ROUNDS} rounds, so that the fit needs more starts"
