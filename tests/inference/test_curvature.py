"""The Fisher information, and the gradient that comes with it."""

from dataclasses import replace

import numpy as np
import pytest

from hepatica.errors import InputError
from hepatica.inference import Likelihood, Problem
from hepatica.model import Apply, Number, Symbol
from hepatica.solver import Tolerances
from tests.inference.problems import decaying

TIGHT = Tolerances(rtol=1e-10)


def noisy(scale: str, distribution: str) -> Problem:
    """The noise grows with what is expected, and is estimated."""
    problem = decaying((0.5, 0.2), sigma=None)
    noise = Apply("+", (Number(0.05), Apply("*", (Symbol("sd"), Symbol("A")))))
    observable = replace(problem.observables[0], noise=noise, scale=scale, distribution=distribution)  # type: ignore[arg-type]
    return replace(problem, observables=(observable,), values=np.abs(problem.values) + 0.01)


@pytest.mark.parametrize("distribution", ["normal", "laplace"])
@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
def test_information_is_that_of_expectations_and_noise(scale: str, distribution: str) -> None:
    likelihood = Likelihood(noisy(scale, distribution), tolerances=TIGHT)
    x, h = np.array([[-0.4, -1.5]]), 1e-5
    value, gradient, known = likelihood.curvature(x)
    again, adjoint = likelihood.gradient(x)
    assert value[0] == pytest.approx(again[0], rel=1e-12)
    np.testing.assert_allclose(gradient, adjoint, rtol=1e-9)
    expected, sigma = likelihood.simulate(x)
    shifted = [[likelihood.simulate(x + s * h * e) for s in (1, -1)] for e in np.eye(2)]
    means = np.array([(a[0][0] - b[0][0]) / (2 * h) for a, b in shifted])
    noises = np.array([(a[1][0] - b[1][0]) / (2 * h) for a, b in shifted])
    inner = {"lin": 1.0, "log": 1.0 / expected[0], "log10": 1.0 / (expected[0] * np.log(10.0))}[scale]
    twice = 2.0 if distribution == "normal" else 1.0
    want = (means * (inner / sigma[0]) ** 2) @ means.T + twice * (noises / sigma[0] ** 2) @ noises.T
    np.testing.assert_allclose(known[0], want, rtol=1e-6)


def test_points_by_the_dozen_are_points_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood(noisy("lin", "normal"))
    points = np.random.default_rng(1).uniform([-1.0, -3.0], [0.5, 0.0], (12, 2))
    together = likelihood.curvature(points)
    monkeypatch.setattr("hepatica.inference.likelihood.MEMORY", 1)
    for many, few in zip(together, likelihood.curvature(points), strict=True):
        np.testing.assert_array_equal(many, few)


def test_information_of_groups_adds_up() -> None:
    likelihood = Likelihood(noisy("log", "normal"))
    point = np.array([-0.4, -1.5])
    groups = np.arange(len(likelihood.problem.values)) % 3
    parts = likelihood.information(point, groups)
    np.testing.assert_allclose(parts.sum(axis=0), likelihood.curvature(point[None])[2][0], rtol=1e-12)
    some = replace(
        likelihood.problem,
        **{n: getattr(likelihood.problem, n)[groups == 1] for n in ("trial", "observable", "times", "values")},
    )
    np.testing.assert_allclose(parts[1], Likelihood(some).curvature(point[None])[2][0], rtol=1e-5)
    with pytest.raises(InputError, match=r"^the groups have shape \(2,\); expected a number"):
        likelihood.information(point, groups[:2])
