"""Densities of estimated parameters, as the optimizer sees them.

Source: PEtab version 1, https://petab.readthedocs.io (objective priors): a prior is a density of the parameter on its scale or of its
linear value, with no factor for the change of variable.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.problem import Estimate

Array = NDArray[np.float64]


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
        if estimate.prior is None:
            continue
        prior = estimate.prior
        x = points[:, k] if prior.on_scale else linear[:, k]
        inner = np.ones(len(x)) if prior.on_scale or factors[k] == 0.0 else factors[k] * x
        value, slope = _density(x, prior.distribution, *prior.arguments)
        total += value
        gradient[:, k] = slope * inner
        if prior.distribution != "uniform":
            spread = prior.arguments[1] * (np.abs(x) if prior.distribution.startswith("log-") else 1.0)
            known[:, k] = (inner / spread) ** 2
    return total, gradient, known


def _density(x: Array, distribution: str, a: float, b: float) -> tuple[Array, Array]:
    if distribution == "uniform":
        inside = (x >= a) & (x <= b)
        return np.where(inside, -np.log(b - a), -np.inf), np.zeros_like(x)
    if distribution.startswith("log-"):
        with np.errstate(divide="ignore", invalid="ignore"):
            value, slope = _density(np.log(x), distribution.removeprefix("log-"), a, b)
            return np.where(x > 0.0, value - np.log(x), -np.inf), (slope - 1.0) / x
    z = (x - a) / b
    if distribution == "normal":
        return -0.5 * z**2 - np.log(b) - 0.5 * np.log(2.0 * np.pi), -z / b
    return -np.abs(z) - np.log(2.0 * b), -np.sign(z) / b
