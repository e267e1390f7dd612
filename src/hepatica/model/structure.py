"""Whether a model is consistent enough to be computed."""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from hepatica.errors import ModelError, did_you_mean
from hepatica.model.expression import OPERATORS, Apply, Expression, symbols, symbols_now, takes, walk
from hepatica.model.issue import Issue
from hepatica.model.network import Model

MOST_NAMES, MOST_HINTS = 20_000, 5


def check_structure(model: Model) -> tuple[Issue, ...]:
    """Give every contradiction that makes a model impossible to compute.

    Every operator is known and has its arguments, ids are unique, every name is defined, nothing is determined twice, no
    assignment rule depends on itself, every number is finite, and where amounts are turned into concentrations there is a
    volume.
    """
    checks = (_odd_operators, _duplicates, _undefined, _determined_twice, _loops, _not_finite, _without_volume)
    return tuple(issue for check in checks for issue in check(model))


def require_structure(model: Model) -> Model:
    """Give the model back, or raise :class:`ModelError` with the first contradiction and how many there are."""
    issues = check_structure(model)
    if issues:
        more = f" ({len(issues) - 1} more like this.)" if len(issues) > 1 else ""
        raise ModelError(f"{issues[0]}{more}")
    return model


def formulas(model: Model) -> Iterator[tuple[str, str, Expression]]:
    """Give every formula as (id of its element, what it is, expression)."""
    for reaction in model.reactions:
        yield reaction.id, f"the rate of '{reaction.id}'", reaction.rate
    for rule in model.rules:
        yield rule.variable, f"the {rule.kind} rule{f" of '{rule.variable}'" if rule.variable else ''}", rule.expression
    for assignment in model.initial_assignments:
        yield assignment.symbol, f"the initial assignment of '{assignment.symbol}'", assignment.expression
    for event in model.events:
        for what, expression in (("trigger", event.trigger), ("delay", event.delay), ("priority", event.priority)):
            if expression is not None:
                yield event.id, f"the {what} of event '{event.id}'", expression
        for variable, expression in event.assignments:
            yield event.id, f"what event '{event.id}' gives to '{variable}'", expression


def place(model: Model, element: str) -> str:
    """Give ``file:line`` of an element, or its id."""
    return model.origin.get(element, element or model.id)


def _error(model: Model, element: str, message: str) -> Issue:
    return Issue(severity="error", where=place(model, element), message=message)


def _odd_operators(model: Model) -> Iterator[Issue]:
    for element, what, expression in formulas(model):
        for node in walk(expression):
            if isinstance(node, Apply) and not takes(node.operator, len(node.arguments)):
                if node.operator in OPERATORS:
                    wrong = f"'{node.operator}' does not take {len(node.arguments)} arguments; correct {what}."
                else:
                    wrong = f"no operator '{node.operator}' for {what}.{did_you_mean(node.operator, OPERATORS)}"
                yield _error(model, element, wrong)


def require_operators(model: Model) -> None:
    """Raise :class:`ModelError` for the first operator that is unknown, or has a wrong number of arguments."""
    for issue in _odd_operators(model):
        raise ModelError(str(issue))


def _duplicates(model: Model) -> Iterator[Issue]:
    groups = (model.compartments, model.species, model.parameters, model.reactions)
    for name, count in Counter(e.id for group in groups for e in group).items():
        if count > 1:
            yield _error(model, name, f"the id '{name}' is given to {count} elements; rename all but one.")


def _undefined(model: Model) -> Iterator[Issue]:
    hints = itertools.count()

    def hint(name: str, near: Collection[str]) -> str:
        # looking for near names takes long where there are thousands
        return did_you_mean(name, near) if len(near) <= MOST_NAMES and next(hints) < MOST_HINTS else ""

    compartments = {c.id for c in model.compartments}
    species = {s.id for s in model.species}
    parameters = {p.id for p in model.parameters}
    known = compartments | species | parameters | {r.id for r in model.reactions}
    for s in model.species:
        if s.compartment not in compartments:
            near = hint(s.compartment, compartments)
            yield _error(model, s.id, f"species '{s.id}' lies in no compartment '{s.compartment}'.{near}")
    for reaction in model.reactions:
        for name in dict.fromkeys([n for n, _ in (*reaction.reactants, *reaction.products)] + list(reaction.modifiers)):
            if name not in species:
                yield _error(model, reaction.id, f"no species '{name}'.{hint(name, species)}")
        for _, number in (*reaction.reactants, *reaction.products):
            if isinstance(number, str) and number not in parameters:
                yield _error(model, reaction.id, f"no stoichiometry '{number}'.{hint(number, parameters)}")
    for element, what, expression in formulas(model):
        for name in sorted(symbols(expression) - known):
            yield _error(model, element, f"no species or parameter '{name}' for {what}.{hint(name, known)}")
    for s in model.species:
        if s.conversion and s.conversion not in parameters:
            near = hint(s.conversion, parameters)
            yield _error(model, s.id, f"species '{s.id}' has no conversion factor '{s.conversion}'.{near}")
    targets = [r.variable for r in model.rules if r.kind != "algebraic"] + [a.symbol for a in model.initial_assignments]
    targets += [variable for event in model.events for variable, _ in event.assignments]
    for name in [*targets, *model.observables]:
        if name not in (known if name in model.observables else known - {r.id for r in model.reactions}):
            yield _error(model, name, f"no species or parameter '{name}'.{hint(name, known)}")


def _determined_twice(model: Model) -> Iterator[Issue]:
    ruled = Counter(r.variable for r in model.rules if r.kind != "algebraic")
    initial = Counter(a.symbol for a in model.initial_assignments)
    assigned = {r.variable for r in model.rules if r.kind == "assignment"}
    for name, count in ruled.items():
        if count > 1:
            yield _error(model, name, f"'{name}' has {count} rules; keep one.")
        if getattr(model.by_id.get(name), "constant", False):
            yield _error(model, name, f"'{name}' is constant but has a rule; declare it variable.")
    for name, count in initial.items():
        if count > 1 or name in assigned:
            yield _error(model, name, f"'{name}' is given at time zero more than once; keep one.")
    for event in model.events:
        for name, count in Counter(variable for variable, _ in event.assignments).items():
            if count > 1:
                yield _error(model, event.id, f"event '{event.id}' gives '{name}' a value {count} times; keep one.")
            if getattr(model.by_id.get(name), "constant", False) or name in assigned:
                why = "has an assignment rule" if name in assigned else "is constant"
                yield _error(
                    model, event.id, f"event '{event.id}' changes '{name}', which {why}; remove one of the two."
                )
    fixed = {s.id for s in model.species if s.boundary or s.constant}
    for reaction in model.reactions:
        for name in dict.fromkeys(n for n, _ in (*reaction.reactants, *reaction.products)):
            if name in ruled and name not in fixed:
                yield _error(
                    model,
                    reaction.id,
                    f"species '{name}' is changed by reaction '{reaction.id}' and by a rule; keep one.",
                )


def _loops(model: Model) -> Iterator[Issue]:
    edges: dict[str, frozenset[str]] = {
        r.variable: symbols_now(r.expression) for r in model.rules if r.kind == "assignment"
    }
    edges |= {r.id: symbols_now(r.rate) for r in model.reactions}
    loop = find_loop(edges)
    if not loop:
        loop = find_loop(edges | {a.symbol: symbols_now(a.expression) for a in model.initial_assignments})
    if loop:
        path = " -> ".join((*loop, loop[0]))
        yield _error(model, loop[0], f"{path} depend on each other in a circle; break it.")


def find_loop(edges: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Give the names on one circle of dependencies, or nothing."""
    try:
        TopologicalSorter({name: needed & edges.keys() for name, needed in edges.items()}).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1][1:]))
    return ()


def _not_finite(model: Model) -> Iterator[Issue]:
    """Infinity is a number in SBML, as a bound for instance; a value of nothing is one that is missing."""
    used = {name for _, _, expression in formulas(model) for name in symbols(expression)}
    given = {r.variable for r in model.rules} | {a.symbol for a in model.initial_assignments}
    given |= {name for event in model.events for name, _ in event.assignments}
    if any(r.kind == "algebraic" for r in model.rules):
        given |= {c.id for c in model.compartments if not c.constant}
    for p in model.parameters:
        if math.isnan(p.value) and p.id in used - given and p.constant:
            yield _error(model, p.id, f"parameter '{p.id}' has no value; give it one.")
    values = [
        (s.id, f"the initial value of species '{s.id}' is", s.initial) for s in model.species if s.id not in given
    ]
    values += [(c.id, f"the size of compartment '{c.id}' is", c.size) for c in model.compartments if c.id not in given]
    for reaction in model.reactions:
        for name, number in (*reaction.reactants, *reaction.products):
            if not isinstance(number, str):
                values.append((reaction.id, f"the stoichiometry of '{name}' in '{reaction.id}' is", number))
    for element, what, value in values:
        if not math.isfinite(value):
            yield _error(model, element, f"{what} {value}; expected a finite number.")


def _without_volume(model: Model) -> Iterator[Issue]:
    """A concentration needs a volume above zero, unless something else than the compartment's size gives it."""
    at_start = {r.variable for r in model.rules if r.kind == "assignment"} | {
        a.symbol for a in model.initial_assignments
    }
    later = at_start | {r.variable for r in model.rules} | {n for e in model.events for n, _ in e.assignments}
    algebraic = any(r.kind == "algebraic" for r in model.rules)
    flat = {c.id: c.size for c in model.compartments if c.size <= 0 and (c.constant or not algebraic)}
    moving = {name for r in model.reactions for name, _ in (*r.reactants, *r.products)} if flat else set()
    for s in model.species:
        if s.compartment not in flat or s.substance_only:
            continue
        starts = s.amount and not {s.id, s.compartment} & at_start
        moves = s.id in moving and s.compartment not in later and not (s.boundary or s.constant)
        if starts or moves:
            message = (
                f"compartment '{s.compartment}' has the size {flat[s.compartment]:g}, but species '{s.id}' needs a volume "
                "above zero; give one."
            )
            yield _error(model, s.compartment, message)
