"""MathML to expressions and back."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import libsbml

from hepatica.errors import FormatError, HostileFileError, ModelError, UnsupportedError, did_you_mean
from hepatica.model.expression import TIME, Apply, Expression, Number, Operator, Symbol

MATHML = "http://www.w3.org/1998/Math/MathML"
AVOGADRO = 6.02214179e23
MAX_DEPTH = 150
MAX_NODES = 200_000

_DIRECT: dict[int, Operator] = {
    libsbml.AST_FUNCTION_EXP: "exp", libsbml.AST_FUNCTION_LN: "ln", libsbml.AST_FUNCTION_ABS: "abs",
    libsbml.AST_FUNCTION_FLOOR: "floor", libsbml.AST_FUNCTION_CEILING: "ceil", libsbml.AST_FUNCTION_SIN: "sin",
    libsbml.AST_FUNCTION_COS: "cos", libsbml.AST_FUNCTION_TAN: "tan", libsbml.AST_FUNCTION_ARCSIN: "asin",
    libsbml.AST_FUNCTION_ARCCOS: "acos", libsbml.AST_FUNCTION_ARCTAN: "atan", libsbml.AST_FUNCTION_SINH: "sinh",
    libsbml.AST_FUNCTION_COSH: "cosh", libsbml.AST_FUNCTION_TANH: "tanh", libsbml.AST_LOGICAL_NOT: "not",
    libsbml.AST_POWER: "pow", libsbml.AST_FUNCTION_POWER: "pow", libsbml.AST_DIVIDE: "/",
    libsbml.AST_FUNCTION_MIN: "min", libsbml.AST_FUNCTION_MAX: "max", libsbml.AST_FUNCTION_DELAY: "delay",
    libsbml.AST_FUNCTION_RATE_OF: "rateOf", libsbml.AST_FUNCTION_FACTORIAL: "factorial",
}  # fmt: skip
_FOLDED: dict[int, tuple[Operator, float]] = {
    libsbml.AST_PLUS: ("+", 0.0), libsbml.AST_TIMES: ("*", 1.0),
    libsbml.AST_LOGICAL_AND: ("and", 1.0), libsbml.AST_LOGICAL_OR: ("or", 0.0),
}  # fmt: skip
_RELATIONS: dict[int, Operator] = {
    libsbml.AST_RELATIONAL_LT: "lt", libsbml.AST_RELATIONAL_LEQ: "le", libsbml.AST_RELATIONAL_GT: "gt",
    libsbml.AST_RELATIONAL_GEQ: "ge", libsbml.AST_RELATIONAL_EQ: "eq", libsbml.AST_RELATIONAL_NEQ: "ne",
}  # fmt: skip
_CONSTANTS: dict[int, float] = {
    libsbml.AST_CONSTANT_E: math.e, libsbml.AST_CONSTANT_PI: math.pi, libsbml.AST_CONSTANT_TRUE: 1.0,
    libsbml.AST_CONSTANT_FALSE: 0.0, libsbml.AST_NAME_AVOGADRO: AVOGADRO,
}  # fmt: skip


def _reciprocal_of(operator: Operator) -> Callable[[Expression], Expression]:
    return lambda x: Apply("/", (Number(1.0), Apply(operator, (x,))))


def _of_reciprocal(operator: Operator) -> Callable[[Expression], Expression]:
    return lambda x: Apply(operator, (Apply("/", (Number(1.0), x)),))


def _arsinh(x: Expression) -> Expression:
    return Apply("ln", (Apply("+", (x, Apply("sqrt", (Apply("+", (Apply("*", (x, x)), Number(1.0))),)))),))


def _arcosh(x: Expression) -> Expression:
    return Apply("ln", (Apply("+", (x, Apply("sqrt", (Apply("-", (Apply("*", (x, x)), Number(1.0))),)))),))


def _artanh(x: Expression) -> Expression:
    return Apply(
        "*", (Number(0.5), Apply("ln", (Apply("/", (Apply("+", (Number(1.0), x)), Apply("-", (Number(1.0), x)))),)))
    )


_UNFOLDED: dict[int, Callable[[Expression], Expression]] = {
    libsbml.AST_FUNCTION_SEC: _reciprocal_of("cos"), libsbml.AST_FUNCTION_CSC: _reciprocal_of("sin"),
    libsbml.AST_FUNCTION_COT: _reciprocal_of("tan"), libsbml.AST_FUNCTION_SECH: _reciprocal_of("cosh"),
    libsbml.AST_FUNCTION_CSCH: _reciprocal_of("sinh"), libsbml.AST_FUNCTION_COTH: _reciprocal_of("tanh"),
    libsbml.AST_FUNCTION_ARCSEC: _of_reciprocal("acos"), libsbml.AST_FUNCTION_ARCCSC: _of_reciprocal("asin"),
    libsbml.AST_FUNCTION_ARCCOT: _of_reciprocal("atan"),
    libsbml.AST_FUNCTION_ARCSINH: _arsinh, libsbml.AST_FUNCTION_ARCCOSH: _arcosh, libsbml.AST_FUNCTION_ARCTANH: _artanh,
    libsbml.AST_FUNCTION_ARCCSCH: lambda x: _arsinh(Apply("/", (Number(1.0), x))),
    libsbml.AST_FUNCTION_ARCSECH: lambda x: _arcosh(Apply("/", (Number(1.0), x))),
    libsbml.AST_FUNCTION_ARCCOTH: lambda x: _artanh(Apply("/", (Number(1.0), x))),
}  # fmt: skip


def _truncated(quotient: Expression) -> Expression:
    return Apply(
        "piecewise",
        (Apply("floor", (quotient,)), Apply("ge", (quotient, Number(0.0))), Apply("ceil", (quotient,))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MathReader:
    """Turns libSBML's trees into expressions; function definitions are expanded.

    Parameters
    ----------
    functions
        Function definitions by id: names of the arguments and the body.
    where
        Begin of every error message: file, line and element.
    """

    functions: Mapping[str, tuple[tuple[str, ...], Any]] = field(default_factory=dict)
    where: str = ""

    def read(self, node: Any, names: Mapping[str, Expression] | None = None) -> Expression:
        """Give the expression of a libSBML tree.

        Parameters
        ----------
        node
            ``libsbml.ASTNode``.
        names
            What to put in the place of a name: renamed local parameters and constants.

        Raises
        ------
        UnsupportedError
            Functions of SBML packages.
        ModelError
            Wrong number of arguments, unknown function.
        HostileFileError
            A formula that grows beyond 200,000 nodes or 150 levels when its functions are expanded.
        """
        return limit(self._read(node, names or {}, 0, itertools.count()), self.where)

    def _read(self, node: Any, names: Mapping[str, Expression], depth: int, steps: Iterator[int]) -> Expression:
        if depth > MAX_DEPTH or next(steps) > MAX_NODES:
            raise HostileFileError(f"{self.where}: refused because its functions are nested too deeply.")
        kind = node.getType()
        if node.isNumber() or kind in _CONSTANTS:
            return self._number(node, kind)
        if kind == libsbml.AST_NAME_TIME:
            return TIME
        if kind == libsbml.AST_NAME:
            name = node.getName() or ""
            return names.get(name, Symbol(name))
        if kind == libsbml.AST_FUNCTION:
            return self._call(node, names, depth, steps)
        arguments = tuple(self._read(child, names, depth + 1, steps) for child in _operands(node, kind))
        return self._apply(kind, arguments, node)

    def _number(self, node: Any, kind: int) -> Expression:
        if kind == libsbml.AST_REAL_E:  # libSBML's own product of mantissa and power is rounded twice
            value = float(f"{Decimal(repr(node.getMantissa())):f}e{node.getExponent()}")
        else:
            value = _CONSTANTS[kind] if kind in _CONSTANTS else float(node.getValue())
        return Number(value)

    def _call(self, node: Any, names: Mapping[str, Expression], depth: int, steps: Iterator[int]) -> Expression:
        name = node.getName() or ""
        if name not in self.functions:
            raise ModelError(f"{self.where}: no function '{name}'.{did_you_mean(name, self.functions)}")
        parameters, body = self.functions[name]
        if len(parameters) != node.getNumChildren():
            raise ModelError(
                f"{self.where}: function '{name}' takes {len(parameters)} arguments, not {node.getNumChildren()}."
            )
        given = [self._read(node.getChild(i), names, depth + 1, steps) for i in range(len(parameters))]
        return self._read(body, dict(zip(parameters, given, strict=True)), depth + 1, steps)

    def _apply(self, kind: int, arguments: tuple[Expression, ...], node: Any) -> Expression:
        expression = _apply(kind, arguments)
        if expression is None:
            name = node.getName() or node.getOperatorName() or "an unknown construct"
            if kind in _DIRECT or kind in _FOLDED or kind in _RELATIONS or kind in _UNFOLDED or kind in _SPECIAL:
                raise ModelError(f"{self.where}: '{name}' is given {len(arguments)} arguments.")
            raise UnsupportedError(f"{self.where}: '{name}' is not supported.")
        return expression


def _operands(node: Any, kind: int) -> list[Any]:
    """Give the children; libSBML nests sums and products of many terms to the left, which is undone here."""
    tail: list[Any] = []
    while kind in _FOLDED and node.getNumChildren() > 1 and node.getChild(0).getType() == kind:
        tail.extend(node.getChild(i) for i in range(node.getNumChildren() - 1, 0, -1))
        node = node.getChild(0)
    return [node.getChild(i) for i in range(node.getNumChildren())] + tail[::-1]


def _apply(kind: int, arguments: tuple[Expression, ...]) -> Expression | None:
    """Give the expression of an operator, or nothing when it is unknown or has the wrong number of arguments."""
    count = len(arguments)
    if kind in _FOLDED:
        operator, empty = _FOLDED[kind]
        return Number(empty) if not count else arguments[0] if count == 1 else Apply(operator, arguments)
    if kind in _DIRECT:
        operator = _DIRECT[kind]
        wanted = 2 if operator in {"pow", "/", "delay"} else 1
        fits = count >= 1 if operator in {"min", "max"} else count == wanted
        return Apply(operator, arguments) if fits else None
    if kind in _RELATIONS and count >= 2:
        pairs = [Apply(_RELATIONS[kind], pair) for pair in itertools.pairwise(arguments)]
        return pairs[0] if count == 2 else Apply("and", tuple(pairs))
    if kind in _UNFOLDED and count == 1:
        return _UNFOLDED[kind](arguments[0])
    if kind in _SPECIAL:
        return _SPECIAL[kind](arguments)
    return None


def _minus(a: tuple[Expression, ...]) -> Expression | None:
    return Apply("neg", a) if len(a) == 1 else Apply("-", a) if len(a) == 2 else None


def _log(a: tuple[Expression, ...]) -> Expression | None:
    if len(a) == 1:
        return Apply("/", (Apply("ln", a), Number(math.log(10.0))))
    if len(a) != 2:
        return None
    base: Expression = (
        Number(math.log(a[0].value)) if isinstance(a[0], Number) and a[0].value > 0 else Apply("ln", (a[0],))
    )
    return Apply("/", (Apply("ln", (a[1],)), base))


def _root(a: tuple[Expression, ...]) -> Expression | None:
    if len(a) == 1 or (len(a) == 2 and a[0] == Number(2.0)):
        return Apply("sqrt", (a[-1],))
    return Apply("pow", (a[1], Apply("/", (Number(1.0), a[0])))) if len(a) == 2 else None


def _xor(a: tuple[Expression, ...]) -> Expression | None:
    if not a:
        return Number(0.0)
    out = a[0]
    for b in a[1:]:
        out = Apply("or", (Apply("and", (out, Apply("not", (b,)))), Apply("and", (Apply("not", (out,)), b))))
    return out


def _implies(a: tuple[Expression, ...]) -> Expression | None:
    return Apply("or", (Apply("not", (a[0],)), a[1])) if len(a) == 2 else None


def _quotient(a: tuple[Expression, ...]) -> Expression | None:
    return _truncated(Apply("/", a)) if len(a) == 2 else None


def _remainder(a: tuple[Expression, ...]) -> Expression | None:
    return Apply("-", (a[0], Apply("*", (a[1], _truncated(Apply("/", a)))))) if len(a) == 2 else None


def _piecewise(a: tuple[Expression, ...]) -> Expression | None:
    return a[0] if len(a) == 1 else Apply("piecewise", a)


_SPECIAL: dict[int, Callable[[tuple[Expression, ...]], Expression | None]] = {
    libsbml.AST_MINUS: _minus, libsbml.AST_FUNCTION_LOG: _log, libsbml.AST_FUNCTION_ROOT: _root,
    libsbml.AST_LOGICAL_XOR: _xor, libsbml.AST_LOGICAL_IMPLIES: _implies, libsbml.AST_FUNCTION_QUOTIENT: _quotient,
    libsbml.AST_FUNCTION_REM: _remainder, libsbml.AST_FUNCTION_PIECEWISE: _piecewise,
}  # fmt: skip


def limit(expression: Expression, where: str) -> Expression:
    """Give the expression back, or refuse what is too large or too deep for the recursive readers behind.

    Branches that are shared count each time they are used.
    """
    stack = [(expression, 1)]
    nodes = 0
    while stack:
        node, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise HostileFileError(f"{where}: refused because the formula grows beyond {MAX_NODES} terms.")
        if depth > MAX_DEPTH:
            raise HostileFileError(f"{where}: refused because the formula is nested more than {MAX_DEPTH} levels deep.")
        if isinstance(node, Apply):
            stack.extend((a, depth + 1) for a in node.arguments)
    return expression


def read_mathml(text: str) -> Expression:
    """Give the expression of a MathML text.

    Examples
    --------
    >>> read_mathml('<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><ln/><ci>x</ci></apply></math>')
    Apply(operator='ln', arguments=(Symbol(name='x'),))
    """
    node = libsbml.readMathMLFromString(text)
    if node is None:
        raise FormatError("the MathML cannot be read; expected one 'math' element.")
    return MathReader(where="MathML").read(node)


_TAGS: dict[str, str] = {
    "+": "plus", "-": "minus", "*": "times", "/": "divide", "neg": "minus", "pow": "power", "sqrt": "root",
    "ceil": "ceiling", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "lt": "lt", "le": "leq", "gt": "gt", "ge": "geq", "eq": "eq", "ne": "neq",
}  # fmt: skip


def to_mathml(expression: Expression, rename: Callable[[str], str] = str, units: str = "") -> ElementTree.Element:
    """Give the ``math`` element of an expression.

    Parameters
    ----------
    expression
        What to write.
    rename
        Gives the id to write for a symbol.
    units
        Attribute that declares numbers dimensionless, ``sbml:units`` inside SBML; none when empty. A zero is left
        without, because it may stand beside any unit.
    """
    math_element = ElementTree.Element("math", {"xmlns": MATHML})
    _write(math_element, expression, rename, units)
    return math_element


def _write(parent: ElementTree.Element, node: Expression, rename: Callable[[str], str], units: str) -> None:
    if isinstance(node, Number):
        _write_number(parent, node.value, units)
    elif isinstance(node, Symbol):
        _child(parent, "ci", rename(node.name))
    elif node.operator == "time":
        _symbol(parent, "time")
    elif node.operator == "piecewise":
        piecewise = _child(parent, "piecewise")
        for value, condition in itertools.batched(node.arguments[: len(node.arguments) // 2 * 2], 2):
            piece = _child(piecewise, "piece")
            _write(piece, value, rename, units)
            _write(piece, condition, rename, units)
        if len(node.arguments) % 2:
            _write(_child(piecewise, "otherwise"), node.arguments[-1], rename, units)
    else:
        apply = _child(parent, "apply")
        if node.operator in {"delay", "rateOf"}:
            _symbol(apply, node.operator)
        else:
            _child(apply, _TAGS.get(node.operator, node.operator))
        for argument in node.arguments:
            _write(apply, argument, rename, units)


def _symbol(parent: ElementTree.Element, name: str) -> None:
    csymbol = _child(parent, "csymbol", name)
    csymbol.set("encoding", "text")
    csymbol.set("definitionURL", f"http://www.sbml.org/sbml/symbols/{name}")


def _write_number(parent: ElementTree.Element, value: float, units: str) -> None:
    text = repr(value)
    if not math.isfinite(value):
        sign = _child(parent, "apply") if value < 0 else parent
        if value < 0:
            _child(sign, "minus")
        _child(sign, "notanumber" if math.isnan(value) else "infinity")
    elif "e" in text:
        mantissa, exponent = text.split("e")
        number = _child(parent, "cn", mantissa)
        number.set("type", "e-notation")
        _child(number, "sep").tail = str(int(exponent))
    else:
        number = _child(parent, "cn", text.removesuffix(".0"))
    if units and value != 0 and math.isfinite(value):
        number.set(units, "dimensionless")


def _child(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag)
    if text:
        child.text = text
    return child
