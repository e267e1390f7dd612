"""Posterior sampling from a fit: many Hamiltonian chains in lockstep, with a metric from Fisher informations.

For problems of hundreds of parameters with priors, where a fit finds the mode in minutes and particles that come from the prior
would need days: the chains start from a normal approximation around the fit. They share step size and metric, which are adapted
while they warm up and then kept. Several starts are several modes, of one wiring or of rival ones: a chain jumps between them by
the difference of their places, so that wirings are weighed by the data. What is far from every start is not found: that is what
multi-start fits are for.

Sources: S. Duane et al., Phys. Lett. B 1987;195:216-222; M. Girolami and B. Calderhead, J. R. Stat. Soc. B 2011;73:123-214 (the Fisher
information as metric; here its mean over the posterior, one metric for all points); A. Seyboldt, E. Carlson and B. Carpenter,
arXiv:2603.18845 (what draws and gradients tell beyond it).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hepatica.errors import ComputationError, InputError
from hepatica.inference.hamiltonian import Cloud, Counts, adapted, cloud_at, move, whitening
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Problem
from hepatica.inference.sample import draws_dataset, measurements, pointwise
from hepatica.inference.space import Choices, Space, prior_draws
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

FIRST_STEP = 0.1
REFRESH = 4
"""How often the metric is made anew while the chains warm up: first from Fisher informations, from ``LEARNT`` on from draws too."""
LEARNT = 3
REGULAR = 0.05
"""How much of the metric of informations remains in that of draws."""
INFORMED = 16
"""Chains whose information a metric is the mean of."""
JUMPS = 6
"""Jumps that are tried after each Hamiltonian move; values alone cost much less than gradients."""
STREAM = "chains"


@dataclass(slots=True, kw_only=True)
class State:
    """Where the chains are: particles, the start each belongs to, whitening factor, whether it is a new one, size of steps.

    While they warm up, also where they were, as (places relative to their starts, gradients of the log-density).
    """

    cloud: Cloud
    mode: NDArray[np.int64]
    metric: Array
    step: float
    fresh: bool = True
    past: list[tuple[Array, Array]] = field(default_factory=list)


def sample_near(
    problem: Problem, starts: Sequence[Mapping[str, float]], *, weights: ArrayLike | None = None, draws: int = 2000, chains: int = 32,
    warm: int = 60, thin: int = 1, seed: int = 1, choices: Choices | None = None, threads: int = 1, tolerances: Tolerances | None = None,
    near: xr.DataTree | None = None, journal: Journal | None = None, progress: Progress | None = None,
) -> xr.DataTree:  # fmt: skip
    """Sample the posterior of a problem around a fit.

    Parameters
    ----------
    problem
        Its parameters need priors, or finite bounds.
    starts
        Values of each estimated parameter on its scale, such as the best start of a fit; of those with choices, one of their values.
    weights
        Share of the chains that begin at each start; all alike when ``None``.
    draws, chains
        How many draws in all, and chains.
    warm, thin
        Iterations that are thrown away while step and metric are adapted; iterations from one draw of a chain to the next.
    seed
        With it, the draws are always the same, whatever the number of threads.
    choices
        Parameters that have one of a few values, each with its prior probability.
    threads, tolerances
        As for :func:`~hepatica.inference.optimize.fit`.
    near
        What this function gave for a problem of the same parameters and starts, such as one with more data: the chains begin at draws
        of it, and the weights count for nothing.
    journal
        Open for writing; takes every iteration, and a run that was stopped goes on from it to the same result.
    progress
        Called with (iterations done, iterations).

    Returns
    -------
    xarray.DataTree
        As :func:`~hepatica.inference.sample.sample` gives it, but ``tempering``; ``sample_stats`` has ``mode``, the start that a draw
        belongs to, and ``iterations`` the mean probability of Hamiltonian moves, ``acceptance``, the share of jumps, ``jumped``, and
        the ``step``; attributes ``evaluations`` and ``failed``.

    Raises
    ------
    InputError
        When a parameter has no start, or a count is below one.
    ComputationError
        When no chain has a likelihood where it starts.
    """
    if min(draws, chains, warm, thin) < 1:
        raise InputError(
            f"{draws} draws of {chains} chains with {warm} warming iterations and a thinning of {thin} were asked for; expected one or "
            "more of each."
        )
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    space, counts = Space(problem.estimated, choices), Counts()
    modes = _modes(space, starts)
    share = np.ones(len(starts)) if weights is None else np.asarray(weights, float)
    if share.shape != (len(starts),) or not (np.isfinite(share).all() and (share >= 0.0).all() and share.sum() > 0.0):
        raise InputError(f"the weights {share.tolist()} do not fit {len(starts)} starts; give each one, zero or more.")
    share = share / share.sum()
    each = -(-draws // chains)
    total = warm + each * thin
    begun = 0 if journal is None else journal.count(STREAM)
    kept: list[tuple[Cloud, NDArray[np.int64]]] = []
    rates: list[tuple[float, float]] = []
    steps: list[float] = []
    state: State | None = None
    for iteration in range(total + 1):
        if journal is not None and iteration < begun:
            entry = journal.entry(STREAM, iteration)
            state, rate = (
                _unpacked(space, modes, entry, state, counts),
                (float(entry["rates"][0]), float(entry["rates"][1])),
            )
        else:
            random = np.random.Generator(np.random.Philox(key=[seed, iteration]))
            if state is None:
                state, rate = _begin(space, likelihood, modes, share, chains, random, counts, near), (np.nan, np.nan)
            else:
                rate = _advance(space, likelihood, modes, state, random, iteration, warm, counts)
            if journal is not None:
                journal.append(STREAM, iteration, _packed(state, rate, counts))
        rates.append(rate)
        steps.append(state.step)
        if iteration > warm and (iteration - warm) % thin == 0:
            kept.append((state.cloud, state.mode))
        if progress is not None:
            progress(iteration, total)
    prior = prior_draws(problem, chains * each, seed=seed, choices=choices)
    tree = _tree(problem, likelihood, kept, rates, steps, prior, counts)
    tree.attrs["choices"] = [problem.estimated[k].id for k in space.chosen]
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """The starts: coordinates (mode, free), choices (mode, chosen), and logarithms of the prior probability of each."""

    z: Array
    picked: NDArray[np.int64]
    prior: Array


def _modes(space: Space, starts: Sequence[Mapping[str, float]]) -> Modes:
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
        z.append(_coordinates(space, x, picked[-1]))
    same = np.array([sum(np.array_equal(p, q) for q in picked) for p in picked])
    prior = -np.log(same)
    for j, (_, weights) in enumerate(space.values):
        prior += np.log(weights)[[p[j] for p in picked]]
    return Modes(z=np.array(z), picked=np.array(picked), prior=prior)


def _begin(
    space: Space, likelihood: Likelihood, modes: Modes, share: Array, chains: int, random: np.random.Generator, counts: Counts,
    near: xr.DataTree | None,
) -> State:  # fmt: skip
    """Draw the first points around the starts, or take them from draws nearby."""
    if near is None:
        mode = np.searchsorted(np.cumsum(share)[:-1], (np.arange(chains) + random.random()) / chains, side="right")
        first = np.unique(mode)
        metric = _metric(space, likelihood, modes.z[first[:INFORMED]], modes.picked[first[:INFORMED]], counts)
    else:
        z, mode = _draws_of(space, modes, near, chains)
        metric = _metric(space, likelihood, z[:INFORMED], modes.picked[mode[:INFORMED]], counts)
    if metric is None:
        raise ComputationError("no start of the chains could be simulated; start from a fit of the same problem.")
    if near is None:
        z = modes.z[mode] + random.normal(size=(chains, modes.z.shape[1])) @ metric.T
    cloud = cloud_at(space, likelihood.gradient, z, modes.picked[mode], counts)
    alive = np.flatnonzero(np.isfinite(cloud.value))
    if not len(alive):
        raise ComputationError("no chain could be simulated where it starts; start from a fit of the same problem.")
    dead = np.flatnonzero(~np.isfinite(cloud.value))
    rows = np.arange(chains)
    rows[dead] = alive[np.arange(len(dead)) % len(alive)]
    return State(cloud=cloud.take(rows), mode=mode[rows], metric=metric, step=FIRST_STEP)


def _draws_of(space: Space, modes: Modes, near: xr.DataTree, chains: int) -> tuple[Array, NDArray[np.int64]]:
    """Coordinates and starts of draws, evenly from all that there are."""
    known, names = near["posterior"].to_dataset(), [e.id for e in space.estimates]
    if missing := [n for n in names if n not in known.data_vars]:
        raise InputError(f"the draws nearby have no parameter '{missing[0]}'; give draws of the same parameters.")
    mode = near["sample_stats"]["mode"].transpose("draw", "chain").values.ravel()
    if mode.max(initial=0) >= len(modes.z):
        raise InputError(f"the draws nearby have {mode.max() + 1} starts, not {len(modes.z)}; give the same starts.")
    rows = np.linspace(0, len(mode) - 1, chains).round().astype(int)
    x = np.stack([known[n].transpose("draw", "chain").values.ravel()[rows] for n in names], axis=-1)
    picked = modes.picked[mode[rows]]
    return np.array([_coordinates(space, at, p) for at, p in zip(x, picked, strict=True)]), mode[rows]


def _advance(
    space: Space, likelihood: Likelihood, modes: Modes, state: State, random: np.random.Generator, iteration: int, warm: int,
    counts: Counts,
) -> tuple[float, float]:  # fmt: skip
    """Make one iteration, in place; gives the rates of acceptance."""
    cloud, accepted = move(space, likelihood.gradient, state.cloud, 1.0, state.metric, state.step, random, counts)
    rate, jumped = float(accepted.mean()), np.nan
    if iteration <= warm:
        state.step = adapted(state.step, rate)
    if len(modes.z) > 1:
        cloud, jumped = _jump(space, likelihood, modes, state, cloud, random, counts)
    state.cloud, state.fresh = cloud, False
    if iteration < warm:
        state.past.append((cloud.z - modes.z[state.mode], cloud.slope - cloud.z))
        every = max(1, warm // (REFRESH + 1))
        if iteration % every == 0:
            metric = None
            if iteration < LEARNT * every:
                rows = random.permutation(len(cloud.z))[:INFORMED]
                metric = _metric(space, likelihood, cloud.z[rows], cloud.picked[rows], counts)
            else:
                metric = _learnt(state, every)
            if metric is not None:
                state.metric, state.fresh = metric, True
    else:
        state.past.clear()
    return rate, jumped


def _jump(
    space: Space, likelihood: Likelihood, modes: Modes, state: State, cloud: Cloud, random: np.random.Generator, counts: Counts
) -> tuple[Cloud, float]:  # fmt: skip
    """Propose to every chain the same place relative to another start (Metropolis; a shift, so that volumes stay)."""
    rows = np.arange(len(cloud.z))
    chance = _proposals(modes.picked)
    z, mode, value, jumped = cloud.z.copy(), state.mode.copy(), cloud.value.copy(), np.zeros(len(rows), bool)
    for _ in range(JUMPS):
        ladder = chance[mode].cumsum(axis=1)
        new = (ladder > ladder[:, -1:] * random.random((len(rows), 1))).argmax(axis=1)
        accept = np.log(random.random(len(rows)))
        there = z - modes.z[mode] + modes.z[new]
        proposed = likelihood(space.points(there, modes.picked[new])[0])
        counts.evaluations += len(rows)
        counts.failed += int((~np.isfinite(proposed)).sum())
        proposed = np.where(np.isfinite(proposed), proposed, -np.inf)
        change = proposed - value + modes.prior[new] - modes.prior[mode] + np.log(chance[new, mode] / chance[mode, new])
        taken = accept < change + 0.5 * ((z**2).sum(axis=1) - (there**2).sum(axis=1))
        z[taken], mode[taken], value[taken] = there[taken], new[taken], proposed[taken]
        jumped |= taken
    moved = np.flatnonzero(jumped)
    if len(moved):
        fresh = cloud_at(space, likelihood.gradient, z[moved], modes.picked[mode[moved]], counts)
        fine = np.isfinite(fresh.value)  # a place without derivatives is left again
        back = np.zeros(len(rows), np.int64)
        back[moved] = np.arange(len(moved))
        jumped[moved[~fine]] = False
        cloud = cloud.where(fresh.take(back), jumped)
    state.mode = np.where(jumped, mode, state.mode)
    return cloud, float(jumped.mean())


def _proposals(picked: NDArray[np.int64]) -> Array:
    """Give the probability of proposing each start from each other: half to any, half to those that differ in one choice at most."""
    count = len(picked)
    others = 1.0 - np.eye(count)
    near = others * ((picked[:, None] != picked).sum(axis=-1) <= 1)
    degree = near.sum(axis=1, keepdims=True)
    anywhere = others / (count - 1)
    return np.where(degree > 0, 0.5 * anywhere + 0.5 * near / np.maximum(degree, 1.0), anywhere)


def _coordinates(space: Space, x: Array, picked: NDArray[np.int64]) -> Array:
    """Give the coordinates of a point, all by bisection: each parameter grows with its own."""
    low, high = np.full(len(space.free), -8.0), np.full(len(space.free), 8.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = space.points(middle[None], picked[None])[0][0, space.free] < x[space.free]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


def _metric(space: Space, likelihood: Likelihood, z: Array, picked: NDArray[np.int64], counts: Counts) -> Array | None:
    """Give the factor that whitens a normal posterior with the mean information of some points; nothing when all fail."""
    x, slope = space.points(z, picked)
    known = likelihood.curvature(x)[2][:, space.free][:, :, space.free] * slope[:, :, None] * slope[:, None, :]
    counts.evaluations += len(z)
    fine = np.isfinite(known).all(axis=(1, 2))
    if not fine.any():
        return None
    mean = known[fine].mean(axis=0) + np.eye(known.shape[1])
    mean = np.tril(mean) + np.tril(mean, -1).T
    # the inverse of the transposed factor of the precision: C C' is the covariance
    whitening: Array = np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(mean)).T)
    return whitening


def _learnt(state: State, after: int) -> Array:
    """Give the metric of the draws and gradients after some iterations, as far as they differ from the metric they were made with."""
    z, g = (np.concatenate(parts) for parts in zip(*state.past[after:], strict=True))
    factor = whitening(np.linalg.solve(state.metric, z.T).T, g @ state.metric, np.full(len(z), 1.0 / len(z)), REGULAR)
    return np.asarray(state.metric @ factor)


def _packed(state: State, rate: tuple[float, float], counts: Counts) -> dict[str, Array | NDArray[np.int64]]:
    cloud = state.cloud
    return {
        "mode": state.mode, "z": cloud.z, "picked": cloud.picked, "value": cloud.value, "slope": cloud.slope,
        "metric": state.metric if state.fresh else np.zeros((0, 0)),
        "step": np.array([state.step]), "rates": np.array(rate), "counts": np.array([counts.evaluations, counts.failed]),
    }  # fmt: skip


def _unpacked(
    space: Space, modes: Modes, entry: Mapping[str, NDArray[Any]], before: State | None, counts: Counts
) -> State:  # fmt: skip
    z, picked = entry["z"], entry["picked"]
    counts.evaluations, counts.failed = (int(c) for c in entry["counts"])
    cloud = Cloud(z=z, picked=picked, x=space.points(z, picked)[0], value=entry["value"], slope=entry["slope"])
    metric = before.metric if before is not None and not entry["metric"].size else entry["metric"]
    past = [] if before is None else [*before.past, (z - modes.z[entry["mode"]], entry["slope"] - z)]
    return State(cloud=cloud, mode=entry["mode"], metric=metric, step=float(entry["step"][0]), past=past)


def _tree(
    problem: Problem, likelihood: Likelihood, kept: Sequence[tuple[Cloud, NDArray[np.int64]]], rates: Sequence[tuple[float, float]],
    steps: Sequence[float], prior: Array, counts: Counts,
) -> xr.DataTree:  # fmt: skip
    """Everything as ArviZ has it."""
    x = np.stack([c.x for c, _ in kept], axis=1)
    value = np.stack([c.value for c, _ in kept], axis=1)
    points = x.reshape(-1, x.shape[-1])
    before = log_prior(points, likelihood.linear(points), likelihood.factors, problem.estimated)[0].reshape(value.shape)
    measured = pointwise(likelihood, points).reshape(*value.shape, -1)
    both = ("chain", "draw")
    stats = {
        "lp": (both, value + before), "log_likelihood_sum": (both, value), "mode": (both, np.stack([m for _, m in kept], axis=1)),
    }  # fmt: skip
    coords = {"chain": range(x.shape[0]), "draw": range(x.shape[1])}
    tree = xr.DataTree.from_dict(
        {
            "posterior": draws_dataset(problem, x),
            "prior": draws_dataset(problem, prior.reshape(*x.shape)),
            "sample_stats": xr.Dataset(stats, coords=coords),
            "iterations": xr.Dataset(
                {
                    "acceptance": ("iteration", np.array([a for a, _ in rates])),
                    "jumped": ("iteration", np.array([j for _, j in rates])),
                    "step": ("iteration", np.array(steps)),
                }
            ),
            "log_likelihood": xr.Dataset(
                {"measurement": ((*both, "row"), measured)}, coords=coords | measurements(problem)
            ),
            "observed_data": xr.Dataset({"measurement": ("row", problem.values)}, coords=measurements(problem)),
        }
    )
    tree.attrs |= {
        "problem": problem.id, "digest": problem.digest, "evaluations": counts.evaluations, "failed": counts.failed,
        "inference_library": "hepatica", "inference_library_version": version("hepatica"),
    }  # fmt: skip
    return tree
