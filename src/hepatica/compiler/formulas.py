"""Expressions of a model -> nodes of a graph."""

import math
from collections.abc import Callable

from hepatica.compiler.graph import COMPARISONS, STEPS, Graph, Node
from hepatica.compiler.names import CLOCK, Names, is_hidden
from hepatica.errors import ModelError, UnsupportedError, did_you_mean
from hepatica.model import Apply, Expression, Number, Reaction, Symbol, symbols

DEEP = 50
"""Rules that are followed one inside the other, before the rest is computed from the other end."""


class Formulas:
    """Gives the node of every name and expression, now or at the start of a run.

    Parameters
    ----------
    names
        The roles of the names.
    graph
        Where the nodes go.
    """

    def __init__(self, names: Names, graph: Graph) -> None:
        self.names, self.graph, self.model = names, graph, names.model
        self.parameters: list[str] = []
        self.p0: list[float] = []
        self.leaf: dict[str, Node] = {name: graph.make("y", i) for i, name in enumerate(names.states)}
        self.first: dict[str, Node] = {}
        for name in names.values():
            node = graph.make("p", len(self.p0))
            (self.first if name in names.index else self.leaf)[name] = node
            self.parameters.append(name)
            value = names.initial_value(name)
            # an algebraic variable without a value needs some number from where to search for it
            self.p0.append(1.0 if math.isnan(value) and name in names.algebraic else value)
        self.delayed: list[Node] = []
        self.delays: list[Node] = []
        self.before: list[Node] = []
        self._now: dict[str, Node] = {}
        self._start: dict[str, Node] = {}
        self._open: list[str] = []
        self._exact = False
        self._slopes: dict[str, Node] = {}
        self._reactions: dict[str, list[str]] = {}

    def symbol(self, name: str, *, initial: bool = False) -> Node:
        """Give the node of a name, as a formula sees it: a species is its concentration unless it is substance only."""
        memo = self._memo(initial)
        if name in memo:
            return memo[name]
        if name in self._open:
            loop = " -> ".join([*self._open[self._open.index(name) :], name])
            raise ModelError(f"{self.model.where(name)}the rules of model '{self.model.id}' run in a circle: {loop}.")
        if len(self._open) == DEEP:  # a chain of rules may be longer than Python's stack is deep
            for needed, at_start in self._needed_first(name, initial):
                self.symbol(needed, initial=at_start)
        self._open.append(name)
        exact, self._exact = self._exact, False
        try:
            node = self._symbol(name, initial=initial)
        finally:
            self._open.pop()
            self._exact = exact
        memo[name] = node
        return node

    def _needed_first(self, name: str, initial: bool) -> list[tuple[str, bool]]:  # noqa: FBT001
        """Give the names with a formula that a name builds on, and whether at the start; first what others need."""
        order: list[tuple[str, bool]] = []
        seen: set[tuple[str, bool]] = set()
        stack = [(name, initial, False)]
        while stack:
            top, at_start, done = stack.pop()
            formula = self._formula(top, initial=at_start)
            if done:
                order.append((top, at_start))
            elif formula is not None and (top, at_start) not in seen and top not in self._memo(at_start):
                seen.add((top, at_start))
                stack.append((top, at_start, True))
                stack.extend((other, formula[1], False) for other in sorted(symbols(formula[0])))
        return order[:-1]

    def _memo(self, at_start: bool) -> dict[str, Node]:  # noqa: FBT001
        return self._start if at_start else self._now

    def _formula(self, name: str, *, initial: bool) -> tuple[Expression, bool] | None:
        """Give what a name is computed from, and whether from values at the start."""
        names = self.names
        if name in names.assigned:
            return names.assigned[name], initial
        if name in names.reactions:
            return names.reactions[name].rate, initial
        if name in names.initials and (initial or names.derived(name)):
            # a quantity that an initial assignment fixes looks at the start of everything else
            return names.initials[name], True
        return None

    def _symbol(self, name: str, *, initial: bool) -> Node:
        names, formula = self.names, self._formula(name, initial=initial)
        if formula is not None:
            return self.node(formula[0], initial=formula[1])
        if initial and name in names.index:
            return self._first(name)
        if names.by_amount(name):
            return self.graph.div(self.amount(name), self.symbol(names.species[name].compartment))
        if name not in self.leaf:
            known = [*self.leaf, *names.assigned]
            raise ModelError(
                f"{self.model.where(name)}model '{self.model.id}' has no '{name}'.{did_you_mean(name, known)}"
            )
        return self.leaf[name]

    def _first(self, name: str) -> Node:
        if is_hidden(name):
            return self.graph.number(0.0 if name == CLOCK else 1.0)
        return self.first[name]

    def amount(self, name: str, *, initial: bool = False) -> Node:
        """Give the amount of a species."""
        graph, names = self.graph, self.names
        species = names.species[name]
        if initial or not names.by_amount(name):
            value = self.symbol(name, initial=initial)
            return (
                value if species.substance_only else graph.mul(value, self.symbol(species.compartment, initial=initial))
            )
        return self.leaf[name]

    def start(self, name: str) -> Node:
        """Give the value of a state at time zero."""
        return self.amount(name, initial=True) if self.names.by_amount(name) else self.symbol(name, initial=True)

    def slope(self, node: Node) -> Node:
        """Give the derivative of a node with respect to time, along the solution."""
        graph, total = self.graph, self.graph.number(0.0)
        for kind, index in sorted(graph.leaves(node)):
            if kind == "y":
                name = self.names.states[index]
                rate = self.state_slope(name)
                total = graph.add(total, graph.mul(graph.derivative(node, (kind, index)), rate))
        return total

    def state_slope(self, name: str) -> Node:
        """Give d state / dt as one node."""
        if name not in self._slopes:
            names = self.names
            if name in names.algebraic:
                raise UnsupportedError(
                    f"{self.model.where(name)}the rate of '{name}' is asked for, which an algebraic rule determines; "
                    "this is not supported."
                )
            if name in self._open:
                raise ModelError(f"{self.model.where(name)}the rate of change of '{name}' depends on itself.")
            self._open.append(name)
            total = self.graph.number(0.0)
            for flux in self.fluxes_of(name):
                total = self.graph.add(total, flux)
            self._open.pop()
            self._slopes[name] = total
        return self._slopes[name]

    def fluxes_of(self, name: str) -> list[Node]:
        """Give what changes a state, in its own unit per time."""
        graph, names = self.graph, self.names
        if name == CLOCK:
            return [graph.number(1.0)]
        if name in names.rate_rules:
            return [self.ruled(name)]
        if name not in names.species:
            return []  # a parameter that events change jumps
        divisor, out = self.divisor(name), []
        for reaction in self._touching().get(name, ()):
            flux = self.symbol(reaction)
            flux = flux if divisor is None else graph.divide_out(flux, divisor)
            out.append(graph.mul(flux, self.changes(reaction)[name]))
        return out

    def ruled(self, name: str) -> Node:
        """Give d state / dt of a name with a rate rule; of the amount, where a concentration is kept as one."""
        graph, slope = self.graph, self.node(self.names.rate_rules[name])
        if not self.names.by_amount(name):
            return slope
        size = self.symbol(self.names.species[name].compartment)
        return graph.add(graph.mul(slope, size), graph.mul(self.symbol(name), self.slope(size)))

    @property
    def first_mode(self) -> int:
        """Place in p behind the address of the past and the paces."""
        return len(self.p0) + self.names.delays + 2 * self.names.fast

    def paced(self, reaction: Reaction) -> Node:
        """Give the rate of a reaction times the pace of fast or of slow things, where there are both."""
        return self._at_pace(self.symbol(reaction.id), fast=reaction.fast)

    def slow(self, node: Node) -> Node:
        """Give a node times the pace of slow things."""
        return self._at_pace(node, fast=False)

    def _at_pace(self, node: Node, *, fast: bool) -> Node:
        if not self.names.fast:
            return node
        return self.graph.mul(node, self.graph.make("p", len(self.p0) + self.names.delays + (not fast)))

    def _touching(self) -> dict[str, list[str]]:
        """Give the slow reactions that change each state."""
        if not self._reactions:
            for reaction in self.model.reactions:
                for name in () if reaction.fast else self.changes(reaction.id):
                    self._reactions.setdefault(name, []).append(reaction.id)
        return self._reactions

    def divisor(self, name: str) -> Node | None:
        """Give the compartment by which a flux is divided for a state that is a concentration."""
        species = self.names.species[name]
        if species.substance_only or self.names.by_amount(name):
            return None
        return self.symbol(species.compartment)

    def changes(self, reaction: str) -> dict[str, Node]:
        """Give the net stoichiometry of the states that a reaction changes, conversion factors included."""
        graph, names = self.graph, self.names
        net: dict[str, Node] = {}
        for sign, side in ((-1.0, names.reactions[reaction].reactants), (1.0, names.reactions[reaction].products)):
            for species, number in side:
                if species in names.floating:
                    node = self.symbol(number) if isinstance(number, str) else graph.number(number)
                    node = graph.mul(graph.number(sign), node)
                    net[species] = graph.add(net[species], node) if species in net else node
        for name in net:
            factor = names.species[name].conversion
            net[name] = graph.mul(net[name], self.symbol(factor)) if factor else net[name]
        return net

    def node(self, expression: Expression, *, initial: bool = False) -> Node:
        """Give the node of an expression."""
        graph = self.graph
        if isinstance(expression, Number):
            return graph.number(expression.value)
        if isinstance(expression, Symbol):
            return self.symbol(expression.name, initial=initial)
        name = expression.operator
        if name == "time":
            return graph.number(0.0) if initial else self.leaf[CLOCK]
        if name == "rateOf":
            return self._rate_of(expression.arguments[0], initial=initial)
        exact, self._exact = self._exact, self._exact or name in COMPARISONS | STEPS
        arguments = [self.node(a, initial=initial) for a in expression.arguments]
        self._exact = exact
        if name == "/" and exact:
            return graph.call("div", *arguments)
        if name == "delay":
            before = self.node(self._at_rest(expression.arguments[0]), initial=initial)
            return before if initial else self._delay(arguments[0], arguments[1], before)
        if name in {"+", "*"}:
            out = graph.number(0.0 if name == "+" else 1.0)
            for a in arguments:
                out = graph.add(out, a) if name == "+" else graph.mul(out, a)
            return out
        if name in {"and", "or", "min", "max"}:
            out = arguments[0]
            for a in arguments[1:]:
                out = graph.call(name, out, a)
            return out
        if name == "piecewise":
            return self._piecewise(arguments)
        direct: dict[str, Callable[..., Node]] = {"-": graph.sub, "/": graph.div, "neg": graph.neg, "pow": graph.pow}
        return direct[name](*arguments) if name in direct else graph.call(name, *arguments)

    def _piecewise(self, arguments: list[Node]) -> Node:
        if len(arguments) % 2 == 0:
            arguments = [*arguments, self.graph.number(float("nan"))]
        out = arguments[-1]
        for k in reversed(range(len(arguments) // 2)):
            out = self.graph.select(arguments[2 * k + 1], arguments[2 * k], out)
        return out

    def _rate_of(self, argument: Expression, *, initial: bool) -> Node:
        if not isinstance(argument, Symbol):
            raise ModelError(f"model '{self.model.id}' asks for the rateOf a formula; expected a name.")
        node = self.slope(self.symbol(argument.name))
        if not initial:
            return node
        states = [self.names.states[i] for kind, i in self.graph.leaves(node) if kind == "y"]
        return self.graph.replaced([node], {self.leaf[name]: self.start(name) for name in states})[0]

    def _delay(self, node: Node, ago: Node, before: Node) -> Node:
        """Give a node as it was some time ago, ``before`` the start; what never changes is as it was."""
        graph, clock = self.graph, self.names.index[CLOCK]
        then = graph.sub(self.leaf[CLOCK], ago)
        told = ("y", clock) in graph.leaves(before)  # time went on before the start, all else stood still
        if told:
            states = [self.names.states[i] for kind, i in graph.leaves(before) if kind == "y"]
            before = graph.replaced([before], {self.leaf[n]: then if n == CLOCK else self.start(n) for n in states})[0]
        if {i for kind, i in graph.leaves(node) if kind == "y"} <= {clock}:
            past = graph.replaced([node], {self.leaf[CLOCK]: then})[0]
        else:
            if node not in self.delayed:
                self.delayed.append(node)
                self.before.append(graph.number(0.0) if told else before)
            self.delays.append(ago)
            memory, number = graph.make("p", len(self.p0)), graph.number(self.delayed.index(node))
            past = graph.make("past", memory, number, then)
        if told:
            past = graph.select(graph.call("lt", then, graph.number(0.0)), before, past)
        return graph.select(graph.call("gt", ago, graph.number(0.0)), past, node)

    def _at_rest(self, expression: Expression) -> Expression:
        """Give an expression as it was before the start: nothing changed, initial assignments held."""
        names = self.names
        if isinstance(expression, Symbol):
            given = names.assigned.get(expression.name, names.initials.get(expression.name))
            return expression if given is None else self._at_rest(given)
        if not isinstance(expression, Apply):
            return expression
        if expression.operator == "rateOf":
            return Number(0.0)
        return Apply(expression.operator, tuple(self._at_rest(a) for a in expression.arguments))
