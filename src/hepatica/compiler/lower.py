"""Expression graph -> straight-line programs.

A program is a list of operations on lanes; operation k defines value k. ``("load", array, i)`` reads, ``("store", array,
i, value)`` writes, ``("const", x)`` is a number, everything else combines earlier values. Targets turn programs into
machine code or interpret them; nothing here knows which.

Arrays: ``y`` states, ``p`` parameters, ``b`` right-hand side (accumulated), ``w`` scratch, ``ihg`` the diagonal 1/(h*gamma),
``lu`` the factors, ``o`` outputs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hepatica.compiler.graph import LEAVES, Graph, Node
from hepatica.compiler.jacobian import Elimination, Jacobian
from hepatica.compiler.system import System

Operation = tuple[Any, ...]


@dataclass(slots=True)
class Program:
    """Operations of one kernel function; ``arguments`` are the arrays that it touches.

    ``tail`` is the end of a long elimination, as a table for a loop: see :func:`lower_elimination`.
    """

    name: str
    arguments: tuple[str, ...]
    code: list[Operation] = field(default_factory=list)
    tail: tuple[int, ...] = ()

    def emit(self, *operation: Any) -> int:
        """Append an operation and give the index of its value."""
        self.code.append(operation)
        return len(self.code) - 1


class Lowering:
    """Emits graph nodes into a program; inner nodes once, leaves wherever they are used."""

    def __init__(self, graph: Graph, program: Program) -> None:
        self.graph, self.program = graph, program
        self.memo: dict[Node, int] = {}

    def value(self, node: Node) -> int:
        """Emit a node, with what it needs, and give the index of its value."""
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self.memo or self._is_leaf(top):
                stack.pop()
                continue
            missing = [
                int(c) for c in self.graph.nodes[top][1:] if not self._is_leaf(int(c)) and int(c) not in self.memo
            ]
            if missing:
                stack.extend(reversed(missing))
                continue
            entry = self.graph.nodes[top]
            self.memo[top] = self.program.emit(entry[0], *(self._operand(int(c)) for c in entry[1:]))
            stack.pop()
        return self._operand(node)

    def _is_leaf(self, node: Node) -> bool:
        return self.graph.nodes[node][0] in LEAVES

    def _operand(self, node: Node) -> int:
        kind, *rest = self.graph.nodes[node]
        if kind == "num":
            return self.program.emit("const", float(rest[0]))
        if kind in LEAVES:
            return self.program.emit("load", kind, int(rest[0]))
        return self.memo[node]


def accumulate(program: Program, base: int | None, terms: Iterable[tuple[int, float]]) -> int | None:
    """``base + sum of coefficient * w[slot]``."""
    for slot, coefficient in terms:
        x = program.emit("load", "w", slot)
        if base is None and coefficient == 1.0:
            base = x
        elif base is None and coefficient == -1.0:
            base = program.emit("neg", x)
        elif base is None:
            base = program.emit("*", x, program.emit("const", coefficient))
        elif coefficient == 1.0:
            base = program.emit("+", base, x)
        elif coefficient == -1.0:
            base = program.emit("-", base, x)
        else:
            base = program.emit("fma", x, program.emit("const", coefficient), base)
    return base


def lower_rhs(system: System) -> Program:
    """``b += dy/dt (y, p)``."""
    program = Program("rhs", ("y", "p", "b", "w"))
    lowering = Lowering(system.graph, program)
    rows: list[list[tuple[int, float]]] = [[] for _ in system.states]
    for k, (rate, changes) in enumerate(zip(system.rates, system.stoichiometry, strict=True)):
        program.emit("store", "w", k, lowering.value(rate))
        for row, coefficient in changes:
            rows[row].append((k, coefficient))
    for i, terms in enumerate(rows):
        if terms:
            program.emit("store", "b", i, accumulate(program, program.emit("load", "b", i), terms))
    return program


def lower_factor(system: System, jacobian: Jacobian, plan: Elimination, straight: int | None = None) -> Program:
    """``lu`` = factors of ``diag(ihg) - J(y, p)``, rows in pivot order, inverse pivots on the diagonal.

    Rows of algebraic states have no ``ihg``. From the pivot ``straight`` on, the elimination is left to a loop.
    """
    size = len(plan.order)
    last = size if straight is None else straight
    program = Program("factor", ("y", "p", "ihg", "lu", "w"), tail=lower_elimination(plan, last))
    lowering = Lowering(system.graph, program)
    for k, partial in enumerate(jacobian.partials):
        program.emit("store", "w", k, lowering.value(partial))
    entries = {(plan.position[i], plan.position[j]): terms for (i, j), terms in jacobian.entries.items()}
    for i in range(size):
        row: dict[int, int | None] = {}
        for j in (*plan.lower[i], i, *plan.upper[i]):
            base = program.emit("load", "ihg", 0) if i == j and plan.order[i] < system.differential else None
            row[j] = accumulate(program, base, [(slot, -c) for slot, c in entries.get((i, j), ())])
        if row[i] is None:  # an algebraic equation that does not name its variable: singular
            row[i] = program.emit("const", 0.0)
        for k in (k for k in plan.lower[i] if k < last):
            ratio = program.emit("*", row.pop(k), program.emit("load", "lu", plan.slot[k, k]))
            program.emit("store", "lu", plan.slot[i, k], ratio)
            if plan.upper[k]:
                negative = program.emit("neg", ratio)
                for j in plan.upper[k]:
                    u = program.emit("load", "lu", plan.slot[k, j])
                    row[j] = (
                        program.emit("*", negative, u) if row[j] is None else program.emit("fma", negative, u, row[j])
                    )
        if i < last:
            program.emit("store", "lu", plan.slot[i, i], program.emit("inv", row.pop(i)))
        for j, x in row.items():
            program.emit("store", "lu", plan.slot[i, j], program.emit("const", 0.0) if x is None else x)
    return program


def lower_elimination(plan: Elimination, first: int) -> tuple[int, ...]:
    """Give the pivots from ``first`` on as a table.

    For each: the slot of its diagonal, the number of its entries to the right, which stand behind it, and of the rows below;
    then for each of these rows the slot below the pivot, and the slots from which multiples of the entries are taken. Both the
    loop and straight-line code take them in the order of the pivots, and give the same bits.
    """
    below: list[list[int]] = [[] for _ in plan.order]
    for i, columns in enumerate(plan.lower):
        for k in columns:
            below[k].append(i)
    table: list[int] = []
    for k in range(first, len(plan.order)):
        table += [plan.slot[k, k], len(plan.upper[k]), len(below[k])]
        for i in below[k]:
            table += [plan.slot[i, k], *(plan.slot[i, j] for j in plan.upper[k])]
    return tuple(table)


def lower_solve(plan: Elimination) -> Program:
    """``b`` = solution of ``L U x = b``, in place."""
    program = Program("solve", ("lu", "b"))

    def minus_products(i: int, columns: Sequence[int]) -> int:
        x = program.emit("load", "b", plan.order[i])
        for k in columns:
            factor = program.emit("neg", program.emit("load", "lu", plan.slot[i, k]))
            x = program.emit("fma", factor, program.emit("load", "b", plan.order[k]), x)
        return x

    for i in range(len(plan.order)):
        if plan.lower[i]:
            program.emit("store", "b", plan.order[i], minus_products(i, plan.lower[i]))
    for i in reversed(range(len(plan.order))):
        x = minus_products(i, plan.upper[i])
        program.emit("store", "b", plan.order[i], program.emit("*", x, program.emit("load", "lu", plan.slot[i, i])))
    return program


def lower_outputs(name: str, graph: Graph, nodes: Sequence[Node], arguments: tuple[str, ...]) -> Program:
    """``o[i]`` = node i."""
    program = Program(name, arguments)
    lowering = Lowering(graph, program)
    for i, node in enumerate(nodes):
        program.emit("store", "o", i, lowering.value(node))
    return program
