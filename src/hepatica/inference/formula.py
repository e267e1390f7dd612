"""PEtab formulas -> expressions."""

from collections.abc import Callable, Mapping
from functools import reduce

import sympy as sp
from petab.v1.math import sympify_petab

from hepatica.errors import FormatError, UnsupportedError
from hepatica.model import TIME, Apply, Expression, Number, Symbol
from hepatica.model.expression import Operator

LONGEST = 100_000
"""Characters of a formula: PEtab's parser needs seconds for more."""

_PLAIN: Mapping[type[sp.Basic], Operator] = {
    sp.exp: "exp", sp.log: "ln", sp.Abs: "abs", sp.floor: "floor", sp.ceiling: "ceil", sp.sin: "sin", sp.cos: "cos",
    sp.tan: "tan", sp.asin: "asin", sp.acos: "acos", sp.atan: "atan", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh",
    sp.Min: "min", sp.Max: "max", sp.StrictLessThan: "lt", sp.LessThan: "le", sp.StrictGreaterThan: "gt",
    sp.GreaterThan: "ge", sp.Equality: "eq", sp.Unequality: "ne", sp.And: "and", sp.Or: "or", sp.Not: "not",
    sp.Add: "+", sp.Mul: "*", sp.Pow: "pow",
}  # fmt: skip
_INVERSE: Mapping[type[sp.Basic], Callable[[sp.Basic], sp.Basic]] = {
    sp.sec: lambda x: 1 / sp.cos(x), sp.csc: lambda x: 1 / sp.sin(x), sp.cot: lambda x: 1 / sp.tan(x),
    sp.sech: lambda x: 1 / sp.cosh(x), sp.csch: lambda x: 1 / sp.sinh(x), sp.coth: lambda x: 1 / sp.tanh(x),
    sp.asec: lambda x: sp.acos(1 / x), sp.acsc: lambda x: sp.asin(1 / x), sp.acot: lambda x: sp.atan(1 / x),
    sp.asinh: lambda x: sp.log(x + sp.sqrt(x * x + 1)), sp.acosh: lambda x: sp.log(x + sp.sqrt(x * x - 1)),
    sp.atanh: lambda x: sp.log((1 + x) / (1 - x)) / 2, sp.acoth: lambda x: sp.log((x + 1) / (x - 1)) / 2,
    sp.asech: lambda x: sp.log((1 + sp.sqrt(1 - x * x)) / x), sp.acsch: lambda x: sp.log(1 / x + sp.sqrt(1 / (x * x) + 1)),
    sp.sign: lambda x: sp.Piecewise((1, x > 0), (-1, x < 0), (0, True)),
    sp.Heaviside: lambda x: sp.Piecewise((1, x > 0), (0, x < 0), (sp.Rational(1, 2), True)),
}  # fmt: skip


def read_formula(text: str, where: str) -> Expression:
    """Read a formula of PEtab's mathematics.

    Parameters
    ----------
    text
        The formula.
    where
        Table, row and column, for error messages.

    Raises
    ------
    FormatError
        When it is no formula.
    UnsupportedError
        When it holds what hepatica has no operator for.
    """
    if len(text) > LONGEST:
        raise FormatError(f"{where}: the formula has {len(text):,} characters; at most {LONGEST:,} are read.")
    try:
        parsed = sympify_petab(text)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{where}: '{text[:80]}' is no formula ({detail}).") from error
    return to_expression(parsed, where)


def to_expression(node: sp.Basic, where: str) -> Expression:
    """Write a SymPy expression with the operators of a model."""
    if node.is_Symbol:
        return TIME if str(node) == "time" else Symbol(str(node))
    if node in (sp.true, sp.false):
        return Number(1.0 if node == sp.true else 0.0)
    if node.is_number:
        return Number(_value(node, where))
    if isinstance(node, sp.Piecewise):
        pieces = [to_expression(x, where) for pair in node.args for x in pair.args]
        if node.args[-1].args[1] == sp.true:
            pieces.pop()
        return Apply("piecewise", tuple(pieces))
    if isinstance(node, sp.Pow) and node.exp == sp.Rational(1, 2):
        return Apply("sqrt", (to_expression(node.base, where),))
    if isinstance(node, sp.Pow) and node.exp == -1:
        return Apply("/", (Number(1.0), to_expression(node.base, where)))
    if isinstance(node, sp.Xor):
        return reduce(lambda a, b: Apply("ne", (a, b)), [to_expression(a, where) for a in node.args])
    for kind, rewrite in _INVERSE.items():
        if isinstance(node, kind):
            return to_expression(rewrite(node.args[0]), where)
    for kind, operator in _PLAIN.items():
        if isinstance(node, kind):
            return Apply(operator, tuple(to_expression(a, where) for a in node.args))
    raise UnsupportedError(f"{where}: hepatica has no operator for '{type(node).__name__}' of PEtab's formulas.")


def _value(node: sp.Basic, where: str) -> float:
    try:
        return float(node)
    except TypeError as error:
        raise FormatError(f"{where}: '{node}' is not a real number.") from error
