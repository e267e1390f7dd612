"""What the machine code of the tangent and of the adjoint of a step consists of: programs, sizes and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.compile import METHODS, conditions_of
from hepatica.compiler.forward import Partials, lower_coefficients, lower_partials, lower_sweep
from hepatica.compiler.graph import COMPARISONS, Node
from hepatica.compiler.jacobian import Elimination, Jacobian, build_jacobian, plan_elimination, straight_until
from hepatica.compiler.lower import Program, lower_factor, lower_rhs, lower_solve
from hepatica.compiler.prepare import Preparation
from hepatica.compiler.reverse import (
    lower_outer,
    lower_partials_pull,
    lower_pull,
    lower_rhs_pull,
    lower_solve_transposed,
)
from hepatica.compiler.schedule import schedule
from hepatica.compiler.system import System, build_system
from hepatica.compiler.targets.llvm import functions_of
from hepatica.compiler.targets.llvm_derivatives import write_adjoint, write_tangent
from hepatica.compiler.targets.llvm_layout import Layout
from hepatica.errors import UnsupportedError
from hepatica.model import Model

Description = dict[str, Any]
NO_CHANGE = 1e-11  # relative size of a squared stoichiometric number that is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Differentiable:
    """A system that can be differentiated, its Jacobian and the order of its elimination."""

    system: System
    jacobian: Jacobian
    plan: Elimination


def differentiable(model: Model, observables: Sequence[str] | None) -> Differentiable:
    """Write a model as equations that can be differentiated.

    Raises
    ------
    UnsupportedError
        When the model has what hepatica can simulate, but not differentiate.
    """
    system = build_system(model, observables)
    number = system.graph.is_number
    algebraic = system.differential < len(system.states)
    reasons = {
        "delays": system.past,
        "fast reactions": system.fast,
        "delayed events": any(not number(e.delay, 0.0) for e in system.happenings),
        "algebraic rules beside events or conditions": algebraic and bool(system.happenings or system.watch.switches),
        "events that set what a changing compartment holds": any(
            not number(factor, 1.0) for e in system.happenings for _, _, factor in e.assignments
        ),
    }
    for what, has in reasons.items():
        if has:
            raise UnsupportedError(
                f"model '{model.id}' has {what}; hepatica can simulate it, but not differentiate it."
            )
    jacobian = build_jacobian(system)
    return Differentiable(system=system, jacobian=jacobian, plan=plan_elimination(len(system.states), jacobian.entries))


def distances(system: System) -> tuple[Node, ...]:
    """Give for each condition that is held within a step a quantity that passes a level where the condition changes."""
    graph = system.graph
    nodes = [(str(graph.nodes[n][0]), [int(c) for c in graph.nodes[n][1:]]) for n in system.watch.switches]
    return tuple(graph.sub(*a) if name in COMPARISONS else a[0] for name, a in nodes)


def new_values(system: System) -> tuple[Node, ...]:
    """Give the new values that events give to states, event by event."""
    return tuple(node for event in system.happenings for _, node, _ in event.assignments)


def conserved_sums(system: System) -> NDArray[np.float64]:
    """Give an orthonormal basis of the sums of states that no flux changes, shape (sum, state)."""
    matrix = np.zeros((len(system.states), len(system.rates)))
    for k, changes in enumerate(system.stoichiometry):
        for row, coefficient in changes:
            matrix[row, k] += coefficient
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    return np.ascontiguousarray(vectors[:, values <= NO_CHANGE * max(1.0, float(values[-1]))].T)


def _shortened(system: System, programs: Sequence[Program]) -> tuple[tuple[Program, ...], dict[str, int]]:
    """Take out what depends on parameters alone, and order the operations; gives the lengths of scratch too."""
    given = len(system.parameters)
    preparation = Preparation(given, given + conditions_of(system).hidden)
    out, scratch = [], 1
    for program in programs:
        shorter, size = schedule(preparation.without(program), free=program.name == "rhs")
        out.append(shorter)
        scratch = max(scratch, size)
    return (*out, preparation.program()), {"w": scratch, "prepared": preparation.size}


def _pull(name: str, system: System, outputs: Sequence[Node]) -> tuple[Program, int]:
    return lower_pull(
        name, system.graph, outputs, arguments=("y", "p", "s", "yb", "pb"), bars={"y": "yb", "p": "pb"},
        stored={"yb": len(system.states)}, strict=True,  # of some outputs at a time, most are not asked for
    )  # fmt: skip


def adjoint_of(equations: Differentiable, layout: Layout) -> tuple[Description, str]:
    """Write the adjoint of a step: its description, and its IR."""
    system, jacobian, plan = equations.system, equations.jacobian, equations.plan
    rhs_pull, fluxes = lower_rhs_pull(system)
    partials_pull, partials = lower_partials_pull(system, jacobian)
    observe_pull, observed = _pull("observe_pull", system, system.observed)
    roots_pull, roots = _pull("roots_pull", system, distances(system))
    assign_pull, assigned = _pull("assign_pull", system, new_values(system))
    initial_pull, initial = lower_pull(
        "initial_pull", system.graph, system.initial, arguments=("p", "s", "pb"), bars={"p": "pb"}
    )
    often, sizes = _shortened(
        system, (lower_rhs(system), lower_factor(system, jacobian, plan, straight_until(plan)), rhs_pull, partials_pull)
    )
    programs = (
        *often, lower_solve(plan), lower_solve_transposed(plan), observe_pull, initial_pull, roots_pull, assign_pull,
        *(lower_outer(system, jacobian, t, fluxes) for t in METHODS),
    )  # fmt: skip
    text = write_adjoint(programs, layout, METHODS, len(system.states), system.differential, fluxes)
    sizes |= {
        "lu": len(plan.slot), "v": fluxes, "s": partials, "so": observed, "si": initial, "sr": roots, "sa": assigned,
    }  # fmt: skip
    return _description(system, text, sizes), text


def tangent_of(
    equations: Differentiable, layout: Layout, parameters: Sequence[int], vectors: int
) -> tuple[Description, str]:
    """Write the tangent of a step by some parameters: its description, and its IR."""
    system, jacobian, plan = equations.system, equations.jacobian, equations.plan
    coefficients = lower_coefficients(system, jacobian, parameters)

    def slopes(name: str, outputs: Sequence[Node], *arguments: str) -> Partials:
        return lower_partials(name, system.graph, outputs, parameters, (*arguments, "p", "o"))

    observed, initial = slopes("observe_slopes", system.observed, "y"), slopes("initial_slopes", system.initial)
    roots = slopes("root_slopes", distances(system), "y")
    assigned = slopes("assign_slopes", new_values(system), "y")
    often, sizes = _shortened(
        system, (lower_rhs(system), lower_factor(system, jacobian, plan, straight_until(plan)), *coefficients.programs)
    )
    programs = (
        *often, lower_solve(plan), observed.program, initial.program, roots.program, assigned.program
    )  # fmt: skip
    entries = {"a": coefficients.first, "q": coefficients.mixed, "f": coefficients.source}
    sweep = lower_sweep(coefficients, plan)
    text = write_tangent(programs, sweep, layout, METHODS, len(system.states), system.differential, vectors)
    sizes |= {"lu": len(plan.slot), "d": coefficients.sizes["d"], **{k: max(1, len(v)) for k, v in entries.items()}}
    tables = {
        "first": coefficients.first, "source": coefficients.source, "observed": _table(observed), "rooted": _table(roots),
        "assigned": _table(assigned), "initial": initial.by_parameter,
    }  # fmt: skip
    return _description(system, text, sizes) | tables, text


def _table(partials: Partials) -> list[tuple[int, int, int]]:
    return [(o, 0, i) for o, i in partials.by_state] + [(o, 1, i) for o, i in partials.by_parameter]


def _description(system: System, text: str, sizes: dict[str, int]) -> Description:
    conserved = conserved_sums(system).tolist()
    return {
        "functions": functions_of(text), "sizes": sizes, "states": len(system.states), "conserved": conserved
    }  # fmt: skip
