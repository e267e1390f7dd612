import numpy as np
import xarray as xr

from hepatica.assays import Apoptosis, DoseResponse, EdU, Panel, WesternBlot

PANEL = Panel(
    assays=(WesternBlot(at="30 min"), DoseResponse(of="gr", at="72 h"), Apoptosis(of="cleaved_caspase"), EdU())
)


def test_unions():
    assert PANEL.times == (0.0, 30.0, 1440.0, 2880.0, 4320.0)
    assert PANEL.observables.count("cCASP3") == 1
    assert set(PANEL.observables) >= {"cells", "actin", "ppERK", "s_phase_fraction"}


def test_read_all_is_each_assay_alone(sim):
    for seed in (None, 4):
        readouts = PANEL.read_all(sim, seed)
        assert list(readouts) == ["western_blot", "gr", "cleaved_caspase", "s_phase"]
        for assay in PANEL.assays:
            xr.testing.assert_identical(readouts[assay.name], assay.read(sim, seed))


def test_the_table_holds_the_same_numbers(sim):
    table = PANEL.read(sim, 4)
    readouts = PANEL.read_all(sim, 4)
    assert table.dims == ("arm", "draw", "replicate", "reading")
    assert table.sizes["reading"] == 7 + 1 + 3 + 1
    pick = table.sel(reading="western_blot pERK 30 min")
    np.testing.assert_array_equal(pick.values, readouts["western_blot"].sel(band="pERK").values)
    late = table.isel(reading=(table["readout"].values == "cleaved_caspase") & (table["time"].values == 4320.0))
    np.testing.assert_array_equal(late.isel(reading=0).values, readouts["cleaved_caspase"].sel(time=4320.0).values)
    assert str(late["units"].values[0]) == "nM"


def test_fewer_replicates_leave_nan(sim):
    table = Panel(assays=(EdU(replicates=2), Apoptosis(of="dead_fraction", at="24 h"))).read(sim, 1)
    assert np.isnan(table.sel(reading="s_phase 1440 min", replicate=3).values).all()
    assert np.isfinite(table.sel(reading="dead_fraction 1440 min").values).all()
