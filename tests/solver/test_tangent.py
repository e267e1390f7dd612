from dataclasses import dataclass, replace

import numpy as np
import pytest

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.derivatives import compile_adjoint, compile_tangent
from hepatica.compiler.kernel import CLOCK, Adjoint, Tangent
from hepatica.compiler.targets.numpy import OPERATIONS
from hepatica.model import Apply, Model, Number, Symbol
from hepatica.solver import Operation, Plan, Status, Tolerances, integrate, plan_after
from hepatica.solver.adjoint import Ends, Gradients, differentiate, pull_back
from hepatica.solver.adjoint_space import AdjointSpace
from hepatica.solver.notes import ENTERED, STEPPED
from hepatica.solver.record import Doses, Record, doses_of, numbered, run_recorded
from hepatica.solver.replay import Rows, Run, events_of, reading_weights
from hepatica.solver.run import by_arm
from hepatica.solver.tangent import Sensitivities, integrate_tangent, push_forward
from hepatica.solver.tangent_space import Directions, TangentSpace
from hepatica.solver.workspace import Workspace
from tests.compiler.networks import (
    bound_pair,
    buffered,
    clinic,
    every_function,
    hill,
    lit,
    rate_of,
    robertson,
    thermostat,
)
from tests.solver.frozen import TINY, Frozen, Start

LOOSE = Tolerances(rtol=1e-4, atol=1e-7, method="rodas5p")


@dataclass
class Problem:
    """A model with two arms: left alone, and with changes of everything in every way."""

    model: Model
    kernel: Kernel
    tangent: Tangent
    adjoint: Adjoint
    arms: list[list[Operation]]
    times: np.ndarray
    base: np.ndarray
    tasks: np.ndarray

    @property
    def plan(self) -> Plan:
        return plan_after(self.arms, equilibrated=False)

    @property
    def doses(self) -> Doses:
        """Dose k is change k of the second arm."""
        marked, flat = numbered(self.arms)
        return doses_of(plan_after(marked, equilibrated=False), np.arange(len(flat)), len(flat))

    @property
    def directions(self) -> Directions:
        """All parameters, then all initial values but time, then all doses."""
        doses, states = self.doses, [i for i, n in enumerate(self.kernel.states) if n != CLOCK]
        p = len(self.kernel.parameters)
        count = p + len(states) + doses.count
        parameter, state = np.full(count, -1), np.full(count, -1)
        parameter[:p] = np.arange(p)
        state[p : p + len(states)] = states
        shifted = [np.where(d >= 0, d + p + len(states), -1) for d in doses.arrays]
        return Directions(parameter=parameter, state=state, doses=Doses(*shifted, count))

    def forward(self, tol: Tolerances = LOOSE, **options: int) -> Sensitivities:
        return integrate_tangent(
            self.kernel, self.tangent, self.plan, self.tasks, self.base, self.times, self.directions, tolerances=tol, **options
        )  # fmt: skip

    def backward(self, weights: np.ndarray, tol: Tolerances = LOOSE, **options: int) -> Gradients:
        return differentiate(
            self.kernel, self.adjoint, self.plan, self.tasks, self.base, self.times, lambda part, _: weights[part],
            self.doses, tolerances=tol, **options,
        )  # fmt: skip


def problem(model: Model, times: list[float], changes: list[Operation], draws: int = 5) -> Problem:
    kernel = compile_model(model, cached=False)
    names = len(kernel.parameters) + len(kernel.states) + len(changes)
    base = kernel.p0 * np.exp(np.random.default_rng(1).normal(0.0, 0.2, (draws, len(kernel.p0))))
    return Problem(
        model=model,
        kernel=kernel,
        tangent=compile_tangent(model, range(len(kernel.p0)), names, cached=False),
        adjoint=compile_adjoint(model, cached=False),
        arms=[[], changes],
        times=np.array(times),
        base=base,
        tasks=np.array([[a, d, -1] for d in range(draws) for a in range(2)], np.int64),
    )


def stiff() -> Problem:
    changes = [
        Operation("parameter", 1, "scale", 1.5),
        Operation("parameter", 1, "add", 0.01, 3.0, 30.0),
        Operation("parameter", 1, "scale", 2.0, 10.0),
        Operation("parameter", 3, "set", 2e4, 3.0),
        Operation("state", 0, "scale", 0.9),
        Operation("state", 0, "add", 0.2, 3.0),
        Operation("state", 0, "scale", 0.5, 10.0),
        Operation("state", 2, "set", 0.3, 10.0),
    ]
    return problem(robertson(), [0.0, 0.4, 3.0, 4.0, 10.0, 40.0], changes)


def dosed() -> Problem:
    changes = [
        Operation("state", 0, "set", 0.0),
        Operation("state", 0, "add", 3.0, 1.0),
        Operation("parameter", 3, "set", 1.0, 2.0),
    ]
    return problem(hill(), [0.5, 1.0, 5.0, 20.0], changes)


def timed() -> Problem:
    changes = [Operation("state", 0, "scale", 0.8, 0.5), Operation("parameter", 1, "scale", 1.2, 0.5)]
    return problem(every_function(), [0.0, 0.25, 1.0, 3.0], changes)


def paired() -> Problem:
    changes = [Operation("parameter", 5, "scale", 2.0, 0.0, 1.5), Operation("state", 0, "add", 1.0, 1.5)]
    return problem(bound_pair(), [0.1, 1.5, 8.0], changes)


def switching() -> Problem:
    return problem(thermostat(), [0.5, 2.0, 6.0, 9.0], [Operation("state", 0, "scale", 0.5, 1.0)])


def eventful() -> Problem:
    return problem(clinic(), [0.5, 1.31, 4.0, 6.0, 12.0], [Operation("parameter", 3, "scale", 1.3, 3.0)])


def waving() -> Problem:
    return problem(lit(), [0.5, 4.0, 15.0], [Operation("parameter", 1, "scale", 1.5, 2.0)])


def algebraic() -> Problem:
    changes = [Operation("parameter", 2, "scale", 1.5, 2.0), Operation("state", 0, "add", 1.0, 3.0)]
    return problem(buffered(), [0.0, 1.0, 2.0, 5.0], changes)


@pytest.fixture(params=[switching, eventful, waving, algebraic], scope="module")
def jumping(request: pytest.FixtureRequest) -> Problem:
    found: Problem = request.param()
    return found


@pytest.fixture(params=[stiff, dosed, timed, paired], scope="module")
def case(request: pytest.FixtureRequest) -> Problem:
    found: Problem = request.param()
    return found


def recorded(case: Problem, tol: Tolerances) -> Rows:
    record, count = Record(case.kernel), len(case.tasks)
    space = Workspace(case.kernel, tol.tableau, tol.rtol, tol.atol)
    out = np.full((count, len(case.times), len(case.kernel.observables)), np.nan)
    run_recorded(
        case.kernel, space, case.plan, case.tasks, case.base, np.zeros((1, len(case.kernel.states))),
        by_arm(case.times, case.plan), tol, record, out, np.zeros(count, np.int8), np.zeros(2, np.int64), np.zeros(count),
        np.zeros(count, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip
    return record.by_task(count)


def test_arms_may_be_read_at_different_times(case: Problem) -> None:
    """What an arm has less of is infinite; what is read is, bit for bit, what it is where all are read at all times."""
    whole = case.forward()
    grid = np.full((2, len(case.times)), np.inf)
    grid[0, :-1], grid[1, :1] = case.times[:-1], case.times[-1:]
    apart = replace(case, times=grid)
    some = apart.forward()
    even = case.tasks[:, 0] == 0
    for name in ("values", "slopes"):
        got, want = getattr(some, name), getattr(whole, name)
        np.testing.assert_array_equal(got[even, :-1], want[even, :-1])
        np.testing.assert_array_equal(got[~even, 0], want[~even, -1])
        assert np.isnan(got[even, -1]).all()
        assert np.isnan(got[~even, 1:]).all()
    run = integrate(case.kernel, case.plan, case.tasks, case.base, grid, tolerances=LOOSE)
    np.testing.assert_array_equal(run.values, some.values)
    weights = np.ones_like(whole.values)
    weights[even, -1], weights[~even, :-1] = 0.0, 0.0
    moved = np.zeros_like(weights)
    moved[even], moved[~even, 0] = weights[even], weights[~even, -1]
    np.testing.assert_allclose(apart.backward(moved).base, case.backward(weights).base, rtol=1e-12)


def by_complex_step(case: Problem, frozen: Frozen, task: int) -> np.ndarray:
    """Derivatives of what a task reads by every direction, shape (time, observable, direction)."""
    directions, plan = case.directions, case.plan.arrays
    out = []
    for d in range(directions.count):
        base, added = case.base[case.tasks[task, 1]].astype(complex), np.zeros(len(case.kernel.states), complex)
        values = [plan[5].astype(complex), plan[9].astype(complex)]
        if directions.parameter[d] >= 0:
            base[directions.parameter[d]] += 1j * TINY
        if directions.state[d] >= 0:
            added[directions.state[d]] += 1j * TINY
        for value, dose in zip(values, directions.doses.arrays, strict=True):
            value[dose == d] += 1j * TINY
        moved = (*plan[:5], values[0], *plan[6:9], values[1])
        out.append(frozen(Start(base, None, added, moved)).imag / TINY)
    return np.stack(out, axis=-1)


@pytest.fixture
def complex_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "abs", lambda a: np.where(np.real(a) < 0, -a, a))  # type: ignore[arg-type]


@pytest.mark.usefixtures("complex_absolute")
@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_tangent_is_the_exact_derivative_of_the_recorded_steps(case: Problem, method: str) -> None:
    tol = replace(LOOSE, method=method)
    got = case.forward(tol)
    assert (got.status == Status.OK).all()
    rows = recorded(case, tol)
    for task in (0, 3):
        frozen = Frozen(case.kernel.reference(), tol.tableau, rows, task, case.times)
        start = Start(case.base[case.tasks[task, 1]], None, np.zeros(len(case.kernel.states)), case.plan.arrays)
        np.testing.assert_allclose(got.values[task], frozen(start).real, rtol=1e-9, atol=1e-12)
        want = by_complex_step(case, frozen, task)
        scale = np.abs(want).max(axis=0, keepdims=True)
        assert (np.abs(got.slopes[task] - want) <= 1e-9 * scale + 1e-13).all()
        assert (scale > 0).any(axis=(0, 1)).sum() >= len(case.kernel.parameters) - 1


def weights_of(case: Problem, values: np.ndarray) -> np.ndarray:
    scale = np.abs(values).max(axis=(0, 1), keepdims=True)
    return np.random.default_rng(3).normal(size=values.shape) / scale


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_adjoint_equals_tangent(case: Problem, method: str) -> None:
    check_adjoint(case, replace(LOOSE, method=method))


def check_adjoint(case: Problem, tol: Tolerances) -> None:
    forward = case.forward(tol)
    weights = weights_of(case, forward.values)
    want = np.einsum("ato,atod->ad", weights, forward.slopes)
    size = np.einsum("ato,atod->ad", np.abs(weights), np.abs(forward.slopes))
    back = case.backward(weights, tol)
    moved = case.directions.state[case.directions.state >= 0]
    got = np.concatenate([back.base, back.start[:, moved], back.doses], axis=1)
    assert (np.abs(got - want) <= 1e-9 * size + 1e-13).all()


def check_against_differences(case: Problem, part: float = 2e-3) -> None:
    """Richardson's extrapolation of differences of whole runs, with step sizes of their own."""
    tight = Tolerances(rtol=1e-10, atol=1e-13, limit=10**6)
    got = case.forward(tight)

    def run(base: np.ndarray) -> np.ndarray:
        return integrate(case.kernel, case.plan, case.tasks, base, case.times, tolerances=tight).values

    for k in np.flatnonzero(case.base.all(axis=0)):
        step = part * case.base[:, k]

        def difference(n: int, k: int = int(k), step: np.ndarray = step) -> np.ndarray:
            up, down = case.base.copy(), case.base.copy()
            up[:, k] += n * step
            down[:, k] -= n * step
            return (run(up) - run(down)) / (2 * n * step[case.tasks[:, 1], None, None])

        one, two, four = difference(1), difference(2), difference(4)
        want = (64 * one - 20 * two + four) / 45
        scale = np.abs(want).max(axis=1, keepdims=True)
        noise = 1e-9 * np.abs(got.values).max(axis=1, keepdims=True) / step[case.tasks[:, 1], None, None]
        assert (np.abs(got.slopes[..., k] - want) <= 1e-6 * scale + noise).all(), case.kernel.parameters[k]


def test_tangent_is_the_derivative_of_the_solution(case: Problem) -> None:
    check_against_differences(case)


def test_tangent_over_conditions_events_and_algebraic_equations(jumping: Problem) -> None:
    check_against_differences(jumping, 2e-4)  # no event may come or go


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_adjoint_equals_tangent_over_jumps(jumping: Problem, method: str) -> None:
    check_adjoint(jumping, replace(LOOSE, method=method))


def test_derivatives_do_not_depend_on_neighbours_threads_and_chunks() -> None:
    small = stiff()
    many = replace(
        small,
        base=small.kernel.p0 * np.exp(np.random.default_rng(5).normal(0.0, 0.3, (150, len(small.kernel.p0)))),
        tasks=np.array([[a, d, -1] for d in range(150) for a in range(2)], np.int64),
    )
    one = many.forward()
    weights = weights_of(many, one.values)
    back = many.backward(weights)
    order = np.random.default_rng(6).permutation(len(many.tasks))
    shuffled = replace(many, tasks=many.tasks[order])
    again, two = shuffled.forward(), many.forward(threads=2)
    np.testing.assert_array_equal(one.slopes, two.slopes)
    np.testing.assert_array_equal(one.slopes[order], again.slopes)
    for other in (many.backward(weights, threads=2), many.backward(weights)):
        np.testing.assert_array_equal(back.base, other.base)
        np.testing.assert_array_equal(back.doses, other.doses)
    np.testing.assert_array_equal(back.base[order], shuffled.backward(weights[order]).base)


def test_recording_changes_nothing(case: Problem) -> None:
    plain = integrate(case.kernel, case.plan, case.tasks, case.base, case.times, tolerances=LOOSE)
    np.testing.assert_array_equal(plain.values, case.forward().values)


def test_lanes_of_another_width_give_the_same(case: Problem) -> None:
    narrow = replace(
        case,
        kernel=compile_model(case.model, lanes=4, cached=False),
        tangent=compile_tangent(case.model, case.tangent.parameters, case.directions.count, lanes=4, cached=False),
    )
    a, b = case.forward().slopes, narrow.forward().slopes
    scale = np.abs(a).max(axis=1, keepdims=True)
    assert (np.abs(a - b) <= 1e-8 * scale).all()


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_a_step_of_which_only_a_part_was_kept(method: str) -> None:
    """As where a step is cut at an event: the new state is the continuous output inside the step."""
    case, tol = stiff(), replace(LOOSE, method=method)
    tableau, reference = tol.tableau, case.kernel.reference()
    case.times = np.array([0.45])
    case.base[:, 2] = 30.0  # so that steps of this size make sense
    where = np.array([[0, ENTERED, 0, 0, 0]] + 4 * [[0, STEPPED, 0, 0, 0]] + [[0, STEPPED, 0, 0, 1]])
    when = np.array([[0, 0, 1], [0, 0.1, 0.3], [0.03, 0.2, 1], [0.23, 0.3, 0.5], [0.38, 0.02, 0.999], [0.4, 0.1, 0.7]])
    rows = (np.arange(6), np.array([0, 6]), where, when, np.zeros((6, 3)), np.zeros((6, 0)))
    case.tasks = case.tasks[:1]
    frozen = Frozen(reference, tableau, rows, 0, case.times)
    frozen(Start(case.base[0], None, np.zeros(3), case.plan.arrays))
    states = np.ascontiguousarray(np.array(frozen.visited).real)
    want = by_complex_step(case, frozen, 0)

    solved = np.zeros((0, 0, 3))
    directions, notes = case.directions, Rows(*rows[:4], states, rows[5], solved, len(case.kernel.parameters))
    space = TangentSpace(case.kernel, case.tangent, tableau, directions)
    out = np.full((1, 4, directions.count), np.nan)
    queue, events = np.zeros(1, np.int64), events_of(case.kernel)
    fixed = (
        case.tasks,
        case.base,
        case.plan.arrays,
        by_arm(case.times, case.plan),
        -1,
        reading_weights(tableau),
        tableau.gamma,
    )
    push_forward(
        space.code, space.data, space.arrays, notes, queue, Run(*fixed, *directions.doses.arrays), events,
        np.zeros((1, 3, directions.count)), np.arange(4).reshape(1, 1, 4), space.tables, space.seeds, out,
    )  # fmt: skip
    assert (np.abs(out - want) <= 1e-9 * np.abs(want).max(axis=(0, 1)) + 1e-15).all()

    back, slopes = AdjointSpace(case.kernel, case.adjoint, tableau), np.array([[[1.0, 30.0, 2.0, -1.0]]])
    ends = Ends(slopes, np.zeros((1, len(case.kernel.p0))), np.zeros((1, 3)), np.zeros((1, case.doses.count)))
    pull_back(back.code, back.data, back.arrays, notes, queue, Run(*fixed, *case.doses.arrays), events, ends)
    got = np.concatenate([ends.base[0], ends.start[0], ends.doses[0]])
    assert (np.abs(got - slopes[0, 0] @ want[0]) <= 1e-9 * np.abs(slopes[0, 0]) @ np.abs(want[0]) + 1e-15).all()


def test_a_failed_task_has_no_derivative_from_its_failure_on() -> None:
    square = rate_of(Apply("pow", (Symbol("x"), Number(2.0))))
    kernel = compile_model(square, cached=False)
    plan = plan_after([[Operation("state", 0, "set", 1.0)]], equilibrated=False)
    marked, flat = numbered([[Operation("state", 0, "set", 1.0)]])
    doses = doses_of(plan_after(marked, equilibrated=False), np.zeros(1, np.int64), len(flat))
    tasks, base, at = np.array([[0, 0, -1]]), np.zeros((1, len(kernel.p0))), np.array([0.5, 2.0])
    tangent = compile_tangent(square, [], 1, cached=False)
    moved = Directions(parameter=np.array([-1]), state=np.array([-1]), doses=doses)
    tol = Tolerances(rtol=1e-9, atol=1e-12)
    forward = integrate_tangent(kernel, tangent, plan, tasks, base, at, moved, tolerances=tol)
    assert forward.status[0] != Status.OK
    # x = 1 / (1/x0 - t)
    assert forward.slopes[0, :, 0, 0].tolist() == [pytest.approx(4.0, rel=1e-6), pytest.approx(np.nan, nan_ok=True)]
    adjoint = compile_adjoint(square, cached=False)
    back = differentiate(kernel, adjoint, plan, tasks, base, at, lambda _, v: np.ones_like(v), doses, tolerances=tol)
    assert np.isnan(back.doses).all()
    assert back.status[0] == forward.status[0]
