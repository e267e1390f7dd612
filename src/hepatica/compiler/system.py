"""Model -> system of differential equations as one expression graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hepatica.compiler.graph import Graph, Node
from hepatica.errors import ModelError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.model import Apply, Expression, Model, Number, Rule, Species, Symbol, uses_time

CLOCK = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """``dy/dt = stoichiometry . rates(y, p)``.

    Parameters
    ----------
    graph
        Holds every node below.
    states, parameters
        Names of y and p.
    p0
        Values of the parameters in the model.
    initial
        One node for each state: its value at time zero as a function of p.
    rates
        One node for each flux that changes a state.
    stoichiometry
        For each flux the states it changes: ``((state, coefficient), ...)``.
    observables
        Names, and one node for each.
    """

    graph: Graph
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    p0: tuple[float, ...]
    initial: tuple[Node, ...]
    rates: tuple[Node, ...]
    stoichiometry: tuple[tuple[tuple[int, float], ...], ...]
    observables: tuple[str, ...]
    observed: tuple[Node, ...]


def build_system(model: Model, observables: Sequence[str] | None = None) -> System:
    """Write a model as ordinary differential equations.

    A species is a state in its own units: a concentration, or an amount where the model says so. A model that names time
    gets one more state, the clock, so that the equations are autonomous.

    Parameters
    ----------
    model
        The network.
    observables
        What to read out; all of the model's observables when ``None``.

    Raises
    ------
    ModelError, NotFoundError, UnsupportedError
        When a symbol is undefined or circular, an observable is unknown, or a construct is not supported.
    """
    return _Builder(model).build(observables)


class _Builder:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = Graph()
        self.assigned: dict[str, Rule] = {r.variable: r for r in model.rules if r.kind == "assignment"}
        self.rate_rules: dict[str, Rule] = {r.variable: r for r in model.rules if r.kind == "rate"}
        self.initials: dict[str, Expression] = {a.symbol: a.expression for a in model.initial_assignments}
        self.initials |= self._resized(self.initials)
        self.species = {s.id: s for s in model.species}
        changed = {name for r in model.reactions for name, _ in (*r.reactants, *r.products)}
        moving = [
            s.id for s in model.species if s.id in changed and not (s.boundary or s.constant or s.id in self.assigned)
        ]
        self.states = list(dict.fromkeys([*moving, *self.rate_rules]))
        if self._names_time():
            self.states.append(CLOCK)
        self.parameters: list[str] = []
        self.p0: list[float] = []
        self.leaf: dict[str, Node] = {name: self.graph.make("y", i) for i, name in enumerate(self.states)}
        values = [(c.id, c.size) for c in model.compartments] + [(p.id, p.value) for p in model.parameters]
        for name, value in [*values, *((s.id, self._initial_value(s)) for s in model.species)]:
            if name in self.leaf or name in self.assigned or self._is_derived(name):
                continue
            self.leaf[name] = self.graph.make("p", len(self.p0))
            self.parameters.append(name)
            self.p0.append(value)
        self.now: dict[str, Node] = {}
        self.start: dict[str, Node] = {}
        self.open: list[str] = []

    def _names_time(self) -> bool:
        model = self.model
        found = any(uses_time(r.rate) for r in model.reactions) or any(uses_time(r.expression) for r in model.rules)
        if found and CLOCK in model.by_id:
            raise UnsupportedError(
                f"model '{model.id}' names an element 'time' and also uses time; rename the element."
            )
        return found

    def _is_derived(self, name: str) -> bool:
        """A quantity that only an initial assignment defines and nothing changes is an expression of the parameters."""
        return name in self.initials and name not in self.states

    def _resized(self, initials: dict[str, Expression]) -> dict[str, Expression]:
        """Initial values in the other unit than the species' own, in compartments whose size an initial assignment sets."""
        found: dict[str, Expression] = {}
        for species in self.model.species:
            if (
                species.compartment in initials
                and species.id not in initials
                and species.amount != species.substance_only
            ):
                operator: Literal["/", "*"] = "/" if species.amount else "*"
                found[species.id] = Apply(operator, (Number(species.initial), Symbol(species.compartment)))
        return found

    def _initial_value(self, species: Species) -> float:
        size = next(c.size for c in self.model.compartments if c.id == species.compartment)
        if species.substance_only:
            return species.initial if species.amount else species.initial * size
        return species.initial / size if species.amount else species.initial

    def build(self, observables: Sequence[str] | None) -> System:
        model = self.model
        for rule in self.rate_rules.values():
            if rule.variable in {c.id for c in model.compartments}:
                raise UnsupportedError(
                    f"{model.where(rule.variable)}compartment '{rule.variable}' changes with time; hepatica needs constant compartments."
                )
        rates, stoichiometry = self._fluxes()
        names = self._observable_names(observables)
        observed = tuple(self._symbol(name, initial=False) for name in names)
        initial = tuple(self._symbol(name, initial=True) for name in self.states)
        return System(
            graph=self.graph, states=tuple(self.states), parameters=tuple(self.parameters), p0=tuple(self.p0), initial=initial,
            rates=tuple(rates), stoichiometry=tuple(stoichiometry), observables=names, observed=observed,
        )  # fmt: skip

    def _observable_names(self, observables: Sequence[str] | None) -> tuple[str, ...]:
        known = [*self.states, *self.assigned, *self.parameters]
        if observables is None:
            return self.model.observables or tuple(n for n in (*self.states, *self.assigned) if n != CLOCK)
        for name in observables:
            if name not in known and not self._is_derived(name):
                raise NotFoundError(f"model '{self.model.id}' has no observable '{name}'.{did_you_mean(name, known)}")
        return tuple(observables)

    def _fluxes(self) -> tuple[list[Node], list[tuple[tuple[int, float], ...]]]:
        index = {name: i for i, name in enumerate(self.states)}
        rates: list[Node] = []
        stoichiometry: list[tuple[tuple[int, float], ...]] = []
        for reaction in self.model.reactions:
            rate = self._node(reaction.rate, initial=False)
            net: dict[str, float] = {}
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
                for name, coefficient in side:
                    if name in index and name not in self.rate_rules:
                        net[name] = net.get(name, 0.0) + sign * coefficient
            groups: dict[str | None, list[tuple[int, float]]] = {}
            for name, coefficient in net.items():
                species = self.species[name]
                divisor = None if species.substance_only else species.compartment
                if coefficient:
                    groups.setdefault(divisor, []).append((index[name], coefficient))
            for divisor, entries in groups.items():
                flux = rate if divisor is None else self.graph.divide_out(rate, self._symbol(divisor, initial=False))
                if not self.graph.is_number(flux, 0.0):
                    rates.append(flux)
                    stoichiometry.append(tuple(sorted(entries)))
        for rule in self.rate_rules.values():
            rates.append(self._node(rule.expression, initial=False))
            stoichiometry.append(((index[rule.variable], 1.0),))
        if CLOCK in index:
            rates.append(self.graph.number(1.0))
            stoichiometry.append(((index[CLOCK], 1.0),))
        return rates, stoichiometry

    def _symbol(self, name: str, *, initial: bool) -> Node:
        memo = self.start if initial else self.now
        if name in memo:
            return memo[name]
        expression: Expression | None = None
        if name in self.assigned:
            expression = self.assigned[name].expression
        elif name in self.initials and (initial or self._is_derived(name)):
            expression = self.initials[name]
        if expression is None:
            node = self._leaf(name, initial=initial)
        else:
            if name in self.open:
                loop = " -> ".join([*self.open[self.open.index(name) :], name])
                raise ModelError(
                    f"{self.model.where(name)}the rules of model '{self.model.id}' run in a circle: {loop}."
                )
            self.open.append(name)
            # a quantity that an initial assignment fixes looks at the start of everything else
            node = self._node(expression, initial=initial or name not in self.assigned)
            self.open.pop()
        memo[name] = node
        return node

    def _leaf(self, name: str, *, initial: bool) -> Node:
        if name not in self.leaf:
            known = [*self.leaf, *self.assigned]
            raise ModelError(
                f"{self.model.where(name)}model '{self.model.id}' has no '{name}'.{did_you_mean(name, known)}"
            )
        if initial and name in self.states:
            if name == CLOCK:
                return self.graph.number(0.0)
            if name in self.species:
                return self.graph.number(self._initial_value(self.species[name]))
            return self.graph.number(next(p.value for p in self.model.parameters if p.id == name))
        return self.leaf[name]

    def _node(self, expression: Expression, *, initial: bool) -> Node:
        graph = self.graph
        if isinstance(expression, Number):
            return graph.number(expression.value)
        if isinstance(expression, Symbol):
            return self._symbol(expression.name, initial=initial)
        name = expression.operator
        if name == "time":
            return graph.number(0.0) if initial else self.leaf[CLOCK]
        arguments = [self._node(a, initial=initial) for a in expression.arguments]
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
            return self._piecewise(expression, arguments)
        direct: dict[str, Callable[..., Node]] = {"-": graph.sub, "/": graph.div, "neg": graph.neg, "pow": graph.pow}
        return direct[name](*arguments) if name in direct else graph.call(name, *arguments)

    def _piecewise(self, expression: Apply, arguments: list[Node]) -> Node:
        if len(arguments) % 2 == 0:
            arguments = [*arguments, self.graph.number(float("nan"))]
        out = arguments[-1]
        for k in reversed(range(len(arguments) // 2)):
            out = self.graph.select(arguments[2 * k + 1], arguments[2 * k], out)
        return out
