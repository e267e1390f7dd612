"""From a calibration to a posterior ensemble: fits of every wiring, chains around them, draws of the model's parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.calibration.compare import compare, summarise
from hepatica.calibration.determined import against_expected, determine
from hepatica.calibration.read import ROLES, Calibration
from hepatica.ensemble import DOUBTS, LOG_LIKELIHOOD, Ensemble, draw_prior, own_name, write_ensemble
from hepatica.errors import ComputationError, StorageError
from hepatica.inference.chains import sample_near
from hepatica.inference.diagnose import check_samples, choice_probabilities, describe_samples, shortened
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import Posterior, fit
from hepatica.inference.problem import Problem
from hepatica.library import load_wirings
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

TOLERANCES = Tolerances(rtol=1e-4)
"""Model error is 20 % and more: more accurate runs change no digit that is shown, and cost twice as much."""
CHAINS, WARM, THIN = 16, 80, 3
"""A chain needs up to a dozen iterations to forget where it was: few long chains."""
COMPARED = 500
"""Draws that measurements are compared with."""
MOST, MOST_WIRED = 40, 12
"""Points of the first fit, and of the fits of other wirings from there: the chains only need to know about where they are."""


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
    without: Sequence[str] = (), chains: int = CHAINS, warm: int = WARM, thin: int = THIN, resume: bool = False,
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
        Draws of the posterior; starts of the first fit, one from the model's values and the others from the priors; seed of both.
    threads
        Worker threads; the result does not depend on their number.
    without
        Data sets to leave out.
    chains, warm, thin
        As for :func:`~hepatica.inference.chains.sample_near`.
    resume
        Whether what was stopped goes on.
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
    free = calibration.of("fit", without=without, wirings="estimated")
    header = {
        "problem": free.digest, "seed": str(seed), "chains": str(chains), "warm": str(warm), "thin": str(thin), "starts": str(starts),
        "tolerances": str(TOLERANCES), "hepatica": version("hepatica"), "numpy": np.__version__,
    }  # fmt: skip

    def told(stage: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(stage, done, total)

    prior = {w.parameter: w.probability for w in load_wirings(free.model.id) if w.parameter in calibration.wirings}
    with Journal.open(folder / "journal" / "fit", header | {"what": "first fit"}, resume=resume) as journal:
        problem = calibration.of("fit", without=without)
        found = fit(
            problem, starts=starts, seed=seed, threads=threads, tolerances=TOLERANCES, first=problem.nominal[None], most=MOST,
            journal=journal, progress=told("fitting"),
        )  # fmt: skip
    if not np.isfinite(found["objective"].values[0]):
        raise ComputationError(f"calibration '{calibration.id}' could not be fitted: {found['message'].values[0]}.")
    first = found["x"].values[:1]
    table, best = [], []
    combinations = list(product((0.0, 1.0), repeat=len(calibration.wirings)))
    for k, values in enumerate(combinations):
        wired = _wired(problem, dict(zip(calibration.wirings, values, strict=True)))
        name = "".join(f"{v:g}" for v in values)
        with Journal.open(
            folder / "journal" / f"wiring-{name}", header | {"what": f"wiring {name}"}, resume=resume
        ) as journal:
            one = fit(
                wired,
                starts=1,
                seed=seed,
                threads=threads,
                tolerances=TOLERANCES,
                first=first,
                most=MOST_WIRED,
                journal=journal,
            )
        x = one["x"].values[0]
        row = dict(zip(calibration.wirings, values, strict=True)) | {"objective": float(one["objective"].values[0])}
        table.append(row | {"log_evidence": _evidence(wired, x, threads)})
        best.append(x)
        if progress is not None:
            progress("wirings", k + 1, len(combinations))
    fits = pd.DataFrame(table)
    fits["probability"] = _probabilities(fits, prior)
    points = xr.DataArray(np.array(best), dims=("wiring", "parameter"), coords={"parameter": found["parameter"].values})
    with Journal.open(folder / "journal" / "chains", header | {"what": "chains"}, resume=resume) as journal:
        samples = sample_near(
            free, _modes(points, fits, calibration.wirings), weights=fits["probability"].to_numpy(), draws=draws, chains=chains, warm=warm,
            thin=thin, seed=seed, choices={w: {0.0: 1.0 - p, 1.0: p} for w, p in prior.items()}, threads=threads, tolerances=TOLERANCES,
            journal=journal, progress=told("sampling"),
        )  # fmt: skip
    ensemble = to_ensemble(calibration, samples, draws=draws, seed=seed, command=command)
    chosen = taken(calibration, samples, min(draws, COMPARED))
    few = ensemble.select(np.linspace(0, ensemble.size - 1, chosen.sizes["draw"]).round().astype(int))
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


def _modes(points: xr.DataArray, fits: pd.DataFrame, wirings: Sequence[str]) -> list[dict[str, float]]:
    names = [str(n) for n in points["parameter"].values]
    return [
        dict(zip(names, map(float, x), strict=True)) | {w: float(row[w]) for w in wirings}
        for x, (_, row) in zip(points.values, fits.iterrows(), strict=True)
    ]


def taken(calibration: Calibration, samples: xr.DataTree, draws: int) -> xr.Dataset:
    """Give draws of all chains, evenly: ``x`` (draw, parameter), on the scales, and ``log_likelihood`` (draw, data_set)."""
    names = [str(n) for n in samples["posterior"].data_vars]
    x = np.stack([samples["posterior"][n].transpose("draw", "chain").values.ravel() for n in names], axis=-1)
    measured = samples["log_likelihood"]["measurement"].transpose("draw", "chain", "row").values.reshape(len(x), -1)
    rows = np.linspace(0, len(x) - 1, min(draws, len(x))).round().astype(int)
    digest = calibration.of("fit", wirings="estimated").digest
    groups = calibration.groups[calibration.rows("fit")] if samples.attrs["digest"] == digest else np.array([])
    sets = list(dict.fromkeys(groups.tolist()))
    by_set = (
        np.stack([measured[rows][:, groups == g].sum(axis=1) for g in sets], axis=-1)
        if sets
        else np.zeros((len(rows), 0))
    )
    return xr.Dataset(
        {"x": (("draw", "parameter"), x[rows]), "log_likelihood": (("draw", "data_set"), by_set)},
        coords={"parameter": names, "data_set": sets},
    )


def to_ensemble(
    calibration: Calibration, samples: xr.DataTree, *, draws: int, seed: int, command: str = ""
) -> Ensemble:
    """Give the draws of the model's parameters: sampled ones, those of lines by themselves, and the others from their priors.

    Parameters
    ----------
    calibration
        Whose lines and priors.
    samples
        As :func:`~hepatica.inference.chains.sample_near` gives them; draws of all chains, thinned evenly.
    draws, seed
        How many; seed of what is drawn from priors.
    command
        Is kept with the ensemble.

    Returns
    -------
    Ensemble
        Its draws have a coordinate ``log_likelihood_DATA_SET`` (draw) for each data set, and say in ``attrs`` how they were ``sampled``
        and, one in each line, the ``doubts`` of :func:`~hepatica.inference.diagnose.check_samples`.
    """
    model = calibration.problem.model
    chosen = taken(calibration, samples, draws)
    names = [str(n) for n in chosen["parameter"].values]
    logs = np.array([samples["posterior"][n].attrs["scale"] == "log" for n in names])
    values = np.where(logs, np.exp(np.where(logs, chosen["x"].values, 0.0)), chosen["x"].values)
    known = {p.id for p in model.parameters}
    own = {e.id: own_name(p, line.id) for line in calibration.lines.values() for p, e in line.own.items()}
    wirings = tuple(w for w in load_wirings(model.id) if w.parameter not in names)
    prior = draw_prior(model, len(values), seed=seed, wirings=wirings)
    columns = {n: prior.draws.values[:, k] for k, n in enumerate(prior.parameters)}
    columns |= {own.get(n, n): values[:, k] for k, n in enumerate(names) if n in known or n in own}
    array = xr.DataArray(
        np.column_stack(list(columns.values())).astype(np.float32).astype(float), dims=("draw", "parameter"),
        coords={
            "draw": np.arange(len(values)), "parameter": np.array(list(columns), dtype=np.str_),
            **{
                f"{LOG_LIKELIHOOD}{g}": ("draw", chosen["log_likelihood"].values[:, k])
                for k, g in enumerate(chosen["data_set"].values)
            },
        },
        name="draws", attrs={"model": model.id, "model_digest": model.digest, "problem_digest": str(samples.attrs["digest"]),
               "sampled": _sampled(samples), "command": command, DOUBTS: "\n".join(shortened(check_samples(samples)))},
    )  # fmt: skip
    return Ensemble(draws=array, origin="posterior", seed=seed)


def _sampled(samples: xr.DataTree) -> str:
    return next(line for line in describe_samples(samples) if not line.startswith("BLOCKED"))


def _save(result: Calibrated, folder: Path) -> None:
    try:
        tables = {
            "fits": result.fits,
            "fitted": result.fitted,
            "held_out": result.held_out,
            "determined": result.determined,
            "expected": result.expected,
        }
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
        result.best.rename("x").to_netcdf(folder / "best.nc", engine="h5netcdf")
        result.samples.to_netcdf(folder / "posterior.nc", engine="h5netcdf")
    except OSError as error:
        raise StorageError(f"the calibration cannot be written to '{folder}' ({error}).") from error
    write_ensemble(result.ensemble, folder / "ensemble.nc")
