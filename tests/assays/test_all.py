"""What holds for every assay."""

import numpy as np
import pytest
import xarray as xr

from hepatica import assays
from hepatica.assays import Apoptosis, DoseResponse, EdU, Level, Panel, ScratchWound, WesternBlot, Xenograft
from hepatica.errors import InputError, NotFoundError, UnitError

ALL_ASSAYS = [
    Apoptosis(of="cleaved_caspase"),
    Apoptosis(of="cleaved_parp", at="48 h"),
    Apoptosis(of="dead_fraction"),
    DoseResponse(of="viability"),
    DoseResponse(of="growth_rate", at=("24 h", "72 h")),
    DoseResponse(of="gr"),
    EdU(),
    Level(observable="IGF1R_total"),
    Panel(assays=(EdU(), WesternBlot(at="30 min"), Apoptosis(of="dead_fraction"))),
    ScratchWound(),
    WesternBlot(at="30 min"),
    WesternBlot(at=("30 min", "24 h")),
    Xenograft(),
]

each = pytest.mark.parametrize("assay", ALL_ASSAYS, ids=lambda a: f"{type(a).__name__} {getattr(a, 'name', '')}")


@each
@pytest.mark.parametrize("seed", [None, 7])
def test_dims_attrs_and_finite(assay, seed, sim):
    readout = assay.read(sim, seed)
    assert readout.dims[:2] == ("arm", "draw")
    assert ("replicate" in readout.dims) == (seed is not None)
    assert readout.attrs["units"]
    assert readout.attrs["long_name"]
    assert list(readout["arm"].values) == list(sim["arm"].values)
    assert np.isfinite(readout.values).all()
    assert "sorafenib_uM" in readout.coords
    if seed is not None:
        assert readout.sizes["replicate"] == 3


@each
def test_a_failed_draw_is_nan_and_only_there(assay, make_simulation):
    # arm 3 is no reference arm
    broken = assay.read(make_simulation(failed=(3, 1)), 5)
    whole = assay.read(make_simulation(), 5)
    assert np.isnan(broken.isel(arm=3, draw=1).values).all()
    assert np.isfinite(broken.isel(draw=[0, 2, 3, 4]).values).all()
    others = broken.drop_isel(arm=[3])
    assert np.isfinite(others.values).all()
    xr.testing.assert_allclose(broken.isel(draw=2), whole.isel(draw=2))


@each
@pytest.mark.parametrize("seed", [None, 11])
def test_order_of_arms_and_draws_does_not_matter(assay, seed, sim):
    arms = np.random.default_rng(3).permutation(sim.sizes["arm"])
    shuffled = sim.isel(arm=arms, draw=[4, 2, 0, 1, 3])
    expected = assay.read(sim, seed).isel(arm=arms, draw=[4, 2, 0, 1, 3])
    xr.testing.assert_allclose(assay.read(shuffled, seed), expected, rtol=1e-12)


@each
def test_a_subset_of_draws_reads_the_same(assay, sim):
    part = assay.read(sim.isel(draw=[1, 3]), 2)
    xr.testing.assert_allclose(part, assay.read(sim, 2).isel(draw=[1, 3]), rtol=1e-12)


@each
def test_seed_repeats_and_differs(assay, sim):
    assert assay.read(sim, 1).identical(assay.read(sim, 1))
    assert not np.allclose(assay.read(sim, 1).values, assay.read(sim, 2).values)


@each
def test_times_and_observables_are_what_it_needs(assay, sim):
    assert assay.times == tuple(sorted(set(assay.times)))
    needed = sim[list(assay.observables)].sel(time=list(assay.times))
    xr.testing.assert_identical(assay.read(needed), assay.read(sim))


@each
def test_missing_observable_and_time_are_named(assay, sim):
    lacking = sim.drop_vars(assay.observables[0]).sel(time=[9.0], method="nearest").assign_coords(time=[9.0])
    with pytest.raises(NotFoundError) as caught:
        assay.read(lacking)
    text = str(caught.value)
    assert f"'{assay.observables[0]}'" in text
    assert f"time {assay.times[0]:g} min" in text
    assert "simulate with this assay" in text


def test_near_names_and_dimensions(sim):
    with pytest.raises(NotFoundError, match="Did you mean 'IGF1R_total'"):
        Level(observable="IGFR_total").read(sim)
    with pytest.raises(NotFoundError, match="needs a simulation with the labelled dimension 'draw'"):
        EdU().read(sim.isel(draw=0))
    with pytest.raises(NotFoundError, match="lacks time 1440 min"):
        EdU().read(sim.isel(time=slice(0, 0)))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: EdU(at="24"), UnitError, "'24' has no unit"),
        (lambda: EdU(at="24 nM"), UnitError, "wrong unit"),
        (lambda: EdU(at="-1 h"), InputError, "reading time '-1 h' is negative"),
        (lambda: EdU(at=()), InputError, "no reading time"),
        (lambda: Apoptosis(of="caspase"), InputError, "apoptosis of 'caspase' is none of"),
        (lambda: DoseResponse(of="viabilty"), InputError, "Did you mean 'viability'"),
        (lambda: DoseResponse(of="gr", at="0 h"), InputError, "before any growth"),
        (lambda: DoseResponse(of="growth_rate", relative_to="control"), InputError, "has no reference arm"),
        (lambda: DoseResponse(dead_signal=-0.1), InputError, "dead cells' signal is -0.1"),
        (lambda: Level(observable=""), InputError, "a level needs an observable"),
        (lambda: WesternBlot(bands=()), InputError, "no bands"),
        (lambda: Panel(assays=()), InputError, "no assays"),
        (lambda: Panel(assays=(EdU(), EdU(at="48 h"))), InputError, "two assays that give 's_phase'"),
    ],
)
def test_bad_assays_are_refused(build, error, text):
    with pytest.raises(error, match=text.replace("(", r"\(")):
        build()


def test_public_names_are_sorted_and_there():
    classes = [n for n in assays.__all__ if n[0].isupper()]
    functions = [n for n in assays.__all__ if n[0].islower()]
    assert assays.__all__ == sorted(classes, key=lambda n: (not n.isupper(), n)) + sorted(functions)
    assert all(hasattr(assays, name) for name in assays.__all__)
