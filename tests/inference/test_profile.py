from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import chi2

from hepatica.errors import InputError
from hepatica.inference import Estimate, Journal, Likelihood, Problem, profile
from hepatica.inference.problem import Prior
from hepatica.inference.profile import crossings, profile_header
from tests.inference.cases import problem
from tests.inference.problems import decaying

READ = [(0, 0, t) for t in (0.0, 0.5, 1.0, 2.0, 3.0)]


def bounded(made: Problem, **bounds: tuple[float, float]) -> Problem:
    """The same problem with bounds, and values that scatter."""
    parameters = tuple(replace(p, lower=bounds[p.id][0], upper=bounds[p.id][1]) for p in made.parameters)
    return replace(made, parameters=parameters, values=np.array([2.3, 1.9, 1.2, 1.4, 1.0]))


def line() -> Problem:
    """Expectations are linear in a and b."""
    made = problem(estimates={"a": (1.0, "lin"), "b": (1.0, "lin")}, formulas=[("a + b*A", "0.3")], read=READ)
    return bounded(made, a=(-50.0, 50.0), b=(-50.0, 50.0))


def product(scale: str = "log10") -> Problem:
    made = problem(estimates={"a": (1.0, scale), "b": (1.0, scale)}, formulas=[("a*b*A", "0.3")], read=READ)
    return bounded(made, a=(1e-2, 1e2), b=(1e-2, 1e2))


def test_intervals_of_a_linear_model_are_exact() -> None:
    found = profile(line(), np.array([3.0, -2.0]))
    reading = Likelihood(line()).simulate(np.array([[0.0, 1.0]]))[0][0]
    design = np.column_stack([np.ones(5), reading]) / 0.3
    covariance = np.linalg.inv(design.T @ design)
    best = covariance @ design.T @ (line().values / 0.3)
    np.testing.assert_allclose(found["optimum"], best, rtol=1e-4, atol=1e-4)
    for k, level in enumerate((0.68, 0.95)):
        half = np.sqrt(chi2.ppf(level, 1) * np.diag(covariance))
        np.testing.assert_allclose(found["lower"][:, k], best - half, atol=2e-3 * half.max())
        np.testing.assert_allclose(found["upper"][:, k], best + half, atol=2e-3 * half.max())
    points = found["value"].notnull().sum("point").values
    assert ((points >= 2 * 8) & (points <= 2 * 16)).all()
    assert (found["end"] == "threshold").all()
    slope = np.polyfit(found["value"][0], found["x"][0, :, 1], 1)[0]  # what b does while a moves
    assert slope == pytest.approx(covariance[0, 1] / covariance[0, 0], rel=1e-2)
    assert found.attrs["better"].startswith("the profiles found a better optimum")


def test_of_a_product_neither_factor_has_an_interval() -> None:
    found = profile(product(), np.array([0.1, 0.0]))
    assert np.isnan(found["lower"].values).all()
    assert np.isnan(found["upper"].values).all()
    assert (found["end"] == "bound").all()
    x = found["x"].values[0]
    inside = np.isfinite(x).all(axis=1) & (np.abs(x) < 1.99).all(axis=1)
    assert np.ptp(x[inside].sum(axis=1)) < 1e-3
    assert found["value"].values[0, [0]] == pytest.approx(-2.0, abs=1e-6)
    assert np.nanmax(found["value"].values[0]) == pytest.approx(2.0, abs=1e-6)


def test_a_profile_of_one_parameter_is_its_likelihood() -> None:
    made = decaying()
    found = profile(made, np.array([np.log10(0.5)]))
    likelihood = Likelihood(made)
    best = float(found["optimum"][0])
    top = likelihood(np.array([[best]]))[0]

    def beyond(x: float) -> float:
        return float(2.0 * (top - likelihood(np.array([[x]]))[0]) - chi2.ppf(0.95, 1))

    assert float(found["lower"][0, 1]) == pytest.approx(brentq(beyond, best - 1.0, best), abs=5e-4)
    assert float(found["upper"][0, 1]) == pytest.approx(brentq(beyond, best, best + 1.0), abs=5e-4)


def test_an_optimum_at_a_bound_has_one_side() -> None:
    made = decaying(k=Estimate(id="k", scale="log10", lower=0.8, upper=10.0, nominal=1.0))
    found = profile(made, np.array([0.5]))
    assert float(found["optimum"][0]) == pytest.approx(np.log10(0.8), abs=1e-5)
    assert found["end"].values[0, 0] == "bound"
    assert np.isnan(found["lower"].values[0]).all()
    assert np.isfinite(found["upper"].values[0]).all()


def test_a_prior_closes_a_profile() -> None:
    made = product()
    prior = Prior(distribution="normal", arguments=(0.0, 0.1), on_scale=True)
    made = replace(made, parameters=(replace(made.parameters[0], prior=prior), made.parameters[1]))
    found = profile(made, np.array([0.0, 0.0]), parameters=["a"])
    assert found["parameter"].values.tolist() == ["a"]
    assert found["other"].values.tolist() == ["a", "b"]
    half = 0.1 * np.sqrt(chi2.ppf(0.95, 1))
    np.testing.assert_allclose([found["lower"][0, 1], found["upper"][0, 1]], [-half, half], atol=1e-3)


def test_neither_company_nor_threads_change_a_bit() -> None:
    made = decaying((0.5, 0.2), sigma=None)
    start = np.array([-0.3, -2.0])
    plain = profile(made, start)
    xr.testing.assert_identical(profile(made, start, at_once=1), plain)
    xr.testing.assert_identical(profile(made, start, threads=2), plain)
    alone = profile(made, start, parameters=["sd"])
    points = alone.sizes["point"]
    np.testing.assert_array_equal(alone["x"][0], plain["x"].sel(parameter="sd")[:points])


def test_profiles_go_on_from_their_journal_to_the_same_bits(tmp_path: Path) -> None:
    made, start = decaying(sigma=None), np.array([-0.3, -2.0])
    header = profile_header(made, start, None)
    plain = profile(made, start)

    def stopping(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Journal.open(tmp_path / "j", header) as journal:
        profile(made, start, journal=journal, progress=stopping)
    with Journal.open(tmp_path / "j", header, resume=True) as journal:
        before = {s: journal.count(s) for s in journal.streams()}
        xr.testing.assert_identical(profile(made, start, journal=journal), plain)
        after = {s: journal.count(s) for s in journal.streams()}
    assert sum(before.values()) > 10
    assert all(after[s] >= n for s, n in before.items())
    with pytest.raises(InputError, match="point"):
        Journal.open(tmp_path / "j", profile_header(made, start + 0.1, None), resume=True)


def test_crossings_are_the_outermost_and_open_sides_have_none() -> None:
    level = 0.95
    z = np.sqrt(chi2.ppf(level, 1))
    value = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    height = np.array([0.5, 1.2, 0.0, 1.2, 0.8, 1.5, 1.6]) * z
    low, high = crossings(value, height**2, 2, level)
    assert np.isnan(low)
    assert high == pytest.approx(2.0 + 0.2 / 0.7)


def test_what_cannot_be_profiled_is_said() -> None:
    made = decaying()
    with pytest.raises(
        InputError, match=r"^'kk' is no estimated parameter; profiles are of these\. Did you mean 'k'\?$"
    ):
        profile(made, np.zeros(1), parameters=["kk"])
    with pytest.raises(InputError, match=r"^no parameter was given to profile"):
        profile(made, np.zeros(1), parameters=[])
    with pytest.raises(InputError, match=r"^profiles begin at a point of 1 finite values"):
        profile(made, np.array([np.nan]))
    with pytest.raises(InputError, match=r"cannot be simulated; give another one\.$"):
        profile(decaying(k=Estimate(id="k", lower=-1e6, upper=-9e5, nominal=-1e6)), np.array([-1e6]))
    wrong = xr.Dataset({"x": (("start", "parameter"), [[0.0]])}, coords={"parameter": ["q"]})
    with pytest.raises(InputError, match=r"^the fit has other parameters than problem 'decay' estimates"):
        profile(made, wrong)
