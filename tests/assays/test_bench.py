"""Apoptosis, EdU, wound, xenograft and level: each against numbers by hand."""

import numpy as np
import pytest

from hepatica.assays import Apoptosis, EdU, Level, ScratchWound, Xenograft, tumour_growth_inhibition
from hepatica.errors import InputError, NotFoundError

ARM = "shIGF1R + sorafenib 5 uM"


def test_apoptosis(sim):
    caspase = Apoptosis(of="cleaved_caspase").read(sim)
    np.testing.assert_array_equal(caspase["time"], [1440.0, 2880.0, 4320.0])
    np.testing.assert_array_equal(caspase, sim["cCASP3"].sel(time=[1440.0, 2880.0, 4320.0]))
    assert caspase.attrs["units"] == "nM"
    parp = Apoptosis(of="cleaved_parp", at="48 h").read(sim)
    np.testing.assert_allclose(parp, sim["cPARP"].sel(time=2880.0) / 500.0)
    dead = Apoptosis(of="dead_fraction", at="72 h").read(sim).sel(arm=ARM)
    live, gone = (sim[name].sel(arm=ARM, time=4320.0) for name in ("cells", "dead_cells"))
    np.testing.assert_allclose(dead, gone / (live + gone))


def test_apoptosis_needs_cells(sim):
    with pytest.raises(InputError, match="no live cells"):
        Apoptosis(of="dead_fraction").read(sim.assign(cells=sim["cells"] * 0, dead_cells=sim["dead_cells"] * 0))


def test_counted_fractions_are_whole_cells(sim):
    for assay in (EdU(), Apoptosis(of="dead_fraction")):
        counts = assay.read(sim, 1).values * 500
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)


def test_edu_by_hand(sim):
    readout = EdU(at="24 h").read(sim)
    np.testing.assert_array_equal(readout, sim["s_phase_fraction"].sel(time=1440.0))
    assert readout.name == "s_phase"


def test_wound_by_hand(sim):
    closure = ScratchWound().read(sim)
    np.testing.assert_allclose(closure.sel(arm="control", time=2880.0), 0.3)
    np.testing.assert_allclose(closure.sel(arm="control", time=1440.0), 0.15)
    assert closure.name == "wound_closure"


def test_level_keeps_the_model_unit(sim):
    level = Level(observable="IGF1R_total").read(sim)
    assert level.name == "igf1r_total"
    assert level.attrs["units"] == "nM"
    np.testing.assert_allclose(level.sel(arm="control"), 10.0 * (1 + 0.1 * np.arange(5)))


def test_xenograft_days(sim):
    volume = Xenograft().read(sim)
    np.testing.assert_allclose(volume["time"] / 1440.0, np.arange(0, 29, 2))
    np.testing.assert_array_equal(volume.isel(time=0), 100.0)
    assert volume.attrs["units"] == "mm^3"


def test_animals_differ_in_growth_and_readings_by_calliper(make_simulation):
    wide = make_simulation(draws=2000)
    noisy = Xenograft(replicates=2).read(wide, 4).sel(arm="control")
    exact = Xenograft().read(wide).sel(arm="control")
    start = noisy.isel(time=0).values / 100.0
    assert start.mean() == pytest.approx(1.0, abs=0.01)
    assert start.std() == pytest.approx(0.15, rel=0.05)
    # late: growth 24 % on the log volume gained, and the calliper
    late = np.log(noisy.isel(time=-1) / exact.isel(time=-1)).values
    gained = np.log(exact.isel(time=-1).values / 100.0)[:, None]
    expected = np.sqrt((0.24 * gained.mean()) ** 2 + np.log1p(0.15**2))
    assert late.std() == pytest.approx(expected, rel=0.05)


def test_growth_inhibition(sim):
    volume = Xenograft().read(sim)
    inhibition = tumour_growth_inhibition(volume)
    assert inhibition.dims == volume.dims
    assert inhibition.attrs["units"] == "%"
    np.testing.assert_allclose(inhibition.sel(arm="control").isel(time=-1), 0.0, atol=1e-12)
    assert np.isnan(inhibition.isel(time=0)).all()
    last = volume.isel(time=-1)
    expected = 100 * (1 - (last.sel(arm=ARM) - 100) / (last.sel(arm="control") - 100))
    np.testing.assert_allclose(inhibition.sel(arm=ARM).isel(time=-1), expected)
    with pytest.raises(NotFoundError, match="no arm 'vehicle'"):
        tumour_growth_inhibition(volume, reference="vehicle")
