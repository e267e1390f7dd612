"""Forward differentiation: the sparse coefficients of the tangent of a step, and the programs that compute and apply them.

With U the stages of a step from y and Y their arguments, the tangent of stage i in a direction (dy, dp) solves
``W dU_i = A_i dY_i + Q_i dy + F_i dp + sum_j (c_ij / h) dU_j`` with ``A_i = J(Y_i)``, ``Q_i = (d/dy) J(y) U_i`` and
``F_i = f_p(Y_i) + (d/dp) J(y) U_i``. The coefficients are shared by all directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hepatica.compiler.graph import Graph, Node
from hepatica.compiler.jacobian import Elimination, Jacobian
from hepatica.compiler.lower import Lowering, Program, accumulate, lower_outputs
from hepatica.compiler.reverse import partial_places
from hepatica.compiler.system import System

Place = tuple[int, int]
Terms = dict[Place, list[tuple[int, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Programs ``second`` and ``slopes``, and the places of what they compute.

    Parameters
    ----------
    programs
        ``second (y, p, o, w)``: second derivatives of the fluxes at y; ``slopes (y, u, d, p, a, q, f, w)``: A, Q and F of
        a stage with argument y and stage u from the second derivatives d.
    first, mixed
        Places (row, column) of the entries of A and of Q.
    source
        Places (column in ``parameters``, row) of the entries of F, by column.
    sizes
        Lengths of ``d`` and ``w``.
    """

    programs: tuple[Program, Program]
    first: tuple[Place, ...]
    mixed: tuple[Place, ...]
    source: tuple[Place, ...]
    sizes: Mapping[str, int]


def lower_coefficients(system: System, jacobian: Jacobian, parameters: Sequence[int]) -> Coefficients:
    """Differentiate the fluxes twice and write the programs of the coefficients."""
    places = partial_places(system, jacobian)
    second: dict[Node, int] = {}
    contracted = _second_by_state(system, jacobian, places, second)
    sources = _by_parameter(system, jacobian, places, parameters, second)

    program = Program("slopes", ("y", "u", "d", "p", "a", "q", "f", "w"))
    lowering = Lowering(system.graph, program)
    scratch = 0
    first: Terms = {}
    for (rate, column), partial in zip(places, jacobian.partials, strict=True):
        program.emit("store", "w", scratch, lowering.value(partial))
        _spread(system, rate, column, scratch, first)
        scratch += 1
    mixed: Terms = {}
    for (rate, column), products in contracted.items():
        program.emit("store", "w", scratch, _products(program, None, products))
        _spread(system, rate, column, scratch, mixed)
        scratch += 1
    source: Terms = {}
    for (rate, column), (node, products) in sources.items():
        base = None if system.graph.is_number(node, 0.0) else lowering.value(node)
        program.emit("store", "w", scratch, _products(program, base, products))
        _spread(system, rate, column, scratch, source)
        scratch += 1
    by_column = {(column, row): terms for (row, column), terms in source.items()}
    for array, table in (("a", first), ("q", mixed), ("f", by_column)):
        for slot, place in enumerate(sorted(table)):
            program.emit("store", array, slot, accumulate(program, None, table[place]))
    return Coefficients(
        programs=(lower_outputs("second", system.graph, list(second), ("y", "p", "o", "w")), program),
        first=tuple(sorted(first)), mixed=tuple(sorted(mixed)), source=tuple(sorted(by_column)),
        sizes={"d": max(1, len(second)), "w": max(1, scratch)},
    )  # fmt: skip


Products = list[tuple[int, int]]  # (second derivative, state whose stage multiplies it)


def _second_by_state(
    system: System, jacobian: Jacobian, places: Sequence[Place], second: dict[Node, int]
) -> dict[Place, Products]:
    """For each flux and state l the products ``d2 flux / dy_j dy_l * u_j``."""
    graph = system.graph
    found: dict[Place, Products] = {}
    for (rate, j), partial in zip(places, jacobian.partials, strict=True):
        for kind, column in sorted(graph.leaves(partial)):
            if kind != "y" or column < j:  # symmetric: each pair once
                continue
            node = graph.derivative(partial, ("y", column))
            if graph.is_number(node, 0.0):
                continue
            slot = second.setdefault(node, len(second))
            found.setdefault((rate, column), []).append((slot, j))
            if column != j:
                found.setdefault((rate, j), []).append((slot, column))
    return found


def _by_parameter(
    system: System, jacobian: Jacobian, places: Sequence[Place], parameters: Sequence[int], second: dict[Node, int]
) -> dict[Place, tuple[Node, Products]]:
    """For each flux and parameter the node ``d flux / dp`` and the products ``d2 flux / dy_j dp * u_j``."""
    graph = system.graph
    partials: dict[int, list[tuple[int, Node]]] = {}
    for (rate, j), partial in zip(places, jacobian.partials, strict=True):
        partials.setdefault(rate, []).append((j, partial))
    found: dict[Place, tuple[Node, Products]] = {}
    columns = {k: c for c, k in enumerate(parameters)}
    for rate, node in enumerate(system.rates):
        for kind, k in sorted(graph.leaves(node)):
            if kind != "p" or k not in columns:
                continue
            products: Products = []
            for j, partial in partials.get(rate, ()):
                mixed = graph.derivative(partial, ("p", k))
                if not graph.is_number(mixed, 0.0):
                    products.append((second.setdefault(mixed, len(second)), j))
            by_parameter = graph.derivative(node, ("p", k))
            if products or not graph.is_number(by_parameter, 0.0):
                found[rate, columns[k]] = (by_parameter, products)
    return found


def _products(program: Program, base: int | None, products: Products) -> int | None:
    for slot, state in products:
        d, u = program.emit("load", "d", slot), program.emit("load", "u", state)
        base = program.emit("*", d, u) if base is None else program.emit("fma", d, u, base)
    return base


def _spread(system: System, rate: int, column: int, slot: int, table: Terms) -> None:
    for row, coefficient in system.stoichiometry[rate]:
        table.setdefault((row, column), []).append((slot, coefficient))


def lower_sweep(coefficients: Coefficients, plan: Elimination) -> Program:
    """``b`` = solution of ``W x = b + A x_ + Q z``, in place, with ``x_`` the tangent of the argument and z that of y.

    ``a``, ``q`` and ``lu`` are numbers shared by all directions; ``x``, ``z`` and ``b`` hold all directions.
    """
    program = Program("sweep", ("a", "q", "lu", "x", "z", "b"))
    rows: dict[int, list[tuple[str, int, str, int]]] = {}
    for array, vector, places in (("a", "x", coefficients.first), ("q", "z", coefficients.mixed)):
        for slot, (row, column) in enumerate(places):
            rows.setdefault(row, []).append((array, slot, vector, column))

    def minus_products(x: int, i: int, columns: Sequence[int]) -> int:
        for k in columns:
            factor = program.emit("neg", program.emit("load", "lu", plan.slot[i, k]))
            x = program.emit("fma", factor, program.emit("load", "b", plan.order[k]), x)
        return x

    for i, state in enumerate(plan.order):
        x = program.emit("load", "b", state)
        for array, slot, vector, column in rows.get(state, ()):
            x = program.emit("fma", program.emit("load", array, slot), program.emit("load", vector, column), x)
        program.emit("store", "b", state, minus_products(x, i, plan.lower[i]))
    for i in reversed(range(len(plan.order))):
        state = plan.order[i]
        x = minus_products(program.emit("load", "b", state), i, plan.upper[i])
        program.emit("store", "b", state, program.emit("*", x, program.emit("load", "lu", plan.slot[i, i])))
    return program


@dataclass(frozen=True, slots=True, kw_only=True)
class Partials:
    """First derivatives of some outputs: a program that computes them, and their places.

    Parameters
    ----------
    program
        Writes all entries into ``o``.
    by_state
        Places (output, state), the first entries.
    by_parameter
        Places (output, column in the parameters), the others.
    """

    program: Program
    by_state: tuple[Place, ...]
    by_parameter: tuple[Place, ...]


def lower_partials(
    name: str, graph: Graph, outputs: Sequence[Node], parameters: Sequence[int], arguments: tuple[str, ...]
) -> Partials:
    """Differentiate outputs by every state and by the given parameters."""
    columns = {k: c for c, k in enumerate(parameters)}
    tables: dict[str, dict[Place, Node]] = {"y": {}, "p": {}}
    for output, node in enumerate(outputs):
        for kind, index in sorted(graph.leaves(node)):
            if kind == "p" and index not in columns:
                continue
            derivative = graph.derivative(node, (kind, index))
            if not graph.is_number(derivative, 0.0):
                tables[kind][output, columns[index] if kind == "p" else index] = derivative
    nodes = [*tables["y"].values(), *tables["p"].values()]
    return Partials(
        program=lower_outputs(name, graph, nodes, arguments),
        by_state=tuple(tables["y"]),
        by_parameter=tuple(tables["p"]),
    )
