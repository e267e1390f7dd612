import numpy as np
import pytest

from hepatica.inference import Estimate
from hepatica.inference.hamiltonian import Counts, adapted, cloud_at, metric_of, move
from hepatica.inference.problem import Prior
from hepatica.inference.space import Space

SIZE = 6
WIDE = Prior(distribution="normal", arguments=(0.0, 1.0), on_scale=True)
NONE = np.zeros((2000, 0), np.int64)


def space(size: int = SIZE) -> Space:
    return Space([Estimate(id=f"p{k}", prior=WIDE) for k in range(size)])


def precision(size: int = SIZE) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(5).normal(size=(size, size)))[0]
    return np.asarray((q * np.geomspace(1.0, 1e4, size)) @ q.T)


def normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = precision()
    return -0.5 * np.einsum("ni,ij,nj->n", x, p, x), -x @ p


def test_the_metric_of_a_normal_distribution_is_its_covariance_from_few_particles() -> None:
    z = (
        np.random.default_rng(1).normal(size=(20, SIZE))
        @ np.linalg.cholesky(np.linalg.inv(precision() + np.eye(SIZE))).T
    )
    cloud = cloud_at(space(), normal, z, NONE[:20], Counts())
    factor = metric_of(cloud, 1.0, np.full(20, 0.05))
    whitened = factor.T @ (precision() + np.eye(SIZE)) @ factor
    np.testing.assert_allclose(np.linalg.eigvalsh(whitened), 1.0, atol=0.3)  # a bare covariance is off by a factor of 3


def test_moves_leave_the_distribution_as_it_is() -> None:
    random = np.random.default_rng(2)
    lower = np.linalg.cholesky(np.linalg.inv(0.5 * precision() + np.eye(SIZE)))
    cloud = cloud_at(space(), normal, random.normal(size=(2000, SIZE)) @ lower.T, NONE, Counts())
    crude = 0.5 * lower + 0.02 * np.eye(SIZE)  # a wrong metric is slow, not wrong
    for _ in range(10):
        cloud, chances = move(space(), normal, cloud, 0.5, crude, 0.7, random, Counts())
    assert 0.2 < chances.mean() < 0.999
    whitened = np.linalg.solve(lower, cloud.z.T)
    np.testing.assert_allclose(whitened @ whitened.T / 2000, np.eye(SIZE), atol=0.1)


def test_what_cannot_be_simulated_is_never_entered() -> None:
    def half(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(x[:, 0] > 0.0, 0.0, np.nan), np.zeros_like(x)

    counts, random = Counts(), np.random.default_rng(3)
    start = np.abs(random.normal(size=(2000, 1)))
    cloud = cloud_at(space(1), half, start, NONE, counts)
    assert counts.failed == 0
    for _ in range(5):
        cloud, _ = move(space(1), half, cloud, 1.0, np.eye(1), 0.3, random, counts)
    assert (cloud.z > 0.0).all()
    assert counts.failed > 0
    assert cloud.z.mean() == pytest.approx(np.sqrt(2.0 / np.pi), abs=0.05)


def test_steps_grow_when_too_many_are_accepted() -> None:
    assert adapted(0.5, 0.95) > 0.5 > adapted(0.5, 0.5)
    assert adapted(1e-3, 0.0) == 1e-3
