"""Every way in which a run fails is raised once, and its sentence asserted."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hepatica.errors import InputError
from hepatica.experiment import Arm, Experiment
from hepatica.failed import failures
from hepatica.model import Apply, Event, Expression, InitialAssignment, Model, Number, Parameter, Rule, Symbol
from hepatica.simulation import simulate
from hepatica.solver import Status, Tolerances
from tests.compiler.networks import growth, rate_of
from tests.simulation.test_run import Reading, draws, experiment


def run(model: Model, *names: str, begin: float | None = None, until: float = 20.0, **options: object) -> xr.Dataset:
    if begin is not None:
        model = with_start(model, begin)
    model = replace(model, units={"time": "min"})
    reading = Reading(at=(0.0, until), names=names or ("x",))
    return simulate(model, Experiment(id="f", arms=(Arm(id="a"),), assay=reading, equilibrate=False), **options)  # type: ignore[arg-type]


def with_start(model: Model, value: float) -> Model:
    return replace(model, initial_assignments=(InitialAssignment(symbol="x", expression=Number(value)),))


def call(operator: str, *arguments: Expression | str | float) -> Apply:
    wrapped = (
        Symbol(a) if isinstance(a, str) else Number(float(a)) if isinstance(a, int | float) else a for a in arguments
    )
    return Apply(operator, tuple(wrapped))


TIME = Apply("time", ())


def flipping() -> Model:
    """Two events that undo each other without end from time 3 on."""
    on, off = call("ge", TIME, 3.0), call("gt", "x", 0.5)
    return Model(
        id="flip",
        parameters=(Parameter(id="x", value=0.0, constant=False),),
        events=(
            Event(id="up", trigger=call("and", on, call("not", off)), assignments=(("x", Number(1.0)),)),
            Event(id="down", trigger=call("and", on, off), assignments=(("x", Number(0.0)),)),
        ),
    )


def unsolvable() -> Model:
    """``0 = x^2 + 1``."""
    rule = Rule(kind="algebraic", variable="", expression=call("+", call("pow", "x", 2.0), 1.0))
    return Model(id="none", parameters=(Parameter(id="x", value=0.3, constant=False),), rules=(rule,))


def test_too_many_steps() -> None:
    never = Event(id="never", trigger=call("gt", "x", 1e9), assignments=(("x", Number(0.0)),))
    wave = replace(rate_of(call("cos", call("*", 50.0, TIME))), events=(never,))
    found = run(wave, tolerances=Tolerances(limit=30))
    assert Status(int(found["status"][0, 0])) is Status.STEP_LIMIT
    (sentence,) = failures(found)
    stopped = float(found["stopped"][0, 0])
    assert sentence == (
        f"arm 'a', draw 0 stopped at {stopped:.4g} min: more steps than the limit were needed; the largest error was in x"
    )
    assert 0 < stopped < 20


def test_a_step_too_small() -> None:
    found = run(rate_of(call("pow", "x", 2.0)), begin=1.0)
    assert failures(found) == (
        "arm 'a', draw 0 stopped at 1 min: the step size fell below what time can resolve; the largest error was in x",
    )


def test_not_finite() -> None:
    found = run(rate_of(call("+", 1.0, call("ln", call("-", 0.5, "x")))), begin=1.0)
    assert failures(found) == ("arm 'a', draw 0 stopped at 0 min: a state became infinite or undefined; it was x",)


def test_no_steady_state() -> None:
    found = simulate(growth(), Experiment(id="g", arms=(Arm(id="b"),), assay=Reading(names=("N",))))
    assert failures(found) == (
        "arm 'b', draw 0 was not started: no steady state was reached in pre-equilibration; the largest error was in N",
    )


def test_bad_input_names_no_state() -> None:
    found = run(rate_of(Number(1.0)), begin=float("inf"))
    assert failures(found) == ("arm 'a', draw 0 was not started: an initial value or parameter is not finite",)
    assert found["culprit"].values.tolist() == [[-1]]


def test_endless_events() -> None:
    sentence = "arm 'a', draw 0 stopped at 3 min: events set each other off without end, or more than 256 were pending"
    found = run(flipping())
    assert failures(found) == (sentence,)
    assert found["culprit"].values.tolist() == [[-1]]


def test_no_consistent_start() -> None:
    assert failures(run(unsolvable())) == (
        "arm 'a', draw 0 stopped at 0 min: the algebraic equations have no solution that was found",
    )


def test_not_run() -> None:
    found = run(rate_of(Number(1.0)))  # an interrupt ends the session itself, so that no simulation shows it
    found["status"][:] = int(Status.NOT_RUN)
    found["stopped"][:] = -np.inf
    assert failures(found) == ("arm 'a', draw 0 was not started: the run was interrupted",)


def test_only_what_failed_is_listed_in_order() -> None:
    model = rate_of(call("*", "k", call("pow", "x", 2.0)), k=1.0)
    ensemble = draws(k=[1.0, 1e-4, 2.0])
    begin = with_start(model, 1.0)
    found = simulate(begin, experiment_of("a", "b"), ensemble)
    assert [s.partition(" stopped")[0] for s in failures(found)] == [
        f"arm '{a}', draw {d}" for a in ("a", "b") for d in (0, 2)
    ]
    assert found["culprit"].values.tolist() == [[0, -1, 0], [0, -1, 0]]
    assert found["culprit"].dtype == np.int16


def experiment_of(*arms: str) -> Experiment:
    reading = Reading(at=(0.0, 5.0), names=("x",))
    return Experiment(id="f", arms=tuple(Arm(id=a) for a in arms), assay=reading, equilibrate=False)


def test_time_is_a_state_by_its_own_name() -> None:
    found = run(rate_of(TIME))
    assert found["culprit"].attrs["flag_meanings"] == "x time"
    assert found["culprit"].attrs["flag_values"].tolist() == [0, 1]
    assert failures(found) == ()


def test_what_is_no_simulation_is_refused() -> None:
    with pytest.raises(InputError, match="the dataset has no 'culprit'; expected a simulation"):
        failures(simulate_without_culprit())


def simulate_without_culprit() -> xr.Dataset:
    return simulate(growth(), experiment_with("N")).drop_vars("culprit")


def experiment_with(name: str) -> Experiment:
    return Experiment(id="g", arms=experiment().arms, assay=Reading(names=(name,)))


def test_sliding_along_a_condition() -> None:
    rate = call("piecewise", -1.0, call("gt", "x", 0.0), 1.0)
    (sentence,) = failures(run(rate_of(rate), begin=1.0))
    assert sentence.startswith("arm 'a', draw 0 stopped at 1 min: the solution slides along a condition, which would ")
    assert sentence.endswith("make it smooth; the largest error was in x")


def test_no_state_is_blamed_where_all_became_undefined_at_once() -> None:
    rate = call("ln", call("-", call("-", 3.0, TIME), call("*", 1e-9, "x")))
    model = rate_of(rate)
    y = Rule(kind="rate", variable="y", expression=call("*", "x", "y"))
    x = Rule(kind="rate", variable="x", expression=call("+", rate, call("*", 1e-9, "y")))
    both = replace(model, parameters=(*model.parameters, Parameter(id="y", value=1.0, constant=False)), rules=(x, y))
    (sentence,) = failures(run(both))
    assert sentence.endswith("a state became infinite or undefined")
