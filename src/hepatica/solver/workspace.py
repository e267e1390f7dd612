"""Aligned memory for one thread of the solver."""

import ctypes
from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import CLOCK, Kernel, Tableau
from hepatica.solver.calls import STAGE
from hepatica.solver.events import make_watch
from hepatica.solver.past import make_memory

ALIGNMENT = 64
STAGES = 2
"""Slot of the first stage in the interleaved array."""
Array = NDArray[np.float64]


def aligned(*shape: int) -> Array:
    """Give zeros that start on a cache line."""
    size = prod(shape)
    raw = np.zeros(size + ALIGNMENT // 8)
    offset = -address_of(raw) % ALIGNMENT // 8
    return raw[offset : offset + size].reshape(shape)


def aligned_parts(shapes: Sequence[tuple[int, ...]]) -> tuple[list[Array], list[int]]:
    """Give zeros of several shapes, each on a cache line, and their addresses: one piece of memory for all."""
    line = ALIGNMENT // 8
    ends = list(accumulate(-(-prod(shape) // line) * line for shape in shapes))
    whole = aligned(ends[-1])
    starts = [0, *ends[:-1]]
    parts = [whole[first : first + prod(shape)].reshape(shape) for first, shape in zip(starts, shapes, strict=True)]
    begin = address_of(whole)
    return parts, [begin + 8 * first for first in starts]


def address_of(array: NDArray[Any]) -> int:
    """Give the address of a contiguous array, as ``array.ctypes.data`` in a third of the time; zero for an empty one."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array)) if array.size else 0


class Workspace:
    """The arrays that a kernel reads and writes, and their addresses.

    Parameters
    ----------
    kernel
        The model.
    tableau
        The method.
    rtol, atol
        Relative tolerance, and absolute tolerance in the units of the states.
    share
        Where positive, the absolute tolerance is at least this part of the largest state that a run has had.
    """

    def __init__(self, kernel: Kernel, tableau: Tableau, rtol: float, atol: float, share: float = 0.0) -> None:
        n, lanes = len(kernel.states), kernel.lanes
        self.state = aligned(n, kernel.slots, lanes)
        conditions = kernel.conditions
        size = len(kernel.parameters) + conditions.hidden
        whole = aligned(max(1, size + kernel.sizes["prepared"]), lanes)
        self.parameters, self.prepared = whole[:size], whole[size:]
        self.lu = aligned(kernel.sizes["lu"], lanes)
        self.scratch = aligned(kernel.sizes["w"], lanes)
        self.tolerance = aligned(4, lanes)  # relative, absolute, largest state of a step, share
        self.tolerance[0], self.tolerance[1], self.tolerance[3] = rtol, atol, share
        self.inverse, self.diagonal, self.error = aligned(lanes), aligned(lanes), aligned(lanes)
        self.mask, self.theta, self.drifts = aligned(lanes), aligned(lanes), aligned(lanes)
        self.point = aligned(n, lanes)
        self.observed = aligned(max(1, len(kernel.observables)), lanes)
        width = len(tableau.dense) + 2
        # the polynomials of a step, observables side by side, in whole vectors of eight
        self.rows = aligned(lanes, width, -(-len(kernel.observables) // 8) * 8 if kernel.plain else 0)
        clock = kernel.observables.index(CLOCK) if kernel.plain and CLOCK in kernel.observables else -1
        self.reading = np.array([kernel.plain, clock], np.int64)
        self.seen = aligned(max(1, conditions.seen), lanes)
        news = 2 * sum(1 + len(e.states) for e in conditions.events)
        self.news = aligned(max(1, news), lanes)
        self.past = aligned(max(1, 2 * conditions.delayed + conditions.delays), lanes)
        self.memory = make_memory(conditions, len(kernel.parameters), lanes)
        self.watch = make_watch(conditions, len(kernel.parameters), kernel.differential, n - kernel.differential, lanes)
        self.control = np.zeros(1, np.uint64)
        self.data = np.array(
            [address_of(a) for a in (
                self.state, self.parameters, self.inverse, self.diagonal, self.lu, self.scratch, self.error, self.tolerance,
                self.mask, self.theta, self.point, self.observed, self.drifts, self.control, self.seen, self.news, self.past,
                self.state, self.prepared, self.rows,
            )],
            np.int64,
        )  # fmt: skip
        self.data[STAGE] += STAGES * lanes * 8
        names = (
            f"step_{tableau.name}",
            f"dense_{tableau.name}",
            f"at_{tableau.name}",
            "commit",
            "observe",
            "pace",
            "drift",
        )
        some = "read_" if f"read_at_{tableau.name}" in kernel.addresses else ""
        functions = (
            *names, "initial", "flush_denormals", "restore_control", "watch", "happen", "remember", "rhs", "factor", "solve",
            "prepare", f"{some}dense_{tableau.name}", f"{some}at_{tableau.name}",
            f"unpack_{tableau.name}", f"row_{tableau.name}",
        )  # fmt: skip
        # where observables are not states, they have no rows
        self.code = np.array([kernel.addresses.get(name, 0) for name in functions], np.int64)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays that the control loop itself touches."""
        return (
            self.state, self.parameters, self.inverse, self.diagonal, self.error, self.mask, self.theta, self.point,
            self.observed, self.drifts, self.seen, self.news, self.past, self.tolerance, self.rows,
            self.reading,
        )  # fmt: skip
