"""Log-densities of priors, and their derivatives; draws of starting points.

Source: PEtab version 2, https://petab.readthedocs.io (prior distributions); in version 2 they are truncated at the bounds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hepatica.inference.problem import Estimate, Prior, to_scale

Array = NDArray[np.float64]
Slope = Callable[..., Array]

# the distribution of SciPy, and the derivative of its log-density at x
FAMILIES: Mapping[str, tuple[Callable[..., Any], Slope]] = {
    "uniform": (lambda a, b: stats.uniform(a, b - a), lambda x, a, b: np.zeros_like(x)),
    "normal": (stats.norm, lambda x, m, s: (m - x) / s**2),
    "laplace": (stats.laplace, lambda x, m, s: np.sign(m - x) / s),
    "log-uniform": (stats.loguniform, lambda x, a, b: -1.0 / x),
    "log-normal": (lambda m, s: stats.lognorm(s, scale=np.exp(m)), lambda x, m, s: ((m - np.log(x)) / s**2 - 1.0) / x),
    "log-laplace": (
        lambda m, s: stats.loglaplace(1.0 / s, scale=np.exp(m)), lambda x, m, s: (np.sign(m - np.log(x)) / s - 1.0) / x,
    ),
    "cauchy": (stats.cauchy, lambda x, m, s: 2.0 * (m - x) / (s**2 + (x - m) ** 2)),
    "chisquare": (stats.chi2, lambda x, n: (0.5 * n - 1.0) / x - 0.5),
    "exponential": (lambda s: stats.expon(scale=s), lambda x, s: np.full_like(x, -1.0 / s)),
    "gamma": (lambda a, s: stats.gamma(a, scale=s), lambda x, a, s: (a - 1.0) / x - 1.0 / s),
    "rayleigh": (lambda s: stats.rayleigh(scale=s), lambda x, s: 1.0 / x - x / s**2),
}  # fmt: skip

SPREAD = frozenset({"normal", "laplace", "log-normal", "log-laplace"})
"""Distributions whose second argument is a spread; of the others no information is counted."""


def log_prior(
    points: Array, linear: Array, factors: Array, estimates: Sequence[Estimate]
) -> tuple[Array, Array, Array]:
    """Give the logarithm of the prior density, its gradient, and what it adds to the Fisher information.

    Parameters
    ----------
    points, linear
        Parameters on their scales, and plain, shape (point, estimated).
    factors
        Natural logarithm of the base of each parameter's scale; zero on a linear one.
    estimates
        The parameters.

    Returns
    -------
    array, array, array
        Shapes (point,), (point, estimated) twice: of the information the diagonal, which is all of it. Minus infinity outside of a
        uniform prior's bounds.
    """
    total, gradient, known = np.zeros(len(points)), np.zeros_like(points), np.zeros_like(points)
    for k, estimate in enumerate(estimates):
        if (prior := estimate.prior) is None:
            continue
        x = np.ascontiguousarray(points[:, k] if prior.on_scale else linear[:, k])
        inner = np.ones(len(x)) if prior.on_scale or factors[k] == 0.0 else factors[k] * x
        value, slope = _density(x, prior, estimate)
        total += value
        gradient[:, k] = slope * inner
        if prior.distribution in SPREAD:
            spread = prior.arguments[1] * (np.abs(x) if prior.distribution.startswith("log-") else 1.0)
            known[:, k] = (inner / spread) ** 2
    return total, gradient, known


def draw_between(lower: Array, upper: Array, uniform: Array, estimates: Sequence[Estimate]) -> Array:
    """Turn uniform random numbers into a starting point.

    Parameters
    ----------
    lower, upper
        Bounds on the parameters' scales, shape (estimated,).
    uniform
        Random numbers from 0 to 1, shape (estimated,).
    estimates
        The parameters; those with a ``start_prior`` are drawn from it, truncated at the bounds, the others are uniform.

    Returns
    -------
    array
        Shape (estimated,), on the parameters' scales and between the bounds.
    """
    point = lower + (upper - lower) * uniform
    for k, estimate in enumerate(estimates):
        if (prior := estimate.start_prior) is None:
            continue
        ends = (lower[k], upper[k]) if prior.on_scale else (estimate.lower, estimate.upper)
        frozen = FAMILIES[prior.distribution][0](*prior.arguments)
        if frozen.cdf(ends[0]) < 0.5:
            low, high = frozen.cdf(ends)
            value = float(frozen.ppf(low + (high - low) * uniform[k]))
        else:  # the upper tail, where the distribution function is one up to rounding
            low, high = frozen.sf(ends)
            value = float(frozen.isf(low + (high - low) * uniform[k]))
        scaled = value if prior.on_scale else to_scale(value, estimate.scale)
        point[k] = np.clip(scaled, lower[k], upper[k])
    return np.asarray(point)


def _density(x: Array, prior: Prior, estimate: Estimate) -> tuple[Array, Array]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        make, slope = FAMILIES[prior.distribution]
        frozen = make(*prior.arguments)
        value = np.asarray(frozen.logpdf(x))
        if prior.truncated:
            lower, upper = estimate.lower, estimate.upper
            value = np.where(
                (x >= lower) & (x <= upper), value - np.log(frozen.cdf(upper) - frozen.cdf(lower)), -np.inf
            )
        by = slope(x, *prior.arguments)
    return value, np.where(np.isfinite(value), by, 0.0)
