import ctypes
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.kernel import TABLEAUX, Tableau
from hepatica.compiler.reference import Reference
from hepatica.errors import InputError
from hepatica.model import TIME, Apply, Number, Symbol
from hepatica.solver import (
    Operation,
    Status,
    Tolerances,
    find_steady_states,
    integrate,
    loop_is_ready,
    plan_after,
    plan_before,
)  # fmt: skip
from hepatica.solver.rescue import rescue
from hepatica.solver.workspace import Workspace
from tests.compiler.networks import growth, oscillator, predator, rate_of, robertson, turnover
from tests.solver.runs import compiled

TIMES = np.array([0.0, 0.4, 4.0, 40.0, 400.0, 4e3])


def spread(kernel: Kernel, draws: int, sigma: float = 0.5, seed: int = 1) -> np.ndarray:
    base = np.tile(kernel.p0, (draws, 1))
    columns = [i for i, name in enumerate(kernel.parameters) if name.startswith("k")]
    base[:, columns] *= np.exp(np.random.default_rng(seed).normal(0.0, sigma, (draws, len(columns))))
    return base


def each(draws: int, arm: int = 0) -> np.ndarray:
    return np.array([[arm, d, -1] for d in range(draws)], np.int64)


NOTHING = plan_after([[]], equilibrated=False)


@pytest.fixture(scope="module")
def stiff() -> Kernel:
    return compile_model(robertson(), cached=False)


def test_robertson_against_scipy(stiff: Kernel) -> None:
    base = spread(stiff, 6)
    tight = Tolerances(rtol=1e-9, atol=1e-14)
    got = integrate(stiff, NOTHING, each(6), base, TIMES, tolerances=tight)
    reference = Reference(robertson())
    for d in range(6):
        p = base[d][:, None]
        want = solve_ivp(
            lambda _t, y, p=p: reference.rhs(y[:, None], p)[:, 0], (0, TIMES[-1]), [1.0, 0.0, 0.0], method="Radau",
            t_eval=TIMES, rtol=1e-9, atol=1e-14, jac=lambda _t, y, p=p: reference.jacobian(y[:, None], p)[:, :, 0],
        )  # fmt: skip
        np.testing.assert_allclose(got.values[d, :, :3], want.y.T, rtol=2e-6, atol=1e-12)


def fixed_steps(kernel: Kernel, method: str, steps: int, end: float) -> np.ndarray:
    """Call the machine code of a method with constant step size."""
    tableau = TABLEAUX[method]
    space = Workspace(kernel, tableau, 1e-6, 1e-6)
    step = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 8)(int(space.code[0]))
    commit = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2)(int(space.code[3]))
    space.state[:, 0], space.parameters[:], space.mask[:] = 1.0, kernel.p0[:, None], 1.0
    space.inverse[:], space.diagonal[:] = steps / end, steps / end / tableau.gamma
    data = space.data.tolist()
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2)(int(space.code[16]))(data[1], data[18])
    for _ in range(steps):
        step(*data[:8])
        commit(data[0], data[8])
    return space.state[:, 0, 0].copy()


@pytest.mark.parametrize(("method", "order", "first"), [("rodas4", 4, 400), ("rodas5p", 5, 50)])
def test_order_of_convergence(method: str, order: int, first: int) -> None:
    kernel = compile_model(predator(), cached=False)
    exact = fixed_steps(kernel, "rodas5p", 6400, 4.0)
    counts = first * np.array([1, 2, 4])
    errors = [np.abs(fixed_steps(kernel, method, int(n), 4.0) - exact).max() for n in counts]
    slopes = np.diff(np.log(errors)) / -np.log(2.0)
    np.testing.assert_allclose(slopes, order, atol=0.25)


def test_dense_output_is_as_good_as_the_steps() -> None:
    kernel = compile_model(oscillator(), cached=False)
    at = np.linspace(0.01, 10.0, 500)
    for rtol in (1e-5, 1e-8):
        got = integrate(kernel, NOTHING, each(1), kernel.p0[None, :], at, tolerances=Tolerances(rtol=rtol, atol=rtol))
        assert np.abs(got.values[0, :, 0] - np.cos(at)).max() < 20 * rtol


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_dense_output_is_exact_for_polynomials(method: str) -> None:
    tableau = TABLEAUX[method]
    for power in range(3 if method == "rodas4" else 4):
        stages = polynomial_stages(tableau, power)
        got = [np.dot(row, stages[: len(row)]) for row in tableau.dense]
        np.testing.assert_allclose(got, [-1 / (power + 1) if power > k else 0.0 for k in range(len(got))], atol=1e-11)


def polynomial_stages(tableau: Tableau, power: int) -> np.ndarray:
    """Give the stages of y in a step of one from zero of ``y' = t^power``, ``t' = 1``."""
    slope, time, y, argument = float(power == 1), [], [], 0.0
    for i in range(tableau.stages):
        a, c = (tableau.a[i - 1], tableau.c[i - 1]) if i else ((), ())
        argument = argument + time[-1] if a is None else float(np.dot(a, time[: len(a)]))
        time.append(tableau.gamma * (1.0 + float(np.dot(c, time))))
        y.append(tableau.gamma * (argument**power + float(np.dot(c, y)) + slope * time[-1]))
    return np.array(y)


def test_result_is_independent_of_lanes_threads_chunks_and_neighbours(stiff: Kernel) -> None:
    base = spread(stiff, 700)
    alone = integrate(stiff, NOTHING, each(700), base, TIMES)
    two = integrate(stiff, NOTHING, each(700), base, TIMES, threads=2)
    np.testing.assert_array_equal(alone.values, two.values)
    order = np.random.default_rng(2).permutation(700)
    shuffled = integrate(stiff, NOTHING, each(700)[order], base, TIMES)
    np.testing.assert_array_equal(alone.values[order], shuffled.values)
    narrow = compile_model(robertson(), lanes=4, cached=False)
    np.testing.assert_allclose(
        integrate(narrow, NOTHING, each(40), base, TIMES).values, alone.values[:40], rtol=1e-9, atol=1e-15
    )


def test_result_is_independent_of_the_output_grid(stiff: Kernel) -> None:
    base = spread(stiff, 16)
    coarse = integrate(stiff, NOTHING, each(16), base, TIMES)
    grid = np.unique(np.concatenate([TIMES, np.geomspace(1e-3, 3.9e3, 97)]))
    fine = integrate(stiff, NOTHING, each(16), base, grid)
    np.testing.assert_array_equal(fine.values[:, np.searchsorted(grid, TIMES)], coarse.values)


def test_mass_is_conserved(stiff: Kernel) -> None:
    got = integrate(stiff, NOTHING, each(32), spread(stiff, 32), TIMES)
    np.testing.assert_allclose(got.values[:, :, 3], 1.0, rtol=1e-9)


def test_segments_set_scale_add_and_return() -> None:
    kernel = compile_model(turnover(), cached=False)
    make, decay = kernel.parameter_index("make"), kernel.parameter_index("decay")
    arms = [
        [Operation("parameter", make, "set", 0.0, 10.0, 20.0)],
        [Operation("parameter", make, "scale", 2.0), Operation("parameter", decay, "add", 0.1)],
        [
            Operation("state", 0, "add", 5.0, 10.0),
            Operation("state", 0, "scale", 0.5, 20.0),
            Operation("state", 0, "set", 7.0),
        ],
    ]
    plan = plan_after(arms, equilibrated=False)
    at = np.array([0.0, 10.0, 15.0, 20.0, 30.0])
    tasks = np.array([[a, 0, -1] for a in range(3)])
    got = integrate(kernel, plan, tasks, kernel.p0[None, :], at, tolerances=Tolerances(rtol=1e-9, atol=1e-12)).values[
        :, :, 0
    ]

    def follow(x: float, level: float, rate: float, time: float) -> float:
        return level + (x - level) * np.exp(-rate * time)

    a10 = follow(0.0, 20.0, 0.1, 10.0)
    a20 = follow(a10, 0.0, 0.1, 10.0)
    np.testing.assert_allclose(
        got[0], [0.0, a10, follow(a10, 0.0, 0.1, 5.0), a20, follow(a20, 20.0, 0.1, 10.0)], rtol=1e-7
    )
    np.testing.assert_allclose(got[1], [follow(0.0, 20.0, 0.2, t) for t in at], rtol=1e-7, atol=1e-9)
    c10 = follow(7.0, 20.0, 0.1, 10.0) + 5.0
    c20 = follow(c10, 20.0, 0.1, 10.0) * 0.5
    np.testing.assert_allclose(
        got[2], [7.0, c10, follow(c10, 20.0, 0.1, 5.0), c20, follow(c20, 20.0, 0.1, 10.0)], rtol=1e-7
    )


def test_a_change_before_zero_starts_the_run_earlier() -> None:
    kernel = compile_model(turnover(), cached=False)
    early = plan_after([[Operation("state", 0, "set", 20.0, -30.0)]], equilibrated=False)
    got = integrate(kernel, early, each(1), kernel.p0[None, :], np.array([0.0]))
    assert got.values[0, 0, 0] == pytest.approx(20.0)


def test_steady_states() -> None:
    kernel = compile_model(turnover(), cached=False)
    base = np.tile(kernel.p0, (5, 1))
    base[:, kernel.parameter_index("make")] = [0.5, 1.0, 2.0, 4.0, 8.0]
    found = find_steady_states(kernel, plan_before([[]]), each(5), base)
    np.testing.assert_allclose(found.values[:, 0], base[:, kernel.parameter_index("make")] / 0.1, rtol=1e-8)
    assert (found.status == Status.OK).all()
    y0 = found.values
    tasks = np.array([[0, d, d] for d in range(5)])
    kept = integrate(kernel, plan_after([[]], equilibrated=True), tasks, base, np.array([0.0, 1e4]), y0=y0)
    np.testing.assert_allclose(kept.values[:, 1, 0], y0[:, 0], rtol=1e-6)


def test_time_going_on_is_no_drift() -> None:
    fading = Apply("exp", (Apply("neg", (TIME,)),))
    loss = Apply("-", (Apply("+", (Number(2.0), fading)), Symbol("x")))
    kernel = compile_model(rate_of(loss), cached=False)
    found = find_steady_states(kernel, plan_before([[]]), each(1), kernel.p0[None, :])
    assert found.status[0] == Status.OK
    assert found.values[0, kernel.states.index("x")] == pytest.approx(2.0, rel=1e-8)


@pytest.mark.parametrize("model", [growth(), growth(1e-6), oscillator(), rate_of(Number(1.0))], ids=lambda m: m.id)
def test_no_steady_state_is_said(model: object) -> None:
    kernel = compile_model(model, cached=False)  # type: ignore[arg-type]
    found = find_steady_states(kernel, plan_before([[]]), each(1), kernel.p0[None, :])
    assert Status(int(found.status[0])) in {Status.NO_STEADY_STATE, Status.NOT_FINITE}
    assert np.isnan(found.values).all()


@pytest.mark.parametrize("moves", ["x = 0; x' = 1e-3;", "x = 0; x' = time;"])
def test_what_drifts_on_is_blamed_for_no_steady_state(moves: str) -> None:
    """Rounding makes the largest error in b."""
    kernel = compiled(f"a = 1; a' = 2 - a*a; b = 0; b' = 1e3*(a - b); {moves}")
    found = find_steady_states(kernel, plan_before([[]]), each(3), np.tile(kernel.p0, (3, 1)))
    assert found.status.tolist() == [Status.NO_STEADY_STATE] * 3
    assert [kernel.states[v] for v in found.culprit] == ["x"] * 3


def test_failures_are_nan_from_there_on_and_do_not_spread() -> None:
    kernel = compile_model(rate_of(Apply("pow", (Symbol("x"), Number(2.0)))), cached=False)
    plan = plan_after([[Operation("state", 0, "set", 1.0)], [Operation("state", 0, "set", 1e-3)]], equilibrated=False)
    tasks = np.array([[0, 0, -1], [1, 0, -1]])
    got = integrate(
        kernel, plan, tasks, kernel.p0[None, :] if len(kernel.p0) else np.zeros((1, 0)), np.array([0.5, 2.0])
    )
    assert got.values[0, 0, 0] == pytest.approx(2.0, rel=1e-4)
    assert np.isnan(got.values[0, 1, 0])
    assert Status(int(got.status[0])) in {Status.STEP_TOO_SMALL, Status.NOT_FINITE}
    assert 0.9 < got.stopped[0] <= 1.001
    assert got.status[1] == Status.OK
    np.testing.assert_allclose(got.values[1, :, 0], 1 / (1e3 - np.array([0.5, 2.0])), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_input_that_is_not_finite_is_refused_by_name(value: float) -> None:
    kernel = compile_model(turnover(), cached=False)
    base = np.tile(kernel.p0, (3, 1))
    base[1, 1] = value
    got = integrate(kernel, NOTHING, each(3), base, np.array([1.0]))
    assert got.status.tolist() == [Status.OK, Status.BAD_INPUT, Status.OK]
    assert find_steady_states(kernel, plan_before([[]]), each(3), base).status.tolist() == [
        Status.OK,
        Status.BAD_INPUT,
        Status.OK,
    ]


def test_rescue_finishes_what_the_step_limit_stopped(stiff: Kernel) -> None:
    base = spread(stiff, 3)
    short = Tolerances(rtol=1e-6, atol=1e-10, limit=10)
    arms = [
        [
            Operation("parameter", stiff.parameter_index("k1"), "scale", 2.0, 10.0),
            Operation("state", 0, "add", 0.5, 20.0),
        ]
    ]
    plan = plan_after(arms, equilibrated=False)
    run = integrate(stiff, plan, each(3), base, TIMES, tolerances=short)
    assert (run.status == Status.STEP_LIMIT).all()
    assert rescue(stiff, plan, each(3), base, TIMES, None, run, short) == 3
    full = integrate(stiff, plan, each(3), base, TIMES, tolerances=replace(short, limit=10_000))
    np.testing.assert_allclose(run.values, full.values, rtol=1e-4, atol=1e-8)
    assert rescue(stiff, plan, each(3), base, TIMES, None, run, short) == 0


def test_rescue_gives_up_on_what_has_no_solution() -> None:
    kernel = compile_model(rate_of(Apply("pow", (Symbol("x"), Number(2.0)))), cached=False)
    plan = plan_after([[Operation("state", 0, "set", 1.0)]], equilibrated=False)
    base = np.zeros((1, len(kernel.p0)))
    run = integrate(kernel, plan, each(1), base, np.array([0.5, 2.0]))
    before = run.status.copy()
    assert rescue(kernel, plan, each(1), base, np.array([0.5, 2.0]), None, run, Tolerances()) == 0
    assert (run.status == before).all()


def test_every_reading_of_a_failed_task_is_written(stiff: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was in the memory of the output before."""
    monkeypatch.setattr(np, "empty", lambda shape, *kind: np.full(shape, 77.0, *kind))
    base = spread(stiff, 40)
    base[::3, 0] = np.nan
    run = integrate(stiff, NOTHING, each(40), base, TIMES, tolerances=Tolerances(limit=30))
    assert {Status.BAD_INPUT, Status.STEP_LIMIT} <= set(run.status)
    assert not (run.values == 77.0).any()
    for values, status in zip(run.values, run.status, strict=True):
        assert np.isnan(values).any() == (status != Status.OK)


def test_threads_stay_and_a_fork_has_its_own(stiff: Kernel) -> None:
    def names() -> set[str]:
        return {t.name for t in threading.enumerate() if t.name.startswith("hepatica")}

    integrate(stiff, NOTHING, each(20), spread(stiff, 20), TIMES, threads=2)
    before = names()
    integrate(stiff, NOTHING, each(20), spread(stiff, 20), TIMES, threads=2)
    assert before == names()
    if (child := os.fork()) == 0:
        run = integrate(stiff, NOTHING, each(20), spread(stiff, 20), TIMES, threads=2)
        os._exit(int((run.status != Status.OK).any()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_progress_is_told_and_an_interrupt_stops(stiff: Kernel) -> None:
    told: list[tuple[int, int]] = []
    integrate(
        stiff,
        NOTHING,
        each(50),
        spread(stiff, 50),
        TIMES,
        progress=lambda done, total: told.append((done, total)),
        threads=2,
    )
    assert told[-1] == (50, 50)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    slow = Tolerances(rtol=1e-12, atol=1e-18, limit=10**7)
    with pytest.raises(KeyboardInterrupt):
        integrate(stiff, NOTHING, each(3000), spread(stiff, 3000), TIMES, tolerances=slow, progress=interrupt)


def test_every_status_is_a_sentence() -> None:
    assert Status.NO_STEADY_STATE.sentence == "not started: no steady state was reached in pre-equilibration"
    assert all(len(s.sentence) > 5 for s in Status)


def test_the_control_loop_is_known_to_be_ready_once_it_was_compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = compile_model(growth(), cached=False)
    integrate(kernel, plan_after([[]], equilibrated=False), np.array([[0, 0, -1]]), kernel.p0[None], np.array([1.0]))
    assert loop_is_ready()
    monkeypatch.setenv("HEPATICA_CACHE", str(tmp_path))
    assert not loop_is_ready()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rtol": 0.0}, "the relative tolerance is 0.0"),
        ({"rtol": float("nan")}, "the relative tolerance is nan"),
        ({"atol": -1.0}, "the absolute tolerance is -1.0"),
        ({"atol": float("inf")}, "the absolute tolerance is inf"),
        ({"limit": 0}, "the limit is 0 steps"),
        ({"method": "euler"}, "there is no method 'euler'; known: rodas4, rodas5p"),
    ],
)
def test_tolerances_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tolerances(**given)
