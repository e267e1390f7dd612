"""Memory of the adjoint, and the addresses of its machine code."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Adjoint, Kernel, Tableau
from hepatica.solver.workspace import aligned_parts

Array = NDArray[np.float64]

# places in `code`
(
    REPLAY, BLEND, UNBLEND, PULL, OBSERVE_PULL, INITIAL_PULL, ROOTS_PULL, ASSIGN_PULL, FACTOR, SOLVE, RHS, RHS_PULL, PREPARE,
) = range(13)  # fmt: skip
# places in `data`, in the order of the arrays below
(
    Y, P, IH, IHG, LU, U, X, W, OM, MASK, POINT, POINT_BAR, YB, UB, XB, M, V, SP, SO, SI, SR, SA, PB, QB, BAR,
) = range(25)  # fmt: skip
PREPARED = 27  # entries of p behind the hidden ones


class AdjointArrays(NamedTuple):
    """Last axis: lane. A name that ends in b, or is ``bar``, is an adjoint.

    State, parameters, 1/h and 1/(h gamma) of a step; its factors, stages, their arguments, scratch; weights of the stages in
    a reading, which lanes have one, what is read at; adjoints of that, of y, of stages and arguments; solutions and adjoints
    of the fluxes, of each stage; adjoints of partials, observables, initial values, conditions and new values of events; of
    the parameters, twice; of the state after the step; of the time of an event, and of new values that are to be assigned.
    """

    y: Array
    p: Array
    ih: Array
    ihg: Array
    lu: Array
    u: Array
    x: Array
    w: Array
    om: Array
    mask: Array
    point: Array
    point_bar: Array
    yb: Array
    ub: Array
    xb: Array
    m: Array
    v: Array
    sp: Array
    so: Array
    si: Array
    sr: Array
    sa: Array
    pb: Array
    qb: Array
    bar: Array
    shift: Array
    news: Array


class AdjointSpace:
    """The arrays that the machine code of an adjoint reads and writes, and their addresses.

    Parameters
    ----------
    kernel, adjoint, tableau
        The model, the adjoint of its step, and the method.
    """

    def __init__(self, kernel: Kernel, adjoint: Adjoint, tableau: Tableau) -> None:
        n, s, size = len(kernel.states), tableau.stages, adjoint.sizes
        count = len(kernel.parameters) + kernel.conditions.hidden
        values = sum(len(e.states) for e in kernel.conditions.events)
        shapes: dict[str, tuple[int, ...]] = {
            "y": (n,), "p": (max(1, count + size["prepared"]),), "ih": (), "ihg": (), "lu": (size["lu"],), "u": (s, n), "x": (s, n),
            "w": (size["w"],),
            "om": (s,), "mask": (), "point": (n,), "point_bar": (n,), "yb": (n,), "ub": (s, n), "xb": (s, n), "m": (s, n),
            "v": (s, size["v"]), "sp": (size["s"],), "so": (size["so"],), "si": (size["si"],), "sr": (size["sr"],),
            "sa": (size["sa"],), "pb": (max(1, count),), "qb": (max(1, count),), "bar": (n,), "shift": (), "news": (values,),
        }  # fmt: skip
        arrays, addresses = aligned_parts([(*shape, adjoint.lanes) for shape in shapes.values()])
        self.arrays = AdjointArrays(*arrays)
        prepared = addresses[list(shapes).index("p")] + 8 * adjoint.lanes * count
        self.data = np.array([*addresses, prepared], np.int64)
        methods = [f"{kind}_{tableau.name}" for kind in ("replay", "blend", "unblend", "pull")]
        others = (
            "observe_pull", "initial_pull", "roots_pull", "assign_pull", "factor", "solve_transposed", "rhs", "rhs_pull", "prepare",
        )  # fmt: skip
        self.code = np.array([adjoint.addresses[name] for name in (*methods, *others)], np.int64)
