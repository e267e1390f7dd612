import numpy as np
import petab.v1.priors
import pytest
from scipy.integrate import quad

from hepatica.inference import Estimate, log_prior
from hepatica.inference.petab_v1 import _PRIORS as V1
from hepatica.inference.prior import FAMILIES, draw_between
from hepatica.inference.problem import Prior, Scale, to_scale

ARGUMENTS = {
    "uniform": (0.5, 4.0), "normal": (1.0, 0.7), "laplace": (1.2, 0.5), "log-uniform": (0.5, 4.0), "log-normal": (0.3, 0.6),
    "log-laplace": (0.2, 0.4), "cauchy": (1.0, 0.5), "chisquare": (3.0,), "exponential": (1.5,), "gamma": (2.0, 0.7),
    "rayleigh": (1.3,),
}  # fmt: skip


def at(estimate: Estimate, points: list[float]) -> tuple[np.ndarray, np.ndarray]:
    factor = {"lin": 0.0, "log": 1.0, "log10": np.log(10.0)}[estimate.scale]
    x = np.array(points)[:, None]
    value, gradient, _ = log_prior(x, np.exp(factor * x) if factor else x, np.array([factor]), [estimate])
    return value, gradient[:, 0]


def test_there_is_an_example_of_each() -> None:
    assert ARGUMENTS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_truncated_prior_integrates_to_one_between_the_bounds(kind: str) -> None:
    prior = Prior(distribution=kind, arguments=ARGUMENTS[kind], truncated=True)  # type: ignore[arg-type]
    estimate = Estimate(id="k1", lower=0.6, upper=3.0, prior=prior)
    total = quad(lambda x: float(np.exp(at(estimate, [x])[0][0])), 0.6, 3.0, points=[1.0, 1.2, np.exp(0.2)])[0]
    assert total == pytest.approx(1.0, abs=1e-8)
    assert at(estimate, [0.5, 3.1])[0].tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
@pytest.mark.parametrize("truncated", [True, False])
def test_derivatives_equal_differences(kind: str, scale: Scale, *, truncated: bool) -> None:
    prior = Prior(distribution=kind, arguments=ARGUMENTS[kind], truncated=truncated)  # type: ignore[arg-type]
    estimate = Estimate(id="k1", scale=scale, lower=0.3, upper=9.0, prior=prior)
    x = {"lin": 1.7, "log": np.log(1.7), "log10": np.log10(1.7)}[scale]
    up, down = at(estimate, [x + 1e-5, x - 1e-5])[0]
    assert at(estimate, [x])[1][0] == pytest.approx((up - down) / 2e-5, rel=1e-7, abs=1e-8)


def test_priors_on_the_scale() -> None:
    prior = Prior(distribution="normal", arguments=(0.5, 2.0), on_scale=True)
    value, slope = at(Estimate(id="k1", scale="log10", prior=prior), [1.5])
    assert value[0] == pytest.approx(-0.5 * 0.25 - np.log(2.0 * np.sqrt(2.0 * np.pi)))
    assert slope[0] == pytest.approx(-0.25)


def test_without_a_prior_nothing_is_added() -> None:
    value, slope = at(Estimate(id="k1"), [1.5])
    assert (value.tolist(), slope.tolist()) == ([0.0], [0.0])


@pytest.mark.parametrize("kind", V1)
@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
def test_starts_are_drawn_as_petabs_library_draws_them(kind: str, scale: Scale) -> None:
    arguments, (distribution, on_scale) = (0.4, 0.9), V1[kind]
    prior = Prior(distribution=distribution, arguments=arguments, on_scale=on_scale)  # type: ignore[arg-type]
    estimate = Estimate(id="k1", scale=scale, lower=0.6, upper=3.0, start_prior=prior)
    lower, upper = (np.array([to_scale(x, scale)]) for x in (0.6, 3.0))
    theirs = petab.v1.priors.Prior(kind, arguments, bounds=(0.6, 3.0), transformation=scale).distribution
    for u in (0.0, 0.1, 0.5, 0.9, 1.0):
        (got,) = draw_between(lower, upper, np.array([u]), [estimate])
        assert got == pytest.approx(to_scale(float(theirs.ppf(u)), scale), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_starts_stay_between_the_bounds(kind: str) -> None:
    prior = Prior(distribution=kind, arguments=ARGUMENTS[kind])  # type: ignore[arg-type]
    for low, high in ((1e-3, 1e3), (90.0, 91.0), (1e-9, 1e-8)):
        estimate = Estimate(id="k1", scale="log10", lower=low, upper=high, start_prior=prior)
        for u in (0.0, 0.3, 1.0):
            (got,) = draw_between(np.log10([low]), np.log10([high]), np.array([u]), [estimate])
            assert np.log10(low) <= got <= np.log10(high)


def test_starts_in_a_far_tail_are_spread_over_it() -> None:
    prior = Prior(distribution="normal", arguments=(0.0, 1.0))
    estimate = Estimate(id="k1", lower=20.0, upper=21.0, start_prior=prior)
    points = [draw_between(np.array([20.0]), np.array([21.0]), np.array([u]), [estimate])[0] for u in (0.1, 0.5, 0.9)]
    assert 20.0 < points[0] < points[1] < points[2] < 20.3


def test_without_a_prior_of_starts_they_are_uniform() -> None:
    got = draw_between(
        np.array([1.0, -2.0]), np.array([3.0, 2.0]), np.array([0.25, 0.5]), [Estimate(id="a"), Estimate(id="b")]
    )
    assert got.tolist() == [1.5, 0.0]
