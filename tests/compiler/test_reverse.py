import numpy as np
import pytest

from hepatica.compiler.forward import lower_coefficients, lower_partials, lower_sweep
from hepatica.compiler.graph import Graph, Node
from hepatica.compiler.jacobian import build_jacobian, plan_elimination
from hepatica.compiler.lower import lower_factor, lower_outputs, lower_solve
from hepatica.compiler.reverse import (
    lower_outer,
    lower_partials_pull,
    lower_pull,
    lower_rhs_pull,
    lower_solve_transposed,
)
from hepatica.compiler.system import System, build_system
from hepatica.compiler.tableaux import TABLEAUX
from hepatica.compiler.targets.numpy import interpret
from hepatica.library import load_model
from hepatica.model import Model

from .networks import every_function, hill, robertson

MODELS = (robertson(), hill(), every_function(), load_model("hcc"))
LANES = 3


@pytest.fixture(params=MODELS, ids=[m.id for m in MODELS], scope="module")
def system(request: pytest.FixtureRequest) -> System:
    return build_system(request.param)


def point(system: System, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # conditions are not held: the last of the hidden parameters frees them
    hidden = np.ones(system.watch.hidden + system.powers)
    p = np.concatenate([system.p0, hidden])[:, None] * np.ones(LANES)
    return rng.uniform(0.2, 0.8, (len(system.states), LANES)), p


def derivatives(system: System, nodes: list[Node], y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All derivatives of nodes by the symbolic rules, shapes (node, state, lane) and (node, parameter, lane)."""
    graph, lanes = system.graph, y.shape[1]
    out = []
    for kind, count in (("y", len(y)), ("p", len(p))):
        wanted = [graph.derivative(n, (kind, i)) for n in nodes for i in range(count)]
        program = lower_outputs("all", graph, wanted, ("y", "p", "o"))
        values = np.zeros((len(wanted), lanes))
        interpret(program, {"y": y, "p": p, "o": values})
        out.append(values.reshape(len(nodes), count, lanes))
    return out[0], out[1]


def test_reverse_equals_forward_for_the_fluxes(system: System) -> None:
    y, p = point(system)
    rng = np.random.default_rng(2)
    m = rng.normal(size=y.shape)
    program, slots = lower_rhs_pull(system)
    s, yb, pb = np.full((slots, LANES), np.nan), np.full(y.shape, np.nan), rng.normal(size=p.shape)
    before = pb.copy()
    interpret(program, {"y": y, "p": p, "m": m, "s": s, "yb": yb, "pb": pb})
    by_flux = np.zeros((len(system.rates), LANES))
    for k, changes in enumerate(system.stoichiometry):
        by_flux[k] = sum(c * m[i] for i, c in changes)
    np.testing.assert_allclose(s[: len(system.rates)], by_flux, rtol=1e-12, atol=1e-12)
    by_state, by_parameter = derivatives(system, list(system.rates), y, p)
    want, size = np.einsum("kl,kil->il", by_flux, by_state), np.einsum("kl,kil->il", abs(by_flux), abs(by_state))
    assert (np.abs(yb - want) <= 1e-12 * size).all()
    want, size = (
        np.einsum("kl,kil->il", by_flux, by_parameter),
        np.einsum("kl,kil->il", abs(by_flux), abs(by_parameter)),
    )
    assert (np.abs(pb - before - want) <= 1e-12 * size + 1e-14).all()


def test_reverse_of_the_partials_equals_second_derivatives(system: System) -> None:
    y, p = point(system)
    rng = np.random.default_rng(3)
    jacobian = build_jacobian(system)
    program, slots = lower_partials_pull(system, jacobian)
    s, yb, pb = np.zeros((slots, LANES)), np.zeros(y.shape), np.zeros(p.shape)
    weights = rng.normal(size=(len(jacobian.partials), LANES))
    s[: len(weights)] = weights
    interpret(program, {"y": y, "p": p, "s": s, "yb": yb, "pb": pb})
    by_state, by_parameter = derivatives(system, list(jacobian.partials), y, p)
    for got, each in ((yb, by_state), (pb, by_parameter)):
        want, size = np.einsum("kl,kil->il", weights, each), np.einsum("kl,kil->il", abs(weights), abs(each))
        assert (np.abs(got - want) <= 1e-11 * size + 1e-16 * size.max()).all()


def test_outputs_that_are_leaves_repeat_or_are_parts_of_others() -> None:
    graph = Graph()
    x, k = graph.make("y", 0), graph.make("p", 0)
    product = graph.mul(x, k)
    nodes = [x, product, graph.call("exp", product), product, graph.number(2.0), graph.call("floor", x)]
    program, slots = lower_pull(
        "all", graph, nodes, arguments=("y", "p", "s", "yb", "pb"), bars={"y": "yb", "p": "pb"}, stored={"yb": 2}
    )
    s = np.zeros((slots, 1))
    s[: len(nodes), 0] = [1.0, 10.0, 100.0, 1000.0, 1e9, 1e9]
    yb, pb = np.full((2, 1), np.nan), np.full((1, 1), 5.0)
    interpret(program, {"y": np.full((2, 1), 0.5), "p": np.full((1, 1), 3.0), "s": s, "yb": yb, "pb": pb})
    inner = 10.0 + 100.0 * np.exp(1.5) + 1000.0
    np.testing.assert_allclose(yb[:, 0], [1.0 + 3.0 * inner, 0.0], rtol=1e-14)
    np.testing.assert_allclose(pb[0, 0], 5.0 + 0.5 * inner, rtol=1e-14)


def factored(system: System, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors, and the dense matrix, of ``2 I - J``."""
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    lu = np.zeros((len(plan.slot), LANES))
    w = np.zeros((max(1, len(jacobian.partials)), LANES))
    interpret(lower_factor(system, jacobian, plan), {"y": y, "p": p, "ihg": np.full((1, LANES), 2.0), "lu": lu, "w": w})
    by_state, _ = derivatives(system, list(system.rates), y, p)
    matrix = np.zeros((len(y), len(y), LANES))
    for k, changes in enumerate(system.stoichiometry):
        for i, c in changes:
            matrix[i] += c * by_state[k]
    return lu, 2.0 * np.eye(len(y))[:, :, None] - matrix


def test_transposed_solve(system: System) -> None:
    y, p = point(system)
    plan = plan_elimination(len(y), build_jacobian(system).entries)
    lu, matrix = factored(system, y, p)
    right = np.random.default_rng(4).normal(size=y.shape)
    for program, equation in ((lower_solve(plan), "ijl,jl->il"), (lower_solve_transposed(plan), "jil,jl->il")):
        b = right.copy()
        interpret(program, {"lu": lu, "b": b})
        back = np.einsum(equation, matrix, b)
        scale = np.einsum(equation, np.abs(matrix), np.abs(b))
        assert (np.abs(back - right) <= 1e-9 * scale + 1e-9).all()


@pytest.mark.parametrize("method", sorted(TABLEAUX))
def test_outer_products_of_the_stages(method: str) -> None:
    system = build_system(robertson())
    jacobian, tableau = build_jacobian(system), TABLEAUX[method]
    rng = np.random.default_rng(5)
    v, u = rng.normal(size=(tableau.stages, 4, LANES)), rng.normal(size=(tableau.stages, 3, LANES))
    s = np.zeros((len(jacobian.partials), LANES))
    program = lower_outer(system, jacobian, tableau, fluxes=4)
    interpret(program, {"v": v.reshape(-1, LANES), "u": u.reshape(-1, LANES), "s": s})
    # fluxes k1 A, k2 B^2, k3 B C: partials by A; B; B and C
    want = [(v[:, r] * u[:, c]).sum(axis=0) for r, c in ((0, 0), (1, 1), (2, 1), (2, 2))]
    np.testing.assert_allclose(s, want, rtol=1e-13)


def test_coefficients_of_the_tangent(system: System) -> None:
    y, p = point(system)
    x, _ = point(system, seed=7)
    u = np.random.default_rng(8).normal(size=y.shape)
    jacobian = build_jacobian(system)
    wanted = list(range(0, len(p), max(1, len(p) // 12)))
    found = lower_coefficients(system, jacobian, wanted)
    second, slopes = found.programs
    d, w = np.zeros((found.sizes["d"], LANES)), np.zeros((found.sizes["w"], LANES))
    a, q, f = (np.zeros((max(1, len(t)), LANES)) for t in (found.first, found.mixed, found.source))
    interpret(second, {"y": y, "p": p, "o": d, "w": w})
    interpret(slopes, {"y": x, "u": u, "d": d, "p": p, "a": a, "q": q, "f": f, "w": w})

    net = np.zeros((len(y), len(system.rates)))
    for k, changes in enumerate(system.stoichiometry):
        for i, c in changes:
            net[i, k] += c
    by_state, by_parameter = derivatives(system, list(system.rates), x, p)
    nodes = [system.graph.derivative(r, ("y", j)) for r in system.rates for j in range(len(y))]
    mixed, crossed = (t.reshape(len(system.rates), len(y), -1, LANES) for t in derivatives(system, nodes, y, p))
    dense = {
        "a": np.einsum("ik,kjl->ijl", net, by_state),
        "q": np.einsum("ik,kjnl,jl->inl", net, mixed, u),
        "f": (
            np.einsum("ik,knl->inl", net, by_parameter) + np.einsum("ik,kjnl,jl->inl", net, crossed, u)
        )[:, wanted].swapaxes(0, 1),
    }  # fmt: skip
    for values, places, name in ((a, found.first, "a"), (q, found.mixed, "q"), (f, found.source, "f")):
        got = np.zeros_like(dense[name])
        for slot, place in enumerate(places):
            got[place] = values[slot]
        np.testing.assert_allclose(got, dense[name], rtol=1e-9, atol=1e-9 * np.abs(dense[name]).max())


def test_sweep_solves_for_all_directions(system: System) -> None:
    y, p = point(system)
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(y), jacobian.entries)
    found = lower_coefficients(system, jacobian, [])
    lu, matrix = factored(system, y, p)
    rng = np.random.default_rng(9)
    directions = 5
    x, z, b = (rng.normal(size=(len(y), directions)) for _ in range(3))
    a, q = rng.normal(size=(len(found.first), 1)), rng.normal(size=(max(1, len(found.mixed)), 1))
    right = b.copy()
    for values, places, vector in ((a, found.first, x), (q, found.mixed, z)):
        for slot, (row, column) in enumerate(places):
            right[row] += values[slot, 0] * vector[column]
    interpret(lower_sweep(found, plan), {"a": a, "q": q, "lu": lu[:, :1], "x": x, "z": z, "b": b})
    np.testing.assert_allclose(matrix[:, :, 0] @ b, right, rtol=1e-8, atol=1e-8)


def test_partials_of_outputs() -> None:
    system = build_system(hill())
    y, p = point(system)
    wanted = [system.parameters.index("n"), system.parameters.index("top")]
    found = lower_partials("slopes", system.graph, system.observed, wanted, ("y", "p", "o"))
    o = np.zeros((len(found.by_state) + len(found.by_parameter), LANES))
    interpret(found.program, {"y": y, "p": p, "o": o})
    by_state, by_parameter = derivatives(system, list(system.observed), y, p)
    for value, place in zip(o, [*found.by_state, *found.by_parameter], strict=True):
        assert np.isfinite(value).all()
        assert place[0] < len(system.observed)
    for value, (output, state) in zip(o, found.by_state, strict=False):
        np.testing.assert_allclose(value, by_state[output, state])
    for value, (output, column) in zip(o[len(found.by_state) :], found.by_parameter, strict=True):
        np.testing.assert_allclose(value, by_parameter[output, wanted[column]])


def test_nothing_absent_makes_a_hill_term_undefined() -> None:
    model: Model = hill()
    system = build_system(model)
    jacobian = build_jacobian(system)
    y, p = np.zeros((len(system.states), 1)), np.array(system.p0)[:, None]
    for n in (1.0, 1.5, 2.0, 3.0):
        p[system.parameters.index("n")] = n
        program, slots = lower_partials_pull(system, jacobian)
        yb, pb = np.zeros(y.shape), np.zeros(p.shape)
        interpret(program, {"y": y, "p": p, "s": np.ones((slots, 1)), "yb": yb, "pb": pb})
        assert np.isfinite(yb).all()
        assert np.isfinite(pb).all()
