"""Fits of a calibration: the first one, and every wiring from its best point, weighed by the data; chains around them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.calibration.read import Calibration
from hepatica.errors import ComputationError
from hepatica.inference.chains import sample_near
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import Posterior, fit
from hepatica.inference.places import JOURNAL
from hepatica.inference.problem import Problem
from hepatica.library import load_wirings
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

TOLERANCES = Tolerances(rtol=1e-4)
"""Model error is 20 % and more: more accurate runs change no digit that is shown, and cost twice as much."""
MOST, MOST_WIRED = 40, 12
"""Points of the first fit, and of the fits of other wirings from there: the chains only need to know about where they are."""


def fit_wirings(
    problem: Problem, prior: Mapping[str, float], folder: Path, header: dict[str, str], *, starts: int, seed: int, threads: int = 1,
    resume: bool = False, progress: Progress | None = None,
) -> tuple[pd.DataFrame, xr.DataArray]:  # fmt: skip
    """Fit a problem, and then every wiring from its best point.

    Parameters
    ----------
    problem
        Its wirings are fixed.
    prior
        Probability of each wiring before the data.
    folder, header, resume
        Where the journals are, what run they belong to, and whether what was stopped goes on.
    starts, seed, threads
        As for :func:`~hepatica.inference.optimize.fit`.
    progress
        Called with (stage, done, total).

    Returns
    -------
    DataFrame, DataArray
        ``fits`` and ``best`` of :class:`~hepatica.calibration.run.Calibrated`.

    Raises
    ------
    ComputationError
        When nothing could be fitted.
    """
    with Journal.open(folder / JOURNAL / "fit", header | {"what": "first fit"}, resume=resume) as journal:
        found = fit(
            problem, starts=starts, seed=seed, threads=threads, tolerances=TOLERANCES, first=problem.nominal[None], most=MOST,
            journal=journal, progress=None if progress is None else lambda done, total: progress("fitting", done, total),
        )  # fmt: skip
    if not np.isfinite(found["objective"].values[0]):
        raise ComputationError(f"calibration '{problem.id}' could not be fitted: {found['message'].values[0]}.")
    first = found["x"].values[:1]
    table, best = [], []
    combinations = list(product((0.0, 1.0), repeat=len(prior)))
    for k, values in enumerate(combinations):
        wired = _wired(problem, dict(zip(prior, values, strict=True)))
        name = "".join(f"{v:g}" for v in values)
        with Journal.open(
            folder / JOURNAL / f"wiring-{name}", header | {"what": f"wiring {name}"}, resume=resume
        ) as journal:
            one = fit(
                wired, starts=1, seed=seed, threads=threads, tolerances=TOLERANCES, first=first, most=MOST_WIRED, journal=journal
            )  # fmt: skip
        x = one["x"].values[0]
        row = dict(zip(prior, values, strict=True)) | {"objective": float(one["objective"].values[0])}
        table.append(row | {"log_evidence": _evidence(wired, x, threads)})
        best.append(x)
        if progress is not None:
            progress("wirings", k + 1, len(combinations))
    fits = pd.DataFrame(table)
    fits["probability"] = _probabilities(fits, prior)
    points = xr.DataArray(np.array(best), dims=("wiring", "parameter"), coords={"parameter": found["parameter"].values})
    return fits, points


def wiring_prior(calibration: Calibration) -> dict[str, float]:
    """Give the prior probability of each wiring that the data may decide."""
    known = {w.parameter: w.probability for w in load_wirings(calibration.problem.model.id)}
    return {name: known[name] for name in calibration.wirings}


def run_header(problem: Problem, *, seed: int, **settings: int) -> dict[str, str]:
    """Give what a journal of a run says of it."""
    return {
        "problem": problem.digest, "seed": str(seed), "tolerances": str(TOLERANCES), "hepatica": version("hepatica"),
        "numpy": np.__version__,
    } | {name: str(value) for name, value in settings.items()}  # fmt: skip


def sample_wirings(
    calibration: Calibration, fits: pd.DataFrame, points: xr.DataArray, *, without: Sequence[str], draws: int, chains: int, warm: int,
    thin: int, seed: int, threads: int, journal: Journal, progress: Callable[[int, int], None] | None = None,
    near: xr.DataTree | None = None,
) -> xr.DataTree:  # fmt: skip
    """Sample the posterior around the fits of all wirings; parameters and result as :func:`~hepatica.inference.chains.sample_near`."""
    names = [str(n) for n in points["parameter"].values]
    starts = [
        dict(zip(names, map(float, x), strict=True)) | {w: float(row[w]) for w in calibration.wirings}
        for x, (_, row) in zip(points.values, fits.iterrows(), strict=True)
    ]
    return sample_near(
        calibration.of("fit", without=without, wirings="estimated"), starts, weights=fits["probability"].to_numpy(), draws=draws,
        chains=chains, warm=warm, thin=thin, seed=seed, choices={w: {0.0: 1.0 - p, 1.0: p} for w, p in wiring_prior(calibration).items()},
        threads=threads, tolerances=TOLERANCES, near=near, journal=journal, progress=progress,
    )  # fmt: skip


def _wired(problem: Problem, values: Mapping[str, float]) -> Problem:
    return replace(
        problem, parameters=tuple(replace(p, nominal=values[p.id]) if p.id in values else p for p in problem.parameters)
    )


def _evidence(problem: Problem, x: Array, threads: int) -> float:
    """Log-evidence by Laplace's approximation, with the Fisher information."""
    if not np.isfinite(x).all():
        return -np.inf
    value, _, known = Posterior(Likelihood(problem, tolerances=TOLERANCES, threads=threads))(x[None])
    sign, size = np.linalg.slogdet(known[0])
    return float(-value[0] + 0.5 * len(x) * np.log(2.0 * np.pi) - 0.5 * size) if sign > 0 else -np.inf


def _probabilities(fits: pd.DataFrame, prior: Mapping[str, float]) -> Array:
    log = fits["log_evidence"].to_numpy(float).copy()
    for name, p in prior.items():
        log += np.log(np.where(fits[name] > 0.5, p, 1.0 - p))
    share = np.exp(log - log.max())
    return np.asarray(share / share.sum())
