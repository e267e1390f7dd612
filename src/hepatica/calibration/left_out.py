"""A calibration without each of its data sets in turn: what a prediction owes to which measurements."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from hepatica.calibration.read import Calibration
from hepatica.calibration.run import calibrate
from hepatica.ensemble import LEFT_OUT, Ensemble, write_ensemble

Progress = Callable[[str, int, int], None]
DRAWS, WARM, THIN = 128, 40, 6
"""For each data set; the chains begin at draws of the whole posterior and only have to follow what its absence changes."""


def calibrate_without_each(
    calibration: Calibration, near: str | Path, out: str | Path, *, draws: int = DRAWS, seed: int = 1, threads: int = 1,
    warm: int = WARM, thin: int = THIN, chains: int = 16, data_sets: Sequence[str] = (), without: Sequence[str] = (), resume: bool = False,
    progress: Progress | None = None, command: str = "",
) -> Ensemble:  # fmt: skip
    """Sample a calibration without each of its data sets in turn.

    Parameters
    ----------
    calibration
        From :func:`~hepatica.calibration.read.read_calibration`.
    near
        Folder of the finished calibration with all data.
    out
        Folder: a calibration's result in ``without-DATASET`` for each, and all draws in ``left_out.nc``.
    draws
        For each data set.
    seed, threads, warm, thin, chains, resume, progress, command
        As for :func:`~hepatica.calibration.run.calibrate`; what is finished is not done again on resuming.
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
    """
    fitted = calibration.groups[calibration.rows("fit", without=without)].tolist()
    names = list(data_sets) or list(dict.fromkeys(fitted))
    calibration.rows("fit", without=names)
    parts = []
    for k, name in enumerate(names):
        stage = f"without {name} ({k + 1} of {len(names)})"
        report = None if progress is None else _under(stage, progress)
        found = calibrate(
            calibration, Path(out) / f"without-{name}", draws=draws, seed=seed, threads=threads, without=(*without, name), chains=chains,
            warm=warm, thin=thin, resume=resume, progress=report, command=command, near=near,
        )  # fmt: skip
        drawn = found.ensemble.draws
        labels = np.array([name] * drawn.sizes["draw"])
        parts.append(drawn.assign_coords({LEFT_OUT: ("draw", labels)}))
    joined = xr.concat(parts, dim="draw", combine_attrs="drop_conflicts")
    joined = joined.assign_coords(draw=np.arange(joined.sizes["draw"]))
    joined.attrs |= {"command": command}
    ensemble = Ensemble(draws=joined, origin="posterior", seed=seed)
    write_ensemble(ensemble, Path(out) / "left_out.nc")
    return ensemble


def _under(stage: str, progress: Progress) -> Progress:
    return lambda _, done, total: progress(stage, done, total)
