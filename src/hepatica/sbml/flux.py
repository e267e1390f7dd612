"""Reaction ids in formulas, replaced by the reactions' rates."""

from dataclasses import replace
from graphlib import TopologicalSorter

from hepatica.errors import ModelError
from hepatica.model.expression import Expression, substitute, symbols
from hepatica.model.network import Model
from hepatica.model.structure import find_loop, place
from hepatica.sbml.mathml import limit


def inline_fluxes(model: Model) -> Model:
    """Give the model with every reaction id in a formula replaced by the rate of that reaction.

    Raises
    ------
    ModelError
        When rates depend on each other in a circle.
    """
    names = {r.id for r in model.reactions}
    needed = {r.id: symbols(r.rate) & names for r in model.reactions}
    loop = find_loop(needed)
    if loop:
        path = " -> ".join((*loop, loop[0]))
        raise ModelError(f"{place(model, loop[0])}: the rates {path} depend on each other in a circle; break it.")
    rates: dict[str, Expression] = {r.id: r.rate for r in model.reactions}

    def resolve(expression: Expression, element: str) -> Expression:
        used = symbols(expression) & names
        return limit(substitute(expression, {n: rates[n] for n in used}), place(model, element)) if used else expression

    for name in TopologicalSorter(needed).static_order():
        rates[name] = resolve(rates[name], name)
    return replace(
        model,
        reactions=tuple(replace(r, rate=rates[r.id]) for r in model.reactions),
        rules=tuple(replace(r, expression=resolve(r.expression, r.variable)) for r in model.rules),
        initial_assignments=tuple(
            replace(a, expression=resolve(a.expression, a.symbol)) for a in model.initial_assignments
        ),
    )
