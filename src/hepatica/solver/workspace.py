"""Aligned memory for one thread of the solver."""

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Kernel, Tableau

ALIGNMENT = 64
Array = NDArray[np.float64]


def aligned(*shape: int) -> Array:
    """Give zeros that start on a cache line."""
    size = int(np.prod(shape)) * 8
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    offset = -raw.ctypes.data % ALIGNMENT
    return raw[offset : offset + size].view(np.float64).reshape(shape)


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
    """

    def __init__(self, kernel: Kernel, tableau: Tableau, rtol: float, atol: float) -> None:
        n, lanes = len(kernel.states), kernel.lanes
        self.state = aligned(n, kernel.slots, lanes)
        self.parameters = aligned(max(1, len(kernel.parameters)), lanes)[: len(kernel.parameters)]
        self.lu = aligned(kernel.sizes["lu"], lanes)
        self.scratch = aligned(kernel.sizes["w"], lanes)
        self.tolerance = aligned(2, lanes)
        self.tolerance[0], self.tolerance[1] = rtol, atol
        self.inverse, self.diagonal, self.error = aligned(lanes), aligned(lanes), aligned(lanes)
        self.mask, self.theta, self.drifts = aligned(lanes), aligned(lanes), aligned(lanes)
        self.point = aligned(n, lanes)
        self.observed = aligned(max(1, len(kernel.observables)), lanes)
        self.control = np.zeros(2, np.uint32)
        self.data = np.array(
            [a.ctypes.data for a in (
                self.state, self.parameters, self.inverse, self.diagonal, self.lu, self.scratch, self.error, self.tolerance,
                self.mask, self.theta, self.point, self.observed, self.drifts, self.control,
            )],
            np.int64,
        )  # fmt: skip
        names = (
            f"step_{tableau.name}",
            f"dense_{tableau.name}",
            f"at_{tableau.name}",
            "commit",
            "observe",
            "pace",
            "drift",
        )
        functions = (*names, "initial", "get_control", "set_control")
        self.code = np.array([kernel.addresses[name] for name in functions], np.int64)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that the control loop itself touches."""
        return (
            self.state, self.parameters, self.inverse, self.diagonal, self.error, self.mask, self.theta, self.point,
            self.observed, self.drifts,
        )  # fmt: skip
