"""Conditions that change during a run: held within a step, and watched so that the step ends where one changes.

A comparison (or floor, ceil) of states in a rate is replaced by a *mode*, a hidden parameter that holds its value during a
step. A last hidden parameter, ``free``, lets a lane do without modes: where the solution slides along a switch, modes would
change without end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hepatica.compiler.graph import COMPARISONS, STEPS, Graph, Node

PERIODIC = frozenset({"sin", "cos", "tan"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is evaluated after every step.

    Parameters
    ----------
    switches
        Conditions whose values the modes hold, in the order of the modes.
    triggers
        Truth values of the events' triggers.
    times
        Times at which conditions that depend on time only change next.
    sampled
        Whether a condition depends on states, so that it may change and change back within a step.
    levels
        How far such comparisons are from their change.
    """

    switches: tuple[Node, ...] = ()
    triggers: tuple[Node, ...] = ()
    times: tuple[Node, ...] = ()
    sampled: bool = False
    levels: tuple[Node, ...] = ()

    @property
    def hidden(self) -> int:
        """Number of hidden parameters."""
        return len(self.switches) + bool(self.switches)


def periodic_functions(graph: Graph, nodes: Sequence[Node], still: frozenset[int]) -> tuple[Node, ...]:
    """Find the periodic functions of changing things on which conditions depend.

    The rates may be constant where such a condition goes through a hundred periods. A state that follows the function keeps
    steps short enough to see them.

    Parameters
    ----------
    graph
        Holds the nodes.
    nodes
        Rates and triggers.
    still
        States that only events change.
    """
    conditions = [n for n in graph.inner(nodes) if graph.nodes[n][0] in COMPARISONS | STEPS]
    found = [
        n for n in graph.inner(conditions)
        if graph.nodes[n][0] in PERIODIC and {i for kind, i in graph.leaves(n) if kind == "y"} - still
    ]  # fmt: skip
    # a tangent has no value at its poles, the sine of the same is never far from one
    smooth = [graph.call("sin", int(graph.nodes[n][1])) if graph.nodes[n][0] == "tan" else n for n in found]
    return tuple(dict.fromkeys(smooth))


def hold_conditions(
    graph: Graph, rates: list[Node], triggers: tuple[Node, ...], parameters: int
) -> tuple[list[Node], tuple[Node, ...]]:
    """Replace the conditions in rates by modes.

    Parameters
    ----------
    graph
        Holds the nodes.
    rates
        What is integrated.
    triggers
        Their conditions have modes too, so that a window of ``a < x && x < b`` is not stepped over.
    parameters
        Number of parameters; the modes follow them.

    Returns
    -------
    tuple
        The rates with modes, and the conditions that the modes hold.
    """
    inner = set(graph.inner([*rates, *triggers]))
    conditions = [
        n for n in sorted(inner)
        if graph.nodes[n][0] in COMPARISONS | STEPS and any(kind == "y" for kind, _ in graph.leaves(n))
    ]  # fmt: skip
    if not conditions:
        return rates, ()
    free = graph.make("p", parameters + len(conditions))
    modes = {n: graph.select(free, n, graph.make("p", parameters + k)) for k, n in enumerate(conditions)}
    return graph.replaced(rates, modes), tuple(conditions)


def watch_conditions(
    graph: Graph, switches: tuple[Node, ...], triggers: tuple[Node, ...], clock: int, still: frozenset[int]
) -> Watch:
    """Find when the conditions in switches and triggers change.

    Parameters
    ----------
    graph
        Holds the nodes.
    switches, triggers
        What is watched.
    clock
        The state that is time; -1 without one.
    still
        States that only events change.
    """
    inner = graph.inner([*switches, *triggers])
    found = [n for n in inner if graph.nodes[n][0] in COMPARISONS | STEPS]
    times: list[Node] = []
    levels: list[Node] = []
    sampled = False
    for node in found:
        states = {i for kind, i in graph.leaves(node) if kind == "y"} - still
        if not states:
            continue
        at = _next_change(graph, node, clock) if states == {clock} else None
        if at is not None:
            times.append(at)
            continue
        sampled = True
        name, *arguments = graph.nodes[node]
        if name in COMPARISONS:
            levels.append(graph.sub(arguments[0], arguments[1]))
    return Watch(
        switches=switches, triggers=triggers, times=tuple(dict.fromkeys(times)), sampled=sampled,
        levels=tuple(dict.fromkeys(levels)),
    )  # fmt: skip


def _next_change(graph: Graph, node: Node, clock: int) -> Node | None:
    """Give the time at which a condition that is linear in time changes; nothing when it is not linear."""
    name, *arguments = graph.nodes[node]
    now = graph.make("y", clock)
    distance = graph.sub(arguments[0], arguments[1]) if name in COMPARISONS else int(arguments[0])
    slope = graph.derivative(distance, ("y", clock))
    if ("y", clock) in graph.leaves(slope):
        return None
    if name in STEPS:
        one, rising = graph.number(1.0), graph.call("gt", slope, graph.number(0.0))
        up = graph.sub(graph.add(graph.call("floor", distance), one), distance)
        down = graph.sub(graph.sub(graph.call("ceil", distance), one), distance)
        return graph.add(now, graph.div(graph.select(rising, up, down), slope))
    return graph.sub(now, graph.div(distance, slope))
