"""Conditions in rates are located, neither stepped over nor smeared; every number here has a closed form."""

import math

import numpy as np
import pytest

from hepatica.solver import Operation, Status, Tolerances

from .runs import TIGHT, compiled, follow, spread


def x_at(rate: str, at: list[float], more: str = "", tolerances: Tolerances = TIGHT) -> np.ndarray:
    """Give x of ``x' = rate`` from x = 0."""
    return follow(f"x = 0; x' = {rate}; {more}", at, tolerances=tolerances)["x"]


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-9])
@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_a_pulse_much_shorter_than_a_step_is_not_missed(width: float, rtol: float) -> None:
    pulse = f"piecewise({1 / width!r}, time > 10 && time < {10 + width!r}, 0)"
    loose = Tolerances(rtol=rtol, atol=rtol)
    np.testing.assert_allclose(x_at(pulse, [9.0, 20.0, 1e3], tolerances=loose), [0.0, 1.0, 1.0], rtol=1e-8)


def test_a_pulse_in_a_state_is_not_missed() -> None:
    wave = "y = 0; y' = 1;"
    run = follow(f"x = 0; {wave} x' = piecewise(1000, y > 10 && y < 10.001, 0);", [9.0, 20.0, 1e3])
    np.testing.assert_allclose(run["x"], [0.0, 1.0, 1.0], rtol=1e-6)


def test_a_train_of_pulses() -> None:
    train = "piecewise(1000, time - 24*floor(time/24) < 0.001, 0)"
    np.testing.assert_allclose(x_at(train, [0.5, 24.0, 24.5, 250.0, 2410.0]), [1.0, 1.0, 2.0, 11.0, 101.0], rtol=1e-7)


def test_steps_of_time() -> None:
    at = [0.5, 1.0, 1.5, 3.0, 10.25]
    np.testing.assert_allclose(x_at("floor(time)", at), [0.0, 0.0, 0.5, 3.0, 45 + 2.5], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(x_at("ceil(time)", at), [0.5, 1.0, 2.0, 6.0, 55 + 2.75], rtol=1e-8)
    np.testing.assert_allclose(x_at("floor(-time/2)", at), [-0.5, -1.0, -1.5, -4.0, -30 - 1.5], rtol=1e-8)
    read = follow("x = 0; x' = 1; f := floor(x); c := ceil(time);", at, tolerances=TIGHT)
    assert read["c"].tolist() == [1.0, 1.0, 2.0, 3.0, 11.0]
    assert read["f"][[0, 2, 4]].tolist() == [0.0, 1.0, 10.0]


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_a_switch_of_a_state_keeps_the_error_near_the_tolerance(method: str) -> None:
    at = np.array([0.3, 0.6, 0.7, 1.0, 2.0])
    exact = np.where(at < math.log(2.0), at, math.log(2.0) + 3.0 * (at - math.log(2.0)))
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8):
        loose = Tolerances(rtol=rtol, atol=rtol, method=method)
        run = follow("x = 0; y = 1; y' = -y; x' = piecewise(1, y > 0.5, 3);", at, tolerances=loose)
        errors.append(np.abs(run["x"] - exact).max())
    assert np.array(errors) / [1e-4, 1e-6, 1e-8] == pytest.approx([0.0] * 3, abs=10.0)


def test_a_state_that_switches_its_own_rate() -> None:
    """A thermostat without hysteresis in its set points: up at 2 from -1, down at 1 from 0: ``n`` holds which."""
    run = follow("x = 0; up = 1; x' = piecewise(2, up > 0.5, -1); E: at (x >= 1): up = 0; F: at (x <= 0): up = 1;",
                 at := np.array([0.25, 0.5, 1.0, 1.5, 1.75, 2.0, 14.75]))  # fmt: skip
    phase = np.mod(at, 1.5)
    np.testing.assert_allclose(run["x"], np.where(phase <= 0.5, 2 * phase, 1.5 - phase), atol=1e-6)


def test_min_max_and_abs() -> None:
    at = [0.5, 1.0, 2.0]
    np.testing.assert_allclose(x_at("abs(time - 1)", at), [0.375, 0.5, 1.0], rtol=1e-7)
    np.testing.assert_allclose(x_at("min(time, 1)", at), [0.125, 0.5, 1.5], rtol=1e-7)
    np.testing.assert_allclose(x_at("max(time, 1, 2*time - 2)", at), [0.5, 1.0, 2.5], rtol=1e-7)
    late = 0.5 + 0.5 * (np.array([1.0, 2.0]) - math.log(2.0))
    np.testing.assert_allclose(x_at("max(y, 0.5)", [1.0, 2.0], "y = 1; y' = -y;"), late, rtol=1e-7)


def test_logic_of_many_conditions() -> None:
    rate = "piecewise(1, (time > 1 || time < 0.5) && !(time > 3), 2, time > 4, 0)"
    np.testing.assert_allclose(x_at(rate, [0.5, 1.0, 3.0, 4.0, 5.0]), [0.5, 0.5, 2.5, 2.5, 4.5], rtol=1e-8)


def test_equality_holds_at_no_time_that_counts() -> None:
    np.testing.assert_allclose(x_at("piecewise(5, time == 3, 1)", [2.0, 3.0, 4.0]), [2.0, 3.0, 4.0], rtol=1e-8)


def test_piecewise_without_otherwise_is_undefined_where_nothing_holds() -> None:
    run = follow("x = 0; x' = 1; y := piecewise(x, time < 2); z := piecewise(1, y > 1, 0);", [1.0, 3.0])
    np.testing.assert_allclose(run["y"], [1.0, np.nan])
    assert run.status == Status.OK
    stuck = follow("x = 0; x' = piecewise(1, time < 2);", [1.0, 3.0])
    assert stuck["x"] == pytest.approx([1.0, np.nan], nan_ok=True)
    assert stuck.status in {Status.NOT_FINITE, Status.STEP_TOO_SMALL}
    assert stuck.trajectories.stopped[0] == pytest.approx(2.0)


def test_a_change_of_an_experiment_brings_conditions_up_to_date() -> None:
    kernel = compiled("x = 0; k = 1; x' = piecewise(1, k*x < 0.5, 0);", "x")
    k, x = kernel.parameter_index("k"), kernel.state_index("x")
    arms = [
        [],
        [Operation("parameter", k, "set", 0.1, 2.0)],
        [Operation("parameter", k, "set", 0.1, 0.25, 1.0)],
        [Operation("state", x, "add", -0.25, 2.0)],
    ]
    values = follow(kernel, [1.0, 3.0], arms=arms)["x"]
    np.testing.assert_allclose(values, [[0.5, 0.5], [0.5, 1.5], [1.0, 1.0], [0.5, 0.5]], rtol=1e-7)


def test_lanes_and_neighbours_change_no_bit() -> None:
    kernel = compiled("x = 0; y = 1; k = 1; y' = -k*y; x' = piecewise(1, y > 0.5, 3) + floor(time);")
    base, at = spread(kernel, 60, k=(0.1, 3.0)), np.linspace(0.1, 6.0, 17)
    alone = follow(kernel, at, draws=base[:1]).trajectories.values[0]
    order = np.random.default_rng(1).permutation(60)
    together, mixed = (follow(kernel, at, draws=base, order=o).trajectories.values for o in (np.arange(60), order))
    np.testing.assert_array_equal(together[0], alone)
    np.testing.assert_array_equal(mixed, together[order])


@pytest.mark.parametrize("rate", ["piecewise(-1, x > 0, 1)", "piecewise(-1, x > 0, 1, x < 0, 0)"])
def test_a_solution_that_slides_along_a_switch_ends_with_a_status(rate: str) -> None:
    """It would stay at zero; a method that holds conditions cannot go along there, and says so."""
    run = follow(f"x = 1; x' = {rate};", [0.5, 2.0, 10.0], tolerances=Tolerances())
    assert run.status == Status.SLIDING
    assert run["x"][0] == pytest.approx(0.5)
    assert np.isnan(run["x"][2])
    assert run.trajectories.stopped[0] == pytest.approx(1.0, abs=0.5)
    assert run.kernel.states[run.trajectories.culprit[0]] == "x"


def test_switches_that_are_periodic_in_time_are_not_stepped_over() -> None:
    third = 20.0 * math.pi / 3.0  # of ten periods
    np.testing.assert_allclose(x_at("piecewise(1, sin(time) > 0.5, 0)", [20.0 * math.pi]), [third], rtol=1e-6)


def test_switches_that_are_periodic_in_a_state_are_not_stepped_over() -> None:
    third = 20.0 * math.pi / 3.0
    at = [20.0 * math.pi]
    np.testing.assert_allclose(x_at("piecewise(1, sin(y) > 0.5, 0)", at, "y = 0; y' = 1;"), [third], rtol=1e-6)
    np.testing.assert_allclose(x_at("piecewise(1, cos(2*y)^2 < 0.25, 0)", at, "y = 0; y' = 1;"), [third], rtol=1e-6)
    np.testing.assert_allclose(x_at("piecewise(1, tan(time) > 1, 0)", at), [5.0 * math.pi], rtol=1e-6)


def test_what_follows_periodic_functions_is_no_state_of_the_model() -> None:
    kernel = compiled("x = 0; x' = piecewise(1, sin(time) > 0.5, 0);")
    assert kernel.observables == ("x",)
    assert kernel.states == ("x", "(time)", "(wave 1)")


@pytest.mark.parametrize("above", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("when", np.linspace(2.0, 3.0, 7))
def test_a_peak_over_a_level_within_a_step_is_seen(above: float, when: float) -> None:
    """``y`` is a Gauss curve in time; it is over the level for a small part of a step."""
    level = 1.0 - above
    wide = 2.0 * math.sqrt(-2.0 * math.log(level))
    x = x_at(f"piecewise(1, y > {level!r}, 0)", [6.0], f"y = exp(-{when}^2/2); y' = -(time - {when})*y;",
             tolerances=Tolerances(rtol=1e-8, atol=1e-12))  # fmt: skip
    np.testing.assert_allclose(x, [wide], rtol=1e-2)
