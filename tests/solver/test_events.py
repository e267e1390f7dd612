"""Events happen when and in the order that SBML says; every number here has a closed form."""

import math

import numpy as np
import pytest

from hepatica.solver import Operation, Status, Tolerances

from .runs import TIGHT, compiled, follow, spread

STILL = "x = 0; x' = 0;"
NEAR = np.nextafter(2.0, 3.0)


def rounds(events: str, at: float = 1.0) -> float:
    """Give y at some time of a model whose events write their digit behind it."""
    return float(follow(f"y = 0; {events}", [at])["y"][0])


def test_at_a_reading_time_an_event_has_happened_or_not_as_its_trigger_says() -> None:
    at = [np.nextafter(2.0, 1.0), 2.0, NEAR, 3.0]
    assert follow(STILL + "E: at (time >= 2): x = 1;", at)["x"].tolist() == [0.0, 1.0, 1.0, 1.0]
    assert follow(STILL + "E: at (time > 2): x = 1;", at)["x"].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert follow(STILL + "E: at !(time <= 2): x = 1;", at)["x"].tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("moment", [1e-9, 0.1, 1.0 / 3.0, 7.7, 1e5 + 0.1])
def test_a_time_trigger_is_met_to_the_last_bit(moment: float) -> None:
    kernel = compiled("x = 0; x' = 1; n = 0; m = 1; E: at (time >= m): n = time;")
    base = spread(kernel, 1, m=(moment, moment))
    run = follow(kernel, [0.0, np.nextafter(moment, 0.0), moment, 2 * moment], draws=base)
    assert run["n"].tolist() == [0.0, 0.0, moment, moment]


def test_a_state_trigger_is_located_within_the_tolerance() -> None:
    for rtol in (1e-5, 1e-8):
        loose = Tolerances(rtol=rtol, atol=rtol)
        run = follow("x = 1; n = 0; x' = -x; E: at (x < 0.5): n = time, x = 1;", [0.8, 1.5, 2.5], tolerances=loose)
        np.testing.assert_allclose(run["n"], np.log(2.0) * np.array([1, 2, 3]), rtol=20 * rtol)
        np.testing.assert_allclose(
            run["x"], [2 * math.exp(-0.8), 4 * math.exp(-1.5), 8 * math.exp(-2.5)], rtol=30 * rtol
        )


def test_values_are_those_of_the_trigger_or_of_the_assignment() -> None:
    both = (
        "x = 0; y = 0; z = 0; x' = 1; E: at 2 after (x > 1): y = x; F: at 2 after (x > 1), fromTrigger = false: z = x;"
    )
    run = follow(both, [2.9, 3.1])
    assert run["y"] == pytest.approx([0.0, 1.0], abs=1e-7)
    assert run["z"] == pytest.approx([0.0, 3.0], abs=1e-7)


def test_a_delay_is_that_of_the_moment_of_the_trigger() -> None:
    run = follow("x = 0; n = 0; x' = 1; E: at 3*x after (x > 1), fromTrigger = false: n = time;", [3.9, 4.1])
    assert run["n"] == pytest.approx([0.0, 4.0], abs=1e-7)


@pytest.mark.parametrize(
    ("delay", "flag", "happens"),
    [(2.0, "", True), (2.0, ", persistent = false", False), (0.5, ", persistent = false", True)],
)
def test_only_persistent_events_outlast_their_trigger(delay: float, flag: str, happens: bool) -> None:
    run = follow(f"x = 0; y = 0; x' = 1; E: at {delay} after (x > 1 && x < 2){flag}: y = 1;", [5.0])
    assert run["y"][0] == happens


def test_an_event_can_wait_more_than_once() -> None:
    pulse = "n = 0; x = 0; x' = 1; E: at 2.5 after (time - floor(time) >= 0.5), fromTrigger = false: n = n + 1;"
    np.testing.assert_array_equal(follow(pulse, [2.9, 3.1, 4.1, 5.1])["n"], [0.0, 1.0, 2.0, 3.0])


def test_the_highest_priority_goes_first_and_is_looked_up_again_each_time() -> None:
    fixed = "".join(f"E{k}: at (time >= 1), priority = {k}, fromTrigger = false: y = 10*y + {k};" for k in (2, 3, 1))
    assert rounds(fixed) == 321.0
    moving = (
        "z = 1; E1: at (time >= 1), priority = 5, fromTrigger = false: y = 10*y + 1, z = -1;"
        "E2: at (time >= 1), priority = 3*z, fromTrigger = false: y = 10*y + 2;"
        "E3: at (time >= 1), priority = 0, fromTrigger = false: y = 10*y + 3;"
    )
    assert rounds(moving) == 132.0


def test_values_from_the_trigger_know_nothing_of_events_before_them() -> None:
    events = "".join(f"E{k}: at (time >= 1), priority = {k}: y = 10*y + {k};" for k in (1, 2, 3))
    assert rounds(events) == 1.0


def test_an_event_may_take_away_the_trigger_of_the_next() -> None:
    first = "go = 1; E1: at (time >= 1), priority = 2: go = 0;"
    second = "E2: at (time >= 1 && go > 0), priority = 1{}: y = 1;"
    assert rounds(first + second.format("")) == 1.0
    assert rounds(first + second.format(", persistent = false")) == 0.0


def test_without_priorities_the_order_is_that_of_the_model() -> None:
    events = "".join(f"E{k}: at (time >= 1), fromTrigger = false: y = 10*y + {k};" for k in range(1, 6))
    assert rounds(events) == 12345.0


def test_equal_priorities_go_in_an_order_that_is_random_and_reproducible() -> None:
    events = "".join(f"E{k}: at (time >= 1), priority = 1, fromTrigger = false: y = 10*y + {k};" for k in (1, 2, 3))
    kernel = compiled(f"y = 0; {events}")
    base = np.tile(kernel.p0, (600, 1))
    run = follow(kernel, [2.0], draws=base)
    seen, counts = np.unique(run["y"], return_counts=True)
    assert seen.tolist() == [123.0, 132.0, 213.0, 231.0, 312.0, 321.0]
    assert counts.min() > 60  # 100 are expected: 60 is 4.4 standard deviations away
    assert counts.max() < 140
    order = np.random.default_rng(3).permutation(600)
    np.testing.assert_array_equal(follow(kernel, [2.0], draws=base, threads=2)["y"], run["y"])
    np.testing.assert_array_equal(follow(kernel, [2.0], draws=base, order=order)["y"], run["y"][order])
    narrow = compiled(f"y = 0; {events}", lanes=4)
    np.testing.assert_array_equal(follow(narrow, [2.0], draws=base)["y"], run["y"])


def test_a_trigger_that_is_true_at_the_start_fires_if_it_counts_as_false_before() -> None:
    run = follow("y = 0; z = 0; E: at (time >= 0), t0 = false: y = 1; F: at (time >= 0): z = 1;", [0.0, 1.0])
    assert run["y"].tolist() == [1.0, 1.0]
    assert run["z"].tolist() == [0.0, 0.0]


def test_events_set_each_other_off_at_the_same_moment() -> None:
    run = follow(
        "y = 0; z = 0; w = 0; E: at (time >= 1): y = 1; F: at (y > 0.5): z = 1; G: at (z > 0.5): w = time;", [0.9, 1]
    )
    assert [run[name].tolist() for name in "yzw"] == [[0.0, 1.0]] * 3


def test_a_ball_bounces_when_it_should() -> None:
    fall, keep = math.sqrt(2.0 / 9.81), 0.8
    run = follow("h = 1; v = 0; h' = v; v' = -9.81; n = 0; last = 0; E: at (h < 0): v = -0.8*v, n = n + 1, last = time;",
                 times := np.array([0.4, 0.5, 1.2, 1.8, 2.3, 2.7]))  # fmt: skip
    bounces = fall * np.array([1.0, *(1.0 + 2.0 * np.cumsum(keep ** np.arange(1, 12)))])
    count = np.searchsorted(bounces, times)
    assert run["n"].tolist() == count.tolist()
    np.testing.assert_allclose(run["last"], np.where(count, bounces[count - 1], 0.0), rtol=1e-6)
    start = np.where(count, bounces[count - 1], 0.0)
    speed = np.where(count, 9.81 * fall * keep**count, 0.0)
    since = times - start
    np.testing.assert_allclose(run["h"], (count == 0) + speed * since - 4.905 * since**2, atol=1e-6)


def test_events_without_end_are_a_status_and_nan() -> None:
    run = follow(
        "x = -1; y = 0; E: at (x > 0): x = -1; F: at (x < 0 && time >= 1): x = 1; G: at (x<0 && time>=1): y = 1;",
        [0.5, 2],
    )
    assert run.status == Status.ENDLESS_EVENTS
    assert run.trajectories.stopped[0] == 1.0
    assert run["x"][0] == -1.0
    assert np.isnan(run["x"][1])


def test_more_events_waiting_than_there_is_room_for_are_a_status() -> None:
    many = "x = 0; y = 0; E: at 1000 after (time - floor(time) >= 0.5): y = 1;"
    run = follow(many, [200.0, 300.0])
    assert run.status == Status.ENDLESS_EVENTS
    assert 255.0 < run.trajectories.stopped[0] < 258.0


def test_events_and_changes_of_an_experiment() -> None:
    """``x' = make - x/10`` with a Change at 5 and one at 12, and an event that halves x whenever it reaches 8."""
    kernel = compiled("x = 0; n = 0; make = 1; x' = make - 0.1*x; E: at (x >= 8): x = x/2, n = n + 1;", "x n")
    make = kernel.parameter_index("make")
    doubled = [
        Operation("parameter", make, "set", 2.0, 5.0),
        Operation("state", kernel.state_index("x"), "add", 20.0, 12.0),
    ]
    at = np.array([4.0, 5.0, 8.0, 12.0, 12.0 + 1e-6, 13.0])
    run = follow(kernel, at, arms=[[], doubled])

    def level(x: float, goal: float, time: float) -> float:
        return goal + (x - goal) * math.exp(-0.1 * time)

    assert run["n"][0].tolist() == [0.0] * 6
    five = level(0.0, 10.0, 5.0)
    first = 5.0 + 10.0 * math.log((20.0 - five) / 12.0)
    second = first + 10.0 * math.log(16.0 / 12.0)
    third = second + 10.0 * math.log(16.0 / 12.0)
    eight, twelve = level(4.0, 20.0, 8.0 - first), level(4.0, 20.0, 12.0 - second)
    assert first < 8.0 < second < 12.0 < third
    halved = (twelve + 20.0) / 2.0
    assert halved > 8.0  # x is still above 8 after the event, so that it does not fire again
    np.testing.assert_allclose(run["x"][1], [
        level(0.0, 10.0, 4.0), five, eight, halved, level(halved, 20.0, 1e-6), level(halved, 20.0, 1.0),
    ], rtol=1e-7)  # fmt: skip
    assert run["n"][1].tolist() == [0.0, 0.0, 1.0, 3.0, 3.0, 3.0]


PULSES = (
    "x = 1; n = 0; k = 1; up = 0.5; x' = -k*x; E: at (x < up): x = 1, n = n + 1;"
    "F: at 0.3 after (time - floor(time) >= 0.5), priority = 1, fromTrigger = false: x = x + 0.25;"
)


def test_lanes_threads_neighbours_and_order_change_no_bit() -> None:
    kernel = compiled(PULSES)
    base = spread(kernel, 150, k=(0.5, 3.0), up=(0.2, 0.8))
    at = np.linspace(0.0, 8.0, 33)
    loose = Tolerances(rtol=1e-6, atol=1e-9)
    alone = follow(kernel, at, draws=base, tolerances=loose).trajectories.values
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(
        follow(kernel, at, draws=base, tolerances=loose, threads=2).trajectories.values, alone
    )
    order = np.random.default_rng(2).permutation(150)
    shuffled = follow(kernel, at, draws=base, tolerances=loose, order=order).trajectories.values
    np.testing.assert_array_equal(shuffled, alone[order])
    single = follow(kernel, at, draws=base[:1], tolerances=loose).trajectories.values
    np.testing.assert_array_equal(single[0], alone[0])
    narrow = follow(compiled(PULSES, lanes=4), at, draws=base, tolerances=loose).trajectories.values
    np.testing.assert_array_equal(narrow, alone)


def test_results_do_not_depend_on_the_output_grid() -> None:
    kernel = compiled(PULSES)
    base = spread(kernel, 16, k=(0.5, 3.0), up=(0.2, 0.8))
    few = np.array([0.5, 0.8, 4.0, 8.0])
    many = np.unique(np.concatenate([few, np.linspace(0.0, 8.0, 101)]))
    coarse, fine = (follow(kernel, at, draws=base, tolerances=TIGHT).trajectories.values for at in (few, many))
    np.testing.assert_array_equal(fine[:, np.searchsorted(many, few)], coarse)


def test_parameters_that_events_change_are_states_with_a_first_value_among_the_parameters() -> None:
    kernel = compiled("x = 0; k = 2; x' = k; E: at (time >= 1): k = 3;")
    assert set(kernel.states) >= {"x", "k"}
    assert kernel.parameters == ("x", "k")
    base = np.array([[0.0, 2.0], [0.0, 5.0]])
    np.testing.assert_allclose(follow(kernel, [1.0, 2.0], draws=base)["x"], [[2.0, 5.0], [5.0, 8.0]], rtol=1e-7)


def test_an_event_without_assignments_changes_nothing() -> None:
    quiet, plain = (
        follow(f"x = 1; x' = -x; {event}", [0.5, 2.0])["x"] for event in ("E: at (x < 0.5): n = 1; n = 0;", "")
    )
    np.testing.assert_allclose(quiet, plain, rtol=1e-8)


def test_triggers_that_are_periodic_in_time_are_not_stepped_over() -> None:
    run = follow("n = 0; E: at (sin(time) > 0.5): n = n + 1;", [20.0, 100.0])
    assert run["n"].tolist() == [4.0, 16.0]
