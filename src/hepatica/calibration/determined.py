"""What the data determine: each parameter in words, and groups of parameters against what was expected before the fit."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.analysis import posterior_identifiability
from hepatica.calibration.read import Calibration
from hepatica.inference.likelihood import Likelihood
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
POINTS = 4
"""Draws whose Fisher information is averaged, to say by which data a parameter is known."""
STATES = {"good": 0.25, "fair": 0.5, "weak": 0.8}
"""Widths after the data over widths before them, at most, for each state; beyond the last nothing is identified."""
NOT = "not identifiable"
COLUMNS = ("quantity", "expected", "found", "best_parameter", "width", "combination_width", "note")


def determine(
    calibration: Calibration, samples: xr.DataTree, *, without: tuple[str, ...] = (), tolerances: Tolerances, threads: int = 1
) -> pd.DataFrame:  # fmt: skip
    """Say of each parameter how well it is determined and by which data sets.

    Parameters
    ----------
    calibration, samples
        What was fitted; as :func:`~hepatica.inference.chains.sample_near` gives them.
    without
        Data sets that were left out.
    tolerances, threads
        Of the engine.

    Returns
    -------
    pandas.DataFrame
        As :func:`~hepatica.analysis.identifiability.posterior_identifiability` gives it.
    """
    posterior, prior = samples["posterior"].to_dataset(), samples["prior"].to_dataset()
    names = [str(n) for n in posterior.data_vars]
    x = np.stack([posterior[n].transpose("draw", "chain").values.ravel() for n in names], axis=-1)
    problem = calibration.of("fit", without=without, wirings="estimated")
    sets, which = np.unique(calibration.groups[calibration.rows("fit", without=without)], return_inverse=True)
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    order = [names.index(p.id) for p in problem.estimated]
    some = x[np.linspace(0, len(x) - 1, min(POINTS, len(x))).round().astype(int)][:, order]
    known = np.array([likelihood.information(point, which) for point in some])
    fine = np.isfinite(known).all(axis=(1, 2, 3))
    if not fine.any():
        return posterior_identifiability(posterior, prior)
    ids = [p.id for p in problem.estimated]
    groups = xr.DataArray(
        known[fine].mean(axis=0), dims=("group", "other", "along"), coords={"group": sets, "other": ids, "along": ids}
    )
    return posterior_identifiability(posterior, prior, groups=groups)


def against_expected(calibration: Calibration, samples: xr.DataTree) -> pd.DataFrame:
    """Compare how much the data narrowed groups of parameters with what was expected before the fit.

    Parameters
    ----------
    calibration, samples
        As for :func:`determine`.

    Returns
    -------
    pandas.DataFrame
        One row for each quantity: ``expected`` and ``found`` (good, fair, weak, not identifiable; not fitted); ``best_parameter``, the one
        that was narrowed most, and ``width``, its standard deviation after the data over that before; ``combination_width``, the same
        for the best combination of all its parameters, by which ``found`` goes; ``note``.
    """
    posterior, prior = samples["posterior"].to_dataset(), samples["prior"].to_dataset()
    rows = []
    for item in calibration.expected:
        names = [n for n in item.parameters if n in posterior.data_vars and float(posterior[n].std()) > 0.0]
        if not names:
            rows.append((item.quantity, item.state, "not fitted", "", np.nan, np.nan, item.note))
            continue
        x = np.array([posterior[n].values.ravel() for n in names])
        spread = np.array([float(prior[n].std()) for n in names])
        widths = x.std(axis=1) / spread
        combined = float(np.sqrt(max(np.linalg.eigvalsh(np.atleast_2d(np.cov(x / spread[:, None])))[0], 0.0)))
        found = next((s for s, most in STATES.items() if combined <= most), NOT)
        best = int(np.argmin(widths))
        rows.append((item.quantity, item.state, found, names[best], float(widths[best]), combined, item.note))
    return pd.DataFrame(rows, columns=list(COLUMNS))
