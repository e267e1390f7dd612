"""Pathway shares from clamped and unclamped curves."""

import numpy as np
import pytest
import xarray as xr

from hepatica.analysis import pathway_share, pathway_table


def draws(values):
    return xr.DataArray(np.array(values, dtype=float), dims="draw", coords={"draw": np.arange(len(values))})


def test_share_is_what_the_clamp_takes_away():
    # total shifts: a factor 0.1; clamped: none left, all left, half left on the log scale, reversed
    reference = draws([10.0, 10.0, 10.0, 10.0])
    result = pathway_share(
        (draws([1.0] * 4), reference),
        (draws([10.0, 1.0, 10**0.5, 100.0]), reference),
        (draws([0.5] * 4), draws([0.6] * 4)),
        (draws([0.6] * 4), draws([0.6] * 4)),
    )
    assert result["share"].values == pytest.approx([1.0, 0.0, 0.5, 2.0])
    assert not result["by_auc"].any()


def test_censored_curves_use_the_area_and_tiny_shifts_are_unresolved():
    inf, nan = np.inf, np.nan
    result = pathway_share(
        (draws([inf, 10.0, 10.0, inf, nan]), draws([inf, 10.01, 20.0, inf, nan])),
        (draws([inf, 10.0, inf, inf, nan]), draws([inf, 10.0, 20.0, inf, nan])),
        (draws([0.80, 0.5, 0.5, 0.8, nan]), draws([0.90, 0.5, 0.6, 0.8001, nan])),
        (draws([0.85, 0.5, 0.6, 0.8, nan]), draws([0.90, 0.5, 0.6, 0.8, nan])),
    )
    assert result["share"].values[0] == pytest.approx(0.5)
    assert result["share"].values[2] == pytest.approx(1.0)
    assert np.isnan(result["share"].values[[1, 3, 4]]).all()
    assert list(result["by_auc"].values) == [True, False, True, False, False]


def test_the_table_counts_what_is_unresolved():
    share = draws([0.2, 0.4, np.nan, 0.3])
    dataset = xr.Dataset({"share": share, "by_auc": share > 0.35})
    empty = xr.Dataset({"share": draws([np.nan]), "by_auc": draws([0.0]) > 1})
    table = pathway_table({"HepG2": {"Akt": dataset, "ERK": empty}})
    row = table.iloc[0]
    assert (row["cell_line"], row["pathway"], row["n"], row["unresolved"], row["by_auc"]) == ("HepG2", "Akt", 3, 1, 1)
    assert row["share"] == pytest.approx(0.3)
    assert row["q05"] == pytest.approx(0.21)
    assert row["q95"] == pytest.approx(0.39)
    assert np.isnan(table.iloc[1]["share"])
    assert table.iloc[1]["unresolved"] == 1


def test_only_common_draws_are_compared():
    half = xr.DataArray([10.0], dims="draw", coords={"draw": [1]})
    full = draws([1.0, 1.0])
    result = pathway_share((full, draws([10.0, 10.0])), (half, half), (full, full), (half, half))
    assert list(result["draw"].values) == [1]
    assert result["share"].values == pytest.approx([1.0])
