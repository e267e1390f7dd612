"""Algebraic rules hold at all times; every number here has a closed form."""

import math

import numpy as np
import pytest

from hepatica.compiler import compile_model
from hepatica.errors import ModelError
from hepatica.model import Apply, Model, Number, Parameter, Rule, Symbol
from hepatica.solver import Operation, Status, Tolerances

from .runs import compiled, follow, spread
from .test_run import fixed_steps


def test_a_linear_rule_holds_from_the_start() -> None:
    run = follow("x = 1; y = 7; x' = -x; 0 = x + y - 3;", [0.0, 1.0, 3.0])
    np.testing.assert_allclose(run["y"], 3.0 - np.exp(-np.array([0.0, 1.0, 3.0])), rtol=1e-8)
    assert run.kernel.states[-1] == "y"
    assert run.kernel.differential == 1


def test_a_rule_determines_what_nothing_else_does() -> None:
    run = follow("x = 1; var y = 7; z := 2*y; x' = -x; 0 = x + z - 3;", [0.0, 1.0])
    np.testing.assert_allclose(run["y"], 1.5 - 0.5 * np.exp([-0.0, -1.0]), rtol=1e-8)
    assert run.kernel.states == ("x", "y")


def test_the_constraint_feeds_back() -> None:
    """``x' = -z``, ``z = 2x``: x decays twice as fast."""
    run = follow("x = 1; z = 0; x' = -z; 0 = z - 2*x;", at := np.array([0.5, 2.0]))
    np.testing.assert_allclose(run["x"], np.exp(-2 * at), rtol=1e-7)
    np.testing.assert_allclose(run["z"], 2 * np.exp(-2 * at), rtol=1e-7)


@pytest.mark.parametrize("guess", [2.0, 1.0, 1e-3, 50.0, 1e4])
def test_a_consistent_start_is_found_from_a_bad_guess(guess: float) -> None:
    run = follow(f"x = 4; x' = -x; y = {guess}; 0 = y*y - x;", at := np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(run["y"], 2.0 * np.exp(-at / 2.0), rtol=1e-7)


def test_a_variable_without_a_value_starts_its_search_at_one() -> None:
    run = follow("x = 4; x' = -x; var y; 0 = y*y*y - x;", [0.0, 1.0])
    np.testing.assert_allclose(run["y"], np.exp((math.log(4.0) - np.array([0.0, 1.0])) / 3.0), rtol=1e-7)


def test_coupled_rules() -> None:
    """``u + v = x`` and ``u v = 1``: the larger root is u."""
    run = follow("x = 5; x' = -1; u = 4; v = 0.1; 0 = u + v - x; 0 = u*v - 1;", at := np.array([0.0, 1.0, 2.5]))
    x = 5.0 - at
    np.testing.assert_allclose(run["u"], (x + np.sqrt(x * x - 4.0)) / 2.0, rtol=1e-6)
    np.testing.assert_allclose(run["u"] * run["v"], 1.0, rtol=1e-6)


def test_michaelis_and_menten_as_a_balance() -> None:
    """Free ligand from total ligand and receptor: the quadratic of tight binding, at all times."""
    run = follow(
        "const R = 4, K = 2; total = 10; total' = -0.5*total; free = 1; 0 = free + R*free/(K + free) - total;",
        at := np.array([0.0, 1.0, 4.0]),
    )
    total = 10.0 * np.exp(-0.5 * at)
    b = 4.0 + 2.0 - total
    np.testing.assert_allclose(run["free"], (-b + np.sqrt(b * b + 8.0 * total)) / 2.0, rtol=1e-7)


def test_a_species_a_compartment_and_time_in_a_rule() -> None:
    run = follow("compartment c = 2; var species A in c; A = 1; x = 0; x' = 1; 0 = A - 3*time - 1;", [0.0, 2.0])
    np.testing.assert_allclose(run["A"], [1.0, 7.0], rtol=1e-8)


def test_no_solution_is_a_status() -> None:
    run = follow("x = 1; x' = 0; y = 1; 0 = y*y + x;", [0.0, 1.0])
    assert run.status == Status.NO_CONSISTENT_START
    assert np.isnan(run["y"]).all()
    assert "no solution" in run.status.sentence


def test_a_solution_that_ceases_to_exist_ends_the_run_there() -> None:
    """``y^2 = 1 - t`` has no solution behind 1, where the slope of y is infinite."""
    run = follow("x = 1; x' = -1; y = 1; 0 = y*y - x;", [0.5, 1.5], tolerances=Tolerances())
    assert run["y"] == pytest.approx([math.sqrt(0.5), np.nan], nan_ok=True, rel=1e-4)
    assert run.status != Status.OK
    assert run.trajectories.stopped[0] == pytest.approx(1.0, abs=1e-2)


def test_draws_of_which_some_have_no_solution() -> None:
    kernel = compiled("const k = 1; x = 1; x' = 0; y = 1; 0 = y*y - k;")
    base = spread(kernel, 40, k=(-1.0, 1.0))
    run, k = follow(kernel, [1.0], draws=base), base[:, kernel.parameter_index("k")]
    assert (run.trajectories.status == np.where(k > 0, Status.OK, Status.NO_CONSISTENT_START)).all()
    np.testing.assert_allclose(run["y"][k > 0, 0] ** 2, k[k > 0], rtol=1e-9)
    for d in (0, 7, 23):
        np.testing.assert_array_equal(follow(kernel, [1.0], draws=base[[d]])["y"], run["y"][d])


def test_events_and_changes_move_the_constraint() -> None:
    kernel = compiled(
        "x = 1; x' = -x; k = 2; y = 1; 0 = y - k*x; E: at (time >= 1): x = 3; F: at (time >= 2): k = 5;", "x y"
    )
    arms = [[], [Operation("state", kernel.state_index("x"), "set", 1.0, 3.0)]]
    run = follow(kernel, at := np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0]), arms=arms)
    x = np.where(at < 1, np.exp(-at), 3.0 * np.exp(1.0 - at))
    np.testing.assert_allclose(run["y"][0], np.where(at < 2, 2.0, 5.0) * x, rtol=1e-7)
    np.testing.assert_allclose(run["y"][1, -2:], [5.0, 5.0 * math.exp(-1.0)], rtol=1e-7)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5])
@pytest.mark.parametrize("level", [4.0, 4.84, 7.1])
def test_an_event_may_be_triggered_by_an_algebraic_variable(level: float, rtol: float) -> None:
    moment, loose = np.log(level) / 2.0, Tolerances(rtol=rtol, atol=rtol)
    text = f"x = 1; x' = x; y = 0; n = 0; 0 = y - x*x; E: at (y > {level}): n = time;"
    run = follow(text, [moment - 0.01, moment + 0.01], tolerances=loose)
    np.testing.assert_allclose(run["n"], [0.0, moment], rtol=20 * rtol)


@pytest.mark.parametrize("at", [np.linspace(0.01, 2.0, 50), np.array([0.0, 0.0, 0.3, 0.3, 1.7, 2.0])])
def test_readings_satisfy_the_rule(at: np.ndarray) -> None:
    """The dense output of algebraic variables has a lower order than that of the others, so that they are solved for."""
    run = follow("x = 1; x' = x; y = 0; 0 = y - x*x;", at, tolerances=Tolerances(rtol=1e-8, atol=1e-8))
    np.testing.assert_allclose(run["y"], np.exp(2.0 * at), rtol=20e-8)
    np.testing.assert_allclose(run["y"], run["x"] ** 2, rtol=2e-8)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1; x' = x; y = 0; 0 = y - x*x;",
        "x = 1; x' = 0.5*x; y = 0; n = 0; 0 = y*y*y - x - time; E: at (y > 1.5): n = time; F: at (time >= 1): x = 2;",
    ],
)
def test_results_do_not_depend_on_the_output_grid(text: str) -> None:
    coarse = np.array([0.1, 0.9, 1.0, 1.4, 2.0])
    fine = np.unique(np.concatenate([coarse, np.linspace(0.0, 2.0, 83)]))
    few, many = follow(text, coarse), follow(text, fine)
    for name in {"x", "y"}:
        np.testing.assert_array_equal(many[name][np.searchsorted(fine, coarse)], few[name])


def test_a_rule_without_a_solution_stops_a_run_with_a_status() -> None:
    """``y*y = 1 - x`` until x, which grows as t, is one: nothing is read from there on, whatever lies before."""
    run = follow("x = 0; x' = 1; y = 1; 0 = y*y + x - 1;", np.array([0.5, 0.75, 0.96, 1.5, 3.0]))
    assert run.status not in {Status.OK, Status.NOT_RUN}
    np.testing.assert_allclose(run["y"][:3], [np.sqrt(0.5), 0.5, 0.2], rtol=1e-4)
    assert np.isnan(run["y"][3:]).all()


def test_a_reading_beside_an_event_is_no_step_of_its_own() -> None:
    at = np.array([np.nextafter(3.0, 0.0), 3.0, np.nextafter(3.0, 4.0), np.nextafter(5.0, 0.0)])
    text = "x = 1; x' = 0.5*x; y = 0; 0 = y - x*x; E: at (time >= 3): x = 1; F: at (time >= 5): x = 2;"
    run = follow(text, at, tolerances=Tolerances(rtol=1e-8, atol=1e-8))
    assert run.status == Status.OK
    np.testing.assert_allclose(run["y"], [math.exp(3.0), 1.0, 1.0, math.exp(2.0)], rtol=20e-8)


def test_readings_do_not_use_up_the_steps() -> None:
    at = np.linspace(0.0, 2.0, 500)
    run = follow("x = 1; x' = x; y = 0; 0 = y - x*x;", at, tolerances=Tolerances(limit=100))
    assert run.status == Status.OK
    np.testing.assert_allclose(run["y"], np.exp(2.0 * at), rtol=1e-4)


def test_a_switch_in_a_rule() -> None:
    run = follow("x = 0; x' = 1; y = 0; 0 = y - piecewise(x, x < 1, 2*x);", [0.5, 0.999, 1.001, 2.0])
    np.testing.assert_allclose(run["y"], [0.5, 0.999, 2.002, 4.0], rtol=1e-6)


ROOTS = "x = 1; z = 1; x' = -x*z; 0 = z*z - x;"
"""``x' = -x^1.5``, so that ``x = (1 + t/2)^-2`` and ``z = 1/(1 + t/2)``."""


@pytest.mark.parametrize(("method", "order"), [("rodas4", 4), ("rodas5p", 5)])
def test_order_of_convergence(method: str, order: int) -> None:
    kernel = compiled(ROOTS, "x z")
    errors = [np.abs(fixed_steps(kernel, method, n, 2.0) - [0.25, 0.5]) for n in (20, 40, 80)]
    np.testing.assert_allclose(-np.diff(np.log2(errors), axis=0), order, atol=0.25)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_the_error_follows_the_tolerance(method: str) -> None:
    at = np.array([0.5, 1.0, 3.0])
    for rtol in (1e-4, 1e-6, 1e-8):
        run = follow(ROOTS, at, tolerances=Tolerances(rtol=rtol, atol=rtol, method=method))
        np.testing.assert_allclose(run["x"], (1 + at / 2) ** -2.0, atol=20 * rtol)
        np.testing.assert_allclose(run["z"], 1 / (1 + at / 2), atol=20 * rtol)


def test_a_rule_that_determines_nothing_is_refused() -> None:
    x = Parameter(id="x", value=1.0, constant=False)
    rules = (
        Rule(kind="rate", variable="x", expression=Number(1.0)),
        Rule(kind="algebraic", variable="", expression=Apply("-", (Symbol("x"), Symbol("k")))),
    )
    with pytest.raises(
        ModelError, match=r"^algebraic rule 1 of model 'm' determines no variable; remove it, or declare"
    ):
        compile_model(Model(id="m", parameters=(x, Parameter(id="k", value=1.0)), rules=rules))


def test_one_variable_is_not_enough_for_two_rules() -> None:
    free = Parameter(id="x", value=1.0, constant=False)
    rules = tuple(
        Rule(kind="algebraic", variable="", expression=Apply("-", (Symbol("x"), Number(v)))) for v in (1.0, 2.0)
    )
    with pytest.raises(ModelError, match="algebraic rule 2 of model 'm' determines no variable"):
        compile_model(Model(id="m", parameters=(free,), rules=rules))
