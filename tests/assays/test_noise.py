import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.assays import Noise
from hepatica.assays.noise import uniforms
from hepatica.errors import InputError
from hepatica.evidence import Evidence

WHY = Evidence(basis="assumed", source="assumption", note="a test")


def flat(value: float, arms: int = 2, draws: int = 3) -> xr.DataArray:
    coords = {"arm": [f"a{i}" for i in range(arms)], "draw": np.arange(draws)}
    return xr.DataArray(np.full((arms, draws), value), dims=("arm", "draw"), coords=coords)


@pytest.mark.parametrize("cv", [0.06, 0.14, 0.5])
def test_lognormal_mean_and_cv(cv):
    values = Noise(kind="lognormal", size=cv, evidence=WHY).replicates(flat(5.0, 4, 20000), seed=1, stream="s").values
    n = values.size
    assert values.shape == (4, 20000, 3)
    assert abs(values.mean() / 5.0 - 1.0) < 5 * cv / np.sqrt(n)
    assert values.std() / values.mean() == pytest.approx(cv, rel=0.02)


def test_binomial_mean_variance_and_grid():
    values = Noise(kind="binomial", size=200, evidence=WHY).replicates(flat(0.3, 2, 10000), seed=1, stream="s").values
    assert values.mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 200 / values.size))
    assert values.var() == pytest.approx(0.21 / 200, rel=0.03)
    np.testing.assert_allclose(values * 200, np.round(values * 200), atol=1e-9)


def test_binomial_at_the_ends_is_exact():
    noise = Noise(kind="binomial", size=50, evidence=WHY)
    assert (noise.replicates(flat(0.0), seed=1, stream="s") == 0.0).all()
    assert (noise.replicates(flat(1.0), seed=1, stream="s") == 1.0).all()


@pytest.mark.parametrize("kind", ["lognormal", "binomial"])
def test_nan_stays_nan(kind):
    exact = flat(0.5)
    exact[1, 2] = np.nan
    noisy = Noise(kind=kind, size=1 if kind == "lognormal" else 10, evidence=WHY).replicates(exact, seed=1, stream="s")
    assert np.isnan(noisy.values).sum() == 3
    assert np.isnan(noisy.isel(arm=1, draw=2).values).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    draws=st.lists(st.integers(0, 5000), min_size=1, max_size=6, unique=True),
    more=st.integers(1, 3),
)
def test_keyed_by_seed_arm_draw_not_by_company(seed, draws, more):
    wide = xr.DataArray(
        np.ones((3, len(draws), 2)),
        dims=("arm", "draw", "time"),
        coords={"arm": ["x", "y", "z"], "draw": draws, "time": [30.0, 60.0]},
    )
    full = uniforms(wide, seed=seed, stream="s", n=2 + more)
    alone = uniforms(wide.isel(arm=[2], draw=[-1]).isel(time=1), seed=seed, stream="s", n=2)
    expected = full.sel(arm="z", draw=draws[-1], time=60.0).values[:2]
    np.testing.assert_array_equal(alone.values.ravel(), expected)
    assert ((full > 0) & (full < 1)).all()
    assert len(np.unique(full.values)) == full.size


def test_streams_are_uncorrelated():
    a = uniforms(flat(1.0, 1, 5000), seed=1, stream="a", n=2).values.reshape(-1, 2)
    b = uniforms(flat(1.0, 1, 5000), seed=1, stream="b", n=1).values.ravel()
    assert abs(np.corrcoef(a[:, 0], b)[0, 1]) < 0.06
    assert abs(np.corrcoef(a[:, 0], a[:, 1])[0, 1]) < 0.06
    assert abs(np.corrcoef(a[1:, 0], a[:-1, 0])[0, 1]) < 0.06


def test_repeats_that_are_there_are_measured_once():
    animals = flat(2.0).expand_dims(replicate=[1, 2, 3, 4]).transpose("arm", "draw", "replicate")
    noisy = Noise(kind="lognormal", size=0.1, evidence=WHY).replicates(animals, seed=1, stream="s")
    assert noisy.sizes == animals.sizes
    assert len(np.unique(noisy.values)) == noisy.size


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"kind": "normal", "size": 0.1}, "noise 'normal' is none of lognormal, binomial. Did you mean 'lognormal'"),
        ({"kind": "lognormal", "size": -0.1}, "coefficient of variation of -0.1; expected zero or more"),
        ({"kind": "lognormal", "size": float("nan")}, "coefficient of variation of nan"),
        ({"kind": "binomial", "size": 0.5}, "counts 0.5 cells; expected a whole number"),
    ],
)
def test_bad_noise_is_refused(kwargs, text):
    with pytest.raises(InputError, match=text):
        Noise(evidence=WHY, **kwargs)


def test_bad_use_is_refused():
    noise = Noise(kind="binomial", size=10, evidence=WHY)
    with pytest.raises(InputError, match=r"'s' is 1.2, no fraction of cells"):
        noise.replicates(flat(1.2), seed=1, stream="s")
    with pytest.raises(InputError, match="0 replicates were asked for"):
        noise.replicates(flat(0.5), seed=1, stream="s", n=0)
    with pytest.raises(InputError, match="draw id -1 is negative"):
        noise.replicates(flat(0.5).assign_coords(draw=[-1, 0, 1]), seed=1, stream="s")
