"""States that the network keeps from becoming negative, and powers that may rely on it.

A state is kept so when it starts at zero or above, no event makes it negative, and every flux that changes it cannot lower it
where it is zero, all other such states and all parameters being as they are at their signs in the model. The solution then
never is below zero, but the numerical one is, by less than its tolerance: ``x^2.5`` would be undefined there. The base of
such a power counts as zero where it is below. So does any state in the place of the base that is below zero by less than
ten times the absolute tolerance; further below the power is undefined, and the run stops there.
"""

from collections.abc import Sequence

from hepatica.compiler.graph import LEAVES, Graph, Node

Sign = tuple[bool, bool]
"""Whether a number may be negative, and whether it may be positive."""

ANY, NOT_NEGATIVE, ZERO = (True, True), (False, True), (False, False)
FAR = 1e300
_ODD = frozenset({"sinh", "tanh", "atan", "asin", "floor", "ceil"})
_POSITIVE = frozenset(
    {"exp", "sqrt", "abs", "cosh", "factorial", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}
)


class Signs:
    """Gives the signs of nodes.

    Parameters
    ----------
    graph
        Holds the nodes.
    p0
        Values of the parameters in the model; what stands behind them in p is not negative.
    kept
        States that are not negative.
    """

    def __init__(self, graph: Graph, p0: Sequence[float], kept: frozenset[int]) -> None:
        self.graph, self.p0, self.kept = graph, p0, kept
        self.memo: dict[Node, Sign] = {}

    def of(self, node: Node) -> Sign:
        """Give the sign of a node."""
        stack = [node]
        while stack:
            top = stack[-1]
            entry = self.graph.nodes[top]
            missing = [] if entry[0] in LEAVES else [int(c) for c in entry[1:] if c not in self.memo]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if top not in self.memo:
                self.memo[top] = self._sign(top)
        return self.memo[node]

    def _sign(self, node: Node) -> Sign:
        name, *rest = self.graph.nodes[node]
        if name == "num":
            return (not rest[0] >= 0, not rest[0] <= 0)
        if name == "y":
            return NOT_NEGATIVE if rest[0] in self.kept else ANY
        if name == "p":
            return NOT_NEGATIVE if rest[0] >= len(self.p0) or self.p0[rest[0]] >= 0 else ANY
        return self._combined(str(name), [int(k) for k in rest])

    def _combined(self, name: str, arguments: list[Node]) -> Sign:
        s = [self.memo[a] for a in arguments]
        if name == "pow":
            return ZERO if s[0] == ZERO else NOT_NEGATIVE if not s[0][0] else ANY
        if name in {"-", "neg"}:
            s[-1] = s[-1][::-1]
        if name in {"+", "-"}:
            return (s[0][0] or s[1][0], s[0][1] or s[1][1])
        if name in {"*", "div"}:
            (a, b), (c, d) = s
            return (a and d) or (b and c), (b and d) or (a and c)
        if name == "select":
            return (s[1][0] or s[2][0], s[1][1] or s[2][1])
        if name == "max":
            return (s[0][0] and s[1][0], s[0][1] or s[1][1])
        if name == "min":
            return (s[0][0] or s[1][0], s[0][1] and s[1][1])
        if name in {"neg", "inv"} | _ODD:
            return s[0]
        return NOT_NEGATIVE if name in _POSITIVE else ANY


def kept_states(
    graph: Graph, p0: Sequence[float], initial: Sequence[Node], given: Sequence[tuple[int, Node]],
    rates: Sequence[Node], stoichiometry: Sequence[tuple[tuple[int, float], ...]], differential: int,
) -> frozenset[int]:  # fmt: skip
    """Give the states that never are negative.

    Parameters
    ----------
    graph, p0
        As for :class:`Signs`.
    initial, given
        Node of each state at the start; what events give to states.
    rates, stoichiometry, differential
        As in :class:`~hepatica.compiler.system.System`.
    """
    fluxes: dict[int, list[tuple[Node, float]]] = {i: [] for i in range(differential)}
    for rate, entries in zip(rates, stoichiometry, strict=True):
        for i, coefficient in entries:
            if i < differential:
                zero = graph.replaced([rate], {graph.make("y", i): graph.number(0.0)})[0]
                fluxes[i].append((zero, coefficient))
    named = {
        i: {s for n in (initial[i], *(n for n, _ in own)) for kind, s in graph.leaves(n) if kind == "y"}
        for i, own in fluxes.items()
    }
    kept, asked = frozenset(fluxes), set(fluxes)
    while True:
        signs = Signs(graph, p0, kept)
        lowered = {i for i in asked if signs.of(initial[i])[0]}
        lowered |= {i for i, node in given if i in kept and signs.of(node)[0]}
        for i in asked - lowered:
            if any(signs.of(node)[int(coefficient < 0)] for node, coefficient in fluxes[i]):  # what would lower it
                lowered.add(i)
        if not lowered:
            return kept
        kept -= lowered
        asked = {i for i in kept if named[i] & lowered}  # for the others nothing has changed


def has_powers(graph: Graph, rates: Sequence[Node]) -> bool:
    """Tell whether rates raise something that changes to a power that is no whole number."""
    return any(_is_power(graph, n) for n in graph.inner(rates))


def _is_power(graph: Graph, node: Node) -> bool:
    entry = graph.nodes[node]
    if entry[0] == "sqrt":
        return any(kind == "y" for kind, _ in graph.leaves(node))
    if entry[0] != "pow" or not any(kind == "y" for kind, _ in graph.leaves(int(entry[1]))):
        return False
    exponent = graph.value(int(entry[2]))
    return exponent is None or not exponent.is_integer()


def guard_powers(graph: Graph, rates: list[Node], p0: Sequence[float], kept: frozenset[int], tiny: Node) -> list[Node]:
    """Give rates in which the bases of such powers are not below zero, where the network keeps them so.

    Parameters
    ----------
    graph, rates, p0
        As above.
    kept
        States that never are negative.
    tiny
        By how much a state may be below zero and still count as zero.
    """
    signs, zero = Signs(graph, p0, kept), graph.number(0.0)
    replaced: dict[Node, Node] = {}
    for node in list(graph.inner(rates)):
        if not _is_power(graph, node):
            continue
        name, base, *rest = graph.nodes[node]
        inner = graph.replaced([int(base)], replaced)[0]
        above = graph.call("max", inner, zero)
        if signs.of(int(base))[0]:
            if graph.nodes[base][0] != "y":
                continue
            # far below zero where the state is below -tiny; a comparison would be a switch
            above = graph.add(above, graph.mul(graph.number(FAR), graph.call("min", graph.add(inner, tiny), zero)))
        replaced[node] = graph.call(str(name), above, *(int(k) for k in rest))
    return graph.replaced(rates, replaced) if replaced else rates
