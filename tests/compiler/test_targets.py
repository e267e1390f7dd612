"""Machine code equals the plain reference on any formula."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.compiler import compile_model
from hepatica.compiler.reference import Reference
from hepatica.model import TIME, Apply, Expression, Model, Number, Parameter, Rule, Symbol
from hepatica.model.expression import OPERATORS
from hepatica.solver import integrate, plan_after

NOW, DRAWS = 1.5, 24
UNARY = (
    "neg", "exp", "ln", "sqrt", "abs", "floor", "ceil", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    "not", "factorial",
)  # fmt: skip
BINARY = ("-", "/", "pow", "lt", "le", "gt", "ge", "eq", "ne")
MANY = ("+", "*", "and", "or")
CHOICES = ("min", "max")
ELSEWHERE = {"piecewise", "time", "delay", "rateOf"}
"""Made below, or of no value of its own: tests/solver/test_past.py, test_system.py."""

numbers = st.sampled_from([0.0, 0.5, 1.0, 2.0, -1.0, 3.0, 1e-3, 40.0]).map(Number)
leaves = st.one_of(numbers, st.sampled_from([Symbol("a"), Symbol("b"), Symbol("x"), Symbol("n"), TIME]))


def applied(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(lambda o, x: Apply(o, (x,)), st.sampled_from(UNARY), inner),
        st.builds(lambda o, x, y: Apply(o, (x, y)), st.sampled_from(BINARY), inner, inner),
        st.builds(lambda o, x: Apply(o, tuple(x)), st.sampled_from(MANY), st.lists(inner, min_size=2, max_size=4)),
        st.builds(lambda o, x: Apply(o, tuple(x)), st.sampled_from(CHOICES), st.lists(leaves, min_size=2, max_size=4)),
        st.builds(lambda x: Apply("piecewise", tuple(x)), st.lists(inner, min_size=2, max_size=5)),
    )


formulas = st.lists(st.recursive(leaves, applied, max_leaves=10), min_size=8, max_size=8)


def model_of(expressions: list[Expression]) -> Model:
    """Give a model in which nothing moves but time, with one observable for each expression."""
    names = [f"f{k}" for k in range(len(expressions))]
    return Model(
        id="many",
        parameters=(
            Parameter(id="a", value=1.0), Parameter(id="b", value=1.0), Parameter(id="x", value=1.0, constant=False),
            Parameter(id="n", value=2.0), *(Parameter(id=name, value=0.0, constant=False) for name in names),
        ),
        rules=(
            Rule(kind="rate", variable="x", expression=Apply("*", (Number(0.0), TIME))),
            *(Rule(kind="assignment", variable=f, expression=e) for f, e in zip(names, expressions, strict=True)),
        ),
        observables=tuple(names),
    )  # fmt: skip


def test_every_operator_takes_part() -> None:
    assert {*UNARY, *BINARY, *MANY, *CHOICES, *ELSEWHERE} == OPERATORS


@given(formulas)
@settings(max_examples=60)
def test_llvm_equals_numpy_on_random_formulas(expressions: list[Expression]) -> None:
    model = model_of(expressions)
    kernel = compile_model(model, cached=False)
    rng = np.random.default_rng(5)
    base = np.tile(kernel.p0, (DRAWS, 1))
    for name, values in (
        ("a", rng.uniform(0.05, 0.95, DRAWS)), ("b", rng.normal(0.0, 3.0, DRAWS)), ("x", rng.lognormal(0.0, 1.5, DRAWS)),
        ("n", rng.integers(0, 6, DRAWS)),
    ):  # fmt: skip
        base[:, kernel.parameter_index(name)] = values
    tasks = np.array([[0, d, -1] for d in range(DRAWS)])
    run = integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.array([NOW]))
    got = run.values[:, 0].T

    reference = Reference(model)

    def plain(p: np.ndarray) -> np.ndarray:
        y = np.full((len(kernel.states), DRAWS), NOW)
        y[kernel.state_index("x")] = p[kernel.parameter_index("x")]
        return reference.observe(y, p)

    want = plain(base.T)
    # functions differ in their last bits: what that does to the rest is seen from nearby arguments
    near = [plain(base.T * (1.0 + s * rng.uniform(1e-15, 1e-14, base.T.shape))) for s in (-1.0, 1.0, -1.0, 1.0)]
    with np.errstate(all="ignore"):
        shaky = np.max([np.abs(other - want) for other in near], axis=0)
        sure = np.all([np.isnan(other) == np.isnan(want) for other in near], axis=0) & ~(shaky > 1e-9 * np.abs(want))
        same = (got == want) | (np.abs(got - want) <= 1e-10 * np.abs(want) + 1e-290) | (np.isnan(got) & np.isnan(want))
    assert sure.mean() > 0.25
    wrong = np.argwhere(sure & ~same)
    assert not len(wrong), (expressions[wrong[0][0]], got[tuple(wrong[0])], want[tuple(wrong[0])])


@pytest.mark.parametrize("name", CHOICES)
def test_min_and_max_of_what_is_undefined_are_undefined(name: Literal["min", "max"]) -> None:
    negative = Apply("ln", (Apply("neg", (Symbol("x"),)),))
    kernel = compile_model(
        model_of([Apply(name, (Number(0.0), negative)), Apply(name, (negative, Number(0.0)))]), cached=False
    )
    run = integrate(
        kernel, plan_after([[]], equilibrated=False), np.array([[0, 0, -1]]), kernel.p0[None, :], np.array([NOW])
    )
    assert np.isnan(run.values).all()
