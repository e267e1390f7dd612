"""Machine code of the tangent and of the adjoint of a step, made only when derivatives are asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import cache as disk
from hepatica.compiler.compile import METHODS, key_of, link
from hepatica.compiler.forward import Partials, lower_coefficients, lower_partials, lower_sweep
from hepatica.compiler.graph import COMPARISONS, Node
from hepatica.compiler.jacobian import build_jacobian, plan_elimination
from hepatica.compiler.kernel import Adjoint, Tangent
from hepatica.compiler.lower import Program, lower_factor, lower_rhs, lower_solve
from hepatica.compiler.processor import assemble, this_processor
from hepatica.compiler.reverse import (
    lower_outer,
    lower_partials_pull,
    lower_pull,
    lower_rhs_pull,
    lower_solve_transposed,
)
from hepatica.compiler.system import System, build_system
from hepatica.compiler.targets.llvm_derivatives import write_adjoint, write_tangent
from hepatica.compiler.targets.llvm_layout import layout_for
from hepatica.errors import UnsupportedError
from hepatica.model import Model

Description = dict[str, Any]
MOST_VECTORS = 4
NO_CHANGE = 1e-11  # relative size of a squared stoichiometric number that is none


def compile_adjoint(
    model: Model, observables: Sequence[str] | None = None, *, lanes: int | None = None, cached: bool = True
) -> Adjoint:
    """Compile the adjoint of a step for all parameters.

    Parameters
    ----------
    model, observables, lanes, cached
        As for :func:`~hepatica.compiler.compile.compile_model`.
    """
    wanted = None if observables is None else tuple(dict.fromkeys(observables))
    processor = this_processor()
    width = lanes or processor.lanes
    key = key_of(model, wanted, width, processor, "adjoint")
    description, code = _found(key, lambda: _generate_adjoint(model, wanted, width), cached=cached)
    addresses, keep = link(key, code, processor, description["functions"])
    return Adjoint(
        lanes=width, sizes=description["sizes"], conserved=_matrix(description), addresses=addresses, keep=keep
    )


def compile_tangent(
    model: Model, parameters: Sequence[int], directions: int, observables: Sequence[str] | None = None, *,
    lanes: int | None = None, cached: bool = True,
) -> Tangent:  # fmt: skip
    """Compile the tangent of a step.

    Parameters
    ----------
    model, observables, lanes, cached
        As for :func:`~hepatica.compiler.compile.compile_model`.
    parameters
        Places in p of the parameters that some direction changes.
    directions
        How many directions will be followed; sets how many are worked on together.
    """
    wanted = None if observables is None else tuple(dict.fromkeys(observables))
    processor = this_processor()
    width = lanes or processor.lanes
    vectors = max(1, min(MOST_VECTORS, -(-directions // width)))
    columns = tuple(sorted(set(parameters)))
    key = key_of(model, wanted, width, processor, "tangent", columns, vectors)
    description, code = _found(key, lambda: _generate_tangent(model, wanted, width, columns, vectors), cached=cached)
    addresses, keep = link(key, code, processor, description["functions"])
    tables = {
        name: np.array(description[name], np.int64).reshape(-1, columns_of_table)
        for name, columns_of_table in (
            ("first", 2),
            ("source", 2),
            ("observed", 3),
            ("initial", 2),
            ("rooted", 3),
            ("assigned", 3),
        )
    }
    return Tangent(
        parameters=columns, lanes=width, width=vectors, sizes=description["sizes"], conserved=_matrix(description),
        addresses=addresses, keep=keep, **tables,
    )  # fmt: skip


def _matrix(description: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.array(description["conserved"], float).reshape(-1, description["states"])


def conserved_sums(system: System) -> NDArray[np.float64]:
    """Give an orthonormal basis of the sums of states that no flux changes, shape (sum, state)."""
    matrix = np.zeros((len(system.states), len(system.rates)))
    for k, changes in enumerate(system.stoichiometry):
        for row, coefficient in changes:
            matrix[row, k] += coefficient
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    return np.ascontiguousarray(vectors[:, values <= NO_CHANGE * max(1.0, float(values[-1]))].T)


def _found(
    key: str, generate: Callable[[], tuple[Description, bytes]], *, cached: bool
) -> tuple[Mapping[str, Any], bytes]:
    found = disk.load(key) if cached else None
    if found is None:
        found = generate()
        if cached:
            disk.store(key, *found)
    return found


def _table(partials: Partials) -> list[tuple[int, int, int]]:
    return [(o, 0, i) for o, i in partials.by_state] + [(o, 1, i) for o, i in partials.by_parameter]


def _pull(name: str, system: System, outputs: Sequence[Node]) -> tuple[Program, int]:
    return lower_pull(
        name, system.graph, outputs, arguments=("y", "p", "s", "yb", "pb"), bars={"y": "yb", "p": "pb"},
        stored={"yb": len(system.states)},
    )  # fmt: skip


def distances(system: System) -> tuple[Node, ...]:
    """Give for each condition that is held within a step a quantity that passes a level where the condition changes."""
    graph = system.graph
    nodes = [(str(graph.nodes[n][0]), [int(c) for c in graph.nodes[n][1:]]) for n in system.watch.switches]
    return tuple(graph.sub(*a) if name in COMPARISONS else a[0] for name, a in nodes)


def new_values(system: System) -> tuple[Node, ...]:
    """Give the new values that events give to states, event by event."""
    return tuple(node for event in system.happenings for _, node, _ in event.assignments)


def _system(model: Model, observables: tuple[str, ...] | None) -> System:
    system = build_system(model, observables)
    algebraic = system.differential < len(system.states)
    late = any(not system.graph.is_number(e.delay, 0.0) for e in system.happenings)
    both = algebraic and bool(system.happenings or system.watch.switches)
    resized = any(not system.graph.is_number(f, 1.0) for e in system.happenings for _, _, f in e.assignments)
    reasons = {
        "delays": system.past, "fast reactions": system.fast, "delayed events": late,
        "algebraic rules beside events or conditions": both, "events that set what a changing compartment holds": resized,
    }  # fmt: skip
    for what, has in reasons.items():
        if has:
            raise UnsupportedError(
                f"model '{model.id}' has {what}; hepatica can simulate it, but not differentiate it."
            )
    return system


def _generate_adjoint(model: Model, observables: tuple[str, ...] | None, lanes: int) -> tuple[Description, bytes]:
    system = _system(model, observables)
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    graph = system.graph
    rhs_pull, fluxes = lower_rhs_pull(system)
    partials_pull, partials = lower_partials_pull(system, jacobian)
    observe_pull, observed = _pull("observe_pull", system, system.observed)
    roots_pull, roots = _pull("roots_pull", system, distances(system))
    assign_pull, assigned = _pull("assign_pull", system, new_values(system))
    initial_pull, initial = lower_pull(
        "initial_pull", graph, system.initial, arguments=("p", "s", "pb"), bars={"p": "pb"}
    )
    programs = (
        lower_rhs(system), lower_factor(system, jacobian, plan), lower_solve(plan), lower_solve_transposed(plan),
        rhs_pull, partials_pull, observe_pull, initial_pull, roots_pull, assign_pull,
        *(lower_outer(system, jacobian, t, fluxes) for t in METHODS),
    )  # fmt: skip
    text = write_adjoint(
        programs,
        layout_for(lanes, METHODS, this_processor().kind),
        METHODS,
        len(system.states),
        system.differential,
        fluxes,
    )
    methods = [f"{kind}_{t.name}" for t in METHODS for kind in ("replay", "blend", "unblend", "pull")]
    description = {
        "functions": [
            "rhs", "factor", "solve_transposed", "rhs_pull", "observe_pull", "initial_pull", "roots_pull", "assign_pull", *methods,
        ],
        "sizes": {
            "lu": len(plan.slot), "w": max(1, len(system.rates), len(jacobian.partials)), "v": fluxes, "s": partials,
            "so": observed, "si": initial, "sr": roots, "sa": assigned,
        },
        "states": len(system.states), "conserved": conserved_sums(system).tolist(),
    }  # fmt: skip
    return description, assemble(text, this_processor())


def _generate_tangent(
    model: Model, observables: tuple[str, ...] | None, lanes: int, parameters: tuple[int, ...], vectors: int
) -> tuple[Description, bytes]:
    system = _system(model, observables)
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    graph = system.graph
    coefficients = lower_coefficients(system, jacobian, parameters)
    observed = lower_partials("observe_slopes", graph, system.observed, parameters, ("y", "p", "o"))
    initial = lower_partials("initial_slopes", graph, system.initial, parameters, ("p", "o"))
    roots = lower_partials("root_slopes", graph, distances(system), parameters, ("y", "p", "o"))
    assigned = lower_partials("assign_slopes", graph, new_values(system), parameters, ("y", "p", "o"))
    programs = (
        lower_rhs(system), lower_factor(system, jacobian, plan), lower_solve(plan), *coefficients.programs,
        observed.program, initial.program, roots.program, assigned.program,
    )  # fmt: skip
    entries = {"a": len(coefficients.first), "q": len(coefficients.mixed), "f": len(coefficients.source)}
    text = write_tangent(
        programs,
        lower_sweep(coefficients, plan),
        layout_for(lanes, METHODS, this_processor().kind),
        METHODS,
        len(system.states),
        system.differential,
        vectors,
    )
    kinds = ("replay", "blend", "tangent_blend")
    methods = [f"{k}_{t.name}" for t in METHODS for k in (*kinds, *(f"combine{i}" for i in range(t.stages)))]
    description = {
        "functions": [
            "rhs", "factor", "second", "slopes", "sweep", "observe_slopes", "initial_slopes", "root_slopes", "assign_slopes", *methods,
        ],
        "sizes": {
            "lu": len(plan.slot), "w": max(1, len(system.rates), len(jacobian.partials), coefficients.sizes["w"]),
            "d": coefficients.sizes["d"], **{k: max(1, v) for k, v in entries.items()},
        },
        "first": coefficients.first, "source": coefficients.source, "observed": _table(observed), "rooted": _table(roots),
        "assigned": _table(assigned), "initial": initial.by_parameter,
        "states": len(system.states), "conserved": conserved_sums(system).tolist(),
    }  # fmt: skip
    return description, assemble(text, this_processor())
