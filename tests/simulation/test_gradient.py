from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from hepatica.ensemble import Ensemble, draw_prior
from hepatica.errors import InputError, NotFoundError, UnsupportedError
from hepatica.experiment import Arm, CellLine, Change, Experiment, Intervention
from hepatica.library import load_cell_line, load_drug, load_model, load_wirings
from hepatica.model import TIME, Apply, Model, Number, Symbol
from hepatica.simulation import Differentiator, Objective, Readings, SquaredError, simulate, value_and_gradient
from hepatica.solver import Status, Tolerances
from tests.compiler.networks import bound_pair, clinic, growth, hill, rate_of, turnover
from tests.simulation.test_run import Reading, arm, draws

TIGHT = Tolerances(rtol=1e-10, atol=1e-13)


def richardson(value: Callable[[float], np.ndarray], step: float) -> np.ndarray:
    """Derivative at zero, to sixth order."""
    one, two, four = ((value(n * step) - value(-n * step)) / (2 * n * step) for n in (1, 2, 4))
    return (64 * one - 20 * two + four) / 45


def pair(
    *,
    equilibrate: bool,
    line: float = 1.3,
    early: float = 0.7,
    late: float = 0.5,
    total: float = 3.0,
    start: float = 1.0,
) -> Experiment:
    """Arms that change parameters and states always, at a time, and for a while."""
    cells = CellLine(
        id="line", changes=(Change(target="make", how="scale", value=line), Change(target="total", value=total))
    )
    dose = Intervention(
        id="bath",
        changes=(Change(target="dose", how="add", value=late, start=1.0, stop=4.0), Change(target="A", how="add", value=late, start=2.0)),
    )  # fmt: skip
    before = Intervention(
        id="before", changes=(Change(target="on", how="scale", value=early), Change(target="A", value=start))
    )
    arms = (Arm(id="control"), Arm(id="both", interventions=(before, dose)), Arm(id="bath", interventions=(dose,)))
    reading = Reading(at=(0.0, 1.5, 5.0, 9.0), names=("signal", "X"))
    return Experiment(id="pair", arms=arms, cell_line=cells, assay=reading, equilibrate=equilibrate)


MOVED = {
    "make@line": "line", "on@before": "early", "dose@bath": "late", "A@bath": "late", "total@*": "total", "A@before": "start",
}  # fmt: skip


@pytest.mark.parametrize("equilibrate", [False, True])
def test_sensitivities_are_derivatives_of_what_simulate_gives(equilibrate: bool) -> None:
    model, names = bound_pair(), ["on", "lose", "make", "total", *MOVED]
    ensemble = draws(on=[1.5, 2.0, 3.0], lose=[0.2, 0.25, 0.5])
    got = simulate(model, pair(equilibrate=equilibrate), ensemble, tolerances=TIGHT, sensitivities=names, threads=1)
    assert got["d_X"].dims == ("arm", "draw", "time", "parameter")
    assert got["parameter"].values.tolist() == names
    plain = simulate(model, pair(equilibrate=equilibrate), ensemble, tolerances=TIGHT, threads=1)
    xr.testing.assert_identical(plain, got.drop_vars(["d_signal", "d_X", "parameter"]))

    def run(change: dict[str, float], **values: float) -> xr.Dataset:
        shifted = {k: (ensemble.draws.sel(parameter=k).values + change.get(k, 0.0)).tolist() for k in ("on", "lose")}
        moved = replace(
            model, parameters=tuple(replace(q, value=q.value + change.get(q.id, 0.0)) for q in model.parameters)
        )
        return simulate(moved, pair(equilibrate=equilibrate, **values), draws(**shifted), tolerances=TIGHT, threads=1)

    standard = {"line": 1.3, "early": 0.7, "late": 0.5, "total": 3.0, "start": 1.0}
    for observable in ("signal", "X"):
        for name in names:
            if name in {"dose@bath", "A@bath"}:
                continue

            def value(x: float, name: str = name, observable: str = observable) -> np.ndarray:
                if name in MOVED:
                    return run({}, **{MOVED[name]: standard[MOVED[name]] + x})[observable].values
                return run({name: x})[observable].values

            want, have = richardson(value, 2e-3), got[f"d_{observable}"].sel(parameter=name).values
            assert (np.abs(have - want) <= 1e-6 * np.abs(want).max() + 3e-8).all(), name
        both = got[f"d_{observable}"].sel(parameter=["dose@bath", "A@bath"]).sum("parameter").values
        want = richardson(lambda x, o=observable: run({}, late=0.5 + x)[o].values, 2e-3)
        assert (np.abs(both - want) <= 1e-6 * np.abs(want).max() + 3e-8).all()
    # a parameter that the cell line sets has no say; a dose has none where it is not given
    assert not got["d_X"].sel(parameter="total").any()
    assert not got["d_X"].sel(parameter="dose@bath", arm="control").any()


def test_initial_values() -> None:
    model = hill()
    reading = Experiment(id="i", arms=(arm("a"),), assay=Reading(at=(0.0, 2.0), names=("D", "X")), equilibrate=False)
    got = simulate(model, reading, tolerances=TIGHT, sensitivities=["D", "X"])
    decayed, lost = np.exp(-0.3 * 2.0), np.exp(-0.2 * 2.0)
    np.testing.assert_allclose(got["d_D"].sel(parameter="D")[0, 0], [1.0, decayed], rtol=1e-8)
    np.testing.assert_allclose(got["d_D"].sel(parameter="X")[0, 0], [0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(got["d_X"].sel(parameter="X")[0, 0], [1.0, lost], rtol=1e-8)


def test_after_pre_equilibration_an_initial_value_acts_through_conserved_sums() -> None:
    reading = Experiment(id="i", arms=(arm("a"),), assay=Reading(at=(0.0,), names=("A", "B", "C", "X")))
    got = simulate(bound_pair(), reading, tolerances=TIGHT, sensitivities=["A", "X"])
    by_a = {name: float(got[f"d_{name}"].sel(parameter="A").squeeze()) for name in "ABCX"}
    assert by_a["A"] + by_a["C"] == pytest.approx(1.0, rel=1e-8)
    assert by_a["B"] + by_a["C"] == pytest.approx(0.0, abs=1e-9)
    assert 0.1 < by_a["C"] < 0.9
    assert not got["d_A"].sel(parameter="X").any()


@dataclass(frozen=True)
class Sum(Objective):
    """Squares of what is read, weighted by time and arm."""

    names: tuple[str, ...] = ("signal", "X")

    @property
    def observables(self) -> tuple[str, ...]:
        return self.names

    @property
    def times(self) -> tuple[float, ...]:
        return (3.0,)

    def __call__(self, readings: Readings) -> tuple[np.ndarray, np.ndarray]:
        weight = (1.0 + np.arange(len(readings.arms)))[:, None, None, None] * (1.0 + readings.times)[
            None, None, :, None
        ]
        return (weight * readings.values**2).sum(axis=(0, 2, 3)), 2 * weight * readings.values


@pytest.mark.parametrize("equilibrate", [False, True])
def test_adjoint_forward_and_sensitivities_agree(equilibrate: bool) -> None:
    model, experiment = bound_pair(), pair(equilibrate=equilibrate)
    ensemble = draws(on=np.geomspace(0.5, 3.0, 23).tolist(), lose=np.geomspace(0.1, 1.0, 23).tolist())
    names = ["on", "off", "lose", "make", "total", "A", "X", *MOVED]
    results = [
        value_and_gradient(model, experiment, Sum(), names, ensemble, method=method, threads=threads)
        for method, threads in (("adjoint", 1), ("adjoint", 2), ("forward", 1))
    ]
    back, again, forward = results
    xr.testing.assert_identical(back, again)
    alone = Differentiator(model, experiment, Sum(), names).value(ensemble)
    for name in ("value", "status"):
        np.testing.assert_array_equal(alone[name], back[name])
    assert back["gradient"].dims == ("draw", "parameter")
    assert (back["status"] == int(Status.OK)).all()
    np.testing.assert_allclose(back["value"], forward["value"], rtol=1e-13)
    size = np.abs(forward["gradient"]).max("draw")
    assert (np.abs(back["gradient"] - forward["gradient"]) <= 1e-9 * size + 1e-10).all()
    single = simulate(model, experiment, ensemble, sensitivities=names, times=(3.0,), threads=1)
    total = 0.0
    for observable in ("signal", "X"):
        weight = xr.DataArray([1.0, 2.0, 3.0], dims="arm") * (1.0 + single["time"])
        total = total + (2 * weight * single[observable] * single[f"d_{observable}"]).sum(["arm", "time"])
    np.testing.assert_allclose(forward["gradient"], total.transpose("draw", "parameter"), rtol=1e-9, atol=1e-10)
    assert back.attrs["method"] == "adjoint"
    few = value_and_gradient(model, experiment, Sum(), ["on"], ensemble)
    assert few.attrs["method"] == "forward"


def test_gradient_of_the_library_model() -> None:
    """Adjoint, forward, and differences of the objective itself at a tight tolerance."""
    model = load_model("hcc")
    drug = load_drug("sorafenib")
    arms = (Arm(id="control"), Arm(id="dose", interventions=(drug.bath("5 uM"),)))
    names = ("ppERK", "pAKT_S473", "cPARP", "division_rate")
    reading = Reading(at=(30.0, 1440.0), names=names)
    experiment = Experiment(id="fit", arms=arms, assay=reading, cell_line=load_cell_line("HepG2"))
    ensemble = draw_prior(model, 3, seed=8, wirings=load_wirings("hcc"))
    seen = simulate(model, experiment, ensemble)
    measured = xr.Dataset({n: 0.7 * seen[n].mean("draw") for n in names})
    objective = SquaredError(measured=measured, sigma=xr.Dataset({n: 0.2 * measured[n].clip(1e-6) for n in names}))
    moved = [p.id for p in model.parameters if p.prior is not None]
    wrt = [*moved, "sorafenib_nominal@*"]
    tol = Tolerances(rtol=1e-8, atol=1e-11)
    back = Differentiator(model, experiment, objective, wrt, tolerances=tol)(ensemble)
    forward = value_and_gradient(model, experiment, objective, wrt, ensemble, method="forward", tolerances=tol)
    values = xr.ones_like(back["gradient"])
    values.loc[{"parameter": moved}] = ensemble.draws.sel(parameter=moved).values
    size = np.abs(forward["gradient"] * values).max("parameter")
    assert (np.abs(back["gradient"] - forward["gradient"]) * np.abs(values) <= 1e-9 * size).all()

    largest = np.abs(forward["gradient"] * values).max("draw").sel(parameter=moved).to_series().nlargest(6).index
    for name in largest:
        column = list(ensemble.parameters).index(name)

        def value(x: float, column: int = column) -> np.ndarray:
            shifted = ensemble.draws.copy()
            shifted[:, column] *= 1.0 + x
            changed = Ensemble(draws=shifted, origin="prior", seed=1)
            reads = simulate(model, experiment, changed, tolerances=Tolerances(rtol=1e-10, atol=1e-13))
            stacked = np.stack([reads[n].values for n in names], axis=-1)
            labels = Readings(arms=("control", "dose"), times=reads["time"].values, observables=names, values=stacked)
            return objective(labels)[0]

        want = richardson(value, 2e-3)
        have = (back["gradient"].sel(parameter=name) * ensemble.draws.sel(parameter=name)).values
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6 * float(size.max()), err_msg=name)


def test_squared_error_counts_what_is_measured() -> None:
    measured = xr.Dataset({"X": (("arm", "time"), [[1.0, np.nan]])}, coords={"arm": ["a"], "time": [5.0, 0.0]})
    objective = SquaredError(measured=measured, sigma=0.5)
    values = np.full((2, 3, 2, 1), 7.0)
    values[1, :, 1, 0] = [1.0, 2.0, 3.0]
    value, slope = objective(Readings(arms=("b", "a"), times=np.array([0.0, 5.0]), observables=("X",), values=values))
    np.testing.assert_allclose(value, [0.0, 2.0, 8.0])
    np.testing.assert_allclose(slope[1, :, 1, 0], [0.0, 4.0, 8.0])
    assert np.count_nonzero(slope) == 2
    assert objective.observables == ("X",)
    assert objective.times == (5.0, 0.0)


def test_draws_that_fail_are_nan_and_say_why() -> None:
    reading = Experiment(id="g", arms=(arm("a"),), assay=Reading(at=(1.0,), names=("N",)))
    result = value_and_gradient(growth(), reading, Sum(names=("N",)), ["rate"])
    assert int(result["status"][0, 0]) == Status.NO_STEADY_STATE
    assert np.isnan(result["value"]).all()
    assert np.isnan(result["gradient"]).all()
    got = simulate(growth(), reading, sensitivities=["rate"])
    assert got["d_N"].isnull().all()


def blow_up() -> tuple[Model, Experiment]:
    model = rate_of(Apply("*", (Symbol("k"), Apply("pow", (Symbol("x"), Number(2.0))))), k=1.0)
    begin = arm("begin", Change(target="x", value=1.0))
    return model, Experiment(id="b", arms=(begin,), assay=Reading(at=(0.5, 2.0), names=("x",)), equilibrate=False)


@pytest.mark.parametrize("method", ["adjoint", "forward"])
def test_a_run_that_fails_on_the_way(method: str) -> None:
    model, experiment = blow_up()
    ensemble = draws(k=[0.1, 1.0])
    result = value_and_gradient(model, experiment, Sum(names=("x",)), ["k"], ensemble, method=method)  # type: ignore[arg-type]
    assert np.isfinite(result["gradient"].values[0]).all()
    assert np.isnan(result["gradient"].values[1]).all()
    assert np.isnan(result["value"].values[1])
    got = simulate(model, experiment, ensemble, sensitivities=["k"], tolerances=TIGHT)["d_x"].values[0, :, :, 0]
    np.testing.assert_allclose(got[1], [2.0, np.nan], rtol=1e-6)
    np.testing.assert_allclose(got[0], [0.5 / 0.95**2, 2.0 / 0.8**2], rtol=1e-6)


def test_errors_say_what_came_and_what_is_near() -> None:
    model, experiment = bound_pair(), pair(equilibrate=False)
    with pytest.raises(NotFoundError, match=r"no derivative can be taken by 'onn': .* Did you mean 'on'"):
        simulate(model, experiment, sensitivities=["onn"])
    with pytest.raises(NotFoundError, match=r"no arm has the dose 'dose@bad'.* Did you mean 'dose@bath'"):
        simulate(model, experiment, sensitivities=["dose@bad"])
    with pytest.raises(InputError, match=r"the dose 'A@\*' stands for changes that add and set"):
        simulate(model, experiment, sensitivities=["A@*"])
    with pytest.raises(InputError, match=r"the dose 'dose@\*' shares a change with another one"):
        simulate(model, experiment, sensitivities=["dose@bath", "dose@*"])
    with pytest.raises(InputError, match="nothing to differentiate by was given"):
        value_and_gradient(model, experiment, Sum(), [])
    with pytest.raises(InputError, match="the method 'backward' is none of automatic, adjoint, forward"):
        value_and_gradient(model, experiment, Sum(), ["on"], method="backward")  # type: ignore[arg-type]
    plain = xr.Dataset({"X": (("arm", "time"), [[1.0]])}, coords={"arm": ["control"], "time": [5.0]})
    with pytest.raises(InputError, match=r"have dimensions .* expected"):
        SquaredError(measured=plain.squeeze())
    with pytest.raises(InputError, match="are all missing"):
        SquaredError(measured=plain * np.nan)
    with pytest.raises(InputError, match="is not above zero"):
        SquaredError(measured=plain, sigma=0.0)
    with pytest.raises(
        NotFoundError, match=r"name the arm 'contrl', which the experiment does not have. Did you mean 'control'"
    ):
        value_and_gradient(model, experiment, SquaredError(measured=plain.assign_coords(arm=["contrl"])), ["on"])


def test_the_model_itself_has_one_draw() -> None:
    reading = Experiment(id="t", arms=(arm("a"),), assay=Reading(at=(5.0,)), equilibrate=False)
    result = value_and_gradient(turnover(), reading, Sum(names=("X",)), ["make", "decay", "X"], tolerances=TIGHT)
    x5, x3 = (20.0 * (1 - np.exp(-0.1 * t)) for t in (5.0, 3.0))
    assert result["value"].values[0] == pytest.approx(6 * x5**2 + 4 * x3**2, rel=1e-8)
    assert result["gradient"].values[0, 0] == pytest.approx(2 * (6 * x5**2 + 4 * x3**2) / 2.0, rel=1e-8)


def test_steady_states_of_models_with_events_are_refused() -> None:
    reading = Experiment(id="rest", arms=(arm("a"),), assay=Reading(at=(1.0,), names=("X",)))
    with pytest.raises(UnsupportedError, match="experiment 'rest' starts from steady states of a model with events"):
        simulate(clinic(), reading, sensitivities=["off"])


@pytest.mark.parametrize("method", ["adjoint", "forward"])
def test_evaluation_without_labels(method: str) -> None:
    model, experiment, names = bound_pair(), pair(equilibrate=True), ["lose", "on"]
    ensemble = draws(lose=[0.2, 0.5, 0.9], on=[0.5, 1.0, 3.0])
    made = Differentiator(model, experiment, Sum(), names, method=method)  # type: ignore[arg-type]
    labelled = made(ensemble)
    value, gradient = made.evaluate(ensemble.draws.sel(parameter=names).values)
    np.testing.assert_array_equal(value, labelled["value"])
    np.testing.assert_array_equal(gradient, labelled["gradient"])
    np.testing.assert_array_equal(made.evaluate_value(ensemble.draws.sel(parameter=names).values), value)
    with pytest.raises(InputError, match=r"the points have shape \(3, 1\); expected \(point, 2\)"):
        made.evaluate(np.ones((3, 1)))
    with pytest.raises(InputError, match="every number finite"):
        made.evaluate(np.full((3, 2), np.nan))
    with pytest.raises(InputError, match="'dose@bath' is no parameter, and has no value to evaluate at"):
        Differentiator(model, experiment, Sum(), ["on", "dose@bath"]).evaluate(np.ones((1, 2)))


@pytest.mark.parametrize("method", ["adjoint", "forward"])
def test_conditions_of_periodic_functions(method: str) -> None:
    """Given while sin(w t) > half: from the first to the second of its crossings in each period."""
    wave = Apply("sin", (Apply("*", (Symbol("w"), TIME)),))
    given = Apply("piecewise", (Symbol("k"), Apply("gt", (wave, Symbol("half"))), Number(0.0)))
    model = rate_of(given, k=2.0, w=1.5, half=0.5)
    end = 9.5  # within the third time that it is given
    reading = Reading(at=(end,), names=("x",))
    experiment = Experiment(id="w", arms=(arm("a"),), assay=reading, equilibrate=False)

    def closed(k: float, w: float, half: float) -> float:
        on, off = np.arcsin(half) / w, (np.pi - np.arcsin(half)) / w
        return float(k * (2 * (off - on) + end - (on + 4 * np.pi / w)))

    measured = xr.Dataset({"x": (("arm", "time"), [[0.0]])}, coords={"arm": ["a"], "time": [end]})
    made = Differentiator(
        model, experiment, SquaredError(measured=measured), ["k", "w", "half"], method=method, tolerances=TIGHT  # type: ignore[arg-type]
    )  # fmt: skip
    at = np.array([2.0, 1.5, 0.5])
    value, gradient = made.evaluate(at[None])
    assert value[0] == pytest.approx(0.5 * closed(*at) ** 2, rel=1e-8)
    step = 1e-5 * np.eye(3)
    want = [closed(*at) * (closed(*(at + s)) - closed(*(at - s))) / 2e-5 for s in step]
    np.testing.assert_allclose(gradient[0], want, rtol=1e-7)
