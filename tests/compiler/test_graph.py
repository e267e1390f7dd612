import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.compiler.graph import Graph
from hepatica.compiler.lower import lower_outputs
from hepatica.compiler.targets.numpy import interpret
from hepatica.errors import UnsupportedError


def evaluate(graph: Graph, nodes: list[int], y: list[float], p: list[float] | None = None) -> np.ndarray:
    out = np.zeros((len(nodes), 1))
    arrays = {"y": np.array(y)[:, None], "p": np.array(p or [0.0])[:, None], "o": out}
    interpret(lower_outputs("f", graph, nodes, ("y", "p", "o")), arrays)
    return out[:, 0]


def test_equal_expressions_are_one_node() -> None:
    g = Graph()
    a, b = g.make("y", 0), g.make("y", 1)
    assert g.add(a, b) == g.add(b, a)
    assert g.mul(a, b) == g.mul(b, a)
    assert g.sub(a, a) == g.number(0.0)
    assert g.neg(g.neg(a)) == a
    assert g.div(a, a) == g.number(1.0)
    assert g.inv(g.inv(a)) == a


def test_constants_fold() -> None:
    g = Graph()
    two, three = g.number(2.0), g.number(3.0)
    assert g.value(g.add(two, three)) == 5.0
    assert g.value(g.pow(two, three)) == 8.0
    assert g.value(g.div(two, g.number(4.0))) == 0.5
    assert g.select(g.number(1.0), two, three) == two


def test_a_compartment_factor_cancels_exactly() -> None:
    g = Graph()
    cell, k, a = g.make("p", 0), g.make("p", 1), g.make("y", 0)
    difference = g.sub(g.mul(cell, g.mul(k, a)), g.mul(a, cell))
    assert g.divide_out(difference, cell) == g.sub(g.mul(k, a), a)
    assert g.divide_out(g.mul(k, a), cell) == g.mul(g.mul(k, a), g.inv(cell))


UNARY = ("exp", "ln", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "abs", "neg", "inv")


@pytest.mark.parametrize("name", UNARY)
def test_derivatives_equal_central_differences(name: str) -> None:
    g = Graph()
    x = g.make("y", 0)
    f = g.neg(x) if name == "neg" else g.inv(x) if name == "inv" else g.call(name, x)
    d = g.derivative(f, ("y", 0))
    at, h = 0.37, 1e-6
    slope = (evaluate(g, [f], [at + h])[0] - evaluate(g, [f], [at - h])[0]) / (2 * h)
    assert evaluate(g, [d], [at])[0] == pytest.approx(slope, rel=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 3.0), st.floats(0.2, 3.0))
def test_derivative_of_power_by_base_and_exponent(a: float, b: float) -> None:
    g = Graph()
    f = g.pow(g.make("y", 0), g.make("y", 1))
    by_base, by_exponent = evaluate(g, [g.derivative(f, ("y", 0)), g.derivative(f, ("y", 1))], [a, b])
    assert by_base == pytest.approx(b * a ** (b - 1), rel=1e-12)
    assert by_exponent == pytest.approx(a**b * math.log(a), rel=1e-12, abs=1e-14)


def test_derivative_of_choices() -> None:
    g = Graph()
    x = g.make("y", 0)
    f = g.select(g.call("lt", x, g.number(1.0)), g.mul(x, x), g.call("max", x, g.number(5.0)))
    d = g.derivative(f, ("y", 0))
    assert evaluate(g, [d], [0.5])[0] == 1.0
    assert evaluate(g, [d], [2.0])[0] == 0.0
    assert evaluate(g, [d], [6.0])[0] == 1.0


def test_deep_expressions_do_not_recurse() -> None:
    g = Graph()
    x = node = g.make("y", 0)
    for _ in range(20_000):
        node = g.call("sin", node)
    assert np.isfinite(evaluate(g, [g.derivative(node, ("y", 0))], [0.1])[0])
    assert g.leaves(node) == g.leaves(x)


def test_a_function_without_derivative_is_named() -> None:
    g = Graph()
    node = g.call("gamma", g.make("y", 0))
    with pytest.raises(UnsupportedError, match="the function 'gamma' has no derivative rule"):
        g.derivative(node, ("y", 0))


def test_factors_are_found_in_long_and_in_doubling_formulas_without_recursion() -> None:
    graph = Graph()
    c, y = graph.make("p", 0), graph.make("y", 0)
    total = graph.mul(c, y)
    for k in range(1, 5000):
        total = graph.add(total, graph.mul(c, graph.make("y", k)))
    shortened = graph.divide_out(total, c)
    assert (graph.leaves(shortened), len(graph.leaves(total))) == (graph.leaves(total) - {("p", 0)}, 5001)
    doubled = graph.mul(c, y)
    for _ in range(200):
        doubled = graph.make("+", doubled, doubled)
    assert ("p", 0) not in graph.leaves(graph.divide_out(doubled, c))
    assert graph.divide_out(graph.add(total, y), c) == graph.mul(graph.add(total, y), graph.inv(c))
