import numpy as np
import pytest
import xarray as xr

from hepatica.assays import BANDS, Band, WesternBlot, strip
from hepatica.assays.western_blot import BACKGROUND, REFERENCE_LEVEL, STRONGEST_LEVEL
from hepatica.errors import InputError, NotFoundError

NAMES = ["pIGF1R", "pAKT S473", "p-mTOR S2481", "pMEK", "pERK", "cleaved caspase-3", "cleaved PARP"]


def test_bands_and_reference_lane(sim):
    blot = WesternBlot(at="24 h").read(sim)
    assert blot.dims == ("arm", "draw", "band")
    assert list(blot["band"].values) == NAMES
    assert [band.name for band in BANDS] == NAMES
    np.testing.assert_allclose(blot.sel(arm="control"), 1.0, rtol=1e-13)


def test_saturation_by_hand(sim):
    # half the level: s x = 1/6 against 1/3, so (1/7) / (1/4) = 4/7 of the reference, not 1/2
    blot = WesternBlot(at="24 h").read(sim)
    np.testing.assert_allclose(blot.sel(arm="shIGF1R", band="pAKT S473"), 4 / 7, rtol=1e-12)
    # no level can rise above four times the reference
    bright = sim["ppERK"].copy()
    bright.loc[{"arm": "shIGF1R"}] = 1e9
    fold = WesternBlot(at="24 h").read(sim.assign(ppERK=bright)).sel(arm="shIGF1R", band="pERK")
    np.testing.assert_allclose(fold, 1 / REFERENCE_LEVEL, rtol=1e-6)


def test_exposure_rules(sim):
    blot = WesternBlot(at="24 h")
    raw = blot.densitometry(sim)
    assert list(raw["band"].values) == [*NAMES, "actin"]
    np.testing.assert_allclose(
        raw.sel(arm="control", band="pERK"), BACKGROUND + (1 - BACKGROUND) * REFERENCE_LEVEL, rtol=1e-13
    )
    strongest = raw.sel(band="cleaved PARP").max("arm")
    np.testing.assert_allclose(strongest, BACKGROUND + (1 - BACKGROUND) * STRONGEST_LEVEL, rtol=1e-13)
    assert ((raw >= BACKGROUND) & (raw <= 1)).all()


def test_the_order_of_levels_is_kept(sim):
    blot = WesternBlot(at="24 h").read(sim)
    for band in BANDS:
        level = sim[band.observable].sel(time=1440.0).values
        fold = blot.sel(band=band.name).values
        for draw in range(level.shape[1]):
            assert (np.argsort(level[:, draw], kind="stable") == np.argsort(fold[:, draw], kind="stable")).all() or (
                np.diff(fold[np.argsort(level[:, draw]), draw]) >= -1e-12
            ).all()


def test_a_band_that_the_reference_lacks_is_nan(sim):
    none = WesternBlot(at="24 h").read(sim.assign(pIGF1R=sim["pIGF1R"] * 0.0))
    assert np.isnan(none.sel(band="pIGF1R")).all()
    assert np.isfinite(none.sel(band="pERK")).all()


def test_noise_size_and_normalisation(make_simulation):
    wide = make_simulation(draws=1500)
    assay = WesternBlot(at="24 h", bands=(BANDS[1],))
    exact, noisy = assay.read(wide), assay.read(wide, 9)
    np.testing.assert_allclose(noisy.sel(arm="control").mean("replicate"), 1.0, rtol=1e-12)
    # band 14 %, actin 10 %, its reference lane a mean of three of the same; the load nearly cancels
    one = np.log1p(0.14**2) + np.log1p(0.10**2)
    got = np.log((noisy / exact).sel(arm="shIGF1R").values).std()
    assert got == pytest.approx(np.sqrt(one * (1 + 1 / 3)), rel=0.05)


def test_errors(sim):
    with pytest.raises(NotFoundError, match=r"no arm 'kontrol'. Did you mean 'control'"):
        WesternBlot(at="24 h", reference="kontrol").read(sim)
    with pytest.raises(
        InputError, match=r"exposure 'strong' is none of reference, strongest. Did you mean 'strongest'"
    ):
        Band(name="x", observable="y", expose="strong")
    with pytest.raises(InputError, match="band 'a' is there twice"):
        WesternBlot(bands=(Band(name="a", observable="b"), Band(name="a", observable="c")))
    with pytest.raises(InputError, match="band 'actin' is there twice"):
        WesternBlot(bands=(Band(name="actin", observable="b"),))


LANES = ["control", "control + sorafenib 5 uM", "shIGF1R", "shIGF1R + sorafenib 5 uM"]


def test_strip_recovers_the_membrane(make_simulation):
    single = make_simulation(draws=1)
    blot = WesternBlot(at="24 h")
    drawn = strip(blot.read(single), LANES)
    assert drawn["median"].dims == ("lane", "band")
    assert list(drawn["lane"].values) == LANES
    raw = blot.densitometry(single).isel(draw=0).sel(arm=LANES)
    np.testing.assert_allclose(drawn["median"].values, raw.values, rtol=1e-12)
    assert ((drawn > 0) & (drawn <= 1)).to_array().all()
    assert not np.allclose(drawn["median"], drawn["replicate"])
    np.testing.assert_allclose(drawn["fold"].sel(lane="control"), 1.0)


def test_strip_is_keyed_by_lane_and_seed(sim):
    readout = WesternBlot(at=("30 min", "24 h")).read(sim)
    drawn = strip(readout, LANES, at="24 h", seed=4)
    fewer = strip(readout, LANES[2:], at="24 h", seed=4)
    xr.testing.assert_allclose(fewer, drawn.isel(lane=[2, 3]))
    assert not np.allclose(strip(readout, LANES, at="24 h", seed=5)["replicate"], drawn["replicate"])
    one_time = strip(readout.sel(time=[1440.0]), LANES, seed=4)
    xr.testing.assert_identical(one_time, drawn)


def test_strip_of_failed_draws(make_simulation):
    sim = make_simulation(failed=(4, 1))
    drawn = strip(WesternBlot(at="24 h").read(sim), LANES)
    assert np.isfinite(drawn["median"]).all()
    dead = make_simulation(draws=1, failed=(4, 0))
    drawn = strip(WesternBlot(at="24 h").read(dead), LANES)
    assert np.isnan(drawn["median"].sel(lane="control + sorafenib 5 uM")).all()
    assert np.isfinite(drawn["median"].sel(lane="shIGF1R")).all()


def test_strip_errors(sim):
    assay = WesternBlot(at=("30 min", "24 h"))
    readout = assay.read(sim)
    with pytest.raises(InputError, match="read at 2 times; name one with at=, such as '30 min'"):
        strip(readout, LANES)
    with pytest.raises(NotFoundError, match="not read at '48 h'; it was at 30, 1440 min"):
        strip(readout, LANES, at="48 h")
    with pytest.raises(NotFoundError, match="no arm 'shIGF1'"):
        strip(readout, ["shIGF1"], at="24 h")
    with pytest.raises(InputError, match="exact readout of a WesternBlot"):
        strip(assay.read(sim, 1), LANES, at="24 h")
    with pytest.raises(InputError, match="dimension 'cell_line'; select one"):
        strip(readout.expand_dims(cell_line=["HepG2"]), LANES, at="24 h")
