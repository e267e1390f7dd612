"""Rank correlation against scipy, with censored and missing outcomes."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hepatica.analysis import log_ratio, rank_correlation
from hepatica.ensemble import Ensemble
from hepatica.errors import InputError

N = 60


@pytest.fixture
def ensemble():
    rng = np.random.default_rng(1)
    values = np.column_stack([rng.lognormal(size=N), rng.lognormal(size=N), rng.integers(0, 2, N), np.ones(N)])
    draws = xr.DataArray(values, coords={"draw": np.arange(N) + 7, "parameter": ["k", "noise", "wiring_x", "fixed"]})
    return Ensemble(draws=draws, origin="prior", seed=1)


def outcome(values):
    return xr.DataArray(values, dims="draw", coords={"draw": np.arange(N) + 7})


def test_agrees_with_scipy_and_sorts_by_strength(ensemble):
    x = ensemble.draws.values
    y = np.log(x[:, 0]) + 0.3 * x[:, 2]
    table = rank_correlation(ensemble, outcome(y))
    assert list(table["parameter"]) == ["k", "wiring_x", "noise"]
    for row in table.itertuples():
        column = ensemble.parameters.index(row.parameter)
        expected = stats.spearmanr(x[:, column], y)
        assert row.rho == pytest.approx(expected.statistic, abs=1e-12)
        assert row.p == pytest.approx(expected.pvalue, rel=1e-6)
        assert row.q >= row.p
    assert table.attrs == {"n": N, "left_out": 0, "censored": 0}


def test_censored_rank_highest_and_missing_are_counted(ensemble):
    k = ensemble.draws.values[:, 0]
    y = k.copy()
    y[k > np.quantile(k, 0.8)] = np.inf
    y[:3] = np.nan
    table = rank_correlation(ensemble, outcome(y)).set_index("parameter")
    assert table.loc["k", "rho"] > 0.98
    assert table.attrs["left_out"] == 3
    assert table.attrs["censored"] == int(np.isinf(y).sum())


def test_equal_weights_change_nothing_and_zero_weights_leave_out(ensemble):
    y = ensemble.draws.values[:, 1]
    half = np.where(np.arange(N) < N // 2, 1.0, 0.0)
    plain = rank_correlation(ensemble, outcome(y))
    weighted = Ensemble(draws=ensemble.draws, weights=np.full(N, 0.3), origin="prior", seed=1)
    assert rank_correlation(weighted, outcome(y))["rho"].to_numpy() == pytest.approx(plain["rho"].to_numpy())
    few = Ensemble(draws=ensemble.draws, weights=half, origin="prior", seed=1)
    noisy = rank_correlation(few, outcome(np.log(ensemble.draws.values[:, 0])))
    assert noisy.set_index("parameter").loc["noise", "p"] > 0


def test_too_few_draws_give_an_empty_table(ensemble):
    y = np.full(N, np.nan)
    y[:2] = 1.0
    table = rank_correlation(ensemble, outcome(y))
    assert len(table) == 0
    assert list(table.columns) == ["parameter", "rho", "p", "q"]


def test_wrong_outcomes_are_refused(ensemble):
    with pytest.raises(InputError, match="expected one number for each draw"):
        rank_correlation(ensemble, outcome(np.ones(N)).expand_dims("arm"))
    with pytest.raises(InputError, match="the outcome holds draw 0, which the ensemble does not"):
        rank_correlation(ensemble, xr.DataArray([1.0], dims="draw", coords={"draw": [0]}))


def test_log_ratio_of_censored_values():
    ic50 = xr.DataArray(
        [[1.0, 10.0, np.inf], [10.0, np.inf, np.inf]], dims=("arm", "draw"), coords={"arm": ["kd", "nt"]}
    )
    shift = log_ratio(ic50, "kd", "nt").values
    assert shift[0] == pytest.approx(-1.0)
    assert shift[1] == -np.inf
    assert np.isnan(shift[2])
