"""Through which pathway an effect goes: what is left of it when the pathway's output is held at its control level."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

SMALLEST_IC50_SHIFT = 0.01
"""log10 units; a smaller shift of the IC50 has no share to divide."""
SMALLEST_AUC_SHIFT = 0.002
"""Dimensionless; a smaller shift of the area under the curve has no share to divide."""


def pathway_share(
    ic50: tuple[xr.DataArray, xr.DataArray],
    clamped_ic50: tuple[xr.DataArray, xr.DataArray],
    auc: tuple[xr.DataArray, xr.DataArray],
    clamped_auc: tuple[xr.DataArray, xr.DataArray],
) -> xr.Dataset:
    """Give the share of an effect on drug sensitivity that is lost when a pathway is clamped.

    Parameters
    ----------
    ic50, clamped_ic50
        (treated, reference), each with dimension draw, uM; infinite where censored.
    auc, clamped_auc
        The same for the area under the dose-response curve, dimensionless.

    Returns
    -------
    xarray.Dataset
        ``share(draw)`` = 1 - shift(clamped) / shift(total), dimensionless: 1 when the whole effect goes through the
        pathway, 0 when nothing does, negative when the pathway works against it, above 1 when the rest does. The
        shift is that of log10 IC50 where all four are finite, else that of the AUC (``by_auc``); NaN where the total
        shift is too small to be divided, or a curve is missing.

    Notes
    -----
    A clamp holds a pathway against everything, so also against the drug: the share of a pathway that the drug itself
    acts through counts what the treatment does to the drug's action there. Shares of two pathways need not add to one.
    """
    total, left, enough = _shift(_log_ratio(*ic50), _log_ratio(*clamped_ic50), SMALLEST_IC50_SHIFT)
    by_auc = ~(np.isfinite(total) & np.isfinite(left))
    area, area_left, area_enough = _shift(auc[0] - auc[1], clamped_auc[0] - clamped_auc[1], SMALLEST_AUC_SHIFT)
    total, left = total.where(~by_auc, area), left.where(~by_auc, area_left)
    enough = enough.where(~by_auc, area_enough)
    share = (1.0 - left / total.where(enough)).rename("share")
    share.attrs = {"units": "dimensionless"}
    return xr.Dataset({"share": share, "by_auc": by_auc & np.isfinite(share)})


def _log_ratio(treated: xr.DataArray, reference: xr.DataArray) -> xr.DataArray:
    treated, reference = xr.align(treated, reference, join="inner")
    with np.errstate(divide="ignore", invalid="ignore"):
        return treated.copy(data=np.log10(treated.values) - np.log10(reference.values))


def _shift(total: xr.DataArray, left: xr.DataArray, smallest: float) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    total, left = xr.align(total, left, join="inner")
    enough = total.copy(data=np.isfinite(total.values) & np.isfinite(left.values) & (np.abs(total.values) >= smallest))
    return total, left, enough


def pathway_table(shares: Mapping[str, Mapping[str, xr.Dataset]]) -> pd.DataFrame:
    """Give the shares of all cell lines and pathways as a table.

    Parameters
    ----------
    shares
        ``shares[cell_line][pathway]`` from :func:`pathway_share`.

    Returns
    -------
    pandas.DataFrame
        Columns cell_line, pathway, share (median), q05, q95 (5 % and 95 % quantiles), n (draws with a share),
        unresolved (draws without), by_auc (of n, how many by AUC because an IC50 is censored).
    """
    rows = []
    for cell_line, pathways in shares.items():
        for pathway, result in pathways.items():
            values = result["share"].values
            known = values[np.isfinite(values)]
            low, middle, high = np.quantile(known, [0.05, 0.5, 0.95]) if known.size else (np.nan,) * 3
            rows.append(
                {
                    "cell_line": cell_line,
                    "pathway": pathway,
                    "share": float(middle),
                    "q05": float(low),
                    "q95": float(high),
                    "n": int(known.size),
                    "unresolved": int(values.size - known.size),
                    "by_auc": int(result["by_auc"].sum()),
                }
            )
    return pd.DataFrame(rows, columns=["cell_line", "pathway", "share", "q05", "q95", "n", "unresolved", "by_auc"])
