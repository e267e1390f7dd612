"""Draws from priors."""

import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hepatica.ensemble import DOUBTS, Ensemble, Wiring, draw_prior, nominal, read_ensemble, write_ensemble
from hepatica.errors import FormatError, InputError, NotFoundError, StorageError
from hepatica.evidence import Evidence
from hepatica.model import Model, Parameter, Prior

ASSUMED = Evidence(basis="assumed", source="assumption")


def parameter(name, distribution="log-normal", arguments=(0.0, 1.0), bounds=None, value=1.0):
    return Parameter(
        id=name, value=value, unit="nM", prior=Prior(distribution=distribution, arguments=arguments), bounds=bounds
    )


def wiring(name, probability):
    return Wiring(id=name, parameter=name, sentence="a mechanism", probability=probability, evidence=ASSUMED)


MODEL = Model(
    id="m",
    parameters=(
        parameter("k", arguments=(1.0, 0.5)),
        Parameter(id="fixed", value=3.0),
        parameter("u", "uniform", (2.0, 4.0), value=3.0),
        parameter("n", "normal", (-1.0, 2.0), bounds=(-2.0, 0.0), value=-1.0),
        Parameter(id="switch", value=0.0),
    ),
)


def ensemble(values, **changes):
    values = np.asarray(values, dtype=float)
    names = [f"p{i}" for i in range(values.shape[1])]
    draws = xr.DataArray(values, dims=("draw", "parameter"), coords={"draw": range(len(values)), "parameter": names})
    return Ensemble(**{"draws": draws, "origin": "prior", "seed": 1} | changes)


def test_columns_are_the_uncertain_parameters_then_the_wirings():
    drawn = draw_prior(MODEL, 3, seed=1, wirings=[wiring("switch", 0.5)])
    assert drawn.parameters == ("k", "u", "n", "switch")
    assert drawn.draws.dims == ("draw", "parameter")
    assert drawn.size == 3
    assert drawn.origin == "prior"
    assert drawn.seed == 1
    assert list(drawn.draws["unit"].values) == ["nM", "nM", "nM", ""]
    assert drawn.draws.attrs["model_digest"] == MODEL.digest


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("k", stats.lognorm(s=0.5, scale=np.e)),
        ("u", stats.uniform(2.0, 2.0)),
        ("n", stats.truncnorm(-0.5, 0.5, loc=-1.0, scale=2.0)),
    ],
)
def test_draws_follow_the_truncated_prior(name, distribution):
    values = draw_prior(MODEL, 4000, seed=7).draws.sel(parameter=name).values
    assert stats.kstest(values, distribution.cdf).pvalue > 1e-3


def test_parameters_are_independent():
    values = draw_prior(MODEL, 4000, seed=7).draws.values
    correlation = np.corrcoef(np.argsort(np.argsort(values, axis=0), axis=0).T)
    assert np.abs(correlation - np.eye(3)).max() < 0.06


@given(start=st.integers(0, 10_000), count=st.integers(1, 9), seed=st.integers(0, 2**64 - 1))
@settings(max_examples=40, deadline=None)
def test_a_draw_depends_on_nothing_but_seed_and_index(start, count, seed):
    together = draw_prior(MODEL, count, seed=seed, start=start, wirings=[wiring("switch", 0.5)]).draws
    for offset in range(count):
        alone = draw_prior(MODEL, 1, seed=seed, start=start + offset, wirings=[wiring("switch", 0.5)]).draws
        assert np.array_equal(alone.values[0], together.values[offset])
        assert int(alone["draw"][0]) == start + offset


def test_a_draw_does_not_depend_on_other_parameters():
    smaller = Model(id="other", parameters=(MODEL.parameters[3], MODEL.parameters[0]))
    few, many = draw_prior(smaller, 20, seed=3).draws, draw_prior(MODEL, 20, seed=3).draws
    assert few.sel(parameter="k").values.tolist() == many.sel(parameter="k").values.tolist()
    assert few.sel(parameter="n").values.tolist() == many.sel(parameter="n").values.tolist()


def test_seeds_differ():
    assert (draw_prior(MODEL, 5, seed=1).draws.values != draw_prior(MODEL, 5, seed=2).draws.values).all()


def test_numbers_are_those_of_the_first_release():
    values = draw_prior(MODEL, 2, seed=1).draws.values
    expected = [
        [4.362541019086031, 3.163723122436067, -1.5503023945824173],
        [3.0971145738108046, 3.9660521571022125, -1.6590641827498274],
    ]
    assert values == pytest.approx(np.array(expected), rel=1e-12)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_wirings_are_present_with_their_probability(probability):
    drawn = draw_prior(MODEL, 4000, seed=5, wirings=[wiring("switch", probability)])
    values = drawn.draws.sel(parameter="switch").values
    assert set(values) <= {0.0, 1.0}
    assert values.mean() == pytest.approx(probability, abs=4 * np.sqrt(probability * (1 - probability) / 4000))


def test_a_wiring_stands_in_for_a_prior_of_its_switch():
    drawn = draw_prior(MODEL, 5, seed=1, wirings=[wiring("k", 1.0)])
    assert drawn.parameters == ("u", "n", "k")
    assert drawn.draws.sel(parameter="k").values.tolist() == [1.0] * 5


def test_wirings_alone():
    assert (
        draw_prior(
            Model(id="m", parameters=(Parameter(id="s", value=0.0),)), 2, seed=1, wirings=[wiring("s", 1.0)]
        ).size
        == 2
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0, "seed": 1}, r"^0 draws were asked for; expected at least one\.$"),
        ({"draws": 1, "seed": -1}, r"^the seed is -1; expected a whole number from 0 to 2\*\*64 - 1\.$"),
        ({"draws": 1, "seed": 1, "start": -1}, r"^the first draw is -1; expected zero or more\.$"),
    ],
)
def test_counts_and_seed_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        draw_prior(MODEL, **arguments)


def test_nothing_uncertain():
    with pytest.raises(InputError, match=r"^model 'm' has no parameter with a prior; give it priors, or use"):
        draw_prior(Model(id="m", parameters=(Parameter(id="a", value=1.0),)), 1, seed=1)


def test_unknown_switch():
    with pytest.raises(NotFoundError, match=r"^model 'm' has no switch 'swich'\. Did you mean 'switch'\?$"):
        draw_prior(MODEL, 1, seed=1, wirings=[wiring("swich", 0.5)])


def test_bounds_that_hold_nothing_of_the_prior():
    model = Model(id="m", parameters=(parameter("k", bounds=(1e9, 1e10)),))
    with pytest.raises(
        InputError, match=r"^parameter 'k': its bounds 1e\+09 to 1e\+10 hold almost nothing of its prior"
    ):
        draw_prior(model, 2, seed=1)


def test_speed():
    model = Model(id="m", parameters=tuple(parameter(f"p{i}", bounds=(0.05, 20.0)) for i in range(250)))
    draw_prior(model, 10, seed=1)
    begin = time.perf_counter()
    assert draw_prior(model, 1000, seed=1).draws.shape == (1000, 250)
    assert time.perf_counter() - begin < 1.0  # 0.1 s on a free core


def test_nominal():
    one = nominal(MODEL)
    assert one.origin == "nominal"
    assert one.parameters == ("k", "u", "n")
    assert one.draws.values.tolist() == [[1.0, 3.0, -1.0]]
    assert nominal(Model(id="m")).draws.shape == (1, 0)


def test_an_ensemble_cannot_be_written_into():
    made = ensemble([[1.0, 2.0]], weights=np.array([1.0]))
    with pytest.raises(ValueError, match="read-only"):
        made.draws.values[0, 0] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        made.weights[0] = 3.0


def test_select_keeps_indices_and_weights():
    made = ensemble([[1.0], [2.0], [3.0]], weights=[0.5, 0.3, 0.2])
    some = made.select(np.array([True, False, True]))
    assert some.draws["draw"].values.tolist() == [0, 2]
    assert some.weights.tolist() == [0.5, 0.2]
    assert made.select([2, 0]).draws.values.tolist() == [[3.0], [1.0]]
    assert ensemble([[1.0], [2.0]]).select([1]).weights is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"origin": "guess"}, r"^the origin 'guess' is none of prior, posterior, nominal, around\.$"),
        ({"weights": [1.0]}, r"^the weights have shape \(1,\); expected \(2,\), one for each draw\.$"),
        ({"weights": [1.0, -1.0]}, r"^the weights must be finite, not negative, and not all zero\.$"),
        ({"weights": [0.0, 0.0]}, r"^the weights must be finite"),
        (
            {"draws": xr.DataArray([[1.0]], dims=("parameter", "draw"))},
            r"^an ensemble has dimensions \(draw, parameter\)",
        ),
        ({"draws": xr.DataArray([[1.0]], dims=("draw", "parameter"))}, r"^the draws have no 'draw' coordinate"),
    ],
)
def test_wrong_ensembles(changes, message):
    with pytest.raises(InputError, match=message):
        ensemble([[1.0], [2.0]], **changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_must_be_finite(value):
    with pytest.raises(InputError, match=rf"^draw 1 of parameter 'p0' is {value}; expected finite numbers\.$"):
        ensemble([[1.0], [value]])


def test_a_value_that_is_not_finite_is_named_by_the_index_of_its_draw():
    draws = xr.DataArray([[1.0], [np.inf]], dims=("draw", "parameter"), coords={"draw": [40, 41], "parameter": ["k"]})
    with pytest.raises(InputError, match=r"^draw 41 of parameter 'k' is inf; expected finite numbers\.$"):
        ensemble([[1.0]], draws=draws)


def test_names_must_differ():
    draws = xr.DataArray([[1.0, 2.0]], dims=("draw", "parameter"), coords={"draw": [0], "parameter": ["a", "a"]})
    with pytest.raises(InputError, match=r"^the draws name a parameter twice; each may stand once\.$"):
        ensemble([[1.0]], draws=draws)


def test_an_ensemble_needs_draws():
    with pytest.raises(InputError, match=r"^the ensemble has no draws; give at least one\.$"):
        ensemble(np.empty((0, 2)))


@pytest.mark.parametrize("weights", [None, [0.25, 0.75]])
def test_file_round_trip(tmp_path, weights):
    drawn = draw_prior(MODEL, 2, seed=2**64 - 1, start=5)
    made = Ensemble(draws=drawn.draws, weights=weights, origin="posterior", seed=drawn.seed)
    back = read_ensemble(write_ensemble(made, tmp_path / "e.nc"))
    xr.testing.assert_identical(back.draws, made.draws)
    assert (back.weights is None) if weights is None else (back.weights.tolist() == weights)
    assert back.origin == "posterior"
    assert back.seed == 2**64 - 1
    assert [p.name for p in tmp_path.iterdir()] == ["e.nc"]


def test_writing_where_nothing_can_be_written(tmp_path):
    with pytest.raises(StorageError, match=r"^the ensemble could not be written to '.*e\.nc': "):
        write_ensemble(nominal(MODEL), tmp_path / "missing" / "e.nc")


def test_disk_full(tmp_path, monkeypatch):
    def no_space(*_, **__):
        (tmp_path / "e.nc.part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", no_space)
    with pytest.raises(
        StorageError, match=r"^the ensemble could not be written to '.*e\.nc': No space left on device\.$"
    ):
        write_ensemble(nominal(MODEL), tmp_path / "e.nc")
    assert list(tmp_path.iterdir()) == []


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(StorageError, match=r"^the ensemble '.*e\.nc' could not be read: No such file or directory\.$"):
        read_ensemble(tmp_path / "e.nc")


def test_reading_what_is_not_netcdf(tmp_path):
    path = tmp_path / "e.nc"
    path.write_text("hello")
    with pytest.raises(FormatError, match=r"e\.nc: not a netCDF-4 file; expected an ensemble that hepatica wrote\.$"):
        read_ensemble(path)


def test_reading_another_netcdf_file(tmp_path):
    path = tmp_path / "e.nc"
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FormatError, match=r"e\.nc: not an ensemble; expected a file that hepatica wrote as one\.$"):
        read_ensemble(path)


def test_reading_a_broken_file(tmp_path):
    path = write_ensemble(nominal(MODEL), tmp_path / "e.nc")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises((StorageError, FormatError), match=r"e\.nc"):
        read_ensemble(path)


def test_columns_of_a_line_stand_for_what_all_share(tmp_path):
    names = ["k", "q", "k[Huh7]", "q[HepG2]"]
    draws = xr.DataArray(
        np.arange(8.0).reshape(2, 4), dims=("draw", "parameter"), coords={"draw": [0, 1], "parameter": names},
        attrs={DOUBTS: "one\ntwo"},
    )  # fmt: skip
    ensemble = Ensemble(draws=draws, origin="posterior", seed=1, weights=[1.0, 3.0])
    assert ensemble.own("Huh7") == ("k",)
    assert ensemble.own("SK-Hep1") == ()
    huh7 = ensemble.in_line("Huh7")
    assert huh7.parameters == ("k", "q")
    np.testing.assert_array_equal(huh7.draws.values, [[2.0, 1.0], [6.0, 5.0]])
    np.testing.assert_array_equal(huh7.weights, ensemble.weights)
    np.testing.assert_array_equal(ensemble.in_line("SK-Hep1").draws.values, [[0.0, 1.0], [4.0, 5.0]])
    assert read_ensemble(write_ensemble(ensemble, tmp_path / "e.nc")).draws.attrs[DOUBTS] == "one\ntwo"
