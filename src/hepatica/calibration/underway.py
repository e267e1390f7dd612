"""What a calibration that is running, or was stopped, has found so far: read from its journals, which another process may be writing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import NotFoundError
from hepatica.inference.chains import STREAM
from hepatica.inference.diagnose import diagnostics
from hepatica.inference.journal import Journal
from hepatica.inference.places import JOURNAL

Array = NDArray[np.float64]

NOT_WIRINGS = ("objective", "log_evidence", "probability")
FEWEST = 8
"""Iterations after warming up before which chains are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A calibration so far.

    Attributes
    ----------
    starts
        Of the first fit one row for each start: ``evaluations`` so far, and ``objective``, the smallest so far.
    fits
        As in :class:`~hepatica.calibration.run.Calibrated`; nothing before all wirings are fitted.
    warm
        Iterations that the chains need to warm up; zero before they begin.
    course
        Of the chains so far: ``log_likelihood`` (iteration, chain), ``acceptance``, ``jumped`` and ``step`` (iteration), and the choices
        of each wiring, by its name (iteration, chain); nothing before they begin.
    agreement
        Diagnostics of every parameter after the chains have warmed up, as :func:`~hepatica.inference.diagnose.diagnostics` gives them, the
        worst first; nothing before.
    """

    starts: pd.DataFrame
    fits: pd.DataFrame | None
    warm: int
    course: xr.Dataset | None
    agreement: pd.DataFrame | None


def is_underway(folder: str | Path) -> bool:
    """Whether a folder is that of a calibration that has begun."""
    return (Path(folder) / JOURNAL / "fit").is_dir()


def read_underway(folder: str | Path) -> Underway:
    """Read what a calibration has found so far.

    Parameters
    ----------
    folder
        That the calibration writes to.

    Raises
    ------
    NotFoundError
        When no calibration has begun there.
    """
    folder = Path(folder)
    if not is_underway(folder):
        raise NotFoundError(f"'{folder}' holds no calibration; give the folder that 'hepatica fit' writes to.")
    with Journal.read(folder / JOURNAL / "fit") as journal:
        rows = [(name, [float(e["value"].ravel()[0]) for e in journal.entries(name)]) for name in journal.streams()]
    starts = pd.DataFrame(
        [{"start": name, "evaluations": len(v), "objective": np.nanmin(v) if np.isfinite(v).any() else np.nan} for name, v in rows],
        columns=["start", "evaluations", "objective"],
    )  # fmt: skip
    fitted = (folder / "fits.tsv").is_file() and (folder / "best.nc").is_file()
    chains = folder / JOURNAL / "chains"
    if not fitted or not chains.is_dir():
        return Underway(starts=starts, fits=None, warm=0, course=None, agreement=None)
    fits = pd.read_csv(folder / "fits.tsv", sep="\t")
    wirings = [str(c) for c in fits.columns if c not in NOT_WIRINGS]
    with xr.open_dataarray(folder / "best.nc", engine="h5netcdf") as best:
        names = [str(n) for n in best["parameter"].values]
    course, z, warm = _course(chains, wirings)
    return Underway(starts=starts, fits=fits, warm=warm, course=course, agreement=_agreement(names, z[warm + 1 :]))


def _course(folder: Path, wirings: list[str]) -> tuple[xr.Dataset | None, Array, int]:
    """Give the course of the chains, where they were in normal coordinates (iteration, chain, parameter), and how long they warm up."""
    kept = ("value", "picked", "rates", "steps", "z")
    with Journal.read(folder) as journal:
        warm = int(journal.header["warm"])
        entries = [{k: e[k] for k in kept} for e in journal.entries(STREAM)]
    if not entries:
        return None, np.zeros((0, 0, 0)), warm
    stacked = {k: np.stack([e[k] for e in entries]) for k in kept}
    course = xr.Dataset(
        {
            "log_likelihood": (("iteration", "chain"), stacked["value"]),
            "acceptance": ("iteration", stacked["rates"][:, 0]),
            "jumped": ("iteration", stacked["rates"][:, 1]),
            "step": ("iteration", stacked["steps"][:, 0]),
        }
        | {name: (("iteration", "chain"), stacked["picked"][..., k]) for k, name in enumerate(wirings)}
    )
    return course, stacked["z"], warm


def _agreement(names: list[str], z: Array) -> pd.DataFrame | None:
    if len(z) < FEWEST:
        return None
    unbounded = {"lower": -np.inf, "upper": np.inf, "scale": "lin"}
    draws = xr.Dataset({n: (("chain", "draw"), z[:, :, k].T, unbounded) for k, n in enumerate(names)})
    table = diagnostics(xr.DataTree.from_dict({"posterior": draws})).to_dataframe().reset_index()
    return table[["parameter", "rhat", "ess_bulk", "ess_tail"]].sort_values("rhat", ascending=False)
