"""Draws from the posterior of a problem, as ArviZ lays them out.

Own code rather than a library, because samplers that can be fed in batches want the likelihood in their own language (blackjax, numpyro,
nutpie: JAX or Numba), know no gradients (emcee, particles, dynesty), or have another licence (pocoMC: GPL); the method fits in
``tempering`` and ``hamiltonian``.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.inference.hamiltonian import Cloud, Evaluate
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Problem
from hepatica.inference.replay import Replay
from hepatica.inference.space import Choices, Space, prior_draws
from hepatica.inference.tempering import Stage, temper
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

TOGETHER = 128
"""Points of one batch, and of one entry of the journal."""
PERCENT = 100


def sample(
    problem: Problem, *, draws: int = 2000, chains: int = 4, particles: int = 256, choices: Choices | None = None, seed: int = 1,
    threads: int = 1, tolerances: Tolerances | None = None, keep: float = 0.5, thin: int = 2, journal: Journal | None = None,
    progress: Progress | None = None,
) -> xr.DataTree:  # fmt: skip
    """Draw from the posterior of a problem by tempered sequential Monte Carlo with Hamiltonian moves.

    Every chain is a run of its own from the prior to the posterior, so that they agree only when all have found the same. A point that
    cannot be simulated has no likelihood and is counted.

    Parameters
    ----------
    problem
        What is fitted. A parameter without prior is uniform on its scale, between its bounds; priors are cut off at the bounds.
    draws
        How many at least, of all chains together.
    chains, particles
        Independent runs, and the particles of each: better several times more than parameters. More chains may be added later.
    choices
        Parameters that have one of a few values (rival wirings: 0 or 1), each value with its prior probability:
        ``{"wiring_paradox": {0.0: 0.5, 1.0: 0.5}}``.
    seed, threads, tolerances
        Of random numbers; of the engine. The result does not depend on the number of threads.
    keep
        Share of the particles that stays effective from one power of the likelihood to the next: less is faster, more is safer.
    thin
        Moves between the draws that one particle gives.
    journal
        Open for writing, with :func:`sample_header`; takes every evaluation and the particles after each stage. A run that was
        stopped goes on from it to the same bits.
    progress
        Called with (done, all) in hundredths of a chain.

    Returns
    -------
    xarray.DataTree
        ``posterior`` and ``prior``: (chain, draw) for each estimated parameter, **on its scale**, which the attribute ``scale``
        names. ``sample_stats``: ``lp``, log-likelihood plus log-prior, and ``log_likelihood_sum``. ``tempering``: what happened
        at each stage, (chain, stage), and ``log_evidence`` (chain). ``log_likelihood`` and ``observed_data`` have
        ``measurement``, (chain, draw, row) and (row). Relatives are neighbours among the draws, so that autocorrelations tell of them.

    Raises
    ------
    InputError
        When a parameter has neither prior nor finite bounds, or the settings cannot be used.
    ComputationError
        When none of the prior's draws can be simulated.
    """
    for name, number, least in (
        ("draws", draws, 1),
        ("chains", chains, 1),
        ("particles", particles, 4),
        ("thin", thin, 1),
    ):
        if number < least:
            raise InputError(f"{number} {name} were asked for; expected {least} or more.")
    if not 0.0 < keep < 1.0:
        raise InputError(f"the share of particles to keep is {keep:g}; expected more than 0 and less than 1.")
    space = Space(problem.estimated, choices)
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    rounds = -(-draws // (chains * particles))
    stages: list[list[Stage]] = []
    kept: list[list[Cloud]] = []
    for chain in range(chains):
        evaluate = _evaluator(likelihood, None if journal is None else Replay(journal, f"chain {chain}"))
        made, clouds = temper(
            space, evaluate, particles=particles, rounds=rounds, thin=thin, keep=keep,
            random=np.random.Generator(np.random.Philox(key=[seed, chain])), report=_reporter(journal, progress, chain, chains, rounds),
        )  # fmt: skip
        stages.append(made)
        kept.append(clouds)
    return _tree(
        problem, likelihood, space, stages, kept, prior_draws(problem, chains * particles, seed=seed, choices=choices)
    )


def sample_header(
    problem: Problem, *, seed: int = 1, particles: int = 256, choices: Choices | None = None, tolerances: Tolerances | None = None,
    keep: float = 0.5, thin: int = 2,
) -> dict[str, str]:  # fmt: skip
    """Give what makes a run of :func:`sample` what it is, as the header of its journal; draws and chains may grow."""
    return {
        "what": "sample", "problem": problem.digest, "seed": str(seed), "particles": str(particles), "keep": str(keep),
        "thin": str(thin), "choices": repr({k: dict(v) for k, v in (choices or {}).items()}), "tolerances": str(tolerances),
        "hepatica": version("hepatica"), "numpy": np.__version__, "scipy": version("scipy"),
    }  # fmt: skip


def _evaluator(likelihood: Likelihood, replay: Replay | None) -> Evaluate:
    """Log-likelihood and gradient in batches, from the journal as far as it goes.

    Gradients have single precision: any function of the point serves the moves, and the journal has half the size. The points are kept
    as their digest.
    """

    def fresh(points: Array) -> dict[str, NDArray[Any]]:
        value, gradient = likelihood.gradient(points)
        with np.errstate(over="ignore"):
            return {"value": value, "gradient": gradient.astype(np.float32)}

    def one(points: Array) -> dict[str, NDArray[Any]]:
        if replay is None:
            return fresh(points)
        name = np.frombuffer(sha256(np.ascontiguousarray(points).tobytes()).digest(), np.uint8)
        return replay.call(name, lambda _name: fresh(points))

    def evaluate(points: Array) -> tuple[Array, Array]:
        found = [one(points[k : k + TOGETHER]) for k in range(0, len(points), TOGETHER)]
        value = np.concatenate([f["value"] for f in found])
        return value, np.concatenate([f["gradient"] for f in found]).astype(float)

    return evaluate


def _reporter(
    journal: Journal | None, progress: Progress | None, chain: int, chains: int, rounds: int
) -> Callable[[Stage, Cloud], None]:
    """What happens after each stage: it is recorded, and progress is told."""
    seen: list[Stage] = []

    def report(stage: Stage, cloud: Cloud) -> None:
        if journal is not None:
            arrays: Mapping[str, Any] = asdict(stage) | {"points": cloud.x, "value": cloud.value}
            journal.append(f"chain {chain} stages", len(seen), arrays)
        seen.append(stage)
        if progress is not None:
            last = sum(s.beta == 1.0 for s in seen)
            way = 80.0 * stage.beta**0.25 if not last else 80.0 + 20.0 * last / (rounds + 1)
            progress(round(PERCENT * chain + way), PERCENT * chains)

    return report


def _tree(
    problem: Problem,
    likelihood: Likelihood,
    space: Space,
    stages: list[list[Stage]],
    kept: list[list[Cloud]],
    prior: Array,
) -> xr.DataTree:
    """Everything as ArviZ has it; the particle comes before its rounds, so that relatives are neighbours."""
    chains = len(kept)
    x = np.array([[cloud.x for cloud in clouds] for clouds in kept]).swapaxes(1, 2)
    value = np.array([[cloud.value for cloud in clouds] for clouds in kept]).swapaxes(1, 2).reshape(chains, -1)
    x = np.ascontiguousarray(x).reshape(chains, -1, x.shape[-1])
    points = x.reshape(-1, x.shape[-1])
    before = log_prior(points, likelihood.linear(points), likelihood.factors, problem.estimated)[0].reshape(value.shape)
    measured = pointwise(likelihood, points).reshape(*value.shape, -1).astype(np.float32)
    stats = {"lp": (("chain", "draw"), value + before), "log_likelihood_sum": (("chain", "draw"), value)}
    groups = {
        "posterior": draws_dataset(problem, x), "prior": draws_dataset(problem, prior.reshape(chains, -1, x.shape[-1])),
        "sample_stats": xr.Dataset(stats, coords={"chain": range(chains), "draw": range(x.shape[1])}),
        "tempering": _stages(stages),
        "log_likelihood": xr.Dataset(
            {"measurement": (("chain", "draw", "row"), measured)},
            coords={"chain": range(chains), "draw": range(x.shape[1]), **measurements(problem)},
        ),
        "observed_data": xr.Dataset({"measurement": ("row", problem.values)}, coords=measurements(problem)),
    }  # fmt: skip
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {
        "problem": problem.id, "digest": problem.digest, "particles": kept[0][0].x.shape[0],
        "choices": [problem.estimated[k].id for k in space.chosen], "inference_library": "hepatica",
        "inference_library_version": version("hepatica"),
    }  # fmt: skip
    return tree


def draws_dataset(problem: Problem, x: Array) -> xr.Dataset:
    """Give draws (chain, draw, estimated) as one variable for each parameter, with its scale and bounds as attributes."""
    variables = {
        p.id: (("chain", "draw"), x[:, :, k], {"scale": p.scale, "lower": p.lower, "upper": p.upper})
        for k, p in enumerate(problem.estimated)
    }
    return xr.Dataset(variables, coords={"chain": range(x.shape[0]), "draw": range(x.shape[1])})


def points_of(problem: Problem, tree: xr.DataTree, group: str = "posterior") -> Array:
    """Give the draws of a tree as points, shape (chain, draw, estimated), on the parameters' scales."""
    return np.stack([tree[group][p.id].transpose("chain", "draw").values for p in problem.estimated], axis=-1)


def measurements(problem: Problem) -> dict[str, tuple[str, list[str] | Array]]:
    """Give trial, observable and time of each measurement, as coordinates along ``row``."""
    return {
        "trial": ("row", [problem.trials[k].id for k in problem.trial]),
        "observable": ("row", [problem.observables[k].id for k in problem.observable]),
        "time": ("row", problem.times),
    }


def pointwise(likelihood: Likelihood, points: Array) -> Array:
    """Give the log-likelihood of each measurement, shape (point, measurement)."""
    parts = [likelihood.pointwise(points[k : k + TOGETHER]) for k in range(0, len(points), TOGETHER)]
    return np.concatenate(parts)


def _stages(stages: list[list[Stage]]) -> xr.Dataset:
    """What happened, padded with NaN to the longest chain."""
    longest = max(map(len, stages))
    names = list(asdict(stages[0][0]))
    table = {n: np.full((len(stages), longest), np.nan) for n in names}
    for c, made in enumerate(stages):
        for k, stage in enumerate(made):
            for name, number in asdict(stage).items():
                table[name][c, k] = number
    data: dict[str, Any] = {n: (("chain", "stage"), t) for n, t in table.items()}
    data["log_evidence"] = ("chain", np.array([made[-1].evidence for made in stages]))
    return xr.Dataset(data, coords={"chain": range(len(stages)), "stage": range(longest)})
