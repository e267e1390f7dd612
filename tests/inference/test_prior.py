import numpy as np
import pytest
from scipy.integrate import quad

from hepatica.inference import Estimate, log_prior
from hepatica.inference.prior import FAMILIES
from hepatica.inference.problem import Prior, Scale

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
