"""One side of a profile: step after step away from the optimum, all other parameters fitted anew at each."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.descent import Answer, descend

Array = NDArray[np.float64]

STEPS = 10
"""Steps to the threshold, where the objective is a parabola."""
LONGEST = 1.0 / 16.0
"""Longest step, of the way between the bounds."""
LEAD = 0.2
"""How far another parameter is led at most in one step, of the way between its bounds."""
POINTS = 60
RETRIES = 6
"""How often a step is made shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An evaluated point: the objective with its gradient and information; ``first`` is the objective that its fit began with."""

    x: Array
    objective: float
    gradient: Array
    known: Array
    first: float
    evaluations: int = 0


def refit(
    fixed: int | None, x0: Array, lower: Array, upper: Array, most: int, *, known: Answer | None = None
) -> Generator[Array, Answer, Place | None]:
    """Minimise over all parameters but one, from a point; a generator that yields what it asks for.

    Parameters
    ----------
    fixed
        Which parameter keeps its value; none when ``None``.
    x0, lower, upper
        Where it begins, and the bounds, shape (parameter,).
    most
        Points that may be asked for.
    known
        The answer at ``x0``, where it is known already.

    Returns
    -------
    Place or None
        The best point that was seen; None when the first cannot be simulated.
    """
    first = (yield np.append(x0, np.inf)) if known is None else known
    if not np.isfinite(first[0]):
        return None
    low, high = lower.copy(), upper.copy()
    low[[] if fixed is None else [fixed]] = high[[] if fixed is None else [fixed]] = x0[
        [] if fixed is None else [fixed]
    ]
    best, spent = (x0, *first), int(known is None)
    descent, answer = descend(x0, first, low, high, most), None
    while True:
        try:
            asked = descent.send(answer)  # type: ignore[arg-type]  # nothing is sent to one that begins
        except StopIteration:
            break
        answer = yield asked
        spent += 1
        if answer[0] < best[1]:
            best = (asked[:-1], *answer)
    x, value, gradient, information = best
    return Place(x=x, objective=value, gradient=gradient, known=information, first=first[0], evaluations=spent)


def follow(
    best: Place, j: int, sign: int, lower: Array, upper: Array, most: int, *, threshold: float
) -> Generator[Array, Answer, tuple[list[Place], str, int]]:
    """Follow one side of a profile from the optimum outwards; a generator that yields what it asks for.

    Parameters
    ----------
    best
        The optimum.
    j, sign
        The parameter, and -1 downwards or 1 upwards.
    lower, upper
        Bounds, shape (parameter,).
    most
        Iterations of one fit of the others.
    threshold
        Of twice the rise of the objective, at which the profile ends.

    Returns
    -------
    list of Place, str, int
        The points in the order of their distance; why it ended (``threshold``, ``bound``, ``failed``, ``points``); how many
        evaluations it took.
    """
    wide, edge = upper[j] - lower[j], upper[j] if sign > 0 else lower[j]
    grain = np.sqrt(threshold) / STEPS
    path: list[Place] = []
    here, spent, longest = best, 0, wide * LONGEST
    while len(path) < POINTS:
        if abs(edge - here.x[j]) <= 1e-6 * wide:
            return path, "bound", spent
        height = _root(here, best)
        wanted = height + grain if height + 1.3 * grain < np.sqrt(threshold) else 1.005 * np.sqrt(threshold)
        step = min(_step(here, best, j, sign, wanted), longest)
        for attempt in range(RETRIES + 1):
            left = abs(edge - here.x[j])
            step = left if step > left - 1e-9 * wide else step
            found = None
            begin, asked = yield from _begin(here, j, here.x[j] + sign * step if step < left else edge, lower, upper)
            spent += asked
            if begin is not None:
                found = yield from refit(j, begin[0], lower, upper, most, known=begin[1])
                spent += found.evaluations if found is not None else 0
            # a leap over what was aimed at is taken back, so that the curve is known where it rises
            if found is not None and (_root(found, best) <= wanted + 2.0 * grain or attempt == RETRIES):
                break
            step *= 0.35
        if found is None:
            return path, "failed", spent
        longest = min(wide * LONGEST, 2.0 * abs(found.x[j] - here.x[j]))
        path.append(found)
        here = found
        if 2.0 * (here.objective - best.objective) >= threshold:
            return path, "threshold", spent
    return path, "points", spent


def _root(place: Place, best: Place) -> float:
    return float(np.sqrt(max(0.0, 2.0 * (place.objective - best.objective))))


def _step(here: Place, best: Place, j: int, sign: int, wanted: float) -> float:
    """How far to go until the root of the height is what is wanted, by gradient and information."""
    rise = 0.5 * wanted**2 - (here.objective - best.objective)
    slope = max(0.0, sign * float(here.gradient[j]))
    bend = max(0.0, float(here.known[j, j] + here.known[j] @ response(here.known, j)))
    ground = slope + np.sqrt(slope**2 + 2.0 * bend * rise)
    return float(2.0 * rise / ground) if ground > 0.0 else np.inf


def response(known: Array, j: int, free: NDArray[np.bool_] | None = None) -> Array:
    """Give how the other parameters follow one, by the information: shape (parameter,), zero at the parameter itself."""
    others = np.ones(len(known), bool) if free is None else free.copy()
    others[j] = False
    out = np.zeros(len(known))
    part = known[np.ix_(others, others)]
    if len(part):
        # flat directions stay where they are
        out[others] = -np.linalg.pinv(part, rcond=1e-9, hermitian=True) @ known[others, j]
    return out


def _begin(
    here: Place, j: int, value: float, lower: Array, upper: Array
) -> Generator[Array, Answer, tuple[tuple[Array, Answer] | None, int]]:
    """Where a fit of the others begins: where the information leads them or where they are, whichever is better.

    Gives the point with its answer, None when neither can be simulated; and how many evaluations it took.
    """
    wide, step = upper - lower, value - here.x[j]
    inside = (here.x > lower + 1e-4 * wide) & (here.x < upper - 1e-4 * wide)
    move = response(here.known, j, inside) * step
    far = np.abs(move / np.where(wide > 0.0, wide, 1.0)).max(initial=0.0)
    led, stayed = np.clip(here.x + move * min(1.0, LEAD / max(far, LEAD)), lower, upper), here.x.copy()
    led[j] = stayed[j] = value
    first = yield np.append(led, np.inf)
    if first[0] < here.objective + 1.0:
        return (led, first), 1
    second = yield np.append(stayed, np.inf)
    known = [(x, a) for x, a in ((led, first), (stayed, second)) if np.isfinite(a[0])]
    return min(known, key=lambda k: k[1][0]) if known else None, 2
