"""Posterior sampling from a fit: many Hamiltonian chains in lockstep, with a metric from Fisher informations.

For problems of hundreds of parameters with priors, where a fit finds the mode in minutes and particles that come from the prior
would need days: the chains start from a normal approximation around the fit. They share step size and metric, which are adapted
while they warm up and then kept. Several starts are several modes, of one wiring or of rival ones: a chain jumps between them (see
:mod:`hepatica.inference.jumps`), so that wirings are weighed by the data. Parameters that only some trials know are also moved by
themselves (:mod:`hepatica.inference.blocks`). What is far from every start is not found: that is what multi-start fits are for.

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
from hepatica.inference.blocks import FIRST_STEP as BLOCK_STEP
from hepatica.inference.blocks import Block, block_metric, make_blocks, move_blocks
from hepatica.inference.hamiltonian import Cloud, Counts, adapted, cloud_at, move, whitening
from hepatica.inference.journal import Journal
from hepatica.inference.jumps import Modes, jump, no_tally, proposals
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Problem
from hepatica.inference.sample import draws_dataset, measurements, pointwise
from hepatica.inference.space import Choices, Space, coordinates, prior_draws
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

FIRST_STEP = 0.1
TURN = 2.4
"""Mean length of a trajectory, in standard deviations: long for a direction that the metric fits, but some are several times as wide."""
ACCEPTED = 0.75
"""Acceptance that steps are adapted to from move to move; with their mean size about four fifths are accepted."""
REFRESH = 4
"""How often the metric is made anew while the chains warm up: first from Fisher informations, from ``LEARNT`` on from draws too."""
LEARNT = 3
REGULAR = 0.05
"""How much of the metric of informations remains in that of draws."""
INFORMED = 16
"""Chains whose information a metric is the mean of."""
ROUNDS = 2
"""How often each block moves in an iteration: a few amounts of a line are all that mixes slowly, and such a move costs little."""
STREAM = "chains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What does not change while chains run."""

    space: Space
    likelihood: Likelihood
    modes: Modes
    blocks: Sequence[Block]
    counts: Counts
    metric: Array | None
    """Of the move of all parameters, where it is known from draws nearby."""


@dataclass(slots=True, kw_only=True)
class State:
    """Where the chains are: particles, the start of each, whitening factors (move, free, free), whether they are new, size of steps.

    The first move is of all parameters, the others are of blocks. Jumps are proposed with a chance (mode, mode). While the chains warm
    up, also how many jumps were tried and taken (kind, 2), where the chains were, as (places relative to their starts, gradients of
    the log-density), and the logarithms of the sizes of steps since the metrics were made anew.
    """

    cloud: Cloud
    mode: NDArray[np.int64]
    metrics: Array
    steps: Array
    chance: Array
    tally: Array
    fresh: bool = True
    past: list[tuple[Array, Array]] = field(default_factory=list)
    tried: list[Array] = field(default_factory=list)

    def note_steps(self) -> None:
        """Note the sizes of steps; those of earlier metrics count no more."""
        if self.fresh:
            self.tried.clear()
        self.tried.append(np.log(self.steps))


Rates = tuple[float, float, float]
"""Of an iteration: mean probability of acceptance of Hamiltonian moves, share of jumps, mean probability of acceptance in blocks."""


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
        of it and keep its metric, and the weights count for nothing.
    journal
        Open for writing; takes every iteration, and a run that was stopped goes on from it to the same result.
    progress
        Called with (iterations done, iterations).

    Returns
    -------
    xarray.DataTree
        As :func:`~hepatica.inference.sample.sample` gives it, but ``tempering``; ``sample_stats`` has ``mode``, the start that a draw
        belongs to, and ``iterations`` the mean probability of Hamiltonian moves, ``acceptance``, the share of jumps, ``jumped``, and
        the ``step``, and the same probability of moves in blocks, ``in_blocks``; ``moves`` has the metric and the step that were learnt;
        attributes ``evaluations`` and ``failed``.

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
    space, counts = Space(problem.estimated, choices), Counts()
    modes = Modes(space, starts)
    share = np.ones(len(starts)) if weights is None else np.asarray(weights, float)
    if share.shape != (len(starts),) or not (np.isfinite(share).all() and (share >= 0.0).all() and share.sum() > 0.0):
        raise InputError(f"the weights {share.tolist()} do not fit {len(starts)} starts; give each one, zero or more.")
    share = share / share.sum()
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    blocks = make_blocks(problem, choices or (), tolerances=tolerances, threads=threads)
    known = None if near is None else _known_metric(space, near)
    setting = Setting(space=space, likelihood=likelihood, modes=modes, blocks=blocks, counts=counts, metric=known)
    each = -(-draws // chains)
    total = warm + each * thin
    begun = 0 if journal is None else journal.count(STREAM)
    if len(modes) > 1:
        modes.prepare(space, likelihood, counts)
    kept: list[tuple[Cloud, NDArray[np.int64]]] = []
    rates: list[Rates] = []
    steps: list[float] = []
    state: State | None = None
    for iteration in range(total + 1):
        if journal is not None and iteration < begun:
            entry = journal.entry(STREAM, iteration)
            state, rate = _unpacked(setting, entry, state)
        else:
            random = np.random.Generator(np.random.Philox(key=[seed, iteration]))
            if state is None:
                state, rate = _begin(setting, share, chains, random, near), (np.nan, np.nan, np.nan)
                state.note_steps()
            else:
                rate = _advance(setting, state, random, iteration, warm)
            if journal is not None:
                journal.append(STREAM, iteration, _packed(state, rate, counts))
        rates.append(rate)
        steps.append(float(state.steps[0]))
        if iteration > warm and (iteration - warm) % thin == 0:
            kept.append((state.cloud, state.mode))
        if progress is not None:
            progress(iteration, total)
    prior = prior_draws(problem, chains * each, seed=seed, choices=choices)
    tree = _tree(problem, likelihood, kept, rates, steps, prior, counts)
    if state is not None:
        tree["moves"] = xr.DataTree(_moves(space, state))
    tree.attrs["choices"] = [problem.estimated[k].id for k in space.chosen]
    return tree


def _begin(
    setting: Setting, share: Array, chains: int, random: np.random.Generator, near: xr.DataTree | None
) -> State:  # fmt: skip
    """Draw the first points around the starts, or take them from draws nearby."""
    space, modes, counts = setting.space, setting.modes, setting.counts
    if near is None:
        mode = np.searchsorted(np.cumsum(share)[:-1], (np.arange(chains) + random.random()) / chains, side="right")
        first = np.unique(mode)[:INFORMED]
        metrics = _metrics(setting, modes.z[first], modes.picked[first], None)
    else:
        z, mode = _draws_of(space, modes, near, chains)
        metrics = _metrics(setting, z[:INFORMED], modes.picked[mode[:INFORMED]], setting.metric)
    if metrics is None:
        raise ComputationError("no start of the chains could be simulated; start from a fit of the same problem.")
    if near is None:
        z = modes.z[mode] + random.normal(size=(chains, modes.z.shape[1])) @ metrics[0].T
    cloud = cloud_at(space, setting.likelihood.gradient, z, modes.picked[mode], counts)
    alive = np.flatnonzero(np.isfinite(cloud.value))
    if not len(alive):
        raise ComputationError("no chain could be simulated where it starts; start from a fit of the same problem.")
    dead = np.flatnonzero(~np.isfinite(cloud.value))
    rows = np.arange(chains)
    rows[dead] = alive[np.arange(len(dead)) % len(alive)]
    first_step = FIRST_STEP if near is None else float(near["moves"]["step"])
    steps = np.array([first_step, *(BLOCK_STEP for _ in setting.blocks)])
    tally = no_tally(modes)
    return State(
        cloud=cloud.take(rows),
        mode=mode[rows],
        metrics=metrics,
        steps=steps,
        chance=proposals(modes, tally),
        tally=tally,
    )


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
    return np.array([coordinates(space, at, p) for at, p in zip(x, picked, strict=True)]), mode[rows]


def _known_metric(space: Space, near: xr.DataTree) -> Array:
    """Give the metric of draws nearby for the parameters that remain."""
    if "moves" not in near:
        raise InputError("the draws nearby have no metric (group 'moves'); give what was sampled around fits.")
    metric, names = near["moves"].to_dataset()["metric"], [space.estimates[k].id for k in space.free]
    places = {str(n): k for k, n in enumerate(metric["coordinate"].values)}
    if missing := [n for n in names if n not in places]:
        raise InputError(f"the draws nearby have no parameter '{missing[0]}'; give draws of the same parameters.")
    some = metric.values[[places[n] for n in names]]
    return np.asarray(np.linalg.cholesky(some @ some.T))


def _advance(setting: Setting, state: State, random: np.random.Generator, iteration: int, warm: int) -> Rates:
    """Make one iteration, in place; gives its rates."""
    space, modes, counts, gradient = setting.space, setting.modes, setting.counts, setting.likelihood.gradient
    cloud, accepted = move(
        space, gradient, state.cloud, 1.0, state.metrics[0], float(state.steps[0]), random, counts, turn=TURN
    )
    rate, jumped, inside = float(accepted.mean()), np.nan, np.nan
    if iteration <= warm:
        state.steps[0] = adapted(float(state.steps[0]), rate, ACCEPTED)
    if len(modes) > 1:
        cloud, state.mode, jumped, tally = jump(
            space, setting.likelihood, modes, state.chance, cloud, state.mode, random, counts
        )
        if iteration < warm:
            state.tally = state.tally + tally
    if setting.blocks:
        steps = state.steps[1:]
        z, inside = move_blocks(
            space,
            setting.blocks,
            state.metrics[1:],
            steps,
            cloud,
            random,
            counts,
            adapt=iteration <= warm,
            rounds=ROUNDS,
        )
        moved = cloud_at(space, gradient, z, cloud.picked, counts)
        cloud = cloud.where(moved, np.isfinite(moved.value))
    state.cloud, state.fresh = cloud, False
    if iteration < warm:
        state.past.append((cloud.z - modes.z[state.mode], cloud.slope - cloud.z))
        every = max(1, warm // (REFRESH + 1))
        if iteration % every == 0:
            rows = random.permutation(len(cloud.z))[:INFORMED]
            learnt = setting.metric
            if learnt is None and iteration >= LEARNT * every:
                learnt = _learnt(state, every)
            metrics = _metrics(setting, cloud.z[rows], cloud.picked[rows], learnt)
            if metrics is not None:
                state.metrics, state.chance, state.fresh = metrics, proposals(modes, state.tally), True
    else:
        state.past.clear()
    if iteration < warm:
        state.note_steps()
    elif (
        iteration == warm and state.tried
    ):  # each size was adapted to a few random moves; their mean is right for most of them
        state.steps = np.exp(np.mean(state.tried, axis=0))
    return rate, jumped, inside


def _metrics(setting: Setting, z: Array, picked: NDArray[np.int64], learnt: Array | None) -> Array | None:
    """Give the factors of all moves at some points: that of all parameters, unless it was learnt, and those of blocks."""
    whole = learnt if learnt is not None else _metric(setting.space, setting.likelihood, z, picked, setting.counts)
    if whole is None:
        return None
    parts = [block_metric(setting.space, block, z, picked, setting.counts) for block in setting.blocks]
    return np.stack([whole, *(np.zeros_like(whole) if part is None else part for part in parts)])


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
    factor = whitening(
        np.linalg.solve(state.metrics[0], z.T).T, g @ state.metrics[0], np.full(len(z), 1.0 / len(z)), REGULAR
    )
    return np.asarray(state.metrics[0] @ factor)


def _moves(space: Space, state: State) -> xr.Dataset:
    """What the chains learnt about moving: a factor of the metric of all parameters, and the size of steps."""
    names = [space.estimates[k].id for k in space.free]
    both = ("coordinate", "direction")
    return xr.Dataset({"metric": (both, state.metrics[0]), "step": float(state.steps[0])}, coords={"coordinate": names})


def _packed(state: State, rate: Rates, counts: Counts) -> dict[str, Array | NDArray[np.int64]]:
    cloud = state.cloud
    return {
        "mode": state.mode, "z": cloud.z, "picked": cloud.picked, "value": cloud.value, "slope": cloud.slope,
        "metrics": state.metrics if state.fresh else np.zeros((0, 0, 0)), "tally": state.tally,
        "steps": state.steps, "rates": np.array(rate), "counts": np.array([counts.evaluations, counts.failed]),
    }  # fmt: skip


def _unpacked(setting: Setting, entry: Mapping[str, NDArray[Any]], before: State | None) -> tuple[State, Rates]:
    z, picked, counts = entry["z"], entry["picked"], setting.counts
    counts.evaluations, counts.failed = (int(c) for c in entry["counts"])
    cloud = Cloud(z=z, picked=picked, x=setting.space.points(z, picked)[0], value=entry["value"], slope=entry["slope"])
    tally = np.array(entry["tally"])
    if before is not None and not entry["metrics"].size:
        metrics, chance = before.metrics, before.chance
    else:
        metrics, chance = entry["metrics"], proposals(setting.modes, tally)
    past = [] if before is None else [*before.past, (z - setting.modes.z[entry["mode"]], entry["slope"] - z)]
    first, second, third = (float(r) for r in entry["rates"])
    state = State(
        cloud=cloud,
        mode=entry["mode"],
        metrics=metrics,
        steps=np.array(entry["steps"]),
        chance=chance,
        tally=tally,
        fresh=bool(entry["metrics"].size),
        past=past,
        tried=[] if before is None else before.tried,
    )
    state.note_steps()
    return state, (first, second, third)


def _tree(
    problem: Problem, likelihood: Likelihood, kept: Sequence[tuple[Cloud, NDArray[np.int64]]], rates: Sequence[Rates],
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
                    "acceptance": ("iteration", np.array([a for a, _, _ in rates])),
                    "jumped": ("iteration", np.array([j for _, j, _ in rates])),
                    "in_blocks": ("iteration", np.array([i for _, _, i in rates])),
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
