"""One start of the optimizer: a trust region within bounds, on the Fisher information and what gradients tell beyond it.

The information leaves out the second derivatives of the model, which bend the long valleys of such problems. They are learnt from
how gradients change, as in NL2SOL (J. E. Dennis, D. M. Gay, R. E. Welsch, ACM Trans. Math. Softw. 1981;7:348-368,
doi:10.1145/355958.355965), and used where they foretell the objective better than the information alone. Steps solve the model
exactly within the region (J. J. More, D. C. Sorensen, SIAM J. Sci. Stat. Comput. 1983;4:553-572); at the first bound on its way a
step goes on within it, solved again for the other parameters, so that the model never rises.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Answer = tuple[float, Array, Array]
Descent = Generator[Array, Answer, "Found"]

ACROSS = 10.0  # lengths of the region's unit within the bounds
GAIN = 1e-7  # decrease of the objective below which nothing is worth a step
POOR, GOOD = 0.1, 0.75  # parts of the foretold decrease at which the region shrinks and grows
SHRINK, GROW, SMALLEST = 0.25, 2.0, 1e-10
NEARLY = 0.9  # part of the way to a bound that one step goes, unless it is there
AT_BOUND = 1e-6

CONVERGED = "converged: the objective changes no more"
STUCK = "stopped: no step improves, however small"
LONG = "stopped: as many iterations as were allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a descent ended: the point, the objective and gradient there, how many points were asked for, and why it ended."""

    x: Array
    objective: float
    gradient: Array
    evaluations: int
    message: str


def descend(first: Array, answer: Answer, lower: Array, upper: Array, most: int) -> Descent:
    """Minimise from a point; a generator that yields what it asks for.

    Parameters
    ----------
    first, answer
        The starting point, and the objective, gradient and information there.
    lower, upper
        Bounds; the region is round in units of a tenth of their distance.
    most
        Points that may be asked for.

    Yields
    ------
    numpy.ndarray
        A point, and behind it the objective that it must stay below to be of use: of one that does not, gradient and information
        are not read.
    """
    x, (value, gradient, information) = first, answer
    unit = np.where(upper > lower, (upper - lower) / ACROSS, 1.0)
    beyond, trusted, radius = np.zeros_like(information), False, 1.0
    found = Found(x=x, objective=value, gradient=gradient, evaluations=0, message=LONG)
    while found.evaluations < most:
        model = information + beyond if trusted else information
        step, foretold = propose(
            gradient * unit, model * np.outer(unit, unit), (lower - x) / unit, (upper - x) / unit, radius
        )
        if foretold > -GAIN and trusted:  # the information alone is to agree
            beyond, trusted = np.zeros_like(information), False
            continue
        if foretold > -GAIN or radius < SMALLEST:
            return replace(found, message=CONVERGED if foretold > -GAIN else STUCK)
        to = np.clip(x + step * unit, lower, upper)
        new, slope, known = yield np.append(to, value)
        length, moved, change = float(np.sqrt(step @ step)), to - x, new - value
        ratio = change / foretold if np.isfinite(new) else -1.0
        if ratio < POOR:
            radius = SHRINK * min(radius, length)
        elif ratio > GOOD and length > NEARLY * radius:
            radius *= GROW
        found = replace(found, evaluations=found.evaluations + 1)
        if not change < 0.0:
            continue
        plain = float(gradient @ moved + 0.5 * moved @ information @ moved)
        bent = plain + 0.5 * float(moved @ beyond @ moved)
        trusted = not bool(beyond.any()) or abs(change - bent) < abs(change - plain)
        beyond = learn(beyond, moved, slope - gradient, slope - gradient - known @ moved)
        x, value, gradient, information = to, new, slope, known
        found = replace(found, x=x, objective=value, gradient=gradient)
    return found


def learn(beyond: Array, moved: Array, turned: Array, rest: Array) -> Array:
    """Give what is known beyond the information after a step, symmetric.

    Parameters
    ----------
    beyond
        What was known, shape (parameter, parameter).
    moved, turned
        The step, and how the gradient changed.
    rest
        The part of the change that the information at the new point does not explain.
    """
    seen = float(moved @ beyond @ moved)
    sized = beyond * min(1.0, abs(float(moved @ rest) / seen)) if seen != 0.0 else beyond
    along = turned @ moved
    if along <= 1e-10 * np.sqrt((turned @ turned) * (moved @ moved)):
        return sized
    missing = rest - sized @ moved
    both = np.outer(missing, turned)
    change = (both + both.T) / along - (missing @ moved) / along**2 * np.outer(turned, turned)
    return np.asarray(sized + change)


def propose(gradient: Array, model: Array, below: Array, above: Array, radius: float) -> tuple[Array, float]:
    """Give a step within bounds and radius, and how it changes the model.

    Parameters
    ----------
    gradient, model
        First and second derivatives.
    below, above
        Distances to the bounds, negative and positive.
    radius
        Of the region.
    """
    free = ~(((below >= 0.0) & (gradient > 0.0)) | ((above <= 0.0) & (gradient < 0.0)))
    below = np.where(below > -AT_BOUND, below, NEARLY * below)
    above = np.where(above < AT_BOUND, above, NEARLY * above)
    step, left = np.zeros_like(gradient), radius
    while free.any() and left > 0.0:
        here = np.flatnonzero(free)
        part = within((gradient + model @ step)[here], model[np.ix_(here, here)], left)
        room = np.where(part < 0.0, below[here], above[here]) - step[here]
        share = np.divide(room, part, out=np.full_like(part, np.inf), where=part != 0.0)
        least = float(share.min())
        if least >= 1.0:
            step[here] += part
            break
        step[here] += least * part
        step[here] = np.where(share <= least, np.where(part < 0.0, below[here], above[here]), step[here])
        free[here[share <= least]] = False
        left = radius - float(np.sqrt(step @ step))
    return step, float(gradient @ step + 0.5 * step @ model @ step)


def within(gradient: Array, model: Array, radius: float) -> Array:
    """Minimise a quadratic model within a radius."""
    curvature, axes = np.linalg.eigh(model)
    slope = axes.T @ gradient
    lowest, highest = curvature[0], max(abs(curvature[0]), abs(curvature[-1]))
    if lowest > 1e-14 * highest:
        step = slope / curvature
        if step @ step <= radius**2:
            return np.asarray(-axes @ step)
    # the length of the step falls with the shift; Newton's method on its reciprocal comes from the left
    shift = max(0.0, -lowest, float((np.abs(slope) / radius - curvature).max()))
    for _ in range(50):
        bent = curvature + shift
        bent = np.where(bent > 0.0, bent, 1e-14 * highest + 1e-300)
        step = slope / bent
        length = np.sqrt(step @ step)
        if length <= radius * (1.0 + 1e-6):
            break
        shift += (length / radius - 1.0) * length**2 / (step @ (step / bent))
    return np.asarray(-axes @ (step * min(1.0, radius / length)) if length > 0.0 else -axes @ step)
