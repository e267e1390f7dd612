"""Hamiltonian Monte Carlo of many particles in lockstep, so that each step is one batch of gradients.

Sources: S. Duane et al., Phys. Lett. B 1987;195:216-222 (the method); A. Buchholz, N. Chopin and P. E. Jacob, Bayesian Anal.
2021;16:745-771 (in sequential Monte Carlo); A. Seyboldt, E. Carlson and B. Carpenter, arXiv:2603.18845 (a metric of draws and gradients).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.space import Space

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Evaluate = Callable[[Array], tuple[Array, Array]]

TURN = 1.2
"""Mean length of a trajectory, in standard deviations; a quarter of a circle would be 1.57."""
LONGEST = 12
"""Steps of a trajectory of that length at most."""
WANTED = 0.8
"""Acceptance that the size of steps is adapted to."""
LARGEST_STEP = 1.0
OUTLYING = 3.0
"""Gradients longer than this times the median are shortened to it before their covariance is taken."""
REGULAR = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Particles.

    Attributes
    ----------
    z, picked
        Where they are in :class:`~hepatica.inference.space.Space`: (particle, free), (particle, chosen).
    x
        The same as points, on the parameters' scales, (particle, estimated).
    value, slope
        Log-likelihood (particle,), minus infinity where it cannot be had, and its derivatives by z.
    """

    z: Array
    picked: Indices
    x: Array
    value: Array
    slope: Array

    def take(self, rows: Indices) -> "Cloud":
        """Give these particles."""
        return Cloud(**{name: getattr(self, name)[rows] for name in ("z", "picked", "x", "value", "slope")})

    def where(self, other: "Cloud", chosen: NDArray[np.bool_]) -> "Cloud":
        """Give the particles of ``other`` where chosen, else these."""
        rows = chosen[:, None]
        return Cloud(
            z=np.where(rows, other.z, self.z), picked=np.where(rows, other.picked, self.picked), x=np.where(rows, other.x, self.x),
            value=np.where(chosen, other.value, self.value), slope=np.where(rows, other.slope, self.slope),
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was computed: evaluations, and how many of them gave no likelihood."""

    evaluations: int = 0
    failed: int = 0


def cloud_at(space: Space, evaluate: Evaluate, z: Array, picked: Indices, counts: Counts) -> Cloud:
    """Evaluate the likelihood; what cannot be simulated has none."""
    x, by_z = space.points(z, picked)
    value, gradient = evaluate(x)
    slope = gradient[:, space.free] * by_z
    fine = np.isfinite(value) & np.isfinite(slope).all(axis=1)
    counts.evaluations += len(x)
    counts.failed += int((~fine).sum())
    return Cloud(
        z=z, picked=picked, x=x, value=np.where(fine, value, -np.inf), slope=np.where(fine[:, None], slope, 0.0)
    )


def metric_of(cloud: Cloud, beta: float, weights: Array) -> Array:
    """Give a factor C of the metric C C' that whitens the tempered distribution best, shape (free, free).

    The geometric mean of the covariance of the particles and the inverse of that of their gradients: exact for a normal distribution as
    soon as there are more particles than dimensions, whatever the sampling error of either covariance.
    """
    alive = np.isfinite(cloud.value)
    w = np.where(alive, weights, 0.0)
    return whitening(cloud.z, beta * cloud.slope - cloud.z, w / w.sum())


def whitening(z: Array, g: Array, weights: Array, regular: float = REGULAR) -> Array:
    """Give the factor that :func:`metric_of` does from points and gradients of the log-density, both (particle, free).

    Weights add up to one; ``regular`` is added to both covariances, in units in which each coordinate is as wide as its gradient.
    """
    z, g = z - weights @ z, g - weights @ g
    tiny = 1e-12
    scale = np.sqrt(np.sqrt((weights @ z**2 + tiny) / (weights @ g**2 + tiny)))
    z, g = z / scale, g * scale
    length = np.sqrt((g**2).sum(axis=1))
    longest = OUTLYING * np.median(length[weights > 0.0])
    g = g * np.minimum(1.0, longest / np.maximum(length, tiny))[:, None]
    identity = regular * np.eye(z.shape[1])
    a, b = (z.T * weights) @ z + identity, (g.T * weights) @ g + identity
    root, back = _powers(b)
    middle, _ = _powers(root @ a @ root)
    mean = back @ middle @ back
    return np.asarray(scale[:, None] * np.linalg.cholesky(0.5 * (mean + mean.T)))


def _powers(matrix: Array) -> tuple[Array, Array]:
    """Square root and inverse square root of a positive matrix."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    roots = np.sqrt(np.maximum(values, 1e-12 * values[-1]))
    return (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T


def move(
    space: Space, evaluate: Evaluate, cloud: Cloud, beta: float, metric: Array, step: float, random: np.random.Generator,
    counts: Counts, *, turn: float = TURN,
) -> tuple[Cloud, Array]:  # fmt: skip
    """Move every particle along one trajectory; the tempered distribution stays as it is.

    Parameters
    ----------
    space, evaluate
        Where they move; log-likelihood and gradient of points.
    cloud
        The particles.
    beta
        Power of the likelihood.
    metric
        As :func:`metric_of` gives it.
    step
        Mean size of the steps, in standard deviations.
    random
        Source of random numbers.
    counts
        Is added to.
    turn
        Mean length of the trajectory, in standard deviations.

    Returns
    -------
    Cloud, array
        The particles, and the probability that each was to be accepted with.
    """
    count, size = cloud.z.shape
    length = turn * (0.6 + 0.8 * random.random())
    speed = np.asarray(random.normal(size=(count, size)))
    each = step * (0.7 + 0.6 * random.random((count, 1)))
    accept = np.log(random.random(count))
    before = beta * cloud.value - 0.5 * (cloud.z**2).sum(axis=1) - 0.5 * (speed**2).sum(axis=1)
    z, now = cloud.z.copy(), cloud
    left = np.arange(count)  # whose trajectory could be simulated so far
    for _ in range(min(round(LONGEST * turn / TURN), max(1, round(length / step)))):
        speed[left] += 0.5 * each[left] * ((beta * now.slope - now.z) @ metric)
        z[left] += each[left] * (speed[left] @ metric.T)
        now = cloud_at(space, evaluate, z[left], cloud.picked[left], counts)
        fine = np.isfinite(now.value)
        left, now = left[fine], now.take(np.flatnonzero(fine))
        if not len(left):
            return cloud, np.zeros(count)
        speed[left] += 0.5 * each[left] * ((beta * now.slope - now.z) @ metric)
    after = np.full(count, -np.inf)
    after[left] = beta * now.value - 0.5 * (now.z**2).sum(axis=1) - 0.5 * (speed[left] ** 2).sum(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        change = np.where(np.isnan(after), -np.inf, after - before)
    taken = accept < change
    rows = np.zeros(count, np.int64)
    rows[left] = np.arange(len(left))
    return cloud.where(now.take(rows), taken), np.exp(np.minimum(change, 0.0))


def switch(
    space: Space, evaluate: Evaluate, cloud: Cloud, beta: float, random: np.random.Generator, counts: Counts
) -> tuple[Cloud, Array]:
    """Propose another value of one choice to every particle (Metropolis); gives particles and whether each was taken."""
    count, kinds = cloud.picked.shape
    which = random.integers(kinds, size=count)
    uniform, accept = np.asarray(random.random(count)), np.log(random.random(count))
    picked, change = cloud.picked.copy(), np.zeros(count)
    for j, (values, weights) in enumerate(space.values):
        here = np.flatnonzero(which == j)
        old = picked[here, j]
        new = (old + 1 + np.floor(uniform[here] * (len(values) - 1)).astype(np.int64)) % len(values)
        picked[here, j] = new
        change[here] = np.log(weights[new] / weights[old])
    proposed = cloud_at(space, evaluate, cloud.z, picked, counts)
    taken = accept < change + beta * (proposed.value - cloud.value)
    return cloud.where(proposed, taken), taken.astype(float)


def adapted(step: float, acceptance: float, wanted: float = WANTED) -> float:
    """Give the next size of steps."""
    return float(np.clip(step * np.exp(1.5 * (acceptance - wanted)), 1e-3, LARGEST_STEP))
