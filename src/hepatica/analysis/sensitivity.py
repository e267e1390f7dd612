"""What decides an outcome: rank correlation of each parameter of an ensemble with it."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hepatica.ensemble import Ensemble
from hepatica.errors import InputError


def log_ratio(readout: xr.DataArray, treated: str, reference: str) -> xr.DataArray:
    """Give log10(treated / reference) of two arms, draw by draw.

    Parameters
    ----------
    readout
        Positive values such as an IC50 (infinite where censored); dimension arm and any others.
    treated, reference
        Ids of the two arms.

    Returns
    -------
    xarray.DataArray
        Without arm. NaN where both are infinite (both censored) or one is missing; infinite where one is censored.
    """
    top, bottom = readout.sel(arm=treated, drop=True), readout.sel(arm=reference, drop=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return top.copy(data=np.log10(top.values) - np.log10(bottom.values))


def rank_correlation(ensemble: Ensemble, outcome: xr.DataArray) -> pd.DataFrame:
    """Give the Spearman rank correlation of every varied parameter and wiring with an outcome.

    Parameters
    ----------
    ensemble
        Draws; parameters that do not vary are left out.
    outcome
        One number for each draw, dimension draw. Infinite values rank as the largest (or smallest) and tie with each
        other; NaN draws are left out.

    Returns
    -------
    pandas.DataFrame
        Columns parameter, rho, p (two-sided, t approximation with the effective number of draws), q (false discovery
        rate of Benjamini and Hochberg); the strongest first. ``attrs``: n (draws used), left_out, censored.

    Raises
    ------
    InputError
        When the outcome has other dimensions or draws that the ensemble does not hold.
    """
    if outcome.dims != ("draw",):
        raise InputError(
            f"the outcome has the dimensions {outcome.dims}; expected one number for each draw: ('draw',)."
        )
    missing = np.setdiff1d(outcome["draw"].values, ensemble.draws["draw"].values)
    if missing.size:
        raise InputError(
            f"the outcome holds draw {missing[0]}, which the ensemble does not; give the ensemble that was simulated."
        )
    values = outcome.values.astype(float)
    used = ~np.isnan(values)
    place = ensemble.draws.get_index("draw").get_indexer(outcome.get_index("draw"))[used]
    weights = np.ones(place.size) if ensemble.weights is None else np.asarray(ensemble.weights, dtype=float)[place]
    x = ensemble.draws.transpose("draw", "parameter").values[place]
    rho, n = _spearman(x, values[used], weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = rho * np.sqrt(np.maximum(n - 2, 0) / np.maximum(1 - rho**2, 1e-300))
    p = 2 * stats.t.sf(np.abs(t), max(n - 2, 1))
    names = ensemble.draws["parameter"].values.astype(str)
    varied = np.flatnonzero(np.isfinite(rho))
    order = varied[np.argsort(-np.abs(rho[varied]), kind="stable")]
    q = stats.false_discovery_control(p[order]) if order.size else p[order]
    table = pd.DataFrame({"parameter": names[order], "rho": rho[order], "p": p[order], "q": q})
    table.attrs = {"n": int(used.sum()), "left_out": int((~used).sum()), "censored": int(np.isinf(values).sum())}
    return table


def _spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Give the weighted correlation of the ranks of the columns of x with those of y, and the effective n."""
    if y.size < 3:
        return np.full(x.shape[1], np.nan), float(y.size)
    w = weights / weights.sum()
    a = stats.rankdata(x, axis=0)
    b = stats.rankdata(y)
    a = a - w @ a
    b = b - w @ b
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = (w * b) @ a / np.sqrt((w @ a**2) * (w @ b**2))
    rho[np.ptp(x, axis=0) == 0] = np.nan
    return np.clip(rho, -1.0, 1.0), float(1.0 / np.sum(w**2))
