import numpy as np
import pytest

from hepatica.compiler.graph import Graph, Node
from hepatica.compiler.hoist import hoist
from hepatica.compiler.lower import lower_outputs
from hepatica.compiler.targets.numpy import interpret

P = 4
LANES = 6


def evaluate(graph: Graph, roots: tuple[Node, ...], y: np.ndarray, p: np.ndarray) -> np.ndarray:
    out = np.zeros((len(roots), y.shape[1]))
    interpret(lower_outputs("f", graph, roots, ("y", "p", "o")), {"y": y, "p": p, "o": out})
    return out


def leaves(graph: Graph) -> tuple[list[Node], list[Node]]:
    return [graph.make("y", i) for i in range(3)], [graph.make("p", i) for i in range(P)]


def both(graph: Graph, roots: list[Node], given: int = P) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(1)
    y, p = rng.uniform(0.5, 2.0, (3, LANES)), rng.uniform(0.5, 2.0, (P, LANES))
    hoisted = hoist(graph, roots, given, P)
    prepared = evaluate(graph, hoisted.prepared, y, p)
    return (
        evaluate(graph, tuple(roots), y, p),
        evaluate(graph, hoisted.roots, y, np.vstack([p, prepared])),
        len(prepared),
    )


def test_values_are_the_same_and_constants_leave() -> None:
    graph = Graph()
    (a, b, c), (k, q, r, v) = leaves(graph)
    roots = [
        graph.mul(graph.mul(graph.mul(k, a), b), v),
        graph.div(graph.mul(k, a), graph.add(graph.add(graph.mul(q, r), v), b)),
        graph.call("exp", graph.neg(graph.mul(q, r))),
        graph.neg(graph.mul(graph.div(k, q), c)),
        graph.pow(a, graph.add(r, v)),
        graph.select(graph.call("lt", k, q), a, graph.mul(k, v)),
        k,
        a,
    ]
    want, got, prepared = both(graph, roots)
    np.testing.assert_allclose(got, want, rtol=1e-15)
    # k*v (twice), q*r + v, exp(-q*r), k/q, r + v, k < q
    assert prepared == 6


def test_factors_without_states_are_gathered() -> None:
    graph = Graph()
    (a, b, _), (k, _, _, v) = leaves(graph)
    hoisted = hoist(graph, [graph.mul(graph.mul(graph.mul(a, k), b), v)], P, P)
    assert hoisted.prepared == (graph.mul(k, v),)
    assert graph.leaves(hoisted.roots[0]) == {("y", 0), ("y", 1), ("p", P)}


def test_one_entry_serves_both_signs() -> None:
    graph = Graph()
    (a, b, _), (k, q, _, _) = leaves(graph)
    product = graph.mul(k, q)
    hoisted = hoist(graph, [graph.mul(product, a), graph.sub(b, graph.mul(a, product)), graph.neg(product)], P, P)
    assert hoisted.prepared == (product,)


def test_what_may_change_during_a_run_stays() -> None:
    graph = Graph()
    (a, _, _), (k, q, _, mode) = leaves(graph)
    want, got, prepared = both(graph, [graph.mul(graph.mul(mode, graph.mul(k, q)), a)], given=3)
    np.testing.assert_allclose(got, want, rtol=1e-15)
    assert prepared == 1  # k*q alone


@pytest.mark.parametrize("depth", [30_000])
def test_deep_expressions(depth: int) -> None:
    graph = Graph()
    (a, _, _), (k, q, _, _) = leaves(graph)
    node = a
    for _ in range(depth):
        node = graph.call("abs", graph.add(node, graph.mul(k, q)))
    hoisted = hoist(graph, [node], P, P)
    assert hoisted.prepared == (graph.mul(k, q),)


def test_a_long_product_is_taken_apart_once() -> None:
    graph = Graph()
    (a, _, _), parameters = leaves(graph)
    node = a
    for k in range(3000):
        node = graph.mul(node, parameters[k % P])
    before = len(graph.nodes)
    hoisted = hoist(graph, [node], P, P)
    assert graph.leaves(hoisted.roots[0]) == {("y", 0), ("p", P)}
    assert len(hoisted.prepared) == 1
    assert len(graph.nodes) < 2 * before + 10


def test_a_factor_that_is_a_root_itself_is_rewritten() -> None:
    graph = Graph()
    (a, b, c), (k, q, _, v) = leaves(graph)
    inner = graph.mul(graph.mul(k, a), graph.mul(q, b))
    want, got, _ = both(graph, [graph.mul(graph.mul(inner, c), v), inner])
    np.testing.assert_allclose(got, want, rtol=1e-15)
