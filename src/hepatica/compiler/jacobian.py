"""Symbolic Jacobian, and the elimination order of its sparse LU."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from hepatica.compiler.graph import Node
from hepatica.compiler.system import System
from hepatica.errors import UnsupportedError

MAX_PARTIALS = 500_000
MAX_OPERATIONS = 2_000_000
"""Of one factorisation; 318,000 is the most that any of the public models takes whose results are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jacobian:
    """The Jacobian of ``dy/dt`` as sums of partial derivatives of fluxes.

    Parameters
    ----------
    partials
        Nodes d rate / d state that are not zero.
    entries
        ``{(row, column): ((partial, coefficient), ...)}``.
    """

    partials: tuple[Node, ...]
    entries: dict[tuple[int, int], tuple[tuple[int, float], ...]]


def build_jacobian(system: System) -> Jacobian:
    """Differentiate every flux with respect to every state it names.

    Raises
    ------
    UnsupportedError
        When there are more than 500,000 such pairs.
    """
    graph = system.graph
    pairs = sum(len(graph.leaves(rate)) for rate in system.rates)
    if pairs > MAX_PARTIALS:
        raise UnsupportedError(
            f"the rates of the model name {pairs} states and parameters together; at most {MAX_PARTIALS} can be compiled."
        )
    partials: list[Node] = []
    entries: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for rate, changes in zip(system.rates, system.stoichiometry, strict=True):
        for kind, column in sorted(graph.leaves(rate)):
            if kind != "y":
                continue
            partial = graph.derivative(rate, ("y", column))
            if graph.is_number(partial, 0.0):
                continue
            for row, coefficient in changes:
                entries.setdefault((row, column), []).append((len(partials), coefficient))
            partials.append(partial)
    return Jacobian(partials=tuple(partials), entries={k: tuple(v) for k, v in entries.items()})


SHORT, STRAIGHT = 400, 4000
"""Multiply-adds below which an elimination has no loop, and the most that are straight-line code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination:
    """LU without pivoting in a fixed order, with its fill-in known beforehand.

    Parameters
    ----------
    order
        State eliminated at each pivot.
    position
        Pivot of each state.
    lower, upper
        For each pivot row the pivot columns of L (strict) and U (strict).
    slot
        Place of each stored entry ``(row, column)``, in pivot order; the diagonal holds the inverse pivot.
    """

    order: tuple[int, ...]
    position: tuple[int, ...]
    lower: tuple[tuple[int, ...], ...]
    upper: tuple[tuple[int, ...], ...]
    slot: dict[tuple[int, int], int]


def plan_elimination(size: int, pattern: Iterable[tuple[int, int]]) -> Elimination:
    """Order the pivots by Markowitz's count on the diagonal and record the fill-in.

    Source: H. M. Markowitz, Management Science 1957;3:255-269.

    Raises
    ------
    UnsupportedError
        When the factorisation takes more than two million operations: everything depends on everything.
    """
    operations = 0
    rows = [{i} for i in range(size)]
    columns = [{i} for i in range(size)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    left, order = set(range(size)), []
    below: list[set[int]] = [set() for _ in range(size)]
    right: list[set[int]] = [set() for _ in range(size)]
    while left:
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), k))
        left.discard(pivot)
        order.append(pivot)
        right[pivot], below[pivot] = rows[pivot] - {pivot}, columns[pivot] - {pivot}
        operations += len(right[pivot]) * len(below[pivot])
        if operations > MAX_OPERATIONS:
            raise UnsupportedError(
                f"the {size} states of the model depend on each other so densely that a step takes more than "
                f"{MAX_OPERATIONS} operations, which cannot be compiled."
            )
        for i in below[pivot]:
            for j in right[pivot] - rows[i]:
                columns[j].add(i)
            rows[i] |= right[pivot]
            rows[i].discard(pivot)
        for j in right[pivot]:
            columns[j].discard(pivot)
    position = [0] * size
    for k, state in enumerate(order):
        position[state] = k
    upper = tuple(tuple(sorted(position[j] for j in right[state])) for state in order)
    lower_sets: list[list[int]] = [[] for _ in range(size)]
    for state in order:
        for i in below[state]:
            lower_sets[position[i]].append(position[state])
    lower = tuple(tuple(sorted(row)) for row in lower_sets)
    slot: dict[tuple[int, int], int] = {}
    for i in range(size):
        for j in (*lower[i], i, *upper[i]):
            slot[i, j] = len(slot)
    return Elimination(order=tuple(order), position=tuple(position), lower=lower, upper=upper, slot=slot)


def straight_until(plan: Elimination) -> int | None:
    """Give the pivot from which on a loop takes over from straight-line code; nothing where that is short.

    The first half of the multiply-adds is straight, but no more than ``STRAIGHT``: rows are short there, and a loop would be slow.
    """
    below = [0] * len(plan.order)
    for columns in plan.lower:
        for k in columns:
            below[k] += 1
    work = [rows * len(right) for rows, right in zip(below, plan.upper, strict=True)]
    most = min(sum(work) / 2, STRAIGHT)
    if sum(work) < SHORT:
        return None
    return next(k for k, done in enumerate(accumulate(work)) if done > most)
