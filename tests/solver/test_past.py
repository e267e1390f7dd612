"""Delays look back at what was; every number here comes from the method of steps."""

import numpy as np
import pytest
from scipy.optimize import brentq

from hepatica.solver import Operation, Tolerances

from .runs import compiled, follow, spread


def steps(t: np.ndarray) -> np.ndarray:
    """Solve ``x' = -x(t - 1)``, x = 1 until zero: polynomials on each unit of time."""
    first = 1.0 - t
    second = first + (t - 1.0) ** 2 / 2.0
    third = second - (t - 2.0) ** 3 / 6.0
    return np.select([t <= 1.0, t <= 2.0, t <= 3.0], [first, second, third])


AT = np.array([0.5, 1.0, 1.3, 2.0, 2.7, 3.0])


@pytest.mark.parametrize("rtol", [1e-5, 1e-8])
def test_a_constant_history_by_the_method_of_steps(rtol: float) -> None:
    run = follow("x = 1; x' = -delay(x, 1);", AT, tolerances=Tolerances(rtol=rtol, atol=rtol))
    np.testing.assert_allclose(run["x"], steps(AT), atol=10 * rtol)


def test_many_delays_later() -> None:
    """``x' = -k x(t - 1)`` decays as ``exp(s t)`` in the end, with the largest root of ``s = -k exp(-s)``."""
    slowest = float(brentq(lambda s: s + 0.3 * np.exp(-s), -1.0, 0.0))
    decay = follow("x = 1; x' = -0.3*delay(x, 1);", [40.0, 41.0])["x"]
    assert decay[1] / decay[0] == pytest.approx(np.exp(slowest), rel=1e-5)


def test_delays_of_what_is_read_only() -> None:
    run = follow(
        "x = 0; x' = 1; y := delay(x, 2); z := delay(x*x, 0.5); w := delay(y, 1);",
        at := np.array([0.25, 1.0, 2.5, 5.0]),
    )
    late = np.maximum
    np.testing.assert_allclose(run["y"], late(at - 2.0, 0.0), atol=1e-7)
    np.testing.assert_allclose(run["z"], late(at - 0.5, 0.0) ** 2, atol=1e-6)
    np.testing.assert_allclose(run["w"], late(at - 3.0, 0.0), atol=1e-6)


def test_delayed_time_goes_on_before_the_start() -> None:
    run = follow("x = 0; x' = delay(time, 1); y := delay(time, 3);", [0.5, 2.0])
    np.testing.assert_allclose(run["x"], [0.125 - 0.5, 0.0], atol=1e-7)
    assert run["y"].tolist() == [-2.5, -1.0]


def test_what_never_changes_is_as_it_was() -> None:
    run = follow("x = 0; k = 3; x' = delay(k, 1);", [2.0])
    np.testing.assert_allclose(run["x"], [6.0], rtol=1e-8)


def test_no_delay_is_the_present() -> None:
    run = follow("x = 1; d = 0; x' = -delay(x, d);", [1.0, 2.0])
    np.testing.assert_allclose(run["x"], np.exp([-1.0, -2.0]), rtol=1e-7)


def test_each_draw_has_its_own_delay() -> None:
    kernel = compiled("x = 1; d = 1; x' = -delay(x, d);", "x")
    base = spread(kernel, 9, d=(0.4, 0.9))
    base[0] = kernel.p0
    delays = base[:, kernel.parameter_index("d")]
    run = follow(kernel, [0.4, 0.5, 2.0], draws=base)
    np.testing.assert_allclose(run["x"][:, 0], 1.0 - 0.4, atol=1e-8)
    after = np.maximum(0.5 - delays, 0.0)
    np.testing.assert_allclose(run["x"][:, 1], 1.0 - 0.5 + after**2 / 2.0, atol=1e-8)
    np.testing.assert_allclose(run["x"][0, 2], steps(np.array(2.0)), atol=1e-8)
    for d in (1, 5):
        np.testing.assert_array_equal(follow(kernel, [0.4, 0.5, 2.0], draws=base[[d]])["x"], run["x"][d])


def test_a_delay_that_changes() -> None:
    """Looking back to half the time: ``x' = x(t/2)`` with x(0) = 1 has the series sum of ``t^n / (n! 2^(n(n-1)/2))``."""
    run = follow("x = 1; x' = delay(x, time/2);", at := np.array([0.5, 1.0, 2.0]))
    terms, term = np.ones_like(at), np.ones_like(at)
    for n in range(1, 30):
        term = term * at / (n * 2.0 ** (n - 1))
        terms = terms + term
    np.testing.assert_allclose(run["x"], terms, rtol=1e-5)


def test_a_delay_in_a_trigger() -> None:
    run = follow("x = 0; x' = 1; n = 0; E: at (delay(x, 2) > 1): n = time;", [2.9, 3.1, 5.0])
    np.testing.assert_allclose(run["n"], [0.0, 3.0, 3.0], atol=1e-6)


def test_what_an_event_did_is_remembered_as_a_jump() -> None:
    run = follow("x = 0; x' = 0; y := delay(x, 1); E: at (time >= 2): x = 5;", [1.9, 2.1, 2.9, 3.1])
    np.testing.assert_allclose(run["y"], [0.0, 0.0, 0.0, 5.0])
    fed = follow("x = 0; y = 0; x' = 0; y' = delay(x, 1); E: at (time >= 2): x = 5;", [3.0, 4.0])
    np.testing.assert_allclose(fed["y"], [0.0, 5.0], rtol=1e-5, atol=1e-5)


def test_what_a_change_did_is_remembered() -> None:
    kernel = compiled("x = 0; y = 0; x' = 0; y' = delay(x, 1);", "y")
    arm = [Operation("state", kernel.state_index("x"), "set", 2.0, 1.0)]
    run = follow(kernel, [2.0, 3.0], arms=[arm, []])
    np.testing.assert_allclose(run["y"], [[0.0, 2.0], [0.0, 0.0]], atol=1e-5)


def test_results_do_not_depend_on_the_output_grid() -> None:
    kernel = compiled("x = 1; x' = -delay(x, 1);", "x")
    many = np.unique(np.concatenate([AT, np.linspace(0.0, 3.0, 41)]))
    few, fine = follow(kernel, AT)["x"], follow(kernel, many)["x"]
    np.testing.assert_array_equal(fine[np.searchsorted(many, AT)], few)
