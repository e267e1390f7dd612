"""Reverse differentiation of expression graphs, and the programs of the adjoint of a step.

The adjoint of an output k is read from the array ``s``; a program adds ``sum over k of s[k] d output_k / d leaf`` to the adjoint
of each leaf. Outputs are worked off one by one, so that values live briefly; a node that several outputs share collects
its adjoint in a further place of ``s`` and is worked off when it is complete.

Source: A. Griewank and A. Walther, Evaluating Derivatives, SIAM 2008, chapters 3 and 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from hepatica.compiler.graph import COMPARISONS, LEAVES, Graph, Node
from hepatica.compiler.jacobian import Elimination, Jacobian
from hepatica.compiler.lower import Lowering, Program
from hepatica.compiler.system import System
from hepatica.compiler.tableaux import Tableau

FLAT = COMPARISONS | {"floor", "ceil", "and", "or", "not"}


def pull_rule(graph: Graph, node: Node, g: Node) -> list[tuple[Node, Node]]:
    """Give ``(argument, g d node / d argument)`` for the arguments of an operator; steps give nothing."""
    entry = graph.nodes[node]
    name, a = str(entry[0]), [int(c) for c in entry[1:]]
    if name in FLAT:
        return []
    if name == "+":
        return [(a[0], g), (a[1], g)]
    if name == "-":
        return [(a[0], g), (a[1], graph.neg(g))]
    if name == "neg":
        return [(a[0], graph.neg(g))]
    if name == "*":
        return [(a[0], graph.mul(g, a[1])), (a[1], graph.mul(g, a[0]))]
    if name == "inv":
        return [(a[0], graph.neg(graph.mul(g, graph.mul(node, node))))]
    if name in {"select", "min", "max"}:
        zero = graph.number(0.0)
        chosen = a[0] if name == "select" else graph.call("le" if name == "min" else "ge", *a)
        first, second = a[-2:]
        return [(first, graph.select(chosen, g, zero)), (second, graph.select(chosen, zero, g))]
    if name == "pow":
        return [(a[0], graph.mul(g, graph.slope_of_base(*a))), (a[1], graph.mul(g, graph.slope_of_exponent(node)))]
    return [(a[0], graph.mul(g, graph.chain(name, node, a[0])))]


@dataclass(slots=True)
class _Unit:
    """A root, the place of its adjoint in ``s``, the inner nodes that belong to it alone, and the leaves it names."""

    root: Node
    slot: int
    late: bool
    leaves: set[Node] = field(default_factory=set)


class _Pull:
    def __init__(self, graph: Graph, outputs: Sequence[Node]) -> None:
        self.graph = graph
        self.owner: dict[Node, Node] = {}
        self.units: list[_Unit] = []
        self._divide(outputs)

    def _divide(self, outputs: Sequence[Node]) -> None:
        """Give each inner node to the one unit it belongs to; a node with several users is a unit of its own."""
        users: dict[Node, set[Node]] = {}
        queue: list[int] = []
        seen: set[Node] = set()
        first: dict[Node, int] = {}
        doubled: set[Node] = set()
        for k, node in enumerate(outputs):
            if node in first:
                doubled.add(node)
            first.setdefault(node, k)
            if node not in seen:
                seen.add(node)
                heappush(queue, -node)
        leaves: dict[Node, set[Node]] = {}
        # a node is made after its arguments, so that falling numbers meet every user before what it uses
        while queue:
            node = -heappop(queue)
            if self.is_leaf(node):
                continue
            owners = users.get(node, set())
            own = node in first or len(owners) != 1
            self.owner[node] = node if own else next(iter(owners))
            for argument in {int(c) for c in self.graph.nodes[node][1:]}:
                if self.is_leaf(argument):
                    leaves.setdefault(self.owner[node], set()).add(argument)
                users.setdefault(argument, set()).add(self.owner[node])
                if argument not in seen:
                    seen.add(argument)
                    heappush(queue, -argument)
        roots = [n for n, owner in self.owner.items() if n == owner]
        late = dict.fromkeys(sorted((n for n in roots if users.get(n) or n in doubled), reverse=True))
        early = [n for n in first if n in self.owner and n not in late]
        self.size = len(outputs)
        self.slot = {n: first[n] for n in early}
        for n in late:
            self.slot[n] = self.size
            self.size += 1
        self.units = [_Unit(n, self.slot[n], n in late, leaves.get(n, set())) for n in (*early, *late)]
        # adjoints of outputs that are leaves or complete only later go on directly
        self.direct = [(k, n) for k, n in enumerate(outputs) if self.slot.get(n) != k]

    def is_leaf(self, node: Node) -> bool:
        return self.graph.nodes[node][0] in LEAVES


class _Emitter:
    """Emits the units of a plan into a program, and adds leaf adjoints to their arrays as soon as they are complete."""

    def __init__(
        self, plan: _Pull, program: Program, bars: Mapping[str, str], added: frozenset[str], *, strict: bool
    ) -> None:
        self.plan, self.program, self.bars, self.added, self.strict = plan, program, bars, added, strict
        self.graph = plan.graph
        self.lowering = Lowering(self.graph, program)
        self.total: dict[Node, int] = {}
        self.closed: set[tuple[str, int]] = set()

    def run(self, seed: Callable[[int], int | None]) -> None:
        """Emit everything; ``seed(k)`` emits the adjoint of output k, or gives ``None`` where the caller put it into ``s``."""
        plan = self.plan
        last = {leaf: i for i, unit in enumerate(plan.units) for leaf in unit.leaves}
        closing: dict[int, list[Node]] = {}
        for leaf, i in last.items():
            closing.setdefault(i, []).append(leaf)
        for k, node in plan.direct:
            self._seed(k, seed)
            self._add(node, self.program.emit("load", "s", k))
        for i, unit in enumerate(plan.units):
            if not unit.late:
                self._seed(unit.slot, seed)
                self._unit(unit)
            elif unit.root in self.total:  # else only steps used it
                self.program.emit("store", "s", unit.slot, self.total.pop(unit.root))
                self._unit(unit)
            for leaf in sorted(closing.get(i, ())):
                self._close(leaf)
        for leaf in sorted(self.total):
            self._close(leaf)

    def _seed(self, k: int, seed: Callable[[int], int | None]) -> None:
        value = seed(k)
        if value is not None:
            self.program.emit("store", "s", k, value)

    def _unit(self, unit: _Unit) -> None:
        graph, plan, seed, zero = self.graph, self.plan, self.graph.make("s", unit.slot), self.graph.number(0.0)
        adjoint: dict[Node, Node] = {unit.root: seed}
        queue = [-unit.root]
        while queue:
            node = -heappop(queue)
            for argument, part in pull_rule(graph, node, adjoint.pop(node)):
                if graph.is_number(part, 0.0) or not graph.leaves(argument):
                    continue
                if plan.is_leaf(argument) or plan.owner[argument] != unit.root:
                    if self.strict:
                        part = graph.select(graph.call("eq", seed, zero), zero, part)
                    self._add(argument, self.lowering.value(part))
                elif argument in adjoint:
                    adjoint[argument] = graph.add(adjoint[argument], part)
                else:
                    adjoint[argument] = part
                    heappush(queue, -argument)

    def _add(self, node: Node, value: int) -> None:
        kind = self.graph.nodes[node][0]
        if kind == "num" or (kind in LEAVES and kind not in self.bars):
            return
        self.total[node] = self.program.emit("+", self.total[node], value) if node in self.total else value

    def _close(self, leaf: Node) -> None:
        if leaf not in self.total:
            return
        kind, index = self.graph.nodes[leaf]
        value, array = self.total.pop(leaf), self.bars[str(kind)]
        if array in self.added:
            value = self.program.emit("+", self.program.emit("load", array, int(index)), value)
        self.program.emit("store", array, int(index), value)
        self.closed.add((array, int(index)))


def lower_pull(
    name: str, graph: Graph, outputs: Sequence[Node], *, arguments: tuple[str, ...], bars: Mapping[str, str],
    stored: Mapping[str, int] | None = None, seed: Callable[[Program, int], int | None] | None = None, strict: bool = False,
) -> tuple[Program, int]:  # fmt: skip
    """Write the adjoint of ``outputs``.

    Parameters
    ----------
    name, arguments
        Of the program.
    graph, outputs
        What is differentiated.
    bars
        Array that receives the adjoint of each kind of leaf, ``{"y": "yb", "p": "pb"}``.
    stored
        Arrays, with their length, that are overwritten; the others are added to.
    seed
        Emits the adjoint of an output; read from ``s`` where it is left out.
    strict
        Whether an output whose adjoint is zero must give zero even where it is undefined.

    Returns
    -------
    Program, int
        The program, and the length that ``s`` must have.
    """
    program = Program(name, arguments)
    overwritten = stored or {}
    plan = _Pull(graph, outputs)
    emitter = _Emitter(plan, program, bars, frozenset(bars.values()) - set(overwritten), strict=strict)
    emitter.run(lambda k: None if seed is None else seed(program, k))
    for array, length in overwritten.items():
        for i in range(length):
            if (array, i) not in emitter.closed:
                program.emit("store", array, i, program.emit("const", 0.0))
    return program, max(1, plan.size)


def lower_rhs_pull(system: System) -> tuple[Program, int]:
    """``yb = f_y(y, p)^T m``, ``pb += f_p(y, p)^T m``; ``s`` keeps the adjoints of the fluxes."""

    def seed(program: Program, k: int) -> int:
        total: int | None = None
        for row, coefficient in system.stoichiometry[k]:
            x = program.emit("load", "m", row)
            if coefficient != 1.0:
                c = program.emit("const", coefficient)
                total = program.emit("*", x, c) if total is None else program.emit("fma", x, c, total)
            else:
                total = x if total is None else program.emit("+", total, x)
        return program.emit("const", 0.0) if total is None else total

    return lower_pull(
        "rhs_pull", system.graph, system.rates, arguments=("y", "p", "m", "s", "yb", "pb", "w"), bars={"y": "yb", "p": "pb"},
        stored={"yb": len(system.states)}, seed=seed,
    )  # fmt: skip


def partial_places(system: System, jacobian: Jacobian) -> list[tuple[int, int]]:
    """Give flux and state ``(rate, column)`` of every partial derivative, in the order of the Jacobian's partials."""
    places: list[tuple[int, int]] = []
    for k, rate in enumerate(system.rates):
        for kind, column in sorted(system.graph.leaves(rate)):
            if kind == "y" and not system.graph.is_number(system.graph.derivative(rate, ("y", column)), 0.0):
                places.append((k, column))
    if len(places) != len(jacobian.partials):
        raise AssertionError("the partials of the Jacobian are not in the order of the fluxes")
    return places


def lower_outer(system: System, jacobian: Jacobian, tableau: Tableau, fluxes: int) -> Program:
    """Adjoint of every partial derivative: ``s[q] = sum over stages of v_stage[rate] u_stage[column]``."""
    program = Program(f"outer_{tableau.name}", ("v", "u", "s"))
    size = len(system.states)
    for q, (rate, column) in enumerate(partial_places(system, jacobian)):
        total: int | None = None
        for i in range(tableau.stages):
            v = program.emit("load", "v", i * fluxes + rate)
            u = program.emit("load", "u", i * size + column)
            total = program.emit("*", v, u) if total is None else program.emit("fma", v, u, total)
        program.emit("store", "s", q, total)
    return program


def lower_partials_pull(system: System, jacobian: Jacobian) -> tuple[Program, int]:
    """``yb += sum over q of s[q] d partial_q / dy``, ``pb`` likewise."""
    return lower_pull(
        "partials_pull", system.graph, jacobian.partials, arguments=("y", "p", "s", "yb", "pb", "w"),
        bars={"y": "yb", "p": "pb"},
    )  # fmt: skip


def lower_solve_transposed(plan: Elimination) -> Program:
    """``b`` = solution of ``(L U)^T x = b``, in place."""
    program = Program("solve_transposed", ("lu", "b"))
    size = len(plan.order)
    above: list[list[int]] = [[] for _ in range(size)]
    below: list[list[int]] = [[] for _ in range(size)]
    for i in range(size):
        for j in plan.upper[i]:
            above[j].append(i)
        for k in plan.lower[i]:
            below[k].append(i)

    def minus_products(i: int, others: Sequence[tuple[int, int]]) -> int:
        x = program.emit("load", "b", plan.order[i])
        for slot, other in others:
            factor = program.emit("neg", program.emit("load", "lu", slot))
            x = program.emit("fma", factor, program.emit("load", "b", plan.order[other]), x)
        return x

    for j in range(size):
        x = minus_products(j, [(plan.slot[i, j], i) for i in above[j]])
        program.emit("store", "b", plan.order[j], program.emit("*", x, program.emit("load", "lu", plan.slot[j, j])))
    for k in reversed(range(size)):
        if below[k]:
            program.emit("store", "b", plan.order[k], minus_products(k, [(plan.slot[i, k], i) for i in below[k]]))
    return program
