import numpy as np
import pytest

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.derivatives import compile_adjoint, compile_tangent
from hepatica.compiler.differentiate import conserved_sums
from hepatica.compiler.reference import Reference
from hepatica.compiler.system import build_system
from hepatica.ensemble import draw_prior
from hepatica.experiment import Arm, Experiment
from hepatica.library import load_cell_line, load_model, load_wirings
from hepatica.model import Model, moieties
from hepatica.simulation import arm_operations, parameter_matrix
from hepatica.solver import Operation, Status, Tolerances, find_steady_states, plan_before
from hepatica.solver.implicit import steady_adjoints, steady_tangents
from hepatica.solver.record import doses_of, no_doses, numbered
from hepatica.solver.tangent_space import Directions
from tests.compiler.networks import absent, bound_pair, turnover
from tests.simulation.test_run import Reading

TIGHT = Tolerances(rtol=1e-9, atol=1e-13)


def everything(kernel: Kernel, arms: list[list[Operation]]) -> Directions:
    """All parameters, all initial values, all changes."""
    marked, flat = numbered(arms)
    p, n = len(kernel.parameters), len(kernel.states)
    count = p + n + len(flat)
    parameter, state = np.full(count, -1), np.full(count, -1)
    parameter[:p], state[p : p + n] = np.arange(p), np.arange(n)
    return Directions(
        parameter=parameter, state=state, doses=doses_of(plan_before(marked), np.arange(len(flat)) + p + n, count)
    )


def polished(reference: Reference, y: np.ndarray, p: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Steady state with the conserved sums of ``start``, by Newton's method to the last digits."""
    sums = conserved_sums(reference.system)
    for _ in range(4):
        matrix = np.vstack([reference.jacobian(y[:, None], p[:, None])[:, :, 0], sums])
        right = np.concatenate([-reference.rhs(y[:, None], p[:, None])[:, 0], sums @ (start - y)])
        y = y + np.linalg.lstsq(matrix, right, rcond=None)[0]
    return y


def test_derivatives_of_a_steady_state_with_conserved_sums() -> None:
    model = bound_pair()
    kernel = compile_model(model, cached=False)
    arms = [
        [Operation("parameter", 5, "scale", 1.7), Operation("state", 0, "scale", 1.3), Operation("state", 1, "add", 0.4)],
        [Operation("parameter", 2, "set", 2.0), Operation("state", 0, "set", 0.8)],
    ]  # fmt: skip
    plan, directions = plan_before(arms), everything(kernel, arms)
    base = kernel.p0 * np.exp(np.random.default_rng(1).normal(0.0, 0.3, (11, len(kernel.p0))))
    tasks = np.array([[a, d, -1] for a in range(2) for d in range(len(base))])
    found = find_steady_states(kernel, plan, tasks, base, tolerances=TIGHT)
    tangent = compile_tangent(model, range(len(kernel.p0)), directions.count, cached=False)
    slopes = steady_tangents(kernel, tangent, plan, tasks, base, found.values, directions, tolerances=TIGHT)

    reference, step = Reference(model), 1e-4
    count, p, n = directions.count, len(kernel.parameters), len(kernel.states)
    for r in (0, 5, 12, 21):
        for d in range(count):

            def at(x: float, r: int = r, d: int = d) -> np.ndarray:
                q, values = base[tasks[r, 1]].copy(), [[op.value for op in arm] for arm in arms]
                added = np.zeros(n)
                if d < p:
                    q[d] += x
                elif d < p + n:
                    added[d - p] = x
                else:
                    where = d - p - n
                    values[int(where >= 3)][where % 3] += x
                arm, moved = int(tasks[r, 0]), q
                changes = list(zip(arms[arm], values[arm], strict=True))
                for op, value in changes:
                    if op.what == "parameter":
                        moved[op.index] = {"set": value, "scale": moved[op.index] * value}[op.how]
                start = reference.initial(moved[:, None])[:, 0] + added
                for op, value in changes:
                    if op.what == "state":
                        start[op.index] = {
                            "set": value,
                            "scale": start[op.index] * value,
                            "add": start[op.index] + value,
                        }[op.how]
                return polished(reference, found.values[r], moved, start)

            want = (
                64 * (at(step) - at(-step))
                - 20 * (at(2 * step) - at(-2 * step)) / 2
                + (at(4 * step) - at(-4 * step)) / 4
            ) / (90 * step)
            np.testing.assert_allclose(slopes[r, :, d], want, rtol=1e-7, atol=1e-8)


def test_adjoint_of_a_steady_state_equals_its_tangent() -> None:
    model = load_model("hcc")
    kernel = compile_model(model, ["ppERK"])
    arm = Arm(id="control")
    experiment = Experiment(id="rest", arms=(arm,), assay=Reading(), cell_line=load_cell_line("HepG2"))
    arms = [arm_operations(model, kernel, experiment, arm)]
    plan, directions = plan_before(arms), everything(kernel, arms)
    base = parameter_matrix(kernel, draw_prior(model, 12, seed=3, wirings=load_wirings("hcc")))
    tasks = np.array([[0, d, -1] for d in range(len(base))])
    rest = find_steady_states(kernel, plan, tasks, base).values
    tangent = compile_tangent(model, range(len(kernel.p0)), directions.count, ["ppERK"])
    slopes = steady_tangents(kernel, tangent, plan, tasks, base, rest, directions, threads=2)
    given = np.random.default_rng(4).normal(size=rest.shape) / (rest + 1e-3 * rest.max())
    marked, flat = numbered(arms)
    doses = doses_of(plan_before(marked), np.arange(len(flat)), len(flat))
    back = steady_adjoints(kernel, compile_adjoint(model, ["ppERK"]), plan, tasks, base, rest, given, doses)
    assert (back.status == Status.OK).all()
    got = np.concatenate([back.base, back.start, back.doses], axis=1)
    want, size = np.einsum("tvd,tv->td", slopes, given), np.einsum("tvd,tv->td", np.abs(slopes), np.abs(given))
    # an open scratch would close for ever
    never = kernel.parameters.index("scratch")
    assert np.isnan(got[:, never]).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    moved = np.concatenate([np.abs(base), np.ones_like(rest), np.ones_like(back.doses)], axis=1)
    largest = np.nanmax(size * moved, axis=1, keepdims=True) / moved.clip(1e-6)
    # what is forgotten on the way to rest is forgotten to nine digits
    left = np.concatenate([0.0 * base, 1e-8 * np.abs(given), 0.0 * back.doses], axis=1)
    assert (np.abs(got - want) <= 1e-9 * size + 1e-12 * largest + left)[~np.isnan(want)].all()
    assert (np.nan_to_num(size).max(axis=0) > 0).sum() > 150


def test_derivatives_of_the_library_model_at_rest() -> None:
    """Against the steady state polished by Newton's method, perturbed."""
    model = load_model("hcc")
    kernel, reference = compile_model(model, ["ppERK"]), Reference(model)
    base, tasks, plan = kernel.p0[None, :], np.array([[0, 0, -1]]), plan_before([[]])
    rest = find_steady_states(kernel, plan, tasks, base, tolerances=TIGHT).values
    moved = [p.id for p in model.parameters if p.prior is not None][::30]
    columns = np.array([kernel.parameter_index(name) for name in moved])
    directions = Directions(parameter=columns, state=np.full(len(columns), -1), doses=no_doses(plan))
    tangent = compile_tangent(model, columns.tolist(), len(columns), ["ppERK"])
    slopes = steady_tangents(kernel, tangent, plan, tasks, base, rest, directions)
    exact = polished(reference, rest[0], base[0], reference.initial(base.T)[:, 0])
    for d, column in enumerate(columns):
        step = 1e-3 * base[0, column]

        def at(x: float, column: int = int(column), exact: np.ndarray = exact) -> np.ndarray:
            p = base[0].copy()
            p[column] += x
            return polished(reference, exact, p, reference.initial(p[:, None])[:, 0])

        want = (
            64 * (at(step) - at(-step)) - 20 * (at(2 * step) - at(-2 * step)) / 2 + (at(4 * step) - at(-4 * step)) / 4
        ) / (90 * step)
        scale = (np.abs(exact) + 1e-9 * exact.max()) / base[0, column]
        assert (np.abs(slopes[0, :, d] - want) <= 1e-6 * np.maximum(np.abs(want), scale)).all(), moved[d]


@pytest.mark.parametrize("model", [bound_pair(), load_model("hcc")], ids=["pair", "hcc"])
def test_conserved_sums_are_the_moieties(model: Model) -> None:
    system = build_system(model)
    sums = conserved_sums(system)
    index = {name: i for i, name in enumerate(system.states)}
    net = np.zeros((len(system.states), len(system.rates)))
    for k, changes in enumerate(system.stoichiometry):
        for i, c in changes:
            net[i, k] += c
    assert np.abs(sums @ net).max() < 1e-13
    np.testing.assert_allclose(sums @ sums.T, np.eye(len(sums)), atol=1e-13)
    pools = moieties(model)
    assert len(sums) == len(pools)
    for pool in pools:
        vector = np.zeros(len(index))
        for name, weight in pool.terms:
            vector[index[name]] = weight
        np.testing.assert_allclose(sums.T @ (sums @ vector), vector, atol=1e-12)


def test_closed_form_and_what_does_not_settle() -> None:
    kernel = compile_model(turnover(), cached=False)
    plan, tasks, base = plan_before([[]]), np.array([[0, 0, -1]]), kernel.p0[None, :]
    rest = find_steady_states(kernel, plan, tasks, base).values
    directions = everything(kernel, [[]])
    tangent = compile_tangent(turnover(), range(len(kernel.p0)), directions.count, cached=False)
    slopes = steady_tangents(kernel, tangent, plan, tasks, base, rest, directions)
    want = {"make": 10.0, "decay": -200.0, "cell": 0.0, "X": 0.0}
    np.testing.assert_allclose(slopes[0, 0], [*(want[n] for n in kernel.parameters), 0.0], rtol=1e-8, atol=1e-9)

    undefined = steady_adjoints(
        kernel,
        compile_adjoint(turnover(), cached=False),
        plan,
        tasks,
        base * np.nan,
        rest,
        np.ones((1, 1)),
        no_doses(plan),
    )
    assert undefined.status[0] == Status.NO_STEADY_STATE
    assert np.isnan(undefined.base).all()


def test_what_is_absent_leaves_sums_at_rest() -> None:
    model = absent()
    kernel = compile_model(model, cached=False)
    plan, tasks, base = plan_before([[]]), np.array([[0, 0, -1]]), kernel.p0[None, :]
    rest = find_steady_states(kernel, plan, tasks, base, tolerances=TIGHT).values
    directions = everything(kernel, [[]])
    tangent = compile_tangent(model, range(len(kernel.p0)), directions.count, cached=False)
    slopes = steady_tangents(kernel, tangent, plan, tasks, base, rest, directions)
    by = dict(zip(kernel.parameters, slopes[0].T, strict=False))
    # B = total there / (there + back), X = read B / decay
    x = kernel.states.index("X")
    assert by["there"][x] == pytest.approx(2.5 * 0.2 / 0.9**2 * 5.0, rel=1e-9)
    assert by["A"][x] == pytest.approx(0.7 / 0.9 * 5.0, rel=1e-9)
    assert np.isnan(by["enzyme"]).all()
    given = np.zeros((1, len(kernel.states)))
    given[0, x] = 1.0
    back = steady_adjoints(kernel, compile_adjoint(model, cached=False), plan, tasks, base, rest, given, no_doses(plan))
    assert back.status[0] == Status.OK
    kept = [k for k, name in enumerate(kernel.parameters) if name != "enzyme"]
    np.testing.assert_allclose(back.base[0, kept], slopes[0, x, kept], rtol=1e-9, atol=1e-12)
