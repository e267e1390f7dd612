import numpy as np
import pytest

from hepatica.ensemble import draw_prior
from hepatica.errors import InputError
from hepatica.simulation import simulate
from hepatica.solver import Status
from hepatica.streaming import prior_blocks, read_blocks, reduce_blocks, simulate_blocks, write_blocks
from tests.streaming.cases import BLOWN_UP, EXPERIMENT, blocks, explosive, uncertain

QUANTILES = (0.0, 0.1, 0.5, 0.95, 1.0)


def test_everything_is_that_of_the_whole() -> None:
    whole = simulate(uncertain(), EXPERIMENT, draw_prior(uncertain(), 300, seed=3), threads=1)["X"]
    found = reduce_blocks(blocks(300, 37), quantiles=QUANTILES)
    table = found["X"].transpose("statistic", "arm", "time")
    assert table["statistic"].values.tolist() == ["mean", "sd", "min", "max"]
    np.testing.assert_allclose(table.sel(statistic="mean"), whole.mean("draw"), rtol=1e-13)
    np.testing.assert_allclose(table.sel(statistic="sd"), whole.std("draw", ddof=1), rtol=1e-12)
    np.testing.assert_array_equal(table.sel(statistic="min"), whole.min("draw"))
    np.testing.assert_array_equal(table.sel(statistic="max"), whole.max("draw"))
    expected = whole.quantile(QUANTILES, "draw").transpose("quantile", "arm", "time")
    np.testing.assert_array_equal(found["X_quantile"].transpose("quantile", "arm", "time"), expected)
    assert found["X"].attrs["units"] == "nM"
    assert found["dose"].values.tolist()[1] == 2.0
    assert (found.attrs["draws"], found.attrs["quantile_draws"], found.attrs["seed"]) == (300, 300, 3)


def test_a_mean_far_from_zero_keeps_its_spread() -> None:
    parts = blocks(40, 9)
    far = [b.assign(X=b["X"] + 1e9) for b in parts]
    exact = np.concatenate([b["X"].values for b in far], axis=1).std(axis=1, ddof=1)
    rounding = np.finfo(float).eps * 1e9 / exact.min()  # a sum of squares would lose the square of it: everything
    np.testing.assert_allclose(reduce_blocks(far)["X"].sel(statistic="sd"), exact, rtol=rounding)


def test_only_completed_runs_count_and_failed_ones_are_counted() -> None:
    model = explosive()
    whole = simulate(model, BLOWN_UP, draw_prior(model, 60, seed=1), threads=1)
    found = reduce_blocks(simulate_blocks(model, BLOWN_UP, prior_blocks(model, 60, seed=1, size=13), threads=1))
    completed = whole["status"].values[0] == Status.OK
    assert 0 < completed.sum() < 60
    np.testing.assert_allclose(
        found["x"].sel(statistic="mean")[0], whole["x"].values[0, completed].mean(axis=0), rtol=1e-13
    )
    np.testing.assert_array_equal(
        found["x_quantile"].sel(quantile=0.5)[0], np.median(whole["x"].values[0, completed], axis=0)
    )
    runs = found["runs"].sel(arm="a")
    assert int(runs.sel(status="ok")) == completed.sum()
    assert int(runs.sum()) == 60


def test_an_arm_without_a_completed_run_is_nan() -> None:
    parts = blocks(6, 3)
    for part in parts:
        part["status"][1] = int(Status.STEP_LIMIT)
        part["X"][1] = np.nan
    found = reduce_blocks(parts)
    assert found["X"].sel(arm="dose").isnull().all()
    assert found["X_quantile"].sel(arm="dose").isnull().all()
    assert not found["X"].sel(arm="control").isnull().any()


def test_an_undefined_value_of_a_completed_run_is_not_dropped() -> None:
    parts = blocks(6, 3)
    parts[1]["X"][0, 2, 1] = np.nan
    found = reduce_blocks(parts)["X"].sel(arm="control")
    assert found.isel(time=1).isnull().all()
    assert not found.isel(time=[0, 2]).isnull().any()


def test_a_sample_is_the_same_for_all_blocks_and_near_the_whole() -> None:
    room = 400 * 8 * 2 * 3
    one = reduce_blocks(blocks(2000, 2000), memory=room)
    many = reduce_blocks(blocks(2000, 171)[::-1], memory=room)
    assert one.attrs["quantile_draws"] == 400
    np.testing.assert_array_equal(one["X_quantile"], many["X_quantile"])
    values = np.sort(blocks(2000, 2000)[0]["X"].values, axis=1)
    for k, q in enumerate((0.05, 0.5, 0.95)):
        for arm in range(2):
            for time in range(3):
                rank = np.searchsorted(values[arm, :, time], one["X_quantile"].values[k, arm, time]) / 2000
                assert abs(rank - q) < 4 * np.sqrt(q * (1 - q) / 400)
    exact = reduce_blocks(blocks(2000, 171))
    np.testing.assert_allclose(many["X"], exact["X"], rtol=1e-12)


def test_a_file_can_be_summarised(tmp_path) -> None:
    path = write_blocks(blocks(20, 6), tmp_path / "run.nc")
    np.testing.assert_allclose(
        reduce_blocks(read_blocks(path, size=7))["X"], reduce_blocks(blocks(20, 20))["X"], rtol=1e-13
    )


def test_without_quantiles_no_draw_is_kept() -> None:
    found = reduce_blocks(blocks(6, 3), quantiles=())
    assert "X_quantile" not in found
    assert "quantile" not in found.dims


def test_errors() -> None:
    with pytest.raises(InputError, match="there is no block to summarise"):
        reduce_blocks([])
    with pytest.raises(InputError, match=r"the quantile 1\.5 is out of range"):
        reduce_blocks(blocks(3, 3), quantiles=(0.5, 1.5))
    with pytest.raises(InputError, match="10 bytes do not hold one draw"):
        reduce_blocks(blocks(3, 3), memory=10)
    one, other = blocks(6, 3)
    with pytest.raises(InputError, match="a block has other arms, times or observables than the first"):
        reduce_blocks([one, other.isel(time=[0, 1])])
