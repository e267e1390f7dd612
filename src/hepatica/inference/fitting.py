"""A fit from files to files: what ``hepatica fit`` does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import NotFoundError, StorageError
from hepatica.inference.journal import Journal
from hepatica.inference.optimize import LAST, Progress, fit, fit_header
from hepatica.inference.petab import read_petab
from hepatica.inference.places import PROFILES, STARTS
from hepatica.inference.profile import profile, profile_header
from hepatica.solver import Tolerances

NEAR = 0.1
"""Difference of log-posteriors below which two starts count as the same optimum."""
REASONS = 10
"""Starts that failed whose reasons are told."""


def fit_petab(
    file: str | Path, out: str | Path, *, starts: int = 100, seed: int = 1, threads: int = 1, tolerances: Tolerances | None = None,
    resume: bool = False, progress: Progress | None = None, command: str = "",
) -> xr.Dataset:  # fmt: skip
    """Fit a PEtab problem, keep every evaluation, and write what came out.

    Parameters
    ----------
    file
        The problem's YAML file.
    out
        Folder of the result: ``fit.nc``, the starts as netCDF, ``journal``, every evaluation, and ``fit.json``, what was fitted how.
    starts, seed, threads, tolerances, progress
        As for :func:`~hepatica.inference.optimize.fit`.
    resume
        Whether a fit that was stopped goes on; the number of starts may differ.
    command
        What was called, for the record.

    Returns
    -------
    xarray.Dataset
        As :func:`~hepatica.inference.optimize.fit` gives it.

    Raises
    ------
    InputError
        When the problem cannot be read, or the folder holds another fit.
    StorageError
        When the result cannot be written.
    """
    problem, folder = read_petab(file), Path(out)
    header = fit_header(problem, seed, 500, tolerances)
    with Journal.open(folder / STARTS, header, resume=resume) as journal:
        _note(folder, file, problem.id, {"starts": starts, "command": command} | header)
        found = fit(
            problem,
            starts=starts,
            seed=seed,
            threads=threads,
            tolerances=tolerances,
            journal=journal,
            progress=progress,
        )
    _write(found, folder / "fit.nc")
    return found


def profile_petab(
    file: str | Path, out: str | Path, *, parameters: Sequence[str] | None = None, threads: int = 1, tolerances: Tolerances | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:  # fmt: skip
    """Profile a PEtab problem around the best point of a fit, keep every evaluation, and write what came out.

    Parameters
    ----------
    file
        The problem's YAML file.
    out
        Folder of the fit; ``profiles.nc`` and ``profiling``, every evaluation, are added. Profiles that were stopped go on.
    parameters, threads, tolerances, progress
        As for :func:`~hepatica.inference.profile.profile`.

    Returns
    -------
    xarray.Dataset
        As :func:`~hepatica.inference.profile.profile` gives it.

    Raises
    ------
    NotFoundError
        When the folder holds no fit.
    InputError
        When the fit is of another problem, or has no point to begin at.
    StorageError
        When the result cannot be written.
    """
    problem, folder = read_petab(file), Path(out)
    if not (folder / "fit.nc").is_file():
        raise NotFoundError(f"'{folder}' holds no fit.nc; fit the problem first, into this folder.")
    with xr.open_dataset(folder / "fit.nc", engine="h5netcdf") as found:
        header = profile_header(problem, found, tolerances)
        with Journal.open(folder / PROFILES / header["point"][:12], header, resume=True) as journal:
            made = profile(
                problem,
                found,
                parameters=parameters,
                threads=threads,
                tolerances=tolerances,
                journal=journal,
                progress=progress,
            )
    _write(made, folder / "profiles.nc")
    return made


def _write(table: xr.Dataset, file: Path) -> None:
    """Write a table whole or not at all."""
    part = file.with_name(f".{file.name}.part")
    try:
        table.to_netcdf(part, engine="h5netcdf")
        part.replace(file)
    except OSError as error:
        raise StorageError(f"'{file}' cannot be written ({error}).") from error


def _note(folder: Path, file: str | Path, problem: str, rest: Mapping[str, object]) -> None:
    """Write down what is fitted how, for the report."""
    note = {"id": problem, "file": str(Path(file).resolve()), **rest}
    try:
        (folder / "fit.json").write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{folder / 'fit.json'}' cannot be written ({error}).") from error


def describe_fit(found: xr.Dataset) -> Sequence[str]:
    """Say in sentences how a fit went.

    Examples
    --------
    >>> import xarray as xr
    >>> starts = {"objective": ("start", [1.0, 1.05, 7.0]), "evaluations": ("start", [9, 8, 7]), "message": ("start", ["", "", ""])}
    >>> bounds = {"at_bound": (("start", "parameter"), [[0, 1], [0, 1], [0, 0]]), "parameter": ["k", "s"]}
    >>> for line in describe_fit(xr.Dataset(starts | bounds)):
    ...     print(line)
    best log-posterior -1; 2 of 3 starts within 0.1 of it; 24 evaluations
    at its upper bound: s
    """
    objective = found["objective"].values
    fine = np.isfinite(objective)
    total = int(found["evaluations"].sum())
    if not fine.any():
        return [f"no start could be evaluated; {total} evaluations", *_reasons(found, fine)]
    near = int((objective[fine] <= objective[fine].min() + NEAR).sum())
    lines = [
        f"best log-posterior {-objective[0]:.10g}; {near} of {len(objective)} starts within {NEAR:g} of it; {total:,} evaluations"
    ]
    for side, sign in (("lower", -1), ("upper", 1)):
        names = found["parameter"].values[found["at_bound"].values[0] == sign]
        if len(names):
            lines.append(f"at its {side} bound: {', '.join(str(n) for n in names)}")
    return [*lines, *_reasons(found, fine)]


def _reasons(found: xr.Dataset, fine: NDArray[np.bool_]) -> list[str]:
    """Say why starts failed, or stopped at a point that could not be simulated; of many the first."""
    lines = []
    for start, message, ended in zip(found["start"].values, found["message"].values, fine, strict=True):
        if not ended or LAST in str(message):
            lines.append(f"start {start} {'stopped' if ended else 'failed'}: {str(message).removeprefix('stopped: ')}")
    rest = len(lines) - REASONS
    return [*lines[:REASONS], *([f"and {rest} more starts that failed or stopped"] if rest > 0 else [])]
