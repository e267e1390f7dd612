"""Log-densities of measurements, and their derivatives by what was expected and by the scale of the noise.

Source: PEtab version 1, https://petab.readthedocs.io (noise distributions).
"""

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.problem import Distribution, Scale

Array = NDArray[np.float64]


def log_density(
    values: Array, expected: Array, sigma: Array, scale: Scale, distribution: Distribution
) -> tuple[Array, Array, Array]:
    """Give the logarithm of the density of measurements.

    Parameters
    ----------
    values
        Measurements, linear; any shape.
    expected, sigma
        What was expected, linear, and the scale of the noise on the observable's scale: standard deviation, or the scale
        parameter of a Laplace distribution.
    scale
        On which the noise is added.
    distribution
        Of the noise.

    Returns
    -------
    array, array, array
        Log-density, its derivative by ``expected``, its derivative by ``sigma``. NaN where a scale is not above zero, or a
        logarithm has no value.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        seen, wanted, inner, jacobian = _on_scale(values, expected, scale)
        z = (seen - wanted) / sigma
        if distribution == "normal":
            density = -0.5 * np.log(2.0 * np.pi * sigma**2) - 0.5 * z**2
            by_wanted, by_sigma = z / sigma, (z**2 - 1.0) / sigma
        else:
            density = -np.log(2.0 * sigma) - np.abs(z)
            by_wanted, by_sigma = np.sign(z) / sigma, (np.abs(z) - 1.0) / sigma
        density = np.where(sigma > 0.0, density - jacobian, np.nan)
    return density, by_wanted * inner, by_sigma


def information(expected: Array, sigma: Array, scale: Scale, distribution: Distribution) -> tuple[Array, Array]:
    """Give the Fisher information of a measurement about what was expected, linear, and about the scale of the noise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        _, _, inner, _ = _on_scale(expected, expected, scale)
        return (inner / sigma) ** 2, (2.0 if distribution == "normal" else 1.0) / sigma**2


def residual(values: Array, expected: Array, sigma: Array, scale: Scale) -> Array:
    """Give normalised differences: measured minus expected, on the observable's scale, over the scale of the noise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        seen, wanted, _, _ = _on_scale(values, expected, scale)
        return np.asarray((seen - wanted) / sigma)


def draw_measurements(
    expected: Array, sigma: Array, scale: Scale, distribution: Distribution, random: np.random.Generator
) -> Array:
    """Give measurements, linear, as they may come out; NaN where there is no noise scale above zero."""
    shape = expected.shape
    drawn = random.normal(size=shape) if distribution == "normal" else random.laplace(size=shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _, wanted, _, _ = _on_scale(expected, expected, scale)
        seen = np.where(sigma > 0.0, wanted + sigma * drawn, np.nan)
        return seen if scale == "lin" else np.asarray(np.exp(seen if scale == "log" else np.log(10.0) * seen))


def _on_scale(values: Array, expected: Array, scale: Scale) -> tuple[Array, Array, Array, Array]:
    """Measurement and expectation on the scale, the derivative of the latter, and the logarithm of d measurement/d scaled."""
    if scale == "lin":
        return values, expected, np.ones_like(expected), np.zeros_like(values)
    logs, factor = np.log(values), 1.0 if scale == "log" else np.log(10.0)
    return logs / factor, np.log(expected) / factor, 1.0 / (expected * factor), logs + np.log(factor)
