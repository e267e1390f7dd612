from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from hepatica.ensemble import Ensemble
from hepatica.errors import InputError, NotFoundError, UnitError, UnsupportedError
from hepatica.experiment import Arm, Assay, CellLine, Change, Experiment, Intervention
from hepatica.model import Apply, Model, Number, Parameter, Rule, Symbol
from hepatica.simulation import simulate
from hepatica.solver import Status
from tests.compiler.networks import growth, rate_of, turnover


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Assay):
    """Reads what it is told to."""

    at: tuple[float, ...] = (0.0, 5.0, 50.0)
    names: tuple[str, ...] = ("X",)

    @property
    def times(self) -> tuple[float, ...]:
        return self.at

    @property
    def observables(self) -> tuple[str, ...]:
        return self.names

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        return simulation[self.names[0]]


def arm(name: str, *changes: Change, **labels: float | str) -> Arm:
    return Arm(id=name, interventions=(Intervention(id=name, changes=changes, labels=labels),))


def experiment(*arms: Arm, **options: object) -> Experiment:
    return Experiment(id="test", arms=arms or (arm("control"),), assay=Reading(), **options)  # type: ignore[arg-type]


def draws(**columns: list[float]) -> Ensemble:
    values = np.array(list(columns.values())).T
    coords = {"draw": np.arange(len(values)), "parameter": list(columns)}
    return Ensemble(draws=xr.DataArray(values, dims=("draw", "parameter"), coords=coords), origin="prior", seed=3)


def test_arms_start_from_their_own_steady_state_and_units_are_converted() -> None:
    always = Change(target="make", how="scale", value=2.0)
    later = Change(target="make", value=0.1, unit="uM/h", start=5.0)
    result = simulate(turnover(), experiment(arm("control"), arm("twice", always), arm("later", later)))
    assert result.sizes == {"arm": 3, "draw": 1, "time": 3}
    np.testing.assert_allclose(result["X"].sel(arm="control"), [[20.0, 20.0, 20.0]], rtol=1e-6)
    np.testing.assert_allclose(result["X"].sel(arm="twice"), [[40.0, 40.0, 40.0]], rtol=1e-6)
    level = 100.0 / 60.0 / 0.1
    np.testing.assert_allclose(result["X"].sel(arm="later")[0, 2], level + (20 - level) * np.exp(-4.5), rtol=1e-4)
    assert result["X"].attrs["units"] == "nM"
    assert result["time"].attrs["units"] == ""  # the model names none
    assert (result["status"] == int(Status.OK)).all()


def test_cell_line_comes_before_the_arm_and_draws_are_used() -> None:
    line = CellLine(id="line", changes=(Change(target="make", value=4.0, unit="nM/min"),))
    halved = arm("half", Change(target="make", how="scale", value=0.5), dose=1.0, kind="a")
    result = simulate(
        turnover(), experiment(arm("control"), halved, cell_line=line), draws(decay=[0.1, 0.2]), threads=1
    )
    np.testing.assert_allclose(result["X"].isel(time=0), [[40.0, 20.0], [20.0, 10.0]], rtol=1e-6)
    assert result.attrs["cell_line"] == "line"
    assert result["dose"].values[1] == 1.0
    assert np.isnan(result["dose"].values[0])
    assert result["kind"].values.tolist() == ["", "a"]


def test_without_equilibration_the_model_starts_where_it_says() -> None:
    begin = arm("begin", Change(target="X", value=3.0, unit="nM"))
    result = simulate(turnover(), experiment(arm("control"), begin, equilibrate=False))
    np.testing.assert_allclose(result["X"].isel(time=0, draw=0), [0.0, 3.0])


def test_no_steady_state_is_a_status_and_nan() -> None:
    model = growth()
    reading = Experiment(id="g", arms=(arm("a"),), assay=Reading(names=("N",)))
    result = simulate(model, reading)
    assert int(result["status"][0, 0]) == Status.NO_STEADY_STATE
    assert result["N"].isnull().all()
    assert "no_steady_state" in result["status"].attrs["flag_meanings"]
    assert result["stopped"].values.tolist() == [[-np.inf]]


def test_a_failure_says_when() -> None:
    square = Apply("pow", (Symbol("x"), Number(2.0)))
    begin = arm("begin", Change(target="x", value=1.0))
    reading = Experiment(id="blow-up", arms=(begin,), assay=Reading(at=(0.5, 2.0), names=("x",)), equilibrate=False)
    result = simulate(rate_of(square), reading)
    assert result["x"].values[0, 0].tolist() == [pytest.approx(2.0, rel=1e-4), pytest.approx(np.nan, nan_ok=True)]
    assert float(result["stopped"][0, 0]) == pytest.approx(1.0, rel=1e-3)


def test_threads_and_repeats_do_not_change_a_bit() -> None:
    ensemble = draws(decay=list(np.geomspace(0.01, 1.0, 60)))
    one, two, again = (simulate(turnover(), experiment(), ensemble, threads=n) for n in (1, 2, 2))
    xr.testing.assert_identical(one, two)
    xr.testing.assert_identical(two, again)


def test_permuted_arms_give_permuted_results() -> None:
    arms = [arm(f"a{k}", Change(target="make", how="scale", value=1.0 + k)) for k in range(4)]
    forward, backward = simulate(turnover(), experiment(*arms)), simulate(turnover(), experiment(*arms[::-1]))
    xr.testing.assert_equal(forward["X"], backward["X"].sel(arm=forward["arm"]))


def test_further_observables_and_times() -> None:
    double = Rule(kind="assignment", variable="double", expression=Apply("+", (Symbol("X"), Symbol("X"))))
    model = replace(
        turnover(),
        rules=(double,),
        parameters=(*turnover().parameters, Parameter(id="double", value=0.0, constant=False)),
    )
    result = simulate(model, experiment(), observables=("double",), times=(7.0,))
    np.testing.assert_allclose(result["double"], 2 * result["X"])
    assert result["time"].values.tolist() == [0.0, 5.0, 7.0, 50.0]


def _with(model: Model, change: Change) -> None:
    simulate(model, experiment(arm("dose", change)))


def test_errors_say_what_came_and_what_is_near() -> None:
    model = turnover()
    with pytest.raises(
        NotFoundError,
        match=r"arm 'dose': 'maek' is neither a species nor a parameter of the model. Did you mean 'make'\?",
    ):
        _with(model, Change(target="maek", value=1.0))
    with pytest.raises(UnitError, match="the dimensions differ"):
        _with(model, Change(target="make", value=1.0, unit="h"))
    with pytest.raises(UnsupportedError, match="'X' is infused; infusions are not supported yet"):
        _with(model, Change(target="X", how="infuse", value=1.0, unit="nM/min", start=0.0))
    with pytest.raises(InputError, match="'X' is a state and cannot be held until a stop"):
        _with(model, Change(target="X", value=1.0, unit="nM", start=0.0, stop=5.0))
    rule = Rule(kind="assignment", variable="double", expression=Symbol("X"))
    with pytest.raises(NotFoundError, match="'double' is computed by a rule and cannot be changed"):
        _with(replace(model, rules=(rule,)), Change(target="double", value=1.0))
    with pytest.raises(
        NotFoundError,
        match=r"the ensemble names 'decai', which is no free parameter of the model. Did you mean 'decay'",
    ):
        simulate(model, experiment(), draws(decai=[1.0]))
    with pytest.raises(InputError, match="threads is 0; expected one or more"):
        simulate(model, experiment(), threads=0)
    with pytest.raises(InputError, match="experiment 'test' reads nothing"):
        simulate(model, Experiment(id="test", arms=(arm("a"),), assay=Reading(at=())))
    with pytest.raises(NotFoundError, match="no observable 'Z'"):
        simulate(model, Experiment(id="test", arms=(arm("a"),), assay=Reading(names=("Z",))))


def test_what_is_drawn_for_a_line_by_itself_replaces_what_the_line_sets() -> None:
    line = CellLine(id="A", name="A", changes=(Change(target="make", value=7.0), Change(target="decay", value=0.2)))
    drawn = draws(**{"make": [1.0, 1.0], "make[A]": [2.0, 4.0], "make[B]": [100.0, 100.0]})
    own = simulate(turnover(), experiment(cell_line=line), drawn)
    np.testing.assert_allclose(own["X"].sel(arm="control").isel(time=0), [10.0, 20.0], rtol=1e-6)
    shared = simulate(turnover(), experiment(), drawn)
    np.testing.assert_allclose(shared["X"].sel(arm="control").isel(time=0), [10.0, 10.0], rtol=1e-6)
