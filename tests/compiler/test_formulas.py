"""What files in the wild ask for and few models do."""

import numpy as np

from hepatica.compiler import compile_model
from hepatica.model import TIME, Apply, Event, Model, Number, Parameter, Rule, Symbol
from hepatica.solver import Status, Tolerances, integrate, plan_after


def run(model: Model, at: list[float]) -> tuple[Status, np.ndarray]:
    kernel = compile_model(model, cached=False)
    task, plan = np.array([[0, 0, -1]]), plan_after([[]], equilibrated=False)
    done = integrate(kernel, plan, task, kernel.p0[None, :], np.array(at), tolerances=Tolerances(rtol=1e-8))
    return Status(int(done.status[0])), done.values[0]


def test_the_rate_of_a_parameter_that_only_events_change_is_zero() -> None:
    late = Apply("ge", (TIME, Number(1.0)))
    model = Model(
        id="jump",
        parameters=(
            Parameter(id="p", value=1.0, constant=False),
            Parameter(id="x", value=2.0, constant=False),
        ),
        rules=(Rule(kind="rate", variable="x", expression=Apply("rateOf", (Symbol("p"),))),),
        events=(Event(id="e", trigger=late, assignments=(("p", Number(5.0)),)),),
        observables=("p", "x"),
    )
    status, values = run(model, [0.0, 2.0])
    assert status == Status.OK
    np.testing.assert_array_equal(values, [[1.0, 2.0], [5.0, 2.0]])


def test_a_negative_number_has_no_factorial() -> None:
    rule = Rule(kind="assignment", variable="f", expression=Apply("factorial", (Apply("-", (TIME, Symbol("k"))),)))
    grows = Rule(kind="rate", variable="x", expression=Number(1.0))
    numbers = tuple(Parameter(id=i, value=v, constant=i == "k") for i, v in (("f", 0.0), ("x", 0.0), ("k", 0.5)))
    model = Model(id="factorial", parameters=numbers, rules=(rule, grows), observables=("f", "x"))
    _, values = run(model, [0.0, 3.5])
    assert np.isnan(values[0, 0])
    np.testing.assert_allclose(values[1, 0], 6.0, rtol=1e-12)
