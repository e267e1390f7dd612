"""Synergy on dose grids: known surfaces give known excesses."""

import numpy as np
import pytest
import xarray as xr

from hepatica.analysis import bliss, dose_matrix, hsa, loewe
from hepatica.errors import InputError

A = np.array([0.0, 1.0, 3.0, 10.0])
B = np.array([0.0, 2.0, 5.0])


def grid(surface, draws=3):
    pairs = [(a, b) for a in A for b in B]
    values = np.array([[surface(a, b) * (1 + 0.1 * d) for d in range(draws)] for a, b in pairs])
    return xr.DataArray(
        values,
        dims=("arm", "draw"),
        coords={
            "arm": [f"{a}/{b}" for a, b in pairs],
            "draw": np.arange(draws),
            "a_uM": ("arm", [a for a, _ in pairs]),
            "b_uM": ("arm", [b for _, b in pairs]),
            "manipulation": ("arm", ["control"] * len(pairs)),
        },
        name="viability",
    )


def f(a):
    return 1 / (1 + a / 2)


def test_independent_action_has_no_bliss_excess_and_gives_a_table():
    table = bliss(grid(lambda a, b: f(a) * f(b))).median("draw").to_pandas()
    assert table.shape == (4, 3)
    assert list(table.index) == list(A)
    assert np.abs(table.to_numpy()).max() < 1e-12


def test_bliss_excess_is_positive_for_synergy():
    excess = bliss(grid(lambda a, b: f(a) * f(b) * (0.5 if a and b else 1.0)))
    assert excess.sel(a_uM=1.0, b_uM=2.0).values == pytest.approx(0.5 * f(1) * f(2))
    assert excess.dims == ("a_uM", "b_uM", "draw")
    assert float(abs(excess.sel(b_uM=0.0)).max()) < 1e-12


def test_hsa_compares_with_the_better_drug():
    excess = hsa(grid(lambda a, b: min(f(a), f(b)) - (0.1 if a and b else 0.0)))
    assert excess.sel(a_uM=3.0, b_uM=5.0).values == pytest.approx(0.1)
    assert excess.sel(a_uM=3.0, b_uM=0.0).values == pytest.approx(0.0)


def test_a_drug_with_itself_is_loewe_additive():
    fine = grid(lambda a, b: 1 - 0.04 * (a + b))
    index = loewe(fine)
    reachable = index.sel(a_uM=1.0, b_uM=2.0)
    assert reachable.values == pytest.approx(1.0)
    assert np.isnan(index.sel(a_uM=10.0, b_uM=5.0).values).all()
    assert np.isnan(index.sel(a_uM=0.0, b_uM=0.0).values).all()
    assert index.sel(a_uM=3.0, b_uM=0.0).values == pytest.approx(1.0)


def test_untested_combinations_are_nan():
    partial = grid(lambda a, b: f(a) * f(b)).isel(arm=slice(0, 11))
    assert np.isnan(dose_matrix(partial).sel(a_uM=10.0, b_uM=5.0)).all()
    assert np.isnan(loewe(partial).sel(a_uM=10.0, b_uM=5.0)).all()


def test_three_drugs_have_three_dose_dimensions():
    one = grid(lambda a, b: f(a) * f(b)).assign_coords(c_uM=("arm", np.zeros(12)))
    two = one * f(4)
    two = two.assign_coords(c_uM=("arm", np.full(12, 4.0)))
    excess = bliss(xr.concat([one, two], dim="arm"))
    assert excess.dims == ("a_uM", "b_uM", "c_uM", "draw")
    assert float(abs(excess).max()) < 1e-12
    assert float(abs(hsa(xr.concat([one, two], dim="arm")).sel(a_uM=0.0, b_uM=0.0)).max()) < 1e-12


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (lambda g: g.isel(arm=slice(1, None)), r"the dose grid has no untreated arm (a_uM = 0, b_uM = 0); add one."),
        (lambda g: xr.concat([g, g], dim="arm"), "two arms of the dose grid have the same doses"),
        (lambda g: g.drop_vars(["a_uM", "b_uM"]), "no arm of the readout receives a drug"),
        (lambda g: g.isel(arm=0, drop=True), "synergy needs a readout with the dimension 'arm'; this one has draw."),
    ],
)
def test_broken_grids_are_refused_in_words(broken, text):
    with pytest.raises(InputError) as caught:
        bliss(broken(grid(lambda a, b: f(a) * f(b))))
    assert text in str(caught.value)
