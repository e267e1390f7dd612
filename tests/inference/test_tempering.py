"""Targets whose evidence and moments are known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import dblquad

from hepatica.errors import ComputationError
from hepatica.inference import Estimate
from hepatica.inference.problem import Prior
from hepatica.inference.space import Space
from hepatica.inference.tempering import next_power, resample, temper, weigh

Target = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def run(
    space: Space, target: Target, *, particles: int = 400, rounds: int = 5, seed: int = 1
) -> tuple[float, np.ndarray]:
    random = np.random.Generator(np.random.Philox(key=[seed, 0]))
    stages, kept = temper(
        space, target, particles=particles, rounds=rounds, thin=2, keep=0.5, random=random, report=lambda _s, _c: None
    )
    return stages[-1].evidence, np.concatenate([c.x for c in kept])


def normals(size: int, spread: float) -> Space:
    return Space(
        [
            Estimate(id=f"p{k}", prior=Prior(distribution="normal", arguments=(0.0, spread), on_scale=True))
            for k in range(size)
        ]
    )


def test_a_correlated_normal_in_thirty_dimensions() -> None:
    size, random = 30, np.random.default_rng(0)
    q = np.linalg.qr(random.normal(size=(size, size)))[0]
    precision, middle = (q * np.geomspace(1e-2, 1e4, size)) @ q.T, random.normal(size=size)

    def target(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return -0.5 * np.einsum("ni,ij,nj->n", x - middle, precision, x - middle), -(x - middle) @ precision

    after = precision + np.eye(size) / 4.0
    mean = np.linalg.solve(after, precision @ middle)
    want = 0.5 * (-size * np.log(4.0) - np.linalg.slogdet(after)[1] - middle @ precision @ middle + mean @ after @ mean)
    runs = [run(normals(size, 2.0), target, seed=seed) for seed in range(6)]
    evidence, x = np.array([r[0] for r in runs]), np.concatenate([r[1] for r in runs])
    assert evidence.std() < 1.5
    assert np.logaddexp.reduce(evidence) - np.log(6.0) == pytest.approx(want, abs=0.8)
    whitened = np.linalg.cholesky(after).T @ (x - mean).T
    np.testing.assert_allclose(whitened.mean(axis=1), 0.0, atol=0.1)
    np.testing.assert_allclose(whitened.std(axis=1), 1.0, atol=0.06)


def test_a_banana() -> None:
    def target(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bend = x[:, 1] - x[:, 0] ** 2
        value = -0.5 * (bend / 0.1) ** 2
        return value, np.column_stack([2.0 * x[:, 0] * bend, -bend]) / 0.01

    def density(b: float, a: float) -> float:
        return float(np.exp(-50.0 * (b - a * a) ** 2) * stats.norm.pdf(a) * stats.norm.pdf(b))

    def integral(power: int) -> float:
        ends = (lambda a: a * a - 0.8, lambda a: a * a + 0.8)
        return float(dblquad(lambda b, a: a**power * density(b, a), -4, 4, *ends, epsabs=1e-10)[0])

    runs = [run(normals(2, 1.0), target, seed=seed) for seed in range(6)]
    x = np.concatenate([r[1] for r in runs])
    assert np.array([r[0] for r in runs]) == pytest.approx(np.log(integral(0)), abs=0.3)
    assert (x[:, 0] ** 2).mean() == pytest.approx(integral(2) / integral(0), rel=0.1)
    assert x[:, 0].mean() == pytest.approx(0.0, abs=0.1)


def test_two_modes_get_their_weights() -> None:
    centres, weights, spread = np.array([-4.0, 4.0]), np.array([0.3, 0.7]), 0.2

    def target(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = (x[:, :1] - centres) / spread
        terms = np.log(weights) - 0.5 * z**2
        value = np.logaddexp.reduce(terms, axis=1)
        gradient = np.zeros_like(x)
        gradient[:, 0] = (np.exp(terms - value[:, None]) * -z / spread).sum(axis=1)
        return value - 0.5 * (x[:, 1] / 0.1) ** 2, gradient - np.array([0.0, 100.0]) * x

    space = Space([Estimate(id="a", lower=-10.0, upper=10.0), Estimate(id="b", lower=-5.0, upper=5.0)])
    shares = []
    for seed in range(4):
        evidence, x = run(space, target, particles=1000, rounds=1, seed=seed)
        assert evidence == pytest.approx(np.log(2.0 * np.pi * spread * 0.1 / 200.0), abs=0.4)
        shares.append((x[:, 0] > 0.0).mean())
    assert np.mean(shares) == pytest.approx(0.7, abs=0.06)


def test_choices_have_the_probabilities_of_their_evidence() -> None:
    """A switch that turns on a term with a parameter of its own: 0 gives N(y; 0, 1), 1 gives N(y; a, 1) with a ~ N(0, 2)."""
    seen = 2.5
    space = Space([*normals(1, 2.0).estimates, Estimate(id="switch")], {"switch": {0.0: 0.6, 1.0: 0.4}})

    def target(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        off = seen - x[:, 1] * x[:, 0]
        return stats.norm.logpdf(off), np.column_stack([off * x[:, 1], off * x[:, 0]])

    off, on = 0.6 * stats.norm.pdf(seen), 0.4 * stats.norm.pdf(seen, scale=np.sqrt(5.0))
    evidence, x = run(space, target, particles=1000)
    assert evidence == pytest.approx(np.log(off + on), abs=0.1)
    assert x[:, 1].mean() == pytest.approx(on / (off + on), abs=0.04)
    assert x[x[:, 1] == 1.0, 0].mean() == pytest.approx(seen * 4.0 / 5.0, abs=0.1)
    assert x[x[:, 1] == 0.0, 0].std() == pytest.approx(2.0, abs=0.2)


def test_a_part_that_cannot_be_simulated_lowers_the_evidence() -> None:
    def target(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(x[:, 0] > 0.25, 1.0, np.nan), np.zeros_like(x)

    evidence, x = run(Space([Estimate(id="a", lower=0.0, upper=1.0)]), target, particles=2000, rounds=1)
    assert evidence == pytest.approx(1.0 + np.log(0.75), abs=0.05)
    assert (x > 0.25).all()
    with pytest.raises(ComputationError, match=r"^none of 50 points drawn from the prior could be simulated"):
        run(Space([Estimate(id="a", lower=0.0, upper=0.2)]), target, particles=50)


def test_the_next_power_keeps_a_share_effective() -> None:
    value = np.append(np.random.default_rng(1).normal(-1e6, 1e5, 300), -np.inf)
    power = next_power(value, 0.0, 0.5)
    weights, _ = weigh(value, power)
    assert 1.0 / (weights**2).sum() == pytest.approx(150.0, rel=1e-3)
    assert next_power(np.array([1.0, 1.1]), 0.2, 0.5) == 1.0
    assert weights[-1] == 0.0


def test_resampling_takes_each_as_often_as_it_weighs() -> None:
    rows = resample(np.array([0.5, 0.0, 0.25, 0.25]), np.random.default_rng(1))
    assert rows.tolist() == [0, 0, 2, 3]
