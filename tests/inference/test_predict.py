from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hepatica.inference import Likelihood, bands, predict, predictive_checks, sample
from hepatica.inference.noise import draw_measurements, log_density
from hepatica.inference.problem import Problem
from hepatica.inference.sample import points_of
from tests.inference.problems import TIMES, decaying


@pytest.fixture(scope="module")
def sampled() -> tuple[Problem, xr.DataTree]:
    problem = decaying(rates=(0.5,) * 8)
    return problem, sample(problem, draws=600, chains=2, particles=150)


def test_noise_has_the_density_that_measurements_have() -> None:
    random, expected = np.random.default_rng(1), np.full(4000, 2.0)
    for scale in ("lin", "log", "log10"):
        for distribution in ("normal", "laplace"):
            seen = draw_measurements(expected, np.full(4000, 0.1), scale, distribution, random)  # type: ignore[arg-type]
            grid = np.linspace(0.2, 6.0, 40_001)
            density = np.exp(
                log_density(grid, np.full_like(grid, 2.0), np.full_like(grid, 0.1), scale, distribution)[0]
            )  # type: ignore[arg-type]
            whole = np.cumsum(density) * (grid[1] - grid[0])
            assert stats.kstest(seen, lambda x, g=grid, w=whole: np.interp(x, g, w)).pvalue > 1e-3
    assert np.isnan(draw_measurements(expected[:2], np.array([0.0, -1.0]), "lin", "normal", random)).all()


def test_predictions_are_expectations_and_measurements(sampled: tuple[Problem, xr.DataTree]) -> None:
    problem, tree = sampled
    with_them = predict(problem, tree)
    group = with_them["posterior_predictive"]
    expected, _ = Likelihood(problem).simulate(points_of(problem, tree)[0])
    np.testing.assert_allclose(group["expected"].values[0], expected, rtol=1e-5, atol=1e-6)
    noise = group["measurement"].values - group["expected"].values
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    xr.testing.assert_identical(with_them, predict(problem, tree, threads=2))
    xr.testing.assert_identical(with_them["posterior"], tree["posterior"])
    band = bands(with_them, 0.9)
    assert ((band["lower"] < band["expected_lower"]) & (band["upper"] > band["expected_upper"])).all()
    np.testing.assert_array_equal(band["time"], problem.times)


def test_measurements_of_the_model_pass_and_others_are_noticed(sampled: tuple[Problem, xr.DataTree]) -> None:
    problem, tree = sampled
    fine = predictive_checks(problem, predict(problem, tree))
    assert 0.02 < float(fine["p_value"][0]) < 0.98
    assert float(fine["inside"].sel(level=0.9)[0]) == pytest.approx(0.9, abs=0.15)
    assert fine["measurements"].values.tolist() == [len(TIMES) * 8]
    shifted = replace(problem, values=problem.values + 0.3)
    wrong = predictive_checks(shifted, predict(shifted, tree))
    assert float(wrong["p_value"][0]) < 0.01
    assert float(wrong["p_mean"][0]) < 0.01
    assert float(wrong["inside"].sel(level=0.5)[0]) < 0.3


def test_censored_measurements_are_predicted_and_not_checked(sampled: tuple[Problem, xr.DataTree]) -> None:
    problem, tree = sampled
    censored = replace(problem, censored=np.where(problem.times > 3.0, -1, 0).astype(np.int8))
    checks = predictive_checks(censored, predict(censored, tree))
    assert checks["measurements"].values.tolist() == [int((problem.times <= 3.0).sum())]
    assert np.isfinite(checks["p_value"]).all()
    nothing = replace(problem, censored=np.ones(len(problem.values), np.int8))
    assert np.isnan(predictive_checks(nothing, predict(nothing, tree))["p_value"]).all()
