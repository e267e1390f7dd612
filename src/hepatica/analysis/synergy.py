"""Synergy of drugs on a dose grid: Bliss, highest single agent, Loewe.

All of them take a readout that falls from its untreated value towards zero, such as viability, with one arm for each
combination of doses, and work draw by draw.
"""

from itertools import product

import numpy as np
import xarray as xr

from hepatica.errors import InputError

_SUFFIX = "_uM"


def dose_matrix(readout: xr.DataArray) -> xr.DataArray:
    """Give a readout by dose instead of by arm, relative to the untreated arm.

    Parameters
    ----------
    readout
        Dimensions arm and any others; one ``DRUG_uM`` coordinate along arm for each drug (uM, zero or NaN: not given).

    Returns
    -------
    xarray.DataArray
        Dimensions: one for each drug that is given at all (named ``DRUG_uM``, uM, ascending), then the others.
        Dimensionless: 1 is the untreated arm. NaN where a combination was not tested.

    Raises
    ------
    InputError
        When there is no drug, no untreated arm, or two arms have the same doses.
    """
    doses = _doses(readout)
    names = tuple(doses)
    levels = [np.unique(doses[name]) for name in names]
    rows = np.stack([doses[name] for name in names], axis=1)
    where = {tuple(row): i for i, row in enumerate(rows.tolist())}
    if len(where) < len(rows):
        raise InputError("two arms of the dose grid have the same doses; give each combination once.")
    untreated = where.get((0.0,) * len(names))
    if untreated is None:
        raise InputError(f"the dose grid has no untreated arm ({', '.join(n + ' = 0' for n in names)}); add one.")
    values = readout.transpose("arm", ...)
    others = values.dims[1:]
    raw = np.asarray(values.values, dtype=float)
    grid = np.full((*(len(level) for level in levels), *raw.shape[1:]), np.nan)
    for place in product(*(range(len(level)) for level in levels)):
        index = where.get(tuple(float(level[i]) for level, i in zip(levels, place, strict=True)))
        if index is not None:
            grid[place] = raw[index]
    with np.errstate(divide="ignore", invalid="ignore"):
        grid = grid / raw[untreated]
    coords = dict(zip(names, levels, strict=True)) | {d: readout[d].values for d in others if d in readout.coords}
    return xr.DataArray(grid, dims=(*names, *others), coords=coords, name="fraction", attrs={"units": "dimensionless"})


def _doses(readout: xr.DataArray) -> dict[str, np.ndarray]:
    """Give the doses (uM, shape (arm,)) of each drug that some arm receives."""
    if "arm" not in readout.dims:
        raise InputError(
            f"synergy needs a readout with the dimension 'arm'; this one has {', '.join(map(str, readout.dims))}."
        )
    doses = {
        str(name): np.nan_to_num(np.asarray(coord.values, dtype=float))
        for name, coord in readout.coords.items()
        if str(name).endswith(_SUFFIX) and coord.dims == ("arm",)
    }
    given = {name: dose for name, dose in doses.items() if np.any(dose > 0)}
    if not given:
        raise InputError(
            "no arm of the readout receives a drug; make the arms with dose_grid, whose labels name the doses."
        )
    return given


def _single(fraction: xr.DataArray) -> tuple[tuple[str, ...], list[xr.DataArray]]:
    """Give the drugs' dimensions and each drug's own curve (others at zero, without their dimensions)."""
    names = tuple(str(d) for d in fraction.dims if str(d).endswith(_SUFFIX))
    return names, [fraction.isel({other: 0 for other in names if other != name}, drop=True) for name in names]


def _label(excess: xr.DataArray, like: xr.DataArray, name: str, meaning: str) -> xr.DataArray:
    out = excess.transpose(*like.dims).rename(name)
    out.attrs = {"units": "dimensionless", "long_name": meaning}
    return out


def bliss(readout: xr.DataArray) -> xr.DataArray:
    """Give the Bliss excess: expected minus observed surviving fraction; positive is synergy.

    Parameters
    ----------
    readout
        Viability or another surviving fraction on a dose grid; dimensions arm, draw, ...

    Returns
    -------
    xarray.DataArray
        Dimensions: one dose dimension for each drug (uM), then draw, ...; zero where one drug is alone.

    Notes
    -----
    Bliss, Ann Appl Biol 1939;26:585: independent action multiplies surviving fractions.

    Examples
    --------
    >>> import xarray as xr
    >>> arms = {"a_uM": ("arm", [0.0, 1.0, 0.0, 1.0]), "b_uM": ("arm", [0.0, 0.0, 1.0, 1.0])}
    >>> viability = xr.DataArray([[1.0], [0.5], [0.5], [0.1]], dims=("arm", "draw"), coords=arms)
    >>> round(float(bliss(viability).sel(a_uM=1.0, b_uM=1.0).item()), 3)
    0.15
    """
    fraction = dose_matrix(readout)
    _, singles = _single(fraction)
    expected = singles[0]
    for other in singles[1:]:
        expected = expected * other
    return _label(expected - fraction, fraction, "bliss", "Bliss excess (positive: synergy)")


def hsa(readout: xr.DataArray) -> xr.DataArray:
    """Give the excess over the highest single agent: the best single surviving fraction minus the observed one.

    Parameters
    ----------
    readout
        As for :func:`bliss`.

    Returns
    -------
    xarray.DataArray
        As from :func:`bliss`.
    """
    fraction = dose_matrix(readout)
    _, singles = _single(fraction)
    best = singles[0]
    for other in singles[1:]:
        best, right = xr.broadcast(best, other)
        best = best.copy(data=np.minimum(best.values, right.values))
    return _label(best - fraction, fraction, "hsa", "excess over the highest single agent (positive: synergy)")


def loewe(readout: xr.DataArray) -> xr.DataArray:
    """Give the Loewe combination index: below 1 is synergy, 1 additivity, above 1 antagonism.

    Parameters
    ----------
    readout
        As for :func:`bliss`.

    Returns
    -------
    xarray.DataArray
        Dimensions as from :func:`bliss`; the sum of each dose over the dose of that drug alone with the same effect.
        The single curves are interpolated linearly in dose between tested doses and never extrapolated: NaN where
        a drug alone does not reach the effect, and in the untreated arm.

    Notes
    -----
    Loewe, Arzneimittelforschung 1953;3:285.
    """
    fraction = dose_matrix(readout)
    names, singles = _single(fraction)
    index = xr.zeros_like(fraction)
    for name, single in zip(names, singles, strict=True):
        alone = _equivalent_dose(single, name, fraction)
        given = (fraction[name] > 0) | fraction.isnull()
        index = index + (fraction[name] / alone).where(given, 0.0)
    untreated = xr.zeros_like(fraction, dtype=bool)
    untreated[dict.fromkeys(names, 0)] = True
    return _label(index.where(~untreated), fraction, "loewe", "Loewe combination index (below 1: synergy)")


def _equivalent_dose(single: xr.DataArray, name: str, fraction: xr.DataArray) -> xr.DataArray:
    """Give the dose of one drug alone that leaves each fraction; NaN beyond its curve."""
    doses = np.asarray(single[name].values, dtype=float)
    others = [d for d in single.dims if d != name]
    dims = (*(d for d in fraction.dims if d not in others), *others)
    target = fraction.transpose(*dims).values
    curve = np.minimum.accumulate(single.transpose(name, *others).values, axis=0)
    curve = curve.reshape(len(doses), *(1,) * (target.ndim - len(others)), *curve.shape[1:])
    position = (curve > target).sum(axis=0)
    upper = np.clip(position, 1, len(doses) - 1)
    full = np.broadcast_to(curve, (len(doses), *target.shape))
    high = np.take_along_axis(full, (upper - 1)[None], axis=0)[0]
    low = np.take_along_axis(full, upper[None], axis=0)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(high > low, (high - target) / (high - low), 0.0)
    dose = doses[upper - 1] + step * (doses[upper] - doses[upper - 1])
    dose = np.where((position == 0) | (position >= len(doses)) | ~np.isfinite(target), np.nan, dose)
    return xr.DataArray(dose, dims=dims, coords={d: fraction[d] for d in dims if d in fraction.coords})
