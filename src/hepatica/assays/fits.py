"""From dose-response readouts to IC50, GR50, Emax, Hill slope and AUC, draw by draw.

A half-maximal dose is the dose at which the readout itself is 0.5 (absolute IC50; GR50 of Hafner et al. 2016,
doi:10.1038/nmeth.3853), never the midpoint of a curve that ends above 0.5. It is never extrapolated: a curve that does
not come down to 0.5 by the top dose has the half-maximal dose ``inf`` (censored).
"""

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import PchipInterpolator

from hepatica.assays.hill import HALF, Array, dose_at, fit_hill, log_doses
from hepatica.assays.reading import dose_units, doses_of, zero_dose_arms
from hepatica.errors import InputError

_FLAT = 0.02
"""A curve that moves by less than this is flat: nothing to fit."""
_MISFIT = 0.02
"""Largest residual with which the Hill curve still stands for the readout; else interpolation is used."""
_STEEPEST = 20.0
"""A slope above this means that the curve falls between two doses, whose spacing alone would set the fit's midpoint."""


class Method(IntEnum):
    """How a half-maximal dose was found."""

    FAILED = 0
    HILL = 1
    INTERPOLATED = 2
    BELOW_LOWEST_DOSE = 3
    CENSORED = 4
    BELOW_WITHOUT_DRUG = 5


_MEANINGS = (
    "simulation_failed",
    "hill_fit",
    "monotone_interpolation_in_log_dose",
    "linear_interpolation_below_the_lowest_dose",
    "half_not_reached_at_top_dose",
    "below_half_without_drug",
)


def fit_dose_response(
    viability: xr.DataArray, gr: xr.DataArray | None = None, *, dose: str | None = None
) -> xr.Dataset:
    """Fit every dose series of a readout, in every draw.

    Each curve is fitted by a Hill curve (four parameters, least squares). Where the fit leaves a residual above 0.02,
    is steeper than 20, or puts the half-maximal dose outside the two doses between which the readout passes 0.5, the
    dose comes from monotone cubic interpolation in log dose instead (Fritsch and Carlson 1980, doi:10.1137/0717021).

    Parameters
    ----------
    viability
        Dimensions arm, draw and any others; doses and manipulation are coordinates along arm; a zero-dose arm in each
        series.
    gr
        Growth-rate inhibition values of the same arms; adds ``gr50``.
    dose
        The dose coordinate, such as ``sorafenib_uM``; needed where the arms carry more than one.

    Returns
    -------
    xarray.Dataset
        Dimensions arm (the zero-dose arm of each series, with its labels) and those of the readout: ``ic50`` (uM,
        ``inf`` where 0.5 is not reached up to the top dose), ``emax`` (readout at the top dose), ``hill`` (slope; NaN
        where the curve is flat or no Hill curve), ``auc`` (mean readout over log dose, 1 = no effect), ``method``
        (:class:`Method`), and ``gr50`` (uM), ``gr_method`` with ``gr``. NaN where the simulation failed.

    Raises
    ------
    InputError
        When a series has fewer than two doses beside zero, or the dose is not clear.
    """
    name = _dose_name(viability, dose)
    found = _fit_series(viability, name)
    if gr is not None:
        more = _fit_series(gr, name)
        found = found.assign(gr50=more["ic50"], gr_method=more["method"])
        found["gr50"].attrs |= {"long_name": "dose at which the GR value is 0.5 (inf: above the top dose)"}
    return found


def _dose_name(readout: xr.DataArray, dose: str | None) -> str:
    if dose is not None:
        doses_of(readout, dose)
        return dose
    names = sorted(dose_units(readout))
    if len(names) != 1:
        have = ", ".join(names) or "none"
        raise InputError(f"the arms carry {len(names)} dose labels ({have}); name the one to fit over with dose=.")
    return names[0]


def _fit_series(readout: xr.DataArray, dose: str) -> xr.Dataset:
    doses = doses_of(readout, dose)
    base = zero_dose_arms(readout, [dose])
    others = [dim for dim in readout.dims if dim != "arm"]
    shape = tuple(readout.sizes[dim] for dim in others)
    values = readout.transpose("arm", *others).values.reshape(readout.sizes["arm"], -1)
    groups = list(dict.fromkeys(int(i) for i in base))
    columns = []
    for group in groups:
        members = np.flatnonzero(base == group)
        members = members[np.argsort(doses[members], kind="stable")]
        series = doses[members]
        arm = str(readout["arm"].values[group])
        if len(series) < 3:
            raise InputError(f"the dose series of '{arm}' has {len(series) - 1} doses beside zero; expected 2 or more.")
        if len(set(series)) < len(series):
            raise InputError(f"the dose series of '{arm}' has the same dose in two arms; give them different labels.")
        columns.append(_fit_curves(series, np.ascontiguousarray(values[members].T, dtype=float)))
    table = np.stack(columns).reshape(len(groups), 5, *shape)
    coords = readout.isel(arm=groups).drop_vars(list(dose_units(readout))).coords
    units = (("ic50", "uM"), ("emax", "1"), ("hill", "1"), ("auc", "1"))
    titles = {
        "ic50": "dose at which the readout is 0.5 (inf: above the top dose)",
        "emax": "readout at the top dose",
        "hill": "Hill slope",
        "auc": "mean readout over log dose",
    }
    variables = {
        key: (("arm", *others), table[:, i], {"units": unit, "long_name": titles[key]})
        for i, (key, unit) in enumerate(units)
    }
    flags = {"flag_values": np.arange(len(_MEANINGS), dtype=np.int8), "flag_meanings": " ".join(_MEANINGS)}
    method = (
        ("arm", *others),
        table[:, 4].astype(np.int8),
        flags | {"long_name": "how the half-maximal dose was found"},
    )
    kept = {key: readout.attrs[key] for key in ("experiment", "cell_line") if key in readout.attrs}
    return xr.Dataset({**variables, "method": method}, coords=coords, attrs=kept)


def _fit_curves(doses: Array, curves: Array) -> Array:
    """Give ic50, emax, hill, auc, method, shape (5, curve), of curves (curve, dose) over doses that rise from zero."""
    out = np.full((5, curves.shape[0]), np.nan)
    out[4] = Method.FAILED
    good = np.flatnonzero(np.isfinite(curves).all(axis=1))
    if good.size == 0:
        return out
    y = curves[good]
    ic50, bracket = crossing(doses, y, np.full(len(good), HALF))
    method = np.full(len(good), int(Method.INTERPOLATED))
    method[bracket == 1] = Method.BELOW_LOWEST_DOSE
    method[bracket == 0] = Method.BELOW_WITHOUT_DRUG
    method[bracket < 0] = Method.CENSORED
    slope = np.full(len(good), np.nan)
    fitted = np.flatnonzero(np.ptp(y, axis=1) >= _FLAT) if len(doses) > 4 else np.array([], dtype=int)
    middle, _ = crossing(doses, y, 0.5 * (y[:, 0] + y[:, -1]))
    start_dose = np.clip(np.where(np.isfinite(middle), middle, doses[-1]), doses[1] / 10.0, doses[-1])
    log_dose, positive = log_doses(doses)
    for i in fitted:
        start = np.array([y[i, 0], y[i, -1], math.log10(start_dose[i]), 0.3])
        p, misfit = fit_hill(log_dose, positive, y[i], start)
        steepness = math.exp(min(float(p[3]), 6.0))
        if misfit > _MISFIT or steepness > _STEEPEST:
            continue
        slope[i] = steepness
        if bracket[i] > 0:
            dose = dose_at(p, HALF)
            if doses[bracket[i] - 1] * (1 - 1e-9) <= dose <= doses[bracket[i]] * (1 + 1e-9):
                ic50[i] = dose
                method[i] = Method.HILL
    x = log_dose[1:]
    area = np.trapezoid(y[:, 1:], x, axis=1) / (x[-1] - x[0])
    out[:, good] = np.stack([ic50, y[:, -1], slope, area, method])
    return out


def crossing(doses: Array, curves: Array, levels: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """Find where curves first come down to a level, by interpolation that keeps them monotone between doses.

    Parameters
    ----------
    doses
        Rising from zero, shape (dose,), at least three.
    curves
        Finite, shape (curve, dose).
    levels
        Shape (curve,).

    Returns
    -------
    dose : numpy.ndarray
        Shape (curve,), ``inf`` where the level is never reached.
    upper : numpy.ndarray
        Index of the dose at the upper end of the crossed interval; -1 where there is none.
    """
    below = curves <= levels[:, None]
    upper = np.where(below.any(axis=1), below.argmax(axis=1), -1)
    dose = np.full(len(curves), np.inf)
    dose[upper == 0] = 0.0
    first = np.flatnonzero(upper == 1)
    drop = curves[first, 0] - curves[first, 1]
    dose[first] = doses[1] * (curves[first, 0] - levels[first]) / drop
    inside = np.flatnonzero(upper > 1)
    if inside.size:
        x = np.log10(doses[1:])
        k = upper[inside] - 2
        coefficients = PchipInterpolator(x, curves[inside, 1:], axis=1).c
        cubic = coefficients[:, k, np.arange(inside.size)]
        low, high = np.zeros(inside.size), x[k + 1] - x[k]
        for _ in range(60):
            middle = 0.5 * (low + high)
            value = ((cubic[0] * middle + cubic[1]) * middle + cubic[2]) * middle + cubic[3]
            above = value > levels[inside]
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        dose[inside] = 10.0 ** (x[k] + 0.5 * (low + high))
    return dose, upper
