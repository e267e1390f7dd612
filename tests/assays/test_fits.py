import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.assays import DoseResponse, Method, fit_curve, fit_dose_response, hill
from hepatica.assays.fits import crossing
from hepatica.assays.hill import jacobian, log_doses
from hepatica.errors import InputError, NotFoundError

DOSES = np.array([0.0, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0])


def series(curves: np.ndarray, doses: np.ndarray = DOSES, unit: str = "uM", name: str = "control") -> xr.DataArray:
    """One manipulation; curves (dose, draw)."""
    curves = np.asarray(curves, dtype=float).reshape(len(doses), -1)
    coords = {
        "arm": [name if d == 0 else f"{name} {d:g}" for d in doses],
        "draw": np.arange(curves.shape[1]),
        f"sorafenib_{unit}": ("arm", np.asarray(doses, dtype=float)),
        "manipulation": ("arm", [name] * len(doses)),
    }
    return xr.DataArray(curves, dims=("arm", "draw"), coords=coords, name="viability")


@settings(max_examples=60, deadline=None)
@given(
    ec50=st.floats(0.8, 20.0),
    slope=st.floats(0.5, 5.0),
    einf=st.floats(-0.2, 0.4),
)
def test_recovers_the_closed_form(ec50, slope, einf):
    fit = fit_dose_response(series(hill(DOSES, e0=1.0, einf=einf, ec50=ec50, slope=slope)))
    truth = ec50 * (0.5 / (0.5 - einf)) ** (1 / slope)
    found = float(fit["ic50"].squeeze())
    if truth > 40.0:
        assert found == np.inf
        assert int(fit["method"].squeeze()) == Method.CENSORED
    elif truth >= 0.5:
        assert found == pytest.approx(truth, rel=1e-6)
        assert float(fit["hill"].squeeze()) == pytest.approx(slope, rel=1e-6)
    assert float(fit["emax"].squeeze()) == pytest.approx(hill([40.0], e0=1, einf=einf, ec50=ec50, slope=slope)[0])


def test_dims_units_and_groups(sim):
    fit = fit_dose_response(DoseResponse().read(sim), DoseResponse(of="gr").read(sim))
    assert set(fit.data_vars) == {"ic50", "emax", "hill", "auc", "method", "gr50", "gr_method"}
    assert fit["ic50"].dims == ("arm", "draw")
    assert list(fit["arm"].values) == ["control", "shIGF1R"]
    assert list(fit["manipulation"].values) == ["control", "shIGF1R"]
    assert fit["ic50"].attrs["units"] == fit["gr50"].attrs["units"] == "uM"
    assert "GR value" in fit["gr50"].attrs["long_name"]
    assert fit.attrs["cell_line"] == "HepG2"
    assert fit["method"].attrs["flag_meanings"].split()[Method.HILL] == "hill_fit"
    assert (fit["gr50"].sel(arm="shIGF1R") < fit["gr50"].sel(arm="control")).all()


def test_gr50_of_the_synthetic_plate(sim):
    # GR = 2^(1.4 f - 0.4) - 1 = 0.5 where f = (log2(1.5) + 0.4) / 1.4, and f is a Hill curve of the dose
    f = (np.log2(1.5) + 0.4) / 1.4
    truth = 3.0 * (1 / f - 1) ** (1 / 1.5)
    gr = DoseResponse(of="gr").read(sim)
    fit = fit_dose_response(DoseResponse().read(sim), gr)
    assert float(fit["gr50"].sel(arm="shIGF1R", draw=0)) == pytest.approx(truth, rel=0.02)


def test_unit_invariance(make_simulation):
    micro, nano = (
        fit_dose_response(DoseResponse().read(s), DoseResponse(of="gr").read(s))
        for s in (make_simulation(unit="uM"), make_simulation(unit="nM"))
    )
    for name in ("ic50", "gr50", "emax", "hill", "auc", "method"):
        np.testing.assert_allclose(micro[name], nano[name], rtol=1e-9)


def test_order_of_arms_and_draws_does_not_matter(sim):
    readout = DoseResponse().read(sim)
    fit = fit_dose_response(readout)
    order = np.random.default_rng(1).permutation(16)
    again = fit_dose_response(readout.isel(arm=order, draw=[3, 0, 4, 1, 2]))
    xr.testing.assert_allclose(again.sel(arm=fit["arm"], draw=fit["draw"]), fit, rtol=1e-12)


def test_nan_stays_nan(make_simulation):
    fit = fit_dose_response(DoseResponse().read(make_simulation(failed=(3, 1))))
    for name in ("ic50", "emax", "hill", "auc"):
        assert np.isnan(fit[name].sel(arm="control", draw=1))
        assert np.isfinite(fit[name].sel(arm="shIGF1R")).all()
    assert int(fit["method"].sel(arm="control", draw=1)) == Method.FAILED
    broken = series(np.full((8, 2), np.nan))
    assert np.isnan(fit_dose_response(broken)["ic50"]).all()


def test_extra_dimensions_are_kept(sim):
    readout = DoseResponse().read(sim, 3)
    fit = fit_dose_response(readout)
    assert fit["ic50"].dims == ("arm", "draw", "replicate")
    one = fit_dose_response(readout.isel(replicate=1))
    np.testing.assert_allclose(fit["ic50"].isel(replicate=1), one["ic50"])


def test_flat_censored_and_low_curves():
    flat = np.full(8, 0.995)
    weak = hill(DOSES, e0=1, einf=0.6, ec50=3.0, slope=1.0)
    strong = hill(DOSES, e0=1, einf=0.0, ec50=0.05, slope=1.0)
    already = np.linspace(0.45, 0.2, 8)
    fit = fit_dose_response(series(np.stack([flat, weak, strong, already], axis=1))).squeeze()
    methods = [int(m) for m in fit["method"].values]
    assert methods[:2] == [Method.CENSORED, Method.CENSORED]
    assert methods[2] in (Method.HILL, Method.BELOW_LOWEST_DOSE)
    assert methods[3] == Method.BELOW_WITHOUT_DRUG
    assert list(fit["ic50"].values[:2]) == [np.inf, np.inf]
    assert np.isnan(fit["hill"].values[0])
    assert fit["hill"].values[1] == pytest.approx(1.0, rel=1e-5)
    assert 0.0 < fit["ic50"].values[2] < 0.5
    assert fit["ic50"].values[3] == 0.0
    assert fit["auc"].values[0] == pytest.approx(0.995)
    assert fit["emax"].values[1] == pytest.approx(weak[-1])


def test_a_curve_that_is_no_hill_curve_is_interpolated():
    # two steps with a shelf: the fit misses by more than 0.02
    curve = np.array([1.0, 0.7, 0.7, 0.7, 0.7, 0.69, 0.1, 0.05])
    fit = fit_dose_response(series(curve)).squeeze()
    assert int(fit["method"]) == Method.INTERPOLATED
    assert 10.0 < float(fit["ic50"]) < 20.0
    assert np.isnan(fit["hill"])


def test_a_cliff_is_interpolated():
    curve = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    fit = fit_dose_response(series(curve)).squeeze()
    assert int(fit["method"]) == Method.INTERPOLATED
    assert 5.0 < float(fit["ic50"]) < 10.0


def test_few_doses_are_interpolated():
    doses = np.array([0.0, 1.0, 10.0])
    fit = fit_dose_response(series([1.0, 0.75, 0.25], doses)).squeeze()
    assert int(fit["method"]) == Method.INTERPOLATED
    assert float(fit["ic50"]) == pytest.approx(np.sqrt(10.0), rel=1e-9)
    assert float(fit["auc"]) == pytest.approx(0.5)


@settings(max_examples=50, deadline=None)
@given(drops=st.lists(st.floats(0.0, 0.4), min_size=7, max_size=7), level=st.floats(0.05, 0.95))
def test_crossing_lies_in_its_bracket_and_rises_as_the_level_falls(drops, level):
    curve = np.concatenate([[1.0], 1.0 - np.cumsum(drops)])[None]
    dose, upper = crossing(DOSES, curve, np.array([level]))
    if upper[0] < 0:
        assert dose[0] == np.inf
        assert curve.min() > level
    else:
        slack = 1e-9
        assert DOSES[upper[0] - 1] * (1 - slack) <= dose[0] <= DOSES[upper[0]] * (1 + slack)
        lower, _ = crossing(DOSES, curve, np.array([level - 0.01]))
        assert lower[0] >= dose[0] * (1 - slack)


def test_jacobian_is_the_derivative():
    log_dose, positive = log_doses(DOSES)
    p = np.array([0.97, 0.1, 0.6, 0.4])
    exact = jacobian(p, log_dose, positive)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        up, down = (hill(DOSES, e0=q[0], einf=q[1], ec50=10 ** q[2], slope=np.exp(q[3])) for q in (p + step, p - step))
        np.testing.assert_allclose(exact[i], (up - down) / 2e-6, atol=1e-8)


def test_errors(sim):
    readout = DoseResponse().read(sim)
    with pytest.raises(InputError, match=r"carry 0 dose labels .none.; name the one to fit over with dose="):
        fit_dose_response(readout.drop_vars("sorafenib_uM"))
    with pytest.raises(InputError, match="carry 2 dose labels"):
        fit_dose_response(readout.assign_coords(linsitinib_uM=("arm", np.zeros(16))))
    with pytest.raises(NotFoundError, match=r"no dose label 'sorafenb_uM'.*Did you mean 'sorafenib_uM'"):
        fit_dose_response(readout, dose="sorafenb_uM")
    with pytest.raises(InputError, match="dose series of 'control' has 1 doses beside zero; expected 2 or more"):
        fit_dose_response(readout.isel(arm=[0, 1]))
    twice = xr.concat([readout, readout.isel(arm=[1]).assign_coords(arm=["again"])], dim="arm")
    with pytest.raises(InputError, match="'control' has the same dose in two arms"):
        fit_dose_response(twice)


def test_a_named_dose_among_two(sim):
    readout = DoseResponse().read(sim)
    two = readout.assign_coords(linsitinib_uM=("arm", np.where(readout["manipulation"] == "shIGF1R", 2.0, 0.0)))
    np.testing.assert_allclose(fit_dose_response(two, dose="sorafenib_uM")["ic50"], fit_dose_response(readout)["ic50"])


def test_it_is_fast_enough():
    # the founding study: 28,000 curves; here 1,500, in the same time a curve and with room for a slow machine
    rng = np.random.default_rng(1)
    n = 1500
    curves = np.stack(
        [
            hill(DOSES, e0=1, einf=rng.uniform(0, 0.6), ec50=rng.uniform(1, 20), slope=rng.uniform(0.7, 3))
            for _ in range(n)
        ]
    ).T
    readout = series(curves)
    start = time.process_time()
    fit_dose_response(readout)
    assert time.process_time() - start < 12.0 * n / 28000 * 3


def test_fit_curve_without_noise():
    x = np.repeat(DOSES, 2)
    fit = fit_curve(x, hill(x, e0=1.0, einf=0.1, ec50=4.0, slope=1.3))
    truth = {"e0": 1.0, "einf": 0.1, "ec50": 4.0, "hill": 1.3, "ic50": 4.0 * (0.5 / 0.4) ** (1 / 1.3)}
    for name, value in truth.items():
        row = fit.sel(parameter=name)
        assert float(row["estimate"]) == pytest.approx(value, rel=1e-6)
        assert float(row["low"]) <= float(row["estimate"]) <= float(row["high"])
    assert fit.attrs["residual_sd"] < 1e-7


@pytest.mark.parametrize("known_sigma", [True, False])
def test_intervals_cover_the_truth(known_sigma):
    rng = np.random.default_rng(5)
    x = np.repeat(DOSES, 3)
    truth = {"e0": 1.0, "einf": 0.1, "ec50": 4.0, "hill": 1.3}
    exact = hill(x, e0=1.0, einf=0.1, ec50=4.0, slope=1.3)
    truth["ic50"] = 4.0 * (0.5 / 0.4) ** (1 / 1.3)
    runs = 200
    inside = dict.fromkeys(truth, 0)
    for _ in range(runs):
        sigma = np.full(x.shape, 0.05) if known_sigma else None
        fit = fit_curve(x, exact + rng.normal(0, 0.05, x.shape), sigma)
        low, high = fit["low"].values, fit["high"].values
        for i, name in enumerate(fit["parameter"].values):
            inside[str(name)] += bool(low[i] <= truth[str(name)] <= high[i])
    for name, count in inside.items():
        assert 0.89 <= count / runs <= 1.0, (name, count)


def test_weights_matter():
    x = np.repeat(DOSES, 2)
    y = hill(x, e0=1.0, einf=0.0, ec50=4.0, slope=1.0)
    y[1::2] += 0.3
    sigma = np.where(np.arange(16) % 2, 100.0, 0.01)
    fit = fit_curve(x, y, sigma)
    assert float(fit["estimate"].sel(parameter="ic50")) == pytest.approx(4.0, rel=1e-3)


def test_censored_and_undetermined_curves():
    weak = fit_curve(DOSES, hill(DOSES, e0=1, einf=0.0, ec50=200.0, slope=1.0))
    row = weak.sel(parameter="ic50")
    assert float(row["estimate"]) == np.inf
    assert float(row["low"]) == 40.0
    assert float(row["high"]) == np.inf
    flat = fit_curve(DOSES, np.ones(8))
    assert float(flat["estimate"].sel(parameter="ic50")) == np.inf
    assert float(flat["high"].sel(parameter="hill")) == np.inf
    assert float(flat["low"].sel(parameter="ec50")) == 0.0
    low = fit_curve(DOSES, hill(DOSES, e0=0.4, einf=0.0, ec50=4.0, slope=1.0))
    assert np.isnan(low["low"].sel(parameter="ic50"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([1, 2, 3], [1, 2]), "expected equal lists of points"),
        (([0, 1, 2, 3, 4], [1, 1, np.nan, 0, 0]), "not finite; leave such points out"),
        (([-1, 1, 2, 3, 4], [1, 1, 1, 0, 0]), "negative dose"),
        (([0, 1, 2, 3, 4], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]), "sigma that is not positive"),
        (([0, 1, 2, 2, 2], [1, 1, 1, 0, 0]), "5 points at 3 doses; expected at least 5 points at 4 doses"),
    ],
)
def test_bad_curves_are_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        fit_curve(*arguments)


def test_bad_confidence_is_refused():
    with pytest.raises(InputError, match="confidence is 95; expected a number between 0 and 1"):
        fit_curve(DOSES, np.linspace(1, 0, 8), confidence=95)
