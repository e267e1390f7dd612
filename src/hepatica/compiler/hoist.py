"""What depends on parameters alone is computed once for a parameter set, not at every step.

Such expressions become further entries of ``p``, behind the parameters, which the program ``prepare`` fills whenever the
parameters of a lane change. In a product the factors without states are gathered first: ``k*A*B*V`` -> ``(k*V)*A*B``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hepatica.compiler.graph import LEAVES, Graph, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoisted:
    """Rewritten expressions, and what ``prepare`` computes.

    Parameters
    ----------
    roots
        The rewritten expressions, in the order in which they were given.
    prepared
        Expressions of parameters; number k stands at ``p[first + k]``.
    """

    roots: tuple[Node, ...]
    prepared: tuple[Node, ...]


def hoist(graph: Graph, roots: Sequence[Node], given: int, first: int) -> Hoisted:
    """Move what depends on parameters alone out of expressions.

    Parameters
    ----------
    graph
        Holds the expressions, and receives the rewritten ones.
    roots
        Expressions of states and parameters.
    given
        Number of parameters; what follows them in ``p`` may change during a run.
    first
        Entries of ``p`` before those that ``prepare`` fills.
    """
    rewriting = _Rewriting(graph, given, first)
    order = _children_first(graph, roots)
    rewriting.uses.update(c for node in order for c in _arguments(graph, node))
    inside = {c for node in order if graph.nodes[node][0] == "*" for c in _arguments(graph, node)}
    rewriting.absorbed = {c for c in inside if graph.nodes[c][0] == "*" and rewriting.uses[c] == 1} - set(roots)
    for node in order:
        rewriting.add(node)
    return Hoisted(roots=tuple(rewriting.operand(r) for r in roots), prepared=tuple(rewriting.slots))


@dataclass(slots=True)
class _Rewriting:
    graph: Graph
    given: int
    first: int
    uses: Counter[Node] = field(default_factory=Counter)
    absorbed: set[Node] = field(default_factory=set)  # products that are factors of one other product only
    fixed: dict[Node, bool] = field(default_factory=dict)
    new: dict[Node, Node] = field(default_factory=dict)
    slots: dict[Node, int] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """Rewrite a node whose arguments are rewritten."""
        graph = self.graph
        kind = graph.nodes[node][0]
        arguments = _arguments(graph, node)
        if kind in LEAVES:
            self.fixed[node] = kind == "num" or (kind == "p" and int(graph.nodes[node][1]) < self.given)
        else:
            self.fixed[node] = all(self.fixed[a] for a in arguments)
        if kind in LEAVES or self.fixed[node]:
            self.new[node] = node
        elif kind == "*":
            if node not in self.absorbed:  # else a product of n factors would be taken apart n times
                self.new[node] = self._product(node)
        else:
            self.new[node] = graph.make(kind, *(self.operand(a) for a in arguments))

    def operand(self, node: Node) -> Node:
        """Give the rewritten node; an expression of parameters becomes an entry of ``p``."""
        graph = self.graph
        kind, *rest = graph.nodes[node]
        if not self.fixed[node] or kind in LEAVES:
            return self.new[node]
        if kind == "neg":  # a sign costs nothing where it is used, and the same entry serves both signs
            inner = int(rest[0])
            self.fixed[inner], self.new[inner] = True, inner
            return graph.make("neg", self.operand(inner))
        return graph.make("p", self.first + self.slots.setdefault(node, len(self.slots)))

    def _product(self, node: Node) -> Node:
        graph = self.graph
        factors, stack = [], [node]
        while stack:
            top = stack.pop()
            flat = graph.nodes[top][0] == "*" and not self.fixed[top] and (top == node or self.uses[top] == 1)
            if flat:
                stack.extend(reversed(_arguments(graph, top)))
            else:
                factors.append(top)
        constant = graph.number(1.0)
        for factor in sorted(f for f in factors if self.fixed[f]):
            constant = graph.mul(constant, factor)
        self.fixed[constant], self.new[constant] = True, constant
        out = self.operand(constant)
        for factor in factors:
            if not self.fixed[factor]:
                out = graph.mul(out, self.new[factor])
        return out


def _arguments(graph: Graph, node: Node) -> list[Node]:
    entry = graph.nodes[node]
    return [] if entry[0] in LEAVES else [int(c) for c in entry[1:]]


def _children_first(graph: Graph, roots: Sequence[Node]) -> list[Node]:
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(r, False) for r in reversed(roots)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((c, False) for c in reversed(_arguments(graph, node)) if c not in seen)
    return order
