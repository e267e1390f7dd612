import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.assays import DoseResponse
from hepatica.errors import InputError, NotFoundError


def test_viability_by_hand(sim):
    readout = DoseResponse(of="viability", at="72 h", dead_signal=0.2).read(sim)
    late = sim.sel(time=4320.0)
    arm = "shIGF1R + sorafenib 5 uM"
    signal = late["cells"] + 0.2 * late["dead_cells"]
    expected = signal.sel(arm=arm) / signal.sel(arm="shIGF1R")
    np.testing.assert_allclose(readout.sel(arm=arm), expected, rtol=1e-14)
    assert (readout.sel(arm=["control", "shIGF1R"]) == 1.0).all()
    assert readout.dims == ("arm", "draw")
    assert float(readout["time"]) == 4320.0
    assert readout.attrs["cell_line"] == "HepG2"


def test_relative_to_an_arm(sim):
    own = DoseResponse(of="viability").read(sim)
    control = DoseResponse(of="viability", relative_to="control").read(sim)
    signal = sim["cells"].sel(time=4320.0) + 0.15 * sim["dead_cells"].sel(time=4320.0)
    np.testing.assert_allclose(control.sel(arm="shIGF1R"), signal.sel(arm="shIGF1R") / signal.sel(arm="control"))
    np.testing.assert_allclose(control.isel(arm=slice(0, 8)), own.isel(arm=slice(0, 8)))
    with pytest.raises(NotFoundError, match=r"no arm 'contrl'. Did you mean 'control'"):
        DoseResponse(relative_to="contrl").read(sim)


def test_growth_rate_and_gr_by_hand(sim):
    rate = DoseResponse(of="growth_rate").read(sim)
    np.testing.assert_allclose(rate.sel(arm="control"), 0.017, rtol=1e-12)
    assert rate.attrs["units"] == "1/h"
    gr = DoseResponse(of="gr").read(sim)
    cells = sim["cells"].sel(time=4320.0)
    arm = "control + sorafenib 10 uM"
    expected = 2 ** (np.log2(cells.sel(arm=arm)) / np.log2(cells.sel(arm="control"))) - 1
    np.testing.assert_allclose(gr.sel(arm=arm), expected, rtol=1e-12)
    np.testing.assert_allclose(gr.sel(arm="shIGF1R"), 1.0, rtol=1e-14)


def test_gr_marks(sim):
    cells = sim["cells"].copy()
    cells.loc[{"arm": "control + sorafenib 40 uM"}] = 1.0
    cells.loc[{"arm": "shIGF1R", "draw": 2, "time": 4320.0}] = 0.9
    gr = DoseResponse(of="gr").read(sim.assign(cells=cells))
    np.testing.assert_allclose(gr.sel(arm="control + sorafenib 40 uM"), 0.0, atol=1e-14)
    # where the reference shrinks the value has no meaning
    assert np.isnan(gr.isel(arm=slice(8, 16)).sel(draw=2)).all()
    assert np.isfinite(gr.isel(arm=slice(8, 16)).sel(draw=[0, 1, 3, 4])).all()


def test_several_times_keep_the_dimension(sim):
    both = DoseResponse(of="growth_rate", at=("24 h", "72 h")).read(sim, 3)
    assert both.dims == ("arm", "draw", "time", "replicate")
    single = DoseResponse(of="growth_rate", at="72 h").read(sim, 3)
    np.testing.assert_allclose(both.sel(time=4320.0), single, rtol=1e-12)


def test_a_failed_reference_fails_its_arms(make_simulation):
    readout = DoseResponse(of="viability").read(make_simulation(failed=(8, 1)))
    assert np.isnan(readout.isel(arm=slice(8, 16), draw=1)).all()
    assert np.isfinite(readout.isel(arm=slice(0, 8))).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_replicates_of_the_zero_dose_average_to_one(sim, seed):
    readout = DoseResponse(of="viability").read(sim, seed)
    np.testing.assert_allclose(readout.sel(arm="shIGF1R").mean("replicate"), 1.0, rtol=1e-12)


def test_dose_unit_does_not_matter(make_simulation):
    micro, nano = (DoseResponse(of="gr").read(make_simulation(unit=u)) for u in ("uM", "nM"))
    np.testing.assert_array_equal(micro.values, nano.values)


def test_two_drugs_and_no_other_label(sim):
    # one arm without any drug is everybody's reference
    grid = sim.isel(arm=[0, 1, 2, 3]).drop_vars("manipulation")
    grid = grid.assign_coords(sorafenib_uM=("arm", [0.0, 1.0, np.nan, 1.0]), linsitinib_nM=("arm", [0.0, 0, 5, 5]))
    readout = DoseResponse().read(grid)
    signal = grid["cells"].sel(time=4320.0) + 0.15 * grid["dead_cells"].sel(time=4320.0)
    np.testing.assert_allclose(readout, signal / signal.isel(arm=0))


def test_a_label_that_only_looks_like_a_dose(sim):
    ligand = np.where(sim["manipulation"] == "shIGF1R", 13.0, 0.0)
    named = sim.assign_coords(IGF1_nM=("arm", ligand))
    with pytest.raises(InputError, match="'shIGF1R' has no zero-dose arm with the same labels"):
        DoseResponse().read(named)
    readout = DoseResponse(dose=("sorafenib_uM",)).read(named)
    np.testing.assert_array_equal(readout.values, DoseResponse().read(sim).values)


def test_errors(sim):
    with pytest.raises(InputError, match="holds no live cells at the reading; add a Change that seeds 'cells'"):
        DoseResponse().read(sim.assign(cells=sim["cells"] * 0.0))
    with pytest.raises(InputError, match="no live cells"):
        DoseResponse(of="gr").read(sim.assign(cells=sim["cells"].where(sim["time"] > 0, 0.0)))
    with pytest.raises(InputError, match="'control' and 'shIGF1R' have the same labels and no dose"):
        DoseResponse().read(sim.drop_vars("manipulation"))
    with pytest.raises(InputError, match=r"'control' and 'control [+] sorafenib 0.5 uM' have the same labels"):
        DoseResponse().read(sim.drop_vars("sorafenib_uM"))
    with pytest.raises(NotFoundError, match=r"no dose label 'sorafenib_nM'.* Did you mean 'sorafenib_uM'"):
        DoseResponse(dose=("sorafenib_nM",)).read(sim)
    negative = sim.assign_coords(sorafenib_uM=sim["sorafenib_uM"] - 1.0)
    with pytest.raises(InputError, match="holds -1 uM; expected zero or more"):
        DoseResponse().read(negative)


def test_noise_has_its_size(make_simulation):
    wide = make_simulation(draws=2000)
    exact = DoseResponse().read(wide)
    noisy = DoseResponse(replicates=1).read(wide, 3)
    # with one replicate numerator and reference scatter alike, each by 13 %
    ratio = np.log((noisy / exact).sel(arm="control + sorafenib 5 uM").values)
    assert ratio.std() == pytest.approx(np.sqrt(2 * np.log1p(0.13**2)), rel=0.06)
    assert isinstance(noisy, xr.DataArray)
