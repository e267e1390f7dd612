"""A calibration without each of its data sets in turn: what a prediction owes to which measurements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hepatica.calibration.draws import to_ensemble
from hepatica.calibration.read import Calibration
from hepatica.calibration.wirings import run_header, sample_wirings
from hepatica.ensemble import LEFT_OUT, PRIOR_SD, Ensemble, write_ensemble
from hepatica.errors import InputError, NotFoundError
from hepatica.inference.journal import Journal
from hepatica.inference.places import JOURNAL

Progress = Callable[[str, int, int], None]
DRAWS, CHAINS, WARM, THIN = 128, 8, 24, 3
"""For each data set; the chains begin at draws of the whole posterior and only have to follow what its absence changes."""


def calibrate_without_each(
    calibration: Calibration, near: str | Path, out: str | Path, *, draws: int = DRAWS, seed: int = 1, threads: int = 1,
    chains: int = CHAINS, warm: int = WARM, thin: int = THIN, data_sets: Sequence[str] = (), without: Sequence[str] = (),
    resume: bool = False, progress: Progress | None = None, command: str = "",
) -> Ensemble:  # fmt: skip
    """Sample a calibration without each of its data sets in turn.

    Parameters
    ----------
    calibration
        From :func:`~hepatica.calibration.read.read_calibration`.
    near
        Folder of the finished calibration with all data.
    out
        Folder for all draws, ``left_out.nc``, and the journals.
    draws
        For each data set.
    seed, threads, chains, warm, thin, resume, progress, command
        As for :func:`~hepatica.calibration.run.calibrate`.
    data_sets
        Only these in turn; all that are fitted when empty.
    without
        Data sets that are left out every time.

    Returns
    -------
    Ensemble
        Its draws have the coordinate ``left_out`` (draw), the data set that they know nothing of.

    Raises
    ------
    InputError
        When there is no such data set.
    NotFoundError
        When ``near`` holds no finished calibration.
    """
    fitted = calibration.groups[calibration.rows("fit", without=without)].tolist()
    names = list(data_sets) or list(dict.fromkeys(fitted))
    calibration.rows("fit", without=names)
    whole = _finished(Path(near), calibration)
    parts = []
    for k, name in enumerate(names):
        stage, left = f"without {name} ({k + 1} of {len(names)})", (*without, name)
        problem = calibration.of("fit", without=left, wirings="estimated")
        header = run_header(problem, seed=seed, chains=chains, warm=warm, thin=thin)
        header |= {
            "what": f"without {name}",
            "near": f"{whole.samples.attrs['digest']} {whole.samples.attrs['evaluations']}",
        }
        with Journal.open(Path(out) / JOURNAL / f"without-{name}", header, resume=resume) as journal:
            samples = sample_wirings(
                calibration, whole.fits, whole.best, without=left, draws=draws, chains=chains, warm=warm, thin=thin, seed=seed,
                threads=threads, journal=journal, near=whole.samples, progress=None if progress is None else _under(stage, progress),
            )  # fmt: skip
        drawn = to_ensemble(calibration, samples, draws=draws, seed=seed, command=command).draws.drop_vars(PRIOR_SD)
        parts.append(drawn.assign_coords({LEFT_OUT: ("draw", np.array([name] * drawn.sizes["draw"]))}))
    joined = xr.concat(parts, dim="draw", combine_attrs="drop_conflicts")
    joined = joined.assign_coords(draw=np.arange(joined.sizes["draw"]))
    joined.attrs |= {"command": command}
    ensemble = Ensemble(draws=joined, origin="posterior", seed=seed)
    write_ensemble(ensemble, Path(out) / "left_out.nc")
    return ensemble


def _under(stage: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    """What is read of a finished calibration."""

    fits: pd.DataFrame
    best: xr.DataArray
    samples: xr.DataTree


def _finished(folder: Path, calibration: Calibration) -> _Finished:
    missing = [n for n in ("fits.tsv", "best.nc", "posterior.nc") if not (folder / n).is_file()]
    if missing:
        raise NotFoundError(
            f"'{folder}' holds no finished calibration ({missing[0]} is missing); give the folder that 'hepatica fit' wrote."
        )
    fits = pd.read_csv(folder / "fits.tsv", sep="\t")
    if lacking := [w for w in calibration.wirings if w not in fits.columns]:
        raise InputError(f"the calibration in '{folder}' does not know '{lacking[0]}'; give one of the same wirings.")
    with xr.open_datatree(folder / "posterior.nc", engine="h5netcdf") as tree:
        samples = tree.load()
    with xr.open_dataarray(folder / "best.nc", engine="h5netcdf") as best:
        return _Finished(fits=fits, best=best.load(), samples=samples)
