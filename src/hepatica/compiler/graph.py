"""Hash-consed expression graphs with exact symbolic derivatives.

Every distinct expression is one node, an integer; a node is ``(operator, argument nodes...)`` or a leaf: ``("num", value)``,
``("y", i)`` for state i, ``("p", i)`` for parameter i, ``("s", i)`` for the adjoint of output i. Truth values are 1.0 and 0.0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hepatica.errors import UnsupportedError

Node = int
Leaf = tuple[str, int]
Entry = tuple[Any, ...]

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
STEPS = frozenset({"floor", "ceil"})
LEAVES = frozenset({"num", "y", "p", "s"})


def _factorial(x: float) -> float:
    return math.gamma(x + 1.0) if 0 <= x <= 170 else math.inf if x > 170 else math.nan


def power(a: Any, b: Any) -> Any:
    """Give ``a^b``; plus or minus one to an infinite or undefined power is undefined, as in the machine code (C says one)."""
    return np.where((np.abs(a) == 1.0) & ~np.isfinite(b), np.nan, np.power(a, b))


FOLD: Mapping[str, Callable[..., Any]] = {
    "div": np.divide, "pow": power, "exp": np.exp, "ln": np.log, "sqrt": np.sqrt, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "min": np.minimum, "max": np.maximum,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "factorial": _factorial,
}  # fmt: skip


class Graph:
    """A growing set of nodes; the constructor methods simplify as they build."""

    def __init__(self) -> None:
        self.nodes: list[Entry] = []
        self._index: dict[Entry, Node] = {}
        self._derivatives: dict[tuple[Node, Leaf], Node] = {}
        self._leaves: dict[Node, frozenset[Leaf]] = {}

    def make(self, *key: Any) -> Node:
        """Give the node of an operator and its arguments, without simplification."""
        # -0.0 equals 0.0 as a key; the sign of a zero constant never matters here
        node = self._index.get(key)
        if node is None:
            node = len(self.nodes)
            self._index[key] = node
            self.nodes.append(key)
        return node

    def number(self, value: float) -> Node:
        """Give the node of a constant."""
        return self.make("num", math.nan if value != value else float(value))  # one object, so that NaN finds itself

    def value(self, node: Node) -> float | None:
        """Give the number of a constant node, or ``None``."""
        entry = self.nodes[node]
        return float(entry[1]) if entry[0] == "num" else None

    def is_number(self, node: Node, value: float) -> bool:
        """Tell whether a node is this constant."""
        return self.value(node) == value

    def add(self, a: Node, b: Node) -> Node:
        """``a + b``."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0:
            return b
        if y == 0:
            return a
        if self.nodes[b][0] == "neg":
            return self.sub(a, int(self.nodes[b][1]))
        if self.nodes[a][0] == "neg":
            return self.sub(b, int(self.nodes[a][1]))
        return self.make("+", *sorted((a, b)))

    def sub(self, a: Node, b: Node) -> Node:
        """``a - b``."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x - y)
        if y == 0:
            return a
        if x == 0:
            return self.neg(b)
        if a == b:
            return self.number(0.0)
        if self.nodes[b][0] == "neg":
            return self.add(a, int(self.nodes[b][1]))
        return self.make("-", a, b)

    def neg(self, a: Node) -> Node:
        """``-a``."""
        x = self.value(a)
        if x is not None:
            return self.number(-x)
        if self.nodes[a][0] == "neg":
            return int(self.nodes[a][1])
        return self.make("neg", a)

    def mul(self, a: Node, b: Node) -> Node:
        """``a * b``."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x * y)
        if x is not None:
            a, b, x, y = b, a, y, x
        if y is not None:
            if y == 0:
                return self.number(0.0)
            if y == 1:
                return a
            if y == -1:
                return self.neg(a)
        if self.nodes[a][0] == "neg":
            return self.neg(self.mul(int(self.nodes[a][1]), b))
        if self.nodes[b][0] == "neg":
            return self.neg(self.mul(a, int(self.nodes[b][1])))
        return self.make("*", *sorted((a, b)))

    def div(self, a: Node, b: Node) -> Node:
        """``a / b``, as a product with the inverse: faster, with one more rounding.

        Where a step or a comparison looks at the quotient, ``call("div", a, b)`` rounds once.
        """
        x, y = self.value(a), self.value(b)
        if y is not None and y != 0:
            return self.mul(a, self.number(1.0 / y)) if x is None else self.number(x / y)
        if x == 0:
            return a
        if a == b:
            return self.number(1.0)
        if self.nodes[b][0] == "inv":
            return self.mul(a, int(self.nodes[b][1]))
        return self.mul(a, self.inv(b))

    def inv(self, a: Node) -> Node:
        """``1 / a``."""
        x = self.value(a)
        if x is not None and x != 0:
            return self.number(1.0 / x)
        if self.nodes[a][0] == "inv":
            return int(self.nodes[a][1])
        return self.make("inv", a)

    def pow(self, a: Node, b: Node) -> Node:
        """``a ** b``; small integer exponents become products."""
        n = self.value(b)
        if n is not None and abs(n) <= 16 and n == int(n):
            out, base, k = self.number(1.0), a, int(abs(n))
            while k:
                if k & 1:
                    out = self.mul(out, base)
                k >>= 1
                if k:
                    base = self.mul(base, base)
            return out if n > 0 else self.inv(out)
        if n == 0.5:
            return self.call("sqrt", a)
        if n is not None and math.isnan(n):
            return b
        return self.call("pow", a, b)

    def call(self, name: str, *arguments: Node) -> Node:
        """Any other operator; of constants it gives a constant."""
        values = [self.value(a) for a in arguments]
        numbers = [v for v in values if v is not None]
        if len(numbers) == len(values):
            with np.errstate(all="ignore"):
                return self.number(float(FOLD[name](*numbers)))
        return self.make(name, *arguments)

    def replaced(self, nodes: Sequence[Node], by: Mapping[Node, Node]) -> list[Node]:
        """Give nodes with inner nodes replaced by others."""
        memo = dict(by)
        for node in nodes:
            stack = [node]
            while stack:
                top = stack[-1]
                entry = self.nodes[top]
                if top in memo or entry[0] in LEAVES:
                    memo.setdefault(top, top)
                    stack.pop()
                    continue
                missing = [int(c) for c in entry[1:] if int(c) not in memo]
                if missing:
                    stack.extend(missing)
                    continue
                children = [memo[int(c)] for c in entry[1:]]
                memo[top] = top if children == list(entry[1:]) else self._rebuilt(str(entry[0]), children)
                stack.pop()
        return [memo[n] for n in nodes]

    def _rebuilt(self, name: str, children: list[Node]) -> Node:
        direct: dict[str, Callable[..., Node]] = {
            "+": self.add, "-": self.sub, "*": self.mul, "neg": self.neg, "inv": self.inv, "pow": self.pow, "select": self.select,
        }  # fmt: skip
        return direct[name](*children) if name in direct else self.make(name, *children)

    def inner(self, nodes: Sequence[Node]) -> Iterator[Node]:
        """Give every node that some nodes consist of, once, children first."""
        seen: set[Node] = set()
        for node in nodes:
            stack = [node]
            while stack:
                top = stack[-1]
                children = [] if self.nodes[top][0] in LEAVES else [int(c) for c in self.nodes[top][1:]]
                missing = [c for c in children if c not in seen]
                if top in seen:
                    stack.pop()
                elif missing:
                    stack.extend(missing)
                else:
                    seen.add(top)
                    stack.pop()
                    yield top

    def select(self, condition: Node, a: Node, b: Node) -> Node:
        """``a`` where ``condition`` holds, else ``b``."""
        c = self.value(condition)
        if c is not None:
            return a if c else b
        return a if a == b else self.make("select", condition, a, b)

    def divide_out(self, a: Node, b: Node) -> Node:
        """``a / b`` where a factor ``b`` of ``a`` is cancelled exactly, as in ``cell*(k*A)`` by ``cell``."""
        found = self._without(a, b)
        return self.div(a, b) if found is None else found

    def _without(self, a: Node, b: Node) -> Node | None:
        """``a`` without its factor ``b``; each node once, and without recursion, for long sums are deep."""
        memo: dict[Node, Node | None] = {b: self.number(1.0)}
        stack = [a]
        while stack:
            top = stack[-1]
            name, *rest = self.nodes[top]
            # the second factor of a product is looked at only where the first does not hold b
            arguments = [int(c) for c in rest] if name in {"neg", "*", "+", "-"} else []
            need = arguments[:1] if name == "*" and memo.get(arguments[0]) is not None else arguments
            missing = [c for c in need if c not in memo]
            if top in memo:
                stack.pop()
            elif missing:
                stack.append(missing[0])
            else:
                memo[top] = self._combine_without(name, arguments, [memo[c] for c in need])
                stack.pop()
        return memo[a]

    def _combine_without(self, name: str, arguments: list[Node], rests: list[Node | None]) -> Node | None:
        if name == "*":
            for rest, other in zip(rests, reversed(arguments), strict=False):
                if rest is not None:
                    return self.mul(rest, other)
        first, *second = rests or [None]
        if first is None or name == "*":
            return None
        if name == "neg":
            return self.neg(first)
        if second[0] is None:
            return None
        return self.add(first, second[0]) if name == "+" else self.sub(first, second[0])

    def leaves(self, node: Node) -> frozenset[Leaf]:
        """Give the states and parameters that a node depends on."""
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self._leaves:
                stack.pop()
                continue
            entry = self.nodes[top]
            if entry[0] in LEAVES:
                self._leaves[top] = frozenset() if entry[0] == "num" else frozenset([(str(entry[0]), int(entry[1]))])
                continue
            children = [int(c) for c in entry[1:]]
            missing = [c for c in children if c not in self._leaves]
            if missing:
                stack.extend(missing)
            else:
                self._leaves[top] = frozenset().union(*(self._leaves[c] for c in children))
        return self._leaves[node]

    def derivative(self, node: Node, leaf: Leaf) -> Node:
        """Give d node / d leaf exactly; steps (floor, comparisons) have derivative zero."""
        stack = [node]
        while stack:
            top = stack[-1]
            if (top, leaf) in self._derivatives:
                stack.pop()
                continue
            entry = self.nodes[top]
            if entry[0] in LEAVES:
                self._derivatives[top, leaf] = self.number(1.0 if entry == leaf else 0.0)
                continue
            if leaf not in self.leaves(top):
                self._derivatives[top, leaf] = self.number(0.0)
                continue
            missing = [int(c) for c in entry[1:] if (int(c), leaf) not in self._derivatives]
            if missing:
                stack.extend(missing)
            else:
                self._derivatives[top, leaf] = self._rule(top, leaf)
        return self._derivatives[node, leaf]

    def _rule(self, node: Node, leaf: Leaf) -> Node:
        entry = self.nodes[node]
        name, arguments = str(entry[0]), [int(c) for c in entry[1:]]
        d = [self._derivatives[a, leaf] for a in arguments]
        if name in COMPARISONS or name in {"floor", "ceil", "and", "or", "not"}:
            return self.number(0.0)
        if name == "+":
            return self.add(*d)
        if name == "-":
            return self.sub(*d)
        if name == "neg":
            return self.neg(d[0])
        if name == "*":
            return self.add(self.mul(d[0], arguments[1]), self.mul(arguments[0], d[1]))
        if name == "inv":
            return self.neg(self.mul(d[0], self.mul(node, node)))
        if name == "div":
            return self.div(self.sub(d[0], self.mul(node, d[1])), arguments[1])
        if name == "select":
            return self.select(arguments[0], d[1], d[2])
        if name == "past":
            return self.mul(d[2], self.make("past_slope", *arguments))
        if name == "past_slope":
            return self.number(0.0)
        if name in {"min", "max"}:
            first = self.call("le" if name == "min" else "ge", *arguments)
            return self.select(first, d[0], d[1])
        if name == "pow":
            a, b = arguments
            return self.add(self.mul(d[0], self.slope_of_base(a, b)), self.mul(d[1], self.slope_of_exponent(node)))
        return d[0] if self.is_number(d[0], 0.0) else self.mul(d[0], self.chain(name, node, arguments[0]))

    def slope_of_base(self, a: Node, b: Node) -> Node:
        """``b a^(b-1)``, the derivative of ``a^b`` by a; zero where a is zero and the derivative infinite."""
        slope = self.mul(b, self.pow(a, self.sub(b, self.number(1.0))))
        n = self.value(b)
        if n is not None and n >= 1.0:
            return slope
        # Hill terms of something absent: infinite only in that point, and the limit of what multiplies it is zero
        absent = self.call("eq", a, self.number(0.0))
        where = absent if n is not None else self.call("and", absent, self.call("lt", b, self.number(1.0)))
        return self.select(where, self.number(0.0), slope)

    def slope_of_exponent(self, power: Node) -> Node:
        """``a^b ln a``, the derivative of ``a^b`` by b; zero where a is zero."""
        a = int(self.nodes[power][1])
        positive = self.call("gt", a, self.number(0.0))
        return self.select(positive, self.mul(power, self.call("ln", a)), self.number(0.0))

    def chain(self, name: str, node: Node, a: Node) -> Node:
        """Give the derivative of ``node = name(a)`` by its argument."""
        one = self.number(1.0)
        rules: dict[str, Callable[[], Node]] = {
            "exp": lambda: node,
            "ln": lambda: self.inv(a),
            "sqrt": lambda: self.mul(self.number(0.5), self.inv(node)),
            "abs": lambda: self.select(self.call("ge", a, self.number(0.0)), one, self.number(-1.0)),
            "sin": lambda: self.call("cos", a),
            "cos": lambda: self.neg(self.call("sin", a)),
            "tan": lambda: self.add(one, self.mul(node, node)),
            "asin": lambda: self.inv(self.call("sqrt", self.sub(one, self.mul(a, a)))),
            "acos": lambda: self.neg(self.inv(self.call("sqrt", self.sub(one, self.mul(a, a))))),
            "atan": lambda: self.inv(self.add(one, self.mul(a, a))),
            "sinh": lambda: self.call("cosh", a),
            "cosh": lambda: self.call("sinh", a),
            "tanh": lambda: self.sub(one, self.mul(node, node)),
        }
        if name not in rules:
            raise UnsupportedError(f"the function '{name}' has no derivative rule; it cannot be used in a rate law.")
        return rules[name]()
