"""What a folder of a fit holds: the starts, or the journal of a fit that still runs, profiles, draws, and the problem."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import HepaticaError, NotFoundError
from hepatica.inference import Journal, Problem, read_petab
from hepatica.inference.places import STARTS

Array = NDArray[np.float64]
RUNNING = "still running, or stopped"
SAME = 1e-3
"""Difference of log-posteriors up to which profiles are those of a fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitData:
    """A fit as its folder has it.

    Parameters
    ----------
    note
        What was fitted how.
    found
        The starts; of a fit that still runs the best points so far.
    courses
        Of a fit that still runs, the best objective after each evaluation of each start.
    profiles, posterior
        Where there are any.
    problem
        Where it can still be read.
    remarks
        What the reader should know of the folder.
    """

    note: Mapping[str, Any]
    found: xr.Dataset
    courses: Sequence[Array]
    profiles: xr.Dataset | None
    posterior: xr.DataTree | None
    problem: Problem | None
    remarks: Sequence[str]


def read_fit(folder: Path, problem: Problem | None = None) -> FitData:
    """Read a folder of a fit, finished or not.

    Raises
    ------
    NotFoundError
        When there is neither a fit nor the journal of one.
    """
    file = folder / "fit.json"
    note = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    remarks: list[str] = []
    if problem is None:
        problem, remark = _problem(note)
        remarks += [remark] if remark else []
    courses: list[Array] = []
    if (folder / "fit.nc").is_file():
        found = xr.load_dataset(folder / "fit.nc", engine="h5netcdf")
        remarks += _more(folder, found)
    elif (folder / STARTS).is_dir():
        found, courses = _partial(folder / STARTS, problem)
    else:
        raise NotFoundError(
            f"'{folder}' holds no fit: neither fit.nc nor a journal; give the folder that hepatica fit wrote."
        )
    profiles = None
    if not courses and (folder / "profiles.nc").is_file():
        profiles = xr.load_dataset(folder / "profiles.nc", engine="h5netcdf")
        if abs(float(profiles.attrs["fit_objective"]) - float(found["objective"].values[0])) > SAME:
            profiles = None
            remarks.append(
                "profiles.nc begins at another optimum than the fit has now, and is left out; make it anew with --profile."
            )
    posterior = None
    if (folder / "posterior.nc").is_file():
        posterior = xr.open_datatree(folder / "posterior.nc", engine="h5netcdf").load()
        posterior.close()
    return FitData(
        note=note, found=found, courses=courses, profiles=profiles, posterior=posterior, problem=problem, remarks=remarks
    )  # fmt: skip


def _problem(note: Mapping[str, Any]) -> tuple[Problem | None, str]:
    """The problem that was fitted, if it is still where it was, and the same."""
    if "file" not in note:
        return None, "The folder does not say what was fitted, so that data cannot be shown."
    try:
        problem = read_petab(note["file"])
    except HepaticaError as error:
        return None, f"The problem cannot be read any more, so that data cannot be shown: {error}"
    if problem.digest != note.get("problem"):
        return None, f"'{note['file']}' has changed since the fit, so that data cannot be shown."
    return problem, ""


def _more(folder: Path, found: xr.Dataset) -> list[str]:
    """Whether the journal knows of starts that the result does not hold."""
    if not (folder / STARTS).is_dir():
        return []
    with Journal.read(folder / STARTS) as journal:
        known = sum(s.startswith("start ") for s in journal.streams())
    more = known - found.sizes["start"]
    return [f"{more} more starts are in the journal: a fit of them is {RUNNING}."] if more > 0 else []


def _partial(folder: Path, problem: Problem | None) -> tuple[xr.Dataset, list[Array]]:
    """The best points so far of a fit that has not ended."""
    numbers, courses, best, evaluations = [], [], [], []
    with Journal.read(folder) as journal:
        streams = [s for s in journal.streams() if s.startswith("start ")]
        for stream in sorted(streams, key=lambda s: int(s.split()[1])):
            values, points = [], []
            for entry in journal.entries(stream):
                values.append(float(entry["value"][0]))
                points.append(entry["arguments"][:-1])
            v = np.where(np.isfinite(values), values, np.inf)
            numbers.append(int(stream.split()[1]))
            evaluations.append(len(v))
            lowest = np.minimum.accumulate(v)
            courses.append(np.where(np.isfinite(lowest), lowest, np.nan))
            best.append(points[int(np.argmin(v))])
    if not numbers:
        raise NotFoundError(f"the journal '{folder}' holds no evaluation yet; ask again in a few seconds.")
    objective = np.array([c[-1] for c in courses])
    order = np.argsort(objective, kind="stable")
    names = [f"parameter {k}" for k in range(len(best[0]))] if problem is None else [p.id for p in problem.estimated]
    data = {
        "objective": ("start", objective[order]), "x": (("start", "parameter"), np.array(best)[order]),
        "evaluations": ("start", np.array(evaluations)[order]), "message": ("start", np.array([RUNNING] * len(order))),
        "at_bound": (("start", "parameter"), np.zeros((len(order), len(names)), np.int8)),
        "scale": ("parameter", ["lin"] * len(names) if problem is None else [p.scale for p in problem.estimated]),
    }  # fmt: skip
    return xr.Dataset(data, coords={"start": np.array(numbers)[order], "parameter": names}), courses
