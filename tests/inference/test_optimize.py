from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize_scalar

from hepatica.errors import InputError
from hepatica.inference import Estimate, Journal, Likelihood
from hepatica.inference.fitting import describe_fit
from hepatica.inference.optimize import Posterior, bounds_of, fit, fit_header, starting_point
from hepatica.inference.problem import Prior
from tests.inference.problems import TIMES, decaying


def test_the_best_rate_is_that_of_least_squares() -> None:
    problem = decaying()
    found = fit(problem, starts=8, seed=3)
    want = minimize_scalar(
        lambda x: float(np.sum((problem.values - 2.0 * np.exp(-(10.0**x) * TIMES)) ** 2)), bracket=(-1.0, 0.0)
    ).x
    assert found["x"].values[0, 0] == pytest.approx(want, abs=1e-5)
    assert found["objective"].values[0] == pytest.approx(-Likelihood(problem)(found["x"].values[:1])[0], rel=1e-12)
    assert (np.diff(found["objective"].values) >= 0.0).all()
    assert found["message"].values[0].startswith("converged")
    assert sorted(found["start"].values) == list(range(8))


def test_noise_is_estimated_too() -> None:
    problem = decaying(sigma=None)
    found = fit(problem, starts=8)
    k, sd = 10.0 ** found["x"].values[0, 0], np.exp(found["x"].values[0, 1])
    assert sd == pytest.approx(np.sqrt(np.mean((problem.values - 2.0 * np.exp(-k * TIMES)) ** 2)), rel=1e-4)


def test_a_start_depends_on_nothing_but_the_seed_and_its_number() -> None:
    problem = decaying(sigma=None)
    many, few, alone = (fit(problem, starts=s, at_once=a) for s, a in ((6, 64), (3, 64), (6, 1)))
    for name in ("objective", "x", "evaluations", "gradient"):
        np.testing.assert_array_equal(many[name].sel(start=alone["start"].values), alone[name])
        np.testing.assert_array_equal(many[name].sel(start=few["start"].values), few[name])
    lower, upper = bounds_of(problem)
    points = [starting_point(lower, upper, 1, s, a) for s in range(3) for a in range(2)]
    assert len({p.tobytes() for p in points}) == 6
    assert all(((p >= lower) & (p <= upper)).all() for p in points)


def test_starts_are_drawn_from_their_prior() -> None:
    prior = Prior(distribution="normal", arguments=(-0.3, 1e-3), on_scale=True)
    k = Estimate(id="k", scale="log10", lower=1e-3, upper=1e3, nominal=0.5, start_prior=prior)
    found = fit(decaying(k=k), starts=4)
    assert np.abs(found["first"].values + 0.3).max() < 0.01
    assert len(np.unique(found["first"].values)) == 4


@pytest.mark.parametrize("distribution", ["normal", "laplace", "log-normal", "log-laplace"])
@pytest.mark.parametrize("on_scale", [True, False])
def test_a_prior_draws_the_estimate_and_its_gradient_is_right(distribution: str, on_scale: bool) -> None:
    scale = "lin" if on_scale and distribution.startswith("log-") else "log10"
    centre = {"normal": -1.0, "laplace": -1.0}.get(distribution, np.log(0.1)) if on_scale else 0.1
    prior = Prior(distribution=distribution, arguments=(centre, 0.02), on_scale=on_scale)  # type: ignore[arg-type]
    k = Estimate(id="k", scale=scale, lower=1e-3, upper=1e3, nominal=0.5, prior=prior)  # type: ignore[arg-type]
    posterior = Posterior(Likelihood(decaying(k=k)))
    x = np.array([[0.3 if scale == "lin" else -0.5]])
    value, gradient, known = posterior(x)
    h = 1e-5
    left, right = posterior(x - h)[0], posterior(x + h)[0]
    assert gradient[0, 0] == pytest.approx((right - left)[0] / (2 * h), rel=1e-5)
    assert known[0, 0, 0] > Posterior(Likelihood(decaying(k=replace(k, prior=None))))(x)[2][0, 0, 0]
    assert np.isfinite(value).all()


def test_a_uniform_prior_rules_out_what_is_beyond() -> None:
    k = Estimate(
        id="k",
        lower=0.01,
        upper=10.0,
        nominal=0.5,
        prior=Prior(distribution="uniform", arguments=(0.2, 0.6), on_scale=False),
    )
    value, gradient, _ = Posterior(Likelihood(decaying(k=k)))(np.array([[0.3], [0.7]]))
    plain, _, _ = Posterior(Likelihood(decaying(k=replace(k, prior=None))))(np.array([[0.3], [0.7]]))
    assert value[0] == pytest.approx(plain[0] + np.log(0.4))
    assert np.isnan(value[1])
    assert np.isnan(gradient[1]).all()


def test_a_parameter_at_its_bound_is_named() -> None:
    found = fit(decaying(k=Estimate(id="k", lower=0.8, upper=2.0, nominal=1.0)), starts=3)
    assert found["at_bound"].values[0, 0] == -1
    assert "at its lower bound: k" in describe_fit(found)


def test_what_cannot_be_simulated_is_said_and_not_counted() -> None:
    problem = decaying(k=Estimate(id="k", lower=-1e6, upper=-9e5, nominal=-1e6))
    found = fit(problem, starts=2)
    assert np.isnan(found["objective"].values).all()
    assert found["message"].values[0].startswith("none of 20 starting points could be simulated; at the last point")
    assert describe_fit(found)[0].startswith("no start could be evaluated")


def test_bounds_must_be_finite_and_in_order() -> None:
    for estimate in (
        Estimate(id="k"),
        Estimate(id="k", scale="log", lower=0.0, upper=1.0),
        Estimate(id="k", lower=2.0, upper=1.0),
    ):
        with pytest.raises(InputError, match=r"^parameter 'k' has the bounds .* a fit needs finite ones, in order\.$"):
            fit(decaying(k=estimate), starts=1)
    with pytest.raises(InputError, match=r"^0 starts were asked for; expected one or more"):
        fit(decaying(), starts=0)


def test_a_fit_goes_on_from_its_journal_to_the_same_bits(tmp_path: Path) -> None:
    problem = decaying(sigma=None)
    header, plain = fit_header(problem, 1, 500, None), fit(problem, starts=5)

    def stopping(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Journal.open(tmp_path / "j", header) as journal:
        fit(problem, starts=5, journal=journal, progress=stopping)
    with Journal.open(tmp_path / "j", header, resume=True) as journal:
        before = sum(journal.count(s) for s in journal.streams())
        assert before > 0
        resumed = fit(problem, starts=5, journal=journal)
        total = sum(journal.count(s) for s in journal.streams())
    xr.testing.assert_identical(resumed, plain)
    assert total == int(plain["evaluations"].sum())
    with Journal.open(tmp_path / "j", header, resume=True) as journal:
        more = fit(problem, starts=7, journal=journal)
    np.testing.assert_array_equal(more["x"].sel(start=plain["start"].values), plain["x"])
    other = decaying(sigma=0.2)
    with pytest.raises(InputError, match="problem"):
        Journal.open(tmp_path / "j", fit_header(other, 1, 500, None), resume=True)
