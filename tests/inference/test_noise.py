from typing import get_args

import numpy as np
import pytest
from scipy.integrate import quad

from hepatica.inference.noise import log_density, residual
from hepatica.inference.problem import Distribution, Scale

KINDS = [(scale, distribution) for scale in get_args(Scale) for distribution in get_args(Distribution)]


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_densities_integrate_to_one(scale: Scale, distribution: Distribution) -> None:
    def density(x: float) -> float:
        return float(np.exp(log_density(np.array(x), np.array(1.7), np.array(0.3), scale, distribution)[0]))

    low, high = (-np.inf, 1.7) if scale == "lin" else (0.0, 1.7)
    total = quad(density, low, 1.7)[0] + quad(density, high, np.inf)[0]
    assert total == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_derivatives_equal_differences(scale: Scale, distribution: Distribution) -> None:
    values, expected, sigma, h = np.array([0.9, 2.0]), np.array([1.4, 1.1]), np.array([0.3, 0.8]), 1e-6
    _, by_expected, by_sigma = log_density(values, expected, sigma, scale, distribution)

    def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        up = log_density(values, expected + a, sigma + b, scale, distribution)[0]
        return np.asarray((up - log_density(values, expected - a, sigma - b, scale, distribution)[0]) / (2 * h))

    assert by_expected == pytest.approx(difference(np.full(2, h), np.zeros(2)), rel=1e-7)
    assert by_sigma == pytest.approx(difference(np.zeros(2), np.full(2, h)), rel=1e-7)


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_noise_that_is_not_above_zero_has_no_density(scale: Scale, distribution: Distribution) -> None:
    density, _, _ = log_density(np.ones(3), np.ones(3), np.array([0.0, -1.0, np.nan]), scale, distribution)
    assert np.isnan(density).all()


@pytest.mark.parametrize("scale", ["log", "log10"])
def test_what_has_no_logarithm_has_no_density(scale: Scale) -> None:
    density, _, _ = log_density(np.array([-1.0, 1.0]), np.array([1.0, -1.0]), np.ones(2), scale, "normal")
    assert np.isnan(density).all()


def test_residuals_are_on_the_scale() -> None:
    values, expected, sigma = np.array([100.0]), np.array([1.0]), np.array([0.5])
    assert residual(values, expected, sigma, "lin") == pytest.approx([198.0])
    assert residual(values, expected, sigma, "log10") == pytest.approx([4.0])
    assert residual(values, expected, sigma, "log") == pytest.approx([2.0 * np.log(100.0)])
