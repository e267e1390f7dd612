"""From the prior to the posterior: particles follow the prior times growing powers of the likelihood.

Adaptive sequential Monte Carlo (P. Del Moral, A. Doucet and A. Jasra, J. R. Stat. Soc. B 2006;68:411-436, and Stat. Comput.
2012;22:1009-1020): the next power is the one that leaves a given share of the particles effective, systematic resampling, Hamiltonian
moves until the particles have forgotten where they were. It needs no start, finds several modes, and gives the evidence of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.errors import ComputationError
from hepatica.inference.hamiltonian import Cloud, Counts, Evaluate, adapted, cloud_at, metric_of, move, switch
from hepatica.inference.space import Space

Array = NDArray[np.float64]

FORGOTTEN, SETTLED = 0.5, 0.1
"""Mean correlation with where the particles were, at which a stage and the last stage end."""
MOVES, LAST_MOVES = 6, 40
"""Moves at most, in a stage and before the first draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a power of the likelihood came to.

    Attributes
    ----------
    beta
        The power.
    effective
        Share of particles that were effective before they were resampled.
    evidence
        Log-evidence so far.
    acceptance, switched
        Of the Hamiltonian moves, and of the choices (NaN without any).
    step
        Mean size of the steps, in standard deviations.
    moves
        How many were made.
    correlation
        With where the particles were when the stage began, mean over directions.
    ancestors
        How many of the first particles have descendants.
    evaluations, failed
        So far, and how many of them could not be simulated.
    """

    beta: float
    effective: float
    evidence: float
    acceptance: float
    switched: float
    step: float
    moves: int
    correlation: float
    ancestors: int
    evaluations: int
    failed: int


Report = Callable[[Stage, Cloud], None]


def temper(
    space: Space, evaluate: Evaluate, *, particles: int, rounds: int, thin: int, keep: float, random: np.random.Generator,
    report: Report,
) -> tuple[list[Stage], list[Cloud]]:  # fmt: skip
    """Draw from a posterior.

    Parameters
    ----------
    space
        The prior.
    evaluate
        Gives log-likelihoods (point,) and gradients (point, estimated); not finite where there are none.
    particles
        How many.
    rounds, thin
        How often all of them are kept in the end, and the moves in between.
    keep
        Share of the particles that stays effective from one power to the next.
    random
        Source of random numbers.
    report
        Called after each stage.

    Returns
    -------
    list, list
        The stages, and the particles of each round; relatives are neighbours.

    Raises
    ------
    ComputationError
        When no particle has a likelihood.
    """
    run = _Run(space, evaluate, particles, random, report)
    beta = 0.0
    while beta < 1.0:
        if not np.isfinite(run.cloud.value).any():
            raise ComputationError(
                f"none of {particles} points drawn from the prior could be simulated; check the bounds and priors of the parameters."
            )
        following = next_power(run.cloud.value, beta, keep)
        run.climb(beta, following)
        beta = following
        run.stir(beta, FORGOTTEN if beta < 1.0 else SETTLED, 1, MOVES if beta < 1.0 else LAST_MOVES)
    run.metric = metric_of(run.cloud, 1.0, np.full(particles, 1.0 / particles))
    kept = []
    for _ in range(rounds):
        run.effective = 1.0
        run.stir(1.0, SETTLED, thin, thin)
        kept.append(run.cloud)
    return run.stages, kept


class _Run:
    """The particles on their way."""

    def __init__(
        self, space: Space, evaluate: Evaluate, particles: int, random: np.random.Generator, report: Report
    ) -> None:
        self._space, self._evaluate, self._random, self._report = space, evaluate, random, report
        self.counts, self.stages = Counts(), list[Stage]()
        self.cloud = cloud_at(space, evaluate, *space.draw(particles, random), self.counts)
        self.metric, self.step, self.effective = np.eye(len(space.free)), 0.5, 1.0
        self._first, self._evidence = np.arange(particles), 0.0

    def climb(self, beta: float, following: float) -> None:
        """Weigh the particles for the next power, and resample them."""
        weights, more = weigh(self.cloud.value, following - beta)
        self._evidence += more
        self.effective = 1.0 / float((weights**2).sum()) / len(weights)
        self.metric = metric_of(self.cloud, following, weights)
        rows = resample(weights, self._random)
        self.cloud, self._first = self.cloud.take(rows), self._first[rows]

    def stir(self, beta: float, enough: float, least: int, most: int) -> None:
        """Move the particles until they have forgotten where they were."""
        before, switched = self.cloud.z, list[float]()
        accepted, correlation = list[float](), 1.0
        while len(accepted) < most and (len(accepted) < least or correlation > enough):
            if len(self._space.chosen):
                self.cloud, taken = switch(self._space, self._evaluate, self.cloud, beta, self._random, self.counts)
                switched.append(float(taken.mean()))
            self.cloud, chances = move(
                self._space, self._evaluate, self.cloud, beta, self.metric, self.step, self._random, self.counts
            )
            accepted.append(float(chances.mean()))
            self.step = adapted(self.step, accepted[-1])
            correlation = _correlation(before, self.cloud.z, self.metric)
        stage = Stage(
            beta=beta, effective=self.effective, evidence=self._evidence, acceptance=float(np.mean(accepted)),
            switched=float(np.mean(switched)) if switched else np.nan, step=self.step, moves=len(accepted), correlation=correlation,
            ancestors=len(np.unique(self._first)), evaluations=self.counts.evaluations, failed=self.counts.failed,
        )  # fmt: skip
        self.stages.append(stage)
        self._report(stage, self.cloud)


def next_power(value: Array, beta: float, keep: float) -> float:
    """Give the power at which a share of the particles that have a likelihood is still effective, at most 1."""
    wanted = keep * int(np.isfinite(value).sum())

    def effective(more: float) -> float:
        return float(1.0 / (weigh(value, more)[0] ** 2).sum())

    if effective(1.0 - beta) >= wanted:
        return 1.0
    low, high = np.log(1e-300), np.log(1.0 - beta)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(float(np.exp(middle))) >= wanted else (low, middle)
    return min(1.0, max(beta + float(np.exp(low)), float(np.nextafter(beta, 1.0))))


def weigh(value: Array, more: float) -> tuple[Array, float]:
    """Give the weights of particles when the power grows, and the logarithm of their mean."""
    exponent = np.where(np.isfinite(value), more * value, -np.inf)
    top = exponent.max()
    weights = np.exp(exponent - top)
    total = weights.sum()
    return weights / total, float(top + np.log(total / len(value)))


def resample(weights: Array, random: np.random.Generator) -> NDArray[np.int64]:
    """Give the particles that go on, ascending: systematic resampling."""
    edges = np.cumsum(weights)
    marks = (np.arange(len(weights)) + random.random()) / len(weights) * edges[-1]
    return np.asarray(np.minimum(np.searchsorted(edges, marks, side="right"), len(weights) - 1), np.int64)


def _correlation(before: Array, now: Array, metric: Array) -> float:
    """Mean correlation over the directions that the metric makes equally wide."""
    if not before.shape[1]:
        return 0.0
    a, b = (np.linalg.solve(metric, x.T - x.mean(axis=0)[:, None]) for x in (before, now))
    widths = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return float(((a * b).sum(axis=1) / np.maximum(widths, 1e-300)).mean())
