"""Mathematical expressions as immutable trees."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Operator = Literal[
    "+", "-", "*", "/", "neg", "pow", "exp", "ln", "sqrt", "abs", "floor", "ceil",
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "min", "max",
    "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "piecewise", "time", "delay", "rateOf", "factorial",
]  # fmt: skip
OPERATORS: frozenset[str] = frozenset(get_args(Operator))
_PAIRS = frozenset({"-", "/", "pow", "lt", "le", "gt", "ge", "eq", "ne", "delay"})
_MANY: Mapping[str, int] = {"+": 0, "*": 0, "and": 1, "or": 1, "min": 1, "max": 1, "piecewise": 0}


def takes(operator: str, count: int) -> bool:
    """Tell whether there is an operator that takes so many arguments."""
    if operator in _MANY:
        return count >= _MANY[operator]
    return operator in OPERATORS and count == (2 if operator in _PAIRS else 0 if operator == "time" else 1)


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Symbol:
    """The name of a species, parameter, compartment or rule variable, or of a reaction: its rate."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator over arguments.

    ``+`` and ``*`` take any number of arguments, ``piecewise`` takes value, condition, value, condition, ...,
    otherwise (undefined when left out); ``time`` takes none, ``delay`` an expression and how long ago, ``rateOf`` a symbol.
    Truth values are 1 and 0.
    """

    operator: Operator
    arguments: tuple["Expression", ...] = ()


Expression = Number | Symbol | Apply
TIME = Apply("time")


def symbols(expression: Expression) -> frozenset[str]:
    """Give the names that an expression depends on."""
    return frozenset(node.name for node in walk(expression) if isinstance(node, Symbol))


def symbols_now(expression: Expression) -> frozenset[str]:
    """Give the names whose present value an expression depends on: what stands in a ``delay`` is of the past."""
    found: set[str] = set()
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Symbol):
            found.add(node.name)
        elif isinstance(node, Apply):
            stack.extend(node.arguments[1:] if node.operator == "delay" else node.arguments)
    return frozenset(found)


def walk(expression: Expression) -> Iterator[Expression]:
    """Give every node, parents before children."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Apply):
            stack.extend(reversed(node.arguments))


def substitute(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Replace symbols by expressions."""
    if isinstance(expression, Symbol):
        return values.get(expression.name, expression)
    if isinstance(expression, Apply):
        return Apply(expression.operator, tuple(substitute(a, values) for a in expression.arguments))
    return expression


def uses_time(expression: Expression) -> bool:
    """Tell whether an expression depends on time explicitly."""
    return any(isinstance(node, Apply) and node.operator == "time" for node in walk(expression))


_INFIX = {"+": " + ", "*": "*", "and": " && ", "or": " || "}
_BINARY = {
    "-": " - ", "/": "/", "pow": "^", "lt": " < ", "le": " <= ", "gt": " > ", "ge": " >= ", "eq": " == ", "ne": " != ",
}  # fmt: skip
_LEVEL = {
    "or": 1, "and": 2, "lt": 3, "le": 3, "gt": 3, "ge": 3, "eq": 3, "ne": 3, "+": 4, "-": 4, "*": 5, "/": 5, "neg": 6,
    "pow": 7,
}  # fmt: skip


def to_infix(expression: Expression, rename: Callable[[str], str] = str) -> str:
    """Write an expression as text that Antimony reads.

    Examples
    --------
    >>> to_infix(Apply("*", (Symbol("k"), Apply("+", (Symbol("A"), Number(1.0))))))
    'k*(A + 1)'
    """
    return _infix(expression, rename, 0)


def _infix(node: Expression, rename: Callable[[str], str], outer: int) -> str:
    if isinstance(node, Number) and not math.isfinite(node.value):
        return {math.inf: "inf", -math.inf: "(-inf)"}.get(node.value, "nan")
    if isinstance(node, Number):
        text = f"{node.value:.17g}" if node.value != int(node.value) or abs(node.value) > 1e15 else str(int(node.value))
        shortest = repr(node.value)
        text = shortest if not shortest.endswith(".0") and len(shortest) < len(text) else text
        return f"({text})" if node.value < 0 and outer else text
    if isinstance(node, Symbol):
        return rename(node.name)
    operator, arguments = node.operator, node.arguments
    if operator == "time":
        return "time"
    level = _LEVEL.get(operator, 0)
    if operator in _INFIX and arguments:
        text = _INFIX[operator].join(_infix(a, rename, level + (i > 0)) for i, a in enumerate(arguments))
    elif operator in _BINARY:
        left = _infix(arguments[0], rename, level + (operator == "pow"))
        if level == _LEVEL["lt"] and _is_relation(arguments[0]):
            left = f"piecewise(1, {left}, 0)"  # Antimony reads (a < b) < c as a < b && b < c
        text = left + _BINARY[operator] + _infix(arguments[1], rename, level + 1)
    elif operator == "neg":
        text = "-" + _infix(arguments[0], rename, level)
    else:
        name = {"not": "!"}.get(operator, operator)
        return f"{name}({', '.join(_infix(a, rename, 0) for a in arguments)})"
    return f"({text})" if level < outer or (outer and operator == "neg") else text


def _is_relation(node: Expression) -> bool:
    return isinstance(node, Apply) and _LEVEL.get(node.operator) == _LEVEL["lt"]
