"""From a calibration to a posterior ensemble: fits of every wiring, chains around them, draws of the model's parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.calibration.compare import compare, summarise
from hepatica.calibration.determined import against_expected, determine
from hepatica.calibration.draws import taken, to_ensemble
from hepatica.calibration.read import ROLES, Calibration
from hepatica.calibration.wirings import TOLERANCES, fit_wirings, run_header, sample_wirings, wiring_prior
from hepatica.ensemble import Ensemble, write_ensemble
from hepatica.errors import StorageError
from hepatica.inference.diagnose import choice_probabilities, describe_samples
from hepatica.inference.journal import Journal
from hepatica.inference.places import JOURNAL

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

CHAINS, WARM, ITERATIONS = 4, 200, 600
"""A chain needs a dozen iterations and more to forget where it was: few long chains, and a metric learnt from a long way."""
COMPARED = 500
"""Draws that measurements are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a calibration gives.

    Parameters
    ----------
    fits
        One row for each wiring: its switches, ``objective`` (minus the log-posterior at the best point), ``log_evidence`` (Laplace) and
        ``probability`` from both and its prior, by which the chains begin.
    best
        Of each wiring the best point, on the parameters' scales (wiring, parameter).
    samples
        As :func:`~hepatica.inference.chains.sample_near` gives them.
    ensemble
        Draws of the model's parameters, of lines by themselves too.
    fitted, held_out
        Each measurement against its prediction, as :func:`~hepatica.calibration.compare.compare` gives it.
    determined
        How well each parameter is determined, as :func:`~hepatica.calibration.determined.determine` says it.
    expected
        The same of groups of parameters beside what was expected, as :func:`~hepatica.calibration.determined.against_expected` gives it.
    """

    fits: pd.DataFrame
    best: xr.DataArray
    samples: xr.DataTree
    ensemble: Ensemble
    fitted: pd.DataFrame
    held_out: pd.DataFrame
    determined: pd.DataFrame
    expected: pd.DataFrame


def calibrate(
    calibration: Calibration, out: str | Path, *, draws: int = 2000, starts: int = 4, seed: int = 1, threads: int = 1,
    without: Sequence[str] = (), chains: int = CHAINS, warm: int = WARM, iterations: int = ITERATIONS, resume: bool = False,
    progress: Progress | None = None, command: str = "",
) -> Calibrated:  # fmt: skip
    """Fit a calibration and sample its posterior; everything computed stays in a journal.

    Parameters
    ----------
    calibration
        From :func:`~hepatica.calibration.read.read_calibration`.
    out
        Folder for ``fits.tsv``, ``fitted.tsv``, ``held_out.tsv``, ``determined.tsv``, ``expected.tsv``, ``best.nc``, ``posterior.nc``,
        ``ensemble.nc`` and the journals.
    draws, starts, seed
        Draws of the ensemble; starts of the first fit, one from the model's values and the others from the priors; seed of both.
    threads
        Worker threads; the result does not depend on their number.
    without
        Data sets to leave out.
    chains, warm
        As for :func:`~hepatica.inference.chains.sample_near`.
    iterations
        Of each chain after it has warmed up, or as many more as the draws need; each is one of the draws in ``posterior.nc``.
    resume
        Whether what was stopped, or is to have more iterations, goes on.
    progress
        Called with (stage, done, total).
    command
        Is kept with the ensemble.

    Returns
    -------
    Calibrated
        Fits, samples and ensemble.

    Raises
    ------
    InputError
        When the folder holds another run.
    ComputationError
        When nothing could be fitted.
    StorageError
        When a file cannot be written.
    """
    folder = Path(out)
    header = run_header(calibration.of("fit", without=without, wirings="estimated"), seed=seed, starts=starts)
    fits, points = fit_wirings(
        calibration.of("fit", without=without), wiring_prior(calibration), folder, header, starts=starts, seed=seed, threads=threads,
        resume=resume, progress=progress,
    )  # fmt: skip
    _save_fits(fits, points, folder)
    header |= {"what": "chains", "chains": str(chains), "warm": str(warm)}
    with Journal.open(folder / JOURNAL / "chains", header, resume=resume) as journal:
        samples = sample_wirings(
            calibration, fits, points, without=without, draws=max(draws, chains * iterations), chains=chains, warm=warm, thin=1, seed=seed,
            threads=threads, journal=journal, progress=None if progress is None else lambda done, total: progress("sampling", done, total),
        )  # fmt: skip
    ensemble = to_ensemble(calibration, samples, draws=draws, seed=seed, command=command)
    chosen = taken(samples, min(draws, COMPARED))
    few = ensemble.select(np.arange(chosen.sizes["draw"]))
    told_of = {
        role: compare(calibration, chosen, few, role, tolerances=TOLERANCES, threads=threads, seed=seed)
        for role in ROLES
    }
    result = Calibrated(
        fits=fits, best=points, samples=samples, ensemble=ensemble, fitted=told_of["fit"], held_out=told_of["held-out"],
        determined=determine(calibration, samples, without=tuple(without), tolerances=TOLERANCES, threads=threads),
        expected=against_expected(calibration, samples),
    )  # fmt: skip
    _save(result, folder)
    return result


def describe_calibrated(result: Calibrated) -> list[str]:
    """Say in sentences how a calibration went: wirings, draws, and how well measurements are told."""
    lines = [*describe_samples(result.samples)]
    for name, values in choice_probabilities(result.samples).items():
        lines.append(f"{name}: probability {values.get(1.0, 0.0):.2f} after the data")
    for what, table in (("fitted", result.fitted), ("held out", result.held_out)):
        for row in summarise(table).itertuples():
            lines.append(
                f"{what}, {row.data_set}: {row.n} values, {row.within_50:.0%} in their 50 % and {row.within_90:.0%} in their 90 % "
                "intervals"
            )
    return lines


def _save_fits(fits: pd.DataFrame, points: xr.DataArray, folder: Path) -> None:
    try:
        fits.to_csv(folder / "fits.tsv", sep="\t", index=False)
        points.rename("x").to_netcdf(folder / "best.nc", engine="h5netcdf")
    except OSError as error:
        raise StorageError(f"the fits cannot be written to '{folder}' ({error}).") from error


def _save(result: Calibrated, folder: Path) -> None:
    tables = {
        "fitted": result.fitted, "held_out": result.held_out, "determined": result.determined, "expected": result.expected
    }  # fmt: skip
    try:
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
        result.samples.to_netcdf(folder / "posterior.nc", engine="h5netcdf")
    except OSError as error:
        raise StorageError(f"the calibration cannot be written to '{folder}' ({error}).") from error
    write_ensemble(result.ensemble, folder / "ensemble.nc")
