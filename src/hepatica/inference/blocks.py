"""Parts of a problem that can be moved by themselves: parameters that only some trials know, such as the amounts of one cell line.

Where all else is held, a block has few dimensions and needs few of the simulations: small steps of all parameters together are joined by
long ones of each block.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.hamiltonian import Cloud, Counts, adapted, cloud_at, move
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.problem import Problem
from hepatica.inference.space import Space
from hepatica.model.expression import symbols
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FEWEST = 2
"""Parameters of a block."""
FIRST_STEP = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Parameters and the likelihood of all measurements that they change.

    Attributes
    ----------
    parameters
        Places among the estimated ones.
    likelihood
        Of the same parameters, of those measurements only.
    """

    parameters: Indices
    likelihood: Likelihood


def find_blocks(problem: Problem, choices: Collection[str] = ()) -> list[tuple[Indices, Indices]]:
    """Give the blocks of a problem: places of parameters that the same trials name and no others, and of these trials' measurements.

    A parameter of the model itself belongs to none, as every trial knows it; neither does one that an observable names, or a choice.
    """
    names = [p.id for p in problem.estimated]
    everywhere = {p.id for p in problem.model.parameters} | set(choices)
    for o in problem.observables:
        everywhere |= symbols(o.formula) | symbols(o.noise)
    known: dict[str, set[int]] = {n: set() for n in names if n not in everywhere}
    for k, trial in enumerate(problem.trials):
        for part in trial.conditions:
            for expression in part.values():
                for name in symbols(expression) & known.keys():
                    known[name].add(k)
    groups: dict[frozenset[int], list[int]] = {}
    for name, trials in known.items():
        if trials:
            groups.setdefault(frozenset(trials), []).append(names.index(name))
    return [
        (np.array(members), np.flatnonzero(np.isin(problem.trial, sorted(trials))))
        for trials, members in groups.items()
        if len(members) >= FEWEST and len(trials) < 0.5 * len(problem.trials)
    ]


def make_blocks(
    problem: Problem, choices: Collection[str] = (), *, tolerances: Tolerances | None, threads: int
) -> list[Block]:
    """Give the blocks of a problem with their likelihoods."""
    return [
        Block(parameters=members, likelihood=Likelihood(problem.subset(rows), tolerances=tolerances, threads=threads))
        for members, rows in find_blocks(problem, choices)
    ]


def block_metric(space: Space, block: Block, z: Array, picked: Indices, counts: Counts) -> Array | None:
    """Give a factor that whitens the block where all else is held, zero elsewhere, (free, free).

    Nothing when no point could be simulated.
    """
    places = np.searchsorted(space.free, block.parameters)
    x, slope = space.points(z, picked)
    inner = slope[:, places]
    known = block.likelihood.curvature(x)[2][:, block.parameters][:, :, block.parameters]
    known = known * inner[:, :, None] * inner[:, None, :]
    counts.evaluations += len(z)
    fine = np.isfinite(known).all(axis=(1, 2))
    if not fine.any():
        return None
    mean = known[fine].mean(axis=0) + np.eye(len(places))
    factor = np.linalg.inv(np.linalg.cholesky(0.5 * (mean + mean.T))).T
    whole = np.zeros((len(space.free),) * 2)
    whole[np.ix_(places, places)] = factor
    return whole


def move_blocks(
    space: Space, blocks: Sequence[Block], metrics: Array, steps: Array, cloud: Cloud, random: np.random.Generator,
    counts: Counts, *, adapt: bool, rounds: int = 1,
) -> tuple[Array, float]:  # fmt: skip
    """Move every particle in each block, some rounds long; gives the new coordinates and the mean probability of acceptance.

    ``steps`` change in place.
    """
    z, rates = cloud.z, list[float]()
    for k, (block, metric) in enumerate(zip(blocks, metrics, strict=True)):
        part = cloud_at(space, block.likelihood.gradient, z, cloud.picked, counts)
        for _ in range(rounds):
            part, accepted = move(space, block.likelihood.gradient, part, 1.0, metric, float(steps[k]), random, counts)
            rates.append(float(accepted.mean()))
            if adapt:
                steps[k] = adapted(float(steps[k]), rates[-1])
        z = part.z
    return z, float(np.mean(rates)) if rates else np.nan
