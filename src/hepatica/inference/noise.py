"""Log-densities of measurements, and their derivatives by what was expected and by the scale of the noise.

Source: PEtab version 1, https://petab.readthedocs.io (noise distributions). Of a censored measurement it is the logarithm of the
probability that a value within its bounds is measured (J. Tobin, Econometrica 1958;26:24-36).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

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


def log_probability(
    low: Array, high: Array, expected: Array, sigma: Array, scale: Scale, distribution: Distribution
) -> tuple[Array, Array, Array]:
    """Give the logarithm of the probability that a value between two bounds is measured.

    Parameters
    ----------
    low, high
        The bounds, linear; minus or plus infinity without one.
    expected, sigma, scale, distribution
        As for :func:`log_density`.

    Returns
    -------
    array, array, array
        Logarithm, its derivative by ``expected``, its derivative by ``sigma``; NaN as for :func:`log_density`, and where an upper
        bound has no logarithm.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inner = _on_scale(high, expected, scale)[2]
        a, b = _bounds(low, high, expected, sigma, scale)
        value, at_a, at_b = _between(a, b, distribution)
        value = np.where(sigma > 0.0, value, np.nan)
        return value, (at_a - at_b) / sigma * inner, (_moment(a, at_a) - _moment(b, at_b)) / sigma


def information(expected: Array, sigma: Array, scale: Scale, distribution: Distribution) -> tuple[Array, Array]:
    """Give the Fisher information of a measurement about what was expected, linear, and about the scale of the noise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        _, _, inner, _ = _on_scale(expected, expected, scale)
        return (inner / sigma) ** 2, (2.0 if distribution == "normal" else 1.0) / sigma**2


def information_between(
    low: Array, high: Array, expected: Array, sigma: Array, scale: Scale, distribution: Distribution
) -> tuple[Array, Array]:
    """Give information of a censored measurement as :func:`information` does; never below zero, nor above that of a value.

    About what was expected it is minus the second derivative for normal noise, where it says how a step changes the slope, and the
    square of the slope for Laplace noise, whose tails have none; about the scale of the noise, the square of the slope.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inner = _on_scale(high, expected, scale)[2]
        a, b = _bounds(low, high, expected, sigma, scale)
        _, at_a, at_b = _between(a, b, distribution)
        slope, spread = at_a - at_b, _moment(a, at_a) - _moment(b, at_b)
        known = slope**2 - spread if distribution == "normal" else slope**2
        most = 2.0 if distribution == "normal" else 1.0
        return np.clip(known, 0.0, 1.0) * (inner / sigma) ** 2, np.minimum(spread**2, most) / sigma**2


def residual(values: Array, expected: Array, sigma: Array, scale: Scale) -> Array:
    """Give normalised differences: measured minus expected, on the observable's scale, over the scale of the noise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        seen, wanted, _, _ = _on_scale(values, expected, scale)
        return np.asarray((seen - wanted) / sigma)


def residual_between(low: Array, high: Array, expected: Array, sigma: Array, scale: Scale) -> Array:
    """Give normalised differences from the bound that is crossed; zero between bounds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = _bounds(low, high, expected, sigma, scale)
        return np.maximum(a, 0.0) + np.minimum(b, 0.0)


def _bounds(low: Array, high: Array, expected: Array, sigma: Array, scale: Scale) -> tuple[Array, Array]:
    """Bounds as normalised differences from what was expected; on a logarithmic scale all is above zero."""
    low = low if scale == "lin" else np.maximum(low, 0.0)
    (a, wanted, _, _), (b, _, _, _) = _on_scale(low, expected, scale), _on_scale(high, expected, scale)
    return (a - wanted) / sigma, (b - wanted) / sigma


def _between(a: Array, b: Array, distribution: Distribution) -> tuple[Array, Array, Array]:
    """Logarithm of the probability of a normalised value between a and b, and the densities at a and at b over it."""
    flip = a > -b  # seen from the tail that is nearer, where no digit is lost
    low, high = np.where(flip, -b, a), np.where(flip, -a, b)
    (below, before), (above, after) = _tail(low, distribution), _tail(high, distribution)
    gap = below - above
    part = -np.expm1(gap)
    at_low, at_high = before * np.exp(gap) / part, after / part
    return above + np.log(part), np.where(flip, at_high, at_low), np.where(flip, at_low, at_high)


def _tail(x: Array, distribution: Distribution) -> tuple[Array, Array]:
    """Logarithm of the probability of a normalised value at or below x, and the density at x over that probability."""
    if distribution == "normal":
        return log_ndtr(x), np.where(np.isneginf(x), 0.0, np.sqrt(2.0 / np.pi) / erfcx(-x / np.sqrt(2.0)))
    half = 0.5 * np.exp(-np.abs(x))
    return np.where(x < 0.0, x - np.log(2.0), np.log1p(-half)), np.where(
        x < 0.0, 1.0 - np.isneginf(x), half / (1.0 - half)
    )


def _moment(x: Array, density: Array) -> Array:
    return np.where(np.isinf(x), 0.0, x * density)


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
