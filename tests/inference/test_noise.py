from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from hepatica.inference.noise import (
    information,
    information_between,
    log_density,
    log_probability,
    residual,
    residual_between,
)
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


BOUNDS = np.array([[0.9, np.inf], [-np.inf, 0.9], [0.9, 2.0], [1.5, 1.6], [3.0, np.inf], [-np.inf, 0.2], [2.5, 2.6]])


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_probabilities_are_integrals_of_the_density(scale: Scale, distribution: Distribution) -> None:
    def density(x: float) -> float:
        return float(np.exp(log_density(np.array(x), np.array(1.4), np.array(0.3), scale, distribution)[0]))

    for low, high in BOUNDS:
        first = low if scale == "lin" else max(low, 0.0)
        cuts = [first, *(x for x in (0.5, 1.4, 5.0) if first < x < high), high]
        total = sum(quad(density, a, b, epsabs=1e-13)[0] for a, b in pairwise(cuts))
        value = log_probability(np.array(low), np.array(high), np.array(1.4), np.array(0.3), scale, distribution)[0]
        assert np.exp(value) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_derivatives_of_probabilities_equal_differences(scale: Scale, distribution: Distribution) -> None:
    expected, sigma, h = np.full(len(BOUNDS), 1.4), np.full(len(BOUNDS), 0.4), 1e-6
    low, high = BOUNDS.T
    _, by_expected, by_sigma = log_probability(low, high, expected, sigma, scale, distribution)

    def difference(a: float, b: float) -> np.ndarray:
        up = log_probability(low, high, expected + a, sigma + b, scale, distribution)[0]
        return np.asarray((up - log_probability(low, high, expected - a, sigma - b, scale, distribution)[0]) / (2 * h))

    assert by_expected == pytest.approx(difference(h, 0.0), rel=1e-6, abs=1e-9)
    assert by_sigma == pytest.approx(difference(0.0, h), rel=1e-6, abs=1e-9)


def test_tails_lose_no_digits() -> None:
    far, one = np.array([-1e6, -300.0, -30.0, -2.0, 0.0, 2.0, 30.0, 300.0]), np.ones(8)
    none = np.full(8, np.inf)
    above, slope, _ = log_probability(np.zeros(8), none, far, one, "lin", "normal")
    below, back, _ = log_probability(-none, np.zeros(8), -far, one, "lin", "normal")
    np.testing.assert_allclose(above, stats.norm.logcdf(far), rtol=1e-12)
    np.testing.assert_array_equal(above, below)
    np.testing.assert_array_equal(slope, -back)
    np.testing.assert_allclose(slope[:2], [1e6, 300.0 + 1 / 300.0], rtol=1e-9)
    assert slope[-1] == 0.0
    inside, _, _ = log_probability(np.array(40.0), np.array(41.0), np.array(0.0), np.array(1.0), "lin", "normal")
    assert inside == pytest.approx(stats.norm.logsf(40.0), rel=1e-12)


@pytest.mark.parametrize(("scale", "distribution"), KINDS)
def test_a_censored_measurement_informs_no_more_than_a_value(scale: Scale, distribution: Distribution) -> None:
    expected, sigma = np.geomspace(1e-3, 1e3, 61), np.full(61, 0.3)
    most = information(expected, sigma, scale, distribution)
    for low, high in BOUNDS:
        pair = np.full(61, low), np.full(61, high)
        for known, full in zip(information_between(*pair, expected, sigma, scale, distribution), most, strict=True):
            assert (known >= 0.0).all()
            assert (known <= full * (1 + 1e-12)).all()
    h, m = 1e-5, np.array(1.4)
    pair = np.array(2.0), np.array(np.inf)
    slopes = [log_probability(*pair, m + s * h, np.array(0.4), "lin", "normal")[1] for s in (1, -1)]
    assert information_between(*pair, m, np.array(0.4), "lin", "normal")[0] == pytest.approx(
        (slopes[1] - slopes[0]) / (2 * h)
    )


def test_residuals_of_censored_measurements_count_what_is_crossed() -> None:
    low, high = np.array([1.0, -np.inf, 1.0, 1.0, 1.0]), np.array([np.inf, 1.0, 2.0, 2.0, np.inf])
    expected = np.array([0.5, 3.0, 3.0, 1.5, 4.0])
    assert residual_between(low, high, expected, np.full(5, 0.5), "lin").tolist() == [1.0, -4.0, -2.0, 0.0, 0.0]


@pytest.mark.parametrize("scale", ["log", "log10"])
def test_nothing_is_below_zero_on_a_logarithmic_scale(scale: Scale) -> None:
    one = np.ones(2)
    value, _, _ = log_probability(np.full(2, -np.inf), np.array([0.0, -1.0]), one, one, scale, "normal")
    assert np.isnan(value).all()
    whole = log_probability(np.array(-1.0), np.array(2.0), np.array(1.0), np.array(1.0), scale, "normal")[0]
    assert whole == log_probability(np.array(0.0), np.array(2.0), np.array(1.0), np.array(1.0), scale, "normal")[0]
