import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from hepatica.inference.descent import CONVERGED, LONG, STUCK, Answer, Found, descend, learn, propose, within


def banana(x: np.ndarray, scale: float = 10.0) -> Answer:
    """Give Rosenbrock's function, with half its residuals far from zero, and its Gauss-Newton matrix."""
    residual = np.array([scale * (x[1] - x[0] ** 2), 1.0 - x[0], 3.0 + x[0] * x[1]])
    slopes = np.array([[-2.0 * scale * x[0], scale], [-1.0, 0.0], [x[1], x[0]]])
    return 0.5 * float(residual @ residual), residual @ slopes, slopes.T @ slopes


def run(first: np.ndarray, lower: float, upper: float, most: int = 500) -> tuple[Found, int]:
    bounds = np.full(2, lower), np.full(2, upper)
    descent, rejected = descend(first, banana(first), *bounds, most), 0
    asked = next(descent)
    while True:
        assert ((asked[:-1] >= lower) & (asked[:-1] <= upper)).all()
        value, gradient, known = banana(asked[:-1])
        if value >= asked[-1]:  # what is of no use is not read
            rejected += 1
            gradient, known = np.full(2, np.nan), np.full((2, 2), np.nan)
        try:
            asked = descent.send((value, gradient, known))
        except StopIteration as done:
            return done.value, rejected


@pytest.mark.parametrize(("lower", "upper"), [(-3.0, 3.0), (-3.0, -0.5), (0.7, 3.0), (-0.1, 0.1)])
def test_it_finds_the_minimum_within_bounds(lower: float, upper: float) -> None:
    for seed in range(10):
        first = np.random.default_rng(seed).uniform(lower, upper, 2)
        found, _ = run(first, lower, upper)
        assert found.message == CONVERGED
        want = minimize(lambda x: banana(x)[0], found.x, bounds=[(lower, upper)] * 2, method="L-BFGS-B", tol=1e-14)
        assert found.objective <= want.fun + 1e-6
        assert found.evaluations < 60


def test_it_says_why_it_ended() -> None:
    first = np.array([-2.0, 2.0])
    assert run(first, -3.0, 3.0, most=3)[0].message == LONG
    descent = descend(first, banana(first), np.full(2, -3.0), np.full(2, 3.0), 500)
    next(descent)
    nothing = np.nan, np.full(2, np.nan), np.full((2, 2), np.nan)
    found = None
    while found is None:  # where nothing can be simulated, the region shrinks away
        try:
            descent.send(nothing)
        except StopIteration as done:
            found = done.value
    assert found.message in {STUCK, CONVERGED}
    np.testing.assert_array_equal(found.x, first)


def test_what_is_learnt_explains_the_last_step() -> None:
    random = np.random.default_rng(1)
    true = random.standard_normal((4, 4))
    true = true + true.T
    moved = random.standard_normal(4)
    turned = 10.0 * moved + true @ moved
    beyond = learn(np.zeros((4, 4)), moved, turned, true @ moved)
    np.testing.assert_allclose(beyond @ moved, true @ moved, rtol=1e-12)
    np.testing.assert_array_equal(beyond, beyond.T)
    np.testing.assert_array_equal(learn(beyond, moved, -turned, true @ moved), beyond)  # no curvature to divide by


@given(seed=st.integers(0, 2**32), size=st.integers(1, 6), radius=st.floats(1e-6, 1e3), rank=st.integers(0, 6))
def test_a_step_is_no_worse_than_the_best_along_the_gradient(seed: int, size: int, radius: float, rank: int) -> None:
    random = np.random.default_rng(seed)
    factor = random.standard_normal((size, rank)) * 10.0 ** random.uniform(-4, 4, rank)
    model, gradient = factor @ factor.T - 0.1 * np.eye(size) * random.integers(0, 2), random.standard_normal(size)

    def change(step: np.ndarray) -> float:
        return float(gradient @ step + 0.5 * step @ model @ step)

    step = within(gradient, model, radius)
    assert np.linalg.norm(step) <= radius * (1.0 + 1e-5)
    down = -gradient / np.linalg.norm(gradient)
    along = min(change(t * down) for t in np.linspace(0.0, radius, 101))
    assert change(step) <= along + 1e-5 * abs(along)


def test_parameters_at_bounds_stay_and_the_others_move_on() -> None:
    gradient, model = np.array([1.0, -1.0, 2.0]), np.eye(3)
    below, above = np.array([0.0, -5.0, -5.0]), np.array([5.0, 5.0, 5.0])
    step, change = propose(gradient, model, below, above, 10.0)
    np.testing.assert_allclose(step, [0.0, 1.0, -2.0])
    assert change == pytest.approx(-2.5)
    step, _ = propose(gradient, model, below, np.array([5.0, 0.1, 5.0]), 10.0)
    np.testing.assert_allclose(step, [0.0, 0.09, -2.0])  # most of the way to a bound at a time
    assert propose(np.array([1.0]), np.eye(1), np.zeros(1), np.ones(1), 1.0)[1] == 0.0


def test_a_step_gains_most_of_what_is_to_be_had_within_the_bounds() -> None:
    """In long valleys across the bounds, where putting all that leave them at once on their bounds gains a tenth of it."""
    shares = []
    for seed in range(100):
        random = np.random.default_rng(seed)
        axes = random.standard_normal((8, 8)) * 10.0 ** random.uniform(-2.5, 0.0, 8)[:, None]
        model, gradient = axes.T @ axes, random.standard_normal(8) @ axes
        below, above = -random.uniform(0.05, 1.0, 8), random.uniform(0.05, 1.0, 8)
        step, change = propose(gradient, model, below, above, 100.0)
        assert (step >= below).all()
        assert (step <= above).all()
        best = minimize(
            lambda s, g, m: (g @ s + 0.5 * s @ m @ s, g + m @ s), np.zeros(8), args=(gradient, model), jac=True,
            bounds=list(zip(below, above, strict=True)), method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15},
        )  # fmt: skip
        shares.append(change / best.fun)
    assert min(shares) > 0.2
    assert np.median(shares) > 0.75
