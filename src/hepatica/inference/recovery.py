"""Whether a sampler and its intervals are right, on studies whose truth is known.

Sources: S. Talts et al., arXiv:1804.06788 (simulation-based calibration: the rank of the truth among the draws is uniform);
S. R. Cook, A. Gelman and D. B. Rubin, J. Comput. Graph. Stat. 2006;15:675-692.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from hepatica.errors import ComputationError, InputError
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.predict import LEVELS, add_noise, inside, simulate_all
from hepatica.inference.problem import Problem
from hepatica.inference.sample import points_of, sample
from hepatica.inference.space import prior_draws
from hepatica.solver import Tolerances

Array = NDArray[np.float64]


def simulate_study(problem: Problem, truth: Array, *, seed: int = 1, tolerances: Tolerances | None = None) -> Problem:
    """Give a problem with measurements that were not made but drawn, none of them censored.

    Parameters
    ----------
    problem
        What is measured, and when.
    truth
        Parameters on their scales, shape (estimated,).
    seed
        Of the measurement noise.
    tolerances
        Of the integration.

    Raises
    ------
    ComputationError
        When the truth cannot be simulated.
    """
    expected, sigma = Likelihood(problem, tolerances=tolerances).simulate(np.asarray(truth, float)[None])
    values = add_noise(problem, expected, sigma, _random(seed, 0))[0]
    if not np.isfinite(values).all():
        raise ComputationError(
            "the parameters that a study was to be simulated with cannot be simulated; choose others."
        )
    return replace(problem, values=values, censored=None, limits=None)


def recover(
    problem: Problem, *, studies: int = 100, draws: int = 99, truths: Array | None = None, seed: int = 1, threads: int = 1,
    tolerances: Tolerances | None = None, progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:  # fmt: skip
    """Simulate studies, sample each, and see where the truth lies.

    Parameters
    ----------
    problem
        What is measured, and the priors; its measurements are not used.
    studies, draws
        How many, and the draws of each.
    truths
        Parameters on their scales, (study, estimated); drawn from the prior when ``None``, which calibration needs.
    seed, threads, tolerances
        Of everything that is random; of the engine.
    progress
        Called with (studies done, studies).

    Returns
    -------
    xarray.Dataset
        ``truth`` and ``rank`` (study, parameter): how many draws lie below it; ``inside`` (study, parameter, level): whether it
        lies in the central interval; ``predicted`` (study, level): the share of new measurements in their predictive
        intervals. A study that cannot be simulated or sampled is NaN.
    """
    points = prior_draws(problem, studies, seed=seed) if truths is None else np.asarray(truths, float)
    size = len(problem.estimated)
    if points.shape != (studies, size):
        raise InputError(f"the truths have the shape {points.shape}; expected ({studies}, {size}).")
    rank, covered = np.full((studies, size), np.nan), np.full((studies, size, len(LEVELS)), np.nan)
    predicted = np.full((studies, len(LEVELS)), np.nan)
    for k, truth in enumerate(points):
        try:
            study = simulate_study(problem, truth, seed=seed + k, tolerances=tolerances)
            tree = sample(
                study, draws=draws, chains=1, particles=draws, seed=seed + k, threads=threads, tolerances=tolerances
            )
        except ComputationError:
            continue  # stays NaN
        drawn = points_of(study, tree)[0]
        rank[k] = (drawn < truth).sum(axis=0)
        covered[k] = inside(drawn, truth).T
        likelihood, random = Likelihood(study, tolerances=tolerances, threads=threads), _random(seed + k, 1)
        new = add_noise(study, *likelihood.simulate(truth[None]), random)[0]
        predicted[k] = inside(add_noise(study, *simulate_all(likelihood, drawn), random), new).mean(axis=1)
        if progress is not None:
            progress(k + 1, studies)
    dims = ("study", "parameter")
    data = {
        "truth": (dims, points), "rank": (dims, rank), "inside": ((*dims, "level"), covered), "predicted": (("study", "level"), predicted),
    }  # fmt: skip
    coords = {"study": range(studies), "parameter": [p.id for p in problem.estimated], "level": list(LEVELS)}
    return xr.Dataset(data, coords=coords, attrs={"draws": draws})


def uniformity(found: xr.Dataset, *, bins: int = 10) -> xr.DataArray:
    """Give the probability of ranks as uneven as these, by parameter: a chi-square test.

    Parameters
    ----------
    found
        As :func:`recover` gives it.
    bins
        Equal parts of the ranks; the number of draws plus one should be a multiple.
    """
    ranks = found["rank"].values
    edges = np.linspace(0, found.attrs["draws"] + 1, bins + 1) - 0.5
    p = [stats.chisquare(np.histogram(r[np.isfinite(r)], edges)[0]).pvalue for r in ranks.T]
    return xr.DataArray(np.array(p), dims="parameter", coords={"parameter": found["parameter"]}, name="p_value")


def _random(seed: int, what: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 2**34 + what]))
