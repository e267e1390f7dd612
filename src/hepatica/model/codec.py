"""A model as JSON and back, exactly: what crosses from one process to another.

Formulas stand in one table in which every distinct node is one row that names its arguments by their rows, so that
shared parts are written once, however often they are used, and no depth of nesting matters. A number in the table is a
constant, a text a symbol, a list an operator with its arguments. Everything else is written by the kind of the value:
a dataclass as its name and fields, a tuple, a mapping; whatever fields and classes :class:`~hepatica.model.Model`
gets, they are carried.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from hepatica.errors import FormatError
from hepatica.model.expression import Apply, Expression, Number, Symbol
from hepatica.model.network import Model

_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Always the same objects: Python takes nan for equal to itself inside of tuples when it is one object."""
_TUPLE, _SET, _MAPPING, _EXPRESSION = "t", "f", "m", "x"


def to_json(model: Model) -> bytes:
    """Give a model as JSON.

    Returns
    -------
    bytes
        What :func:`from_json` reads; of no use to another version of hepatica.

    Raises
    ------
    FormatError
        When a field holds what cannot be written.
    """
    table = _Table()
    written = _write(model, table)
    return json.dumps({"nodes": table.rows, "model": written}, separators=(",", ":")).encode()


def from_json(data: bytes) -> Model:
    """Give the model that :func:`to_json` wrote.

    Raises
    ------
    FormatError
        When it is something else.
    """
    try:
        content = json.loads(data, parse_constant=_CONSTANTS.__getitem__)
        model = _read(content["model"], _nodes(content["nodes"]))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise FormatError(f"this is no model as hepatica writes it ({type(error).__name__}: {error}).") from error
    if not isinstance(model, Model):
        raise FormatError("this is no model as hepatica writes it.")
    return model


class _Table:
    """The distinct nodes of all formulas; arguments stand before what uses them."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._by_key: dict[Any, int] = {}
        self._by_identity: dict[int, int] = {}  # objects that live as long as the model
        self._keep: list[Expression] = []

    def index(self, expression: Expression) -> int:
        """Give the row of an expression, with new rows for what is new in it."""
        stack = [expression]
        while stack:
            node = stack[-1]
            if id(node) in self._by_identity:
                stack.pop()
                continue
            missing = [a for a in node.arguments if id(a) not in self._by_identity] if isinstance(node, Apply) else []
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            self._by_identity[id(node)] = self._row(node)
            self._keep.append(node)
        return self._by_identity[id(expression)]

    def _row(self, node: Expression) -> int:
        row: Any
        key: Any
        if isinstance(node, Number):
            # the type and the sign of a zero count, which equality overlooks
            row, key = node.value, ("n", type(node.value), repr(node.value))
        elif isinstance(node, Symbol):
            row, key = node.name, ("s", str, node.name)
        else:
            arguments = [self._by_identity[id(a)] for a in node.arguments]
            row, key = [node.operator, *arguments], ("a", node.operator, tuple(arguments))
        if key not in self._by_key:
            self._by_key[key] = len(self.rows)
            self.rows.append(row)
        return self._by_key[key]


def _nodes(rows: list[Any]) -> list[Expression]:
    made: list[Expression] = []
    for row in rows:
        if isinstance(row, str):
            made.append(Symbol(row))
        elif isinstance(row, list):
            made.append(Apply(row[0], tuple(made[k] for k in row[1:])))
        else:
            made.append(Number(row))
    return made


def _write(value: Any, table: _Table) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, get_args(Expression)):
        return [_EXPRESSION, table.index(value)]
    if isinstance(value, tuple):
        return [_TUPLE, *(_write(v, table) for v in value)]
    if isinstance(value, frozenset):
        return [_SET, *(_write(v, table) for v in sorted(value))]
    if isinstance(value, Mapping):
        return [_MAPPING, *([_write(k, table), _write(v, table)] for k, v in value.items())]
    if is_dataclass(value) and type(value).__name__ in _classes():
        return [type(value).__name__, *(_write(getattr(value, f.name), table) for f in fields(value))]
    raise FormatError(f"a {type(value).__name__} in a model cannot be written as JSON.")


def _read(value: Any, nodes: list[Expression]) -> Any:
    if not isinstance(value, list):
        return value
    kind, *rest = value
    if kind == _EXPRESSION:
        return nodes[rest[0]]
    if kind == _TUPLE:
        return tuple(_read(v, nodes) for v in rest)
    if kind == _SET:
        return frozenset(_read(v, nodes) for v in rest)
    if kind == _MAPPING:
        return {_read(k, nodes): _read(v, nodes) for k, v in rest}
    made = _classes()[kind]
    return made(**{f.name: _read(v, nodes) for f, v in zip(fields(made), rest, strict=True)})


@cache
def _classes() -> dict[str, type[Any]]:
    """Give every dataclass that a model can hold, by name, as the annotations of its fields tell."""
    found: dict[str, type[Any]] = {}
    todo: list[Any] = [Model]
    while todo:
        hint = todo.pop()
        todo.extend(get_args(hint))
        if isinstance(hint, type) and is_dataclass(hint) and hint.__name__ not in found:
            found[hint.__name__] = hint
            todo.extend(get_type_hints(hint).values())
    return found
