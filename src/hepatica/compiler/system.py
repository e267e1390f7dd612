"""Model -> system of differential and algebraic equations as one expression graph."""

from collections.abc import Sequence
from dataclasses import dataclass

from hepatica.compiler.formulas import Formulas
from hepatica.compiler.graph import Graph, Node
from hepatica.compiler.names import CLOCK, Names, is_hidden
from hepatica.compiler.signs import guard_powers, has_powers, kept_states
from hepatica.compiler.switches import Watch, hold_conditions, periodic_functions, watch_conditions
from hepatica.errors import NotFoundError, did_you_mean
from hepatica.model import Event, Model

__all__ = ["CLOCK", "Happening", "System", "build_system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event: its delay, priority and new values of states as nodes.

    Parameters
    ----------
    delay, priority
        Nodes; the delay is zero, the priority minus infinity, where the event has none.
    assignments
        (state, its new value, and a factor of that, which is always of the moment of the assignment).
    initial_value, persistent, at_trigger
        As in :class:`~hepatica.model.Event`.
    """

    delay: Node
    priority: Node
    assignments: tuple[tuple[int, Node, Node], ...]
    initial_value: bool
    persistent: bool
    at_trigger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """``M dy/dt = stoichiometry . rates(y, p)``, where M has ones for the differential states and zeros for the rest.

    Parameters
    ----------
    graph
        Holds every node below.
    states, parameters
        Names of y and p; the initial values of states that are numbers stand among the parameters, under the state's name.
    differential
        How many states are differential; the algebraic ones come last.
    indirect
        States that hold something else than the value of their name: amounts where a compartment changes.
    p0
        Values of the parameters in the model.
    initial
        One node for each state: its value at time zero as a function of p.
    rates
        One node for each flux that changes a state, and for each algebraic equation.
    stoichiometry
        For each flux the states it changes: ``((state, coefficient), ...)``.
    observables
        Names, and one node for each.
    watch, happenings
        Conditions that change during a run, and events.
    past, fast, powers
        Whether a past is kept, whether there are fast reactions, and powers that need to know what is nearly zero.
    delayed, delays, before
        Nodes whose past is needed, how long ago, and what they were before the start.
    """

    graph: Graph
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    differential: int
    indirect: tuple[str, ...]
    p0: tuple[float, ...]
    initial: tuple[Node, ...]
    rates: tuple[Node, ...]
    stoichiometry: tuple[tuple[tuple[int, float], ...], ...]
    observables: tuple[str, ...]
    observed: tuple[Node, ...]
    watch: Watch
    happenings: tuple[Happening, ...]
    past: bool
    fast: bool
    powers: bool
    delayed: tuple[Node, ...]
    delays: tuple[Node, ...]
    before: tuple[Node, ...]


def build_system(model: Model, observables: Sequence[str] | None = None) -> System:
    """Write a model as differential and algebraic equations.

    A species is a state in its own units: a concentration, or an amount where the model says so or its compartment
    changes. A model that names time gets one more state, the clock, so that the equations are autonomous; and one with
    conditions of periodic functions a state for each of these, so that error control sees them.

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
    return _build(Names(model), observables)


def _build(names: Names, observables: Sequence[str] | None) -> System:
    model, graph = names.model, Graph()
    formulas = Formulas(names, graph)
    rates, stoichiometry = _fluxes(names, formulas)
    chosen = _observable_names(names, formulas, observables)
    observed = tuple(formulas.symbol(name) for name in chosen)
    initial = tuple(formulas.start(name) for name in names.states)
    triggers = tuple(formulas.node(e.trigger) for e in model.events)
    still = _still(names, stoichiometry)
    waves = periodic_functions(graph, (*rates, *triggers), still)
    if len(waves) > len(names.waves):
        return _build(Names(model, len(waves)), observables)
    for name, wave in zip(names.waves, waves, strict=True):
        rates.append(formulas.slow(formulas.slope(wave)))
        stoichiometry.append(((names.index[name], 1.0),))
    happenings = tuple(_happening(names, formulas, e) for e in model.events)
    powers = has_powers(graph, rates)
    if powers:
        given = [(i, x) for h in happenings for i, x, _ in h.assignments]
        kept = kept_states(graph, formulas.p0, initial, given, rates, stoichiometry, len(names.differential))
        rates = guard_powers(graph, rates, formulas.p0, kept, graph.make("p", formulas.first_mode))
    held, switches = hold_conditions(graph, rates, triggers, formulas.first_mode + powers)
    clock = names.index.get(CLOCK, -1)
    return System(
        graph=graph, states=tuple(names.states), parameters=tuple(formulas.parameters),
        differential=len(names.differential),
        indirect=tuple(n for n in names.states if names.by_amount(n)),
        p0=tuple(formulas.p0), initial=initial, rates=tuple(held), stoichiometry=tuple(stoichiometry),
        observables=chosen, observed=observed, watch=watch_conditions(graph, switches, triggers, clock, still),
        happenings=happenings, past=names.delays, fast=names.fast, powers=powers, delayed=tuple(formulas.delayed),
        delays=tuple(dict.fromkeys(formulas.delays)),
        before=tuple(formulas.before),
    )  # fmt: skip


def _still(names: Names, stoichiometry: Sequence[tuple[tuple[int, float], ...]]) -> frozenset[int]:
    """Give the states that only events change."""
    moved = {i for entries in stoichiometry for i, _ in entries}
    return frozenset(i for i in range(len(names.states)) if i not in moved)


def _observable_names(names: Names, formulas: Formulas, observables: Sequence[str] | None) -> tuple[str, ...]:
    if observables is None:
        return names.model.observables or tuple(n for n in (*names.states, *names.assigned) if not is_hidden(n))
    known = {*names.index, *names.assigned, *formulas.parameters, *names.reactions} - {
        n for n in names.states if is_hidden(n)
    }
    for name in observables:
        if name not in known and not names.derived(name):
            raise NotFoundError(f"model '{names.model.id}' has no observable '{name}'.{did_you_mean(name, known)}")
    return tuple(observables)


def _fluxes(names: Names, formulas: Formulas) -> tuple[list[Node], list[tuple[tuple[int, float], ...]]]:
    """Give the fluxes with the states that they change, and behind them the algebraic equations."""
    graph = formulas.graph
    rates: list[Node] = []
    stoichiometry: list[tuple[tuple[int, float], ...]] = []

    def add(node: Node, *entries: tuple[int, float]) -> None:
        if entries and not graph.is_number(node, 0.0):
            rates.append(node)
            stoichiometry.append(tuple(sorted(entries)))

    for reaction in names.model.reactions:
        groups: dict[Node | None, list[tuple[int, float]]] = {}
        for name, change in formulas.changes(reaction.id).items():
            i, number, divisor = names.index[name], graph.value(change), formulas.divisor(name)
            if number is None:
                flux = graph.mul(formulas.paced(reaction), change)
                add(flux if divisor is None else graph.divide_out(flux, divisor), (i, 1.0))
            elif number:
                groups.setdefault(divisor, []).append((i, number))
        for divisor, entries in groups.items():
            flux = formulas.paced(reaction)
            add(flux if divisor is None else graph.divide_out(flux, divisor), *entries)
    for name in names.rate_rules:
        add(formulas.slow(formulas.ruled(name)), (names.index[name], 1.0))
    if CLOCK in names.index:
        add(formulas.slow(graph.number(1.0)), (names.index[CLOCK], 1.0))
    for name, expression in names.algebraic.items():
        rates.append(formulas.node(expression))
        stoichiometry.append(((names.index[name], 1.0),))
    return rates, stoichiometry


def _happening(names: Names, formulas: Formulas, event: Event) -> Happening:
    graph = formulas.graph

    def factor(name: str) -> Node:
        # an amount is that of the compartment as it was, whatever else the event changes
        return formulas.symbol(names.species[name].compartment) if names.by_amount(name) else graph.number(1.0)

    def assigned(name: str, node: Node) -> tuple[int, Node, Node]:
        if event.at_trigger:
            return names.index[name], node, factor(name)
        return names.index[name], graph.mul(node, factor(name)), graph.number(1.0)  # both are of the same moment

    return Happening(
        delay=graph.number(0.0) if event.delay is None else formulas.node(event.delay),
        priority=graph.number(float("-inf")) if event.priority is None else formulas.node(event.priority),
        assignments=tuple(assigned(n, formulas.node(x)) for n, x in event.assignments),
        initial_value=event.initial_value, persistent=event.persistent, at_trigger=event.at_trigger,
    )  # fmt: skip
