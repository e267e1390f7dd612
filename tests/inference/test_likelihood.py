from dataclasses import replace

import numpy as np
import pytest

from hepatica.errors import InputError
from hepatica.inference import Likelihood, Trial

from .cases import OPEN, REVERSIBLE, TIGHT, problem, right, values

RATES = {"k1": (0.8, "log10"), "k2": (0.6, "log")}
START = REVERSIBLE.replace("A in c = 2,", "A in c,").replace("k1 = 0.8;", "A = 3*w; w = 1.5; k1 = 0.8;")
BLOWS = REVERSIBLE.replace("k1 = 0.8;", "k1 = 0.8; var z; z = 1; z' = bad*z^2; bad = -1;")


def closed(t: float, k1: float = 0.8, k2: float = 0.6, a: float = 2.0, b: float = 1.0) -> float:
    """A of the reversible reaction."""
    rest = (a + b) * k2 / (k1 + k2)
    return float(rest + (a - rest) * np.exp(-(k1 + k2) * t))


def test_the_value_is_the_sum_of_densities() -> None:
    value, _ = right(problem(estimates=RATES))
    seen = np.array([closed(0.5), closed(2.0)])
    wanted = (-0.5 * np.log(2 * np.pi * 0.09) - 0.5 * ((np.array([1.0, 2.0]) - seen) / 0.3) ** 2).sum()
    assert value == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
@pytest.mark.parametrize("distribution", ["normal", "laplace"])
def test_gradients_of_every_noise(scale: str, distribution: str) -> None:
    right(problem(
        estimates=RATES | {"s": (0.3, "log"), "m": (2.0, "lin")}, formulas=[("m*A", "s + 0.1*B"), ("B", "s")],
        read=[(0, 0, 0.0), (0, 0, 1.0), (0, 1, 1.0), (0, 1, 3.0)], scale=scale, distribution=distribution,
    ))  # fmt: skip


@pytest.mark.parametrize("text", [REVERSIBLE, START])
def test_gradients_of_initial_values(text: str) -> None:
    trials = [Trial(id="model"), Trial(id="given", after=values(A=7.0)), Trial(id="estimated", after=values(A="x"))]
    estimates = RATES | {"x": (5.0, "lin")} | ({"w": (1.5, "log")} if text is START else {})
    right(problem(text, estimates=estimates, trials=trials, read=[(k, 0, t) for k in range(3) for t in (0.0, 1.0)]))


def test_preequilibration() -> None:
    trial = Trial(id="t", before=values(k1=0.3), after=values(k1=0.8))
    made = problem(estimates={"k2": (0.6, "log")}, trials=[trial], read=[(0, 0, 0.0), (0, 0, 1.0)])
    right(made)
    seen = Likelihood(made, tolerances=TIGHT).simulate(made.nominal[None])[0][0]
    assert seen == pytest.approx([2.0, closed(1.0, a=2.0)], rel=1e-7)


def test_preequilibration_with_a_reset() -> None:
    trials = [
        Trial(id="t", before=values(v=0.1), after=values(B="x", v=0.7)), Trial(id="u", before=values(v=0.1), after=values(v=0.2)),
    ]  # fmt: skip
    made = problem(
        OPEN, estimates=RATES | {"x": (5.0, "log")}, trials=trials, formulas=[("A", "1"), ("B", "1")],
        read=[(0, 0, 0.0), (0, 1, 0.0), (0, 1, 1.0), (1, 1, 0.0), (1, 0, 2.0)],
    )  # fmt: skip
    right(made)
    seen = Likelihood(made, tolerances=TIGHT).simulate(made.nominal[None])[0][0]
    assert seen[[0, 1, 3]] == pytest.approx([0.1 / 0.8, 5.0, 0.1 / 0.6], rel=1e-6)


def test_steady_states() -> None:
    made = problem(OPEN, estimates=RATES | {"v": (0.5, "log")}, read=[(0, 0, np.inf), (0, 0, 1.0)])
    right(made)
    assert Likelihood(made, tolerances=TIGHT).simulate(made.nominal[None])[0][0, 0] == pytest.approx(0.5 / 0.8)


def test_neither_threads_nor_company_change_a_bit() -> None:
    made = problem(
        OPEN, estimates=RATES, trials=[Trial(id="t", before=values(v=0.1)), Trial(id="u", after=values(v=0.3))],
        read=[(0, 0, 0.0), (0, 0, 1.0), (1, 0, 2.0), (1, 0, np.inf)],
    )  # fmt: skip
    points = made.nominal + 0.3 * np.random.default_rng(5).normal(size=(9, 2))
    alone = Likelihood(made)
    one = [alone(p[None])[0] for p in points]
    slopes = np.array([alone.gradient(p[None])[1][0] for p in points])
    for threads in (1, 2):
        together = Likelihood(made, threads=threads)
        assert together(points).tolist() == one
        value, gradient = together.gradient(points)
        assert value.tolist() == one
        assert gradient.tolist() == slopes.tolist()


def test_a_failing_run_fails_its_point_only() -> None:
    made = problem(BLOWS, estimates={"k1": (0.8, "log"), "bad": (-1.0, "lin")}, formulas=[("A + 0*z", "1")])
    likelihood = Likelihood(made)
    points = np.array([[0.0, -1.0], [0.0, 3.0], [0.1, -0.5]])  # z reaches infinity at 1/3
    values_, gradient = likelihood.gradient(points)
    assert np.isfinite(likelihood(points)).tolist() == [True, False, True]
    assert np.isfinite(values_).tolist() == [True, False, True]
    assert np.isfinite(gradient).all(axis=1).tolist() == [True, False, True]
    assert gradient[2].tolist() == likelihood.gradient(points[2:])[1][0].tolist()


def test_without_a_steady_state_a_point_fails() -> None:
    text = OPEN.replace("k1 = 0.8;", "k1 = 0.8; var z; z = 1; z' = grow*z; grow = -1;")
    made = problem(text, estimates={"grow": (-1.0, "lin")}, trials=[Trial(id="t", before=values(v=0.2))])
    value, gradient = Likelihood(made).gradient(np.array([[-1.0], [1.0]]))
    assert np.isfinite(value).tolist() == [True, False]
    assert np.isfinite(gradient[:, 0]).tolist() == [True, False]


def test_zero_on_a_logarithmic_scale() -> None:
    made = problem(estimates=RATES)
    x = np.array([[-np.inf, np.log(0.6)]])
    likelihood = Likelihood(made, tolerances=TIGHT)
    assert likelihood.simulate(x)[0][0] == pytest.approx([closed(t, k1=0.0) for t in (0.5, 2.0)])
    assert np.isfinite(likelihood(x)).all()


def test_points_of_another_shape_or_without_a_value() -> None:
    likelihood = Likelihood(problem(estimates=RATES))
    with pytest.raises(InputError, match=r"the points have shape \(2,\); expected \(point, 2\)"):
        likelihood(np.zeros(2))
    with pytest.raises(InputError, match="a point has no finite value of 'k2'"):
        likelihood(np.array([[0.0, np.nan]]))


def test_residuals() -> None:
    made = problem(estimates=RATES)
    got = Likelihood(made, tolerances=TIGHT).residuals(made.nominal[None])[0]
    assert got == pytest.approx([(1.0 - closed(0.5)) / 0.3, (2.0 - closed(2.0)) / 0.3], rel=1e-7)


def test_a_problem_without_estimated_parameters() -> None:
    made = problem(estimates={"k1": (0.8, "lin")})
    made = replace(made, parameters=(replace(made.parameters[0], estimated=False),))
    value, gradient = Likelihood(made, tolerances=TIGHT).gradient(np.zeros((1, 0)))
    assert np.isfinite(value).all()
    assert gradient.shape == (1, 0)
