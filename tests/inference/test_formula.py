import math

import pytest

from hepatica.compiler import compile_model
from hepatica.errors import FormatError, UnsupportedError
from hepatica.inference.formula import LONGEST, read_formula
from hepatica.model import TIME, Model, Number, Parameter, Rule, Symbol

import numpy as np  # isort: skip

X, Y = 0.37, 2.6
FORMULAS = {
    "x + y": X + Y, "x - y": X - Y, "-x": -X, "x*y": X * Y, "x/y": X / Y, "x^y": X**Y, "x^-1": 1 / X, "x^0.5": X**0.5,
    "exp(x)": math.exp(X), "ln(x)": math.log(X), "log(x)": math.log(X), "log(x, y)": math.log(X) / math.log(Y),
    "log10(x)": math.log10(X), "log2(x)": math.log2(X), "sqrt(x)": math.sqrt(X), "abs(-x)": X,
    "sign(x)": 1.0, "sin(x)": math.sin(X), "cos(x)": math.cos(X), "tan(x)": math.tan(X), "arcsin(x)": math.asin(X),
    "arccos(x)": math.acos(X), "arctan(x)": math.atan(X), "sinh(x)": math.sinh(X), "cosh(x)": math.cosh(X),
    "tanh(x)": math.tanh(X), "arcsinh(x)": math.asinh(X), "arccosh(y)": math.acosh(Y), "arctanh(x)": math.atanh(X),
    "sec(x)": 1 / math.cos(X), "csc(x)": 1 / math.sin(X), "cot(x)": 1 / math.tan(X), "sech(x)": 1 / math.cosh(X),
    "csch(x)": 1 / math.sinh(X), "coth(x)": 1 / math.tanh(X), "arcsec(y)": math.acos(1 / Y), "arccsc(y)": math.asin(1 / Y),
    "arccot(x)": math.atan(1 / X), "arcsech(x)": math.acosh(1 / X), "arccsch(x)": math.asinh(1 / X),
    "arccoth(y)": math.atanh(1 / Y), "min(x, y)": X, "max(x, y)": Y, "piecewise(1, x < y, 2)": 1.0,
    "piecewise(1, x > y, 2)": 2.0, "piecewise(1, x >= y, 3, x <= y, 2)": 3.0, "piecewise(1, x == y, 2)": 2.0,
    "piecewise(1, x != y, 2)": 1.0, "piecewise(1, x < y && x > y, 2)": 2.0, "piecewise(1, x < y || x > y, 2)": 1.0,
    "piecewise(1, !(x < y), 2)": 2.0,
}  # fmt: skip


def test_every_operator_computes_what_it_says() -> None:
    """All formulas as rules of one model, read at time zero."""
    names = [f"f{k}" for k in range(len(FORMULAS))]
    parameters = [Parameter(id="x", value=X), Parameter(id="y", value=Y)]
    rules = [
        Rule(kind="assignment", variable=n, expression=read_formula(f, n)) for n, f in zip(names, FORMULAS, strict=True)
    ]
    parameters += [Parameter(id=n, value=0.0, constant=False) for n in names]
    kernel = compile_model(Model(id="m", parameters=tuple(parameters), rules=tuple(rules)), names)
    from hepatica.solver import integrate, plan_after

    plan, task = plan_after([[]], equilibrated=False), np.array([[0, 0, -1]], np.int64)
    got = integrate(kernel, plan, task, kernel.p0[None], np.zeros(1)).values[0, 0]
    for formula, value, want in zip(FORMULAS, got, FORMULAS.values(), strict=True):
        assert value == pytest.approx(want, rel=1e-13), formula


def test_numbers_names_and_time() -> None:
    assert read_formula("2 * 3", "f") == Number(6.0)
    assert read_formula("x", "f") == Symbol("x")
    assert read_formula("time", "f") == TIME
    assert read_formula("true", "f") == Number(1.0)
    assert read_formula("inf", "f") == Number(math.inf)


@pytest.mark.parametrize("text", ["", "x +", "x y", "2x", "f(x)", "sqrt(-1)", "__import__('os')", "x; y"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"^observable 'a': .*\.$"):
        read_formula(text, "observable 'a'")


def test_long_formulas_are_refused() -> None:
    with pytest.raises(FormatError, match=r"^a: the formula has 100,001 characters; at most 100,000 are read\.$"):
        read_formula("x" * (LONGEST + 1), "a")


def test_deep_formulas_are_refused() -> None:
    with pytest.raises(FormatError, match="is no formula"):
        read_formula("(" * 20_000 + "x" + ")" * 20_000, "a")


def test_unknown_operators_are_named() -> None:
    import sympy as sp

    from hepatica.inference.formula import to_expression

    with pytest.raises(UnsupportedError, match="no operator for 'gamma' of PEtab's formulas"):
        to_expression(sp.gamma(sp.Symbol("x")), "a")
