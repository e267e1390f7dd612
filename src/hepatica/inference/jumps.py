"""Jumps of a chain between starts: places of rival wirings, or of several modes, whose neighbourhoods correspond to each other.

A jump takes a point to the same place relative to another start. "The same place" has two meanings, and each try draws one of them:
the same difference from the start; and the place that optimal transport between the normal approximations at both starts gives, which
also turns and stretches. Both are one-to-one with a known volume, so that the Metropolis rule holds: a jump and its way back are equally
often proposed. Which of the choices is tried how often is learnt while the chains warm up: those that seldom change are tried most.

Sources: P. J. Green, Biometrika 1995;82:711-732 (deterministic maps between models); the map between normal distributions:
M. Knott and C. S. Smith, J. Optim. Theory Appl. 1984;43:39-49.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.inference.hamiltonian import Cloud, Counts, cloud_at
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.space import Space, coordinates

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

TRIES = 10
"""Jumps that are tried in a row; values alone cost much less than gradients, but where one was refused, most are."""
FAR = 0.15
"""Share of the tries that go to starts which differ in several choices."""
TRIED = 50.0
"""Tries that the rate of a choice must have before it counts as much as the mean of all."""


class Modes:
    """The starts, and the maps between them.

    Parameters
    ----------
    space
        Where chains move.
    starts
        Values of each estimated parameter on its scale.

    Attributes
    ----------
    z, picked
        Coordinates (mode, free), and choices (mode, chosen).
    prior
        Logarithm of the prior probability of each.
    kinds
        What a jump between two of them changes, (mode, mode): the place of the only choice that differs, else one of the two numbers after
        the last choice, for none and for several.

    Raises
    ------
    InputError
        When a parameter has no start.
    """

    def __init__(self, space: Space, starts: Sequence[Mapping[str, float]]) -> None:
        names = [e.id for e in space.estimates]
        z, picked = [], []
        for start in starts:
            for name in names:
                if not np.isfinite(start.get(name, np.nan)):
                    raise InputError(
                        f"a start has no finite value of '{name}'; give every estimated parameter one, on its scale."
                    )
            x = np.array([start[n] for n in names])
            found = [np.argmin(np.abs(v - x[k])) for k, (v, _) in zip(space.chosen, space.values, strict=True)]
            picked.append(np.array(found, np.int64))
            z.append(coordinates(space, x, picked[-1]))
        self.z, self.picked = np.array(z), np.array(picked)
        same = np.array([sum(np.array_equal(p, q) for q in picked) for p in picked])
        self.prior = -np.log(same)
        for j, (_, weights) in enumerate(space.values):
            self.prior += np.log(weights)[[p[j] for p in picked]]
        self.kinds = kinds_of(self.picked)
        self._roots: list[tuple[Array, Array, Array, float] | None] = []
        self._maps: dict[tuple[int, int], tuple[Array, float] | None] = {}

    def __len__(self) -> int:
        return len(self.z)

    def prepare(self, space: Space, likelihood: Likelihood, counts: Counts) -> None:
        """Approximate the posterior at each start by a normal distribution, with the Fisher information; where that fails, not."""
        x, slope = space.points(self.z, self.picked)
        known = likelihood.curvature(x)[2][:, space.free][:, :, space.free] * slope[:, :, None] * slope[:, None, :]
        counts.evaluations += len(x)
        self._roots = [_roots(k + np.eye(k.shape[1])) if np.isfinite(k).all() else None for k in known]

    def there(self, z: Array, old: Indices, new: Indices, turned: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Give the corresponding places at other starts and the logarithms of the volumes' ratios."""
        moved, volume = z - self.z[old] + self.z[new], np.zeros(len(z))
        for k in np.flatnonzero(turned):
            found = self._map(int(old[k]), int(new[k]))
            if found is not None:
                moved[k] = self.z[new[k]] + found[0] @ (z[k] - self.z[old[k]])
                volume[k] = found[1]
        return moved, volume

    def _map(self, old: int, new: int) -> tuple[Array, float] | None:
        if (old, new) not in self._maps:
            first, last = self._roots[old], self._roots[new]
            made = None
            if first is not None and last is not None and old < new:
                root, back, _, volume = first
                values, vectors = np.linalg.eigh(_even(root @ last[2] @ root))
                made = back @ ((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T) @ back, last[3] - volume
            elif first is not None and last is not None:
                forward = self._map(new, old)
                made = None if forward is None else (np.linalg.inv(forward[0]), -forward[1])
            self._maps[old, new] = made
        return self._maps[old, new]


def jump(
    space: Space, likelihood: Likelihood, modes: Modes, chance: Array, cloud: Cloud, mode: Indices, random: np.random.Generator,
    counts: Counts,
) -> tuple[Cloud, Indices, float, Array]:  # fmt: skip
    """Try jumps of every particle.

    Parameters
    ----------
    space, likelihood, modes
        Where they move, and between what.
    chance
        Probability of proposing each start from each other, (mode, mode), from :func:`proposals`.
    cloud, mode
        The particles, and the start that each belongs to.
    random, counts
        Source of random numbers; is added to.

    Returns
    -------
    tuple
        The particles, their starts, the share of particles that jumped, and how many jumps of each kind were tried and taken (kind, 2).
    """
    rows = np.arange(len(cloud.z))
    z, now, value, jumped = cloud.z.copy(), mode.copy(), cloud.value.copy(), np.zeros(len(rows), bool)
    tally = no_tally(modes)
    for _ in range(TRIES):
        ladder = chance[now].cumsum(axis=1)
        new = (ladder > ladder[:, -1:] * random.random((len(rows), 1))).argmax(axis=1)
        accept, turned = np.log(random.random(len(rows))), random.random(len(rows)) < 0.5
        there, volume = modes.there(z, now, new, turned)
        proposed = likelihood(space.points(there, modes.picked[new])[0])
        counts.evaluations += len(rows)
        counts.failed += int((~np.isfinite(proposed)).sum())
        proposed = np.where(np.isfinite(proposed), proposed, -np.inf)
        change = proposed - value + modes.prior[new] - modes.prior[now] + volume
        change += np.log(chance[new, now] / chance[now, new])
        taken = accept < change + 0.5 * ((z**2).sum(axis=1) - (there**2).sum(axis=1))
        np.add.at(tally, modes.kinds[now, new], np.stack([np.ones(len(rows)), taken], axis=-1))
        z[taken], now[taken], value[taken] = there[taken], new[taken], proposed[taken]
        jumped |= taken
    moved = np.flatnonzero(jumped)
    if len(moved):
        fresh = cloud_at(space, likelihood.gradient, z[moved], modes.picked[now[moved]], counts)
        fine = np.isfinite(fresh.value)  # a place without derivatives is left again
        back = np.zeros(len(rows), np.int64)
        back[moved] = np.arange(len(moved))
        jumped[moved[~fine]] = False
        cloud = cloud.where(fresh.take(back), jumped)
    return cloud, np.where(jumped, now, mode), float(jumped.mean()), tally


def no_tally(modes: Modes) -> Array:
    """Give counts of jumps of each kind, tried and taken, before there were any."""
    return np.zeros((modes.picked.shape[1] + 2, 2))


def proposals(modes: Modes, tally: Array) -> Array:
    """Give the probability of proposing each start from each other, (mode, mode).

    Most tries change one choice, each kind as much more often as it was taken more seldom; the rest goes to starts that differ in
    several.
    """
    count, chosen = len(modes), modes.picked.shape[1]
    if count < 2:
        return np.zeros((count, count))
    tried, taken = tally[:-1].T
    mean = (taken.sum() + 1.0) / (tried.sum() + 1.0)
    weight = (tried + TRIED) / (taken + TRIED * mean)
    chance = np.zeros((count, count))
    for kind in range(chosen + 1):
        of = (modes.kinds == kind) & ~np.eye(count, dtype=bool)
        chance += weight[kind] * of / np.maximum(of.sum(axis=1, keepdims=True), 1)
    several = 1.0 * (modes.kinds == chosen + 1)
    far, near = several.sum(axis=1, keepdims=True), chance.sum(axis=1, keepdims=True)
    share = np.where(near == 0.0, 1.0, np.where(far == 0.0, 0.0, FAR))
    return np.asarray(share * several / np.maximum(far, 1.0) + (1.0 - share) * chance / np.where(near > 0.0, near, 1.0))


def kinds_of(picked: Indices) -> Indices:
    """Give what a jump between two starts changes, as in :class:`Modes`."""
    differs = picked[:, None] != picked
    many, chosen = differs.sum(axis=-1), picked.shape[1]
    only = differs.argmax(axis=-1) if chosen else np.zeros_like(many)
    return np.asarray(np.where(many == 0, chosen, np.where(many == 1, only, chosen + 1)), np.int64)


def _roots(precision: Array) -> tuple[Array, Array, Array, float]:
    """Root of the covariance, its inverse, the covariance, and the logarithm of the root's determinant."""
    values, vectors = np.linalg.eigh(_even(precision))
    return (
        (vectors / np.sqrt(values)) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T, (vectors / values) @ vectors.T,
        float(-0.5 * np.log(values).sum()),
    )  # fmt: skip


def _even(matrix: Array) -> Array:
    return np.asarray(0.5 * (matrix + matrix.T))
